//! Finds a place for every pod: on nodes that exist or are on their way, with other planned pods, or on a new node.
//!
//! [`Base`] is what all simulations over one snapshot share; [`Base::solve`] runs one, for provisioning or to see what
//! would become of the pods of nodes that disruption wants to remove. Follows
//! `pkg/controllers/provisioning/scheduling/{scheduler,queue}.go` (kubernetes-sigs/karpenter 22664681). Resources, ports
//! and GPU shares of existing nodes are judged by the scheduler's own filters; taints, labels and topology by
//! Karpenter's rules, which differ (preferences count, taints of starting nodes do not).

use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Snapshot;
use super::disruption::candidate::{Class, Listed, list};
use super::existing_node::{ExistingNode, ExistingNodes, names_a_host};
use super::hopeless::Hopeless;
use super::instance_type::TypeIndex;
use super::limits::Remaining;
use super::options::MinValuesPolicy;
use super::planned_claim::{Fit, PlannedNode, Refusal, Terms, port_conflict};
use super::preferences::{Relaxations, Variant};
use super::provisioning::pods_to_place;
use super::requirement::Requirement;
use super::requirements::{Requirements, Undefined};
use super::reservation::Reservations;
use super::survey::Surveys;
use super::template::{Template, Templates};
use super::topology::{Owner, Topology};
use super::topology_group::first_untolerated;
use crate::cluster::{Checkpoint, ClusterView, Fork, NodeShapeId, NodeState, NodeView, PodId, PodSpecId, label};
use crate::scheduler::Cycle;
use crate::scheduler::filter::{FILTERS, Filter, clearly_lacks_room};

/// A pod to be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct PodToPlace {
    pub pod: PodId,
    pub spec: PodSpecId,
    /// It has no room now: it is pending, or its node is being deleted. Others are only moved to save money.
    pub homeless: bool,
}

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
    /// By position in `pods`: position in [`ExistingNodes::nodes`].
    pub on_existing: Vec<(Owner, usize)>,
    pub errors: Vec<(Owner, PodError)>,
}

/// Why a pod found no place.
#[derive(Clone, Debug)]
pub(super) enum PodError {
    /// By position in the templates.
    NoPool(Vec<(usize, Refusal)>),
    NoTemplates,
    MinValues(usize),
    /// The node that it counts on has yet to prove itself.
    Uninitialized(usize),
}

/// By template, spec and level of relaxation.
type FirstFits = FxHashMap<(usize, PodSpecId, usize), Result<Fit, Refusal>>;

/// What every simulation over one snapshot shares.
pub(super) struct Base<'a> {
    pub snapshot: &'a Snapshot<'a>,
    pub templates: Templates<'a>,
    pub existing: ExistingNodes,
    relaxations: RefCell<Relaxations<'a>>,
    remaining: Vec<Remaining>,
    reservations: Option<Reservations>,
    /// The scheduler's filters that judge what a node still has.
    filters: Vec<&'static dyn Filter>,
    cycles: RefCell<FxHashMap<PodSpecId, Rc<Cycle<'a>>>>,
    /// Whether nodes of a shape can ever suit a spec, as far as labels say.
    labels_suit: RefCell<FxHashMap<(PodSpecId, usize, NodeShapeId), bool>>,
    narrowed_labels: RefCell<FxHashMap<(PodSpecId, usize, NodeShapeId), Rc<Requirements>>>,
    surveys: Rc<Surveys>,
    /// What an empty planned node of a template says to the first pod of a spec at a level, where nothing but the two
    /// decides it.
    first_fits: RefCell<FirstFits>,
    hopeless: Hopeless,
    pods_to_place: OnceCell<Vec<PodToPlace>>,
    candidates: [OnceCell<Rc<Listed>>; 2],
    /// The nodes as they are, for one simulation after the other.
    fork: RefCell<Option<Fork<'a>>>,
    /// Some running pod keeps others away.
    has_anti_affinity: OnceCell<bool>,
}

impl<'a> Base<'a> {
    pub fn new(snapshot: &'a Snapshot<'a>) -> Base<'a> {
        let specs = &snapshot.cluster.specs;
        let existing = ExistingNodes::new(snapshot);
        let mut remaining: Vec<Remaining> =
            snapshot.pools.iter().map(|pool| Remaining::new(pool, &specs.resources)).collect();
        for node in existing.nodes.iter().filter(|node| !node.marked_for_deletion) {
            let shape = specs.shape(node.shape);
            // A node with the pool's label counts even where it has no claim.
            let labelled = || {
                let name = shape.labels.get(label::NODE_POOL)?;
                snapshot.pools.iter().position(|pool| *pool.name == **name)
            };
            if let Some(pool) = node.pool.or_else(labelled) {
                remaining[pool].subtract(&shape.capacity, shape.max_pods, 1);
            }
        }
        // Taints, labels, topology and host ports go by Karpenter's own rules.
        let of_karpenter = [
            "NodeUnschedulable",
            "TaintToleration",
            "NodeAffinity",
            "PodTopologySpread",
            "InterPodAffinity",
            "NodePorts",
        ];
        let filters = FILTERS.iter().copied().filter(|filter| !of_karpenter.contains(&filter.name())).collect();
        let prefer_no_schedule = Templates::prefer_no_schedule(snapshot.pools);
        let gate = snapshot.options.feature_gates.reserved_capacity;
        Base {
            snapshot,
            templates: Templates::new(snapshot),
            existing,
            relaxations: RefCell::new(Relaxations::new(specs, snapshot.options.preference_policy, prefer_no_schedule)),
            remaining,
            reservations: Reservations::new(snapshot.catalogue).filter(|_| gate),
            filters,
            cycles: RefCell::default(),
            labels_suit: RefCell::default(),
            narrowed_labels: RefCell::default(),
            surveys: Rc::default(),
            first_fits: RefCell::default(),
            hopeless: Hopeless::default(),
            pods_to_place: OnceCell::new(),
            candidates: Default::default(),
            fork: RefCell::default(),
            has_anti_affinity: OnceCell::new(),
        }
    }

    /// Places `pods` as if the nodes `without` (positions in [`ExistingNodes::nodes`], sorted) were gone.
    pub fn solve(&self, pods: Vec<PodToPlace>, without: &[usize], mode: Mode) -> Solution {
        Simulation::new(self, pods, without, mode).run()
    }

    /// Provisionable pods, and pods of nodes that are marked for deletion.
    pub fn pods_to_place(&self) -> &[PodToPlace] {
        self.pods_to_place.get_or_init(|| pods_to_place(self.snapshot))
    }

    /// Nodes that may be disrupted, and why the others may not.
    pub fn candidates(&self, class: Class) -> &Listed {
        self.candidates[class as usize].get_or_init(|| Rc::new(list(self, class)))
    }

    /// A fork without changes, but for the claims that have no node yet. To be [handed back](Self::hand_back).
    pub fn take_fork(&self) -> Fork<'a> {
        self.fork.take().unwrap_or_else(|| {
            let specs = &self.snapshot.cluster.specs;
            let mut fork = Fork::new(self.snapshot.cluster);
            for (name, shape) in &self.existing.in_flight {
                fork.add_node_state(NodeState::new(std::sync::Arc::clone(name), *shape, specs.shape(*shape)));
            }
            fork
        })
    }

    /// The next one gets the fork, as it was at `start`.
    pub fn hand_back(&self, mut fork: Fork<'a>, start: Checkpoint) {
        fork.revert(start);
        *self.fork.borrow_mut() = Some(fork);
    }

    pub fn is_unlimited(&self) -> bool {
        self.reservations.is_none() && self.remaining.iter().all(Remaining::is_unlimited)
    }

    fn has_anti_affinity(&self) -> bool {
        let holds = |node: NodeView<'_>| node.state.pods_with_required_anti_affinity > 0;
        *self.has_anti_affinity.get_or_init(|| self.snapshot.cluster.node_views().any(holds))
    }

    pub fn variant(&self, spec: PodSpecId, level: usize) -> Option<Rc<Variant>> {
        self.relaxations.borrow_mut().get(spec, level)
    }

    pub fn cycle(&self, spec: PodSpecId) -> Rc<Cycle<'a>> {
        let mut cycles = self.cycles.borrow_mut();
        Rc::clone(cycles.entry(spec).or_insert_with(|| Rc::new(Cycle::new(self.snapshot.cluster, spec))))
    }

    /// Whether a node that exists has room for the pod, whatever topology says.
    pub fn has_room(&self, fork: &Fork<'_>, pod: &Variant, cycle: &Cycle<'_>, node: &ExistingNode) -> bool {
        let Some(view) = fork.node_view(node.id).filter(|view| !clearly_lacks_room(cycle, view)) else {
            return false;
        };
        if first_untolerated(&pod.pod.tolerations, &node.taints).is_some() || !self.labels_suit(pod, node) {
            return false;
        }
        let taken = view.state.pods.iter().flat_map(|held| cycle.specs.pod(held.spec).host_ports());
        if port_conflict(&pod.pod, taken) || self.filters.iter().any(|filter| filter.filter(cycle, &view).is_err()) {
            return false;
        }
        let (to_come, daemons) = &node.daemons_to_come;
        if *daemons == 0 && to_come.is_zero() {
            return true;
        }
        let mut free = view.shape.allocatable.minus(&view.state.requested);
        free -= to_come;
        let has_slot = view.state.pods.len() as i64 + daemons < view.shape.max_pods;
        has_slot && free.shortfalls(&pod.pod.requests).next().is_none()
    }

    fn labels_suit(&self, pod: &Variant, node: &ExistingNode) -> bool {
        let existing = &self.existing;
        if names_a_host(&pod.pod, &pod.requirements) {
            return existing.requirements_of(node).is_compatible(&pod.requirements, Undefined::Denied);
        }
        let mut known = self.labels_suit.borrow_mut();
        *known
            .entry((pod.spec, pod.level, node.shape))
            .or_insert_with(|| existing.labels_of(node).is_compatible(&pod.requirements, Undefined::Denied))
    }

    fn relaxes_min_values(&self) -> bool {
        self.snapshot.options.min_values_policy == MinValuesPolicy::BestEffort
    }

    pub fn terms<'t>(&'t self, template: &'t Template<'a>, relax_min_values: bool) -> Terms<'t, 'a> {
        Terms {
            template,
            catalogue: self.snapshot.catalogue,
            specs: &self.snapshot.cluster.specs,
            reservations: None,
            strict_reservations: false,
            relax_min_values,
        }
    }

    /// Whether a new node of the template (by position) would take a pod for which no topology counts as its first, where
    /// nothing is limited or reserved; with the fit for some name of the node (of `number`, where nobody asked before).
    pub fn first_fit<T>(
        &self,
        (index, number): (usize, usize),
        pod: &Variant,
        topology: &Topology<'_>,
        then: impl FnOnce(&Result<Fit, Refusal>) -> T,
    ) -> T {
        let mut known = self.first_fits.borrow_mut();
        let fit = known.entry((index, pod.spec, pod.level)).or_insert_with(|| {
            let template = &self.templates.templates[index];
            let planned = PlannedNode::new(index, template, template.types.clone(), number);
            planned.can_add(0, pod, topology, &self.terms(template, self.relaxes_min_values()))
        });
        then(fit)
    }
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
    /// For unconstrained pods: planned nodes that refused this spec at this level, for good.
    refused: FxHashSet<(usize, PodSpecId, usize)>,
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
            refused: FxHashSet::default(),
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
            match self.try_schedule(owner) {
                Ok(()) => {
                    errors.remove(&owner);
                }
                Err(error) => {
                    errors.insert(owner, error);
                    // It keeps its wishes for the next try.
                    let pod = Rc::clone(&self.variants[owner as usize]);
                    self.update_topology(owner, &pod);
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
        self.variants = self.pods.iter().map(|pod| relaxations.original(pod.spec)).collect();
    }

    /// Why the pod finds no place whatever becomes of the others. It need not be tried: a pod that fails changes nothing.
    fn why_hopeless(&self, owner: Owner) -> Option<PodError> {
        let pod = &self.variants[owner as usize];
        let is_free = self.topology.is_unconstrained(owner, &pod.pod);
        if is_free { self.base.hopeless.why(self.base, pod.spec) } else { None }
    }

    fn update_topology(&mut self, owner: Owner, pod: &Variant) {
        let is_active = &self.is_active;
        self.topology.update(owner, &pod.pod, &self.base.templates, &self.base.existing, &|node| is_active[node]);
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
        for (index, node) in base.existing.nodes.iter().enumerate().skip(start) {
            let is_protected = self.mode.enforce_consolidate_after && node.under_consolidate_after && !homeless;
            if !self.is_active[index] || is_protected || !self.fits_existing(owner, pod, &cycle, node, unconstrained) {
                continue;
            }
            if unconstrained {
                // Nodes only fill up, so that those before can't hold an equal pod later either.
                self.first_candidate.insert(key, index);
            }
            let PodToPlace { pod: id, spec, .. } = self.pods[owner as usize];
            self.fork.place(id, spec, node.id);
            if self.topology.has_groups() {
                let requirements = base.existing.requirements_of(node);
                self.topology.record(owner, &pod.pod, &node.taints, &requirements);
            }
            self.on_existing.push((owner, index));
            return true;
        }
        if unconstrained {
            self.first_candidate.insert(key, base.existing.nodes.len());
        }
        false
    }

    fn fits_existing(
        &self,
        owner: Owner,
        pod: &Variant,
        cycle: &Cycle<'_>,
        node: &ExistingNode,
        unconstrained: bool,
    ) -> bool {
        if !self.base.has_room(&self.fork, pod, cycle, node) {
            return false;
        }
        if unconstrained {
            return true;
        }
        let hostname = Requirement::value(label::HOSTNAME, &node.hostname);
        if names_a_host(&pod.pod, &pod.requirements) {
            let mut requirements = self.base.existing.requirements_of(node);
            requirements.add_all(&pod.requirements);
            return self.topology.permits(owner, &pod.pod, &pod.strict, |key| requirements.get(key));
        }
        let of_shape = self.narrowed_labels(pod, node);
        let of_node = |key: &str| if key == label::HOSTNAME { Some(&hostname) } else { of_shape.get(key) };
        self.topology.permits(owner, &pod.pod, &pod.strict, of_node)
    }

    /// The labels of the node's shape, narrowed to what a pod asks for that names no host.
    fn narrowed_labels(&self, pod: &Variant, node: &ExistingNode) -> Rc<Requirements> {
        let mut known = self.base.narrowed_labels.borrow_mut();
        let narrowed = known.entry((pod.spec, pod.level, node.shape)).or_insert_with(|| {
            let mut requirements = (**self.base.existing.labels_of(node)).clone();
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
            if may_remember && self.refused.contains(&(index, pod.spec, pod.level)) {
                continue;
            }
            let template = &base.templates.templates[self.planned[index].template];
            let terms = self.terms(template, false);
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
        Err(PodError::NoPool(refusals))
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
