//! Cluster Autoscaler's flags that bear on decisions, under upstream's names and with upstream's defaults.
//!
//! A scenario writes them in camelCase (`scaleDownUnneededTime`), `decide` as the flags are spelt
//! (`scale-down-unneeded-time`); both read this struct. Read in `config/flags/flags.go` and `config/const.go` of
//! kubernetes/autoscaler, branch `cluster-autoscaler-release-1.37` (a16f0ae8). Those that a node group may override
//! stand again in [`GroupOptions`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::expander::ExpanderChain;
use super::limits::{GpuLimit, MinMax};
use crate::units::SimDuration;

/// Options of a whole Cluster Autoscaler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Options {
    /// Pause between iterations. Default 10s.
    pub scan_interval: SimDuration,
    /// Start the next iteration at once after a scale-up or the start of a deletion. Default true.
    pub frequent_loops_enabled: bool,
    /// One expander or a comma-separated chain of them. Default least-waste.
    pub expander: ExpanderChain,
    /// For the `priority` expander: regular expressions of group names by priority, as in upstream's ConfigMap
    /// `cluster-autoscaler-priority-expander`. Groups with a priority of their own do not need it. Default none.
    pub priorities: BTreeMap<i32, Vec<String>>,
    /// Nodes that one estimate may open; 0: no limit. Default 1000.
    pub max_nodes_per_scaleup: u32,
    /// Estimate the last group of pods by arithmetic instead of packing. Default false.
    pub fastpath_binpacking_enabled: bool,
    /// A pod must be older than this to cause a scale-up. Default 0s.
    pub new_pod_scale_up_delay: SimDuration,
    /// After it a requested node counts as failed. Default 15m.
    pub max_node_provision_time: SimDuration,
    /// A registered node that is not ready counts as starting for this long, then as unready. Default 15m.
    pub max_node_startup_time: SimDuration,
    /// Default 5m.
    pub initial_node_group_backoff_duration: SimDuration,
    /// Default 30m.
    pub max_node_group_backoff_duration: SimDuration,
    /// A group that has not failed for this long starts again from the initial back-off. Default 3h.
    pub node_group_backoff_reset_timeout: SimDuration,
    /// Nodes of the whole cluster; 0: no limit. Default 0.
    pub max_nodes_total: u32,
    /// Minimum and maximum of cores in the cluster. Default 0:320000.
    pub cores_total: MinMax,
    /// Minimum and maximum of memory in the cluster, in GiB. Default 0:6400000.
    pub memory_total: MinMax,
    /// `type:min:max` for each type of GPU (the value of the node's GPU label). Default none.
    pub gpu_total: Vec<GpuLimit>,
    /// Split one increase over similar groups. Default false.
    pub balance_similar_node_groups: bool,
    /// Labels to overlook when groups are compared, beside host, zone and region. Default none.
    pub balancing_ignore_label: Vec<String>,
    /// Compare groups by these labels alone. Default none: compare resources and labels.
    pub balancing_label: Vec<String>,
    /// Default 0.015.
    pub memory_difference_ratio: f64,
    /// Default 0.05.
    pub max_allocatable_difference_ratio: f64,
    /// Default 0.05.
    pub max_free_difference_ratio: f64,
    /// Raise groups that are below their minimum. Default false.
    pub enforce_node_group_min_size: bool,
    /// Work although no node is ready. Default true.
    pub scale_up_from_zero: bool,
    /// Several scale-ups in one iteration. Default false.
    pub salvo_scale_up: bool,
    /// Per cent of unready nodes above which the cluster (or a group) is unhealthy. Default 45.
    pub max_total_unready_percentage: f64,
    /// Unready nodes that are borne whatever the percentage. Default 3.
    pub ok_total_unready_count: u32,
    /// Pods of a lower priority neither cause a scale-up nor hold room. Default -10.
    pub expendable_pods_priority_cutoff: i32,
    /// Default true.
    pub scale_down_enabled: bool,
    /// Default true.
    pub scale_down_unready_enabled: bool,
    /// Default 10m.
    pub scale_down_delay_after_add: SimDuration,
    /// Default 0s.
    pub scale_down_delay_after_delete: SimDuration,
    /// Default 3m.
    pub scale_down_delay_after_failure: SimDuration,
    /// Apply the three delays to each group by itself. Default false.
    pub scale_down_delay_type_local: bool,
    /// Default 10m.
    pub scale_down_unneeded_time: SimDuration,
    /// Default 20m.
    pub scale_down_unready_time: SimDuration,
    /// A node at or below it may go. Default 0.5.
    pub scale_down_utilization_threshold: f64,
    /// The same for nodes with GPUs. Default 0.5.
    pub scale_down_gpu_utilization_threshold: f64,
    /// Default false.
    pub ignore_daemonsets_utilization: bool,
    /// Default false.
    pub ignore_mirror_pods_utilization: bool,
    /// Nodes being deleted at once. Default 10.
    #[serde(alias = "maxEmptyBulkDelete")]
    pub max_scale_down_parallelism: u32,
    /// Of these, nodes being drained. Default 1.
    pub max_drain_parallelism: u32,
    /// How long a node that could not be removed is left alone. Default 5m.
    pub unremovable_node_recheck_timeout: SimDuration,
    /// Pods of kube-system without a budget block their node. Default true.
    pub skip_nodes_with_system_pods: bool,
    /// Pods with local storage block their node. Default true.
    pub skip_nodes_with_local_storage: bool,
    /// Pods of controllers that Kubernetes does not know block their node. Default true.
    pub skip_nodes_with_custom_controller_pods: bool,
    /// Age from which a system pod no longer blocks (the spelling is upstream's). Default 1h.
    pub blocking_system_pod_distruption_timeout: SimDuration,
    /// Replicas below which a ReplicaSet's pods block their node. Default 0.
    pub min_replica_count: u32,
    /// Pods get at most this many seconds to end when their node is drained. Default 600.
    pub max_graceful_termination_sec: u32,
    /// How long an eviction is retried. Default 2m.
    pub max_pod_eviction_time: SimDuration,
    /// Pause between the taint and the deletion. Default 5s.
    pub node_delete_delay_after_taint: SimDuration,
    /// Default false.
    pub daemonset_eviction_for_empty_nodes: bool,
    /// Default true.
    pub daemonset_eviction_for_occupied_nodes: bool,
    /// Soft taints set or removed in one iteration; 0: none. Default 10.
    pub max_bulk_soft_taint_count: u32,
    /// Default true.
    pub cordon_node_before_terminating: bool,
    /// Add missing daemon pods to templates taken from live nodes. Default false.
    pub force_ds: bool,
    /// Delete instances that never registered even below the minimum size. Default false.
    pub force_delete_unregistered_nodes: bool,
    /// Keys of taints that make a node count as starting. Default none (`startup-taint.cluster-autoscaler.kubernetes.io/`
    /// is always one).
    #[serde(alias = "ignoreTaint")]
    pub startup_taint: Vec<String>,
    /// Prefixes of such keys. Default none.
    pub startup_taint_prefix: Vec<String>,
    /// Keys of taints that templates leave out. Default none.
    pub status_taint: Vec<String>,
    /// Templates of cordoned nodes are not cordoned. Default false.
    pub scale_from_unschedulable: bool,
    /// Tell for pods that stay pending whether a group that was skipped would have held them. Default false.
    pub scaleup_simulation_for_skipped_node_groups_enabled: bool,
}

impl Default for Options {
    fn default() -> Options {
        let (secs, mins) = (SimDuration::from_secs, SimDuration::from_mins);
        Options {
            scan_interval: secs(10),
            frequent_loops_enabled: true,
            expander: ExpanderChain::default(),
            priorities: BTreeMap::new(),
            max_nodes_per_scaleup: 1000,
            fastpath_binpacking_enabled: false,
            new_pod_scale_up_delay: SimDuration::ZERO,
            max_node_provision_time: mins(15),
            max_node_startup_time: mins(15),
            initial_node_group_backoff_duration: mins(5),
            max_node_group_backoff_duration: mins(30),
            node_group_backoff_reset_timeout: mins(180),
            max_nodes_total: 0,
            cores_total: MinMax { min: 0, max: 320_000 },
            memory_total: MinMax { min: 0, max: 6_400_000 },
            gpu_total: Vec::new(),
            balance_similar_node_groups: false,
            balancing_ignore_label: Vec::new(),
            balancing_label: Vec::new(),
            memory_difference_ratio: 0.015,
            max_allocatable_difference_ratio: 0.05,
            max_free_difference_ratio: 0.05,
            enforce_node_group_min_size: false,
            scale_up_from_zero: true,
            salvo_scale_up: false,
            max_total_unready_percentage: 45.0,
            ok_total_unready_count: 3,
            expendable_pods_priority_cutoff: -10,
            scale_down_enabled: true,
            scale_down_unready_enabled: true,
            scale_down_delay_after_add: mins(10),
            scale_down_delay_after_delete: SimDuration::ZERO,
            scale_down_delay_after_failure: mins(3),
            scale_down_delay_type_local: false,
            scale_down_unneeded_time: mins(10),
            scale_down_unready_time: mins(20),
            scale_down_utilization_threshold: 0.5,
            scale_down_gpu_utilization_threshold: 0.5,
            ignore_daemonsets_utilization: false,
            ignore_mirror_pods_utilization: false,
            max_scale_down_parallelism: 10,
            max_drain_parallelism: 1,
            unremovable_node_recheck_timeout: mins(5),
            skip_nodes_with_system_pods: true,
            skip_nodes_with_local_storage: true,
            skip_nodes_with_custom_controller_pods: true,
            blocking_system_pod_distruption_timeout: mins(60),
            min_replica_count: 0,
            max_graceful_termination_sec: 600,
            max_pod_eviction_time: mins(2),
            node_delete_delay_after_taint: secs(5),
            daemonset_eviction_for_empty_nodes: false,
            daemonset_eviction_for_occupied_nodes: true,
            max_bulk_soft_taint_count: 10,
            cordon_node_before_terminating: true,
            force_ds: false,
            force_delete_unregistered_nodes: false,
            startup_taint: Vec::new(),
            startup_taint_prefix: Vec::new(),
            status_taint: Vec::new(),
            scale_from_unschedulable: false,
            scaleup_simulation_for_skipped_node_groups_enabled: false,
        }
    }
}

/// What one node group does its own way; absent: as [`Options`] say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct GroupOptions {
    pub scale_down_utilization_threshold: Option<f64>,
    pub scale_down_gpu_utilization_threshold: Option<f64>,
    pub scale_down_unneeded_time: Option<SimDuration>,
    pub scale_down_unready_time: Option<SimDuration>,
    pub max_node_provision_time: Option<SimDuration>,
    pub max_node_startup_time: Option<SimDuration>,
    pub ignore_daemonsets_utilization: Option<bool>,
    /// The group is scaled as a whole: to its maximum size or to zero.
    pub zero_or_max_node_scaling: bool,
    /// Nodes of such a group that failed to come up are deleted by themselves, not the whole group with them.
    pub allow_non_atomic_scale_up_to_max: bool,
}

/// [`GroupOptions`] with the defaults filled in.
#[derive(Clone, Copy, Debug)]
pub struct GroupPolicy {
    pub scale_down_utilization_threshold: f64,
    pub scale_down_gpu_utilization_threshold: f64,
    pub scale_down_unneeded_time: SimDuration,
    pub scale_down_unready_time: SimDuration,
    pub max_node_provision_time: SimDuration,
    pub max_node_startup_time: SimDuration,
    pub ignore_daemonsets_utilization: bool,
    pub zero_or_max_node_scaling: bool,
    pub allow_non_atomic_scale_up_to_max: bool,
}

impl Options {
    pub fn for_group(&self, group: &GroupOptions) -> GroupPolicy {
        GroupPolicy {
            scale_down_utilization_threshold: group
                .scale_down_utilization_threshold
                .unwrap_or(self.scale_down_utilization_threshold),
            scale_down_gpu_utilization_threshold: group
                .scale_down_gpu_utilization_threshold
                .unwrap_or(self.scale_down_gpu_utilization_threshold),
            scale_down_unneeded_time: group.scale_down_unneeded_time.unwrap_or(self.scale_down_unneeded_time),
            scale_down_unready_time: group.scale_down_unready_time.unwrap_or(self.scale_down_unready_time),
            max_node_provision_time: group.max_node_provision_time.unwrap_or(self.max_node_provision_time),
            max_node_startup_time: group.max_node_startup_time.unwrap_or(self.max_node_startup_time),
            ignore_daemonsets_utilization: group
                .ignore_daemonsets_utilization
                .unwrap_or(self.ignore_daemonsets_utilization),
            zero_or_max_node_scaling: group.zero_or_max_node_scaling,
            allow_non_atomic_scale_up_to_max: group.allow_non_atomic_scale_up_to_max,
        }
    }

    /// Values that parse and yet make no sense, by field.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let ratios = [
            ("memoryDifferenceRatio", self.memory_difference_ratio),
            ("maxAllocatableDifferenceRatio", self.max_allocatable_difference_ratio),
            ("maxFreeDifferenceRatio", self.max_free_difference_ratio),
            ("maxTotalUnreadyPercentage", self.max_total_unready_percentage),
            ("scaleDownUtilizationThreshold", self.scale_down_utilization_threshold),
            ("scaleDownGpuUtilizationThreshold", self.scale_down_gpu_utilization_threshold),
        ];
        for (field, value) in ratios {
            if !(value.is_finite() && value >= 0.0) {
                problems.push((field, format!("{value} is not a number of zero or more")));
            }
        }
        for expressions in self.priorities.values() {
            for expression in expressions {
                if let Err(error) = regex::Regex::new(expression) {
                    problems.push(("priorities", format!("{expression:?} is not a regular expression: {error}")));
                }
            }
        }
        problems
    }

    /// A taint that a starting node still carries.
    pub fn is_startup_taint(&self, key: &str) -> bool {
        key.starts_with("ignore-taint.cluster-autoscaler.kubernetes.io/")
            || key.starts_with("startup-taint.cluster-autoscaler.kubernetes.io/")
            || self.startup_taint.iter().any(|taint| taint == key)
            || self.startup_taint_prefix.iter().any(|prefix| key.starts_with(prefix.as_str()))
    }

    /// A taint that says how a node fares and not what kind it is, so that templates leave it out.
    pub fn is_left_out_of_templates(&self, key: &str) -> bool {
        const OF_CONDITIONS: [&str; 13] = [
            super::TO_BE_DELETED_TAINT,
            super::DELETION_CANDIDATE_TAINT,
            "node.kubernetes.io/not-ready",
            "node.kubernetes.io/unreachable",
            "node.kubernetes.io/unschedulable",
            "node.kubernetes.io/memory-pressure",
            "node.kubernetes.io/disk-pressure",
            "node.kubernetes.io/network-unavailable",
            "node.kubernetes.io/pid-pressure",
            "node.cloudprovider.kubernetes.io/uninitialized",
            "node.cloudprovider.kubernetes.io/shutdown",
            "cloud.google.com/impending-node-termination",
            "NodeWithImpairedVolumes",
        ];
        OF_CONDITIONS.contains(&key)
            || key.starts_with("status-taint.cluster-autoscaler.kubernetes.io/")
            || self.status_taint.iter().any(|taint| taint == key)
            || self.is_startup_taint(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_document_gives_upstreams_defaults() {
        let options: Options = serde_json::from_str("{}").unwrap();
        assert_eq!(options, Options::default());
        assert_eq!(options.expander.to_string(), "least-waste");
    }

    #[test]
    fn a_negative_duration_and_an_unknown_field_are_refused() {
        for text in [r#"{"scanInterval": "-5s"}"#, r#"{"scaleDownUnneededTme": "5s"}"#, r#"{"coresTotal": "5:2"}"#] {
            assert!(serde_json::from_str::<Options>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_group_keeps_what_it_does_not_override() {
        let group =
            GroupOptions { scale_down_unneeded_time: Some(SimDuration::from_secs(1)), ..GroupOptions::default() };
        let policy = Options::default().for_group(&group);
        assert_eq!(policy.scale_down_unneeded_time, SimDuration::from_secs(1));
        assert_eq!(policy.scale_down_unready_time, SimDuration::from_mins(20));
    }
}
