//! Demand on services: targets, replayed series, and a trial compilation that finds what is out of range.

use super::Lowering;
use crate::cluster::WorkloadId;
use crate::load::service::RequestCost;
use crate::load::{SignalContext, SignalSpec};
use crate::scenario::spec::{LoadSpec, ScenarioSpec};
use crate::scenario::{Demand, ServiceLoad, WorkloadKind};
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
                self.scenario.loads.push(ServiceLoad {
                    target,
                    demand,
                    signal,
                    entity,
                    queue: load.queue,
                    request_sizes,
                });
                self.check_serving(load, target, demand, &path);
            }
        }
    }

    fn demand(&mut self, load: &LoadSpec, path: &str) -> Option<(Demand, SignalSpec)> {
        let (field, signal, demand) = match (&load.cpu, &load.requests, load.per_request) {
            (Some(signal), None, None) => ("cpu", signal, Demand::Cpu),
            (None, Some(signal), Some(cost)) => ("requests", signal, Demand::Requests(cost)),
            (None, Some(_), None) => {
                self.error(&format!("{path}.requests"), "requests need `perRequest`").hint =
                    Some("say what one request takes: perRequest: {cpu: 50ms} or {gpu: 2s}".to_owned());
                return None;
            }
            (Some(_), None, Some(_)) => {
                self.error(&format!("{path}.perRequest"), "`perRequest` belongs to `requests`, not to `cpu`");
                return None;
            }
            _ => {
                self.error(path, "a load has `cpu` or `requests`, and not both").hint =
                    Some("cpu: cores of work; requests: requests per second".to_owned());
                return None;
            }
        };
        let signal = self.signal(signal.clone(), &format!("{path}.{field}"), &load.target.to_string())?;
        Some((demand, signal))
    }

    /// Reads a replayed series where one is named, and compiles the signal once to find its mistakes.
    pub(super) fn signal(&mut self, mut signal: SignalSpec, path: &str, target: &str) -> Option<SignalSpec> {
        if let Some(replay) = signal.missing_series() {
            let column = replay.column.clone().unwrap_or_default();
            let time = replay.time_column.clone().unwrap_or_else(|| DEFAULT_TIME_COLUMN.to_owned());
            let file = replay.file.clone().unwrap_or_default();
            match self.tables.series(&file, &time, &column) {
                Ok(points) => replay.set_series(points.to_vec()),
                Err(refused) => {
                    self.refuse_table(&refused.error, &format!("{path}.replay.file"));
                    return None;
                }
            }
        }
        let context = SignalContext {
            seed: self.scenario.seed,
            entity: entity_of_name(target),
            start: self.scenario.wall_clock(),
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
            "`requestSizes` belong to `requests`, not to `cpu`".to_owned()
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
