//! How the control plane finds out that a node has stopped answering, and what it does then.
//!
//! Names and defaults are those of kubelet's, kube-controller-manager's and kube-apiserver's own settings in Kubernetes
//! 1.34.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::SimDuration;

/// Kubelet's heartbeat, kube-controller-manager's node lifecycle and taint eviction controllers, and the tolerations
/// that kube-apiserver gives to pods.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NodeLifecycleOptions {
    /// Kubelet's `nodeLeaseDurationSeconds`; it renews its lease every quarter of that. Default: 40.
    pub node_lease_duration_seconds: u32,
    /// `--node-monitor-period`: how often node controllers look. Default: 5s.
    pub node_monitor_period: SimDuration,
    /// `--node-monitor-grace-period`: a node whose lease has not been renewed for so long is called NotReady (`Unknown`).
    /// Default: 50s, as since Kubernetes 1.32; 40s before.
    pub node_monitor_grace_period: SimDuration,
    /// `--node-eviction-rate`: nodes of one zone that get the taint `NoExecute` in a second. Default: 0.1.
    pub node_eviction_rate: f64,
    /// `--secondary-node-eviction-rate`: the same in a large zone most of whose nodes are NotReady. Default: 0.01.
    pub secondary_node_eviction_rate: f64,
    /// `--unhealthy-zone-threshold`: the share of NotReady nodes (at least 3) that makes a zone such a one. Default: 0.55.
    pub unhealthy_zone_threshold: f64,
    /// `--large-cluster-size-threshold`: such a zone of at most so many nodes gets no taint at all. Default: 50.
    pub large_cluster_size_threshold: u32,
    /// kube-apiserver's `--default-unreachable-toleration-seconds`, for pods that say nothing of their own.
    /// Default: 300.
    pub default_unreachable_toleration_seconds: u32,
}

impl Default for NodeLifecycleOptions {
    fn default() -> NodeLifecycleOptions {
        NodeLifecycleOptions {
            node_lease_duration_seconds: 40,
            node_monitor_period: SimDuration::from_secs(5),
            node_monitor_grace_period: SimDuration::from_secs(50),
            node_eviction_rate: 0.1,
            secondary_node_eviction_rate: 0.01,
            unhealthy_zone_threshold: 0.55,
            large_cluster_size_threshold: 50,
            default_unreachable_toleration_seconds: 300,
        }
    }
}

impl NodeLifecycleOptions {
    /// Values that parse and yet make no sense, by field.
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut problems = Vec::new();
        let mut ensure = |holds: bool, field, problem| {
            if !holds {
                problems.push((field, problem));
            }
        };
        let is_rate = |rate: f64| rate.is_finite() && rate >= 0.0;
        ensure(self.node_lease_duration_seconds > 0, "nodeLeaseDurationSeconds", "must be above 0");
        ensure(self.node_monitor_period > SimDuration::ZERO, "nodeMonitorPeriod", "must be above 0s");
        ensure(self.node_monitor_grace_period > SimDuration::ZERO, "nodeMonitorGracePeriod", "must be above 0s");
        ensure(is_rate(self.node_eviction_rate), "nodeEvictionRate", "must be zero or more");
        ensure(is_rate(self.secondary_node_eviction_rate), "secondaryNodeEvictionRate", "must be zero or more");
        ensure((0.0..=1.0).contains(&self.unhealthy_zone_threshold), "unhealthyZoneThreshold", "must be from 0 to 1");
        problems
    }
}

/// Who acts on the cloud's notice that it takes a machine back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum InterruptionHandling {
    /// The node is cordoned and drained at once: a managed node group, AWS's node termination handler, or Karpenter with
    /// an interruption queue does that.
    #[default]
    Drain,
    /// Nobody: its pods run to the end of the notice.
    None,
}
