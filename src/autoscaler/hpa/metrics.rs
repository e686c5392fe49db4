//! One metric of the spec to a proposal: `computeReplicasForMetric` of `horizontal.go`.

use thiserror::Error;

use super::calculator::{self, PodSamples, Tolerances};
use super::flags::HpaFlags;
use super::grouping::{Groups, Readiness};
use super::requests::RequestError;
use super::snapshot::{Reading, Snapshot};
use super::spec::{MetricSpec, ResourceTarget, ValueTarget};

/// Why a metric gives no proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MetricError {
    #[error("the metrics API has nothing for it")]
    Unavailable,
    #[error("the selector matches no pods")]
    NoPods,
    #[error("no pod has a sample that counts (they may be unready)")]
    NoUsableMetrics,
    #[error("none of the samples belongs to a pod with a request")]
    NoMetricsForKnownPods,
    #[error("{0}")]
    Request(RequestError),
    #[error("the metric's selector is malformed")]
    InvalidSelector,
    #[error("neither a value nor an average value is set as target")]
    InvalidTarget,
    #[error("the metric source type is unknown")]
    InvalidType,
}

impl MetricError {
    /// Whether the next sync fails alike unless somebody changes an object; what is yet to be measured may come.
    pub fn is_lasting(&self) -> bool {
        match self {
            MetricError::Unavailable
            | MetricError::NoPods
            | MetricError::NoUsableMetrics
            | MetricError::NoMetricsForKnownPods => false,
            MetricError::Request(_)
            | MetricError::InvalidSelector
            | MetricError::InvalidTarget
            | MetricError::InvalidType => true,
        }
    }

    /// The same error whichever pod it was found at.
    pub fn of_any_pod(self) -> MetricError {
        match self {
            MetricError::Request(error) => MetricError::Request(error.of_pod(0)),
            other => other,
        }
    }

    /// Our code for it, as component cases report it.
    pub fn code(&self) -> &'static str {
        match self {
            MetricError::Unavailable => "metrics_unavailable",
            MetricError::NoPods => "no_pods",
            MetricError::NoUsableMetrics => "no_usable_metrics",
            MetricError::NoMetricsForKnownPods => "no_metrics_for_known_pods",
            MetricError::Request(RequestError::Missing { .. }) => "missing_request",
            MetricError::Request(RequestError::ContainerNotFound { .. }) => "container_not_found",
            MetricError::InvalidSelector => "invalid_selector",
            MetricError::InvalidTarget => "invalid_target",
            MetricError::InvalidType => "invalid_metric_type",
        }
    }
}

/// What one metric asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proposal {
    pub replicas: i32,
    /// What upstream reports in `status.currentMetrics`.
    pub current: Current,
    /// Usage over target before anything was filled in.
    pub ratio: f64,
    /// Which pods counted; empty where pods don't matter.
    pub groups: Groups,
}

/// The metric's value, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Current {
    Utilization { percent: i32, average: i64 },
    AverageValue(i64),
    Value(i64),
}

/// One metric's outcome in a sync, in the spec's order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricStatus {
    pub result: Result<Proposal, MetricError>,
}

/// Computes one metric's proposal.
pub fn evaluate(
    spec: &MetricSpec,
    reading: &Reading<'_>,
    snapshot: &Snapshot<'_>,
    tolerances: &Tolerances,
    flags: &HpaFlags,
) -> Result<Proposal, MetricError> {
    let (now, current) = (snapshot.now, snapshot.spec_replicas);
    let per_pod = |readiness| match reading {
        Reading::PerPod { samples, foreign, requests } => {
            Ok((PodSamples { pods: snapshot.pods, samples, foreign, readiness }, requests))
        }
        Reading::Values(_) => Err(MetricError::Unavailable),
        Reading::Failed(error) => Err(*error),
    };
    let values = || match reading {
        Reading::Values(values) => Ok(*values),
        Reading::PerPod { .. } => Err(MetricError::Unavailable),
        Reading::Failed(error) => Err(*error),
    };
    match spec {
        MetricSpec::Resource { resource, target } | MetricSpec::ContainerResource { resource, target, .. } => {
            let (samples, requests) = per_pod(Readiness::for_resource(resource))?;
            match *target {
                ResourceTarget::Utilization(percent) => {
                    calculator::utilization(&samples, requests, percent, current, tolerances, flags, now)
                }
                ResourceTarget::AverageValue(average) => {
                    calculator::average_value(&samples, average, current, tolerances, flags, now)
                }
            }
        }
        MetricSpec::Pods { average_value, .. } => {
            let (samples, _) = per_pod(Readiness::NotConsidered)?;
            calculator::average_value(&samples, *average_value, current, tolerances, flags, now)
        }
        MetricSpec::Object { target, .. } => match *target {
            ValueTarget::Value(target) => {
                calculator::total_value(calculator::capped_sum(values()?), target, current, tolerances, snapshot.pods)
            }
            ValueTarget::AverageValue(target) => {
                let total = calculator::capped_sum(values()?);
                Ok(calculator::total_per_pod(total, target, snapshot.status_replicas, tolerances, false))
            }
            ValueTarget::Mismatched => Err(MetricError::InvalidTarget),
        },
        MetricSpec::External { target, .. } => match *target {
            ValueTarget::Value(target) => {
                calculator::total_value(calculator::capped_sum(values()?), target, current, tolerances, snapshot.pods)
            }
            ValueTarget::AverageValue(target) => {
                let total = calculator::capped_sum_per_pod(values()?);
                Ok(calculator::total_per_pod(total, target, snapshot.status_replicas, tolerances, true))
            }
            ValueTarget::Mismatched => Err(MetricError::InvalidTarget),
        },
        MetricSpec::Unknown { .. } => Err(MetricError::InvalidType),
    }
}
