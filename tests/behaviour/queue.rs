//! The scheduler's queue and preemption at work.

use windtunnel::sim::RunOptions;
use windtunnel::units::{SimDuration, SimTime};

use super::written::written;
use super::{pod, run, secs, trace_pod};
use crate::plan::{AskPlan, NodePlan, Plan};
use crate::watch::{Watched, watch};

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

/// The feature gate `SchedulerPopFromBackoffQ`, off.
fn run_patiently(plan: &Plan) -> Watched {
    let mut scenario = plan.scenario();
    scenario.scheduler.scheduler_pop_from_backoff_q = false;
    watch(&scenario, 1, RunOptions { audit_every: 1, ..RunOptions::default() })
}

#[test]
fn a_pod_whose_room_is_freed_within_its_backoff_is_bound_at_once() {
    let mut plan = full_node(big(0), trace_pod(big(0), 10, 60), 10);
    plan.start_millis = 500;
    let freed = SimTime::ZERO + SimDuration::from_millis(10_500);
    let run = run(&plan);
    assert_eq!(pod(&run, "trace-0").finished, Some(freed));
    assert_eq!(pod(&run, "trace-1").scheduled, Some(freed));
    // Up to 1.32 it served its back-off of a second first.
    assert_eq!(pod(&run_patiently(&plan), "trace-1").scheduled, Some(secs(11)));
}

#[test]
fn a_pod_whose_room_is_freed_after_its_backoff_is_bound_at_once() {
    let plan = full_node(big(0), trace_pod(big(0), 10, 60), 100);
    assert_eq!(pod(&run(&plan), "trace-1").scheduled, Some(secs(100)));
    assert_eq!(pod(&run_patiently(&plan), "trace-1").scheduled, Some(secs(100)));
}

#[test]
fn a_pod_of_higher_priority_preempts_and_takes_the_room() {
    let plan = full_node(big(0), trace_pod(big(1), 20, 60), 1_000);
    for (run, bound) in [(run(&plan), 20), (run_patiently(&plan), 21)] {
        assert_eq!(pod(&run, "trace-0").reason, "Preempted");
        assert_eq!(pod(&run, "trace-1").scheduled, Some(secs(bound)));
        // The victim comes again, and runs when the other is done.
        assert_eq!(pod(&run, "trace-0-r").scheduled, Some(secs(bound + 60)));
    }
}

/// Forty pods wait for a node of one. Places are freed further apart than back-offs last, so that the oldest is next.
#[test]
fn pods_that_wait_are_served_in_the_order_of_their_arrival() {
    let plan = Plan {
        minutes: 60,
        nodes: vec![NodePlan { cores: 2, ..NodePlan::default() }],
        pods: (0..40).map(|pod| trace_pod(big(0), pod / 4, 12)).collect(),
        ..Plan::default()
    };
    let run = run(&plan);
    for turn in 0..40 {
        assert_eq!(pod(&run, &format!("trace-{turn}")).scheduled, Some(secs(turn * 12)), "trace-{turn}");
    }
}

#[test]
fn a_pod_that_never_fits_waits_and_never_preempts_in_vain() {
    let huge = AskPlan { cpu: 9_000, priority: 1, ..AskPlan::default() };
    let run = run(&full_node(big(0), trace_pod(huge, 20, 60), 1_000));
    assert_eq!(pod(&run, "trace-1").scheduled, None);
    assert_eq!(run.outcome.preempted, 0);
}

/// However a pod ends, the one that waits for its room gets it at that instant.
#[test]
fn room_is_taken_at_the_instant_in_which_a_pod_ends() {
    let class = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: first}\nvalue: 1000\n---\n";
    let container = "{name: c, image: i, resources: {requests: {cpu: 900m}}}";
    let template = |policy: &str| {
        format!("template: {{spec: {{priorityClassName: first, restartPolicy: {policy}, containers: [{container}]}}}}")
    };
    let bare = |more: &str, container: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: holder}}\nspec: {{priorityClassName: first, {more}containers: [{container}]}}"
        )
    };
    let job = |more: &str| {
        format!("apiVersion: batch/v1\nkind: Job\nmetadata: {{name: holder}}\nspec: {{{more}{}}}", template("Never"))
    };
    let of_job = |more: &str| format!("  workloads: [{{target: {{kind: Job, name: holder}}, duration: 10s{more}}}]\n");
    let suspend = "  patches: [{at: 7s, target: {kind: Job, name: holder}, patch: {spec: {suspend: true}}}]\n";
    let cases = [
        ("a pod's deadline", bare("activeDeadlineSeconds: 90, ", container), String::new(), 90),
        ("completion", job(""), of_job(""), 10),
        ("failure", job("backoffLimit: 0, "), of_job(", failures: {probability: 1, exitCode: 3}"), 10),
        ("a job's deadline", job("activeDeadlineSeconds: 6, "), of_job(""), 6),
        ("suspension", job(""), format!("{}{suspend}", of_job("")), 7),
    ];
    for (what, holder, settings, end) in cases {
        let spec = format!("  duration: 10m\n  nodes: [{{name: n, capacity: {{cpu: 1, memory: 8Gi}}}}]\n{settings}");
        let next = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: next}}\nspec: {{containers: [{container}]}}");
        let run = written(&spec, &format!("{class}{holder}\n---\n{next}"));
        let scheduled = run.pods("next")[0].scheduled.map(super::written::seconds);
        assert_eq!((run.ended("holder")[0].0, scheduled), (end, Some(end)), "{what}");
    }
}
