//! PodDisruptionBudgets: how many pods of a selection may be gone at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{LabelSelector, Labels};

/// A PodDisruptionBudget (`policy/v1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisruptionBudget {
    pub name: Arc<str>,
    pub namespace: Arc<str>,
    /// `None` selects nothing, an empty selector every pod of the namespace.
    pub selector: Option<LabelSelector>,
    /// At most one of the two is set.
    pub min_available: Option<IntOrPercent>,
    pub max_unavailable: Option<IntOrPercent>,
    /// `unhealthyPodEvictionPolicy: AlwaysAllow`: pods that are not ready may always go.
    pub always_allows_unhealthy: bool,
    /// `status.disruptionsAllowed`.
    pub disruptions_allowed: i32,
    /// Names of pods whose eviction the budget has already counted (`status.disruptedPods`).
    pub disrupted_pods: BTreeSet<String>,
}

/// A count, or a percentage of the expected pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntOrPercent {
    Int(i32),
    Percent(i32),
}

impl DisruptionBudget {
    pub fn selects(&self, namespace: &str, labels: &Labels) -> bool {
        *self.namespace == *namespace && self.selector.as_ref().is_some_and(|selector| selector.matches(labels))
    }
}
