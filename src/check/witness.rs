//! What broke a bound first: the pod, job or instant behind a figure of the whole run, and the decision before it.

use super::expectation::Bound;
use super::run::{Run, instant};
use crate::record::Decision;
use crate::sim::Controller;
use crate::units::{SimDuration, SimTime};

/// The first that went beyond a bound.
pub struct Witness {
    pub at: SimTime,
    /// For people: when, who, and which plot shows it.
    pub text: String,
    /// `NAMESPACE/NAME` of the pod.
    pod: Option<String>,
}

/// Names what first went beyond `bound` of the figure `name`; `None` where nothing single did.
pub fn first(name: &str, bound: &Bound, run: &Run<'_>) -> Option<Witness> {
    if !bound.is_upper() {
        return None;
    }
    let limit = SimDuration::from_secs_f64(bound.value.clamp(0.0, 9e9));
    let end = SimTime::ZERO + run.outcome.simulated;
    // Whatever has not happened by the end has taken so long at least.
    let first_late = |spans: &mut dyn Iterator<Item = (SimTime, Option<SimTime>, String)>| {
        let late = spans.filter(|(from, to, _)| !bound.holds(to.unwrap_or(end).since(*from).as_secs_f64()));
        late.min_by_key(|(from, _, name)| (*from, name.clone())).map(|(from, _, name)| (from + limit, name))
    };
    let family = name.split('.').take(2).collect::<Vec<_>>();
    let pods = |to: fn(&crate::sim::PodRow) -> Option<SimTime>| {
        let row = move |pod: &crate::sim::PodRow| (pod.created, to(pod), format!("{}/{}", pod.namespace, pod.name));
        let (at, pod) = first_late(&mut run.outcome.pods.iter().map(row))?;
        let name = pod.rsplit('/').next().unwrap_or(&pod);
        let text = format!("first exceeded at {} by pod {name}; see pending.svg", instant(at));
        Some(Witness { at, text, pod: Some(pod) })
    };
    let jobs = |to: fn(&crate::sim::TrainingRow) -> Option<SimTime>| {
        let row = move |job: &crate::sim::TrainingRow| (job.arrival, to(job), job.name.to_string());
        let (at, job) = first_late(&mut run.outcome.training.iter().map(row))?;
        let text = format!("first exceeded at {} by job {job}; see training.svg", instant(at));
        Some(Witness { at, text, pod: None })
    };
    let sample = |value: fn(&crate::record::SampleRow) -> f64, plot: &str| {
        let row = run.record.rows().iter().find(|row| !bound.holds(value(row)))?;
        Some(Witness { at: row.at, text: format!("first exceeded at {}; see {plot}", instant(row.at)), pod: None })
    };
    match family[..] {
        ["pod_wait_seconds", ..] => pods(|pod| pod.scheduled),
        ["pod_startup_seconds", ..] => pods(|pod| pod.ready),
        ["training", "wait_seconds"] => jobs(|job| job.started),
        ["training", "completion_seconds"] => jobs(|job| job.finished),
        ["cost", "total_usd"] => sample(|row| row.cost.as_f64(), "cost.svg"),
        ["nodes", "peak"] => sample(|row| f64::from(row.extents.nodes.max), "nodes.svg"),
        _ => None,
    }
}

/// The decision that a broken figure hangs on: the last one before its witness, or the first that was one too many.
pub fn decision_of(name: &str, bound: &Bound, witness: Option<&Witness>, run: &Run<'_>) -> Option<String> {
    if name == "scaling.hpa_changes" && bound.is_upper() && bound.value >= 0.0 {
        let changes = run.record.decisions().enumerate().filter(|(_, decision)| is_hpa_change(decision));
        let (index, _) = changes.into_iter().nth(bound.value.floor().min(1e9) as usize)?;
        return Some(decision(run, index));
    }
    let witness = witness?;
    let of_pod = witness.pod.as_ref().map(|pod| format!("pod/{pod}"));
    let about = |decision: &Decision<'_>| of_pod.as_deref() == Some(decision.object);
    last(run, witness.at, about).or_else(|| before(name, witness.at, run))
}

/// The last decision up to `at` of whom the figure or column `name` hangs on: an HPA for replicas, who adds and removes
/// nodes for all else.
pub fn before(name: &str, at: SimTime, run: &Run<'_>) -> Option<String> {
    let is_of_replicas = name.starts_with("replicas") || name.starts_with("hpa_");
    let workload = name.split_once('.').map_or("", |(_, key)| key);
    let is_of_workload = |decision: &Decision<'_>| {
        // Keys of workloads and HPAs are mostly alike; where they are not, any HPA's decision tells more than none.
        let own = decision.object.split_once('/').map_or("", |(_, key)| key);
        is_hpa_change(decision) && (own == workload || workload.starts_with(&format!("{own}.")))
    };
    match is_of_replicas {
        true => last(run, at, is_of_workload).or_else(|| last(run, at, is_hpa_change)),
        false => last(run, at, moves_nodes),
    }
}

fn is_hpa_change(decision: &Decision<'_>) -> bool {
    decision.controller == Controller::HorizontalPodAutoscaler && decision.from != decision.to
}

fn moves_nodes(decision: &Decision<'_>) -> bool {
    matches!(decision.controller, Controller::ClusterAutoscaler | Controller::Karpenter)
}

fn last(run: &Run<'_>, at: SimTime, wants: impl Fn(&Decision<'_>) -> bool) -> Option<String> {
    // A sample at an instant is taken after what is decided then.
    let early = run.record.decisions().enumerate().take_while(|(_, decision)| decision.at <= at);
    let (index, _) = early.filter(|(_, decision)| wants(decision)).last()?;
    Some(decision(run, index))
}

/// A decision in one line: `5 h 2 m cluster-autoscaler nodegroup/general 1 to 2: 1 pods unschedulable`.
pub fn decision(run: &Run<'_>, index: usize) -> String {
    /// Longer reasons are cut.
    const LONGEST: usize = 200;
    let Some(Decision { at, controller, object, from, to, reason }) = run.record.decisions().nth(index) else {
        return String::new();
    };
    let reason = match reason.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason.to_owned(),
    };
    let step = if from.is_empty() { format!("to {to}") } else { format!("{from} to {to}") };
    format!("{} {} {object} {step}: {reason}", instant(at), controller.name())
}
