//! What an HPA asks for: `HorizontalPodAutoscalerSpec` (`autoscaling/v2`), typed, with the API server's defaults.
//!
//! Quantities are thousandths of their unit (`MilliValue`), as the controller itself reads them.

use crate::cluster::LabelSelector;

/// The spec of one HPA; the scale target is known to whoever builds the snapshots.
#[derive(Clone, Debug, PartialEq)]
pub struct HpaSpec {
    /// Default 1. Zero needs an object or external metric (upstream's feature `HPAScaleToZero`).
    pub min_replicas: i32,
    pub max_replicas: i32,
    /// Never empty after defaulting ([`HpaSpec::default_metrics`]).
    pub metrics: Vec<MetricSpec>,
    /// `None`: the older path with fixed rate limits and no scale events.
    pub behavior: Option<Behavior>,
}

/// A metric of an HPA (`autoscaling/v2`'s `MetricSpec`).
#[derive(Clone, Debug, PartialEq)]
pub enum MetricSpec {
    /// Usage of `resource`, summed over each pod's containers.
    Resource { resource: String, target: ResourceTarget },
    /// Usage of `resource` by one container of each pod.
    ContainerResource { resource: String, container: String, target: ResourceTarget },
    /// A custom metric that each pod reports; the target is its average.
    Pods { metric: MetricIdentifier, average_value: i64 },
    /// A custom metric of one other object.
    Object { described_object: ObjectReference, metric: MetricIdentifier, target: ValueTarget },
    /// A metric from outside the cluster; the values of all series that match are summed.
    External { metric: MetricIdentifier, target: ValueTarget },
    /// A type that the controller does not know: it fails with `InvalidMetricSourceType`.
    Unknown { source_type: String },
}

/// Target of a resource metric: a share of the request, or an amount a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceTarget {
    /// Percent of the requests.
    Utilization(i32),
    /// Usage per pod, in thousandths.
    AverageValue(i64),
}

/// Target of an Object or External metric: a value, or an average over pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueTarget {
    /// The whole metric, in thousandths.
    Value(i64),
    /// The metric divided by the pods, in thousandths.
    AverageValue(i64),
    /// `target.type` names a field that is not set: the API server lets it pass, the controller reports an error.
    Mismatched,
}

/// A metric by its name and the selector of its series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricIdentifier {
    pub name: String,
    pub selector: MetricSelector,
}

/// Which series of a metric count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MetricSelector {
    #[default]
    All,
    Labels(LabelSelector),
    /// No selector can be made of it: the metric fails at every sync.
    Malformed,
}

impl MetricSelector {
    /// `None` where nothing is narrowed.
    pub fn labels(&self) -> Option<&LabelSelector> {
        match self {
            MetricSelector::Labels(selector) => Some(selector),
            MetricSelector::All | MetricSelector::Malformed => None,
        }
    }
}

/// `CrossVersionObjectReference`: the object that an `Object` metric describes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectReference {
    pub api_version: String,
    pub kind: String,
    pub name: String,
}

/// `spec.behavior`, both sides filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Behavior {
    pub scale_up: ScalingRules,
    pub scale_down: ScalingRules,
}

/// One direction of an HPA's `behavior`.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalingRules {
    /// Seconds. Default 0 up; `None` (down only) is the controller's `downscale_stabilization`.
    pub stabilization_window_seconds: Option<i32>,
    /// Default `Max`.
    pub select_policy: SelectPolicy,
    pub policies: Vec<ScalingPolicy>,
    /// Replaces the controller's tolerance in this direction (fraction, 0.1 is 10 %).
    pub tolerance: Option<f64>,
}

/// Which of several policies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectPolicy {
    /// The policy that allows the largest change.
    Max,
    /// The policy that allows the smallest change.
    Min,
    /// No change in this direction.
    Disabled,
}

/// How much may change within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalingPolicy {
    pub policy: PolicyType,
    pub value: i32,
    pub period_seconds: i32,
}

/// Whether a policy's value counts pods or per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyType {
    Pods,
    Percent,
}

impl HpaSpec {
    /// What the API server puts where `spec.metrics` is empty: 80 % of the CPU requests.
    pub fn default_metrics() -> Vec<MetricSpec> {
        vec![MetricSpec::Resource { resource: "cpu".into(), target: ResourceTarget::Utilization(80) }]
    }
}

impl Behavior {
    /// Both sides as the API server fills them in for `behavior: {}`.
    pub fn defaulted() -> Behavior {
        Behavior { scale_up: ScalingRules::default_up(), scale_down: ScalingRules::default_down() }
    }
}

impl ScalingRules {
    /// Window 0 s, the larger of 4 pods and 100 % in 15 s.
    pub fn default_up() -> ScalingRules {
        ScalingRules {
            stabilization_window_seconds: Some(0),
            select_policy: SelectPolicy::Max,
            policies: vec![
                ScalingPolicy { policy: PolicyType::Pods, value: 4, period_seconds: 15 },
                ScalingPolicy { policy: PolicyType::Percent, value: 100, period_seconds: 15 },
            ],
            tolerance: None,
        }
    }

    /// The controller's window, 100 % in 15 s.
    pub fn default_down() -> ScalingRules {
        ScalingRules {
            stabilization_window_seconds: None,
            select_policy: SelectPolicy::Max,
            policies: vec![ScalingPolicy { policy: PolicyType::Percent, value: 100, period_seconds: 15 }],
            tolerance: None,
        }
    }

    /// The longest period of the policies, in seconds: how long a scale event matters.
    pub fn longest_period_seconds(&self) -> i32 {
        self.policies.iter().map(|policy| policy.period_seconds).max().unwrap_or(0).max(0)
    }
}

impl HpaSpec {
    /// Whether a metric is of something that is there without any pod (`hasObjectOrExternalMetrics`).
    pub fn reads_beyond_pods(&self) -> bool {
        self.metrics.iter().any(|metric| matches!(metric, MetricSpec::Object { .. } | MetricSpec::External { .. }))
    }
}

impl MetricSpec {
    /// `type` as the API writes it.
    pub fn source_type(&self) -> &str {
        match self {
            MetricSpec::Resource { .. } => "Resource",
            MetricSpec::ContainerResource { .. } => "ContainerResource",
            MetricSpec::Pods { .. } => "Pods",
            MetricSpec::Object { .. } => "Object",
            MetricSpec::External { .. } => "External",
            MetricSpec::Unknown { source_type } => source_type,
        }
    }

    /// The resource's or the metric's name.
    pub fn name(&self) -> &str {
        match self {
            MetricSpec::Resource { resource, .. } | MetricSpec::ContainerResource { resource, .. } => resource,
            MetricSpec::Pods { metric, .. }
            | MetricSpec::Object { metric, .. }
            | MetricSpec::External { metric, .. } => &metric.name,
            MetricSpec::Unknown { .. } => "",
        }
    }

    /// The custom or external metric that it asks for; `None` for resources.
    pub fn identifier(&self) -> Option<&MetricIdentifier> {
        match self {
            MetricSpec::Pods { metric, .. }
            | MetricSpec::Object { metric, .. }
            | MetricSpec::External { metric, .. } => Some(metric),
            MetricSpec::Resource { .. } | MetricSpec::ContainerResource { .. } | MetricSpec::Unknown { .. } => None,
        }
    }

    /// The reason of `ScalingActive=False` where this metric fails.
    pub fn failure_reason(&self) -> &'static str {
        match self {
            MetricSpec::Resource { .. } => "FailedGetResourceMetric",
            MetricSpec::ContainerResource { .. } => "FailedGetContainerResourceMetric",
            MetricSpec::Pods { .. } => "FailedGetPodsMetric",
            MetricSpec::Object { .. } => "FailedGetObjectMetric",
            MetricSpec::External { .. } => "FailedGetExternalMetric",
            MetricSpec::Unknown { .. } => "InvalidMetricSourceType",
        }
    }
}
