//! What Kueue knows of its objects and of the workloads that hold quota, and a copy of it to try things on.
//!
//! Kueue (0.20): `pkg/cache/scheduler/cache.go`, `clusterqueue.go`, `snapshot.go`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::amount::Amount;
use super::names::{FlavorId, Fr, Names, ResourceIx};
use super::objects::{
    CheckRule, Flavor, FlavorFungibility, Objects, Options, Preemption, QueueingStrategy, ResourceGroup, StopPolicy,
};
use super::share::Share;
use super::tree::{Books, NodeId, Tree};
use super::workload::{Workload, WorkloadId, usage_of};
use crate::cluster::{LabelSelector, Labels};

/// A ClusterQueue as the scheduler looks at it.
#[derive(Clone, Debug)]
pub struct QueueState {
    pub name: Arc<str>,
    pub strategy: QueueingStrategy,
    pub namespace_selector: Option<LabelSelector>,
    pub groups: Vec<Group>,
    pub fungibility: FlavorFungibility,
    pub preemption: Preemption,
    pub stop: StopPolicy,
    pub checks: Vec<CheckRule>,
    /// Why it gives no heads, where it gives none.
    pub inactive: Option<String>,
    /// Rises when a workload gives quota back.
    pub generation: u64,
}

/// A resource group with ids.
#[derive(Clone, Debug)]
pub struct Group {
    pub covered: Vec<ResourceIx>,
    pub flavors: Vec<FlavorId>,
}

/// A workload that holds quota.
#[derive(Clone, Debug)]
pub struct Holder {
    pub queue: NodeId,
    pub usage: Vec<(Fr, Amount)>,
    /// Every pair that it was given, be it with amount zero.
    pub touches: Vec<Fr>,
}

/// Quotas and their use, as the tree of cohorts and queues has them.
#[derive(Clone, Debug)]
pub struct Cache {
    pub names: Names,
    pub books: Books,
    /// By node; `None` for cohorts.
    queues: Vec<Option<QueueState>>,
    by_name: BTreeMap<Arc<str>, NodeId>,
    /// `namespace/name` to ClusterQueue name and stop policy.
    local_queues: BTreeMap<Arc<str>, (Arc<str>, StopPolicy)>,
    namespaces: BTreeMap<Arc<str>, Labels>,
    /// By flavor id; `None` where the object is missing.
    flavors: Vec<Option<Flavor>>,
    /// Levels of topologies by name.
    topologies: BTreeMap<Arc<str>, Vec<String>>,
    holders: FxHashMap<WorkloadId, Holder>,
    members: Vec<BTreeSet<WorkloadId>>,
}

impl Cache {
    /// `names` may hold pairs already that quotas do not list (of workloads that were admitted long ago).
    pub fn new(objects: &Objects, mut names: Names) -> Cache {
        let mut tree = Tree::default();
        let mut cohorts: BTreeMap<Arc<str>, NodeId> = BTreeMap::new();
        for cohort in &objects.cohorts {
            let id = tree.add(Arc::clone(&cohort.name), false, cohort.weight.unwrap_or(1.0));
            cohorts.insert(Arc::clone(&cohort.name), id);
        }
        let parents = objects.cohorts.iter().filter_map(|cohort| cohort.parent.as_ref());
        for name in parents.chain(objects.cluster_queues.iter().filter_map(|queue| queue.cohort.as_ref())) {
            if !cohorts.contains_key(name) {
                cohorts.insert(Arc::clone(name), tree.add(Arc::clone(name), false, 1.0));
            }
        }
        for cohort in &objects.cohorts {
            let id = cohorts[&cohort.name];
            tree.nodes[id.index()].parent = cohort.parent.as_ref().map(|parent| cohorts[parent]);
            set_quotas(&mut tree, &mut names, id, &cohort.groups);
        }
        let circular: FxHashSet<NodeId> = tree.ids().filter(|id| is_circular(&tree, *id)).collect();
        for id in &circular {
            tree.nodes[id.index()].parent = None;
        }
        for flavor in &objects.flavors {
            names.flavor(&flavor.name);
        }
        let mut queues: Vec<Option<QueueState>> = vec![None; tree.nodes.len()];
        let mut by_name = BTreeMap::new();
        for queue in &objects.cluster_queues {
            let id = tree.add(Arc::clone(&queue.name), true, queue.weight.unwrap_or(1.0));
            let cohort = queue.cohort.as_ref().map(|cohort| cohorts[cohort]);
            let in_circle = cohort.filter(|cohort| circular.contains(cohort));
            tree.nodes[id.index()].parent = cohort.filter(|_| in_circle.is_none());
            set_quotas(&mut tree, &mut names, id, &queue.groups);
            let mut state = QueueState {
                name: Arc::clone(&queue.name),
                strategy: queue.strategy,
                namespace_selector: queue.namespace_selector.clone(),
                groups: groups(&mut names, &queue.groups),
                fungibility: queue.fungibility,
                preemption: queue.preemption,
                stop: queue.stop,
                checks: queue.checks.clone(),
                inactive: None,
                generation: 1,
            };
            state.inactive = match in_circle {
                Some(cohort) => Some(format!("cohort {} is its own ancestor", tree.node(cohort).name)),
                None => why_inactive(&state, objects, &names),
            };
            queues.push(Some(state));
            by_name.insert(Arc::clone(&queue.name), id);
        }
        tree.finish(names.pairs());
        let mut flavors = vec![None; names.flavors()];
        for flavor in &objects.flavors {
            if let Some(id) = names.known_flavor(&flavor.name) {
                flavors[id.0 as usize] = Some(flavor.clone());
            }
        }
        Cache {
            members: vec![BTreeSet::new(); tree.nodes.len()],
            books: Books::new(Arc::new(tree)),
            names,
            queues,
            by_name,
            local_queues: objects
                .local_queues
                .iter()
                .map(|queue| (Arc::clone(&queue.key), (Arc::clone(&queue.cluster_queue), queue.stop)))
                .collect(),
            namespaces: objects
                .namespaces
                .iter()
                .map(|space| (Arc::clone(&space.name), space.labels.clone()))
                .collect(),
            flavors,
            topologies: objects.topologies.iter().map(|one| (Arc::clone(&one.name), one.levels.clone())).collect(),
            holders: FxHashMap::default(),
        }
    }

    /// The ClusterQueues by name.
    pub fn queues(&self) -> impl Iterator<Item = (NodeId, &QueueState)> {
        self.by_name.values().filter_map(|id| Some((*id, self.queues[id.index()].as_ref()?)))
    }

    pub fn queue_named(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    /// Panics for a cohort, which nobody asks for.
    pub fn queue(&self, id: NodeId) -> &QueueState {
        self.queues[id.index()].as_ref().expect("a ClusterQueue's node")
    }

    /// The ClusterQueue that a LocalQueue leads to.
    pub fn queue_of(&self, local_queue: &str) -> Option<NodeId> {
        let (queue, _) = self.local_queues.get(local_queue)?;
        self.queue_named(queue)
    }

    pub fn local_queue_stop(&self, key: &str) -> StopPolicy {
        self.local_queues.get(key).map_or(StopPolicy::None, |(_, stop)| *stop)
    }

    pub fn namespace(&self, name: &str) -> Option<&Labels> {
        self.namespaces.get(name)
    }

    pub fn flavor(&self, id: FlavorId) -> Option<&Flavor> {
        self.flavors.get(id.0 as usize)?.as_ref()
    }

    /// The levels of a topology, the widest first.
    pub fn topology(&self, name: &str) -> Option<&[String]> {
        self.topologies.get(name).map(Vec::as_slice)
    }

    pub fn holder(&self, id: WorkloadId) -> Option<&Holder> {
        self.holders.get(&id)
    }

    pub fn members(&self, queue: NodeId) -> &BTreeSet<WorkloadId> {
        &self.members[queue.index()]
    }

    /// Books what an admitted workload holds. Nothing where its ClusterQueue is gone.
    pub fn hold(&mut self, id: WorkloadId, workload: &Workload, options: &Options) {
        self.release(id);
        let Some(admission) = &workload.admission else { return };
        let Some(queue) = self.queue_named(&admission.cluster_queue) else { return };
        let (usage, touches) = usage_of(&workload.requested(options), &self.names);
        for (pair, amount) in &usage {
            self.books.add(queue, *pair, *amount);
        }
        self.members[queue.index()].insert(id);
        self.holders.insert(id, Holder { queue, usage, touches });
    }

    /// Gives back what a workload held, if it held anything.
    pub fn release(&mut self, id: WorkloadId) -> Option<NodeId> {
        let holder = self.holders.remove(&id)?;
        for (pair, amount) in &holder.usage {
            self.books.remove(holder.queue, *pair, *amount);
        }
        self.members[holder.queue.index()].remove(&id);
        if let Some(queue) = &mut self.queues[holder.queue.index()] {
            queue.generation += 1;
        }
        Some(holder.queue)
    }

    /// Counts what is used anew, from those that hold it.
    pub fn audit(&self) -> Result<(), String> {
        let mut anew = Books::new(Arc::clone(&self.books.tree));
        for holder in self.holders.values() {
            for (pair, amount) in &holder.usage {
                anew.add(holder.queue, *pair, *amount);
            }
        }
        for node in self.books.tree.ids() {
            for pair in (0..self.names.pairs() as u32).map(Fr) {
                let (used, counted) = (self.books.used(node, pair), anew.used(node, pair));
                let name = &self.books.tree.node(node).name;
                if used != counted {
                    return Err(format!("{name} uses {used:?} by its books, {counted:?} by those that hold it"));
                }
                if self.books.tree.node(node).parent.is_none() && used > self.books.tree.subtree(node, pair) {
                    return Err(format!("{name} uses {used:?}, more than there is"));
                }
            }
        }
        Ok(())
    }

    /// Every ClusterQueue of the tree that this one stands in.
    pub fn tree_of(&self, queue: NodeId) -> Vec<NodeId> {
        self.books.tree.queues_below(self.books.tree.root(queue))
    }
}

fn set_quotas(tree: &mut Tree, names: &mut Names, node: NodeId, groups: &[ResourceGroup]) {
    for flavor in groups.iter().flat_map(|group| &group.flavors) {
        let flavor_id = names.flavor(&flavor.flavor);
        for (resource, quota) in &flavor.resources {
            let resource = names.resource(resource);
            let pair = names.pair(flavor_id, resource);
            tree.set_quota(node, pair, *quota);
        }
    }
}

fn groups(names: &mut Names, groups: &[ResourceGroup]) -> Vec<Group> {
    let mut found = Vec::new();
    for group in groups {
        let covered: Vec<ResourceIx> = group.covered.iter().map(|name| names.resource(name)).collect();
        let flavors: Vec<FlavorId> = group.flavors.iter().map(|flavor| names.flavor(&flavor.flavor)).collect();
        // Every pair that a workload could be given has a number.
        for flavor in &flavors {
            for resource in &covered {
                names.pair(*flavor, *resource);
            }
        }
        found.push(Group { covered, flavors });
    }
    found
}

fn is_circular(tree: &Tree, id: NodeId) -> bool {
    let mut at = id;
    for _ in 0..=tree.nodes.len() {
        match tree.node(at).parent {
            Some(parent) => at = parent,
            None => return false,
        }
    }
    true
}

fn why_inactive(queue: &QueueState, objects: &Objects, names: &Names) -> Option<String> {
    if queue.stop != StopPolicy::None {
        return Some("it is stopped".into());
    }
    let flavors = queue.groups.iter().flat_map(|group| &group.flavors);
    for flavor in flavors.map(|id| names.flavor_name(*id)) {
        let Some(object) = objects.flavors.iter().find(|object| object.name == *flavor) else {
            return Some(format!("there is no ResourceFlavor {flavor}"));
        };
        if let Some(topology) = &object.topology
            && !objects.topologies.iter().any(|other| other.name == *topology)
        {
            return Some(format!("there is no Topology {topology} for flavor {flavor}"));
        }
    }
    for check in &queue.checks {
        match objects.checks.iter().find(|object| object.name == check.name) {
            None => return Some(format!("there is no AdmissionCheck {}", check.name)),
            Some(object) if !object.active => return Some(format!("the AdmissionCheck {} is inactive", check.name)),
            Some(_) => {}
        }
    }
    None
}

/// A copy of the books on which a cycle tries and books things.
#[derive(Clone)]
pub struct Snapshot<'a> {
    pub cache: &'a Cache,
    pub books: Books,
    pub workloads: &'a [Workload],
    pub options: &'a Options,
    removed: FxHashSet<WorkloadId>,
}

impl<'a> Snapshot<'a> {
    pub fn new(cache: &'a Cache, workloads: &'a [Workload], options: &'a Options) -> Snapshot<'a> {
        Snapshot { cache, books: cache.books.clone(), workloads, options, removed: FxHashSet::default() }
    }

    pub fn workload(&self, id: WorkloadId) -> &'a Workload {
        &self.workloads[id.index()]
    }

    pub fn queue(&self, id: NodeId) -> &'a QueueState {
        self.cache.queue(id)
    }

    pub fn share(&self, node: NodeId) -> Share {
        Share::of(&self.books, &self.cache.names, node, &[])
    }

    /// Workloads that hold quota in a ClusterQueue and were not taken away.
    pub fn members(&self, queue: NodeId) -> impl Iterator<Item = WorkloadId> + '_ {
        self.cache.members(queue).iter().copied().filter(|id| !self.removed.contains(id))
    }

    pub fn holder(&self, id: WorkloadId) -> &'a Holder {
        self.cache.holder(id).expect("a candidate holds quota")
    }

    /// Takes a workload away, with its usage.
    pub fn remove(&mut self, id: WorkloadId) {
        self.removed.insert(id);
        self.remove_usage(id);
    }

    pub fn put_back(&mut self, id: WorkloadId) {
        self.removed.remove(&id);
        self.add_usage(id);
    }

    pub fn remove_usage(&mut self, id: WorkloadId) {
        let holder = self.holder(id);
        for (pair, amount) in &holder.usage {
            self.books.remove(holder.queue, *pair, *amount);
        }
    }

    pub fn add_usage(&mut self, id: WorkloadId) {
        let holder = self.holder(id);
        for (pair, amount) in &holder.usage {
            self.books.add(holder.queue, *pair, *amount);
        }
    }

    pub fn book(&mut self, queue: NodeId, usage: &[(Fr, Amount)]) {
        for (pair, amount) in usage {
            self.books.add(queue, *pair, *amount);
        }
    }

    pub fn unbook(&mut self, queue: NodeId, usage: &[(Fr, Amount)]) {
        for (pair, amount) in usage {
            self.books.remove(queue, *pair, *amount);
        }
    }

    pub fn has_room(&self, queue: NodeId, usage: &[(Fr, Amount)]) -> bool {
        usage.iter().all(|(pair, amount)| self.books.available(queue, *pair) >= *amount)
    }
}
