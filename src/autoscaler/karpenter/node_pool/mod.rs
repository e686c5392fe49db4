//! NodePools: what nodes may be launched, how many, and when they may be disrupted.
//!
//! [`NodePoolManifest`] is what a user writes, [`NodePool`] what the decisions use; [`NodePool::from_manifest`] checks
//! and defaults as upstream's CRD does (`pkg/apis/v1/nodepool.go`, kubernetes-sigs/karpenter 22664681). All mistakes
//! are reported at once.

mod check;
mod cron;
mod manifest;
#[cfg(test)]
mod tests;

use std::sync::Arc;

#[cfg(test)]
use super::requirement::Requirement;
use super::requirements::Requirements;
use crate::cluster::{Labels, Taint, label};
use crate::units::{Quantity, SimDuration, SimTime};

pub use cron::{Cron, CronError};
pub use manifest::{
    BudgetManifest, Disruption, Metadata, NodeClaimTemplate, NodeClaimTemplateSpec, NodeClassReference,
    NodePoolManifest, NodePoolSpec, RequirementManifest, TaintManifest, TemplateMetadata,
};

/// A field of a NodePool that can't be used, by its path (`spec.disruption.budgets[0].nodes`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct FieldError {
    pub path: String,
    pub problem: String,
}

/// Which of its nodes a pool lets Karpenter consolidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsolidationPolicy {
    WhenEmpty,
    #[default]
    WhenEmptyOrUnderutilized,
    /// As `WhenEmptyOrUnderutilized`, but only moves that save enough for the disruption they cause.
    Balanced,
}

/// Why a node is disrupted at Karpenter's own will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DisruptionReason {
    Underutilized,
    Empty,
    Drifted,
}

impl DisruptionReason {
    pub fn name(self) -> &'static str {
        match self {
            DisruptionReason::Underutilized => "Underutilized",
            DisruptionReason::Empty => "Empty",
            DisruptionReason::Drifted => "Drifted",
        }
    }
}

/// How many of a pool's nodes may be disrupted at once, for some reasons, at some times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    pub nodes: BudgetNodes,
    /// `None`: every reason.
    pub reasons: Option<Vec<DisruptionReason>>,
    /// `None`: always.
    pub window: Option<(Cron, SimDuration)>,
}

/// Nodes of a disruption budget: a count or a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetNodes {
    Count(u32),
    /// Of the pool's initialized nodes, rounded up.
    Percent(u32),
}

/// A checked NodePool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePool {
    pub name: Arc<str>,
    pub weight: i32,
    /// Its deletion has begun: it launches nothing any more.
    pub deleting: bool,
    /// Of the template, with the pool's own label and the template's labels.
    pub requirements: Requirements,
    /// As the pool states them, without the labels: what drift is judged by.
    pub stated_requirements: Requirements,
    /// Labels of every node, with the pool's own.
    pub labels: Labels,
    pub annotations: Labels,
    pub taints: Vec<Taint>,
    pub startup_taints: Vec<Taint>,
    /// `None`: never.
    pub expire_after: Option<SimDuration>,
    pub termination_grace_period: Option<SimDuration>,
    pub consolidation_policy: ConsolidationPolicy,
    /// `None`: never.
    pub consolidate_after: Option<SimDuration>,
    pub budgets: Vec<Budget>,
    /// By resource name, `nodes` among them.
    pub limits: Vec<(String, Quantity)>,
}

impl NodePool {
    /// Checks and defaults a manifest.
    pub fn from_manifest(manifest: &NodePoolManifest) -> Result<NodePool, Vec<FieldError>> {
        let pool = check::check(manifest)?;
        Ok(NodePool { deleting: manifest.metadata.deletion_timestamp.is_some(), ..pool })
    }

    /// A pool of this name with upstream's defaults, no requirements and no limits.
    pub fn named(name: &str) -> NodePool {
        let labels = Labels::from([(label::NODE_POOL.to_owned(), name.to_owned())]);
        NodePool {
            name: name.into(),
            weight: 0,
            deleting: false,
            requirements: Requirements::from_labels(&labels),
            stated_requirements: Requirements::default(),
            labels,
            annotations: Labels::new(),
            taints: Vec::new(),
            startup_taints: Vec::new(),
            expire_after: Some(SimDuration::from_secs(720 * 3600)),
            termination_grace_period: None,
            consolidation_policy: ConsolidationPolicy::default(),
            consolidate_after: Some(SimDuration::ZERO),
            budgets: vec![Budget { nodes: BudgetNodes::Percent(10), reasons: None, window: None }],
            limits: Vec::new(),
        }
    }

    /// Narrows what may be launched.
    #[cfg(test)]
    pub fn require(mut self, requirement: Requirement) -> NodePool {
        self.stated_requirements.add(requirement.clone());
        self.requirements.add(requirement);
        self
    }

    /// How many of `nodes` nodes may be disrupted for `reason` in all: the smallest active budget that names it,
    /// `None` where none does. `epoch_seconds` is the wall-clock time of [`SimTime::ZERO`].
    pub fn allowed_disruptions(
        &self,
        nodes: usize,
        reason: DisruptionReason,
        now: SimTime,
        epoch_seconds: i64,
    ) -> Option<usize> {
        self.budgets
            .iter()
            .filter(|budget| budget.reasons.as_ref().is_none_or(|reasons| reasons.contains(&reason)))
            .filter(|budget| budget.is_active(now, epoch_seconds))
            .map(|budget| budget.nodes.of(nodes))
            .min()
    }
}

impl Budget {
    /// Open from a hit of the schedule until the duration has passed.
    pub fn is_active(&self, now: SimTime, epoch_seconds: i64) -> bool {
        let Some((cron, duration)) = &self.window else { return true };
        // The latest whole second that has begun decides: schedules hit on minutes.
        let wall = epoch_seconds.saturating_add(now.nanos().div_euclid(1_000_000_000));
        let back = (duration.nanos() as f64 / 1e9).floor() as i64;
        cron.next_after(wall.saturating_sub(back)).is_some_and(|hit| hit <= wall)
    }
}

impl BudgetNodes {
    fn of(self, nodes: usize) -> usize {
        match self {
            BudgetNodes::Count(count) => count as usize,
            BudgetNodes::Percent(percent) => (nodes * percent as usize).div_ceil(100),
        }
    }
}
