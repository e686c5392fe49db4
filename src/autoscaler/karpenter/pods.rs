//! Which pods Karpenter provisions for, moves, and leaves alone.
//!
//! Follows `pkg/utils/pod/scheduling.go`, `pkg/utils/pdb` and `pkg/utils/disruption` (kubernetes-sigs/karpenter
//! 22664681).

use std::fmt;
use std::sync::Arc;

use super::Snapshot;
use super::instance_type::CapacityType;
use super::requirement::{Operator, normalized};
use super::requirements::{Requirements, is_restricted};
use crate::cluster::{
    NodeSelectorTerm, PodId, PodInfo, PodSpec, SelectorOperator, SelectorRequirement, Taint, TaintEffect, label,
};
use crate::units::{SimDuration, SimTime};

/// Asks that a pod or node be left where it is: `true`, or for pods a duration from the pod's start.
pub const DO_NOT_DISRUPT: &str = "karpenter.sh/do-not-disrupt";
/// Taint of nodes that are being disrupted.
pub const DISRUPTED_TAINT: &str = "karpenter.sh/disrupted";

const POD_DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Called unschedulable by the scheduler, not about to run by preemption, and no DaemonSet's or node's own pod. Pods
/// that claim devices (DRA) are passed over, as `ignoreDRARequests` has it by default.
pub fn is_provisionable(info: &PodInfo, pod: &PodSpec) -> bool {
    info.unschedulable_since.is_some()
        && info.node.is_none()
        && info.nominated_node.is_none()
        && !pod.is_daemon_set_pod()
        && !is_nodes_own(pod)
        && pod.resource_claims.is_empty()
}

/// Why a pod that the scheduler found no node for is passed over all the same: its node selector or required affinity
/// (of whichever term) is none that Karpenter takes (`Validate` in `pkg/controllers/provisioning/provisioner.go`).
pub fn why_not_looked_at(pod: &PodSpec) -> Option<String> {
    let terms = pod.affinity.node.required.iter().flatten();
    if terms.clone().any(|term| !term.match_fields.is_empty()) {
        return Some("Karpenter takes no node affinity by matchFields".to_owned());
    }
    let mentions_pool = |term: &NodeSelectorTerm| {
        let of_pool = |expression: &SelectorRequirement| expression.key == label::NODE_POOL;
        term.match_expressions.iter().any(of_pool)
    };
    let preferred = pod.affinity.node.preferred.iter().map(|preference| &preference.term);
    if terms.clone().chain(preferred).any(mentions_pool) {
        let requirements = Requirements::with_preference(pod);
        if requirements.get(label::NODE_POOL).is_some_and(|pool| pool.operator() == Operator::DoesNotExist) {
            return Some("it wants no node of Karpenter's".to_owned());
        }
    }
    let restricted = |key: &str| {
        let key = normalized(key);
        (is_restricted(key) || !label::is_key(key))
            .then(|| format!("it asks for the label {key}, which no NodePool can set"))
    };
    let unknown_capacity = |key: &str, values: &[String]| {
        let is_known = |value: &String| CapacityType::from_name(value).is_some();
        let none = key == label::CAPACITY_TYPE && !values.iter().any(is_known);
        none.then(|| format!("it asks for the capacity type {}, which there is not", values.join(", ")))
    };
    for (key, value) in &pod.node_selector {
        let why = restricted(key).or_else(|| unknown_capacity(key, std::slice::from_ref(value)));
        if why.is_some() {
            return why;
        }
    }
    terms.flat_map(|term| &term.match_expressions).find_map(|expression| {
        let is_in = expression.operator == SelectorOperator::In;
        restricted(&expression.key).or_else(|| unknown_capacity(&expression.key, &expression.values).filter(|_| is_in))
    })
}

/// Will need room elsewhere when its node goes. A StatefulSet's terminating pods are sure to be made anew.
pub fn is_reschedulable(info: &PodInfo, pod: &PodSpec) -> bool {
    let of_stateful_set = pod.controller.as_ref().is_some_and(|controller| controller.kind == "StatefulSet");
    (is_active(info) || of_stateful_set && info.deletion.is_some()) && !pod.is_daemon_set_pod() && !is_nodes_own(pod)
}

fn is_active(info: &PodInfo) -> bool {
    !info.is_terminal() && info.deletion.is_none()
}

fn is_nodes_own(pod: &PodSpec) -> bool {
    pod.is_mirror_pod() || pod.controller.as_ref().is_some_and(|controller| controller.kind == "Node")
}

/// The pod asks to be left alone, still. A value that is neither `true` nor a duration above zero asks for nothing.
pub fn is_do_not_disrupt_active(info: &PodInfo, pod: &PodSpec, now: SimTime) -> bool {
    match pod.annotations.get(DO_NOT_DISRUPT).map(String::as_str) {
        None => false,
        Some("true") => true,
        Some(text) => match text.parse::<SimDuration>() {
            Ok(span) if span > SimDuration::ZERO && !text.contains('d') => {
                info.started.is_none_or(|started| now.since(started) < span)
            }
            _ => false,
        },
    }
}

/// When [`is_do_not_disrupt_active`] will end, where it will by itself.
pub fn do_not_disrupt_until(info: &PodInfo, pod: &PodSpec) -> Option<SimTime> {
    let span: SimDuration = pod.annotations.get(DO_NOT_DISRUPT)?.parse().ok()?;
    info.started.map(|started| started + span)
}

/// Blocks the disruption of its node.
pub fn is_disruptable(info: &PodInfo, pod: &PodSpec, now: SimTime) -> bool {
    !is_active(info) || !is_do_not_disrupt_active(info, pod, now)
}

/// Karpenter would evict it: PDBs of other pods do not matter.
fn is_evictable(info: &PodInfo, pod: &PodSpec, now: SimTime) -> bool {
    let disrupted = Taint { key: DISRUPTED_TAINT.into(), value: String::new(), effect: TaintEffect::NoSchedule };
    let stays = pod.tolerations.iter().any(|toleration| toleration.tolerates(&disrupted));
    is_active(info) && !stays && !is_nodes_own(pod) && !is_do_not_disrupt_active(info, pod, now)
}

/// Why a pod holds its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    DoNotDisrupt { pod: Arc<str> },
    DisruptionBudget { pod: Arc<str>, budget: Arc<str> },
    SeveralDisruptionBudgets { pod: Arc<str> },
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blocked::DoNotDisrupt { pod } => write!(f, "pod {pod} has the annotation {DO_NOT_DISRUPT}"),
            Blocked::DisruptionBudget { pod, budget } => {
                write!(f, "PodDisruptionBudget {budget} prevents the eviction of pod {pod}")
            }
            Blocked::SeveralDisruptionBudgets { pod } => {
                write!(f, "pod {pod} is selected by several PodDisruptionBudgets, which eviction does not support")
            }
        }
    }
}

/// The budget that is in the way, judged by `blocks`.
fn blocking_budget(
    snapshot: &Snapshot<'_>,
    id: PodId,
    blocks: impl Fn(&crate::cluster::DisruptionBudget) -> bool,
) -> Option<Blocked> {
    let info = snapshot.cluster.pod(id);
    let pod = snapshot.cluster.specs.pod(info.spec);
    if snapshot.disruption_budgets.is_empty() || !is_evictable(info, pod, snapshot.now) {
        return None;
    }
    let mut selecting = snapshot.disruption_budgets.iter().filter(|budget| budget.selects(&pod.namespace, &pod.labels));
    let budget = selecting.next()?;
    if selecting.next().is_some() {
        return Some(Blocked::SeveralDisruptionBudgets { pod: Arc::clone(&info.name) });
    }
    let goes_anyway = budget.always_allows_unhealthy && info.started.is_some() && !info.ready;
    (!goes_anyway && blocks(budget))
        .then(|| Blocked::DisruptionBudget { pod: Arc::clone(&info.name), budget: Arc::clone(&budget.name) })
}

/// The first pod that holds its node: by annotation, then by a budget without disruptions left.
pub(super) fn first_blocking(snapshot: &Snapshot<'_>, pods: &[PodId]) -> Option<Blocked> {
    let cluster = snapshot.cluster;
    for id in pods {
        let info = cluster.pod(*id);
        if !is_disruptable(info, cluster.specs.pod(info.spec), snapshot.now) {
            return Some(Blocked::DoNotDisrupt { pod: Arc::clone(&info.name) });
        }
    }
    pods.iter().find_map(|id| blocking_budget(snapshot, *id, |budget| budget.disruptions_allowed <= 0))
}

/// Needs room elsewhere, and will be evicted before long: neither asks to stay nor is held by a budget that never gives.
pub(super) fn is_currently_reschedulable(snapshot: &Snapshot<'_>, id: PodId) -> bool {
    use crate::cluster::IntOrPercent::{Int, Percent};
    let info = snapshot.cluster.pod(id);
    let pod = snapshot.cluster.specs.pod(info.spec);
    let never_gives = |budget: &crate::cluster::DisruptionBudget| {
        matches!(budget.max_unavailable, Some(Int(0) | Percent(0))) || budget.min_available == Some(Percent(100))
    };
    is_reschedulable(info, pod)
        && is_disruptable(info, pod, snapshot.now)
        && blocking_budget(snapshot, id, never_gives).is_none()
}

/// What evicting the pod costs: 1, more for a deletion cost or a priority, within ±10.
pub fn eviction_cost(pod: &PodSpec) -> f64 {
    let deletion_cost: Option<f64> = pod.annotations.get(POD_DELETION_COST).and_then(|text| text.parse().ok());
    let mut cost = 1.0;
    if let Some(deletion_cost) = deletion_cost.filter(|cost| !cost.is_nan()) {
        cost += deletion_cost / 2f64.powi(27);
    }
    cost += f64::from(pod.priority) / 2f64.powi(25);
    cost.clamp(-10.0, 10.0)
}
