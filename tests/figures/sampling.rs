//! What happens between two samples is not lost: extents of counts against a recount from the rows of pods and nodes.

use proptest::prelude::*;
use windtunnel::scenario::{Override, Scenario, ScenarioFiles};
use windtunnel::sim::{CountExtents, Extent, PodRow, RunOptions};
use windtunnel::units::SimTime;

use super::second_opinion::shipped;
use crate::invariants::draw;
use crate::watch::{Seen, Watched, watch};

/// (from, to, +1) of everything that counts, to its changes in time: the count from each instant on.
fn steps(lives: impl Iterator<Item = (SimTime, SimTime)>) -> Vec<(SimTime, i64)> {
    let mut changes: Vec<(SimTime, i64)> = lives.flat_map(|(from, to)| [(from, 1), (to, -1)]).collect();
    changes.sort_unstable();
    let mut steps: Vec<(SimTime, i64)> = Vec::new();
    let mut count = 0;
    for (at, change) in changes {
        count += change;
        match steps.last_mut() {
            Some(last) if last.0 == at => last.1 = count,
            _ => steps.push((at, count)),
        }
    }
    steps
}

/// What the count was from `from` to `to`, both included.
fn extent(steps: &[(SimTime, i64)], from: SimTime, to: SimTime) -> (i64, f64, i64) {
    let first = steps.partition_point(|(at, _)| *at <= from);
    let mut at = from;
    let mut value = first.checked_sub(1).map_or(0, |before| steps[before].1);
    let (mut min, mut max, mut sum) = (value, value, 0i128);
    for (next, count) in steps[first..].iter().take_while(|(next, _)| *next <= to) {
        sum += i128::from(value) * i128::from((*next - at).nanos());
        (at, value) = (*next, *count);
        (min, max) = (min.min(value), max.max(value));
    }
    sum += i128::from(value) * i128::from((to - at).nanos());
    let span = (to - from).nanos();
    (min, if span > 0 { sum as f64 / span as f64 } else { value as f64 }, max)
}

fn recounted(
    run: &Watched,
    life: impl Fn(&PodRow, SimTime) -> Option<(SimTime, SimTime)>,
    of: fn(&CountExtents) -> Extent,
) {
    let end = run.samples.last().expect("the end is sampled").at;
    // What has not ended counts beyond the end.
    let beyond = SimTime::from_nanos(end.nanos() + 1);
    let steps = steps(run.outcome.pods.iter().filter_map(|pod| life(pod, beyond)).filter(|(from, to)| from < to));
    let mut before = SimTime::ZERO;
    for sample in &run.samples {
        let (min, mean, max) = extent(&steps, before, sample.at);
        let told = of(&sample.extents);
        assert_eq!((i64::from(told.min), i64::from(told.max)), (min, max), "to {}", sample.at);
        assert!((told.mean - mean).abs() < 1e-6, "to {}: {} and {mean}", sample.at, told.mean);
        before = sample.at;
    }
}

fn holds(scenario: &Scenario, seed: u64) {
    let run = watch(scenario, seed, RunOptions::default());
    // The summary's extremes are those of the series, exactly.
    let nodes = || run.samples.iter().map(|sample| sample.extents.nodes);
    assert_eq!(nodes().map(|extent| extent.max).max(), Some(run.outcome.nodes_peak));
    assert_eq!(nodes().map(|extent| extent.min).min(), Some(run.outcome.nodes_min));
    let mut before: Option<&Seen> = None;
    for sample in &run.samples {
        let extents = &sample.extents;
        for (value, extent) in [
            (sample.nodes, extents.nodes),
            (sample.nodes_ready, extents.nodes_ready),
            (sample.pods.pending, extents.pods_pending),
            (sample.pods.unbound, extents.pods_unbound),
            (sample.pods.running, extents.pods_running),
            (sample.pods.ready, extents.pods_ready),
        ] {
            assert!(extent.min <= value && value <= extent.max, "{sample:?}");
            let mean = extent.mean;
            assert!(f64::from(extent.min) <= mean + 1e-9 && mean <= f64::from(extent.max) + 1e-9, "{sample:?}");
        }
        if let Some(before) = before {
            let hours = (sample.integrals.nodes - before.integrals.nodes) as f64;
            let span = (sample.at - before.at).nanos() as f64;
            assert!((hours / span - extents.nodes.mean).abs() < 1e-6, "{sample:?}");
        }
        before = Some(sample);
    }
    recounted(
        &run,
        |pod, beyond| Some((pod.created, pod.scheduled.or(pod.finished).unwrap_or(beyond))),
        |extents| extents.pods_unbound,
    );
    recounted(
        &run,
        |pod, beyond| Some((pod.created, pod.started.or(pod.finished).unwrap_or(beyond))),
        |extents| extents.pods_pending,
    );
    recounted(&run, |pod, beyond| Some((pod.started?, pod.finished.unwrap_or(beyond))), |extents| extents.pods_running);
}

#[test]
fn no_peak_is_lost_in_any_shipped_scenario() {
    for path in shipped() {
        let files = ScenarioFiles::open(&path).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
        let shorter = Override::parse("duration=5h").unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
        let loaded = files.load(&[shorter]).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
        holds(&loaded.scenario, 1);
    }
}

proptest! {
    #![proptest_config(crate::invariants::runs::config(24))]

    #[test]
    fn no_peak_is_lost_in_drawn_scenarios(plan in draw::autoscaled_cluster(), seed in 0..1_000u64) {
        holds(&plan.scenario(), seed);
    }
}
