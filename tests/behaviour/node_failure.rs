//! What a cluster notices of a machine that stops, when, and what becomes of its pods.

use windtunnel::units::{SimDuration, SimTime};

use super::{file, pod, run_scenario};
use crate::watch::Watched;

const OUTAGE: i64 = 1_000;

/// Seconds from the outage.
fn after(at: SimTime) -> f64 {
    (at - SimTime::from_secs(OUTAGE)).nanos() as f64 / 1e9
}

fn created_after_outage(run: &Watched) -> Vec<f64> {
    let mut late: Vec<f64> = run.outcome.pods.iter().map(|pod| after(pod.created)).filter(|at| *at > 0.0).collect();
    late.sort_unstable_by(f64::total_cmp);
    late
}

/// Two nodes of three fail at 1,000 s. Each has renewed its lease in the ten seconds before, the controller looks every
/// five: NotReady after 45 to 60 s, evictions five minutes later, the second node's ten seconds after the first's.
#[test]
fn successors_of_lost_pods_come_when_their_tolerations_end() {
    let run = run_scenario(&file("outage.yaml"), &[]);
    let late = created_after_outage(&run);
    assert_eq!(late.len(), 4, "{late:?}");
    assert!((340.0..=365.0).contains(&late[0]), "{late:?}");
    assert_eq!(late[0], late[1]);
    let apart = late[2] - late[0];
    assert!((10.0..=15.0).contains(&apart), "one node in ten seconds gets the taint: {late:?}");
    // Nobody confirms that the lost ones have ended.
    let lost: Vec<_> = run.outcome.pods.iter().filter(|pod| pod.reason == "NodeLost").collect();
    assert_eq!(lost.len(), 4);
    assert!(lost.iter().all(|pod| pod.finished.is_none()));
    // The nodes are fixed: nobody but their owner takes them away.
    let dead: Vec<_> = run.outcome.nodes.iter().filter(|node| node.reason == "Outage").collect();
    assert_eq!(dead.len(), 2);
    assert!(dead.iter().all(|node| node.removed.is_none()));
}

#[test]
fn an_older_control_plane_and_another_toleration_are_a_setting_away() {
    let run = run_scenario(&file("outage.yaml"), &["nodeLifecycle.nodeMonitorGracePeriod=40s"]);
    assert!((330.0..=355.0).contains(&created_after_outage(&run)[0]));
    let soon = ["nodeLifecycle.defaultUnreachableTolerationSeconds=0", "nodeLifecycle.nodeMonitorGracePeriod=20s"];
    assert!((10.0..=30.0).contains(&created_after_outage(&run_scenario(&file("outage.yaml"), &soon))[0]));
    let own = file("outage.yaml").replace(
        "spec: {containers",
        "spec: {tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 30}], containers",
    );
    assert!((70.0..=95.0).contains(&created_after_outage(&run_scenario(&own, &[]))[0]));
    let for_ever = own.replace(", tolerationSeconds: 30", "");
    assert!(created_after_outage(&run_scenario(&for_ever, &[])).is_empty());
}

fn sampled(run: &Watched, second: i64) -> &crate::watch::Seen {
    run.samples.iter().find(|sample| sample.at == SimTime::from_secs(second)).expect("the minute is sampled")
}

#[test]
fn a_dead_node_is_called_ready_until_its_grace_period_is_over_though_nothing_runs_on_it() {
    let run = run_scenario(&file("outage.yaml"), &["sampleInterval=1s"]);
    let (before, just_after, noticed) = (sampled(&run, 999), sampled(&run, 1_001), sampled(&run, 1_065));
    assert_eq!((before.nodes_ready, before.pods.ready), (3, 6));
    assert_eq!((just_after.nodes_ready, just_after.pods.ready), (3, 6));
    assert_eq!((noticed.nodes_ready, noticed.pods.ready, noticed.nodes), (1, 2, 3));
    // The load is one core. Of six endpoints four are dead, and what is sent there is lost until they are known to be.
    assert_eq!(just_after.used.cpu.get(), 333);
    assert_eq!(noticed.used.cpu.get(), 1_000);
    assert_eq!(noticed.pods.running, 6);
    // The memory of dead machines is nobody's.
    assert!(before.used.memory.get() > 0);
    assert_eq!(just_after.used.memory.get() * 3, before.used.memory.get());
}

#[test]
fn nobody_is_evicted_while_no_node_is_ready() {
    let all = file("outage.yaml").replace("node: a-1}]", "node: a-1}, {at: 1000s, node: g-0}]");
    let run = run_scenario(&all, &["nodeGroups[0].failureDetection=50m"]);
    assert!(created_after_outage(&run).is_empty(), "{:?}", created_after_outage(&run));
}

#[test]
fn nobody_is_evicted_from_a_small_zone_most_of_which_is_not_ready() {
    let six = |dead: usize| {
        let outages: Vec<String> = (0..dead).map(|node| format!("{{at: 1000s, node: a-{node}}}")).collect();
        let text = file("outage.yaml").replace("count: 2", "count: 6, zone: z").replace(
            "outages: [{at: 1000s, node: a-0}, {at: 1000s, node: a-1}]",
            &format!("outages: [{}]", outages.join(", ")),
        );
        created_after_outage(&run_scenario(&text, &[])).len()
    };
    assert!(six(3) > 0, "half of it is no partial disruption");
    assert_eq!(six(4), 0, "two thirds of a zone of six are");
    assert!(six(6) > 0, "a zone that is lost wholly is drained at the normal rate");
}

fn with_group(options: &str, objects: &str) -> Watched {
    let is_job = objects.contains("kind: Job");
    let settings = if is_job { "workloads: [{target: {kind: Job, name: batch}, duration: 2h}]" } else { "" };
    let text = format!(
        "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: group}}
spec:
  duration: 1h
  {settings}
  nodes: [{{name: n, capacity: {{cpu: 8, memory: 8Gi}}, labels: {{pool: fixed}}}}]
  outages: [{{at: 1000s, node: g-0}}]
  nodeGroups: [{{name: g, capacity: {{cpu: 8, memory: 8Gi}}, pricePerHour: 36, minSize: 1, maxSize: 1, provisioning: 60s, startup: 10s{options}}}]
{objects}"
    );
    run_scenario(&text, &[])
}

fn workload(kind: &str, spec: &str) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: {kind}
metadata: {{name: web}}
spec:
  replicas: 1
  {spec}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      affinity: {{nodeAffinity: {{preferredDuringSchedulingIgnoredDuringExecution: [{{weight: 100, preference: {{matchExpressions: [{{key: windtunnel/node-group, operator: In, values: [g]}}]}}}}]}}}}
      containers: [{{name: c, image: i, resources: {{requests: {{cpu: 1}}}}}}]
"
    )
}

/// The cloud's health checks end it after five minutes; it takes half a minute to stop.
#[test]
fn a_dead_machine_of_a_group_is_paid_for_and_not_replaced_until_the_cloud_notices() {
    let run = with_group("", &workload("Deployment", ""));
    let (dead, next) = (&run.outcome.nodes[1], &run.outcome.nodes[2]);
    assert_eq!((&*dead.name, dead.reason), ("g-0", "Outage"));
    assert_eq!(dead.removed, Some(SimTime::from_secs(OUTAGE + 330)));
    assert_eq!(dead.cost.as_f64(), 13.30);
    assert_eq!((&*next.name, next.requested), ("g-1", SimTime::from_secs(OUTAGE + 300)));
    let said = "cloud node/g-0: Lost -> Terminated: the cloud's health checks failed";
    assert!(run.decisions.iter().any(|line| line.contains(said)), "{:#?}", run.decisions);
    let sooner = with_group(", failureDetection: 1m", &workload("Deployment", ""));
    assert_eq!(sooner.outcome.nodes[2].requested, SimTime::from_secs(OUTAGE + 60));
}

#[test]
fn a_deployment_makes_a_successor_at_the_eviction_and_a_stateful_set_when_its_pod_is_gone() {
    let deployment = with_group("", &workload("Deployment", ""));
    let successor = after(pod(&deployment, "web-1").created);
    assert!((345.0..=360.0).contains(&successor), "{successor}");
    let stateful = with_group("", &workload("StatefulSet", "serviceName: web"));
    let pods: Vec<_> = stateful.outcome.pods.iter().filter(|pod| &*pod.name == "web-0").collect();
    assert_eq!(pods.len(), 2, "both have the number 0");
    let gone = pods[0].finished.expect("the garbage collector ends it");
    // The instance is gone after 330 s, its Node object 5 s later at most, its pods 40 to 60 s after that.
    assert!((370.0..=395.0).contains(&after(gone)), "{}", after(gone));
    assert_eq!(pods[1].created, gone);
    // On a fixed node it waits for ever.
    let fixed = with_group(
        "",
        &workload("StatefulSet", "serviceName: web").replace("windtunnel/node-group", "pool").replace("[g]", "[fixed]"),
    )
    .outcome;
    assert_eq!(fixed.pods.len(), 1);
    let text = file("outage.yaml")
        .replace("kind: Deployment\nmetadata", "kind: StatefulSet\nmetadata")
        .replace("kind: Deployment, name", "kind: StatefulSet, name");
    assert!(created_after_outage(&run_scenario(&text, &[])).is_empty());
}

#[test]
fn a_jobs_pod_on_a_dead_node_is_replaced_at_its_eviction_and_counts_as_failed() {
    let job = "---
apiVersion: batch/v1
kind: Job
metadata: {name: batch}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {windtunnel/node-group: g}
      containers: [{name: c, image: i, resources: {requests: {cpu: 1}}}]
";
    let once = with_group("", job);
    assert_eq!(once.outcome.pods.len(), 1, "its back-off limit is reached");
    assert!(once.decisions.iter().any(|line| line.contains("BackoffLimitExceeded")), "{:#?}", once.decisions);
    let again = with_group("", &job.replace("backoffLimit: 0", "backoffLimit: 3"));
    let late = created_after_outage(&again);
    assert!(late.first().is_some_and(|at| (345.0..=360.0).contains(at)), "{late:?}");
}

fn spot(options: &str) -> Watched {
    let text = format!(
        "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: spot}}
spec:
  duration: 6h
  nodes: [{{name: n, capacity: {{cpu: 8, memory: 8Gi}}}}]
  nodeGroups: [{{name: g, capacity: {{cpu: 8, memory: 8Gi}}, capacityType: spot, spotPrice: 1, minSize: 1, maxSize: 1, provisioning: 60s, startup: 10s, interruptionsPerHour: 1{options}}}]
{}",
        workload("Deployment", "")
    );
    run_scenario(&text, &[])
}

/// When the first node was announced to be taken back, and its pod's end and successor after that.
fn first_interruption(run: &Watched) -> (f64, f64) {
    let dead = run.outcome.nodes.iter().find(|node| node.reason == "Interrupted").expect("one is taken back");
    // It stops after the notice of two minutes, in half a minute.
    let notice = dead.removed.unwrap() - SimDuration::from_secs(150);
    let pod_of_it = run.outcome.pods.iter().position(|pod| pod.node == Some(1)).expect("its pod");
    let seconds = |at: SimTime| (at - notice).nanos() as f64 / 1e9;
    (seconds(run.outcome.pods[pod_of_it].finished.unwrap()), seconds(run.outcome.pods[pod_of_it + 1].created))
}

#[test]
fn an_interrupted_node_is_drained_at_once_unless_nobody_listens() {
    assert_eq!(first_interruption(&spot("")), (1.0, 0.0));
    let (ended, succeeded) = first_interruption(&spot(", interruptionHandling: none"));
    // NotReady 45 to 60 s after the end of the notice, the Node object gone within 5 s, its pods 40 to 60 s later.
    assert!((120.0 + 85.0..=120.0 + 125.0).contains(&ended), "{ended}");
    assert_eq!(ended, succeeded);
}

#[test]
fn a_kubelet_that_shuts_down_gracefully_ends_its_pods_as_the_notice_ends() {
    let text = |kubelet: &str| {
        format!(
            "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: shutdown}}
spec:
  duration: 6h
  kubelet: {{termination: 5s{kubelet}}}
  nodes: [{{name: n, capacity: {{cpu: 8, memory: 8Gi}}}}]
  nodeGroups: [{{name: g, capacity: {{cpu: 8, memory: 8Gi}}, capacityType: spot, spotPrice: 1, minSize: 1, maxSize: 1, provisioning: 60s, startup: 10s, interruptionsPerHour: 1, interruptionHandling: none}}]
{}",
            workload("Deployment", "")
        )
    };
    let run = run_scenario(&text(", shutdownGracePeriod: 30s, shutdownGracePeriodCriticalPods: 10s"), &[]);
    let ended = run.outcome.pods.iter().find(|pod| pod.reason == "Terminated").expect("the kubelet ends it");
    assert_eq!(ended.phase, windtunnel::cluster::PodPhase::Failed);
    let node = &run.outcome.nodes[ended.node.unwrap() as usize];
    // Half a minute for the pods, half a minute for the machine.
    assert_eq!(node.removed.unwrap() - ended.finished.unwrap(), SimDuration::from_secs(25 + 30));
    // Nothing is placed on a node that is going down.
    let name = format!("node/{}: Ready -> NotReady: its machine is shutting down", node.name);
    let told = run.decisions.iter().filter(|line| line.contains(&name)).count();
    assert_eq!(told, 1, "{:#?}", run.decisions);
    let not = run_scenario(&text(""), &[]);
    assert!(not.outcome.pods.iter().all(|pod| pod.reason != "Terminated"));
}

/// Two pods on two machines; one dies. Until its node is called NotReady the load balancer still sends it half of the
/// requests, and they are lost; then the other pod has all.
#[test]
fn requests_to_a_dead_machine_are_lost_until_its_node_is_not_ready() {
    let text = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: dead}\nspec:\n  duration: 10m\n  \
        sampleInterval: 10s\n  nodes: [{name: a, capacity: {cpu: 4, memory: 8Gi}}, {name: b, capacity: {cpu: 4, memory: 8Gi}}]\n  \
        outages: [{at: 3m, node: a}]\n  load:\n    - {target: {kind: Deployment, name: web}, \
        requests: {constant: 10}, perRequest: {cpu: 10ms}}\n---\napiVersion: apps/v1\nkind: Deployment\n\
        metadata: {name: web}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  template:\n    \
        metadata: {labels: {app: web}}\n    spec:\n      affinity: {podAntiAffinity: \
        {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, \
        labelSelector: {matchLabels: {app: web}}}]}}\n      \
        containers: [{name: c, image: i, resources: {requests: {cpu: 1, memory: 1Gi}}}]\n";
    let run = run_scenario(text, &[]);
    let not_ready = run.decisions.iter().find(|line| line.contains("NotReady")).expect("it is found out");
    let found: SimDuration = not_ready.split(' ').next().and_then(|at| at.parse().ok()).expect("an instant");
    let lost_for = found.as_secs_f64() - 180.0;
    assert!((40.0..=60.0).contains(&lost_for), "{not_ready}");
    let dropped = run.outcome.services[0].dropped.units();
    assert!((dropped - 5.0 * lost_for).abs() < 1.0, "{dropped} lost in {lost_for} s");
}
