//! `karpenter.sh/v1` NodeClaims of an input, and the nodes that they have become.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Taint as RawTaint};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as RawQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::Deserialize;

use super::super::Refusal;
use super::super::fields::Fields;
use crate::autoscaler::karpenter::node_pool::NodePoolManifest;
use crate::autoscaler::karpenter::pods::{DISRUPTED_TAINT, DO_NOT_DISRUPT};
use crate::autoscaler::karpenter::requirements::{INITIALIZED, REGISTERED};
use crate::autoscaler::karpenter::{Catalogue, InstanceType, NodeClaim, NodePool};
use crate::cluster::{ClusterView, Labels, NodeId, NodeShape, NodeShapeId, Resources, Taint, label};
use crate::scenario::manifest::{LoadedCluster, NodeAmounts, instant, node_amounts, read_taints};
use crate::units::{SimDuration, SimTime};

/// What Karpenter remembers and no object shows.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct State {
    /// By node or claim: kept for pods that were placed there, until then.
    pub nominated_until: BTreeMap<String, Time>,
    /// Nodes or claims of commands under way. Absent: nodes with the taint `karpenter.sh/disrupted`.
    pub marked_for_deletion: Option<Vec<String>>,
    /// Nodes or claims that the cloud has announced to take back.
    pub interrupted: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawClaim {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: RawSpec,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSpec {
    taints: Vec<RawTaint>,
    startup_taints: Vec<RawTaint>,
    /// A duration or `Never` (default 720h).
    expire_after: Option<String>,
    termination_grace_period: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawStatus {
    node_name: Option<String>,
    #[serde(rename = "providerID")]
    provider_id: Option<String>,
    capacity: Option<BTreeMap<String, RawQuantity>>,
    allocatable: Option<BTreeMap<String, RawQuantity>>,
    conditions: Vec<RawCondition>,
    last_pod_event_time: Option<Time>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    last_transition_time: Option<Time>,
}

impl RawStatus {
    /// Since when a condition is true; `None` where it is not.
    fn is_true(&self, kind: &str) -> Option<Option<SimTime>> {
        let condition = self.conditions.iter().find(|condition| condition.kind == kind)?;
        (condition.status == "True").then(|| condition.last_transition_time.as_ref().map(instant))
    }
}

/// The input's claims that have been launched. Without a field `nodeClaims`, every node with the label
/// `karpenter.sh/nodepool` counts as a claim's that is initialized, of its pool's making.
pub(super) fn read(
    envelope: &Fields<'_>,
    nodes: &[Node],
    cluster: &mut LoadedCluster,
    pools: &[NodePool],
    catalogue: &Catalogue,
    state: &State,
    now: SimTime,
) -> Result<Vec<NodeClaim>, Refusal> {
    let mut claims = Vec::new();
    if envelope.get("nodeClaims").is_none() {
        for (raw, (id, _)) in nodes.iter().zip(cluster.nodes.clone()) {
            claims.extend(of_node(raw, id, cluster, pools));
        }
    }
    let hashes = envelope
        .items::<NodePoolManifest>("nodePools")?
        .into_iter()
        .filter_map(|pool| Some((pool.metadata.name, hash(pool.metadata.annotations.as_ref())?)))
        .collect();
    let mut names = rustc_hash::FxHashSet::default();
    for (index, raw) in envelope.items::<RawClaim>("nodeClaims")?.iter().enumerate() {
        let path = format!("nodeClaims[{index}]");
        if let Some(name) = &raw.metadata.name
            && !names.insert(name.clone())
        {
            return Err(Refusal::new(format!("{path}.metadata.name"), format!("a second NodeClaim is called {name}")));
        }
        claims.extend(claim(&path, raw, nodes, cluster, catalogue, (&hashes, now))?);
    }
    apply(state, &mut claims, cluster)?;
    Ok(claims)
}

fn of_node(raw: &Node, id: NodeId, cluster: &LoadedCluster, pools: &[NodePool]) -> Option<NodeClaim> {
    let state = cluster.state.node(id)?;
    let labels = &cluster.state.specs.shape(state.shape).labels;
    let name = labels.get(label::NODE_POOL)?;
    let fallback = NodePool::named(name);
    let pool = pools.iter().find(|pool| *pool.name == **name).unwrap_or(&fallback);
    let created = raw.metadata.creation_timestamp.as_ref().map_or(SimTime::ZERO, instant);
    let mut claim = NodeClaim::launched(Arc::clone(&state.name), pool, state.shape, created);
    claim.node = Some(id);
    claim.initialized = Some(created);
    claim.deleting = raw.metadata.deletion_timestamp.is_some();
    claim.do_not_disrupt = is_protected(raw);
    Some(claim)
}

fn is_protected(node: &Node) -> bool {
    let annotations = node.metadata.annotations.as_ref();
    annotations.and_then(|annotations| annotations.get(DO_NOT_DISRUPT)).is_some_and(|value| value == "true")
}

/// `None` where the claim has not been launched yet: nothing is known of its node.
fn claim(
    path: &str,
    raw: &RawClaim,
    nodes: &[Node],
    cluster: &mut LoadedCluster,
    catalogue: &Catalogue,
    (hashes, now): (&BTreeMap<String, Hash>, SimTime),
) -> Result<Option<NodeClaim>, Refusal> {
    let Some(name) = raw.metadata.name.as_deref() else {
        return Err(Refusal::new(format!("{path}.metadata.name"), "a name is required"));
    };
    let labels = raw.metadata.labels.clone().unwrap_or_default();
    let Some(pool) = labels.get(label::NODE_POOL) else {
        let problem = format!("the label {} is required", label::NODE_POOL);
        return Err(Refusal::new(format!("{path}.metadata.labels"), problem));
    };
    let status = &raw.status;
    let provider_id = status.provider_id.as_deref().filter(|id| !id.is_empty());
    let node = nodes.iter().find(|node| {
        let of_name = status.node_name.is_some() && node.metadata.name == status.node_name;
        let id = node.spec.as_ref().and_then(|spec| spec.provider_id.as_deref());
        of_name || provider_id.is_some() && id == provider_id
    });
    let node_label = |key: &str| {
        let labels = node.and_then(|node| node.metadata.labels.as_ref());
        labels.and_then(|labels| labels.get(key)).is_some_and(|value| value == "true")
    };
    let registered = node_label(REGISTERED) || status.is_true("Registered").is_some();
    let node_id = node
        .filter(|_| registered)
        .and_then(|node| cluster.node_ids.get(node.metadata.name.as_deref().unwrap_or_default()))
        .copied();
    let created = raw.metadata.creation_timestamp.as_ref().map_or(SimTime::ZERO, instant);
    let is_initialized = node_label(INITIALIZED) || status.is_true("Initialized").is_some();
    let shape = match node_id {
        Some(node) if is_initialized => cluster.state.node(node).expect("looked up by name").shape,
        Some(node) => starting_shape(path, raw, node, cluster)?,
        None => {
            let Some(shape) = shape(path, raw, &labels, cluster, catalogue)? else { return Ok(None) };
            cluster.state.specs.intern_shape(shape)
        }
    };
    let initialized = match (node_label(INITIALIZED), status.is_true("Initialized")) {
        (_, Some(since)) if node_id.is_some() => Some(since.unwrap_or(created)),
        (true, _) if node_id.is_some() => Some(created),
        _ => None,
    };
    Ok(Some(NodeClaim {
        name: name.into(),
        node_pool: pool.as_str().into(),
        shape,
        node: node_id,
        created,
        initialized,
        last_pod_event: status.last_pod_event_time.as_ref().map(instant),
        drifted: match status.is_true("Drifted") {
            Some(since) => Some(since.unwrap_or(now)),
            None => is_of_another_hash(raw, hashes.get(pool)).then_some(now),
        },
        nominated_until: None,
        disrupted: false,
        deleting: raw.metadata.deletion_timestamp.is_some(),
        instance_terminating: status.is_true("InstanceTerminating").is_some(),
        do_not_disrupt: node.is_some_and(is_protected),
        expire_after: match raw.spec.expire_after.as_deref() {
            None => Some(SimDuration::from_secs(720 * 3600)),
            Some("Never") => None,
            Some(text) => Some(duration(&format!("{path}.spec.expireAfter"), text)?),
        },
        termination_grace_period: match &raw.spec.termination_grace_period {
            None => None,
            Some(text) => Some(duration(&format!("{path}.spec.terminationGracePeriod"), text)?),
        },
        startup_taints: taints(&format!("{path}.spec.startupTaints"), &raw.spec.startup_taints)?,
    }))
}

/// The shape of a node that is still starting: what it does not have yet is taken from its claim
/// (`pkg/controllers/state/statenode.go`, `Capacity` and `Allocatable`).
fn starting_shape(
    path: &str,
    raw: &RawClaim,
    node: NodeId,
    cluster: &mut LoadedCluster,
) -> Result<NodeShapeId, Refusal> {
    let specs = &mut cluster.state.specs;
    let mut promised = |field: &str, list: &Option<BTreeMap<String, RawQuantity>>| {
        let list = list.clone().unwrap_or_default();
        node_amounts(&list, &mut specs.resources).map_err(|error| error.within(format!("{path}.status.{field}")))
    };
    let capacity = promised("capacity", &raw.status.capacity)?;
    let allocatable = promised("allocatable", &raw.status.allocatable)?;
    let mut shape = cluster.state.specs.shape(cluster.state.node(node).expect("looked up by name").shape).clone();
    shape.capacity.fill_in(&capacity.resources);
    shape.allocatable.fill_in(&allocatable.resources);
    let shape = cluster.state.specs.intern_shape(shape);
    cluster.state.node_mut(node).expect("looked up by name").shape = shape;
    Ok(shape)
}

/// A template's hash and the version of the hashing.
type Hash = (String, String);

fn hash(annotations: Option<&Labels>) -> Option<Hash> {
    let get = |key: &str| annotations.and_then(|annotations| annotations.get(key)).cloned();
    Some((get("karpenter.sh/nodepool-hash")?, get("karpenter.sh/nodepool-hash-version")?))
}

/// The pool's template has changed since (upstream's static drift). Hashes of two versions say nothing.
fn is_of_another_hash(raw: &RawClaim, of_pool: Option<&Hash>) -> bool {
    let of_claim = hash(raw.metadata.annotations.as_ref());
    of_claim.zip(of_pool).is_some_and(|(claim, pool)| claim.1 == pool.1 && claim.0 != pool.0)
}

/// What the node of a launched claim will be.
fn shape(
    path: &str,
    raw: &RawClaim,
    labels: &Labels,
    cluster: &mut LoadedCluster,
    catalogue: &Catalogue,
) -> Result<Option<NodeShape>, Refusal> {
    let known = labels.get(label::INSTANCE_TYPE).and_then(|name| catalogue.by_name(name));
    let (capacity, allocatable) = (&raw.status.capacity, &raw.status.allocatable);
    if known.is_none() && capacity.is_none() && allocatable.is_none() {
        return Ok(None);
    }
    let mut amounts = |field: &str, list: &BTreeMap<String, RawQuantity>| {
        node_amounts(list, &mut cluster.state.specs.resources)
            .map_err(|error| error.within(format!("{path}.status.{field}")))
    };
    let of_type = |resources: fn(&InstanceType) -> &Resources| {
        let resources = known.map(resources).cloned().unwrap_or_default();
        NodeAmounts { resources, pods: None, shared_gpus: None }
    };
    let capacity = match capacity {
        Some(list) => amounts("capacity", list)?,
        None => of_type(|known| &known.capacity),
    };
    let allocatable = match allocatable {
        Some(list) => amounts("allocatable", list)?,
        None if known.is_some() => of_type(|known| &known.allocatable),
        None => capacity.clone(),
    };
    let slots = allocatable.pods.or(capacity.pods).or(known.map(|known| known.max_pods));
    let mut labels = labels.clone();
    labels.remove(label::HOSTNAME);
    Ok(Some(NodeShape {
        labels,
        taints: taints(&format!("{path}.spec.taints"), &raw.spec.taints)?,
        capacity: capacity.resources,
        allocatable: allocatable.resources,
        max_pods: slots.unwrap_or(NodeShape::DEFAULT_MAX_PODS),
        shared_gpus: known.map_or(0, |known| known.shared_gpus),
        ..NodeShape::default()
    }))
}

fn taints(path: &str, raw: &[RawTaint]) -> Result<Vec<Taint>, Refusal> {
    read_taints(raw).map_err(|error| error.within(path).into())
}

fn duration(path: &str, text: &str) -> Result<SimDuration, Refusal> {
    SimDuration::parse_non_negative(text).map_err(|problem| Refusal::new(path, problem))
}

/// Marks claims by what Karpenter remembers of them.
fn apply(state: &State, claims: &mut [NodeClaim], cluster: &mut LoadedCluster) -> Result<(), Refusal> {
    for (name, until) in &state.nominated_until {
        let at_name = std::slice::from_ref(name);
        for index in positions("state.nominatedUntil", at_name, claims, cluster)? {
            claims[index].nominated_until = Some(instant(until));
        }
    }
    let is_disrupted = |claim: &NodeClaim| {
        let node = claim.node.and_then(|node| cluster.state.node(node));
        node.is_some_and(|node| node.extra_taints.iter().any(|taint| taint.key == DISRUPTED_TAINT))
    };
    let marked: Vec<usize> = match &state.marked_for_deletion {
        Some(names) => positions("state.markedForDeletion", names, claims, cluster)?,
        None => (0..claims.len()).filter(|index| is_disrupted(&claims[*index])).collect(),
    };
    for index in &marked {
        claims[*index].disrupted = true;
    }
    // A pass begins by taking the taint off nodes that no command is about to delete.
    for node in claims.iter().filter(|claim| !claim.is_marked_for_deletion()).filter_map(|claim| claim.node) {
        if let Some(node) = cluster.state.node_mut(node) {
            node.extra_taints.retain(|taint| taint.key != DISRUPTED_TAINT);
        }
    }
    Ok(())
}

/// Positions of claims by their names or their nodes' names.
pub(super) fn positions(
    path: &str,
    names: &[String],
    claims: &[NodeClaim],
    cluster: &LoadedCluster,
) -> Result<Vec<usize>, Refusal> {
    names
        .iter()
        .map(|name| {
            let node = cluster.node_ids.get(name);
            claims
                .iter()
                .position(|claim| *claim.name == **name || claim.node.is_some() && claim.node == node.copied())
                .ok_or_else(|| Refusal::new(path, format!("{name} is no claim and no claim's node")))
        })
        .collect()
}
