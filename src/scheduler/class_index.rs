//! Nodes in classes: those with the same shape, taints and booked resources answer filters and scores alike.
//!
//! The scheduler so visits classes and not nodes, and what a pod spec scores on a class is worked out once. Only
//! filters and scores whose answer hangs on the node alone can be asked this way; where other pods have a say, the few
//! nodes that hold such pods are set apart and asked one by one ([`by_class`](super::by_class)).

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::node_set::NodeSet;
use crate::cluster::{ClusterState, ClusterView, NodeId, NodeShapeId, NodeState, PodSpecId, Resources, Taint};
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

    /// The nodes on which `spec` scores best by itself. `judge` scores one node (`None`: refused) and is asked once a
    /// class in a run.
    pub fn best(&mut self, spec: PodSpecId, mut judge: impl FnMut(NodeId) -> Option<i32>) -> Best<'_> {
        self.make_room_for_verdicts(spec);
        let verdicts = &mut self.verdicts[spec.index()];
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
        Best { index: self, classes: tied, without: Vec::new(), single: Vec::new() }
    }

    /// Nodes that answer for all that `spec` could go to: each of `apart` (ascending) for itself, and one for the rest
    /// of each class. `judge` is as for [`ClassIndex::best`]; nodes that it refuses are left out.
    pub fn stand_ins(
        &mut self,
        spec: PodSpecId,
        apart: &[NodeId],
        mut judge: impl FnMut(NodeId) -> Option<i32>,
    ) -> Vec<StandIn> {
        self.make_room_for_verdicts(spec);
        let verdicts = &mut self.verdicts[spec.index()];
        let mut apart_by_class: Vec<(u32, NodeId)> =
            apart.iter().map(|node| (self.of_node[node.index()], *node)).collect();
        apart_by_class.sort_unstable();
        let mut found = Vec::with_capacity(self.live.len() + apart.len());
        for class in &self.live {
            let members = &self.classes[*class as usize].members;
            let verdict = &mut verdicts[*class as usize];
            if *verdict == UNKNOWN {
                *verdict = judge(members.first().expect("a live class has members")).unwrap_or(REFUSED);
            }
            if *verdict == REFUSED {
                continue;
            }
            let from = apart_by_class.partition_point(|(other, _)| other < class);
            let till = apart_by_class.partition_point(|(other, _)| other <= class);
            let apart = &apart_by_class[from..till];
            let stand_in = |node, nodes| StandIn { node, nodes, class: *class, score: *verdict };
            found.extend(apart.iter().map(|(_, node)| StandIn { nodes: 0, ..stand_in(*node, 1) }));
            if apart.len() < members.len() {
                let mut of_rest = members.iter().filter(|node| apart.binary_search(&(*class, *node)).is_err());
                found.push(stand_in(of_rest.next().expect("not all are apart"), members.len() - apart.len()));
            }
        }
        found
    }

    /// The nodes for which these stand, which are of those that [`ClassIndex::stand_ins`] gave for `apart`.
    pub fn all_of<'a>(&'a self, stand_ins: impl Iterator<Item = StandIn>, apart: &[NodeId]) -> Best<'a> {
        let (mut classes, mut single) = (SmallVec::new(), Vec::new());
        for stand_in in stand_ins {
            if stand_in.is_apart() { single.push(stand_in.node) } else { classes.push(stand_in.class) }
        }
        single.sort_unstable();
        let in_classes = |node: &&NodeId| classes.contains(&self.of_node[node.index()]);
        let without = apart.iter().filter(in_classes).copied().collect();
        Best { index: self, classes, without, single }
    }

    fn make_room_for_verdicts(&mut self, spec: PodSpecId) {
        if self.verdicts.len() <= spec.index() {
            self.verdicts.resize_with(spec.index() + 1, Vec::new);
        }
        let verdicts = &mut self.verdicts[spec.index()];
        if verdicts.len() < self.classes.len() {
            verdicts.resize(self.classes.len().next_power_of_two(), UNKNOWN);
        }
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

    /// Each of `apart` (ascending), and one of the others of each class.
    pub fn representatives<'a>(&'a self, apart: &'a [NodeId]) -> impl Iterator<Item = NodeId> + 'a {
        let of_rest = |class: &u32| {
            let mut members = self.classes[*class as usize].members.iter();
            members.find(|node| apart.binary_search(node).is_err())
        };
        self.live.iter().filter_map(of_rest).chain(apart.iter().copied())
    }

    #[cfg(test)]
    pub fn live_classes(&self) -> usize {
        self.live.len()
    }
}

/// A node that answers for itself or for the rest of its class.
#[derive(Clone, Copy, Debug)]
pub struct StandIn {
    pub node: NodeId,
    /// How many of its class it stands for; 0: it is apart and answers for itself.
    nodes: usize,
    class: u32,
    /// What `judge` said of the class.
    pub score: i32,
}

impl StandIn {
    fn is_apart(self) -> bool {
        self.nodes == 0
    }

    /// How many nodes it answers for, itself among them.
    pub fn nodes(self) -> usize {
        self.nodes.max(1)
    }
}

/// Nodes that share the best score: classes without some of their members, and single nodes.
pub struct Best<'a> {
    index: &'a ClassIndex,
    classes: SmallVec<[u32; 4]>,
    /// Ascending, all of them members of `classes`.
    without: Vec<NodeId>,
    /// Ascending.
    single: Vec<NodeId>,
}

impl Best<'_> {
    /// How many nodes are tied; zero where none is feasible.
    pub fn count(&self) -> usize {
        self.members().map(NodeSet::len).sum::<usize>() + self.single.len() - self.without.len()
    }

    /// The tied node that is `rank`th by id, from 0. Costs O(classes × log² nodes).
    pub fn nth(&self, rank: usize) -> NodeId {
        if let ([class], [], []) = (&self.classes[..], &self.without[..], &self.single[..]) {
            return self.index.classes[*class as usize].members.nth(rank).expect("the rank is below the count");
        }
        // The least id with more than `rank` tied ids at or below it.
        let last = self.members().filter_map(NodeSet::last).chain(self.single.last().copied()).max();
        let (mut low, mut high) = (0, last.map_or(0, |id| id.0));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.count_up_to(NodeId(middle)) > rank { high = middle } else { low = middle + 1 }
        }
        NodeId(low)
    }

    fn count_up_to(&self, id: NodeId) -> usize {
        let up_to = |nodes: &[NodeId]| nodes.partition_point(|node| *node <= id);
        self.members().map(|members| members.count_up_to(id)).sum::<usize>() + up_to(&self.single)
            - up_to(&self.without)
    }

    fn members(&self) -> impl Iterator<Item = &NodeSet> {
        self.classes.iter().map(|class| &self.index.classes[*class as usize].members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{NodeShape, PodInfo, PodSpec};
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
