//! Rollouts of Deployments and StatefulSets when their pod template is patched.

use super::written::{Written, written};

fn deployment(replicas: u32, spec: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{replicas: {replicas}, {spec}selector: {{matchLabels: {{app: web}}}}, \
         template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: main, image: \"web:1\", resources: {{requests: {{cpu: 100m}}}}}}]}}}}}}"
    )
}

fn patch(at: &str, spec: &str) -> String {
    format!("    - {{at: {at}, target: {{kind: Deployment, name: web}}, patch: {{spec: {{{spec}}}}}}}\n")
}

const NEW_IMAGE: &str = "template: {spec: {containers: [{name: main, image: \"web:2\"}]}}";

/// Pods are ready 30 s after their start; the patches start at 600 s.
fn run(replicas: u32, spec: &str, patches: &str, more: &str) -> Written {
    let scenario = format!(
        "  duration: 2h\n  nodes: [{{name: n, instanceType: m6i.4xlarge}}]\n  \
         workloads: [{{target: {{kind: Deployment, name: web}}, startup: 30s}}]\n  patches:\n{patches}{more}"
    );
    written(&scenario, &deployment(replicas, spec))
}

fn counted(times: &[i64]) -> Vec<(i64, usize)> {
    let mut counts: Vec<(i64, usize)> = Vec::new();
    let mut times = times.to_vec();
    times.sort_unstable();
    for at in times {
        match counts.last_mut() {
            Some((last, count)) if *last == at => *count += 1,
            _ => counts.push((at, 1)),
        }
    }
    counts
}

fn ended(run: &Written) -> Vec<(i64, usize)> {
    counted(&run.ended("web").iter().map(|(at, _)| *at).collect::<Vec<_>>())
}

/// Ten replicas, 25 % each: at most 13 pods, at least 8 available. Three new ones, and two old ones may go at once, for
/// which two more come; each 30 s later as many old go as new turned ready.
#[test]
fn a_rolling_update_surges_and_never_falls_below_what_must_be_available() {
    let run = run(10, "", &patch("600s", NEW_IMAGE), "");
    assert_eq!(counted(&run.created("web")), [(0, 10), (600, 5), (630, 5)]);
    assert_eq!(ended(&run), [(600, 2), (630, 5), (660, 3)]);
    assert_eq!((run.live_at("web", 600), run.live_at("web", 659), run.live_at("web", 661)), (13, 13, 10));
    assert_eq!(run.ready_at("web", 629), 8);
    let first = run.decisions("deployment-controller replicaset/default/web-");
    assert!(first[0].contains("0 -> 3: rolling update: 10 pods and maxSurge 3 at most, 10 stand"), "{first:#?}");
    assert!(first[1].contains("10 -> 8"), "{first:#?}");
    assert_eq!(run.decisions("Progressing -> Complete").len(), 1);
}

#[test]
fn a_surge_of_all_doubles_the_pods() {
    let strategy = "strategy: {rollingUpdate: {maxSurge: \"100%\", maxUnavailable: 0}}, ";
    let run = run(10, strategy, &patch("600s", NEW_IMAGE), "");
    assert_eq!(run.live_at("web", 615), 20);
    assert_eq!(ended(&run), [(630, 10)]);
}

#[test]
fn recreate_ends_all_pods_before_it_makes_new_ones() {
    let text = patch("600s", NEW_IMAGE);
    let run = run(4, "strategy: {type: Recreate}, ", &text, "");
    assert_eq!(ended(&run), [(600, 4)]);
    assert_eq!(counted(&run.created("web")), [(0, 4), (600, 4)]);
    assert_eq!(run.ready_at("web", 629), 0);
}

/// `minReadySeconds`: a pod that is ready counts only a minute later.
#[test]
fn new_pods_have_to_be_ready_for_a_while() {
    let run = run(4, "minReadySeconds: 60, ", &patch("600s", NEW_IMAGE), "");
    // 25 % of 4: one more, one fewer.
    assert_eq!(counted(&run.created("web")), [(0, 4), (600, 2), (690, 2)]);
    assert_eq!(ended(&run), [(600, 1), (690, 2), (780, 1)]);
}

#[test]
fn a_paused_deployment_rolls_when_it_goes_on() {
    let patches = format!("{}{}", patch("600s", &format!("paused: true, {NEW_IMAGE}")), patch("20m", "paused: false"));
    let run = run(10, "", &patches, "");
    assert_eq!(counted(&run.created("web")), [(0, 10), (1200, 5), (1230, 5)]);
}

/// In mid-rollout 10 old and 2 new stand (at most 12); for 20 replicas 22 may, shared 18 to 4.
#[test]
fn a_scale_in_mid_rollout_is_shared_in_proportion() {
    let strategy = "strategy: {rollingUpdate: {maxSurge: 2, maxUnavailable: 0}}, ";
    let change = "  replicaChanges: [{at: 610s, target: {kind: Deployment, name: web}, replicas: 20}]\n";
    let run = run(10, strategy, &patch("600s", NEW_IMAGE), change);
    assert_eq!(counted(&run.created("web"))[..3], [(0, 10), (600, 2), (610, 10)]);
    let scaled = run.decisions("in proportion");
    assert!(scaled[0].contains("10 -> 18") && scaled[1].contains("2 -> 4"), "{scaled:#?}");
    assert_eq!(run.live_at("web", 7000), 20);
}

/// A template whose pods fit nowhere: what must be available stays, and the deadline is told.
#[test]
fn a_rollout_that_gets_no_further_says_so() {
    let huge = "template: {spec: {containers: [{name: main, resources: {requests: {cpu: \"60\"}}}]}}";
    let run = run(10, "", &patch("600s", huge), "");
    let stalled = run.decisions("ProgressDeadlineExceeded");
    assert_eq!(stalled.len(), 1);
    assert!(stalled[0].starts_with("20m0s ") || stalled[0].starts_with("1200s "), "{stalled:?}");
    assert_eq!(run.ready_at("web", 7000), 8);
}

/// A change of the environment or an annotation (`kubectl rollout restart`) rolls as any other.
#[test]
fn every_change_of_the_template_rolls_and_none_rolls_nothing() {
    let restart = "template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: now}}}";
    assert_eq!(run(4, "", &patch("600s", restart), "").created("web").len(), 8);
    let variable = "template: {spec: {containers: [{name: main, env: [{name: A, value: b}]}]}}";
    assert_eq!(run(4, "", &patch("600s", variable), "").created("web").len(), 8);
    let same = "template: {spec: {containers: [{name: main, image: \"web:1\"}]}}";
    assert_eq!(run(4, "", &patch("600s", same), "").created("web").len(), 4);
}

#[test]
fn a_patch_back_is_a_rollback() {
    let back = "template: {spec: {containers: [{name: main, image: \"web:1\"}]}}";
    let patches = format!("{}{}", patch("600s", NEW_IMAGE), patch("610s", back));
    let run = run(10, "", &patches, "");
    // Of the five new pods none was ready: they go at once, and the two old ones that went come again.
    assert_eq!(counted(&run.created("web")), [(0, 10), (600, 5), (610, 2)]);
    assert_eq!(ended(&run), [(600, 2), (610, 5)]);
}

fn stateful(update: &str) -> Written {
    let scenario = format!(
        "  duration: 2h\n  nodes: [{{name: n, instanceType: m6i.4xlarge}}]\n  \
         workloads: [{{target: {{kind: StatefulSet, name: db}}, startup: 30s}}]\n  patches:\n    \
         - {{at: 600s, target: {{kind: StatefulSet, name: db}}, patch: {{spec: {{{update}{NEW_IMAGE}}}}}}}\n"
    );
    let set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {replicas: 3, serviceName: db, selector: {matchLabels: {app: db}}, \
        template: {metadata: {labels: {app: db}}, spec: {containers: [{name: main, image: \"web:1\", resources: {requests: {cpu: 100m}}}]}}}";
    written(&scenario, set)
}

#[test]
fn a_stateful_set_rolls_from_the_highest_ordinal_down_one_at_a_time() {
    let run = stateful("");
    assert_eq!(
        [run.created("db-0"), run.created("db-1"), run.created("db-2")],
        [vec![0, 660], vec![30, 630], vec![60, 600]]
    );
    assert_eq!(run.decisions("Progressing -> Complete").len(), 1);
}

#[test]
fn a_stateful_set_leaves_what_is_below_its_partition() {
    let run = stateful("updateStrategy: {rollingUpdate: {partition: 2}}, ");
    assert_eq!([run.created("db-0"), run.created("db-1"), run.created("db-2")], [vec![0], vec![30], vec![60, 600]]);
    let on_delete = stateful("updateStrategy: {type: OnDelete, rollingUpdate: null}, ");
    assert_eq!(on_delete.pods("db").len(), 3);
}
