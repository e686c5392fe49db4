//! Labels of which all values are known before a run: whoever asks for another asks for nothing.

use super::table::{Metric, MetricRow};

type Values = &'static [&'static str];

const STATES: Values = &["true", "false", "unknown"];
const UNITS: Values = &["core", "byte", "integer"];
const YES_OR_NO: Values = &["true", "false"];
const ENDS: Values = &["Completed", "Error", "OOMKilled"];

/// Metric, label, values.
#[rustfmt::skip]
const CLOSED: &[(Metric, &str, Values)] = &[
    (Metric::Up, "job", &[
        "apiserver", "kube-state-metrics", "kube-scheduler", "kube-controller-manager", "kube-proxy", "opencost", "kubelet",
        "node-exporter", "dcgm-exporter", "cluster-autoscaler", "karpenter", "kueue",
    ]),
    (Metric::Up, "metrics_path", &["/metrics", "/metrics/cadvisor"]),
    (Metric::KubePodStatusPhase, "phase", &["Pending", "Succeeded", "Failed", "Unknown", "Running"]),
    (Metric::KubePodStatusReady, "condition", STATES),
    (Metric::KubePodStatusScheduled, "condition", STATES),
    (Metric::KubePodStatusReason, "reason", &["Evicted", "NodeAffinity", "NodeLost", "Shutdown", "UnexpectedAdmissionError"]),
    (Metric::KubePodStatusQosClass, "qos_class", &["BestEffort", "Burstable", "Guaranteed"]),
    (Metric::KubePodRestartPolicy, "type", &["Always", "OnFailure", "Never"]),
    (Metric::KubePodContainerStatusWaitingReason, "reason", &["ContainerCreating", "CrashLoopBackOff"]),
    (Metric::KubePodContainerStatusTerminatedReason, "reason", ENDS),
    (Metric::KubePodContainerStatusLastTerminatedReason, "reason", ENDS),
    (Metric::KubePodContainerResourceRequests, "unit", UNITS),
    (Metric::KubePodContainerResourceLimits, "resource", &["cpu", "memory"]),
    (Metric::KubePodContainerResourceLimits, "unit", UNITS),
    (Metric::KubePodInitContainerRequests, "unit", UNITS),
    (Metric::KubePodInitContainerLimits, "resource", &["cpu", "memory"]),
    (Metric::KubePodInitContainerLimits, "unit", UNITS),
    (Metric::KubeNodeSpecTaint, "effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"]),
    (Metric::KubeNodeStatusCondition, "condition", &["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"]),
    (Metric::KubeNodeStatusCondition, "status", STATES),
    (Metric::KubeNodeStatusCapacity, "unit", UNITS),
    (Metric::KubeNodeStatusAllocatable, "unit", UNITS),
    (Metric::KubeNamespaceStatusPhase, "phase", &["Active"]),
    (Metric::KubeDeploymentCondition, "condition", &["Available", "Progressing"]),
    (Metric::KubeDeploymentCondition, "status", STATES),
    (Metric::KubeJobComplete, "condition", &["true"]),
    (Metric::KubeJobFailed, "condition", &["true"]),
    (Metric::KubeCronjobInfo, "concurrency_policy", &["Allow", "Forbid", "Replace"]),
    (Metric::KubeHpaInfo, "scaletargetref_kind", &["Deployment", "StatefulSet", "ReplicaSet"]),
    (Metric::KubeHpaCondition, "status", STATES),
    (Metric::KubeHpaTarget, "metric_target_type", &["utilization", "average", "value"]),
    (Metric::KubeHpaStatus, "metric_target_type", &["utilization", "average", "value"]),
    (Metric::NodeCpu, "mode", &["idle", "user"]),
    (Metric::SchedulerPendingPods, "queue", &["unschedulable", "active", "backoff", "gated"]),
    (Metric::SchedulerAttempts, "result", &["scheduled", "unschedulable", "error"]),
    (Metric::CaNodes, "state", &["ready", "unready", "notStarted"]),
    (Metric::CaUnschedulable, "type", &["unschedulable"]),
    (Metric::CaGroups, "node_group_type", &["autoscaled"]),
    (Metric::CaScaledDown, "reason", &["empty", "underutilized", "unready"]),
    (Metric::CaLastActivity, "activity", &["main", "scaleUp", "scaleDown"]),
    (Metric::KarpenterPodState, "phase", &["Pending", "Succeeded", "Failed", "Unknown", "Running"]),
    (Metric::KarpenterPodState, "scheduled", YES_OR_NO),
    (Metric::KarpenterPodState, "ready", YES_OR_NO),
    (Metric::KueuePending, "status", &["active", "inadmissible"]),
    (Metric::KueueStatus, "status", &["pending", "active", "terminating"]),
    (Metric::KueueAttempts, "result", &["success", "inadmissible"]),
    (Metric::HttpRequests, "code", &["200", "503"]),
];

impl MetricRow {
    /// All values that a label of it can have; `None` where they hang on the scenario.
    pub fn values_of(&self, label: &str) -> Option<Values> {
        let of_it = |(metric, of, _): &&(Metric, &str, Values)| metric.row().name == self.name && *of == label;
        CLOSED.iter().find(of_it).map(|(.., values)| *values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_are_those_of_their_metrics() {
        for (metric, label, values) in CLOSED {
            let row = metric.row();
            assert!(row.labels.split(", ").any(|known| known == *label), "{} {label}", row.name);
            assert!(!values.is_empty());
        }
    }
}
