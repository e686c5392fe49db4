//! The clouds' own labels of nodes: which group a node is of, and how it is paid for.

use crate::cluster::{Labels, label};

/// Labels that name a node's group, those of a scenario's own first. Karpenter's pools have theirs, [`label::NODE_POOL`].
const GROUPS: [&str; 14] = [
    label::NODE_GROUP,
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "kops.k8s.io/instancegroup",
    "doks.digitalocean.com/node-pool",
    "k8s.scaleway.com/pool-name",
    "lke.linode.com/pool-id",
    "oci.oraclecloud.com/node-pool-id",
    "alibabacloud.com/nodepool-id",
    "node.cluster.x-k8s.io/deployment",
    "machine.openshift.io/machineset",
];

/// Labels and values of machines that the cloud may take back.
const SPOT: [(&str, &str); 7] = [
    (label::CAPACITY_TYPE, "spot"),
    ("eks.amazonaws.com/capacityType", "SPOT"),
    ("node.kubernetes.io/lifecycle", "spot"),
    ("cloud.google.com/gke-spot", "true"),
    ("cloud.google.com/gke-preemptible", "true"),
    ("kubernetes.azure.com/scalesetpriority", "spot"),
    ("kops.k8s.io/lifecycle", "spot"),
];

/// The label that names a node's group, and the group.
pub fn group_label(labels: &Labels) -> Option<(&'static str, &str)> {
    GROUPS.iter().find_map(|key| labels.get(*key).map(|value| (*key, value.as_str())))
}

/// Whether the machine may be taken back at any time.
pub fn is_spot(labels: &Labels) -> bool {
    SPOT.iter().any(|(key, value)| labels.get(*key).is_some_and(|own| own == value))
}
