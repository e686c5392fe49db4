//! The scheduler's queue and preemption at work.

use super::{pod, run, secs, trace_pod};
use crate::plan::{AskPlan, NodePlan, Plan};
use windtunnel::units::{SimDuration, SimTime};

fn full_node(ask: AskPlan, second: crate::plan::PodPlan, first_seconds: i64) -> Plan {
    Plan {
        minutes: 10,
        nodes: vec![NodePlan { cores: 2, ..NodePlan::default() }],
        pods: vec![trace_pod(ask, 0, first_seconds), second],
        ..Plan::default()
    }
}

fn big(priority: i32) -> AskPlan {
    AskPlan { cpu: 1_500, priority, ..AskPlan::default() }
}

#[test]
fn a_pod_whose_room_is_freed_within_its_backoff_serves_the_backoff_first() {
    let mut plan = full_node(big(0), trace_pod(big(0), 10, 60), 10);
    plan.start_millis = 500;
    let run = run(&plan);
    assert_eq!(pod(&run, "trace-0").finished, Some(SimTime::ZERO + SimDuration::from_millis(10_500)));
    assert_eq!(pod(&run, "trace-1").scheduled, Some(secs(11)));
}

#[test]
fn a_pod_whose_room_is_freed_after_its_backoff_is_bound_at_once() {
    let run = run(&full_node(big(0), trace_pod(big(0), 10, 60), 100));
    assert_eq!(pod(&run, "trace-1").scheduled, Some(secs(100)));
}

#[test]
fn a_pod_of_higher_priority_preempts_and_takes_the_room_after_its_backoff() {
    let run = run(&full_node(big(0), trace_pod(big(1), 20, 60), 1_000));
    assert_eq!(pod(&run, "trace-0").reason, "Preempted");
    assert_eq!(pod(&run, "trace-1").scheduled, Some(secs(21)));
    // The victim comes again, and runs when the other is done.
    assert_eq!(pod(&run, "trace-0-r").scheduled, Some(secs(81)));
}

#[test]
fn a_pod_that_never_fits_waits_and_never_preempts_in_vain() {
    let huge = AskPlan { cpu: 9_000, priority: 1, ..AskPlan::default() };
    let run = run(&full_node(big(0), trace_pod(huge, 20, 60), 1_000));
    assert_eq!(pod(&run, "trace-1").scheduled, None);
    assert_eq!(run.outcome.preempted, 0);
}
