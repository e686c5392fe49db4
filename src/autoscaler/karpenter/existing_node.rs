//! Nodes that pods may go to: those of the cluster, and claims that are on their way.
//!
//! Built once a snapshot and shared by its simulations; what a simulation places is booked on its own
//! [`Fork`](crate::cluster::Fork). Follows `existingnode.go` and `pkg/controllers/state/statenode.go`
//! (kubernetes-sigs/karpenter 22664681).

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Snapshot;
use super::node_claim::is_known_ephemeral;
use super::requirement::Requirement;
use super::requirements::{INITIALIZED, REGISTERED, Requirements, Undefined};
use super::topology_group::tolerates_all;
use crate::cluster::{ClusterState, ClusterView, NodeId, NodeShapeId, PodSpec, Resources, Specs, Taint, label};

/// One node, or one claim without a node yet.
#[derive(Clone, Debug)]
pub(super) struct ExistingNode {
    /// In the simulation's fork: the cluster's id, or for claims on their way one beyond.
    pub id: NodeId,
    /// Where the node exists.
    pub node: Option<NodeId>,
    /// Position in the snapshot's claims; `None`: not Karpenter's.
    pub claim: Option<usize>,
    pub name: Arc<str>,
    pub hostname: Arc<str>,
    pub shape: NodeShapeId,
    /// Position in the snapshot's pools.
    pub pool: Option<usize>,
    /// Can take pods now; nodes that Karpenter does not manage always count so.
    pub initialized: bool,
    /// Pods that are only moved to save money may not go there yet.
    pub under_consolidate_after: bool,
    /// Those that a pod must tolerate: without what a starting node will lose.
    pub taints: Vec<Taint>,
    /// All that it has.
    pub all_taints: Vec<Taint>,
    /// Requests of DaemonSet pods that are still to come, and their number.
    pub daemons_to_come: (Resources, i64),
    /// Being emptied: no destination.
    pub marked_for_deletion: bool,
}

/// All nodes and claims in the order in which pods try them: initialized ones first, then by name.
#[derive(Clone, Debug, Default)]
pub(super) struct ExistingNodes {
    pub nodes: Vec<ExistingNode>,
    /// Claims without a node, in the order in which each fork adds them.
    pub in_flight: Vec<(Arc<str>, NodeShapeId)>,
    /// Made when somebody asks.
    by_shape: RefCell<FxHashMap<NodeShapeId, Rc<Requirements>>>,
}

impl ExistingNodes {
    pub fn new(snapshot: &Snapshot<'_>) -> ExistingNodes {
        let cluster = snapshot.cluster;
        let mut existing = ExistingNodes::default();
        let mut claim_of: FxHashMap<NodeId, usize> = FxHashMap::default();
        for (index, claim) in snapshot.claims.iter().enumerate() {
            match claim.node.filter(|node| cluster.node(*node).is_some()) {
                Some(node) => {
                    claim_of.insert(node, index);
                }
                None => existing.add_in_flight(snapshot, index),
            }
        }
        for view in cluster.node_views() {
            let claim = claim_of.get(&view.id).copied();
            let mut all_taints: Vec<Taint> = view.taints().cloned().collect();
            if view.state.unschedulable {
                let key = "node.kubernetes.io/unschedulable";
                if !all_taints.iter().any(|taint| taint.key == key) {
                    let effect = crate::cluster::TaintEffect::NoSchedule;
                    all_taints.push(Taint { key: key.into(), value: String::new(), effect });
                }
            }
            let node = ExistingNode {
                id: view.id,
                node: Some(view.id),
                claim,
                name: Arc::clone(&view.state.name),
                hostname: view.state.hostname.clone().unwrap_or_else(|| Arc::clone(&view.state.name)),
                shape: view.state.shape,
                pool: None,
                initialized: claim.is_none_or(|claim| snapshot.claims[claim].initialized.is_some()),
                under_consolidate_after: false,
                taints: Vec::new(),
                all_taints,
                daemons_to_come: Default::default(),
                marked_for_deletion: view.state.deleting
                    || claim.is_some_and(|claim| snapshot.claims[claim].is_marked_for_deletion()),
            };
            existing.push(snapshot, node);
        }
        existing.nodes.sort_by(|a, b| (!a.initialized, &a.name).cmp(&(!b.initialized, &b.name)));
        existing
    }

    fn add_in_flight(&mut self, snapshot: &Snapshot<'_>, index: usize) {
        let claim = &snapshot.claims[index];
        let id = NodeId::new(snapshot.cluster.node_slots() + self.in_flight.len());
        self.in_flight.push((Arc::clone(&claim.name), claim.shape));
        let node = ExistingNode {
            id,
            node: None,
            claim: Some(index),
            name: Arc::clone(&claim.name),
            hostname: Arc::clone(&claim.name),
            shape: claim.shape,
            pool: None,
            initialized: false,
            under_consolidate_after: false,
            taints: Vec::new(),
            all_taints: snapshot.cluster.specs.shape(claim.shape).taints.clone(),
            daemons_to_come: Default::default(),
            marked_for_deletion: claim.is_marked_for_deletion(),
        };
        self.push(snapshot, node);
    }

    fn push(&mut self, snapshot: &Snapshot<'_>, mut node: ExistingNode) {
        node.taints = node.all_taints.clone();
        if let Some(claim) = node.claim.map(|claim| &snapshot.claims[claim]) {
            node.pool = snapshot.pools.iter().position(|pool| pool.name == claim.node_pool);
            if !node.initialized {
                node.taints.retain(|taint| {
                    let is_startup = claim.startup_taints.iter().any(|other| is_same_taint(other, taint));
                    !is_startup && !is_known_ephemeral(taint)
                });
            }
            let after = node.pool.and_then(|pool| snapshot.pools[pool].consolidate_after);
            node.under_consolidate_after = after
                .and_then(|after| claim.consolidatable_from(after))
                .is_some_and(|consolidatable| snapshot.now < consolidatable);
        }
        node.daemons_to_come = self.daemons_to_come(snapshot, &node);
        self.nodes.push(node);
    }

    /// What DaemonSets will put on the node, less what they have put there.
    fn daemons_to_come(&self, snapshot: &Snapshot<'_>, node: &ExistingNode) -> (Resources, i64) {
        let cluster = snapshot.cluster;
        if snapshot.daemon_sets.is_empty() {
            return Default::default();
        }
        let requirements = self.requirements_of(node, &cluster.specs);
        let mut to_come = Resources::default();
        let mut pods = 0;
        for spec in snapshot.daemon_sets {
            let pod = cluster.specs.pod(*spec);
            let suits = tolerates_all(&pod.tolerations, &node.taints)
                && requirements.is_compatible(&Requirements::strict(pod), Undefined::Denied);
            if suits {
                to_come += &pod.requests;
                pods += 1;
            }
        }
        let here = node.node.and_then(|node| cluster.node(node));
        for held in here.into_iter().flat_map(|state| &state.pods) {
            let pod = cluster.specs.pod(held.spec);
            if pod.is_daemon_set_pod() {
                to_come -= &pod.requests;
                pods -= 1;
            }
        }
        // Daemons that came unforeseen must not make room.
        let mut positive = to_come.max(&Resources::default());
        for (id, amount) in to_come.iter_extended() {
            positive.set_extended(id, amount.max(0));
        }
        (positive, pods.max(0))
    }

    /// The node's labels as requirements, its hostname among them.
    pub fn requirements_of(&self, node: &ExistingNode, specs: &Specs) -> Requirements {
        let mut requirements = (*self.labels_of(node, specs)).clone();
        requirements.replace(Requirement::value(label::HOSTNAME, &node.hostname));
        requirements
    }

    /// The same without the hostname, shared by all nodes of the shape.
    pub fn labels_of(&self, node: &ExistingNode, specs: &Specs) -> Rc<Requirements> {
        let mut known = self.by_shape.borrow_mut();
        let of_shape = || Rc::new(Requirements::from_labels(&specs.shape(node.shape).labels));
        Rc::clone(known.entry(node.shape).or_insert_with(of_shape))
    }

    pub fn label<'c>(&self, node: &'c ExistingNode, cluster: &'c ClusterState, key: &str) -> Option<&'c str> {
        if key == label::HOSTNAME {
            return Some(&node.hostname);
        }
        cluster.specs.shape(node.shape).labels.get(key).map(String::as_str)
    }
}

fn is_same_taint(a: &Taint, b: &Taint) -> bool {
    a.key == b.key && a.effect == b.effect
}

/// Labels that a node gets when it joins and when it is ready for pods.
pub(super) const JOINED_LABELS: [&str; 2] = [REGISTERED, INITIALIZED];

/// Whether the pod may ask for a node by name or hostname: then nodes of one shape differ.
pub(super) fn names_a_host(pod: &PodSpec, requirements: &Requirements) -> bool {
    pod.node_name.is_some() || requirements.has(label::HOSTNAME)
}
