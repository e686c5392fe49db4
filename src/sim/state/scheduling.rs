//! What is known of a pod spec before its pods are tried.

use crate::scheduler::ByClass;
use crate::scheduler::queue::Cure;

/// What is known of a spec, so that a hundred equal pods are not judged a hundred times.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sim) struct SpecNotes {
    /// How classes of nodes can choose for it, and of how many specs that was asked.
    pub(in crate::sim) by_class: Option<(ByClass, usize)>,
    /// [`Books::node_version`](super::books::Books::node_version) at which no node would take it, and what would help.
    pub(in crate::sim) refused_at: Option<(u64, Cure)>,
}
