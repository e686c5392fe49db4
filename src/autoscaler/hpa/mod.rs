//! The HorizontalPodAutoscaler (`autoscaling/v2`), as kube-controller-manager computes it.
//!
//! [`sync`] is one pass of the controller: a [`Snapshot`] of the scale target, its pods and their metrics, the
//! [`HpaSpec`], the controller's [`HpaFlags`] and what it [`Memory`] remembers give a [`Decision`]. It follows
//! `pkg/controller/podautoscaler` of Kubernetes 1.33 to 1.37 (commits in `docs/hpa.md`), including the order of its
//! checks and of its integer and float arithmetic; where versions differ it asks [`VersionedBehaviour`].
//!
//! ```text
//! Snapshot ─► calculator (a proposal per metric) ─► stabilization ─► behavior (rate limits, min, max) ─► Decision
//!                                                        ▲                ▲
//!                                                  Memory: recommendations, scale events, conditions
//! ```
//!
//! `decide hpa` and the simulation call the same functions. Nothing here allocates per pod, so that a sync every 15 s
//! of many HPAs stays cheap; texts are built only when somebody asks for them ([`Decision::reasons`]).

mod arithmetic;
mod behavior;
mod calculator;
mod condition;
mod event_log;
mod explain;
mod flags;
mod grouping;
mod metric_error;
mod metrics;
mod observe;
mod proposal;
mod requests;
mod snapshot;
mod spec;
mod stabilization;
mod sync;
#[cfg(test)]
mod tests;
mod versions;

pub use behavior::{LimitReason, Limited, clamp, limit_rate, scale_down_limit, scale_up_limit};
pub use calculator::{Tolerances, average_value, total_per_pod, total_value, utilization};
pub use condition::{Condition, ConditionStatus, ConditionType, Conditions};
pub use event_log::{EventLog, ScaleEvent};
pub use flags::HpaFlags;
pub use grouping::{Group, Groups, Readiness, group_of};
pub use metric_error::MetricError;
pub use metrics::{MetricStatus, evaluate};
pub use observe::{Observed, Observer, Samples, Scale};
pub use proposal::{Current, Proposal};
pub use requests::{ContainerRequest, PodRequests, RequestError, pod_request, request_of};
pub use snapshot::{PodState, Reading, ReadyCondition, ReadyStatus, Requests, Sample, SelectorState, Snapshot};
pub use spec::{
    Behavior, HpaSpec, MetricIdentifier, MetricSelector, MetricSpec, ObjectReference, PolicyType, ResourceTarget,
    ScalingPolicy, ScalingRules, SelectPolicy, ValueTarget,
};
pub use stabilization::{Recommendation, Recommendations, Stabilized};
pub use sync::{Decision, Direction, Memory, Outcome, sync};
pub use versions::VersionedBehaviour;
