//! What broke a bound first: the pod, job or instant behind a figure of the whole run.

use super::expectation::Bound;
use super::run::{Run, instant};
use crate::units::{SimDuration, SimTime};

/// Names what first went beyond `bound` of the figure `name`; `None` where nothing single did.
pub fn first(name: &str, bound: &Bound, run: &Run<'_>) -> Option<String> {
    if !bound.is_upper() {
        return None;
    }
    let limit = SimDuration::from_secs_f64(bound.value.clamp(0.0, 9e9));
    let end = SimTime::ZERO + run.outcome.simulated;
    // Whatever has not happened by the end has taken so long at least.
    let first_late = |spans: &mut dyn Iterator<Item = (SimTime, Option<SimTime>, &str)>| {
        let late = spans.filter(|(from, to, _)| !bound.holds(to.unwrap_or(end).since(*from).as_secs_f64()));
        late.min_by_key(|(from, _, name)| (*from, name.to_owned()))
            .map(|(from, _, name)| (from + limit, name.to_owned()))
    };
    let family = name.split('.').take(2).collect::<Vec<_>>();
    let (at, who, plot) = match family[..] {
        ["pod_wait_seconds", ..] => {
            let pods = &mut run.outcome.pods.iter().map(|pod| (pod.created, pod.scheduled, &*pod.name));
            let (at, pod) = first_late(pods)?;
            (at, format!("pod {pod}"), "pending.svg")
        }
        ["pod_startup_seconds", ..] => {
            let pods = &mut run.outcome.pods.iter().map(|pod| (pod.created, pod.ready, &*pod.name));
            let (at, pod) = first_late(pods)?;
            (at, format!("pod {pod}"), "pending.svg")
        }
        ["training", "wait_seconds"] => {
            let jobs = &mut run.outcome.training.iter().map(|job| (job.arrival, job.started, &*job.name));
            let (at, job) = first_late(jobs)?;
            (at, format!("job {job}"), "training.svg")
        }
        ["training", "completion_seconds"] => {
            let jobs = &mut run.outcome.training.iter().map(|job| (job.arrival, job.finished, &*job.name));
            let (at, job) = first_late(jobs)?;
            (at, format!("job {job}"), "training.svg")
        }
        ["cost", "total_usd"] => {
            let row = run.record.rows().iter().find(|row| !bound.holds(row.cost.as_f64()))?;
            return Some(format!("first exceeded at {}; see cost.svg", instant(row.at)));
        }
        ["nodes", "peak"] => {
            let row = run.record.rows().iter().find(|row| !bound.holds(f64::from(row.nodes)))?;
            return Some(format!("first exceeded at {}; see nodes.svg", instant(row.at)));
        }
        _ => return None,
    };
    Some(format!("first exceeded at {} by {who}; see {plot}", instant(at)))
}
