//! Provisioning: nodes for pods that have none.
//!
//! Pending pods, and those whose nodes are being deleted, are placed on what exists, what is on its way, and new claims.
//! Follows `pkg/controllers/provisioning/provisioner.go` (kubernetes-sigs/karpenter 22664681).

use std::fmt;
use std::sync::Arc;

use super::Snapshot;
use super::base::{Base, PodError};
use super::existing_node::JOINED_LABELS;
use super::instance_type::{CapacityType, Catalogue, TypeIndex};
use super::node_pool::NodePool;
use super::planned_claim::{PlannedNode, Refusal};
use super::pods::{is_provisionable, why_not_looked_at};
use super::pods_to_place::pods_to_place;
use super::requirements::{Requirements, is_well_known};
use super::scheduler::{Mode, Solution, solve};
use crate::cluster::{NodeId, NodeShape, PodId, label};
use crate::units::UsdPerHour;

/// A node to be launched.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateClaim {
    /// Position in the snapshot's pools.
    pub pool: usize,
    /// Cheapest first, at most 600.
    pub instance_types: Vec<TypeIndex>,
    /// What the launch has to meet.
    pub requirements: Requirements,
    /// Planned for it, in the order in which they were placed.
    pub pods: Vec<PodId>,
    /// `minValues` had to be lowered (policy `BestEffort`).
    pub min_values_relaxed: bool,
    /// Heavier pools that could not take the first pod, and why.
    pub passed_over: Vec<PoolRefusal>,
}

/// Why a pool can't make a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolRefusal {
    /// Position in the snapshot's pools.
    pub pool: usize,
    pub why: String,
    /// Its limits are what stands in the way.
    pub is_limit: bool,
}

/// Where a pod is expected to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Node(NodeId),
    /// A claim that has no node yet: position in the snapshot's claims.
    Claim(usize),
}

/// A pod that found no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaced {
    pub pod: PodId,
    /// By pool, heaviest first; empty where there is no pool to ask.
    pub pools: Vec<PoolRefusal>,
    /// Other reasons.
    pub why: Option<String>,
    /// A node that is starting will hold it.
    pub waits_for_node: bool,
}

/// What to do for the pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provisioning {
    pub create: Vec<CreateClaim>,
    /// Pods that existing nodes and claims will hold. Their claims are to be nominated:
    /// [`NodeClaim::nominated_until`](super::NodeClaim::nominated_until) becomes now +
    /// [`Options::nomination_window`](super::Options::nomination_window).
    pub on_existing: Vec<(PodId, Target)>,
    pub unschedulable: Vec<Unplaced>,
    /// Pools that can launch nothing at all.
    pub skipped_pools: Vec<PoolRefusal>,
}

/// Decides for all provisionable pods of the snapshot. The work grows with the pods times the nodes and claims that
/// they try, and a snapshot without pods to place costs next to nothing.
pub fn provision(snapshot: &Snapshot<'_>) -> Provisioning {
    let pods = pods_to_place(snapshot);
    let unschedulable = not_looked_at(snapshot);
    if pods.is_empty() {
        return Provisioning { unschedulable, ..Provisioning::default() };
    }
    let base = Base::new(snapshot);
    let solution = solve(&base, pods, &[], Mode { enforce_consolidate_after: false, strict_reservations: true });
    let skipped_pools = refusals(&base.templates.skipped);
    let mut provisioning = Provisioning { skipped_pools, unschedulable, ..Provisioning::default() };
    for (owner, index) in &solution.on_existing {
        let node = &base.existing.nodes[*index];
        if let Some(target) = node.node.map(Target::Node).or(node.claim.map(Target::Claim)) {
            provisioning.on_existing.push((solution.pods[*owner as usize].pod, target));
        }
    }
    for (owner, error) in &solution.errors {
        provisioning.unschedulable.push(unplaced(&base, solution.pods[*owner as usize].pod, error));
    }
    provisioning.create = solution.planned.iter().map(|planned| create(&base, &solution, planned)).collect();
    provisioning
}

/// Provisionable pods that Karpenter passes over with an event of its own.
fn not_looked_at(snapshot: &Snapshot<'_>) -> Vec<Unplaced> {
    let cluster = snapshot.cluster;
    let verdict = |pod: &PodId| {
        let info = cluster.pod(*pod);
        let spec = cluster.specs.pod(info.spec);
        let why = why_not_looked_at(spec).filter(|_| is_provisionable(info, spec))?;
        Some(Unplaced { pod: *pod, pools: Vec::new(), why: Some(why), waits_for_node: false })
    };
    snapshot.pending.iter().filter_map(verdict).collect()
}

fn refusals(skipped: &[(usize, String)]) -> Vec<PoolRefusal> {
    skipped.iter().map(|(pool, why)| PoolRefusal { pool: *pool, why: why.clone(), is_limit: false }).collect()
}

fn pool_refusals(base: &Base<'_>, refusals: &[(usize, Refusal)]) -> Vec<PoolRefusal> {
    refusals
        .iter()
        .map(|(template, refusal)| PoolRefusal {
            pool: base.templates.templates[*template].pool_index,
            why: refusal.to_string(),
            is_limit: matches!(refusal, Refusal::Limits | Refusal::NodeLimit),
        })
        .collect()
}

pub(super) fn unplaced(base: &Base<'_>, pod: PodId, error: &PodError) -> Unplaced {
    let (pools, why) = match error {
        PodError::NoPool(refusals) => (pool_refusals(base, refusals), None),
        PodError::NoTemplates => (refusals(&base.templates.skipped), Some("no NodePool can launch a node".to_owned())),
        PodError::MinValues(template) => {
            let pool = base.templates.templates[*template].pool_index;
            let why = "the cheapest 600 instance types do not reach minValues".to_owned();
            (vec![PoolRefusal { pool, why, is_limit: false }], None)
        }
        PodError::Uninitialized(node) => {
            let name = &base.existing.nodes[*node].name;
            (Vec::new(), Some(format!("it would go to {name}, which is not initialized yet")))
        }
    };
    Unplaced { pod, pools, why, waits_for_node: matches!(error, PodError::Uninitialized(_)) }
}

pub(super) fn create(base: &Base<'_>, solution: &Solution, planned: &PlannedNode) -> CreateClaim {
    let catalogue = base.snapshot.catalogue;
    let mut requirements = planned.requirements.clone();
    JOINED_LABELS.iter().for_each(|key| requirements.remove(key));
    CreateClaim {
        pool: base.templates.templates[planned.template].pool_index,
        instance_types: ordered_by_price(&planned.types, &requirements, catalogue),
        requirements,
        pods: planned.pods.iter().map(|owner| solution.pods[*owner as usize].pod).collect(),
        min_values_relaxed: planned.relaxed_min_values,
        passed_over: pool_refusals(base, &planned.passed_over),
    }
}

fn ordered_by_price(types: &[TypeIndex], requirements: &Requirements, catalogue: &Catalogue) -> Vec<TypeIndex> {
    let mut types = types.to_vec();
    catalogue.order_by_price(&mut types, requirements);
    types
}

/// An instance of a type at one of its offerings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    pub instance_type: TypeIndex,
    /// Position in the type's offerings.
    pub offering: usize,
    pub price: UsdPerHour,
}

/// The cheapest available offering of the claim's types; of equal prices the first type's first. `None`: the cloud has
/// none of them now, and the claim fails for lack of capacity (upstream deletes it and provisions its pods anew).
pub fn launch(claim: &CreateClaim, catalogue: &Catalogue) -> Option<Launch> {
    let mut best: Option<Launch> = None;
    for index in &claim.instance_types {
        for (offering, candidate) in catalogue.get(*index).offerings.iter().enumerate() {
            let is_cheaper = best.is_none_or(|best| candidate.price < best.price);
            if candidate.available && is_cheaper && candidate.suits(&claim.requirements) {
                best = Some(Launch { instance_type: *index, offering, price: candidate.price });
            }
        }
    }
    best
}

/// What the node of a launch will be. Startup taints are not among its taints: the caller adds them to the node's
/// `extra_taints` until it is initialized.
pub fn node_shape(pool: &NodePool, claim: &CreateClaim, launch: Launch, catalogue: &Catalogue) -> NodeShape {
    let instance_type = catalogue.get(launch.instance_type);
    let offering = &instance_type.offerings[launch.offering];
    let mut labels = pool.labels.clone();
    // Labels of the user's own that the claim leaves a choice in get one value now.
    for requirement in claim.requirements.iter() {
        let is_of_type = instance_type.requirements().has(&requirement.key);
        if let Some(value) = requirement.any().filter(|_| !is_of_type && !is_well_known(&requirement.key)) {
            labels.insert(requirement.key.to_string(), value.to_string());
        }
    }
    for requirement in instance_type.requirements().iter() {
        if let Some(value) = requirement.single() {
            labels.insert(requirement.key.to_string(), value.to_string());
        }
    }
    for requirement in offering.requirements().iter() {
        if let Some(value) = requirement.single() {
            labels.insert(requirement.key.to_string(), value.to_string());
        }
    }
    JOINED_LABELS.iter().for_each(|key| {
        labels.insert((*key).to_owned(), "true".to_owned());
    });
    labels.remove(label::HOSTNAME);
    label::add_deprecated(&mut labels);
    NodeShape {
        labels,
        annotations: pool.annotations.clone(),
        taints: pool.taints.clone(),
        capacity: instance_type.capacity.clone(),
        allocatable: instance_type.allocatable.clone(),
        max_pods: instance_type.max_pods,
        shared_gpus: instance_type.shared_gpus,
        ..NodeShape::default()
    }
}

/// Why an instance type is not among a claim's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeRejection {
    Requirements(String),
    NoOffering,
    /// It lacks room for the pods, is too dear, or exceeds the pool's limits.
    NotChosen,
}

impl fmt::Display for TypeRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypeRejection::Requirements(why) => write!(f, "does not meet the requirements: {why}"),
            TypeRejection::NoOffering => f.write_str("has no available offering that suits"),
            TypeRejection::NotChosen => f.write_str("lacks room for the pods, is too dear, or exceeds the limits"),
        }
    }
}

/// For people who ask: every type of the catalogue that the claim left out, and why.
pub fn explain_types(claim: &CreateClaim, catalogue: &Catalogue) -> Vec<(Arc<str>, TypeRejection)> {
    // The claim's own list of names would be the only reason that anybody sees.
    let mut requirements = claim.requirements.clone();
    requirements.remove(label::INSTANCE_TYPE);
    let mut rejected = Vec::new();
    for (index, instance_type) in catalogue.types.iter().enumerate() {
        if claim.instance_types.contains(&(index as TypeIndex)) {
            continue;
        }
        let rejection = if let Err(why) = instance_type.requirements().intersects(&requirements) {
            TypeRejection::Requirements(why.to_string())
        } else if instance_type.available(&requirements).next().is_none() {
            TypeRejection::NoOffering
        } else {
            TypeRejection::NotChosen
        };
        rejected.push((Arc::clone(&instance_type.name), rejection));
    }
    rejected
}

/// The capacity type that a claim is bound to, where there is just one.
pub fn capacity_type(claim: &CreateClaim) -> Option<CapacityType> {
    let requirement = claim.requirements.get(label::CAPACITY_TYPE)?;
    requirement.single().and_then(|name| CapacityType::from_name(name))
}
