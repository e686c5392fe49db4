//! Finds a place for every pod: on nodes that exist or are on their way, with other planned pods, or on a new node.
//!
//! [`Base`] is what all simulations over one snapshot share; [`solve`] runs one, for provisioning or to see what would
//! become of the pods of nodes that disruption wants to remove. Follows
//! `pkg/controllers/provisioning/scheduling/{scheduler,queue}.go` (kubernetes-sigs/karpenter 22664681).

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::base::{Base, PodError};
use super::existing_node::{ExistingNode, names_a_host};
use super::hopeless;
use super::instance_type::TypeIndex;
use super::limits::Remaining;
use super::options::MinValuesPolicy;
use super::planned_claim::{Fit, PlannedNode, Refusal, Terms};
use super::pods_to_place::PodToPlace;
use super::preferences::Variant;
use super::requirement::Requirement;
use super::requirements::Requirements;
use super::reservation::Reservations;
use super::template::Template;
use super::topology::{Owner, Topology};
use crate::cluster::{Checkpoint, Fork, PodSpecId, label};

/// How a simulation differs from provisioning.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mode {
    /// Pods that are not homeless stay away from nodes that `consolidateAfter` protects.
    pub enforce_consolidate_after: bool,
    /// Rather wait for reserved capacity than do without.
    pub strict_reservations: bool,
}

/// Where the pods went.
pub(super) struct Solution {
    pub pods: Vec<PodToPlace>,
    pub planned: Vec<PlannedNode>,
    /// By position in `pods`: position in [`ExistingNodes::nodes`](super::existing_node::ExistingNodes).
    pub on_existing: Vec<(Owner, usize)>,
    pub errors: Vec<(Owner, PodError)>,
}

/// Places `pods` as if the nodes `without` (positions in [`ExistingNodes::nodes`](super::existing_node::ExistingNodes),
/// sorted) were gone.
pub(super) fn solve(base: &Base<'_>, pods: Vec<PodToPlace>, without: &[usize], mode: Mode) -> Solution {
    Simulation::new(base, pods, without, mode).run()
}

/// One run.
struct Simulation<'b, 'a> {
    base: &'b Base<'a>,
    mode: Mode,
    pods: Vec<PodToPlace>,
    /// By position in `pods`: its spec with all its wishes.
    variants: Vec<Rc<Variant>>,
    /// By position in the existing nodes.
    is_active: Vec<bool>,
    fork: Fork<'a>,
    start: Checkpoint,
    topology: Topology<'a>,
    remaining: Vec<Remaining>,
    reservations: Option<Reservations>,
    planned: Vec<PlannedNode>,
    /// Planned nodes, fewest pods first.
    order: Vec<usize>,
    on_existing: Vec<(Owner, usize)>,
    /// For unconstrained pods: the first existing node that may still hold this spec at this level.
    first_candidate: FxHashMap<(PodSpecId, usize, bool), usize>,
    /// Existing nodes (by position) on which a pod was placed.
    is_filled: Vec<bool>,
    /// By spec and level: such nodes that are known to have no room for such a pod.
    full: FxHashMap<(PodSpecId, usize), Vec<usize>>,
    /// Planned nodes that refused this spec at this level, for good: for want of room, or where pods are unconstrained.
    refused: FxHashSet<(usize, PodSpecId, usize)>,
    /// How many pods have found a place, and how many had when a pod of a spec (homeless or not) last found none.
    placed: usize,
    failures: FxHashMap<(PodSpecId, bool), (usize, PodError)>,
}

impl<'b, 'a> Simulation<'b, 'a> {
    fn new(base: &'b Base<'a>, pods: Vec<PodToPlace>, without: &[usize], mode: Mode) -> Simulation<'b, 'a> {
        let snapshot = base.snapshot;
        let specs = &snapshot.cluster.specs;
        let mut remaining = base.remaining.clone();
        let mut is_active: Vec<bool> = base.existing.nodes.iter().map(|node| !node.marked_for_deletion).collect();
        for index in without {
            let node = &base.existing.nodes[*index];
            if let Some(pool) = node.pool.filter(|_| is_active[*index]) {
                let shape = specs.shape(node.shape);
                remaining[pool].subtract(&shape.capacity, shape.max_pods, -1);
            }
            is_active[*index] = false;
        }
        let mut fork = base.take_fork();
        let start = fork.checkpoint();
        let excluded = pods.iter().map(|pod| pod.pod).collect();
        Simulation {
            base,
            mode,
            is_active,
            fork,
            start,
            topology: Topology::new(
                snapshot.cluster,
                Rc::clone(&base.surveys),
                snapshot.options.preference_policy,
                excluded,
            ),
            remaining,
            reservations: base.reservations.clone(),
            planned: Vec::new(),
            order: Vec::new(),
            on_existing: Vec::new(),
            first_candidate: FxHashMap::default(),
            is_filled: vec![false; base.existing.nodes.len()],
            full: FxHashMap::default(),
            refused: FxHashSet::default(),
            placed: 0,
            failures: FxHashMap::default(),
            variants: Vec::new(),
            pods,
        }
    }

    fn run(mut self) -> Solution {
        self.sort_pods();
        self.find_variants();
        if self.base.has_anti_affinity() {
            self.topology.track_running_anti_affinity(&self.base.templates);
        }
        for owner in 0..self.pods.len() as Owner {
            let pod = Rc::clone(&self.variants[owner as usize]);
            self.update_topology(owner, &pod);
        }
        let base = self.base;
        let is_active = &self.is_active;
        self.topology.register_existing(&base.existing, &|node| is_active[node]);
        let mut errors: FxHashMap<Owner, PodError> = FxHashMap::default();
        let mut queue: VecDeque<Owner> = VecDeque::with_capacity(self.pods.len());
        for owner in 0..self.pods.len() as Owner {
            match self.why_hopeless(owner) {
                Some(error) => _ = errors.insert(owner, error),
                None => queue.push_back(owner),
            }
        }
        // Length of the queue when a pod came back to it: the same length again means a round without progress.
        let mut length_at_return: FxHashMap<Owner, usize> = FxHashMap::default();
        while let Some(owner) = queue.pop_front() {
            if length_at_return.get(&owner) == Some(&(queue.len() + 1)) {
                break;
            }
            match self.try_unless_alike_failed(owner) {
                Ok(()) => {
                    errors.remove(&owner);
                }
                Err(error) => {
                    errors.insert(owner, error);
                    queue.push_back(owner);
                    length_at_return.insert(owner, queue.len());
                }
            }
        }
        self.planned.iter_mut().for_each(PlannedNode::finalize);
        let mut errors: Vec<(Owner, PodError)> = errors.into_iter().collect();
        errors.sort_by_key(|(owner, _)| *owner);
        self.truncate_types(&mut errors);
        self.base.hand_back(self.fork, self.start);
        Solution { pods: self.pods, planned: self.planned, on_existing: self.on_existing, errors }
    }

    /// The largest first, so that they find room; then the oldest, then in the order of their ids.
    fn sort_pods(&mut self) {
        let cluster = self.base.snapshot.cluster;
        self.pods.sort_by_cached_key(|pod| {
            let requests = &cluster.specs.pod(pod.spec).requests;
            let size = std::cmp::Reverse((requests.cpu, requests.memory));
            (size, cluster.pod(pod.pod).created, pod.pod)
        });
    }

    fn find_variants(&mut self) {
        let mut relaxations = self.base.relaxations.borrow_mut();
        let mut variants: Vec<Rc<Variant>> = Vec::with_capacity(self.pods.len());
        for pod in &self.pods {
            // Equal pods stand side by side.
            let before = variants.last().filter(|before| before.spec == pod.spec);
            variants.push(before.map_or_else(|| relaxations.original(pod.spec), Rc::clone));
        }
        self.variants = variants;
    }

    /// Why the pod finds no place whatever becomes of the others. It need not be tried: a pod that fails changes nothing.
    fn why_hopeless(&self, owner: Owner) -> Option<PodError> {
        let pod = &self.variants[owner as usize];
        let is_free = self.topology.is_unconstrained(owner, &pod.pod);
        if is_free { hopeless::why(self.base, pod.spec) } else { None }
    }

    fn update_topology(&mut self, owner: Owner, pod: &Variant) {
        let is_active = &self.is_active;
        self.topology.update(owner, pod, &self.base.templates, &self.base.existing, &|node| is_active[node]);
    }

    /// [`try_schedule`](Self::try_schedule), unless a pod that differs in nothing has failed since a place was last taken.
    fn try_unless_alike_failed(&mut self, owner: Owner) -> Result<(), PodError> {
        let PodToPlace { spec, homeless, .. } = self.pods[owner as usize];
        if let Some((placed, error)) = self.failures.get(&(spec, homeless))
            && *placed == self.placed
        {
            return Err(error.clone());
        }
        let tried = self.try_schedule(owner);
        match &tried {
            Ok(()) => self.placed += 1,
            Err(error) => {
                self.failures.insert((spec, homeless), (self.placed, error.clone()));
                // It keeps its wishes for the next try.
                let pod = Rc::clone(&self.variants[owner as usize]);
                self.update_topology(owner, &pod);
            }
        }
        tried
    }

    /// Relaxes the pod step by step until it fits somewhere.
    fn try_schedule(&mut self, owner: Owner) -> Result<(), PodError> {
        let mut pod = Rc::clone(&self.variants[owner as usize]);
        loop {
            let error = match self.add(owner, &pod) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            // Reserved capacity may be free again later: no reason to give up a wish.
            let waits = matches!(&error, PodError::NoPool(refusals)
                if refusals.iter().any(|(_, refusal)| matches!(refusal, Refusal::ReservedCapacity)));
            let next = if waits { None } else { self.base.variant(pod.spec, pod.level + 1) };
            let Some(next) = next else { return Err(error) };
            pod = next;
            self.update_topology(owner, &pod);
        }
    }

    fn add(&mut self, owner: Owner, pod: &Variant) -> Result<(), PodError> {
        let unconstrained = self.topology.is_unconstrained(owner, &pod.pod);
        if self.add_to_existing(owner, pod, unconstrained) {
            return Ok(());
        }
        self.order.sort_by_key(|index| self.planned[*index].pods.len());
        if self.add_to_planned(owner, pod, unconstrained) {
            return Ok(());
        }
        if self.base.templates.templates.is_empty() {
            return Err(PodError::NoTemplates);
        }
        self.add_to_new(owner, pod, unconstrained)
    }

    fn add_to_existing(&mut self, owner: Owner, pod: &Variant, unconstrained: bool) -> bool {
        let base = self.base;
        let homeless = self.pods[owner as usize].homeless;
        let key = (pod.spec, pod.level, homeless);
        let start = if unconstrained { self.first_candidate.get(&key).copied().unwrap_or(0) } else { 0 };
        let cycle = base.cycle(pod.spec);
        let nodes = &base.existing.nodes;
        // Nodes only fill up, so that those that had no room can't hold an equal pod later either.
        let mut full = self.full.remove(&(pod.spec, pod.level)).unwrap_or_default();
        let mut room = base.room_of(pod);
        let found = (start..nodes.len()).find(|index| {
            let node = &nodes[*index];
            let is_protected = self.mode.enforce_consolidate_after && node.under_consolidate_after && !homeless;
            if !self.is_active[*index] || is_protected {
                return false;
            }
            if !self.is_filled[*index] {
                if !*room[*index].get_or_insert_with(|| base.has_room(&self.fork, pod, &cycle, node)) {
                    return false;
                }
            } else if full.contains(index) {
                return false;
            } else if !base.has_room(&self.fork, pod, &cycle, node) {
                full.push(*index);
                return false;
            }
            unconstrained || self.suits_topology(owner, pod, node)
        });
        drop(room);
        if !full.is_empty() {
            self.full.insert((pod.spec, pod.level), full);
        }
        if unconstrained {
            self.first_candidate.insert(key, found.unwrap_or(nodes.len()));
        }
        let Some(index) = found else { return false };
        let (node, PodToPlace { pod: id, spec, .. }) = (&nodes[index], self.pods[owner as usize]);
        self.fork.place(id, spec, node.id);
        self.is_filled[index] = true;
        if self.topology.has_groups() {
            let requirements = base.requirements_of(index);
            self.topology.record(owner, &pod.pod, &node.taints, &requirements);
        }
        self.on_existing.push((owner, index));
        true
    }

    fn suits_topology(&self, owner: Owner, pod: &Variant, node: &ExistingNode) -> bool {
        let hostname = OnceCell::new();
        if names_a_host(&pod.pod, &pod.requirements) {
            let mut requirements = self.base.existing.requirements_of(node, &self.base.snapshot.cluster.specs);
            requirements.add_all(&pod.requirements);
            return self.topology.permits(owner, &pod.pod, &pod.strict, |key| requirements.get(key));
        }
        let of_shape = self.narrowed_labels(pod, node);
        let of_node = |key: &str| match key {
            label::HOSTNAME => Some(hostname.get_or_init(|| Requirement::value(label::HOSTNAME, &node.hostname))),
            key => of_shape.get(key),
        };
        self.topology.permits(owner, &pod.pod, &pod.strict, of_node)
    }

    /// The labels of the node's shape, narrowed to what a pod asks for that names no host.
    fn narrowed_labels(&self, pod: &Variant, node: &ExistingNode) -> Rc<Requirements> {
        let mut known = self.base.narrowed_labels.borrow_mut();
        let narrowed = known.entry((pod.spec, pod.level, node.shape)).or_insert_with(|| {
            let specs = &self.base.snapshot.cluster.specs;
            let mut requirements = (*self.base.existing.labels_of(node, specs)).clone();
            requirements.add_all(&pod.requirements);
            Rc::new(requirements)
        });
        Rc::clone(narrowed)
    }

    fn terms<'t>(&'t self, template: &'t Template<'a>, relax_min_values: bool) -> Terms<'t, 'a> {
        Terms {
            reservations: self.reservations.as_ref(),
            strict_reservations: self.mode.strict_reservations,
            ..self.base.terms(template, relax_min_values)
        }
    }

    fn add_to_planned(&mut self, owner: Owner, pod: &Variant, unconstrained: bool) -> bool {
        let base = self.base;
        // A reservation that is released can open a planned node again.
        let may_remember = unconstrained && self.reservations.is_none();
        for at in 0..self.order.len() {
            let index = self.order[at];
            if self.refused.contains(&(index, pod.spec, pod.level)) {
                continue;
            }
            let template = &base.templates.templates[self.planned[index].template];
            let terms = self.terms(template, false);
            if self.planned[index].is_too_full(pod, &terms) {
                self.refused.insert((index, pod.spec, pod.level));
                continue;
            }
            match self.planned[index].can_add(owner, pod, &self.topology, &terms) {
                Ok(fit) => {
                    self.commit(index, owner, pod, fit);
                    return true;
                }
                Err(_) if may_remember => {
                    self.refused.insert((index, pod.spec, pod.level));
                }
                Err(_) => {}
            }
        }
        false
    }

    fn add_to_new(&mut self, owner: Owner, pod: &Variant, unconstrained: bool) -> Result<(), PodError> {
        let base = self.base;
        let mut refusals = Vec::new();
        for (index, template) in base.templates.templates.iter().enumerate() {
            let remaining = &self.remaining[template.pool_index];
            if remaining.is_out_of_nodes() {
                refusals.push((index, Refusal::NodeLimit));
                continue;
            }
            let number = self.planned.len() + 1;
            let first_fit = if unconstrained && self.reservations.is_none() && remaining.is_unlimited() {
                base.first_fit((index, number), pod, &self.topology, |fit| match fit {
                    Ok(fit) => {
                        let planned = PlannedNode::new(index, template, Vec::new(), number);
                        Ok((fit.for_host(&planned.hostname), planned))
                    }
                    Err(refusal) => Err(refusal.clone()),
                })
            } else {
                let allowed = |index: &TypeIndex| remaining.allows(base.snapshot.catalogue.get(*index));
                let types: Vec<TypeIndex> = template.types.iter().copied().filter(allowed).collect();
                if types.is_empty() {
                    refusals.push((index, Refusal::Limits));
                    continue;
                }
                let planned = PlannedNode::new(index, template, types, number);
                let terms = self.terms(template, base.relaxes_min_values());
                planned.can_add(owner, pod, &self.topology, &terms).map(|fit| (fit, planned))
            };
            match first_fit {
                Ok((fit, mut planned)) => {
                    planned.passed_over = refusals;
                    self.planned.push(planned);
                    let at = self.planned.len() - 1;
                    self.order.push(at);
                    self.commit(at, owner, pod, fit);
                    let pool = base.templates.templates[index].pool_index;
                    self.remaining[pool].subtract_largest(&self.planned[at].types, base.snapshot.catalogue);
                    return Ok(());
                }
                // A lighter pool must not be taken while reserved capacity of this one may come free.
                Err(Refusal::ReservedCapacity) => {
                    refusals.push((index, Refusal::ReservedCapacity));
                    break;
                }
                Err(refusal) => refusals.push((index, refusal)),
            }
        }
        Err(PodError::NoPool(refusals.into()))
    }

    fn commit(&mut self, index: usize, owner: Owner, pod: &Variant, fit: Fit) {
        let base = self.base;
        let taints = &base.templates.templates[self.planned[index].template].pool.taints;
        let planned = &mut self.planned[index];
        if let Some(reservations) = &mut self.reservations {
            reservations.hold(&planned.hostname, &fit.reserved);
        }
        planned.add(owner, pod, fit, &base.snapshot.cluster.specs);
        if planned.pods.len() == 1 {
            self.topology.register_hostname(&planned.hostname);
        }
        self.topology.record(owner, &pod.pod, taints, &planned.requirements);
    }

    /// A launch takes at most so many types, cheapest first; those must still reach `minValues`.
    fn truncate_types(&mut self, errors: &mut Vec<(Owner, PodError)>) {
        let catalogue = self.base.snapshot.catalogue;
        let is_strict = self.base.snapshot.options.min_values_policy == MinValuesPolicy::Strict;
        let mut kept = Vec::with_capacity(self.planned.len());
        for mut planned in std::mem::take(&mut self.planned) {
            catalogue.order_by_price(&mut planned.types, &planned.requirements);
            planned.types.truncate(MAX_INSTANCE_TYPES);
            let satisfied = catalogue.satisfies_min_values(&planned.types, &planned.requirements).is_ok();
            if satisfied || !is_strict {
                kept.push(planned);
            } else {
                errors.extend(planned.pods.iter().map(|owner| (*owner, PodError::MinValues(planned.template))));
            }
        }
        self.planned = kept;
        errors.sort_by_key(|(owner, _)| *owner);
    }
}

/// How many instance types a launch is given at most.
pub const MAX_INSTANCE_TYPES: usize = 600;
