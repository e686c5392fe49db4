//! What all simulations over one snapshot share: nodes, templates, and what was found out once for all of them.
//!
//! Follows `pkg/controllers/provisioning/scheduling/scheduler.go` (kubernetes-sigs/karpenter 22664681). Resources, ports
//! and GPU shares of existing nodes are judged by the scheduler's own filters; taints, labels and topology by
//! Karpenter's rules, which differ (preferences count, taints of starting nodes do not).

use std::cell::{OnceCell, RefCell, RefMut};
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::Snapshot;
use super::existing_node::{ExistingNode, ExistingNodes, names_a_host};
use super::limits::Remaining;
use super::memory::{FirstFits, Memory};
use super::options::MinValuesPolicy;
use super::planned_claim::{Fit, PlannedNode, Refusal, Terms, port_conflict};
use super::pods_to_place::{PodToPlace, pods_to_place};
use super::preferences::{Relaxations, Variant};
use super::requirements::{Requirements, Undefined};
use super::reservation::Reservations;
use super::survey::Surveys;
use super::template::{Template, Templates};
use super::topology::Topology;
use super::topology_group::first_untolerated;
use crate::cluster::{Checkpoint, ClusterView, Fork, NodeShapeId, NodeState, NodeView, PodSpecId, label};
use crate::scheduler::Cycle;
use crate::scheduler::filter::{FILTERS, Filter, clearly_lacks_room};

/// Why a pod found no place.
#[derive(Clone, Debug)]
pub(super) enum PodError {
    /// By position in the templates.
    NoPool(Rc<[(usize, Refusal)]>),
    NoTemplates,
    MinValues(usize),
    /// The node that it counts on has yet to prove itself.
    Uninitialized(usize),
}

/// Whether each existing node (by position) has room for some pod as it is; `None`: not known.
pub(super) type KnownRoom = Vec<Option<bool>>;

/// What every simulation over one snapshot shares.
pub(super) struct Base<'a> {
    pub snapshot: &'a Snapshot<'a>,
    pub templates: Templates<'a>,
    pub existing: ExistingNodes,
    pub relaxations: RefCell<Relaxations<'a>>,
    pub remaining: Vec<Remaining>,
    pub reservations: Option<Reservations>,
    /// The scheduler's filters that judge what a node still has.
    filters: Vec<&'static dyn Filter>,
    cycles: RefCell<FxHashMap<PodSpecId, Rc<Cycle<'a>>>>,
    /// Whether nodes of a shape can ever suit a spec, as far as labels say.
    labels_suit: RefCell<FxHashMap<(PodSpecId, usize, NodeShapeId), bool>>,
    pub narrowed_labels: RefCell<FxHashMap<(PodSpecId, usize, NodeShapeId), Rc<Requirements>>>,
    pub surveys: Rc<Surveys>,
    first_fits: RefCell<FirstFits>,
    /// By spec and level.
    room: RefCell<FxHashMap<(PodSpecId, usize), KnownRoom>>,
    /// By spec: why none of its pods finds a place, as [`hopeless`](super::hopeless) has it.
    pub hopeless: RefCell<FxHashMap<PodSpecId, Option<PodError>>>,
    pods_to_place: OnceCell<Vec<PodToPlace>>,
    pods_with_hope: OnceCell<Vec<PodToPlace>>,
    /// The nodes as they are, for one simulation after the other.
    fork: RefCell<Option<Fork<'a>>>,
    /// Some running pod keeps others away.
    has_anti_affinity: OnceCell<bool>,
    /// By position in the existing nodes.
    requirements: RefCell<FxHashMap<usize, Rc<Requirements>>>,
}

impl<'a> Base<'a> {
    pub fn new(snapshot: &'a Snapshot<'a>) -> Base<'a> {
        Base::with(snapshot, Memory::default())
    }

    /// With what other passes found out.
    pub fn with(snapshot: &'a Snapshot<'a>, memory: Memory) -> Base<'a> {
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
        let policy = snapshot.options.preference_policy;
        let relaxations = Relaxations::new(specs, policy, prefer_no_schedule, memory.chains);
        let gate = snapshot.options.feature_gates.reserved_capacity;
        Base {
            snapshot,
            templates: Templates::new(snapshot),
            existing,
            relaxations: RefCell::new(relaxations),
            remaining,
            reservations: Reservations::new(snapshot.catalogue).filter(|_| gate),
            filters,
            cycles: RefCell::default(),
            labels_suit: RefCell::default(),
            narrowed_labels: RefCell::default(),
            surveys: Rc::default(),
            first_fits: RefCell::new(memory.first_fits),
            room: RefCell::default(),
            hopeless: RefCell::default(),
            pods_to_place: OnceCell::new(),
            pods_with_hope: OnceCell::new(),
            fork: RefCell::default(),
            has_anti_affinity: OnceCell::new(),
            requirements: RefCell::default(),
        }
    }

    /// What other passes need not find out again.
    pub fn into_memory(self) -> Memory {
        let mut first_fits = self.first_fits.into_inner();
        first_fits.end_pass();
        Memory { chains: self.relaxations.into_inner().into_chains(), first_fits }
    }

    /// Of [`pods_to_place`](Self::pods_to_place), what `find` leaves of them; asked once.
    pub fn pods_with_hope(&self, find: impl FnOnce() -> Vec<PodToPlace>) -> &[PodToPlace] {
        self.pods_with_hope.get_or_init(find)
    }

    /// Provisionable pods, and pods of nodes that are marked for deletion.
    pub fn pods_to_place(&self) -> &[PodToPlace] {
        self.pods_to_place.get_or_init(|| pods_to_place(self.snapshot))
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

    /// Labels of an existing node as requirements.
    pub fn requirements_of(&self, index: usize) -> Rc<Requirements> {
        let mut known = self.requirements.borrow_mut();
        let specs = &self.snapshot.cluster.specs;
        let of_node = || Rc::new(self.existing.requirements_of(&self.existing.nodes[index], specs));
        Rc::clone(known.entry(index).or_insert_with(of_node))
    }

    /// No pool has limits, and nothing is reserved.
    pub fn is_unlimited(&self) -> bool {
        self.reservations.is_none() && self.remaining.iter().all(Remaining::is_unlimited)
    }

    pub fn has_anti_affinity(&self) -> bool {
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

    /// What is known of [`has_room`](Self::has_room) for nodes (by position) on which no simulation placed anything.
    pub fn room_of(&self, pod: &Variant) -> RefMut<'_, KnownRoom> {
        RefMut::map(self.room.borrow_mut(), |room| {
            room.entry((pod.spec, pod.level)).or_insert_with(|| vec![None; self.existing.nodes.len()])
        })
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
        if pod.requirements.is_empty() {
            return true;
        }
        let (existing, specs) = (&self.existing, &self.snapshot.cluster.specs);
        if names_a_host(&pod.pod, &pod.requirements) {
            return existing.requirements_of(node, specs).is_compatible(&pod.requirements, Undefined::Denied);
        }
        let mut known = self.labels_suit.borrow_mut();
        *known
            .entry((pod.spec, pod.level, node.shape))
            .or_insert_with(|| existing.labels_of(node, specs).is_compatible(&pod.requirements, Undefined::Denied))
    }

    pub fn relaxes_min_values(&self) -> bool {
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
        let names = || names_a_host(&pod.pod, &pod.requirements);
        let fit = known.get((index, pod.spec, pod.level), names, || {
            let template = &self.templates.templates[index];
            let planned = PlannedNode::new(index, template, template.types.clone(), number);
            planned.can_add(0, pod, topology, &self.terms(template, self.relaxes_min_values()))
        });
        then(fit)
    }
}
