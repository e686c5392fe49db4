//! The observer that keeps a run: samples as fixed-size rows and flat columns, decisions as one text arena.
//!
//! Its memory is about 400 bytes a sample (and 20 to 64 a node group, workload or service), and a decision's own text.

use std::sync::Arc;

use super::hpas::{HpaLimits, HpaMetricRow, HpaRow};
use crate::scenario::Scenario;
use crate::sim::{
    Controller, CountExtents, DecisionRecord, Extent, HpaMetricSample, Integrals, Observer, PodCounts, Sample,
    TrainingCounts, Usage,
};
use crate::units::{SimTime, Usd, UsdPerHour};

/// Nanoseconds in an hour.
const HOUR: f64 = 3.6e12;

/// Watches one run and keeps what the writers and plots need of it.
#[derive(Debug, Default)]
pub struct Recorder {
    start: Option<i64>,
    node_groups: Vec<Arc<str>>,
    workloads: Vec<Arc<str>>,
    services: Vec<Arc<str>>,
    rows: Vec<SampleRow>,
    /// Row after row, one entry a node group.
    nodes_by_group: Vec<u32>,
    group_extents: Vec<Extent>,
    /// Row after row, one entry a replicated workload.
    replicas: Vec<Replicas>,
    /// Row after row, one entry a service.
    service_values: Vec<ServiceValues>,
    /// Row after row, one entry a metric of an HPA.
    hpa_metrics: Vec<HpaMetricSample>,
    hpa_metric_count: usize,
    hpas: Vec<HpaLimits>,
    /// Of each HPA, its workload among `workloads`.
    hpa_workloads: Vec<Option<usize>>,
    trains: bool,
    decisions: DecisionLog,
    verbose_decisions: bool,
}

/// The cluster at one instant, without what varies in number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SampleRow {
    pub at: SimTime,
    pub nodes: u32,
    pub nodes_ready: u32,
    pub nodes_upcoming: u32,
    pub pods: PodCounts,
    /// Zero where the scenario trains nothing.
    pub training: TrainingCounts,
    /// Of the counts, since the sample before.
    pub extents: CountExtents,
    pub allocatable: Usage,
    pub requested: Usage,
    pub used: Usage,
    pub cost_rate: UsdPerHour,
    pub cost: Usd,
    pub hours: Hours,
}

/// The run's integrals so far, in hours: node hours, core hours, byte hours, GPU hours (`[cpu, memory, gpu]`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hours {
    pub nodes: f64,
    pub allocatable: [f64; 3],
    pub requested: [f64; 3],
    pub used: [f64; 3],
}

impl Hours {
    pub fn of(integrals: &Integrals) -> Hours {
        let hours =
            |[cpu, memory, gpu]: [i128; 3]| [cpu as f64 / 1e3 / HOUR, memory as f64 / HOUR, gpu as f64 / 1e3 / HOUR];
        Hours {
            nodes: integrals.nodes as f64 / HOUR,
            allocatable: hours(integrals.allocatable),
            requested: hours(integrals.requested),
            used: hours(integrals.used),
        }
    }
}

/// Replicas of a workload at a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Replicas {
    pub desired: u32,
    pub current: u32,
    pub ready: u32,
    /// Of the three, since the sample before.
    pub extents: [Extent; 3],
}

/// A service at one instant; in the demand's own unit (cores or requests a second) and seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServiceValues {
    pub demand: f64,
    pub served: f64,
    pub dropped: f64,
    /// What the ready pods can do; NaN where nothing bounds a pod.
    pub capacity: f64,
    /// Waiting work, unit × seconds.
    pub backlog: f64,
    /// NaN where the load models no latency.
    pub latency_mean: f64,
    pub latency_p95: f64,
}

impl Default for ServiceValues {
    fn default() -> ServiceValues {
        ServiceValues {
            demand: 0.0,
            served: 0.0,
            dropped: 0.0,
            capacity: f64::NAN,
            backlog: 0.0,
            latency_mean: f64::NAN,
            latency_p95: f64::NAN,
        }
    }
}

/// One row of `decisions.csv`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision<'a> {
    pub at: SimTime,
    pub controller: Controller,
    pub object: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub reason: &'a str,
}

impl Recorder {
    /// For a run of `scenario`; with `verbose_decisions` it keeps refusals too.
    pub fn new(scenario: &Scenario, verbose_decisions: bool) -> Recorder {
        let node_groups = scenario.node_groups.iter().map(|group| Arc::clone(&group.name)).collect();
        Recorder {
            start: scenario.start(),
            hpas: HpaLimits::of(scenario),
            verbose_decisions,
            ..Recorder::for_groups(node_groups)
        }
    }

    /// For a run whose node groups have these names.
    pub fn for_groups(node_groups: Vec<Arc<str>>) -> Recorder {
        Recorder { node_groups, ..Recorder::default() }
    }

    /// Wall-clock time of the run's zero, seconds since the Unix epoch, where the scenario states one.
    pub fn start(&self) -> Option<i64> {
        self.start
    }

    pub fn node_groups(&self) -> &[Arc<str>] {
        &self.node_groups
    }

    /// The replicated workloads, in the order of the scenario.
    pub fn workloads(&self) -> &[Arc<str>] {
        &self.workloads
    }

    /// The loaded workloads, in the order of the scenario.
    pub fn services(&self) -> &[Arc<str>] {
        &self.services
    }

    pub fn rows(&self) -> &[SampleRow] {
        &self.rows
    }

    /// Registered nodes by node group at sample `row`.
    pub fn nodes_by_group(&self, row: usize) -> &[u32] {
        stride(&self.nodes_by_group, self.node_groups.len(), row)
    }

    /// Of [`nodes_by_group`](Self::nodes_by_group), since the sample before.
    pub fn group_extents(&self, row: usize) -> &[Extent] {
        stride(&self.group_extents, self.node_groups.len(), row)
    }

    /// Whether the scenario trains anything.
    pub fn trains(&self) -> bool {
        self.trains
    }

    pub fn replicas(&self, row: usize) -> &[Replicas] {
        stride(&self.replicas, self.workloads.len(), row)
    }

    pub fn service_values(&self, row: usize) -> &[ServiceValues] {
        stride(&self.service_values, self.services.len(), row)
    }

    /// One entry a metric of each HPA, in the order of the scenario.
    pub fn hpa_metrics(&self, row: usize) -> &[HpaMetricSample] {
        stride(&self.hpa_metrics, self.hpa_metric_count, row)
    }

    /// In the order of the scenario.
    pub fn hpas(&self) -> &[HpaLimits] {
        &self.hpas
    }

    /// The HPAs at sample `row`.
    pub fn hpa_rows(&self, row: usize) -> impl Iterator<Item = HpaRow> {
        let replicas = self.replicas(row);
        self.hpas.iter().zip(&self.hpa_workloads).map(move |(hpa, workload)| HpaRow {
            desired: workload.map_or(0, |index| replicas[index].desired),
            min: hpa.min,
            max: hpa.max,
        })
    }

    /// Every metric of every HPA at sample `row`.
    pub fn hpa_metric_rows(&self, row: usize) -> impl Iterator<Item = HpaMetricRow> {
        let samples = self.hpa_metrics(row);
        let metrics = self.hpas.iter().flat_map(|hpa| &hpa.metrics);
        metrics.enumerate().map(|(index, metric)| HpaMetricRow {
            sample: samples.get(index).copied().unwrap_or_default(),
            target: metric.target,
        })
    }

    /// In the order in which they fell.
    pub fn decisions(&self) -> impl ExactSizeIterator<Item = Decision<'_>> {
        (0..self.decisions.entries.len()).map(|index| self.decisions.get(index))
    }

    /// Decision `index` of [`decisions`](Self::decisions).
    pub(super) fn decision_at(&self, index: usize) -> Decision<'_> {
        self.decisions.get(index)
    }
}

fn stride<T>(values: &[T], width: usize, row: usize) -> &[T] {
    &values[row * width..(row + 1) * width]
}

/// Appends one row of exactly `width` entries, so that rows stay aligned.
fn append<T: Clone + Default>(values: &mut Vec<T>, width: usize, row: impl Iterator<Item = T>) {
    let end = values.len() + width;
    values.extend(row.take(width));
    values.resize(end, T::default());
}

impl Observer for Recorder {
    fn decision(&mut self, decision: &DecisionRecord<'_>) {
        self.decisions.push(decision);
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        if self.rows.is_empty() {
            self.trains = sample.training.is_some();
            self.hpa_metric_count = sample.hpa_metrics.len();
            self.workloads = sample.replicas.iter().map(|replicas| Arc::clone(&replicas.workload)).collect();
            self.services = sample.services.iter().map(|service| Arc::clone(&service.workload)).collect();
            let place = |hpa: &HpaLimits| self.workloads.iter().position(|workload| *workload == hpa.workload);
            self.hpa_workloads = self.hpas.iter().map(place).collect();
        }
        self.rows.push(SampleRow {
            at: sample.at,
            nodes: sample.nodes,
            nodes_ready: sample.nodes_ready,
            nodes_upcoming: sample.nodes_upcoming,
            pods: sample.pods,
            training: sample.training.unwrap_or_default(),
            extents: sample.extents,
            allocatable: sample.allocatable,
            requested: sample.requested,
            used: sample.used,
            cost_rate: sample.cost_rate,
            cost: sample.cost,
            hours: Hours::of(&sample.integrals),
        });
        append(&mut self.nodes_by_group, self.node_groups.len(), sample.nodes_by_group.iter().copied());
        append(&mut self.group_extents, self.node_groups.len(), sample.group_extents.iter().copied());
        let replicas = sample.replicas.iter().map(|replicas| Replicas {
            desired: replicas.desired,
            current: replicas.current,
            ready: replicas.ready,
            extents: replicas.extents,
        });
        append(&mut self.replicas, self.workloads.len(), replicas);
        let services = sample.services.iter().map(|service| ServiceValues {
            demand: service.demand_milli as f64 / 1e3,
            served: service.served_milli as f64 / 1e3,
            dropped: service.dropped_milli as f64 / 1e3,
            capacity: service.capacity_milli.map_or(f64::NAN, |milli| milli as f64 / 1e3),
            backlog: service.backlog_milli as f64 / 1e3,
            latency_mean: service.latency.map_or(f64::NAN, |(mean, _)| mean.as_secs_f64()),
            latency_p95: service.latency.map_or(f64::NAN, |(_, p95)| p95.as_secs_f64()),
        });
        append(&mut self.service_values, self.services.len(), services);
        append(&mut self.hpa_metrics, self.hpa_metric_count, sample.hpa_metrics.iter().copied());
    }

    fn wants_verbose_decisions(&self) -> bool {
        self.verbose_decisions
    }
}

/// Decisions with all their texts in one string: no allocation a decision.
#[derive(Debug, Default)]
struct DecisionLog {
    texts: String,
    entries: Vec<DecisionEntry>,
}

#[derive(Clone, Copy, Debug)]
struct DecisionEntry {
    at: SimTime,
    controller: Controller,
    /// Where object, from, to and reason end in `texts`; the object starts where the entry before ended.
    ends: [usize; 4],
}

impl DecisionLog {
    fn push(&mut self, decision: &DecisionRecord<'_>) {
        let ends = [&decision.object, &decision.from, &decision.to, &decision.reason].map(|text| {
            self.texts.push_str(text);
            self.texts.len()
        });
        self.entries.push(DecisionEntry { at: decision.at, controller: decision.controller, ends });
    }

    fn get(&self, index: usize) -> Decision<'_> {
        let entry = &self.entries[index];
        let start = index.checked_sub(1).map_or(0, |before| self.entries[before].ends[3]);
        let [object, from, to, reason] = entry.ends;
        Decision {
            at: entry.at,
            controller: entry.controller,
            object: &self.texts[start..object],
            from: &self.texts[object..from],
            to: &self.texts[from..to],
            reason: &self.texts[to..reason],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_come_back_as_they_were_told() {
        let mut recorder = Recorder::default();
        for (object, to) in [("hpa/web", "5"), ("", ""), ("node/général-1", "removed")] {
            recorder.decision(&DecisionRecord {
                at: SimTime::from_secs(15),
                controller: Controller::HorizontalPodAutoscaler,
                object: object.into(),
                from: "2".into(),
                to: to.into(),
                reason: "cpu above target".into(),
            });
        }
        let told: Vec<_> = recorder.decisions().map(|decision| (decision.object, decision.from, decision.to)).collect();
        assert_eq!(told, [("hpa/web", "2", "5"), ("", "2", ""), ("node/général-1", "2", "removed")]);
        assert!(recorder.decisions().all(|decision| decision.reason == "cpu above target"));
    }

    #[test]
    fn an_hour_of_two_nodes_is_two_node_hours() {
        let hour: i128 = 3_600_000_000_000;
        let integrals =
            Integrals { nodes: 2 * hour, allocatable: [4_000 * hour, 7 * hour, 500 * hour], ..Default::default() };
        let hours = Hours::of(&integrals);
        assert_eq!((hours.nodes, hours.allocatable), (2.0, [4.0, 7.0, 0.5]));
    }
}
