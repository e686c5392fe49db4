//! Where idle money is and why pods waited, in scenarios made for one reason each.

use windtunnel::sim::{IdleReason, Mechanism};

use super::run_scenario;
use super::written::written;
use crate::watch::Watched;

/// Stands for a PodDisruptionBudget that lets no `keeper` go.
const TIGHT: &str = "# a tight budget";

/// Two nodes that `web` fills for ten minutes; from then on there is only `keeper`, a small pod on each.
fn kept(group: &str, keeper: &str, pod: &str, options: &str) -> Watched {
    let budget = if pod == TIGHT { "0" } else { "100%" };
    let text = format!(
        "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: kept}}
spec:
  duration: 6h
  nodeGroups: [{{name: general, instanceType: m6i.xlarge, maxSize: 4, initialSize: 2, {group}}}]
  autoscaling: {{clusterAutoscaler: {{{options}}}}}
  replicaChanges: [{{target: {{kind: Deployment, name: web}}, at: 10m, replicas: 0}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: c, image: i, resources: {{requests: {{cpu: 3000m, memory: 64Mi}}}}}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: keeper}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: keeper}}}}
  template:
    metadata: {{labels: {{app: keeper}}, {keeper}}}
    spec:
      {pod}
      containers: [{{name: c, image: i, resources: {{requests: {{cpu: 800m, memory: 64Mi}}}}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: keeper}}
spec: {{maxUnavailable: {budget}, selector: {{matchLabels: {{app: keeper}}}}}}
"
    );
    run_scenario(&text, &[])
}

/// Hours that machines stood for a reason on an account.
fn idle_hours(run: &Watched, reason: IdleReason, by: &str) -> f64 {
    let rows = run.outcome.explanation.idle.iter().filter(|row| row.reason == reason && *row.by == *by);
    rows.map(|row| row.node_time as f64 / 3_600e9).sum()
}

fn waited(run: &Watched, reason: Mechanism, by: &str) -> f64 {
    let rows = run.outcome.explanation.waits.iter().filter(|row| row.reason == reason && *row.by == *by);
    rows.map(|row| row.pod_time as f64 / 1e9).sum()
}

#[test]
fn what_keeps_a_node_is_told_with_the_workload_or_group_that_keeps_it() {
    use IdleReason::*;
    let small = "minSize: 0";
    let cases = [
        (small, "", "volumes: [{name: scratch, emptyDir: {}}]", "", LocalStorage, "default/keeper"),
        (
            small,
            "annotations: {cluster-autoscaler.kubernetes.io/safe-to-evict: \"false\"}",
            "",
            "",
            PodAnnotation,
            "default/keeper",
        ),
        ("minSize: 2", "", "", "", MinSize, "general"),
        (small, "", "", "scaleDownEnabled: false", ScaleDownDisabled, "general"),
        (small, "", "", "scaleDownUnneededTime: 10h", UnneededTime, "general"),
        (small, "", "", "scaleDownUtilizationThreshold: 0.1", AboveThreshold, "general"),
        (small, "", TIGHT, "", DisruptionBudget, "default/keeper"),
    ];
    for (group, keeper, pod, options, reason, by) in cases {
        let run = kept(group, keeper, pod, options);
        let hours = idle_hours(&run, reason, by);
        assert!(hours > 5.0, "{reason:?} {hours}: {:?}", run.outcome.explanation.idle);
    }
}

/// Five pods of which a group of two nodes takes four: the fifth waits for the maximum, the others for the boot.
#[test]
fn pods_wait_for_a_boot_and_then_for_a_group_at_its_maximum() {
    let text = "apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: waits}
spec:
  duration: 2h
  nodeGroups: [{name: general, instanceType: m6i.xlarge, minSize: 0, maxSize: 2, provisioning: 60s, startup: 0s}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 5
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 1900m, memory: 64Mi}}}]}
";
    let run = run_scenario(text, &[]);
    let explanation = &run.outcome.explanation;
    let at_maximum = waited(&run, Mechanism::GroupAtMaximum, "general");
    assert!((7_000.0..7_200.0).contains(&at_maximum), "{explanation:?}");
    let boot = waited(&run, Mechanism::OnItsWay, "default/web");
    assert!((240.0..320.0).contains(&boot), "{explanation:?}");
    assert!(waited(&run, Mechanism::NotLookedAt, "default/web") < 5.0 * 12.0, "{explanation:?}");
    let reason = explanation.wait_reasons.iter().find(|row| row.reason == Mechanism::GroupAtMaximum).expect("told");
    assert_eq!(reason.pods, 1);
    assert!((2.0..40.0).contains(&reason.first.as_secs_f64()), "{reason:?}");
}

#[test]
fn without_an_autoscaler_pods_wait_for_room_or_for_a_node_that_could_hold_them() {
    let text = "apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: waits}
spec:
  duration: 1h
  nodes: [{name: fixed, instanceType: m6i.xlarge}]
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: c, image: i, resources: {requests: {cpu: \"3\"}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b}
spec: {containers: [{name: c, image: i, resources: {requests: {cpu: \"3\"}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: huge}
spec: {containers: [{name: c, image: i, resources: {requests: {cpu: \"30\"}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: gated}
spec:
  schedulingGates: [{name: example.com/hold}]
  containers: [{name: c, image: i}]
";
    let run = run_scenario(text, &[]);
    assert_eq!(waited(&run, Mechanism::NoRoom, "default/b"), 3_600.0);
    assert_eq!(waited(&run, Mechanism::NoFittingType, "default/huge"), 3_600.0);
    assert_eq!(waited(&run, Mechanism::Gated, "default/gated"), 3_600.0);
    assert_eq!(run.outcome.explanation.waits.len(), 3);
    assert!(idle_hours(&run, IdleReason::NotAutoscaled, "fixed") == 1.0);
}

/// Room that comes free is taken only when the scheduler's back-off is over, and that part of the wait is the back-off's.
#[test]
fn the_scheduler_s_back_off_is_told_apart_from_the_wait_for_room() {
    let text = "apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: waits}
spec:
  duration: 1h
  nodes: [{name: fixed, instanceType: m6i.xlarge}]
  workloads:
    - {target: {kind: Job, name: a}, duration: 30s}
    - {target: {kind: Job, name: b}, arrival: 30600ms, duration: 30s}
  scheduler: {schedulerPopFromBackoffQ: false}
---
apiVersion: batch/v1
kind: Job
metadata: {name: a}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, resources: {requests: {cpu: \"3\"}}}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: b}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, resources: {requests: {cpu: \"3\"}}}]}}}
";
    let run = run_scenario(text, &[]);
    let explanation = &run.outcome.explanation;
    let (room, back_off) =
        (waited(&run, Mechanism::NoRoom, "default/b"), waited(&run, Mechanism::SchedulerBackoff, "default/b"));
    assert!(room > 0.0 && back_off > 0.0 && back_off <= 2.0, "{explanation:?}");
}

/// As [`kept`], on nodes of a NodePool whose `disruption` is given.
fn kept_by_karpenter(disruption: &str, keeper: &str, budget: &str) -> Watched {
    let text = format!(
        "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: kept}}
spec:
  duration: 6h
  nodePools: {{instanceTypes: [m6i.xlarge], zones: [zone-a]}}
  replicaChanges: [{{target: {{kind: Deployment, name: web}}, at: 10m, replicas: 0}}]
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {{name: pool}}
spec:
  disruption: {disruption}
  template:
    spec:
      nodeClassRef: {{group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}}
      requirements: [{{key: karpenter.sh/capacity-type, operator: In, values: [on-demand]}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: c, image: i, resources: {{requests: {{cpu: 2500m, memory: 64Mi}}}}}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: keeper}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: keeper}}}}
  template:
    metadata: {{labels: {{app: keeper}}, {keeper}}}
    spec: {{containers: [{{name: c, image: i, resources: {{requests: {{cpu: 1000m, memory: 64Mi}}}}}}]}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: keeper}}
spec: {{maxUnavailable: {budget}, selector: {{matchLabels: {{app: keeper}}}}}}
"
    );
    run_scenario(&text, &[])
}

#[test]
fn what_karpenter_leaves_alone_is_told_by_the_same_reasons() {
    use IdleReason::*;
    let soon = "{consolidateAfter: 30s}";
    let held = "annotations: {karpenter.sh/do-not-disrupt: \"true\"}";
    let cases = [
        (soon, held, "100%", PodAnnotation, "default/keeper"),
        (soon, "", "0", DisruptionBudget, "default/keeper"),
        ("{consolidateAfter: Never}", "", "100%", ScaleDownDisabled, "pool"),
        ("{consolidateAfter: 10h}", "", "100%", UnneededTime, "pool"),
        ("{consolidateAfter: 30s, budgets: [{nodes: \"0\"}]}", "", "100%", NodeBudget, "pool"),
        (soon, "", "100%", NoCheaperPlacement, "pool"),
    ];
    for (disruption, keeper, budget, reason, by) in cases {
        let run = kept_by_karpenter(disruption, keeper, budget);
        let hours = idle_hours(&run, reason, by);
        assert!(hours > 5.0, "{reason:?} {hours}: {:?}", run.outcome.explanation.idle);
    }
}

/// Pods that no group may help, one reason each.
#[test]
fn limits_refusals_and_priorities_are_told_apart() {
    let run = |group: &str, options: &str, pod: &str| {
        let text = format!(
            "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: waits}}
spec:
  duration: 1h
  nodeGroups: [{{name: general, instanceType: m6i.xlarge, minSize: 0, maxSize: 4, {group}}}]
  autoscaling: {{clusterAutoscaler: {{{options}}}}}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {{name: low}}
value: -20
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 3
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      {pod}
      containers: [{{name: c, image: i, resources: {{requests: {{cpu: 3000m, memory: 64Mi}}}}}}]
"
        );
        run_scenario(&text, &[])
    };
    use Mechanism::*;
    let first = "initialSize: 1";
    for (group, options, pod, reason, by, pods) in [
        (first, "maxNodesTotal: 2", "", Quota, "cluster", 1.0),
        (first, "coresTotal: \"0:8\"", "", Quota, "general", 1.0),
        ("stockOuts: [{from: 0s, to: 2h}]", "", "", CloudRefused, "general", 2.0),
        (first, "", "priorityClassName: low", Expendable, "default/web", 2.0),
        (first, "", "nodeSelector: {none: such}", NoFittingType, "default/web", 3.0),
    ] {
        let run = run(group, options, pod);
        let hours = waited(&run, reason, by) / 3_600.0;
        assert!(hours > 0.8 * pods, "{reason:?} {hours}: {:?}", run.outcome.explanation.waits);
    }
}

/// Two of five pods wait for the one node that has what they select, and which is full: it is not said that none could
/// hold them because a node group could not.
#[test]
fn pods_that_a_full_node_could_hold_wait_for_room() {
    let text = "apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: full}
spec:
  duration: 30m
  nodes: [{name: n, instanceType: m6i.xlarge, labels: {disk: ssd}}]
  nodeGroups: [{name: g, instanceType: m6i.xlarge, maxSize: 4}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 5
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {nodeSelector: {disk: ssd}, containers: [{name: c, image: i, resources: {requests: {cpu: 1}}}]}
";
    let run = run_scenario(text, &[]);
    let waiting: Vec<_> = run.outcome.pods.iter().filter_map(|pod| pod.unscheduled.as_ref()).collect();
    assert_eq!(waiting.len(), 2);
    for verdict in waiting {
        assert_eq!(verdict.mechanism, Mechanism::NoRoom, "{}", verdict.reason);
        assert!(verdict.reason.starts_with("no node that could hold it had room"), "{}", verdict.reason);
    }
}

/// Two empty nodes, and rules that neither meets: what is said names the filters.
#[test]
fn pods_that_rules_keep_out_of_empty_nodes_are_told_which() {
    let deployment = |name: &str, rules: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{replicas: 3, selector: {{matchLabels: {{app: {name}}}}}, \
             template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{{rules}, containers: [{{name: c, image: i, resources: {{requests: \
             {{cpu: 10m}}}}}}]}}}}}}\n---\n"
        )
    };
    let apart = "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, \
                 labelSelector: {matchLabels: {app: aa}}}]}}";
    let spread = "topologySpreadConstraints: [{maxSkew: 1, minDomains: 3, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: \
                  DoNotSchedule, labelSelector: {matchLabels: {app: md}}}]";
    let objects = deployment("aa", apart) + &deployment("md", spread);
    let run = written("  duration: 10m\n  nodes: [{name: n, count: 2, instanceType: m6i.2xlarge}]\n", &objects);
    for (name, refused) in [("aa", "InterPodAffinity on 2"), ("md", "PodTopologySpread on 2")] {
        let waiting: Vec<_> = run.pods(name).into_iter().filter_map(|pod| pod.unscheduled.clone()).collect();
        assert!(!waiting.is_empty());
        for verdict in waiting {
            let wanted = format!("no node took it (refused by {refused}), and nothing adds nodes");
            assert_eq!(verdict.reason, wanted, "{name}");
        }
    }
}
