//! What is worked out once a node shape or pod spec: GPUs, counted capacity, kinds of pods.

use super::Options;
use crate::cluster::{NodeShape, NodeState, PodSpec, Resources, Specs, label};

/// Extended resources that upstream knows as GPUs (`utils/gpu/gpu.go`), in its order.
const GPU_RESOURCES: [&str; 5] =
    ["nvidia.com/gpu", "habana.ai/gaudi", "gpu.intel.com/xe", "amd.com/gpu", "microsoft.com/directx"];

/// Capacity as quotas count it: whole cores rounded up, bytes, GPUs of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountedCapacity<'a> {
    pub cores: i64,
    pub memory: i64,
    /// GPU type and count.
    pub gpus: Option<(&'a str, i64)>,
}

/// The first GPU resource of which the node has any to give.
pub fn gpu_allocatable(specs: &Specs, shape: &NodeShape) -> Option<(crate::cluster::ResourceId, i64)> {
    first_gpu(specs, &shape.allocatable)
}

fn first_gpu(specs: &Specs, resources: &Resources) -> Option<(crate::cluster::ResourceId, i64)> {
    resources.iter_extended().next()?;
    GPU_RESOURCES.iter().find_map(|name| {
        let id = specs.resources.get(name)?;
        Some((id, resources.extended(id))).filter(|(_, amount)| *amount != 0)
    })
}

/// A GPU node by label or by what it has to give; shared devices count as well.
pub fn has_gpu(specs: &Specs, shape: &NodeShape) -> bool {
    shape.shared_gpus > 0 || shape.accelerator.is_some() || gpu_allocatable(specs, shape).is_some()
}

/// A GPU node whose devices do not show yet, so that it counts as starting.
pub fn is_waiting_for_gpu(specs: &Specs, shape: &NodeShape) -> bool {
    shape.shared_gpus == 0 && shape.accelerator.is_some() && gpu_allocatable(specs, shape).is_none()
}

/// The cloud's own label promises GPUs, and there are none to give. (The product label is NVIDIA's, set once they work.)
pub fn lacks_promised_gpus(specs: &Specs, shape: &NodeShape) -> bool {
    let is_promised =
        || label::ACCELERATORS.iter().any(|key| *key != label::GPU_PRODUCT && shape.labels.contains_key(*key));
    is_waiting_for_gpu(specs, shape) && is_promised()
}

/// A node that Kubernetes and its taints call ready, with its GPUs there and no startup taint left.
pub fn is_ready(specs: &Specs, node: &NodeState, options: &Options) -> bool {
    const NOT_READY: [&str; 3] =
        ["node.kubernetes.io/not-ready", "node.kubernetes.io/disk-pressure", "node.kubernetes.io/network-unavailable"];
    if !node.ready || node.extra_taints.iter().any(|taint| NOT_READY.contains(&taint.key.as_str())) {
        return false;
    }
    let shape = specs.shape(node.shape);
    // Upstream looks for these two only among nodes that take pods.
    node.unschedulable
        || !(is_waiting_for_gpu(specs, shape)
            || shape.taints.iter().chain(&node.extra_taints).any(|taint| options.is_startup_taint(&taint.key)))
}

pub fn requests_gpu(specs: &Specs, pod: &PodSpec) -> bool {
    pod.gpu_share.is_some()
        || GPU_RESOURCES.iter().any(|name| specs.resources.get(name).is_some_and(|id| pod.requests.has_extended(id)))
}

/// `template` is the group's, for GPUs that the node itself does not show yet.
pub fn counted_capacity<'a>(
    specs: &'a Specs,
    shape: &'a NodeShape,
    template: Option<&'a NodeShape>,
) -> CountedCapacity<'a> {
    let cores = shape.capacity.cpu.get().max(0);
    let gpus = shape.accelerator.as_deref().and_then(|kind| {
        let count = match gpu_allocatable(specs, shape) {
            Some((_, count)) => count,
            None if shape.shared_gpus > 0 => i64::from(shape.shared_gpus),
            None => first_gpu(specs, &template?.capacity)?.1,
        };
        (count > 0).then_some((kind, count))
    });
    CountedCapacity { cores: (cores + 999) / 1000, memory: shape.capacity.memory.get().max(0), gpus }
}

/// A DaemonSet's pod, by its controller or by the annotation that makes any pod count as one.
pub fn is_daemon_set_pod(pod: &PodSpec) -> bool {
    pod.is_daemon_set_pod()
        || pod.annotations.get("cluster-autoscaler.kubernetes.io/daemonset-pod").is_some_and(|value| value == "true")
}

/// A pod that its controller makes again when it is evicted.
pub fn is_recreatable(pod: &PodSpec) -> bool {
    let is_static = pod.annotations.get("kubernetes.io/config.source").is_some_and(|source| source != "api");
    !is_static && !pod.is_mirror_pod() && !is_daemon_set_pod(pod)
}

/// The pod's fate depends on other pods: where they run can open or close a node to it.
pub fn depends_on_other_pods(pod: &PodSpec) -> bool {
    !pod.topology_spread_constraints.is_empty()
        || !pod.affinity.pod.required.is_empty()
        || !pod.affinity.pod_anti.required.is_empty()
}

/// Upstream's test of schedulability: equal labels and equal specs, annotations and service account tokens aside.
pub fn are_equivalent(a: &PodSpec, b: &PodSpec) -> bool {
    if a.labels != b.labels || a.requests != b.requests || a.containers != b.containers {
        return false;
    }
    let volumes = |pod: &PodSpec| {
        let lasting = pod.volumes.iter().filter(|volume| !volume.name.starts_with("kube-api-access-"));
        lasting.cloned().collect::<Vec<_>>()
    };
    if volumes(a) != volumes(b) {
        return false;
    }
    let mut other = a.clone();
    other.annotations = b.annotations.clone();
    other.volumes = b.volumes.clone();
    other == *b
}

/// GPUs that a pod asks for, shares as fractions.
pub fn requested_gpus(specs: &Specs, pod: &PodSpec) -> f64 {
    let whole: i64 =
        GPU_RESOURCES.iter().filter_map(|name| specs.resources.get(name)).map(|id| pod.requests.extended(id)).sum();
    let shared = pod.gpu_share.map_or(0, |share| i64::from(share.count) * i64::from(share.milli));
    whole as f64 + shared as f64 / 1000.0
}
