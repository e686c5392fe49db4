//! Nodes in classes: those with the same shape, taints and booked resources answer filters and scores alike.
//!
//! The scheduler so visits classes and not nodes, and what a pod spec scores on a class is worked out once. Only
//! filters and scores whose answer hangs on the node alone can be asked this way ([`ClassIndex::serves`]); a test holds
//! the choice equal to the plain one over all nodes.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::node_set::NodeSet;
use crate::cluster::{
    ClusterState, ClusterView, NodeId, NodeShapeId, NodeState, PodSpec, PodSpecId, Resources, Taint, label,
};
use crate::units::{Bytes, Millicores};

/// Everything that filters and scores of [`Scope::Shape`](super::filter::Scope) and `Node` read of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    shape: NodeShapeId,
    requested: Resources,
    nonzero_requested: (Millicores, Bytes),
    /// Sorted, for devices are alike.
    gpu_used: SmallVec<[u16; 8]>,
    /// No pod slot left; the count itself matters to nobody.
    full: bool,
    unschedulable: bool,
    taints: SmallVec<[Taint; 1]>,
}

impl Key {
    fn of(cluster: &ClusterState, node: &NodeState) -> Key {
        let mut gpu_used = node.gpu_used.clone();
        gpu_used.sort_unstable();
        Key {
            shape: node.shape,
            requested: node.requested.clone(),
            nonzero_requested: node.nonzero_requested,
            gpu_used,
            full: node.pods.len() as i64 >= cluster.specs.shape(node.shape).max_pods,
            unschedulable: node.unschedulable,
            taints: node.extra_taints.clone(),
        }
    }
}

#[derive(Debug)]
struct Class {
    full: bool,
    /// Ascending.
    members: NodeSet,
    /// Place in [`ClassIndex::live`]; meaningless while there are no members.
    live_at: u32,
}

/// A pod spec's verdict on a class: not asked yet, refused, or the score.
type Verdict = i32;
const UNKNOWN: Verdict = -2;
const REFUSED: Verdict = -1;

const NO_CLASS: u32 = u32::MAX;

/// The classes of a cluster's nodes. [`ClassIndex::refresh`] must be told of every change of a node.
#[derive(Debug, Default)]
pub struct ClassIndex {
    ids: FxHashMap<Key, u32>,
    classes: Vec<Class>,
    /// Classes that have members.
    live: Vec<u32>,
    of_node: Vec<u32>,
    /// (class, spec) to the class after one such pod more.
    after_add: FxHashMap<(u32, u32), u32>,
    after_remove: FxHashMap<(u32, u32), u32>,
    /// By pod spec, then by class.
    verdicts: Vec<Vec<Verdict>>,
}

impl ClassIndex {
    /// True where the index can choose for this pod: none of its constraints hangs on other pods or on one node's name.
    pub fn serves(pod: &PodSpec) -> bool {
        let node = &pod.affinity.node;
        let names_hosts = pod.node_name.is_some()
            || pod.node_selector.contains_key(label::HOSTNAME)
            || node.required.iter().flatten().chain(pod.volume_affinity.iter().flatten()).any(|term| {
                !term.match_fields.is_empty() || term.match_expressions.iter().any(|r| r.key == label::HOSTNAME)
            });
        !names_hosts
            && !pod.has_pod_affinity()
            && node.preferred.is_empty()
            && pod.topology_spread_constraints.is_empty()
            && pod.host_ports().next().is_none()
    }

    /// Puts a node into the class that it now belongs to, or out of all where it is gone.
    pub fn refresh(&mut self, cluster: &ClusterState, id: NodeId) {
        let class = match cluster.node(id) {
            Some(node) => self.class_of(cluster, node),
            None => NO_CLASS,
        };
        self.move_node(id, class);
    }

    /// As [`ClassIndex::refresh`] after one pod was booked on the node; remembers where such a step leads.
    pub fn pod_added(&mut self, cluster: &ClusterState, id: NodeId, spec: PodSpecId) {
        self.step(cluster, id, spec, true);
    }

    /// As [`ClassIndex::refresh`] after one pod was released from the node.
    pub fn pod_removed(&mut self, cluster: &ClusterState, id: NodeId, spec: PodSpecId) {
        self.step(cluster, id, spec, false);
    }

    fn step(&mut self, cluster: &ClusterState, id: NodeId, spec: PodSpecId, added: bool) {
        let Some(node) = cluster.node(id) else { return };
        let shape = cluster.specs.shape(node.shape);
        let from = self.of_node.get(id.index()).copied().unwrap_or(NO_CLASS);
        // A step that fills the last slot or frees it does not lead where the others of its kind lead, nor does one
        // that leaves devices in an order of their own.
        let steady = from != NO_CLASS
            && !self.classes[from as usize].full
            && (node.pods.len() as i64) < shape.max_pods
            && node.gpu_used.is_empty();
        if !steady {
            return self.refresh(cluster, id);
        }
        let memo = if added { &self.after_add } else { &self.after_remove };
        let to = match memo.get(&(from, spec.0)) {
            Some(to) => *to,
            None => {
                let to = self.class_of(cluster, node);
                let memo = if added { &mut self.after_add } else { &mut self.after_remove };
                memo.insert((from, spec.0), to);
                to
            }
        };
        self.move_node(id, to);
    }

    fn class_of(&mut self, cluster: &ClusterState, node: &NodeState) -> u32 {
        let key = Key::of(cluster, node);
        let full = key.full;
        let classes = &mut self.classes;
        *self.ids.entry(key).or_insert_with(|| {
            classes.push(Class { full, members: NodeSet::default(), live_at: 0 });
            classes.len() as u32 - 1
        })
    }

    fn move_node(&mut self, id: NodeId, to: u32) {
        if self.of_node.len() <= id.index() {
            self.of_node.resize(id.index() + 1, NO_CLASS);
        }
        let from = std::mem::replace(&mut self.of_node[id.index()], to);
        if from == to {
            return;
        }
        if from != NO_CLASS {
            let class = &mut self.classes[from as usize];
            let was_member = class.members.remove(id);
            debug_assert!(was_member, "a node is a member of its class");
            if class.members.is_empty() {
                let at = class.live_at as usize;
                self.live.swap_remove(at);
                if let Some(moved) = self.live.get(at) {
                    self.classes[*moved as usize].live_at = at as u32;
                }
            }
        }
        if to != NO_CLASS {
            let class = &mut self.classes[to as usize];
            if class.members.is_empty() {
                class.live_at = self.live.len() as u32;
                self.live.push(to);
            }
            class.members.insert(id);
        }
    }

    /// The nodes on which `spec` scores best. `judge` scores one node (`None`: refused) and is asked once a class.
    pub fn best(&mut self, spec: PodSpecId, mut judge: impl FnMut(NodeId) -> Option<i32>) -> Best<'_> {
        if self.verdicts.len() <= spec.index() {
            self.verdicts.resize_with(spec.index() + 1, Vec::new);
        }
        let verdicts = &mut self.verdicts[spec.index()];
        if verdicts.len() < self.classes.len() {
            verdicts.resize(self.classes.len().next_power_of_two(), UNKNOWN);
        }
        let mut best = REFUSED;
        let mut tied: SmallVec<[u32; 4]> = SmallVec::new();
        for class in &self.live {
            let verdict = &mut verdicts[*class as usize];
            if *verdict == UNKNOWN {
                let member = self.classes[*class as usize].members.first().expect("a live class has members");
                *verdict = judge(member).unwrap_or(REFUSED);
            }
            match (*verdict).cmp(&best) {
                std::cmp::Ordering::Greater => {
                    best = *verdict;
                    tied.clear();
                    tied.push(*class);
                }
                std::cmp::Ordering::Equal if best != REFUSED => tied.push(*class),
                _ => {}
            }
        }
        Best { index: self, tied }
    }

    /// Holds the index against the cluster: every live node is a member of the class that its state makes, and of no
    /// other. For tests; costs a visit of every node.
    ///
    /// # Errors
    /// The first disagreement, in words.
    pub fn audit(&self, cluster: &ClusterState) -> Result<(), String> {
        let mut members = 0;
        for index in 0..cluster.node_slots() {
            let class = self.of_node.get(index).copied().unwrap_or(NO_CLASS);
            match cluster.node(NodeId::new(index)) {
                Some(node) if self.ids.get(&Key::of(cluster, node)) != Some(&class) => {
                    return Err(format!("node {} is in class {class}, which is not that of its state", node.name));
                }
                Some(node)
                    if self.classes[class as usize].members.iter().all(|member| member != NodeId::new(index)) =>
                {
                    return Err(format!("class {class} does not list its node {}", node.name));
                }
                Some(_) => members += 1,
                None if class != NO_CLASS => return Err(format!("removed node {index} is still in class {class}")),
                None => {}
            }
        }
        let listed: usize = self.live.iter().map(|class| self.classes[*class as usize].members.len()).sum();
        if listed != members {
            return Err(format!("live classes list {listed} nodes, {members} are in classes"));
        }
        Ok(())
    }

    /// One node for each class that has any.
    pub fn representatives(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.live.iter().filter_map(|class| self.classes[*class as usize].members.first())
    }

    #[cfg(test)]
    pub fn live_classes(&self) -> usize {
        self.live.len()
    }
}

/// The classes that share the best score.
pub struct Best<'a> {
    index: &'a ClassIndex,
    tied: SmallVec<[u32; 4]>,
}

impl Best<'_> {
    /// How many nodes are tied; zero where none is feasible.
    pub fn count(&self) -> usize {
        self.tied.iter().map(|class| self.index.classes[*class as usize].members.len()).sum()
    }

    /// The tied node that is `rank`th by id, from 0. Costs O(classes × log² nodes).
    pub fn nth(&self, rank: usize) -> NodeId {
        let lists = || self.tied.iter().map(|class| &self.index.classes[*class as usize].members);
        if let [class] = self.tied[..] {
            return self.index.classes[class as usize].members.nth(rank).expect("the rank is below the count");
        }
        // The least id with more than `rank` tied ids at or below it.
        let (mut low, mut high) = (0, lists().filter_map(|list| list.last()).max().map_or(0, |id| id.0));
        while low < high {
            let middle = low + (high - low) / 2;
            let at_or_below: usize = lists().map(|list| list.count_up_to(NodeId(middle))).sum();
            if at_or_below > rank { high = middle } else { low = middle + 1 }
        }
        NodeId(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{NodeShape, PodInfo};
    use crate::units::SimTime;

    #[test]
    fn nodes_change_class_with_what_they_hold_and_ties_are_ranked_by_id() {
        let mut cluster = ClusterState::default();
        let shape = cluster.specs.intern_shape(NodeShape {
            allocatable: Resources::new(Millicores(4000), Bytes(1 << 30)),
            max_pods: 2,
            ..NodeShape::default()
        });
        let spec = cluster.specs.intern_pod(PodSpec::default());
        let mut index = ClassIndex::default();
        let nodes: Vec<NodeId> = (0..5).map(|i| cluster.add_node(format!("n{i}").into(), shape)).collect();
        for node in &nodes {
            index.refresh(&cluster, *node);
        }
        assert_eq!(index.live_classes(), 1);
        // Two pods fill node 2: its own class, though no resource is booked.
        for _ in 0..2 {
            let pod = cluster.add_pod(PodInfo::new("p".into(), spec, SimTime::ZERO));
            cluster.bind(pod, nodes[2]);
            index.pod_added(&cluster, nodes[2], spec);
        }
        assert_eq!(index.live_classes(), 2);
        let best = index.best(spec, |_| Some(7));
        assert_eq!((best.count(), best.nth(0), best.nth(2), best.nth(4)), (5, nodes[0], nodes[2], nodes[4]));
        cluster.remove_node(nodes[0]);
        index.refresh(&cluster, nodes[0]);
        let best = index.best(spec, |_| None);
        assert_eq!((best.count(), best.nth(0)), (4, nodes[1].max(NodeId(1))));
    }
}
