//! batch/v1 Jobs: suspension, back-off, policies of failure and success, deadlines, changes of size.

use super::written::{Written, written};

const NODE: &str = "  duration: 3h\n  nodes: [{name: n, instanceType: m6i.4xlarge}]\n";

fn job(spec: &str, restart_policy: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: work}}\nspec: {{{spec}, template: {{spec: {{restartPolicy: {restart_policy}, \
         containers: [{{name: main, image: i, resources: {{requests: {{cpu: 100m}}}}}}]}}}}}}"
    )
}

/// Each pod works for 10 s; with `failing` it then fails.
fn run(spec: &str, failing: bool, more: &str) -> Written {
    run_with(spec, "Never", failing, more)
}

fn run_with(spec: &str, restart_policy: &str, failing: bool, more: &str) -> Written {
    let failures = if failing { ", failures: {probability: 1, exitCode: 42}" } else { "" };
    let settings = format!("  workloads: [{{target: {{kind: Job, name: work}}, duration: 10s{failures}}}]\n");
    written(&format!("{NODE}{settings}{more}"), &job(spec, restart_policy))
}

fn patch(at: &str, spec: &str) -> String {
    format!("    - {{at: {at}, target: {{kind: Job, name: work}}, patch: {{spec: {{{spec}}}}}}}\n")
}

#[test]
fn a_suspended_job_makes_no_pods_and_says_so() {
    let run = run("suspend: true, parallelism: 3, completions: 3", false, "");
    assert!(run.created("work").is_empty());
    assert!(run.warnings.iter().any(|warning| warning.contains("suspended")), "{:?}", run.warnings);
}

/// Its pods end without counting as failures, and come again when it is resumed.
#[test]
fn suspending_ends_pods_and_resuming_makes_them_anew() {
    let patches = format!(
        "  patches:\n{}{}{}",
        patch("30m", "suspend: false"),
        patch("1805s", "suspend: true"),
        patch("1h", "suspend: false")
    );
    let run = run("suspend: true, parallelism: 2, completions: 2, backoffLimit: 0", false, &patches);
    assert_eq!(run.created("work"), [1800, 1800, 3600, 3600]);
    let (suspended, done) = ((1805, "JobSuspended"), (3610, "Completed"));
    assert_eq!(run.ended("work"), [suspended, suspended, done, done]);
    assert!(run.decisions("Failed").is_empty());
}

/// 10 s, 20 s, 40 s after each failure; the fourth is one more than the limit of three.
#[test]
fn failed_pods_come_again_after_a_doubling_backoff_until_the_limit() {
    let run = run("backoffLimit: 3", true, "");
    assert_eq!(run.created("work"), [0, 20, 50, 100]);
    assert_eq!(run.ended("work").last(), Some(&(110, "Error")));
    assert_eq!(run.decisions("BackoffLimitExceeded").len(), 1);
}

#[test]
fn a_job_that_restarts_in_place_gives_up_by_its_restarts() {
    let run = run_with("backoffLimit: 2", "OnFailure", true, "");
    assert_eq!(run.created("work"), [0]);
    // Fails at 10 s and, started again at once, at 20 s; the second restart comes after a back-off of 10 s, and is its
    // limit, seen a second later.
    assert_eq!(run.ended("work"), [(31, "JobFailed")]);
    assert_eq!(run.pods("work")[0].restarts, 2);
}

#[test]
fn a_failure_policy_fails_the_job_on_an_exit_code() {
    let policy = |action: &str, values: &str| {
        format!(
            "podFailurePolicy: {{rules: [{{action: {action}, onExitCodes: {{operator: In, values: [{values}]}}}}]}}"
        )
    };
    let failed = run(&policy("FailJob", "7, 42"), true, "");
    assert_eq!(failed.created("work"), [0]);
    assert_eq!(failed.decisions("PodFailurePolicy").len(), 1);
    let other = run(&format!("backoffLimit: 1, {}", policy("FailJob", "7")), true, "");
    assert_eq!(other.created("work"), [0, 20]);
    // Ignored failures count towards the back-off, and never towards the limit.
    let ignored = run(&format!("backoffLimit: 0, {}", policy("Ignore", "42")), true, "");
    assert_eq!(ignored.created("work")[..4], [0, 20, 50, 100]);
    assert!(ignored.decisions("BackoffLimitExceeded").is_empty());
}

/// At 60 s a Job of higher priority takes the node for a minute; containers take so long to end.
fn preempted(spec: &str, termination: &str) -> Written {
    let objects = format!(
        "{}\n---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {{name: high}}\nvalue: 1000\n---\n\
         apiVersion: batch/v1\nkind: Job\nmetadata: {{name: urgent}}\nspec: {{template: {{spec: {{restartPolicy: Never, \
         priorityClassName: high, containers: [{{name: c, image: i, resources: {{requests: {{cpu: 900m}}}}}}]}}}}}}",
        job(spec, "Never")
    );
    let scenario = format!(
        "  duration: 1h\n  nodes: [{{name: n, capacity: {{cpu: 950m, memory: 4Gi}}}}]\n  \
         kubelet: {{containerStart: 0s, termination: {termination}}}\n  workloads:\n    \
         - {{target: {{kind: Job, name: work}}, duration: 5m}}\n    \
         - {{target: {{kind: Job, name: urgent}}, arrival: 60s, duration: 1m}}\n"
    );
    written(&scenario, &objects)
}

/// A pod that is preempted has the condition DisruptionTarget: it counts as a failure unless a rule ignores it.
#[test]
fn a_disruption_is_ignored_where_the_policy_says_so() {
    let counted = preempted("backoffLimit: 0", "0s");
    assert_eq!(counted.ended("work"), [(60, "Preempted")]);
    assert_eq!(counted.decisions("BackoffLimitExceeded").len(), 1);
    let ignored = preempted(
        "backoffLimit: 0, podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget, status: \"True\"}]}]}",
        "0s",
    );
    assert!(ignored.decisions("BackoffLimitExceeded").is_empty());
    let ends = ignored.ended("work");
    assert_eq!((ends.len(), ends[1].1), (2, "Completed"), "{ends:?}");
}

#[test]
fn each_index_has_a_backoff_and_a_limit_of_its_own() {
    let run = run(
        "completionMode: Indexed, completions: 2, parallelism: 2, backoffLimitPerIndex: 1, maxFailedIndexes: 5",
        true,
        "",
    );
    assert_eq!(run.created("work-0"), [0, 20]);
    assert_eq!(run.created("work-1"), [0, 20]);
    let over = run.decisions("FailedIndexes");
    assert_eq!(over.len(), 1, "{over:?}");
    assert!(over[0].starts_with("31s "), "{over:?}");
}

#[test]
fn more_failed_indexes_than_may_fail_end_the_job() {
    let run = run(
        "completionMode: Indexed, completions: 4, parallelism: 2, backoffLimitPerIndex: 0, maxFailedIndexes: 1",
        true,
        "",
    );
    // Both of the first two fail: that is one too many, and the other two are never made.
    assert_eq!(run.pods("work").len(), 2);
    assert_eq!(run.decisions("MaxFailedIndexesExceeded").len(), 1);
}

/// As many as may fail are no reason to end the others.
#[test]
fn as_many_failed_indexes_as_may_fail_leave_the_job_at_work() {
    let run = run(
        "completionMode: Indexed, completions: 4, parallelism: 2, backoffLimitPerIndex: 0, maxFailedIndexes: 2",
        true,
        "",
    );
    // The first two fail, which is as many as may; the next two are made, and fail.
    assert_eq!(run.pods("work").len(), 4);
    assert_eq!(run.decisions("MaxFailedIndexesExceeded").len(), 1);
}

#[test]
fn a_success_policy_ends_the_job_early() {
    let policy = "successPolicy: {rules: [{succeededIndexes: \"0\"}]}";
    let run = run(&format!("completionMode: Indexed, completions: 3, parallelism: 1, {policy}"), false, "");
    assert_eq!(run.ended("work"), [(10, "Completed")]);
    assert_eq!(run.decisions("SuccessPolicy").len(), 1);
}

#[test]
fn a_job_has_a_deadline_and_a_pod_has_one() {
    let of_job = run("activeDeadlineSeconds: 25, completions: 5", false, "");
    // A second for the controller to look between one pod and the next.
    assert_eq!(of_job.created("work"), [0, 11, 22]);
    assert_eq!(of_job.ended("work"), [(10, "Completed"), (21, "Completed"), (25, "JobFailed")]);
    assert_eq!(of_job.decisions("DeadlineExceeded").len(), 1);

    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: bare}\nspec: {activeDeadlineSeconds: 90, containers: [{name: c, image: i}]}";
    let of_pod = written(NODE, pod);
    assert_eq!(of_pod.ended("bare"), [(90, "DeadlineExceeded")]);
}

/// Without completions the pods share a queue of work: after the first success none is made any more.
#[test]
fn a_work_queue_is_over_when_its_pods_are() {
    assert_eq!(run("parallelism: 3", false, "").created("work"), [0, 0, 0]);
    let failing = run("parallelism: 2, backoffLimit: 2", true, "");
    assert!(failing.created("work").len() > 2, "without a success its pods are replaced");
}

#[test]
fn parallelism_can_grow_and_shrink_in_mid_run() {
    let patches = format!("  patches:\n{}{}", patch("5s", "parallelism: 3"), patch("13s", "parallelism: 1"));
    let run = run("parallelism: 1, completions: 20", false, &patches);
    assert_eq!(run.created("work")[..3], [0, 5, 5]);
    // At 13 s the one made at 11 s and those made at 5 s are too many by two.
    assert_eq!(run.ended("work").iter().filter(|(at, reason)| (*at, *reason) == (13, "ScaledDown")).count(), 2);
    assert_eq!(run.live_at("work", 14), 1);
}

/// Preempted at 60 s, the pod takes 20 s to end: it has failed, and its back-off of 10 s begins, then or now.
#[test]
fn a_replacement_waits_where_its_policy_says_so() {
    let replaced = |policy: &str| preempted(&format!("podReplacementPolicy: {policy}"), "20s").created("work");
    assert_eq!(replaced("Failed"), [0, 90]);
    assert_eq!(replaced("TerminatingOrFailed"), [0, 70]);
}

#[test]
fn a_job_that_another_controller_manages_gets_no_pods() {
    let run = run("managedBy: kueue.x-k8s.io/multikueue", false, "");
    assert!(run.created("work").is_empty());
    assert!(run.warnings.iter().any(|warning| warning.contains("managed by another controller")));
}

/// Two at a time, each index once, the lowest that is free next.
#[test]
fn every_index_runs_once() {
    let run = run("completionMode: Indexed, completions: 5, parallelism: 2", false, "");
    let names: Vec<String> = run.pods("work").iter().map(|pod| pod.name.chars().take(6).collect()).collect();
    assert_eq!(names, ["work-0", "work-1", "work-2", "work-3", "work-4"]);
    assert_eq!(run.ended("work").len(), 5);
}

/// What a container says at its end: its own code, 137 where it was killed and 143 where it was asked to stop. A node that
/// is lost says nothing, and a pod that never started has no code either.
#[test]
fn the_exit_code_of_each_end_is_what_a_policy_meets() {
    let policy = |values: &str| {
        format!(
            "podFailurePolicy: {{rules: [{{action: FailJob, onExitCodes: {{operator: In, values: [{values}]}}}}]}}, backoffLimit: 9"
        )
    };
    let by_policy = |run: &Written| !run.decisions("PodFailurePolicy").is_empty();
    let late = |values: &str| {
        let spec = policy(values);
        let pod = job(&spec, "Never").replace("restartPolicy: Never", "activeDeadlineSeconds: 5, restartPolicy: Never");
        written(&format!("{NODE}  workloads: [{{target: {{kind: Job, name: work}}, duration: 10s}}]\n"), &pod)
    };
    assert_eq!(late("143").ended("work"), [(5, "DeadlineExceeded")]);
    assert_eq!([late("143"), late("137"), late("1, 42")].map(|run| by_policy(&run)), [true, false, false]);
    assert_eq!(["143", "137"].map(|values| by_policy(&preempted(&policy(values), "0s"))), [true, false]);

    let killed = |values: &str| {
        let small = "requests: {cpu: 100m, memory: 100Mi}, limits: {memory: 200Mi}";
        let pod = job(&policy(values), "Never").replace("requests: {cpu: 100m}", small);
        let uses = "{target: {kind: Job, name: work}, duration: 10m, usage: {memory: 3}}";
        written(&format!("{NODE}  workloads: [{uses}]\n"), &pod)
    };
    assert_eq!(killed("137").ended("work").first().map(|end| end.1), Some("OOMKilled"));
    assert_eq!(["137", "143"].map(|values| by_policy(&killed(values))), [true, false]);

    // The machine is gone at 20 s, and with it its node.
    let lost = |values: &str| {
        let group = "  duration: 1h\n  nodeGroups: [{name: g, instanceType: m6i.large, initialSize: 1, minSize: 1, maxSize: 1}]\n";
        let settings =
            "  workloads: [{target: {kind: Job, name: work}, duration: 40m}]\n  outages: [{at: 20s, node: g-0}]\n";
        written(&format!("{group}{settings}"), &job(&policy(values), "Never"))
    };
    assert_eq!(lost("1").ended("work").first().map(|end| end.1), Some("NodeLost"));
    assert!(!by_policy(&lost("1, 42, 137, 143")));
}
