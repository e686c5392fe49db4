//! `summary.json`: the figures of a run that people, checks and sweeps compare.
//!
//! Everything here comes from the [`Outcome`] alone and holds no wall-clock figure, so equal seeds give equal bytes.
//! A figure of nothing (a percentile without observations, a fraction of no allocatable) is `null`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::alerts::{AlertFigures, RuleFailure};
use super::explain::{Explain, explain};
use super::services::{Services, services};
use super::waits::{self, NeverScheduled};
use super::{Hours, Provenance, Spread};
use crate::cluster::PodPhase;
use crate::sim::{CommitmentCost, Outcome, TrainingRow, WorkloadCost};
use crate::units::{SimTime, Usd};

/// `summary.json`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Summary {
    #[serde(flatten)]
    pub provenance: Provenance,
    /// The run's zero, RFC 3339, where the scenario states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    pub simulated_seconds: f64,
    pub cost: CostSummary,
    pub pods: PodSummary,
    /// Why pods never had a node, the longest waits first.
    pub never_scheduled: Vec<NeverScheduled>,
    /// From creation to binding. Of a pod that was never bound it is the wait so far: censored.
    pub pod_wait_seconds: Spread,
    /// From creation to Ready; censored where a pod never was.
    pub pod_startup_seconds: Spread,
    pub utilization: Utilization,
    pub nodes: NodeSummary,
    pub scaling: ScalingSummary,
    pub faults: FaultSummary,
    pub explain: Explain,
    /// Only where the scenario has a load.
    #[serde(skip_serializing_if = "Services::is_empty")]
    pub services: Services,
    /// Only where the scenario trains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingSummary>,
    /// Alerting rules by name; only where rules watch the run.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub alerts: BTreeMap<Arc<str>, AlertFigures>,
    /// Rules that could not be evaluated, in their order; only where there are some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rule_failures: Vec<RuleFailure>,
}

/// What the run cost, and whose cost it was. In US dollars.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct CostSummary {
    pub total_usd: f64,
    /// What is paid for and no pod held: the rest of nodes' bills, and reserved capacity that did not stand.
    pub idle_usd: f64,
    /// Part of `idle_usd`: reserved machines that did not stand.
    pub reserved_unused_usd: f64,
    /// Sums to `total_usd`, as do the two below.
    pub by_node_group: BTreeMap<Arc<str>, f64>,
    /// `on-demand`, `reserved`, `spot`, and `commitment` where there are some.
    pub by_capacity_type: BTreeMap<&'static str, f64>,
    /// With OpenCost's names; idle cost is the `__idle__` row.
    pub by_workload: BTreeMap<Arc<str>, WorkloadFigures>,
    /// Savings plans and committed use, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub commitments: BTreeMap<Arc<str>, CommitmentFigures>,
}

/// What a commitment did.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CommitmentFigures {
    pub paid_usd: f64,
    /// What it covered, at list prices.
    pub covered_usd: f64,
    /// Part of `paid_usd` that covered nothing.
    pub unused_usd: f64,
    /// `covered_usd` less `paid_usd`: less than nothing where the commitment is too large.
    pub saved_usd: f64,
}

/// One row of OpenCost's allocation API.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadFigures {
    pub cpu_core_hours: f64,
    pub cpu_cost: f64,
    pub ram_byte_hours: f64,
    pub ram_cost: f64,
    pub gpu_hours: f64,
    pub gpu_cost: f64,
    pub total_cost: f64,
}

/// Every created pod is in exactly one of completed, failed, deleted, pending and running at the end.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub struct PodSummary {
    pub created: u64,
    /// Bound to a node at least once.
    pub scheduled: u64,
    /// Never bound to a node: they wait at the end, or were deleted while they waited.
    pub never_scheduled: u64,
    /// Of these, those that waited longer than any pod that was served (but a minute at least and fifteen at most), or
    /// that no waiting could help.
    pub unserved: u64,
    pub completed: u64,
    pub failed: u64,
    /// Evicted by the kubelet or a drain; also counted by how they ended.
    pub evicted: u64,
    /// Gone without having ended by itself: scaled down, drained, lost with its node.
    pub deleted: u64,
    pub pending_at_end: u64,
    pub running_at_end: u64,
}

/// Requested and used as fractions of allocatable, over the whole run and weighted by time.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Utilization {
    pub cpu: Share,
    pub memory: Share,
    pub gpu: Share,
}

/// Requested and used, as fractions of what pods can have, weighted by time.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct Share {
    pub requested: f64,
    pub used: f64,
}

/// How many nodes there were.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct NodeSummary {
    pub min: u32,
    /// Weighted by time.
    pub mean: f64,
    pub peak: u32,
    pub node_hours: f64,
}

/// What autoscalers changed.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ScalingSummary {
    /// Decisions to add nodes, and to remove them.
    pub scale_ups: u32,
    pub scale_downs: u32,
    pub nodes_added: u32,
    pub nodes_removed: u32,
    pub hpa_changes: u32,
}

/// What went wrong with nodes and pods.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct FaultSummary {
    pub preempted: u32,
    pub oom_kills: u32,
    pub restarts: u32,
    /// Spot nodes taken back by the cloud.
    pub interruptions: u32,
}

/// Training jobs, their steps and their time.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct TrainingSummary {
    /// Those that arrived before the end of the run.
    pub jobs: u64,
    /// All of whose workers ran, at least once.
    pub started: u64,
    pub never_started: u64,
    pub completed: u64,
    /// From the first arrival to the last job's end; `null` until every job of the scenario has ended.
    pub makespan_seconds: f64,
    /// Job completion time: from arrival to end; censored where a job has not ended.
    pub completion_seconds: Spread,
    /// From arrival to the first instant at which all workers run; censored where there was none.
    pub wait_seconds: Spread,
    /// Of the jobs that arrived.
    pub steps_total: u64,
    pub steps_done: f64,
    /// Done, then lost to an interruption after the last checkpoint.
    pub steps_lost: f64,
    /// Steps kept of the steps computed.
    pub goodput: f64,
    pub interruptions: u64,
    pub gpu_hours: f64,
    /// From submission to the first placement; censored where there was none.
    pub queue_time_seconds: Spread,
    /// Completion time over what it would take at once at the best measured speed; mean over completed jobs.
    pub slowdown_mean: f64,
    /// Effective training time ratio: goodput over the time since the first placement, all jobs together.
    pub ettr: f64,
    /// Computing steps that were kept, summed over jobs.
    pub goodput_seconds: f64,
    /// The rest of the time from submission to end, summed over jobs, by cause. `data` (waiting for data) is not modelled.
    pub badput_seconds: BTreeMap<&'static str, f64>,
    /// GPU hours of compute that was kept.
    pub useful_gpu_hours: f64,
    /// GPU hours that jobs held and that made nothing that was kept.
    pub lost_gpu_hours: f64,
    /// Time in which all workers ran, over interruptions; `null` without one.
    pub mean_time_to_interruption_seconds: f64,
    /// What the jobs' workers owe, without what nobody used.
    pub cost_usd: f64,
    pub cost_per_job_usd: f64,
    pub cost_per_useful_gpu_hour_usd: f64,
    /// By queue or team, where the list has them.
    pub by_queue: BTreeMap<String, JobsSummary>,
    /// By what they train, where that is said.
    pub by_model: BTreeMap<String, JobsSummary>,
    /// By their GPUs: `1`, `2 to 4`, `5 to 8`, `9 to 64`, `65 to 512`, `over 512`.
    pub by_size: BTreeMap<String, JobsSummary>,
}

/// Jobs of one queue, one model, or one size.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct JobsSummary {
    pub jobs: u64,
    pub completed: u64,
    pub queue_time_seconds: Spread,
    /// From submission to the end, of those that have ended.
    pub jct_mean_seconds: f64,
    pub goodput_seconds: f64,
    pub gpu_hours: f64,
    pub cost_usd: f64,
}

impl Summary {
    /// Cost: a sort of the pods' waits.
    pub fn of(outcome: &Outcome) -> Summary {
        let hours = Hours::of(&outcome.integrals);
        let share = |resource: usize| Share {
            requested: fraction(hours.requested[resource], hours.allocatable[resource]),
            used: fraction(hours.used[resource], hours.allocatable[resource]),
        };
        let seconds = outcome.simulated.as_secs_f64();
        Summary {
            provenance: Provenance::of(outcome),
            start: outcome.start_epoch_seconds.and_then(|start| Some(Timestamp::from_second(start).ok()?.to_string())),
            simulated_seconds: seconds,
            cost: cost(outcome),
            pods: pods(outcome),
            never_scheduled: waits::never_scheduled(outcome),
            pod_wait_seconds: Spread::of(outcome.pods.iter().map(|pod| waits::of_pod(pod, outcome))),
            pod_startup_seconds: Spread::of(outcome.pods.iter().map(|pod| waits::startup_of_pod(pod, outcome))),
            utilization: Utilization { cpu: share(0), memory: share(1), gpu: share(2) },
            nodes: NodeSummary {
                min: outcome.nodes_min,
                mean: fraction(hours.nodes, seconds / 3600.0),
                peak: outcome.nodes_peak,
                node_hours: hours.nodes,
            },
            scaling: ScalingSummary {
                scale_ups: outcome.scale_ups,
                scale_downs: outcome.scale_downs,
                nodes_added: outcome.nodes_added,
                nodes_removed: outcome.nodes_removed,
                hpa_changes: outcome.hpa_changes,
            },
            faults: FaultSummary {
                preempted: outcome.preempted,
                oom_kills: outcome.oom_kills,
                restarts: outcome.restarts,
                interruptions: outcome.interruptions,
            },
            explain: explain(&outcome.explanation),
            services: services(&outcome.services),
            training: (!outcome.training.is_empty()).then(|| training(outcome)),
            alerts: BTreeMap::new(),
            rule_failures: Vec::new(),
        }
    }
}

/// NaN where there is no whole.
fn fraction(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}

fn cost(outcome: &Outcome) -> CostSummary {
    let figures = |row: &WorkloadCost| WorkloadFigures {
        cpu_core_hours: row.cpu_core_hours,
        cpu_cost: row.costs[0].as_f64(),
        ram_byte_hours: row.ram_byte_hours,
        ram_cost: row.costs[1].as_f64(),
        gpu_hours: row.gpu_hours,
        gpu_cost: row.costs[2].as_f64(),
        total_cost: row.cost.as_f64(),
    };
    let commitment = |row: &CommitmentCost| CommitmentFigures {
        paid_usd: row.paid.as_f64(),
        covered_usd: row.covered.as_f64(),
        unused_usd: row.unused.as_f64(),
        saved_usd: (row.covered - row.paid).as_f64(),
    };
    let commitments = outcome.commitments.iter().map(|row| (Arc::clone(&row.name), commitment(row)));
    CostSummary {
        total_usd: outcome.cost.as_f64(),
        idle_usd: outcome.idle_cost.as_f64(),
        reserved_unused_usd: outcome.reserved_unused.as_f64(),
        by_node_group: outcome.cost_by_node_group.iter().map(|row| (Arc::clone(&row.0), row.1.as_f64())).collect(),
        by_capacity_type: outcome.cost_by_capacity_type.iter().map(|row| (row.0, row.1.as_f64())).collect(),
        by_workload: outcome.cost_by_workload.iter().map(|row| (Arc::clone(&row.workload), figures(row))).collect(),
        commitments: commitments.collect(),
    }
}

fn pods(outcome: &Outcome) -> PodSummary {
    let mut pods =
        PodSummary { created: outcome.pods.len() as u64, evicted: outcome.evicted.into(), ..PodSummary::default() };
    pods.unserved = waits::unserved(outcome);
    for pod in &outcome.pods {
        pods.scheduled += u64::from(pod.scheduled.is_some());
        pods.never_scheduled += u64::from(pod.scheduled.is_none());
        let kind = match (pod.phase, pod.finished) {
            (PodPhase::Succeeded, _) => &mut pods.completed,
            (PodPhase::Failed, _) => &mut pods.failed,
            (PodPhase::Pending | PodPhase::Running, Some(_)) => &mut pods.deleted,
            (PodPhase::Pending, None) => &mut pods.pending_at_end,
            (PodPhase::Running, None) => &mut pods.running_at_end,
        };
        *kind += 1;
    }
    pods
}

fn training(outcome: &Outcome) -> TrainingSummary {
    let jobs = &outcome.training;
    let first_arrival = jobs.iter().map(|job| job.arrival).min().unwrap_or_default();
    let last_end = jobs.iter().map(|job| job.finished).try_fold(SimTime::MIN, |last, end| Some(last.max(end?)));
    let last_end = last_end.filter(|_| outcome.training_to_come == 0);
    let steps_done: f64 = jobs.iter().map(|job| job.steps_done).sum();
    let steps_lost: f64 = jobs.iter().map(|job| job.steps_lost).sum();
    let goodput: f64 = jobs.iter().map(|job| job.times.goodput.as_secs_f64()).sum();
    let placed = |job: &TrainingRow| Some(job.until(outcome).since(job.attempts.first()?.placed).as_secs_f64());
    let since_placed: f64 = jobs.iter().filter_map(placed).sum();
    let useful: f64 = jobs.iter().map(TrainingRow::useful_gpu_hours).sum();
    let cost = jobs.iter().map(|job| job.cost).sum::<Usd>();
    let interruptions: u64 = jobs.iter().map(|job| u64::from(job.interruptions)).sum();
    let at_work = |job: &TrainingRow| {
        let of = job.times;
        (of.goodput + of.load + of.checkpoint + of.lost + of.straggler).as_secs_f64()
    };
    let running: f64 = jobs.iter().map(at_work).sum();
    TrainingSummary {
        jobs: jobs.len() as u64,
        started: jobs.iter().filter(|job| job.started.is_some()).count() as u64,
        never_started: jobs.iter().filter(|job| job.started.is_none()).count() as u64,
        completed: jobs.iter().filter(|job| job.finished.is_some()).count() as u64,
        makespan_seconds: last_end.map_or(f64::NAN, |end| end.since(first_arrival).as_secs_f64()),
        completion_seconds: Spread::of(jobs.iter().map(|job| waits::completion_of_job(job, outcome))),
        wait_seconds: Spread::of(jobs.iter().map(|job| waits::of_job(job, outcome))),
        steps_total: jobs.iter().map(|job| job.total_steps).sum(),
        steps_done,
        steps_lost,
        goodput: fraction(steps_done, steps_done + steps_lost),
        interruptions,
        gpu_hours: jobs.iter().map(|job| job.gpu_hours).sum(),
        queue_time_seconds: Spread::of(jobs.iter().map(|job| waits::queue_of_job(job, outcome))),
        slowdown_mean: mean(jobs.iter().filter_map(TrainingRow::slowdown)),
        ettr: fraction(goodput, since_placed),
        goodput_seconds: goodput,
        badput_seconds: badput_seconds(jobs),
        useful_gpu_hours: useful,
        lost_gpu_hours: jobs.iter().map(TrainingRow::lost_gpu_hours).sum(),
        mean_time_to_interruption_seconds: fraction(running, interruptions as f64),
        cost_usd: cost.as_f64(),
        cost_per_job_usd: fraction(cost.as_f64(), jobs.len() as f64),
        cost_per_useful_gpu_hour_usd: fraction(cost.as_f64(), useful),
        by_queue: by(outcome, |job| &job.queue),
        by_model: by(outcome, |job| &job.model),
        by_size: by(outcome, |job| super::jobs::size_class(job.gpus).1),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    fraction(sum, count)
}

fn badput_seconds(jobs: &[TrainingRow]) -> BTreeMap<&'static str, f64> {
    let mut nanos: BTreeMap<&'static str, i128> = BTreeMap::new();
    for (cause, time) in jobs.iter().flat_map(|job| job.times.badput()) {
        *nanos.entry(cause).or_default() += i128::from(time.nanos());
    }
    nanos.into_iter().map(|(cause, nanos)| (cause, nanos as f64 / 1e9)).collect()
}

/// Jobs by what is the same of them; those of no name are left out.
fn by<'o>(outcome: &'o Outcome, name: impl Fn(&'o TrainingRow) -> &'o str) -> BTreeMap<String, JobsSummary> {
    let mut groups: BTreeMap<&str, Vec<&TrainingRow>> = BTreeMap::new();
    for job in outcome.training.iter().filter(|job| !name(job).is_empty()) {
        groups.entry(name(job)).or_default().push(job);
    }
    let of = |(name, jobs): (&str, Vec<&TrainingRow>)| {
        let took = |job: &&TrainingRow| Some(job.finished?.since(job.arrival).as_secs_f64());
        let summary = JobsSummary {
            jobs: jobs.len() as u64,
            completed: jobs.iter().filter(|job| job.finished.is_some()).count() as u64,
            queue_time_seconds: Spread::of(jobs.iter().map(|job| waits::queue_of_job(job, outcome))),
            jct_mean_seconds: mean(jobs.iter().filter_map(took)),
            goodput_seconds: jobs.iter().map(|job| job.times.goodput.as_secs_f64()).sum(),
            gpu_hours: jobs.iter().map(|job| job.gpu_hours).sum(),
            cost_usd: jobs.iter().map(|job| job.cost).sum::<Usd>().as_f64(),
        };
        (name.to_owned(), summary)
    };
    groups.into_iter().map(of).collect()
}
