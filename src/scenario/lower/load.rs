//! Demand on services: targets, replayed series, and a trial compilation that finds what is out of range.

use std::sync::Arc;

use super::Lowering;
use crate::cluster::WorkloadId;
use crate::load::each_request::Request;
use crate::load::service::RequestCost;
use crate::load::{SignalContext, SignalSpec};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::spec::{LoadSpec, RequestLogSpec, ScenarioSpec};
use crate::scenario::{Demand, ServiceLoad, WorkloadKind};
use crate::units::SimTime;
use crate::units::random::entity_of_name;

const DEFAULT_TIME_COLUMN: &str = "time_s";

/// Of [`LoadSpec::request_sizes`].
const MOST_SIZES: usize = 1_000;

impl Lowering<'_> {
    pub(super) fn loads(&mut self, spec: &ScenarioSpec) {
        for (index, load) in spec.load.iter().enumerate() {
            let path = format!("load[{index}]");
            if spec.load[..index].iter().any(|other| other.target == load.target) {
                let hint = "add the patterns up in one entry: bases of one signal are summed";
                self.error(&format!("{path}.target"), format!("{} has a load already", load.target)).hint =
                    Some(hint.to_owned());
                continue;
            }
            let target = self.replicated_target(&load.target, &path);
            let demand = self.demand(load, &path);
            if let (Some(target), Some((demand, signal))) = (target, demand) {
                let entity = entity_of_name(&load.target.to_string());
                let request_sizes = self.request_sizes(load, &path);
                let log = load.request_log.as_ref().and_then(|log| self.request_log(log, &path));
                self.check_each_request(load, &path);
                self.scenario.loads.push(ServiceLoad {
                    target,
                    demand,
                    signal,
                    log,
                    each_request: load.each_request,
                    entity,
                    queue: load.queue,
                    request_sizes,
                });
                self.check_serving(load, target, demand, &path);
            }
        }
    }

    fn demand(&mut self, load: &LoadSpec, path: &str) -> Option<(Demand, Option<SignalSpec>)> {
        if let (None, None, Some(_)) = (&load.cpu, &load.requests, &load.request_log) {
            let Some(cost) = load.per_request else { return self.lacks_cost(path, "requestLog") };
            return Some((Demand::Requests(cost), None));
        }
        let (field, signal, demand) = match (&load.cpu, &load.requests, load.per_request) {
            _ if load.request_log.is_some() => {
                self.error(&format!("{path}.requestLog"), "a load has one of `cpu`, `requests` and `requestLog`");
                return None;
            }
            (Some(signal), None, None) => ("cpu", signal, Demand::Cpu),
            (None, Some(signal), Some(cost)) => ("requests", signal, Demand::Requests(cost)),
            (None, Some(_), None) => return self.lacks_cost(path, "requests"),
            (Some(_), None, Some(_)) => {
                self.error(&format!("{path}.perRequest"), "`perRequest` belongs to `requests`, not to `cpu`");
                return None;
            }
            _ => {
                self.error(path, "a load has `cpu` or `requests`, and not both").hint =
                    Some("cpu: cores of work; requests: requests per second; requestLog: single requests".to_owned());
                return None;
            }
        };
        let signal = self.signal(signal.clone(), &format!("{path}.{field}"), &load.target.to_string())?;
        Some((demand, Some(signal)))
    }

    fn lacks_cost<T>(&mut self, path: &str, field: &str) -> Option<T> {
        self.error(&format!("{path}.{field}"), "requests need `perRequest`").hint =
            Some("say what one request takes: perRequest: {cpu: 50ms} or {gpu: 2s}".to_owned());
        None
    }

    /// The requests of the log that come within the scenario, in proportion to one that takes what `perRequest` says.
    fn request_log(&mut self, log: &RequestLogSpec, path: &str) -> Option<Arc<[Request]>> {
        let path = format!("{path}.requestLog");
        let speedup = log.speedup.unwrap_or(1.0);
        for (field, number) in [("speedup", Some(speedup)), ("perRequestSize", log.per_request_size)] {
            if number.is_some_and(|number| !(number.is_finite() && number > 0.0)) {
                self.error(&format!("{path}.{field}"), "must be a number above 0");
                return None;
            }
        }
        if let Some((column, weight)) = log.size.iter().find(|(_, weight)| !(weight.is_finite() && **weight >= 0.0)) {
            self.error(&format!("{path}.size.{column}"), format!("{weight} must be a number of zero or more"));
            return None;
        }
        let time = log.time_column.as_deref().unwrap_or(DEFAULT_TIME_COLUMN);
        let rows = match self.tables.requests(&log.file, time, &log.size, &log.only) {
            Ok(listed) => listed,
            Err(refused) => {
                self.refuse_table(&refused.error, &format!("{path}.file"));
                return None;
            }
        };
        self.tell_notes(&rows.notes, &format!("{path}.file"));
        let rows = &rows.rows;
        let mean = rows.iter().map(|row| row.size).sum::<f64>() / rows.len() as f64;
        let one = log.per_request_size.unwrap_or(mean);
        if one <= 0.0 || !mean.is_finite() {
            self.error(&format!("{path}.size"), "all requests of the log are of size 0");
            return None;
        }
        let end = SimTime::ZERO + self.scenario.duration;
        let requests: Vec<Request> = rows
            .iter()
            .map(|row| {
                let nanos = (row.at as f64 / speedup) as i64;
                let nanos = if speedup == 1.0 { row.at } else { nanos };
                Request { at: SimTime::from_nanos(nanos.saturating_sub(log.offset.nanos())), size: row.size / one }
            })
            .filter(|request| request.at >= SimTime::ZERO && request.at < end)
            .collect();
        if requests.is_empty() {
            let message = format!("none of the {} requests of {} comes within the scenario", rows.len(), log.file);
            let place = self.at(&format!("{path}.file"));
            self.diagnostics.push(Diagnostic::warning(place, message));
        }
        Some(requests.into())
    }

    /// What belongs to requests that are drawn says nothing of those that are read.
    fn check_each_request(&mut self, load: &LoadSpec, path: &str) {
        if load.each_request && load.requests.is_none() {
            let message = if load.cpu.is_some() {
                "`eachRequest` belongs to `requests`, not to `cpu`"
            } else {
                "the requests of a `requestLog` are served one by one as it is"
            };
            self.error(&format!("{path}.eachRequest"), message);
        }
        if load.request_log.is_some() && load.per_request.is_some_and(|cost| cost.variation > 0.0) {
            let hint = "its `size` says how requests differ";
            self.error(&format!("{path}.perRequest.variation"), "the log has the sizes of its requests").hint =
                Some(hint.to_owned());
        }
    }

    /// Reads a replayed series where one is named, and compiles the signal once to find its mistakes.
    pub(super) fn signal(&mut self, mut signal: SignalSpec, path: &str, target: &str) -> Option<SignalSpec> {
        if let Some(replay) = signal.missing_series() {
            let column = replay.column.clone().unwrap_or_default();
            let time = replay.time_column.clone().unwrap_or_else(|| DEFAULT_TIME_COLUMN.to_owned());
            let file = replay.file.clone().unwrap_or_default();
            match self.tables.series(&file, &time, &column) {
                Ok(listed) => {
                    replay.set_series(listed.rows.clone());
                    self.tell_notes(&listed.notes, &format!("{path}.replay.file"));
                }
                Err(refused) => {
                    self.refuse_table(&refused.error, &format!("{path}.replay.file"));
                    return None;
                }
            }
        }
        let context = SignalContext {
            seed: self.scenario.seed,
            entity: entity_of_name(target),
            start: self.scenario.wall_clock,
            horizon: self.scenario.duration,
        };
        match signal.compile(&context) {
            Ok(_) => Some(signal),
            Err(error) => {
                let path = if error.field.is_empty() { path.to_owned() } else { format!("{path}.{}", error.field) };
                self.error(&path, error.problem);
                None
            }
        }
    }

    /// Pods that no request or no core of work can occupy make a load without meaning.
    fn check_serving(&mut self, load: &LoadSpec, target: WorkloadId, demand: Demand, path: &str) {
        let WorkloadKind::Replicated { spec, .. } = &self.scenario.workloads[target.index()].kind else { return };
        let pod = self.scenario.specs.pod(*spec);
        let Demand::Requests(cost) = demand else { return };
        let has_gpu = self.scenario.specs.whole_gpus(pod) > 0 || pod.gpu_share.is_some();
        if cost.gpu > crate::units::SimDuration::ZERO && !has_gpu {
            let message = format!("one request takes {} of a GPU, but the pods of {} have none", cost.gpu, load.target);
            self.error(&format!("{path}.perRequest.gpu"), message).hint =
                Some("add nvidia.com/gpu to the pods' limits".to_owned());
        }
        self.check_cost(&cost, path);
        if cost.cpu == cost.gpu && cost.cpu == crate::units::SimDuration::ZERO {
            self.error(&format!("{path}.perRequest"), "one request takes neither CPU nor GPU time");
        }
    }

    /// In proportion to their mean.
    fn request_sizes(&mut self, load: &LoadSpec, path: &str) -> std::sync::Arc<[f64]> {
        let (sizes, path) = (&load.request_sizes, format!("{path}.requestSizes"));
        let mean = sizes.iter().sum::<f64>() / sizes.len().max(1) as f64;
        let is_size = |size: &f64| size.is_finite() && *size >= 0.0;
        let mistake = if sizes.is_empty() {
            return Vec::new().into();
        } else if load.requests.is_none() {
            "`requestSizes` belong to `requests`, not to `cpu` or `requestLog`".to_owned()
        } else if load.per_request.is_some_and(|cost| cost.variation > 0.0) {
            "either `requestSizes` or `perRequest.variation` says how requests differ".to_owned()
        } else if sizes.len() > MOST_SIZES {
            format!("{} sizes are more than {MOST_SIZES}; give quantiles", sizes.len())
        } else if !sizes.iter().all(is_size) || !mean.is_finite() || mean <= 0.0 {
            "sizes must be numbers of zero or more, and not all zero".to_owned()
        } else {
            return sizes.iter().map(|size| size / mean).collect();
        };
        self.error(&path, mistake);
        Vec::new().into()
    }

    fn check_cost(&mut self, cost: &RequestCost, path: &str) {
        let counts = [
            ("concurrency", cost.concurrency, RequestCost::MOST_CONCURRENT),
            ("cores", cost.cores, RequestCost::MOST_CORES),
            ("gpus", cost.gpus, RequestCost::MOST_CORES),
        ];
        for (field, count, most) in counts {
            if !(1..=most).contains(&count) {
                self.error(&format!("{path}.perRequest.{field}"), format!("{count} is not within 1 and {most}"));
            }
        }
        if !(0.0..=RequestCost::MOST_VARIATION).contains(&cost.variation) {
            let message = format!("{} is not within 0 and {}", cost.variation, RequestCost::MOST_VARIATION);
            self.error(&format!("{path}.perRequest.variation"), message).hint = Some(
                "the coefficient of variation of a request's time: 0 where all are alike, 1 for exponential".to_owned(),
            );
        }
    }
}
