//! Nodes that may be disrupted, what they cost, and what their disruption would cost.
//!
//! Follows `types.go` and `GetCandidates` in `helpers.go` under `pkg/controllers/disruption/` (kubernetes-sigs/karpenter
//! 22664681).

use std::cell::OnceCell;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::autoscaler::karpenter::Snapshot;
use crate::autoscaler::karpenter::base::Base;
use crate::autoscaler::karpenter::instance_type::TypeIndex;
use crate::autoscaler::karpenter::pods::{DO_NOT_DISRUPT, eviction_cost, first_blocking, is_reschedulable};
use crate::cluster::{ClusterView, NodeId, NodeShape, NodeShapeId, PodId, label};

/// What draining a node costs by itself, in pods.
pub(super) const NODE_DISRUPTION_COST: f64 = 1.0;

/// How far a disruption may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Pods that ask to stay, and PodDisruptionBudgets, exclude a node.
    Graceful,
    /// They don't where the claim's `terminationGracePeriod` bounds the drain.
    Eventual,
}

/// A node that could be disrupted.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Position in the snapshot's claims.
    pub claim: usize,
    pub node: NodeId,
    /// Position in the existing nodes of the base.
    pub existing: usize,
    /// Position in the snapshot's pools.
    pub pool: usize,
    pub instance_type: Option<TypeIndex>,
    pub zone: Option<Rc<str>>,
    pub capacity_type: Option<Rc<str>>,
    pub reschedulable: Vec<PodId>,
    /// Of its offering; 0 where unknown.
    pub price: f64,
    /// [`NODE_DISRUPTION_COST`] and the eviction costs of its pods, where positive.
    pub reschedule_cost: f64,
}

impl Candidate {
    /// What is saved for what is disturbed.
    pub fn savings_ratio(&self) -> f64 {
        self.price / self.reschedule_cost
    }

    /// No pod whose eviction costs anything.
    pub fn is_empty(&self) -> bool {
        self.reschedule_cost <= NODE_DISRUPTION_COST
    }
}

/// Why a claim is no candidate.
#[derive(Clone, Debug)]
pub(super) struct Ineligible {
    pub claim: usize,
    pub why: String,
}

/// All candidates in the order of their nodes' names, and why the others are none.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub candidates: Vec<Candidate>,
    pub ineligible: Vec<Ineligible>,
}

/// The lists of a pass, each made when a method first asks.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    lists: [OnceCell<Listed>; 2],
}

impl Candidates {
    pub fn of(&self, class: Class, base: &Base<'_>) -> &Listed {
        self.lists[class as usize].get_or_init(|| list(base, class))
    }
}

fn list(base: &Base<'_>, class: Class) -> Listed {
    let mut listed = Listed::default();
    let mut kinds = FxHashMap::default();
    for (existing, node) in base.existing.nodes.iter().enumerate() {
        let Some(claim) = node.claim else { continue };
        match candidate(base, class, existing, claim, &mut kinds) {
            Ok(candidate) => listed.candidates.push(candidate),
            Err(why) => listed.ineligible.push(Ineligible { claim, why }),
        }
    }
    listed
}

/// What a node's labels say of it, and the price of the offering that its claim's labels name.
#[derive(Clone, Debug)]
struct Kind {
    instance_type: Option<TypeIndex>,
    zone: Option<Rc<str>>,
    capacity_type: Option<Rc<str>>,
    price: f64,
}

impl Kind {
    fn of(snapshot: &Snapshot<'_>, shape: &NodeShape, claim: usize) -> Kind {
        let of_label = |key: &str| shape.labels.get(key).map(|value| Rc::from(value.as_str()));
        let name = shape.labels.get(label::INSTANCE_TYPE);
        let types = &snapshot.catalogue.types;
        let instance_type = name.and_then(|name| types.iter().position(|other| *other.name == **name));
        Kind {
            instance_type: instance_type.map(|index| index as TypeIndex),
            zone: of_label(label::ZONE),
            capacity_type: of_label(label::CAPACITY_TYPE),
            price: claim_price(snapshot, claim),
        }
    }
}

/// `kinds` by the shapes of node and claim.
fn candidate(
    base: &Base<'_>,
    class: Class,
    existing: usize,
    claim_index: usize,
    kinds: &mut FxHashMap<(NodeShapeId, NodeShapeId), Kind>,
) -> Result<Candidate, String> {
    let snapshot = base.snapshot;
    let claim = &snapshot.claims[claim_index];
    let Some(node) = base.existing.nodes[existing].node else { return Err("it has no node yet".into()) };
    if claim.initialized.is_none() {
        return Err("its node isn't initialized".into());
    }
    if claim.is_marked_for_deletion() {
        return Err("it is being deleted already".into());
    }
    if claim.is_nominated(snapshot.now) {
        return Err("it is nominated for a pending pod".into());
    }
    if claim.do_not_disrupt {
        return Err(format!("its node has the annotation {DO_NOT_DISRUPT}"));
    }
    let Some(pool) = base.existing.nodes[existing].pool else {
        return Err(format!("its NodePool {} does not exist", claim.node_pool));
    };
    let view = snapshot.cluster.node_view(node).ok_or("its node is gone")?;
    let pods: Vec<PodId> = view.state.pods.iter().map(|held| held.pod).collect();
    if let Some(blocked) = first_blocking(snapshot, &pods) {
        let may_wait = class == Class::Eventual && claim.termination_grace_period.is_some();
        if !may_wait {
            return Err(blocked.to_string());
        }
    }
    let reschedulable: Vec<PodId> = pods
        .into_iter()
        .filter(|pod| {
            let info = snapshot.cluster.pod(*pod);
            is_reschedulable(info, snapshot.cluster.specs.pod(info.spec))
        })
        .collect();
    let shapes = (view.state.shape, claim.shape);
    let kind = kinds.entry(shapes).or_insert_with(|| Kind::of(snapshot, view.shape, claim_index)).clone();
    Ok(Candidate {
        claim: claim_index,
        node,
        existing,
        pool,
        instance_type: kind.instance_type,
        price: kind.price,
        reschedule_cost: pods_cost(snapshot, &reschedulable),
        zone: kind.zone,
        capacity_type: kind.capacity_type,
        reschedulable,
    })
}

/// What the claim's offering costs an hour; 0 where the catalogue does not know it.
pub(super) fn claim_price(snapshot: &Snapshot<'_>, claim: usize) -> f64 {
    let labels = &snapshot.cluster.specs.shape(snapshot.claims[claim].shape).labels;
    let value = |key: &str| labels.get(key).map_or("", String::as_str);
    snapshot
        .catalogue
        .by_name(value(label::INSTANCE_TYPE))
        .and_then(|instance_type| instance_type.price_in(value(label::ZONE), value(label::CAPACITY_TYPE)))
        .unwrap_or(0.0)
}

fn pods_cost(snapshot: &Snapshot<'_>, pods: &[PodId]) -> f64 {
    pods.iter().fold(NODE_DISRUPTION_COST, |cost, pod| {
        cost + eviction_cost(snapshot.cluster.specs.pod(snapshot.cluster.pod(*pod).spec)).max(0.0)
    })
}

/// As [`Candidate::reschedule_cost`], for a node that is no candidate.
pub(super) fn node_disruption_cost(snapshot: &Snapshot<'_>, node: NodeId) -> f64 {
    let held = snapshot.cluster.node(node).into_iter().flat_map(|state| &state.pods);
    held.map(|held| snapshot.cluster.specs.pod(held.spec))
        .filter(|pod| !pod.is_daemon_set_pod())
        .fold(NODE_DISRUPTION_COST, |cost, pod| cost + eviction_cost(pod).max(0.0))
}
