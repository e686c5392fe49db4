//! Every metric that a run exports, once: its name, type, unit, help and labels, and whose it is in a live cluster.
//!
//! Names and labels are those of kube-state-metrics 2.15 (`docs/metrics`), cAdvisor 0.52 (`docs/storage/prometheus.md`),
//! node-exporter 1.9, OpenCost 1.110 (`pkg/costmodel/metrics.go`), the Cluster Autoscaler 1.33 (`proposals/metrics.md`),
//! Karpenter 1.6, Kueue 0.20 (`pkg/metrics/metrics.go`) and DCGM exporter 4; `job` is as kube-prometheus 0.14 sets it.

/// What a metric's value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any value, at any time.
    Gauge,
    /// Only grows, but for resets to zero.
    Counter,
    /// Counters by bucket `le`, with `_sum` and `_count`.
    Histogram,
}

impl Kind {
    /// As OpenMetrics spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        }
    }
}

/// Who exports a metric in a live cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Prometheus,
    KubeStateMetrics,
    Cadvisor,
    NodeExporter,
    OpenCost,
    Scheduler,
    ClusterAutoscaler,
    Karpenter,
    Kueue,
    Dcgm,
    Application,
}

impl Source {
    pub const ALL: [Source; 11] = [
        Source::Prometheus,
        Source::KubeStateMetrics,
        Source::Cadvisor,
        Source::NodeExporter,
        Source::OpenCost,
        Source::Scheduler,
        Source::ClusterAutoscaler,
        Source::Karpenter,
        Source::Kueue,
        Source::Dcgm,
        Source::Application,
    ];

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Source::Prometheus => "Prometheus",
            Source::KubeStateMetrics => "kube-state-metrics",
            Source::Cadvisor => "kubelet (cAdvisor)",
            Source::NodeExporter => "node-exporter",
            Source::OpenCost => "OpenCost",
            Source::Scheduler => "kube-scheduler",
            Source::ClusterAutoscaler => "Cluster Autoscaler",
            Source::Karpenter => "Karpenter",
            Source::Kueue => "Kueue",
            Source::Dcgm => "DCGM exporter",
            Source::Application => "the application",
        }
    }

    /// Labels that its scrape job puts on every series.
    pub const fn target_labels(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Source::Prometheus => &[],
            Source::KubeStateMetrics => &[("job", "kube-state-metrics"), CONTROL_PLANE],
            Source::Cadvisor => &[("job", "kubelet"), ("metrics_path", "/metrics/cadvisor")],
            Source::NodeExporter => &[("job", "node-exporter")],
            Source::OpenCost => &[("job", "opencost")],
            Source::Scheduler => &[("job", "kube-scheduler"), CONTROL_PLANE],
            Source::ClusterAutoscaler => &[("job", "cluster-autoscaler"), CONTROL_PLANE],
            Source::Karpenter => &[("job", "karpenter"), CONTROL_PLANE],
            Source::Kueue => &[("job", "kueue"), CONTROL_PLANE],
            Source::Dcgm => &[("job", "dcgm-exporter")],
            Source::Application => &[],
        }
    }
}

/// The instance of targets that are there once in a cluster, as their `up` has it.
const CONTROL_PLANE: (&str, &str) = ("instance", "control-plane");

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct MetricRow {
    /// As in queries; a histogram's without `_bucket`, `_sum` and `_count`.
    pub name: &'static str,
    pub kind: Kind,
    pub source: Source,
    /// `seconds`, `bytes`, …; empty where it has none.
    pub unit: &'static str,
    /// Beside the scrape job's own.
    pub labels: &'static str,
    pub help: &'static str,
}

impl MetricRow {
    /// Names of its series in queries.
    pub fn series_names(&self) -> Vec<String> {
        match self.kind {
            Kind::Histogram => ["_bucket", "_sum", "_count"].map(|suffix| format!("{}{suffix}", self.name)).into(),
            Kind::Gauge | Kind::Counter => vec![self.name.to_owned()],
        }
    }

    /// The name of its family in OpenMetrics: a counter's without `_total`.
    pub fn family(&self) -> &'static str {
        match self.kind {
            Kind::Counter => self.name.strip_suffix("_total").unwrap_or(self.name),
            Kind::Gauge | Kind::Histogram => self.name,
        }
    }
}

macro_rules! metrics {
    ($($source:ident { $($variant:ident = $name:literal, $kind:ident, $unit:literal, $labels:literal, $help:literal;)* })*) => {
        /// A metric by its place in [`METRICS`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric {
            $($($variant,)*)*
        }

        /// In the order in which files list them.
        pub const METRICS: &[MetricRow] = &[
            $($(MetricRow {
                name: $name,
                kind: Kind::$kind,
                source: Source::$source,
                unit: $unit,
                labels: $labels,
                help: $help,
            },)*)*
        ];
    };
}

impl Metric {
    pub const fn row(self) -> &'static MetricRow {
        &METRICS[self as usize]
    }
}

metrics! {
    Prometheus {
        Up = "up", Gauge, "", "job, instance, metrics_path, node", "1 where the target answers a scrape; the control plane and OpenCost always do, a kubelet, a node-exporter and, where there are GPUs, a DCGM exporter as long as their machine works.";
    }
    KubeStateMetrics {
        KubePodInfo = "kube_pod_info", Gauge, "", "namespace, pod, uid, node, created_by_kind, created_by_name, priority_class", "A pod; always 1.";
        KubePodOwner = "kube_pod_owner", Gauge, "", "namespace, pod, uid, owner_kind, owner_name, owner_is_controller", "Who made the pod; always 1.";
        KubePodCreated = "kube_pod_created", Gauge, "seconds", "namespace, pod, uid", "When it was created.";
        KubePodStartTime = "kube_pod_start_time", Gauge, "seconds", "namespace, pod, uid", "When its kubelet took it up.";
        KubePodCompletionTime = "kube_pod_completion_time", Gauge, "seconds", "namespace, pod, uid", "When it ended.";
        KubePodDeletionTimestamp = "kube_pod_deletion_timestamp", Gauge, "seconds", "namespace, pod, uid", "When its grace period ends.";
        KubePodStatusPhase = "kube_pod_status_phase", Gauge, "", "namespace, pod, uid, phase", "1 for the phase that it is in.";
        KubePodStatusReady = "kube_pod_status_ready", Gauge, "", "namespace, pod, uid, condition", "1 for the state of its condition Ready.";
        KubePodStatusReadyTime = "kube_pod_status_ready_time", Gauge, "seconds", "namespace, pod, uid", "When it first turned ready.";
        KubePodStatusScheduled = "kube_pod_status_scheduled", Gauge, "", "namespace, pod, uid, condition", "1 for the state of its condition PodScheduled.";
        KubePodStatusScheduledTime = "kube_pod_status_scheduled_time", Gauge, "seconds", "namespace, pod, uid", "When it was bound to a node.";
        KubePodStatusUnschedulable = "kube_pod_status_unschedulable", Gauge, "", "namespace, pod, uid", "1 while the scheduler calls it unschedulable.";
        KubePodStatusReason = "kube_pod_status_reason", Gauge, "", "namespace, pod, uid, reason", "1 for the reason in its status.";
        KubePodStatusQosClass = "kube_pod_status_qos_class", Gauge, "", "namespace, pod, uid, qos_class", "1 for its class.";
        KubePodRestartPolicy = "kube_pod_restart_policy", Gauge, "", "namespace, pod, uid, type", "Its restart policy; always 1.";
        KubePodContainerInfo = "kube_pod_container_info", Gauge, "", "namespace, pod, uid, container, image", "A container; always 1.";
        KubePodContainerResourceRequests = "kube_pod_container_resource_requests", Gauge, "", "namespace, pod, uid, container, node, resource, unit", "What a container requests.";
        KubePodContainerResourceLimits = "kube_pod_container_resource_limits", Gauge, "", "namespace, pod, uid, container, node, resource, unit", "A container's limits.";
        KubePodContainerStatusReady = "kube_pod_container_status_ready", Gauge, "", "namespace, pod, uid, container", "1 while a container is ready.";
        KubePodContainerStatusRunning = "kube_pod_container_status_running", Gauge, "", "namespace, pod, uid, container", "1 while a container runs.";
        KubePodContainerStatusWaiting = "kube_pod_container_status_waiting", Gauge, "", "namespace, pod, uid, container", "1 while a container waits to start.";
        KubePodContainerStatusWaitingReason = "kube_pod_container_status_waiting_reason", Gauge, "", "namespace, pod, uid, container, reason", "Why a container waits: ContainerCreating or CrashLoopBackOff.";
        KubePodContainerStatusTerminated = "kube_pod_container_status_terminated", Gauge, "", "namespace, pod, uid, container", "1 where a container ended for good.";
        KubePodContainerStatusTerminatedReason = "kube_pod_container_status_terminated_reason", Gauge, "", "namespace, pod, uid, container, reason", "Why a container ended for good: Completed, Error, OOMKilled.";
        KubePodContainerStatusLastTerminatedReason = "kube_pod_container_status_last_terminated_reason", Gauge, "", "namespace, pod, uid, container, reason", "Why a container ended before it was last restarted.";
        KubePodContainerStatusRestarts = "kube_pod_container_status_restarts_total", Counter, "", "namespace, pod, uid, container", "How often a container was started again.";
        KubePodContainerStateStarted = "kube_pod_container_state_started", Gauge, "seconds", "namespace, pod, uid, container", "When a running container last started.";
        KubePodInitContainerInfo = "kube_pod_init_container_info", Gauge, "", "namespace, pod, uid, container, image, restart_policy", "An init container or sidecar; always 1.";
        KubePodInitContainerRequests = "kube_pod_init_container_resource_requests", Gauge, "", "namespace, pod, uid, container, node, resource, unit", "What an init container or sidecar requests.";
        KubePodInitContainerLimits = "kube_pod_init_container_resource_limits", Gauge, "", "namespace, pod, uid, container, node, resource, unit", "Limits of an init container or sidecar.";
        KubeNodeInfo = "kube_node_info", Gauge, "", "node, provider_id", "A node; always 1.";
        KubeNodeCreated = "kube_node_created", Gauge, "seconds", "node", "When it registered.";
        KubeNodeLabels = "kube_node_labels", Gauge, "", "node, label_*", "Its labels, as with --metric-labels-allowlist=nodes=[*]; always 1.";
        KubeNodeSpecUnschedulable = "kube_node_spec_unschedulable", Gauge, "", "node", "1 while it is cordoned.";
        KubeNodeSpecTaint = "kube_node_spec_taint", Gauge, "", "node, key, value, effect", "A taint that it bears; always 1.";
        KubeNodeStatusCondition = "kube_node_status_condition", Gauge, "", "node, condition, status", "1 for the state of a condition: Ready, MemoryPressure; DiskPressure and PIDPressure never hold.";
        KubeNodeStatusCapacity = "kube_node_status_capacity", Gauge, "", "node, resource, unit", "What its machine has.";
        KubeNodeStatusAllocatable = "kube_node_status_allocatable", Gauge, "", "node, resource, unit", "What pods can request of it.";
        KubeNamespaceStatusPhase = "kube_namespace_status_phase", Gauge, "", "namespace, phase", "Namespaces are always Active.";
        KubeDeploymentCreated = "kube_deployment_created", Gauge, "seconds", "namespace, deployment", "When it was created: the run's start.";
        KubeDeploymentSpecReplicas = "kube_deployment_spec_replicas", Gauge, "", "namespace, deployment", "Replicas that are wanted.";
        KubeDeploymentStatusReplicas = "kube_deployment_status_replicas", Gauge, "", "namespace, deployment", "Replicas that are there.";
        KubeDeploymentStatusReplicasReady = "kube_deployment_status_replicas_ready", Gauge, "", "namespace, deployment", "Replicas that are ready.";
        KubeDeploymentStatusReplicasAvailable = "kube_deployment_status_replicas_available", Gauge, "", "namespace, deployment", "As ready: minReadySeconds is not looked at.";
        KubeDeploymentStatusReplicasUnavailable = "kube_deployment_status_replicas_unavailable", Gauge, "", "namespace, deployment", "Replicas that are wanted and not ready.";
        KubeDeploymentStatusReplicasUpdated = "kube_deployment_status_replicas_updated", Gauge, "", "namespace, deployment", "Replicas of the newest template.";
        KubeDeploymentStatusObservedGeneration = "kube_deployment_status_observed_generation", Gauge, "", "namespace, deployment", "The generation that its controller has seen: always the newest.";
        KubeDeploymentMetadataGeneration = "kube_deployment_metadata_generation", Gauge, "", "namespace, deployment", "Templates that it has had.";
        KubeReplicasetOwner = "kube_replicaset_owner", Gauge, "", "namespace, replicaset, owner_kind, owner_name, owner_is_controller", "A ReplicaSet's Deployment; always 1.";
        KubeReplicasetSpecReplicas = "kube_replicaset_spec_replicas", Gauge, "", "namespace, replicaset", "Replicas that are wanted.";
        KubeReplicasetStatusReplicas = "kube_replicaset_status_replicas", Gauge, "", "namespace, replicaset", "Replicas that are there.";
        KubeReplicasetReady = "kube_replicaset_status_ready_replicas", Gauge, "", "namespace, replicaset", "Replicas that are ready.";
        KubeDeploymentCondition = "kube_deployment_status_condition", Gauge, "", "namespace, deployment, condition, status, reason", "1 for the state of a condition: Available, and Progressing, which is false once a rollout got no further for its deadline.";
        KubeStatefulsetCreated = "kube_statefulset_created", Gauge, "seconds", "namespace, statefulset", "When it was created: the run's start.";
        KubeStatefulsetReplicas = "kube_statefulset_replicas", Gauge, "", "namespace, statefulset", "Replicas that are wanted.";
        KubeStatefulsetStatusReplicas = "kube_statefulset_status_replicas", Gauge, "", "namespace, statefulset", "Replicas that are there.";
        KubeStatefulsetStatusReplicasReady = "kube_statefulset_status_replicas_ready", Gauge, "", "namespace, statefulset", "Replicas that are ready.";
        KubeStatefulsetStatusReplicasUpdated = "kube_statefulset_status_replicas_updated", Gauge, "", "namespace, statefulset", "Replicas of the newest template.";
        KubeStatefulsetStatusObservedGeneration = "kube_statefulset_status_observed_generation", Gauge, "", "namespace, statefulset", "The generation that its controller has seen: always the newest.";
        KubeStatefulsetMetadataGeneration = "kube_statefulset_metadata_generation", Gauge, "", "namespace, statefulset", "Templates that it has had.";
        KubeDaemonsetDesired = "kube_daemonset_status_desired_number_scheduled", Gauge, "", "namespace, daemonset", "Nodes that should run a pod of it: those that have one.";
        KubeDaemonsetCurrent = "kube_daemonset_status_current_number_scheduled", Gauge, "", "namespace, daemonset", "Nodes that have a pod of it.";
        KubeDaemonsetReady = "kube_daemonset_status_number_ready", Gauge, "", "namespace, daemonset", "Nodes whose pod of it is ready.";
        KubeDaemonsetAvailable = "kube_daemonset_status_number_available", Gauge, "", "namespace, daemonset", "As ready.";
        KubeDaemonsetUnavailable = "kube_daemonset_status_number_unavailable", Gauge, "", "namespace, daemonset", "Nodes whose pod of it is not ready.";
        KubeDaemonsetMisscheduled = "kube_daemonset_status_number_misscheduled", Gauge, "", "namespace, daemonset", "Always 0.";
        KubeDaemonsetUpdated = "kube_daemonset_status_updated_number_scheduled", Gauge, "", "namespace, daemonset", "As current: DaemonSets are not changed in a run.";
        KubeJobOwner = "kube_job_owner", Gauge, "", "namespace, job_name, owner_kind, owner_name, owner_is_controller", "Who made a Job: its CronJob; always 1.";
        KubeJobInfo = "kube_job_info", Gauge, "", "namespace, job_name", "A Job; always 1.";
        KubeJobSpecCompletions = "kube_job_spec_completions", Gauge, "", "namespace, job_name", "Successes that it wants.";
        KubeJobSpecParallelism = "kube_job_spec_parallelism", Gauge, "", "namespace, job_name", "Pods that it runs at once, at most.";
        KubeJobStatusActive = "kube_job_status_active", Gauge, "", "namespace, job_name", "Its pods that have not ended.";
        KubeJobStatusSucceeded = "kube_job_status_succeeded", Gauge, "", "namespace, job_name", "Its pods that succeeded.";
        KubeJobStatusFailed = "kube_job_status_failed", Gauge, "", "namespace, job_name", "Its pods that failed.";
        KubeJobStatusStartTime = "kube_job_status_start_time", Gauge, "seconds", "namespace, job_name", "When it was taken up or resumed.";
        KubeJobCreated = "kube_job_created", Gauge, "seconds", "namespace, job_name", "When it was created.";
        KubeJobCompletionTime = "kube_job_status_completion_time", Gauge, "seconds", "namespace, job_name", "When it ended with its successes.";
        KubeJobComplete = "kube_job_complete", Gauge, "", "namespace, job_name, condition", "1 where it ended with its successes.";
        KubeJobFailed = "kube_job_failed", Gauge, "", "namespace, job_name, condition", "1 where it ended without them.";
        KubeCronjobInfo = "kube_cronjob_info", Gauge, "", "namespace, cronjob, schedule, concurrency_policy", "A CronJob; always 1.";
        KubeCronjobSuspend = "kube_cronjob_spec_suspend", Gauge, "", "namespace, cronjob", "1 where it is suspended.";
        KubeCronjobActive = "kube_cronjob_status_active", Gauge, "", "namespace, cronjob", "Its Jobs that have not ended.";
        KubeCronjobLastSchedule = "kube_cronjob_status_last_schedule_time", Gauge, "seconds", "namespace, cronjob", "The time for which it last made a Job.";
        KubeCronjobNextSchedule = "kube_cronjob_next_schedule_time", Gauge, "seconds", "namespace, cronjob", "The time for which it makes its next; absent where it is suspended.";
        KubeHpaInfo = "kube_horizontalpodautoscaler_info", Gauge, "", "namespace, horizontalpodautoscaler, scaletargetref_kind, scaletargetref_name", "An HPA; always 1.";
        KubeHpaMin = "kube_horizontalpodautoscaler_spec_min_replicas", Gauge, "", "namespace, horizontalpodautoscaler", "Its minimum.";
        KubeHpaMax = "kube_horizontalpodautoscaler_spec_max_replicas", Gauge, "", "namespace, horizontalpodautoscaler", "Its maximum.";
        KubeHpaCurrent = "kube_horizontalpodautoscaler_status_current_replicas", Gauge, "", "namespace, horizontalpodautoscaler", "Replicas that are there.";
        KubeHpaDesired = "kube_horizontalpodautoscaler_status_desired_replicas", Gauge, "", "namespace, horizontalpodautoscaler", "Replicas that are wanted.";
        KubeHpaCondition = "kube_horizontalpodautoscaler_status_condition", Gauge, "", "namespace, horizontalpodautoscaler, condition, status", "1 for the state of a condition: AbleToScale, ScalingActive, ScalingLimited.";
        KubeHpaTarget = "kube_horizontalpodautoscaler_spec_target_metric", Gauge, "", "namespace, horizontalpodautoscaler, metric_name, metric_target_type", "The target of a metric: percent of utilization, average or value.";
        KubeHpaStatus = "kube_horizontalpodautoscaler_status_target_metric", Gauge, "", "namespace, horizontalpodautoscaler, metric_name, metric_target_type", "What its last sync read of a metric.";
        KubePdbHealthy = "kube_poddisruptionbudget_status_current_healthy", Gauge, "", "namespace, poddisruptionbudget", "Healthy pods that it selects.";
        KubePdbDesired = "kube_poddisruptionbudget_status_desired_healthy", Gauge, "", "namespace, poddisruptionbudget", "Healthy pods that it wants.";
        KubePdbAllowed = "kube_poddisruptionbudget_status_pod_disruptions_allowed", Gauge, "", "namespace, poddisruptionbudget", "Evictions that it allows now.";
        KubePdbExpected = "kube_poddisruptionbudget_status_expected_pods", Gauge, "", "namespace, poddisruptionbudget", "Pods that its controllers want; 0 where it looks at none of these.";
    }
    Cadvisor {
        ContainerCpuUsage = "container_cpu_usage_seconds_total", Counter, "seconds", "namespace, pod, container, image, node, instance", "CPU time that a container used since it last started; a pod's use is divided among its containers by their CPU requests.";
        ContainerCfsPeriods = "container_cpu_cfs_periods_total", Counter, "", "namespace, pod, container, image, node, instance", "Periods of 100 ms that a container with a CPU limit has run.";
        ContainerCfsThrottledPeriods = "container_cpu_cfs_throttled_periods_total", Counter, "", "namespace, pod, container, image, node, instance", "Those in which it used all that its limit allows: whether it wanted more is not known.";
        ContainerCfsThrottledSeconds = "container_cpu_cfs_throttled_seconds_total", Counter, "seconds", "namespace, pod, container, image, node, instance", "For how long it used all that its limit allows: no less than it was throttled.";
        ContainerMemoryWorkingSet = "container_memory_working_set_bytes", Gauge, "bytes", "namespace, pod, container, image, node, instance", "Memory that a container uses; divided by memory requests.";
        ContainerMemoryUsage = "container_memory_usage_bytes", Gauge, "bytes", "namespace, pod, container, image, node, instance", "As the working set: page cache is not modelled.";
        ContainerMemoryRss = "container_memory_rss", Gauge, "bytes", "namespace, pod, container, image, node, instance", "As the working set: page cache is not modelled.";
        ContainerMemoryCache = "container_memory_cache", Gauge, "bytes", "namespace, pod, container, image, node, instance", "Always 0: page caches are not modelled.";
        ContainerMemorySwap = "container_memory_swap", Gauge, "bytes", "namespace, pod, container, image, node, instance", "Always 0: nothing is swapped.";
        ContainerSpecMemoryLimit = "container_spec_memory_limit_bytes", Gauge, "bytes", "namespace, pod, container, image, node, instance", "Its memory limit; 0 where it has none.";
        ContainerSpecCpuQuota = "container_spec_cpu_quota", Gauge, "", "namespace, pod, container, image, node, instance", "Microseconds of CPU in each period; absent where it has no limit.";
        ContainerSpecCpuPeriod = "container_spec_cpu_period", Gauge, "", "namespace, pod, container, image, node, instance", "Microseconds: 100000.";
        ContainerStartTime = "container_start_time_seconds", Gauge, "seconds", "namespace, pod, container, image, node, instance", "When it last started.";
        MachineCpuCores = "machine_cpu_cores", Gauge, "", "node, instance", "Cores of the machine.";
        MachineMemory = "machine_memory_bytes", Gauge, "bytes", "node, instance", "Memory of the machine.";
    }
    NodeExporter {
        NodeCpu = "node_cpu_seconds_total", Counter, "seconds", "instance, cpu, mode", "CPU time by core and mode (idle, user): what pods use, spread evenly over the cores.";
        NodeMemTotal = "node_memory_MemTotal_bytes", Gauge, "bytes", "instance", "Memory of the machine.";
        NodeMemAvailable = "node_memory_MemAvailable_bytes", Gauge, "bytes", "instance", "Memory that pods and the system's part leave.";
        NodeMemFree = "node_memory_MemFree_bytes", Gauge, "bytes", "instance", "As available: page cache is not modelled.";
        NodeMemCached = "node_memory_Cached_bytes", Gauge, "bytes", "instance", "Always 0: page cache is not modelled.";
        NodeMemBuffers = "node_memory_Buffers_bytes", Gauge, "bytes", "instance", "Always 0: page cache is not modelled.";
        NodeUname = "node_uname_info", Gauge, "", "instance, nodename", "The machine; always 1.";
    }
    OpenCost {
        NodeTotalHourlyCost = "node_total_hourly_cost", Gauge, "", "node, instance, instance_type, region, provider_id", "What the node costs an hour, in US dollars.";
        NodeCpuHourlyCost = "node_cpu_hourly_cost", Gauge, "", "node, instance, instance_type, region, provider_id", "What a core of the node costs an hour.";
        NodeRamHourlyCost = "node_ram_hourly_cost", Gauge, "", "node, instance, instance_type, region, provider_id", "What a GiB of the node's memory costs an hour.";
        NodeGpuHourlyCost = "node_gpu_hourly_cost", Gauge, "", "node, instance, instance_type, region, provider_id", "What a GPU of the node costs an hour.";
        NodeGpuCount = "node_gpu_count", Gauge, "", "node, instance, instance_type, region, provider_id", "GPUs of the node.";
        KubecostNodeIsSpot = "kubecost_node_is_spot", Gauge, "", "node, instance, instance_type, region, provider_id", "1 where it is a spot machine.";
        ContainerCpuAllocation = "container_cpu_allocation", Gauge, "", "namespace, pod, container, node, instance", "Cores that a container holds: the larger of request and use.";
        ContainerMemoryAllocation = "container_memory_allocation_bytes", Gauge, "bytes", "namespace, pod, container, node, instance", "Memory that a container holds.";
        ContainerGpuAllocation = "container_gpu_allocation", Gauge, "", "namespace, pod, container, node, instance", "GPUs that a container holds.";
    }
    Scheduler {
        SchedulerPendingPods = "scheduler_pending_pods", Gauge, "", "queue", "Pods without a node, by queue: unschedulable, or active (those in back-off among them); gated, and backoff by itself, are always 0.";
        SchedulerAttempts = "scheduler_schedule_attempts_total", Counter, "", "result, profile", "Tries to schedule a pod by their result: scheduled (each pod of a gang counts), unschedulable (a gang counts once), error (never).";
        SchedulerSli = "scheduler_pod_scheduling_sli_duration_seconds", Histogram, "seconds", "le", "From a pod's creation until it was bound, over all its tries (without the label attempts).";
        SchedulerPreemptionAttempts = "scheduler_preemption_attempts_total", Counter, "", "", "Tries to preempt: as upstream, one after every try to schedule that failed.";
        SchedulerVictims = "scheduler_preemption_victims", Histogram, "", "le", "Pods that made way in a preemption.";
    }
    ClusterAutoscaler {
        CaSafe = "cluster_autoscaler_cluster_safe_to_autoscale", Gauge, "", "", "Always 1.";
        CaNodes = "cluster_autoscaler_nodes_count", Gauge, "", "state", "Nodes by state: ready, unready, notStarted (asked for and not there yet).";
        CaUnschedulable = "cluster_autoscaler_unschedulable_pods_count", Gauge, "", "type", "Pods that the scheduler calls unschedulable.";
        CaGroups = "cluster_autoscaler_node_groups_count", Gauge, "", "node_group_type", "Node groups that it manages.";
        CaMaxNodes = "cluster_autoscaler_max_nodes_count", Gauge, "", "", "Sum of the groups' maxima.";
        CaCores = "cluster_autoscaler_cluster_cpu_current_cores", Gauge, "", "", "Cores of the registered nodes.";
        CaMemory = "cluster_autoscaler_cluster_memory_current_bytes", Gauge, "bytes", "", "Memory of the registered nodes.";
        CaGroupTarget = "cluster_autoscaler_node_group_target_count", Gauge, "", "node_group", "What a group was asked to be.";
        CaGroupMin = "cluster_autoscaler_node_group_min_count", Gauge, "", "node_group", "A group's minimum.";
        CaGroupMax = "cluster_autoscaler_node_group_max_count", Gauge, "", "node_group", "A group's maximum.";
        CaBackoff = "cluster_autoscaler_node_group_backoff_status", Gauge, "", "node_group", "1 while a group is left alone after a scale-up that failed (without the label reason).";
        CaScaledUp = "cluster_autoscaler_scaled_up_nodes_total", Counter, "", "", "Nodes that it asked for to take pods.";
        CaScaledDown = "cluster_autoscaler_scaled_down_nodes_total", Counter, "", "reason", "Nodes that it removed: empty, underutilized, unready.";
        CaFailedScaleUps = "cluster_autoscaler_failed_scale_ups_total", Counter, "", "reason", "Scale-ups that it gave up, by the cloud's error or timeout, from when that first happened.";
        CaEvicted = "cluster_autoscaler_evicted_pods_total", Counter, "", "", "Pods that it evicted.";
        CaUnneeded = "cluster_autoscaler_unneeded_nodes_count", Gauge, "", "", "Nodes that it holds to be not needed.";
        CaUnremovable = "cluster_autoscaler_unremovable_nodes_count", Gauge, "", "reason", "Nodes that its last loop could not remove, by why.";
        CaInCooldown = "cluster_autoscaler_scale_down_in_cooldown", Gauge, "", "", "1 while it removes no node because it did something else a short while ago.";
        CaUnregistered = "cluster_autoscaler_old_unregistered_nodes_removed_count", Gauge, "", "", "Machines that it deleted because they did not register in time; only grows, and upstream calls it a counter.";
        CaLastActivity = "cluster_autoscaler_last_activity", Gauge, "", "activity", "When it last began its main loop, scaled up, and removed a node.";
    }
    Karpenter {
        KarpenterCreated = "karpenter_nodeclaims_created_total", Counter, "", "nodepool, reason, min_values_relaxed", "Claims that were created for a pool: provisioned for pods, or in the place of disrupted ones.";
        KarpenterTerminated = "karpenter_nodeclaims_terminated_total", Counter, "", "nodepool", "Those that are gone.";
        KarpenterDisrupted = "karpenter_nodeclaims_disrupted_total", Counter, "", "nodepool, reason, capacity_type", "Claims whose deletion began: empty, underutilized, drifted, expired, interrupted, and others.";
        KarpenterDecisions = "karpenter_voluntary_disruption_decisions_total", Counter, "", "decision, reason, consolidation_type", "Commands of the disruption loop that were carried out.";
        KarpenterNodesCreated = "karpenter_nodes_created_total", Counter, "", "nodepool", "Machines that were launched for a pool.";
        KarpenterNodesTerminated = "karpenter_nodes_terminated_total", Counter, "", "nodepool", "Those that are gone.";
        KarpenterUsage = "karpenter_nodepools_usage", Gauge, "", "nodepool, resource_type", "Capacity of a pool's claims.";
        KarpenterLimit = "karpenter_nodepools_limit", Gauge, "", "nodepool, resource_type", "A pool's limits.";
        KarpenterNodeAllocatable = "karpenter_nodes_allocatable", Gauge, "", "node_name, nodepool, resource_type, arch, os, region, zone, instance_type, capacity_type, managed", "What pods can request of a node.";
        KarpenterNodePodRequests = "karpenter_nodes_total_pod_requests", Gauge, "", "node_name, nodepool, resource_type, arch, os, region, zone, instance_type, capacity_type, managed", "What a node's pods request, those of DaemonSets aside.";
        KarpenterNodeDaemonRequests = "karpenter_nodes_total_daemon_requests", Gauge, "", "node_name, nodepool, resource_type, arch, os, region, zone, instance_type, capacity_type, managed", "What a node's pods of DaemonSets request.";
        KarpenterNodeOverhead = "karpenter_nodes_system_overhead", Gauge, "", "node_name, nodepool, resource_type, arch, os, region, zone, instance_type, capacity_type, managed", "What the machine has and pods can't request.";
        KarpenterPodState = "karpenter_pods_state", Gauge, "", "name, namespace, owner, node, nodepool, zone, arch, instance_type, capacity_type, phase, scheduled, ready", "A pod with what it runs on; always 1.";
        KarpenterQueueDepth = "karpenter_scheduler_queue_depth", Gauge, "", "", "Pods that wait to be scheduled.";
        KarpenterStateNodes = "karpenter_cluster_state_node_count", Gauge, "", "", "Nodes that it knows of.";
    }
    Kueue {
        KueuePending = "kueue_pending_workloads", Gauge, "", "cluster_queue, status", "Jobs that wait for quota: active may be tried, inadmissible wait until something changes.";
        KueueReserving = "kueue_reserving_active_workloads", Gauge, "", "cluster_queue", "Jobs that hold quota.";
        KueueAdmittedActive = "kueue_admitted_active_workloads", Gauge, "", "cluster_queue", "Jobs that are admitted and not over.";
        KueueStatus = "kueue_cluster_queue_status", Gauge, "", "cluster_queue, status", "1 for its status: pending, active, terminating.";
        KueueAttempts = "kueue_admission_attempts_total", Counter, "", "result", "Cycles of its scheduler with jobs at the heads of queues: success where one was admitted, else inadmissible.";
        KueueQuotaReserved = "kueue_quota_reserved_workloads_total", Counter, "", "cluster_queue", "Times that a job was given quota.";
        KueueAdmitted = "kueue_admitted_workloads_total", Counter, "", "cluster_queue", "Times that a job was admitted.";
        KueueEvicted = "kueue_evicted_workloads_total", Counter, "", "cluster_queue, reason", "Times that a job had to give its quota back.";
        KueuePreempted = "kueue_preempted_workloads_total", Counter, "", "preempting_cluster_queue, reason", "Times that a job made way for another.";
        KueueFinished = "kueue_finished_workloads_total", Counter, "", "cluster_queue", "Jobs that ended.";
        KueueWait = "kueue_admission_wait_time_seconds", Histogram, "seconds", "cluster_queue, le", "From a job's arrival in its queue, or its return to it, until its admission.";
        KueueNominal = "kueue_cluster_queue_nominal_quota", Gauge, "", "cohort, cluster_queue, flavor, resource", "Quota of a ClusterQueue's own.";
        KueueBorrowing = "kueue_cluster_queue_borrowing_limit", Gauge, "", "cohort, cluster_queue, flavor, resource", "What it may borrow; infinite without a limit.";
        KueueLending = "kueue_cluster_queue_lending_limit", Gauge, "", "cohort, cluster_queue, flavor, resource", "What it may lend; infinite without a limit.";
        KueueReservation = "kueue_cluster_queue_resource_reservation", Gauge, "", "cohort, cluster_queue, flavor, resource", "What jobs hold of it.";
        KueueUsage = "kueue_cluster_queue_resource_usage", Gauge, "", "cohort, cluster_queue, flavor, resource", "As reservation: whoever holds quota is admitted at once.";
    }
    Dcgm {
        DcgmGpuUtil = "DCGM_FI_DEV_GPU_UTIL", Gauge, "", "Hostname, instance, gpu, modelName, namespace, pod, container", "Percent of the time that a GPU is busy: a pod's use spread evenly over its GPUs. Those of a pod are numbered within it; those of nobody have no pod and are numbered by themselves.";
    }
    Application {
        HttpRequests = "http_requests_total", Counter, "", "job, namespace, service, code", "Requests of a load by their outcome: 200 answered, 503 dropped.";
        HttpWaiting = "http_requests_waiting", Gauge, "", "job, namespace, service", "Requests that wait because the ready pods can't keep up.";
        HttpDuration = "http_request_duration_seconds", Histogram, "seconds", "job, namespace, service, le", "Latencies of answered requests.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_those_that_openmetrics_takes() {
        let mut seen = BTreeSet::new();
        for row in METRICS {
            assert!(seen.insert(row.name), "{} twice", row.name);
            assert_eq!(row.kind == Kind::Counter, row.name.ends_with("_total"), "{}", row.name);
            assert!(row.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{}", row.name);
            assert!(row.help.ends_with('.') && !row.help.contains('\n'), "{}", row.name);
        }
    }
}
