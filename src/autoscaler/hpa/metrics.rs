//! One metric of the spec to a proposal: `computeReplicasForMetric` of `horizontal.go`.

use super::calculator::{self, PodSamples, Tolerances};
use super::flags::HpaFlags;
use super::grouping::Readiness;
use super::metric_error::MetricError;
use super::proposal::Proposal;
use super::snapshot::{Reading, Snapshot};
use super::spec::{MetricSpec, ResourceTarget, ValueTarget};

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
            Ok((PodSamples { pods: snapshot.pods, counts: snapshot.counts, samples, foreign, readiness }, requests))
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
        MetricSpec::Object { target, .. } | MetricSpec::External { target, .. } => {
            let (versioned, is_external) = (&flags.versioned, matches!(spec, MetricSpec::External { .. }));
            match *target {
                ValueTarget::Value(target) => {
                    let total = calculator::total_sum(values()?, versioned);
                    calculator::total_value(total, target, current, tolerances, snapshot, versioned)
                }
                ValueTarget::AverageValue(target) => {
                    let guarded = is_external && versioned.per_pod_totals_capped;
                    let total = match is_external {
                        true => calculator::per_pod_sum(values()?, versioned),
                        false => calculator::total_sum(values()?, versioned),
                    };
                    let status = snapshot.status_replicas;
                    Ok(calculator::total_per_pod(total, target, status, tolerances, guarded, versioned))
                }
                ValueTarget::Mismatched => Err(MetricError::InvalidTarget),
            }
        }
        MetricSpec::Unknown { .. } => Err(MetricError::InvalidType),
    }
}
