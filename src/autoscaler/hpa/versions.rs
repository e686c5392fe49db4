//! What upstream changed in the HPA controller (`pkg/controller/podautoscaler`) since 1.33: the one table.
//!
//! Read in v1.33.13, v1.34.4, v1.35.4, v1.36.3 and v1.37.2; the pull requests that name 1.38 are merged there and in no
//! release yet.

use super::arithmetic;
use crate::release::versioned;

versioned! {
    /// How the controller of a release behaves where releases differ.
    pub struct VersionedBehaviour;
    configurable_tolerance: 130797 since 33 gate "HPAConfigurableTolerance" =>
        "`behavior.scaleUp.tolerance` and `behavior.scaleDown.tolerance` stand in for the controller's tolerance.",
    pod_level_requests: 132430 since 34 gate "PodLevelResources" =>
        "Utilization is of the request of the whole pod (`spec.resources`) where that is set.",
    per_pod_totals_capped: 127050 since 34 =>
        "An external metric's total for an average target that overflows asks for the maximum, no longer for the minimum.",
    total_replicas_capped: 126979 since 35 =>
        "An object or external metric against a total target that asks for more than 2147483647 replicas asks for the maximum, no longer for the minimum.",
    total_sum_capped: 133888 since 35 =>
        "An external metric's series whose sum overflows count as the largest number, no longer as a negative one.",
    missing_container_fails: 133415 since 35 =>
        "A `ContainerResource` utilization whose container a pod lacks fails the metric; before, such a pod requested nothing.",
    zero_needs_condition: 135118 since 36 =>
        "A target at zero replicas is left alone unless the HPA's condition `ScaledToZero` says that the HPA put it there.",
    scaled_to_zero: 135118 since 36 gate "HPAScaleToZero" =>
        "The HPA records in its condition `ScaledToZero` that it went to zero, and comes back from there, also where `minReplicas` was raised since.",
    zero_divides_nothing: 140958 since 38 =>
        "The average of an object or external metric at zero replicas is 0, no longer -9223372036854775808m.",
    succeeded_ignored: 141302 since 38 =>
        "Pods that have succeeded are ignored as failed ones are; before, they counted as pods without a sample.",
    counts_capped: 141397 since 38 =>
        "Every count above 2147483647 is that, no longer the smallest number.",
    overhead_excluded: 142154 since 38 =>
        "The request of a whole pod (`spec.resources`) is taken without the pod's overhead.",
}

impl VersionedBehaviour {
    /// `int32(math.Ceil(x))` where upstream does it without a guard of its own.
    pub(super) fn ceil_to_i32(&self, x: f64) -> i32 {
        if self.counts_capped { arithmetic::ceil_to_i32_capped(x) } else { arithmetic::ceil_to_i32(x) }
    }

    /// The same where a guard came with `guarded`.
    pub(super) fn ceil_to_i32_since(&self, guarded: bool, x: f64) -> i32 {
        if guarded { arithmetic::ceil_to_i32_capped(x) } else { self.ceil_to_i32(x) }
    }
}
