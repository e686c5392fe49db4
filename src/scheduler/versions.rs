//! What upstream changed in kube-scheduler (`pkg/scheduler`) since 1.33, of what is modelled: the one table.

use crate::release::versioned;

versioned! {
    /// How the scheduler of a release behaves where releases differ.
    pub struct VersionedBehaviour;
    pop_from_backoff_queue: 130772 since 33 gate "SchedulerPopFromBackoffQ" =>
        "A pod that backs off is tried as soon as no other waits to be tried.",
    fit_knows_what_never_fits: 131345 since 34 =>
        "A request above all that a node has is no matter of its pods: preemption leaves that node alone, and a pod that was promised its room looks elsewhere.",
    balance_by_change: 135573 since 36 =>
        "NodeResourcesBalancedAllocation scores by how much the pod betters a node's balance, 75 where it does not change it; before, by the balance that it leaves.",
}
