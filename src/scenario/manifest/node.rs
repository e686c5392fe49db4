//! Nodes: `v1.Node`, live or as a node group's template.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;

use super::pod::{GPU_COUNT, GPU_MILLI, MAX_SHARED_GPUS, small_integer};
use super::resources::resource_list;
use super::selector::read_taints;
use super::{ManifestError, instant};
use crate::cluster::{NodeShape, NodeState, ResourceNames, Resources, Taint, label, resource};
use crate::units::{Bytes, Quantity, SimTime};

/// A node of a live cluster; instants count from the Unix epoch.
#[derive(Clone, Debug)]
pub struct LiveNode {
    pub name: Arc<str>,
    /// Without the taints in [`LiveNode::extra_taints`] and without the hostname label.
    pub shape: NodeShape,
    /// The hostname label where it differs from the name.
    pub hostname: Option<Arc<str>>,
    /// The object has no hostname label.
    pub lacks_hostname: bool,
    /// Taints that come and go with the node's state: `node.kubernetes.io/…` and the autoscalers' marks.
    pub extra_taints: Vec<Taint>,
    pub unschedulable: bool,
    /// The Ready condition is `True`, or there is none.
    pub ready: bool,
    /// Last transition of the Ready condition.
    pub ready_transition: Option<SimTime>,
    /// The epoch where the object does not say.
    pub created: SimTime,
    pub deleting: bool,
}

impl LiveNode {
    /// Sets the flags and taints of a node that was added with this shape; its hostname is the cluster's to set.
    pub fn apply(&self, state: &mut NodeState) {
        state.extra_taints = self.extra_taints.iter().cloned().collect();
        state.unschedulable = self.unschedulable;
        state.ready = self.ready;
        state.deleting = self.deleting;
    }
}

/// A node as a cluster prints it.
///
/// # Errors
/// The first field that means nothing.
pub fn live_node(node: &core::Node, names: &mut ResourceNames) -> Result<LiveNode, ManifestError> {
    let Some(name) = node.metadata.name.as_deref().filter(|name| !name.is_empty()) else {
        return Err(ManifestError::new("metadata.name", "a name is required"));
    };
    let status = node.status.as_ref();
    let mut labels = node.metadata.labels.clone().unwrap_or_default();
    let hostname = labels.remove(label::HOSTNAME);
    let lacks_hostname = hostname.is_none();
    let capacity_list = status.and_then(|status| status.capacity.clone()).unwrap_or_default();
    let allocatable_list =
        status.and_then(|status| status.allocatable.clone()).unwrap_or_else(|| capacity_list.clone());
    let capacity = node_amounts(&capacity_list, names).map_err(|error| error.within("status.capacity"))?;
    let allocatable = node_amounts(&allocatable_list, names).map_err(|error| error.within("status.allocatable"))?;
    let shared_gpus = match small_integer(&node.metadata, GPU_COUNT, MAX_SHARED_GPUS)? {
        Some(count) => count,
        None => allocatable.shared_gpus.or(capacity.shared_gpus).unwrap_or(0),
    };
    let (mut taints, mut extra_taints) = (Vec::new(), Vec::new());
    let spec = node.spec.as_ref();
    let raw_taints = spec.and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    for read in read_taints(raw_taints).map_err(|error| error.within("spec.taints"))? {
        if is_transient(&read.key) { extra_taints.push(read) } else { taints.push(read) }
    }
    let ready = status.and_then(|status| status.conditions.iter().flatten().find(|c| c.type_ == "Ready"));
    Ok(LiveNode {
        name: name.into(),
        shape: NodeShape {
            labels,
            annotations: node.metadata.annotations.clone().unwrap_or_default(),
            taints,
            capacity: capacity.resources,
            allocatable: allocatable.resources,
            max_pods: allocatable.pods.unwrap_or(NodeShape::DEFAULT_MAX_PODS),
            shared_gpus,
            group: None,
            accelerator: None,
            images: status.map(images).unwrap_or_default(),
        },
        hostname: hostname.filter(|hostname| hostname != name).map(Arc::from),
        lacks_hostname,
        extra_taints,
        unschedulable: spec.is_some_and(|spec| spec.unschedulable == Some(true)),
        ready: ready.is_none_or(|condition| condition.status == "True"),
        ready_transition: ready.and_then(|condition| condition.last_transition_time.as_ref()).map(instant),
        created: node.metadata.creation_timestamp.as_ref().map_or(SimTime::ZERO, instant),
        deleting: node.metadata.deletion_timestamp.is_some(),
    })
}

fn images(status: &core::NodeStatus) -> Vec<(String, Bytes)> {
    let mut images: Vec<_> = status
        .images
        .iter()
        .flatten()
        .flat_map(|image| {
            let size = Bytes(image.size_bytes.unwrap_or(0).max(0));
            image.names.iter().flatten().map(move |name| (name.clone(), size))
        })
        .collect();
    images.sort();
    images.dedup_by(|a, b| a.0 == b.0);
    images
}

/// Taints that say how a node is at the moment, not what kind it is.
fn is_transient(key: &str) -> bool {
    key.starts_with("node.kubernetes.io/")
        || matches!(
            key,
            "ToBeDeletedByClusterAutoscaler"
                | "DeletionCandidateOfClusterAutoscaler"
                | "karpenter.sh/disrupted"
                | "karpenter.sh/unregistered"
        )
}

type RawList = std::collections::BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>;

/// What a node has or gives to pods.
#[derive(Clone, Debug, Default)]
pub struct NodeAmounts {
    pub resources: Resources,
    /// Pod slots, where they are stated.
    pub pods: Option<i64>,
    /// Devices that can be shared.
    pub shared_gpus: Option<u16>,
}

/// A node's `ResourceList`; errors begin with the resource.
pub fn node_amounts(list: &RawList, names: &mut ResourceNames) -> Result<NodeAmounts, ManifestError> {
    let mut list = list.clone();
    let mut take = |name: &str| match list.remove(name) {
        None => Ok(None),
        Some(raw) => Quantity::parse_non_negative(&raw.0)
            .map(|quantity| Some(quantity.value()))
            .map_err(|error| ManifestError::new(name, error.to_string())),
    };
    let pods = take(resource::PODS)?;
    let shared = take(GPU_COUNT)?;
    take(GPU_MILLI)?;
    let shared_gpus = match shared {
        None => None,
        Some(count) if count <= i64::from(MAX_SHARED_GPUS) => Some(count as u16),
        Some(count) => {
            let problem = format!("{count} devices on one node; at most {MAX_SHARED_GPUS} can be shared");
            return Err(ManifestError::new(GPU_COUNT, problem));
        }
    };
    Ok(NodeAmounts { resources: resource_list(&list, names)?, pods, shared_gpus })
}
