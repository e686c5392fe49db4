//! Why a metric can't be had or used.

use thiserror::Error;

use super::requests::RequestError;

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
