//! The observer that keeps a run: samples as fixed-size rows and packed columns, decisions as one text arena.
//!
//! Its memory is about 400 bytes a sample (and up to some 30 a node group, workload or service that changes), and a
//! decision's own text.

use std::sync::Arc;

use super::hpas::{HpaLimits, HpaMetricRow, HpaRow};
use super::packed::{Packed, PackedRows, Row};
use crate::scenario::Scenario;
use crate::sim::{
    Controller, CountExtents, DecisionRecord, Extent, HpaMetricSample, Integrals, Observer, PodCounts, Sample,
    TrainingCounts, Usage,
};
use crate::units::{SimDuration, SimTime, Usd, UsdPerHour};

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
    /// One entry a node group.
    nodes_by_group: PackedRows<u32>,
    group_extents: PackedRows<Extent>,
    /// One entry a replicated workload.
    replicas: PackedRows<Replicas>,
    /// One entry a service.
    services_milli: PackedRows<ServiceMilli>,
    /// One entry a metric of an HPA.
    hpa_metrics: PackedRows<HpaMetricSample>,
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

/// As a sample has it: thousandths, and nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
struct ServiceMilli {
    demand: i64,
    served: i64,
    dropped: i64,
    capacity: Option<i64>,
    backlog: i64,
    latency: Option<[i64; 2]>,
}

impl From<ServiceMilli> for ServiceValues {
    fn from(milli: ServiceMilli) -> ServiceValues {
        let seconds = |index: usize| {
            milli.latency.map_or(f64::NAN, |latency| SimDuration::from_nanos(latency[index]).as_secs_f64())
        };
        ServiceValues {
            demand: milli.demand as f64 / 1e3,
            served: milli.served as f64 / 1e3,
            dropped: milli.dropped as f64 / 1e3,
            capacity: milli.capacity.map_or(f64::NAN, |milli| milli as f64 / 1e3),
            backlog: milli.backlog as f64 / 1e3,
            latency_mean: seconds(0),
            latency_p95: seconds(1),
        }
    }
}

impl Packed for ServiceMilli {
    const INTEGERS: usize = 9;

    fn pack(&self, put: &mut impl FnMut(i64)) {
        [self.demand, self.served, self.dropped, self.backlog].into_iter().for_each(&mut *put);
        put(i64::from(self.capacity.is_some()));
        put(self.capacity.unwrap_or(0));
        put(i64::from(self.latency.is_some()));
        self.latency.unwrap_or_default().into_iter().for_each(put);
    }

    fn unpack(take: &mut impl FnMut() -> i64) -> ServiceMilli {
        let [demand, served, dropped, backlog, has_capacity, capacity, has_latency, mean, p95] =
            std::array::from_fn(|_| take());
        let capacity = (has_capacity == 1).then_some(capacity);
        let latency = (has_latency == 1).then_some([mean, p95]);
        ServiceMilli { demand, served, dropped, capacity, backlog, latency }
    }
}

impl Packed for Extent {
    const INTEGERS: usize = 3;

    fn pack(&self, put: &mut impl FnMut(i64)) {
        [i64::from(self.min), self.mean.to_bits() as i64, i64::from(self.max)].into_iter().for_each(put);
    }

    fn unpack(take: &mut impl FnMut() -> i64) -> Extent {
        let [min, mean, max] = std::array::from_fn(|_| take());
        Extent { min: min as u32, mean: f64::from_bits(mean as u64), max: max as u32 }
    }
}

impl Packed for Replicas {
    const INTEGERS: usize = 3 + 3 * Extent::INTEGERS;

    fn pack(&self, put: &mut impl FnMut(i64)) {
        [self.desired, self.current, self.ready].iter().for_each(|count| count.pack(put));
        self.extents.iter().for_each(|extent| extent.pack(put));
    }

    fn unpack(take: &mut impl FnMut() -> i64) -> Replicas {
        let [desired, current, ready] = std::array::from_fn(|_| u32::unpack(take));
        Replicas { desired, current, ready, extents: std::array::from_fn(|_| Extent::unpack(take)) }
    }
}

impl Packed for HpaMetricSample {
    const INTEGERS: usize = 5;

    fn pack(&self, put: &mut impl FnMut(i64)) {
        let (low, high) = self.range.unwrap_or_default();
        let flags = (self.last.is_some(), self.range.is_some());
        [i64::from(flags.0), self.last.unwrap_or(0), i64::from(flags.1), low, high].into_iter().for_each(put);
    }

    fn unpack(take: &mut impl FnMut() -> i64) -> HpaMetricSample {
        let [has_last, last, has_range, low, high] = std::array::from_fn(|_| take());
        HpaMetricSample { last: (has_last == 1).then_some(last), range: (has_range == 1).then_some((low, high)) }
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
        let groups = node_groups.len();
        Recorder {
            node_groups,
            nodes_by_group: PackedRows::of_width(groups),
            group_extents: PackedRows::of_width(groups),
            ..Recorder::default()
        }
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
    pub fn nodes_by_group(&self, row: usize) -> Row<u32> {
        self.nodes_by_group.row(row)
    }

    /// Of [`nodes_by_group`](Self::nodes_by_group), since the sample before.
    pub fn group_extents(&self, row: usize) -> Row<Extent> {
        self.group_extents.row(row)
    }

    /// Whether the scenario trains anything.
    pub fn trains(&self) -> bool {
        self.trains
    }

    pub fn replicas(&self, row: usize) -> Row<Replicas> {
        self.replicas.row(row)
    }

    /// Service `service` (of [`services`](Self::services)) at sample `row`.
    pub fn service_values(&self, row: usize, service: usize) -> ServiceValues {
        self.services_milli.row(row)[service].into()
    }

    /// One entry a metric of each HPA, in the order of the scenario.
    pub fn hpa_metrics(&self, row: usize) -> Row<HpaMetricSample> {
        self.hpa_metrics.row(row)
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
        metrics.enumerate().map(move |(index, metric)| HpaMetricRow {
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

impl Observer for Recorder {
    fn decision(&mut self, decision: &DecisionRecord<'_>) {
        self.decisions.push(decision);
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        if self.rows.is_empty() {
            self.trains = sample.training.is_some();
            self.hpa_metrics = PackedRows::of_width(sample.hpa_metrics.len());
            self.replicas = PackedRows::of_width(sample.replicas.len());
            self.services_milli = PackedRows::of_width(sample.services.len());
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
        self.nodes_by_group.push(sample.nodes_by_group.iter().copied());
        self.group_extents.push(sample.group_extents.iter().copied());
        self.replicas.push(sample.replicas.iter().map(|replicas| Replicas {
            desired: replicas.desired,
            current: replicas.current,
            ready: replicas.ready,
            extents: replicas.extents,
        }));
        self.services_milli.push(sample.services.iter().map(|service| ServiceMilli {
            demand: service.demand_milli,
            served: service.served_milli,
            dropped: service.dropped_milli,
            capacity: service.capacity_milli,
            backlog: service.backlog_milli,
            latency: service.latency.map(|(mean, p95)| [mean.nanos(), p95.nanos()]),
        }));
        self.hpa_metrics.push(sample.hpa_metrics.iter().copied());
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
