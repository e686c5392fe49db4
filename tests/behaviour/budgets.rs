//! PodDisruptionBudgets over pods that are no replicas, as the disruption controller counts them.

use super::run_scenario;

/// Two pods on two half-empty nodes of a group that the autoscaler would merge; `owner` makes the pods, `budget` guards.
fn nodes_removed(owner: &str, budget: &str) -> u32 {
    let text = format!(
        "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {{name: guard}}\nspec:\n  duration: 1h\n  \
         nodeGroups: [{{name: g, instanceType: m6i.large, minSize: 0, maxSize: 3, initialSize: 2, provisioning: 30s, \
         startup: 0s}}]\n  autoscaling: {{clusterAutoscaler: {{scaleDownUtilizationThreshold: 0.9, \
         skipNodesWithSystemPods: false}}}}\n{owner}---\napiVersion: policy/v1\nkind: PodDisruptionBudget\n\
         metadata: {{name: b}}\nspec: {{selector: {{matchLabels: {{app: w}}}}, {budget}}}\n"
    );
    run_scenario(&text, &[]).outcome.nodes_removed
}

const POD: &str = "containers: [{name: c, image: i, resources: {requests: {cpu: 600m, memory: 1Gi}}}]";

/// Pods that keep apart at first: the second arrives when the first has taken its node.
fn job() -> String {
    let spread = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, \
                  whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: w}}}]";
    format!(
        "  workloads: [{{target: {{kind: Job, name: w}}, duration: 2h}}]\n---\napiVersion: batch/v1\nkind: Job\n\
         metadata: {{name: w}}\nspec:\n  parallelism: 2\n  completions: 2\n  template:\n    \
         metadata: {{labels: {{app: w}}}}\n    spec: {{restartPolicy: OnFailure, {spread}, {POD}}}\n"
    )
}

#[test]
fn a_number_of_available_pods_holds_for_the_pods_of_a_job() {
    assert_eq!(nodes_removed(&job(), "minAvailable: 2"), 0);
    assert_eq!(nodes_removed(&job(), "minAvailable: 1"), 1);
}

/// A Job has no scale: the controller fails, and allows nothing.
#[test]
fn percentages_and_maxima_over_a_jobs_pods_allow_nothing() {
    assert_eq!(nodes_removed(&job(), "maxUnavailable: 1"), 0);
    assert_eq!(nodes_removed(&job(), "minAvailable: 10%"), 0);
    assert_eq!(nodes_removed(&job(), "maxUnavailable: 100%"), 0);
}

/// Pods of nobody are no part of the scale, and without a scale nothing may go.
#[test]
fn pods_of_nobody_count_for_a_number_only() {
    let bare = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: w}}, annotations: \
             {{cluster-autoscaler.kubernetes.io/safe-to-evict: 'true'}}}}\nspec: {{topologySpreadConstraints: \
             [{{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: \
             {{matchLabels: {{app: w}}}}}}], {POD}}}\n"
        )
    };
    let pods = bare("p") + &bare("q");
    assert_eq!(nodes_removed(&pods, "minAvailable: 2"), 0);
    assert_eq!(nodes_removed(&pods, "minAvailable: 1"), 1);
    assert_eq!(nodes_removed(&pods, "maxUnavailable: 1"), 0);
}
