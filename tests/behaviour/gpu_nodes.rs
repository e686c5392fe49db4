//! When a GPU node can be used.

use super::{pod, run_yaml};

const POOL: &str = "
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:
  template:
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: d}
      requirements: [{key: karpenter.sh/capacity-type, operator: In, values: [on-demand]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm}
spec:
  replicas: 1
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec: {containers: [{name: c, image: 'llm:1', resources: {requests: {cpu: 2, memory: 8Gi}, limits: {nvidia.com/gpu: 1}}}]}
";

fn scenario(types: &str) -> String {
    format!(
        "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {{name: karp}}\nspec:\n  duration: 1h\n  \
         nodePools: {{instanceTypes: [{types}]}}\n  kubelet: {{imageSizes: {{'llm:1': 17G}}}}\n  \
         workloads: [{{target: {{kind: Deployment, name: llm}}, startup: 75s}}]{POOL}"
    )
}

/// Measured on EKS from the pod's creation: node Ready after 35 s, pod bound after 65 s, container started after 354 to
/// 357 s, model loaded after 425 to 439 s. The boot is drawn, so that each may be off by half of itself.
#[test]
fn a_model_on_a_gpu_node_from_zero_starts_as_it_was_measured() {
    let (run, _) = run_yaml(&scenario("g6.xlarge"));
    let node_ready = run.outcome.nodes[0].ready.expect("a node came").as_secs_f64();
    let pod = pod(&run, "llm-0");
    let [bound, started, ready] =
        [pod.scheduled, pod.started, pod.ready].map(|at| at.expect("it got so far").as_secs_f64());
    assert!((20.0..=70.0).contains(&node_ready), "{node_ready}");
    // The device plugin takes 20 to 40 s.
    assert!((20.0..=40.0).contains(&(bound - node_ready)), "{bound} after {node_ready}");
    // 17 GB at 60 MB/s, a second to start.
    assert!((started - bound - 284.3).abs() < 0.1, "{started} after {bound}");
    assert!((ready - started - 75.0).abs() < 1e-6, "{ready} after {started}");
}

/// The devices are the node's matter, not the pool's.
#[test]
fn a_gpu_node_of_a_pool_with_other_types_too_waits_for_its_devices() {
    let (run, _) = run_yaml(&scenario("m6i.xlarge, g6.xlarge"));
    let (bound, ready) = (pod(&run, "llm-0").scheduled.expect("it fits"), run.outcome.nodes[0].ready.expect("it came"));
    assert!((20.0..=40.0).contains(&(bound - ready).as_secs_f64()), "{bound} after {ready}");
}
