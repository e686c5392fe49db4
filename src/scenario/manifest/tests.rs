//! Objects as JSON in, cluster types or the field at fault out.

use k8s_openapi::serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::cluster::{
    ClusterView, Controller, GpuShare, IntOrPercent, NodeId, PodPhase, PodSpec, QosClass, RestartPolicy,
    SelectorOperator, SpreadPolicy, TaintEffect, TolerationOperator, label,
};
use crate::cluster::{LabelSelector, ResourceNames};
use crate::units::{Bytes, Millicores, SimDuration};

fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A pod of one container `c` with `spec` and `metadata` merged in.
fn read(spec: Value, metadata: Value) -> Result<PodSpec, ManifestError> {
    let mut full = json!({"containers": [{"name": "c"}]});
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    pod_spec(&object(metadata), &object(full), &PriorityClasses::default(), &mut ResourceNames::default())
}

#[track_caller]
fn refused(spec: Value, metadata: Value, path: &str, part: &str) {
    let error = read(spec, metadata).unwrap_err();
    assert_eq!(error.path, path, "{error}");
    assert!(error.problem.contains(part), "{error}");
}

#[test]
fn a_bare_pod_gets_the_api_servers_defaults() {
    let pod = read(json!({}), json!({})).unwrap();
    assert_eq!(pod.namespace, "default");
    assert_eq!(pod.restart_policy, RestartPolicy::Always);
    assert_eq!(pod.termination_grace_period, SimDuration::from_secs(30));
    assert!(pod.preempts && pod.priority == 0);
    assert_eq!(pod.qos_class(), QosClass::BestEffort);
}

#[test]
fn limits_stand_in_for_missing_requests() {
    let resources =
        json!({"limits": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "2"}, "requests": {"cpu": "250m"}});
    let pod = read(json!({"containers": [{"name": "c", "resources": resources}]}), json!({})).unwrap();
    let container = &pod.containers[0];
    assert_eq!((container.requests.cpu, container.requests.memory), (Millicores(250), Bytes(1 << 30)));
    assert_eq!(container.requests.iter_extended().map(|(_, amount)| amount).collect::<Vec<_>>(), [2]);
    assert_eq!((container.cpu_limit, container.has_request), (Some(Millicores(1000)), (true, true)));
}

#[test]
fn a_bad_quantity_is_named_by_its_path() {
    let with = |resources: Value| json!({"containers": [{"name": "a"}, {"name": "c", "resources": resources}]});
    let path = "spec.containers[1].resources.requests.cpu";
    refused(with(json!({"requests": {"cpu": "-1"}})), json!({}), path, "negative");
    refused(with(json!({"requests": {"cpu": "5x"}})), json!({}), path, "suffix");
    refused(with(json!({"requests": {"cpu": "99999999999999999999"}})), json!({}), path, "too large");
    refused(with(json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}})), json!({}), path, "above the limit");
    let gpus = json!({"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "2"}});
    refused(with(gpus), json!({}), "spec.containers[1].resources.requests.nvidia.com/gpu", "must equal");
}

#[test]
fn unknown_words_are_refused_with_the_nearest_known_one() {
    refused(json!({"restartPolicy": "OnFailed"}), json!({}), "spec.restartPolicy", "did you mean OnFailure?");
    let toleration = json!({"tolerations": [{"key": "a", "operator": "Equals"}]});
    refused(toleration, json!({}), "spec.tolerations[0].operator", "did you mean Equal?");
    let class = json!({"priorityClassName": "system-node-criticel"});
    refused(class, json!({}), "spec.priorityClassName", "did you mean system-node-critical?");
    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "x"}]});
    refused(spread, json!({}), "spec.topologySpreadConstraints[0].maxSkew", "above zero");
}

#[test]
fn tolerations_and_affinity_are_read_with_their_defaults() {
    let spec = json!({
        "tolerations": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}, {"operator": "Exists"}],
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "a"}}, "matchLabelKeys": ["version", "absent"],
        }],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{
            "topologyKey": "kubernetes.io/hostname", "labelSelector": {}, "mismatchLabelKeys": ["version"],
        }]}},
    });
    let pod = read(spec, json!({"labels": {"version": "2"}})).unwrap();
    assert_eq!(pod.tolerations[0].operator, TolerationOperator::Equal);
    assert_eq!(pod.tolerations[0].effect, Some(TaintEffect::NoSchedule));
    assert_eq!((pod.tolerations[1].key.as_str(), pod.tolerations[1].effect), ("", None));
    let spread = &pod.topology_spread_constraints[0];
    assert_eq!(spread.node_affinity_policy, SpreadPolicy::Honor);
    assert_eq!(spread.node_taints_policy, SpreadPolicy::Ignore);
    let merged = &spread.selector.as_ref().unwrap().match_expressions;
    assert_eq!((merged.len(), merged[0].key.as_str(), merged[0].operator), (1, "version", SelectorOperator::In));
    let anti = pod.affinity.pod_anti.required[0].selector.as_ref().unwrap();
    assert_eq!(anti.match_expressions[0].operator, SelectorOperator::NotIn);
}

#[test]
fn host_network_makes_container_ports_host_ports() {
    let containers = json!([{"name": "c", "ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 81}]}]);
    let ports = |host_network: bool| {
        let spec = json!({"containers": containers.clone(), "hostNetwork": host_network});
        read(spec, json!({})).unwrap().host_ports().map(|p| (p.ip.clone(), p.port)).collect::<Vec<_>>()
    };
    assert_eq!(ports(true), [("0.0.0.0".to_owned(), 80), ("0.0.0.0".to_owned(), 81)]);
    assert_eq!(ports(false), [("0.0.0.0".to_owned(), 81)]);
}

#[test]
fn gpu_shares_are_read_from_annotations() {
    let share = |milli: &str, count: &str| {
        let annotations = json!({"alibabacloud.com/gpu-milli": milli, "alibabacloud.com/gpu-count": count});
        read(json!({}), json!({"annotations": annotations})).map(|pod| pod.gpu_share)
    };
    assert_eq!(share("460", "1"), Ok(Some(GpuShare { count: 1, milli: 460 })));
    assert_eq!(share("1000", "8"), Ok(Some(GpuShare { count: 8, milli: 1000 })));
    assert_eq!(share("0", "0"), Ok(None));
    for (milli, count) in [("1001", "1"), ("-1", "1"), ("500", "2"), ("0", "1"), ("500", "17"), ("x", "1")] {
        let error = share(milli, count).unwrap_err();
        assert!(error.path.starts_with("metadata.annotations[alibabacloud.com/gpu-"), "{error}");
    }
    let both = json!({"containers": [{"name": "c", "resources": {"limits": {"nvidia.com/gpu": 1}}}]});
    let annotations = json!({"annotations": {"alibabacloud.com/gpu-milli": "500"}});
    refused(both, annotations, "metadata.annotations[alibabacloud.com/gpu-milli]", "not both");
}

#[test]
fn priority_comes_from_the_class_and_its_policy_from_the_pod() {
    let raw = json!([
        {"metadata": {"name": "high"}, "value": 100, "preemptionPolicy": "Never"},
        {"metadata": {"name": "base"}, "value": 5, "globalDefault": true},
    ]);
    let classes = PriorityClasses::new(&object::<Vec<_>>(raw)).unwrap();
    let value = |class, priority, policy| classes.resolve(class, priority, policy).unwrap();
    assert_eq!(value(Some("high"), None, None), PriorityValue { value: 100, preempts: false });
    assert_eq!(value(None, None, None), PriorityValue { value: 5, preempts: true });
    assert_eq!(value(None, Some(0), Some("Never")), PriorityValue { value: 0, preempts: false });
    assert_eq!(value(Some("gone"), Some(7), None), PriorityValue { value: 7, preempts: true });
    assert_eq!(value(Some("system-node-critical"), None, None).value, 2_000_001_000);
}

#[test]
fn a_cluster_is_loaded_with_its_bound_pods() {
    let nodes = json!([{
        "metadata": {"name": "n", "labels": {"kubernetes.io/hostname": "host-n", "zone": "a"}},
        "spec": {"unschedulable": true, "taints": [
            {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}, {"key": "gpu", "effect": "NoExecute"}]},
        "status": {"capacity": {"cpu": "4", "memory": "8Gi", "pods": "30", "alibabacloud.com/gpu-count": "2"},
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "1970-01-01T00:01:00Z"}]},
    }]);
    let pod = |name: &str, node: &str, phase: &str| {
        let resources = json!({"requests": {"cpu": "500m"}});
        json!({"metadata": {"name": name}, "status": {"phase": phase},
            "spec": {"nodeName": node, "containers": [{"name": "c", "resources": resources}]}})
    };
    let mut pods = vec![pod("a", "n", "Running"), pod("b", "n", "Succeeded"), pod("c", "elsewhere", "Running")];
    pods.push(json!({"metadata": {"name": "d", "creationTimestamp": "1970-01-01T00:00:10Z"},
        "spec": {"containers": [{"name": "c"}]}, "status": {"phase": "Pending", "nominatedNodeName": "n", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": null}]}}));
    let mut loaded = LoadedCluster::default();
    for node in object::<Vec<_>>(nodes) {
        loaded.add_node(&node).unwrap();
    }
    for pod in pods {
        loaded.add_pod(&object(pod), &PriorityClasses::default()).unwrap();
    }
    let node = loaded.state.node_view(NodeId(0)).unwrap();
    assert_eq!(node.state.requested.cpu, Millicores(500));
    assert_eq!((node.label(label::HOSTNAME), node.label("zone")), (Some("host-n"), Some("a")));
    assert_eq!((node.shape.max_pods, node.shape.shared_gpus, node.shape.allocatable.cpu), (30, 2, Millicores(4000)));
    assert_eq!((node.shape.taints.len(), node.state.extra_taints.len()), (1, 1));
    assert!(node.state.unschedulable && !node.state.ready);
    assert_eq!(loaded.nodes[0].1.ready_transition, Some(SimTime::from_secs(60)));
    let phases: Vec<_> = loaded.state.pods().iter().map(|pod| (pod.phase, pod.node.is_some())).collect();
    let running = PodPhase::Running;
    let expected = [(running, true), (PodPhase::Succeeded, true), (running, false), (PodPhase::Pending, false)];
    assert_eq!(phases, expected);
    let waiting = &loaded.state.pods()[3];
    assert_eq!((waiting.unschedulable_since, waiting.nominated_node), (Some(SimTime::from_secs(10)), Some(NodeId(0))));
}

#[test]
fn two_nodes_of_one_name_are_refused() {
    let node = json!({"metadata": {"name": "n"}});
    let mut loaded = LoadedCluster::default();
    loaded.add_node(&object(node.clone())).unwrap();
    assert_eq!(loaded.add_node(&object(node)).unwrap_err().path, "metadata.name");
}

#[test]
fn a_daemon_sets_pod_belongs_to_it_and_tolerates_a_cordon() {
    let raw = json!({"metadata": {"name": "agent", "namespace": "kube-system"}, "spec": {
        "selector": {}, "template": {"metadata": {"labels": {"app": "agent"}}, "spec": {"containers": [{"name": "c"}]}}}});
    let pod = daemon_set_pod(&object(raw), &PriorityClasses::default(), &mut ResourceNames::default()).unwrap();
    assert!(pod.is_daemon_set_pod());
    assert_eq!((pod.namespace.as_str(), pod.labels["app"].as_str()), ("kube-system", "agent"));
    assert!(pod.tolerations.iter().any(|toleration| toleration.key == "node.kubernetes.io/unschedulable"));
}

#[test]
fn a_template_needs_a_spec() {
    let owner = Controller { kind: "Job".into(), name: "j".into(), uid: "1".into() };
    let template = Default::default();
    let mut names = ResourceNames::default();
    let error = pod_template_spec(&template, "default", owner, &PriorityClasses::default(), &mut names).unwrap_err();
    assert_eq!(error.path, "spec");
}

#[test]
fn a_budget_keeps_its_amounts_and_what_its_status_allows() {
    let budget = |spec: Value| {
        let raw = json!({"metadata": {"name": "b", "namespace": "ns"}, "spec": spec, "status": {
            "disruptionsAllowed": 1, "currentHealthy": 3, "desiredHealthy": 2, "expectedPods": 3,
            "disruptedPods": {"p": "1970-01-01T00:00:00Z"}}});
        disruption_budget(&object(raw))
    };
    let read = budget(json!({"minAvailable": "50%", "selector": {}})).unwrap();
    assert_eq!((read.min_available, read.max_unavailable), (Some(IntOrPercent::Percent(50)), None));
    assert_eq!((read.disruptions_allowed, read.disrupted_pods.contains("p")), (1, true));
    assert!(read.selects("ns", &Default::default()) && !read.selects("other", &Default::default()));
    assert_eq!(read.selector, Some(LabelSelector::default()));
    assert_eq!(budget(json!({"minAvailable": 1, "maxUnavailable": 1})).unwrap_err().path, "spec.maxUnavailable");
    assert_eq!(budget(json!({"maxUnavailable": "150%"})).unwrap_err().path, "spec.maxUnavailable");
}
