//! Corners that whole runs seldom come to: each by a scenario of its own, with what must happen in it.

use windtunnel::sim::PodRow;

use super::{pod, run_scenario, trace_pod};
use crate::plan::{AskPlan, NodePlan, Plan};
use crate::watch::Watched;

fn scenario(spec: &str, objects: &[&str]) -> String {
    let head = format!("apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {{name: corner}}\nspec:\n{spec}");
    objects.iter().fold(head, |text, object| format!("{text}---\n{object}"))
}

fn container(requests: &str) -> String {
    format!("containers: [{{name: c, image: i, resources: {{requests: {{{requests}}}}}}}]")
}

fn named(kind: &str, name: &str, spec: &str) -> String {
    let version = match kind {
        "Pod" => "v1",
        "Job" => "batch/v1",
        "HorizontalPodAutoscaler" => "autoscaling/v2",
        "PodDisruptionBudget" => "policy/v1",
        "NodePool" => "karpenter.sh/v1",
        _ => "apps/v1",
    };
    format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\nspec: {{{spec}}}\n"
    )
}

fn deployment(name: &str, replicas: u32, pod: &str) -> String {
    let labels = format!("{{app: {name}}}");
    let template = format!("template: {{metadata: {{labels: {labels}}}, spec: {{{pod}}}}}");
    named("Deployment", name, &format!("replicas: {replicas}, selector: {{matchLabels: {labels}}}, {template}"))
}

fn told<'a>(run: &'a Watched, word: &str) -> Vec<&'a str> {
    run.decisions.iter().map(String::as_str).filter(|line| line.contains(word)).collect()
}

fn pods_of<'a>(run: &'a Watched, stem: &str) -> Vec<&'a PodRow> {
    run.outcome.pods.iter().filter(|pod| pod.name.starts_with(stem)).collect()
}

/// Neither `minAvailable` nor `maxUnavailable`: the controller expects no pods, and lets none go.
#[test]
fn a_budget_without_a_number_lets_nobody_go() {
    for (budget, removed) in [("", 0), (", minAvailable: 0", 1)] {
        let apart = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: \
                     ScheduleAnyway, labelSelector: {matchLabels: {app: w}}}]";
        let text = scenario(
            "  duration: 1h\n  nodeGroups: [{name: g, instanceType: m6i.large, maxSize: 3, initialSize: 2, provisioning: \
             30s, startup: 0s}]\n  autoscaling: {clusterAutoscaler: {scaleDownUtilizationThreshold: 0.9}}\n",
            &[
                &deployment("w", 2, &format!("{apart}, {}", container("cpu: 600m, memory: 1Gi"))),
                &named("PodDisruptionBudget", "b", &format!("selector: {{matchLabels: {{app: w}}}}{budget}")),
            ],
        );
        assert_eq!(run_scenario(&text, &[]).outcome.nodes_removed, removed, "{budget}");
    }
}

/// Of two pods on a node short of memory the one above its request goes, whatever the priority; exactly at it is not above.
#[test]
fn memory_pressure_spares_who_uses_what_it_requests() {
    let ask = |mib, memory_use, priority| AskPlan { cpu: 100, mib, memory_use, priority, ..AskPlan::default() };
    let plan = Plan {
        minutes: 2,
        nodes: vec![NodePlan { gib: 1, ..NodePlan::default() }],
        pods: vec![trace_pod(ask(256, 119, 5), 1, 3_000), trace_pod(ask(208, 100, 0), 1, 3_000)],
        ..Plan::default()
    };
    let run = super::run(&plan);
    assert_eq!(pod(&run, "trace-0").reason, "Evicted", "{:#?}", run.decisions);
    assert_eq!(pod(&run, "trace-1").finished, None);
}

/// The HPA reads the latency that the answers have: exponential work on one core at 80 % takes 500 ms, its 95th
/// percentile 1.5 s, and each more pod shortens both.
#[test]
fn an_autoscaler_may_go_by_latency() {
    for (metric, target, least) in
        [("latency_seconds", "200m", 2), ("latency_seconds_p95", "600m", 2), ("latency_seconds", "900m", 1)]
    {
        let text = scenario(
            "  duration: 30m\n  nodes: [{name: n, instanceType: m6i.4xlarge}]\n  load:\n  - target: {kind: Deployment, name: \
             web}\n    requests: {constant: 8}\n    perRequest: {cpu: 100ms, variation: 1}\n",
            &[
                &deployment("web", 1, &container("cpu: 1")),
                &named(
                    "HorizontalPodAutoscaler",
                    "web",
                    &format!(
                        "scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}, minReplicas: 1, maxReplicas: 6, \
                         metrics: [{{type: Object, object: {{describedObject: {{apiVersion: v1, kind: Service, name: web}}, \
                         metric: {{name: {metric}}}, target: {{type: Value, value: {target}}}}}}}]"
                    ),
                ),
            ],
        );
        let run = run_scenario(&text, &[]);
        let pods = run.outcome.pods.len();
        assert!(if least == 1 { pods == 1 } else { pods >= least }, "{metric} {target}: {pods}, {:#?}", run.decisions);
    }
}

/// The exit codes that a pod failure policy sees: 143 of a pod whose deadline is over, 137 of one whose memory is.
#[test]
fn a_failure_policy_sees_how_a_pod_ended() {
    for (code, pod_spec, usage, fails) in [
        (143, "activeDeadlineSeconds: 60, ", "", true),
        (137, "activeDeadlineSeconds: 60, ", "", false),
        (137, "", "    usage: {memory: 4}\n", true),
        (143, "", "    usage: {memory: 4}\n", false),
    ] {
        let policy = format!(
            "podFailurePolicy: {{rules: [{{action: FailJob, onExitCodes: {{operator: In, values: [{code}]}}}}]}}"
        );
        let text = scenario(
            &format!(
                "  duration: 30m\n  nodes: [{{name: n, instanceType: m6i.large}}]\n  workloads:\n  - target: {{kind: Job, name: \
                 work}}\n    duration: 10m\n{usage}"
            ),
            &[&named(
                "Job",
                "work",
                &format!(
                    "backoffLimit: 3, {policy}, template: {{spec: {{restartPolicy: Never, {pod_spec}containers: [{{name: c, image: \
                     i, resources: {{requests: {{cpu: 100m, memory: 64Mi}}, limits: {{memory: 128Mi}}}}}}]}}}}"
                ),
            )],
        );
        let run = run_scenario(&text, &[]);
        let tries = pods_of(&run, "work").len();
        assert_eq!(tries, if fails { 1 } else { 4 }, "{code} {pod_spec}{usage}: {:#?}", run.decisions);
    }
}

/// A launcher whose node is lost comes again while its gang trains on.
#[test]
fn a_lost_launcher_comes_again() {
    let template = |requests: &str, pool: &str| {
        format!(
            "{{spec: {{nodeSelector: {{pool: {pool}}}, containers: [{{name: c, image: i, resources: {{requests: {{{requests}}}}}}}]}}}}"
        )
    };
    let text = scenario(
        "  duration: 4h\n  nodes:\n  - {name: gpu, instanceType: p4d.24xlarge, labels: {pool: gpu}}\n  nodeGroups: \
         [{name: cpu, instanceType: m6i.large, labels: {pool: cpu}, capacityType: spot, spotPrice: 1, minSize: 1, maxSize: 1, \
         provisioning: 30s, startup: 0s, interruptionsPerHour: 4}]\n  workloads:\n  - \
         {target: {kind: MPIJob, name: horovod}, duration: 3h}\n",
        &[&format!(
            "apiVersion: kubeflow.org/v2beta1\nkind: MPIJob\nmetadata: {{name: horovod}}\nspec:\n  slotsPerWorker: 8\n  \
             mpiReplicaSpecs:\n    Launcher: {{replicas: 1, template: {}}}\n    Worker: {{replicas: 1, template: {}}}\n",
            template("cpu: 100m", "cpu"),
            template("cpu: 8, nvidia.com/gpu: 8", "gpu")
        )],
    );
    let run = run_scenario(&text, &[]);
    assert_eq!(pods_of(&run, "horovod-worker").len(), 1, "{:#?}", run.decisions);
    assert!(pods_of(&run, "horovod-launcher").len() > 1, "{:#?}", run.decisions);
}

/// Nodes of a NodePool that stand at the start are Karpenter's: it consolidates the empty one, and lets the other expire.
#[test]
fn standing_nodes_of_a_pool_have_claims() {
    let node = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}, karpenter.sh/nodepool: \
             any, karpenter.sh/capacity-type: on-demand, node.kubernetes.io/instance-type: m6i.large, topology.kubernetes.io/zone: \
             zone-a, kubernetes.io/arch: amd64, kubernetes.io/os: linux}}}}\nstatus: {{allocatable: {{cpu: 1930m, memory: 7Gi, pods: \
             '29'}}, capacity: {{cpu: '2', memory: 8Gi, pods: '29'}}}}\n"
        )
    };
    let pool = "template: {spec: {expireAfter: 2h, nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: d}, requirements: \
                [{key: karpenter.sh/capacity-type, operator: In, values: [on-demand]}]}}, disruption: {consolidationPolicy: \
                WhenEmptyOrUnderutilized, consolidateAfter: 30s}";
    let text = scenario(
        "  duration: 6h\n  nodePools: {instanceTypes: [m6i.large], zones: [zone-a], provisioning: 30s, startup: 10s}\n  workloads:\n  - \
         target: {kind: Deployment, name: web}\n    running: [{node: a, name: web-x, age: 10m}]\n",
        &[&named("NodePool", "any", pool), &node("a"), &node("b"), &deployment("web", 1, &container("cpu: 500m"))],
    );
    let run = run_scenario(&text, &[]);
    assert!(told(&run, "nodeclaim/b").iter().any(|line| line.contains("emptiness")), "{:#?}", run.decisions);
    assert!(told(&run, "nodeclaim/a").iter().any(|line| line.contains("Expired")), "{:#?}", run.decisions);
    // Each of at most two hours: a's two successors at least.
    assert!(told(&run, "Launched").len() >= 2, "{:#?}", run.decisions);
}

/// Karpenter's startup taints keep pods away until the node is initialized.
#[test]
fn startup_taints_hold_pods_off() {
    let pool = |taints: &str| {
        format!(
            "template: {{spec: {{{taints}nodeClassRef: {{group: karpenter.k8s.aws, kind: EC2NodeClass, name: d}}, requirements: [{{key: \
             karpenter.sh/capacity-type, operator: In, values: [on-demand]}}]}}}}"
        )
    };
    let run = |taints: &str| {
        let spec = "  duration: 30m\n  nodePools: {instanceTypes: [m6i.large], zones: [zone-a], provisioning: 30s, startup: 20s}\n";
        let text =
            scenario(spec, &[&named("NodePool", "any", &pool(taints)), &named("Pod", "p", &container("cpu: 1"))]);
        pod(&run_scenario(&text, &[]), "p").scheduled.expect("it has a node")
    };
    let tainted = run("startupTaints: [{key: cni, effect: NoSchedule}], ");
    assert!(tainted >= run(""), "{tainted:?}");
}

const QUEUE: &str = "apiVersion: kueue.x-k8s.io/v1beta2\nkind: ResourceFlavor\nmetadata: {name: any}\n---\napiVersion: \
                 kueue.x-k8s.io/v1beta2\nkind: ClusterQueue\nmetadata: {name: q}\nspec: {namespaceSelector: {}, resourceGroups: \
                 [{coveredResources: [cpu], flavors: [{name: any, resources: [{name: cpu, nominalQuota: 4}]}]}]}\n---\napiVersion: \
                 kueue.x-k8s.io/v1beta2\nkind: LocalQueue\nmetadata: {name: q}\nspec: {clusterQueue: q}\n";

/// A Job whose pods never come up in time is given up after as many tries as allowed.
#[test]
fn kueue_gives_up_after_its_backoff_limit() {
    let job = |name: &str, cpu: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}, labels: {{kueue.x-k8s.io/queue-name: q}}}}\nspec: \
             {{template: {{spec: {{restartPolicy: Never, {}}}}}}}\n",
            container(&format!("cpu: '{cpu}'"))
        )
    };
    let text = scenario(
        "  duration: 2h\n  kueue: {waitForPodsReady: {timeout: 2m, backoffBase: 60s, backoffLimitCount: 2}}\n  nodes: [{name: n, \
         instanceType: m6i.large}]\n  workloads:\n  - {target: {kind: Job, name: fits}, duration: 1h}\n",
        &[QUEUE, &job("stuck", "3"), &job("fits", "1")],
    );
    let run = run_scenario(&text, &[]);
    assert_eq!(pods_of(&run, "stuck").len(), 3, "{:#?}", run.decisions);
    assert_eq!(told(&run, "it is given up").len(), 1, "{:#?}", run.decisions);
    assert_eq!(pods_of(&run, "fits").len(), 1);
}

/// Requests one by one: the line of a log is known to the second.
#[test]
fn the_line_of_single_requests_is_counted_exactly() {
    let rows: String = [0, 0, 0, 0, 100].iter().map(|at| format!("{at},1\n")).collect();
    let text = scenario(
        "  duration: 10m\n  nodes: [{name: n, instanceType: m6i.large}]\n  kubelet: {containerStart: 0s}\n  load:\n  - target: \
         {kind: Deployment, name: web}\n    requestLog: {file: log.csv, size: {work: 1}, perRequestSize: 1}\n    perRequest: {cpu: \
         10s}\n",
        &[&deployment("web", 1, &container("cpu: 1"))],
    );
    let (run, _) = super::run_files(&[("scenario.yaml", &text), ("log.csv", &format!("time_s,work\n{rows}"))]);
    let level = &run.outcome.services[0];
    // One works, three wait: 10, 20 and 30 s.
    assert_eq!((level.backlog_max.units(), level.saturated.as_secs_f64()), (3.0, 30.0), "{level:?}");
}

/// A pod that names a node which is yet to come is taken by it; one that names another waits on.
#[test]
fn a_pod_waits_for_the_node_of_its_name() {
    let text = scenario(
        "  duration: 1h\n  nodeGroups: [{name: g, instanceType: m6i.large, maxSize: 3, provisioning: 1m, startup: 0s}]\n  \
         autoscaling: {clusterAutoscaler: {}}\n",
        &[
            &named("Pod", "first", &format!("nodeName: g-0, {}", container("cpu: 100m"))),
            &named("Pod", "second", &format!("nodeName: g-7, {}", container("cpu: 100m"))),
            &named("Pod", "third", &container("cpu: 100m")),
        ],
    );
    let run = run_scenario(&text, &[]);
    assert!(pod(&run, "first").started.is_some() && pod(&run, "second").started.is_none(), "{:#?}", run.decisions);
}

/// A node that was to go and stays, for pods came that need it, takes pods again.
#[test]
fn a_disruption_that_is_given_up_leaves_no_taint() {
    let pool = "template: {spec: {nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: d}, requirements: [{key: \
                karpenter.sh/capacity-type, operator: In, values: [spot, on-demand]}]}}, disruption: {consolidateAfter: 30s}";
    // Spot is out of stock, so that the replacement fails and the command is given up, again and again.
    let text = scenario(
        "  duration: 2h\n  nodePools: {instanceTypes: [m6i.large], zones: [zone-a], provisioning: 30s, startup: 0s, prices: {m6i.large: \
         {spot: 0.02}}, interruptionsPerHour: 0, stockOuts: [{from: 0s, to: 2h, capacityTypes: [spot]}]}\n  replicaChanges: [{at: 90m, \
         target: {kind: Deployment, name: web}, replicas: 2}]\n",
        &[&named("NodePool", "any", pool), &deployment("web", 1, &container("cpu: 500m"))],
    );
    let run = run_scenario(&text, &[]);
    assert!(!told(&run, "given up").is_empty(), "{:#?}", run.decisions);
    // The second pod finds room beside the first: no node is made for it.
    assert_eq!((told(&run, "Launched").len(), pods_of(&run, "web").len()), (1, 2), "{:#?}", run.decisions);
    assert!(pods_of(&run, "web").iter().all(|pod| pod.scheduled.is_some()));
}

/// `scaleDownUnreadyTime` counts from when the node was unneeded (`core/scaledown/unneeded/nodes.go`, `since`), not from when
/// it turned not ready: two that were unneeded for an hour go in the loops after they are found out.
#[test]
fn an_unready_node_is_removed_after_its_time() {
    let text = scenario(
        "  duration: 3h\n  nodeGroups: [{name: g, instanceType: m6i.large, zones: [zone-a], minSize: 0, maxSize: 3, initialSize: 2, \
         provisioning: 30s, startup: 0s, failureDetection: 2h}]\n  autoscaling: {clusterAutoscaler: {scaleDownUnneededTime: 2h, \
         scaleDownUnreadyTime: 20m, okTotalUnreadyCount: 9}}\n  outages: [{at: 1h, zone: zone-a}]\n",
        &[],
    );
    let run = run_scenario(&text, &[]);
    let removed: Vec<f64> =
        run.outcome.nodes.iter().filter_map(|node| node.deleted).map(|at| at.as_secs_f64()).collect();
    assert!(
        removed.len() == 2 && removed.iter().all(|at| (3650.0..3700.0).contains(at)),
        "{removed:?} {:#?}",
        run.decisions
    );
}

/// A pool that may buy either buys spot at what the discount leaves, and where a price is stated at that.
#[test]
fn spot_is_offered_at_a_discount_where_its_price_is_not_known() {
    let pool = "template: {spec: {nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: d}, requirements: [{key: \
                karpenter.sh/capacity-type, operator: In, values: [spot, on-demand]}]}}";
    let told_of = |more: &str| {
        let spec = format!(
            "  duration: 20m\n  nodePools: {{instanceTypes: [m6i.large], zones: [zone-a], interruptionsPerHour: 0{more}}}\n"
        );
        let run = run_scenario(
            &scenario(&spec, &[&named("NodePool", "any", pool), &named("Pod", "p", &container("cpu: 1"))]),
            &[],
        );
        told(&run, "Launched")[0].to_owned()
    };
    assert!(told_of("").contains("m6i.large (on-demand, zone-a) at 0.0960 USD"), "{}", told_of(""));
    let discounted = told_of(", spotDiscount: 0.6");
    assert!(discounted.contains("m6i.large (spot, zone-a) at 0.0384 USD"), "{discounted}");
    let stated = told_of(", spotDiscount: 0.6, prices: {m6i.large: {spot: 0.05}}");
    assert!(stated.contains("m6i.large (spot, zone-a) at 0.0500 USD"), "{stated}");
}

/// A Job that fails gives its quota back, and the next of the queue starts.
#[test]
fn a_failed_job_gives_its_quota_back() {
    let job = |name: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}, labels: {{kueue.x-k8s.io/queue-name: q}}}}\nspec: \
             {{backoffLimit: 0, template: {{spec: {{restartPolicy: Never, {}}}}}}}\n",
            container("cpu: '4'")
        )
    };
    let text = scenario(
        "  duration: 1h\n  nodes: [{name: n, instanceType: m6i.4xlarge}]\n  workloads:\n  - {target: {kind: Job, name: bad}, duration: 10m, \
         failures: {probability: 1}}\n  - {target: {kind: Job, name: next}, arrival: 1m, duration: 10m}\n",
        &[QUEUE, &job("bad"), &job("next")],
    );
    let run = run_scenario(&text, &[]);
    assert_eq!(pods_of(&run, "bad")[0].reason, "Error");
    let next = pods_of(&run, "next");
    assert!(next.len() == 1 && (600.0..660.0).contains(&next[0].created.as_secs_f64()), "{next:#?}");
}

/// The next run of a CronJob that forbids two at once starts when the last has failed.
#[test]
fn a_failed_run_of_a_cron_job_lets_the_next_begin() {
    let spec = format!(
        "schedule: '*/10 * * * *', concurrencyPolicy: Forbid, jobTemplate: {{spec: {{backoffLimit: 0, template: {{spec: {{restartPolicy: \
         Never, {}}}}}}}}}",
        container("cpu: 100m")
    );
    let cron = format!("apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: tick}}\nspec: {{{spec}}}\n");
    let text = scenario(
        "  duration: 1h\n  nodes: [{name: n, instanceType: m6i.large}]\n  workloads:\n  - {target: {kind: CronJob, name: tick}, duration: \
         15m, failures: {probability: 1}}\n",
        &[&cron],
    );
    let run = run_scenario(&text, &[]);
    let created: Vec<f64> = pods_of(&run, "tick").iter().map(|pod| pod.created.as_secs_f64()).collect();
    assert!(created.len() >= 3, "{created:?} {:#?}", run.decisions);
}

/// A type without a GPU, an accelerator or a disk of its own is known to lack their labels; the cheapest that has them
/// is bought, for a NodePool's requirement as for a pod's selector.
#[test]
fn labels_of_parts_that_a_type_lacks_are_known_to_be_absent() {
    let bought = |requirement: &str, selector: &str| {
        let pool = format!(
            "template: {{spec: {{nodeClassRef: {{group: karpenter.k8s.aws, kind: EC2NodeClass, name: d}}, requirements: [{requirement}]}}}}"
        );
        let text = scenario(
            "  duration: 30m\n  nodePools: {instanceTypes: [m6i.large, m6id.large, g5.xlarge, inf2.xlarge], zones: [za], provisioning: 30s, \
             startup: 0s}\n",
            &[
                &named("NodePool", "any", &pool),
                &named("Pod", "p", &format!("{selector}{}", container("cpu: 500m, memory: 1Gi"))),
            ],
        );
        let run = run_scenario(&text, &[]);
        let launched = told(&run, "Launched").first().map(|line| line.split(": ").nth(3).unwrap_or(line).to_owned());
        launched.map(|line| line.split(' ').next().unwrap_or_default().to_owned())
    };
    let aws = |name: &str, rest: &str| format!("{{key: karpenter.k8s.aws/instance-{name}, {rest}}}");
    for (requirement, wanted) in [
        (aws("gpu-name", "operator: In, values: [a10g]"), "g5.xlarge"),
        (aws("gpu-count", "operator: Gt, values: ['0']"), "g5.xlarge"),
        (aws("gpu-manufacturer", "operator: Exists"), "g5.xlarge"),
        (aws("accelerator-name", "operator: Exists"), "inf2.xlarge"),
        (aws("local-nvme", "operator: Gt, values: ['100']"), "m6id.large"),
        (aws("gpu-count", "operator: DoesNotExist"), "m6i.large"),
    ] {
        assert_eq!(bought(&requirement, "").as_deref(), Some(wanted), "{requirement}");
    }
    assert_eq!(bought("", "nodeSelector: {karpenter.k8s.aws/instance-gpu-name: a10g}, ").as_deref(), Some("g5.xlarge"));
}

/// Three hundred a second for two pods that do a hundred each, and nobody waits longer than ten seconds: who will leave
/// stands in line all the same, as a simulation of every request shows (its test is among those of services).
#[test]
fn the_backlog_of_an_overload_holds_those_who_will_have_waited_too_long() {
    let text = |each: &str| {
        scenario(
            &format!(
                "  duration: 10m\n  nodes: [{{name: n, capacity: {{cpu: 32, memory: 16Gi}}}}]\n  load:\n  - target: {{kind: Deployment, name: \
                 web}}\n    requests: {{constant: 300}}\n    perRequest: {{cpu: 10ms, concurrency: 1}}\n    queue: {{timeout: 10s}}\n{each}"
            ),
            &[&deployment(
                "web",
                2,
                "containers: [{name: c, image: i, resources: {requests: {cpu: 500m}, limits: {cpu: 1}}}]",
            )],
        )
    };
    let lines = |each: &str| {
        let run = run_scenario(&text(each), &[]);
        let last = run.samples.last().expect("it is sampled").services[0].2 as f64 / 1000.0;
        (last, run.outcome.services[0].backlog_max.units())
    };
    let ((at_end, most), (exact_end, exact_most)) = (lines(""), lines("    eachRequest: true\n"));
    assert!((2_990.0..=3_000.0).contains(&at_end) && (2_990.0..=3_000.0).contains(&most), "{at_end} {most}");
    assert!(
        (exact_end / at_end - 1.0).abs() < 0.05 && (exact_most / most - 1.0).abs() < 0.1,
        "{exact_end} {exact_most}"
    );
}
