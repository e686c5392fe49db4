//! A cluster that stands at a given instant, for tests that hold `decide` and a run against one another: a node
//! autoscaler's first look at it, and what it tells.

use std::sync::Arc;

use rand_pcg::Pcg64Mcg;

use super::cloud::LaunchRequest;
use super::entities::Role;
use super::records::DecisionRecord;
use super::world::World;
use crate::autoscaler::cluster_autoscaler::{Decision, State};
use crate::autoscaler::karpenter::disruption::{
    Disruption, DisruptionState, Forceful, disrupt, forceful, validate_now,
};
use crate::autoscaler::karpenter::{self, NodeClaim, Provisioning};
use crate::cluster::{ClusterState, ClusterView, DisruptionBudget, PodId, WorkloadId};
use crate::scenario::Scenario;
use crate::units::SimTime;

/// What a scenario does not say of the moment.
pub(crate) struct Standing<'a> {
    pub now: SimTime,
    /// Its specs are the scenario's.
    pub cluster: &'a ClusterState,
    /// By node: when it registered, and when its readiness last changed.
    pub nodes: Vec<(SimTime, SimTime)>,
    /// By node group.
    pub targets: Vec<u32>,
    /// By workload: replicas that are wanted, and that are ready. The pods belong to the first one.
    pub workloads: Vec<(u32, u32)>,
}

/// What a run's Cluster Autoscaler makes of the moment in a full loop with that memory.
pub(crate) struct Looped {
    pub decision: Decision,
    pub state: State,
    pub told: Vec<DecisionRecord<'static>>,
    pub budgets: Vec<DisruptionBudget>,
}

pub(crate) fn loop_at(scenario: &Scenario, standing: &Standing<'_>, state: State, rng: Pcg64Mcg) -> Looped {
    let mut world = World::as_it_stands(scenario, standing);
    world.start_cluster_autoscaler();
    let budgets = world.budgets_now();
    let (decision, state) = world.loop_with(state, rng);
    Looped { decision, state, told: world.decisions, budgets }
}

/// What a run's Karpenter makes of the moment in a batch and in a pass of its disruption loop.
pub(crate) struct Passed {
    pub provisioning: Provisioning,
    pub disruption: Disruption,
    pub forced: Vec<Forceful>,
    /// By the batch.
    pub told: Vec<DecisionRecord<'static>>,
    pub budgets: Vec<DisruptionBudget>,
}

pub(crate) fn pass_at(
    scenario: &Scenario,
    standing: &Standing<'_>,
    claims: &[NodeClaim],
    interrupted: &[usize],
) -> Passed {
    let mut world = World::as_it_stands(scenario, standing);
    world.start_karpenter();
    if let Some(run) = &mut world.karpenter {
        run.claims = claims.to_vec();
        // Their machines were made node by node; those without a node have none here.
        let machine = |claim: &NodeClaim| claim.node.map_or(u32::MAX, |node| world.instance_of[node.index()]);
        run.instances = claims.iter().map(machine).collect();
    }
    let budgets = world.budgets_now();
    let pending = world.unschedulable_pods();
    let (provisioning, disruption, forced) = world.with_karpenter_snapshot(&pending, |snapshot| {
        let mut state = DisruptionState::default();
        let mut disruption = disrupt(snapshot, &mut state);
        match validate_now(snapshot, &mut state) {
            Some((_, Ok(command))) => disruption.command = Some(command),
            Some((command, Err(why))) => disruption.abandoned = Some((command, why)),
            None => {}
        }
        (karpenter::provision(snapshot), disruption, forceful(snapshot, interrupted))
    });
    let spec = scenario.karpenter.as_ref().expect("the scenario has a Karpenter");
    for create in &provisioning.create {
        world.create_claim(spec, create, "pods unschedulable");
    }
    world.tell_unplaced(spec, &provisioning);
    if let Some(command) = &disruption.command {
        world.tell_command(command, "Disrupted", "");
    }
    Passed { provisioning, disruption, forced, told: world.decisions, budgets }
}

impl<'s> World<'s> {
    fn as_it_stands(scenario: &'s Scenario, standing: &Standing<'_>) -> World<'s> {
        let mut world = World::new(scenario, 1);
        world.now = standing.now;
        world.verbose = true;
        for (run, (desired, ready)) in world.workloads.iter_mut().zip(&standing.workloads) {
            (run.desired, run.ready) = (*desired, *ready);
        }
        for (run, target) in world.groups.iter_mut().zip(&standing.targets) {
            run.target = *target;
        }
        for view in standing.cluster.node_views() {
            world.stand_node(&view, standing.nodes[view.id.index()]);
        }
        for (index, info) in standing.cluster.pods().iter().enumerate() {
            let pod = world.create_pod(Arc::clone(&info.name), info.spec, WorkloadId(0), Role::Daemon);
            assert_eq!(pod, PodId::new(index));
            world.stand_pod(pod, standing);
        }
        // Places of a target that no node fills are machines that boot.
        for group in 0..world.groups.len() {
            while world.groups[group].instances < world.groups[group].target {
                let request = world.next_of_group(group as u32);
                world.launch(request);
            }
        }
        world
    }

    fn stand_node(&mut self, view: &crate::cluster::NodeView<'_>, (created, turned): (SimTime, SimTime)) {
        let group = view.shape.group.map_or(u32::MAX, |group| group.0);
        let request = LaunchRequest {
            name: Arc::clone(&view.state.name),
            group,
            shape: view.state.shape,
            instance_type: Arc::from(""),
            price: Default::default(),
            capacity_type: Default::default(),
        };
        let instance = self.add_instance(request);
        let node = self.register_node(instance);
        assert_eq!(node, view.id);
        if let Some(run) = self.groups.get_mut(group as usize) {
            run.registered += 1;
        }
        let machine = self.instance_of_node_mut(node);
        machine.registered = Some(created);
        machine.ready_changed = Some(turned);
        self.change_node(node, |state| {
            state.hostname.clone_from(&view.state.hostname);
            state.lacks_hostname = view.state.lacks_hostname;
            state.extra_taints.clone_from(&view.state.extra_taints);
            state.unschedulable = view.state.unschedulable;
            state.ready = view.state.ready;
            state.deleting = view.state.deleting;
        });
    }

    fn stand_pod(&mut self, pod: PodId, standing: &Standing<'_>) {
        let given = standing.cluster.pod(pod);
        let holds = given.node.filter(|node| {
            standing.cluster.node(*node).is_some_and(|node| node.pods.iter().any(|held| held.pod == pod))
        });
        if let Some(node) = given.node {
            self.cluster.bind(pod, node, None, self.now);
            if holds.is_none() {
                self.cluster.release(pod, self.now);
            }
        }
        self.cluster.change_pod(pod, |info| {
            info.phase = given.phase;
            info.created = given.created;
            info.started = given.started;
            info.ready = given.ready;
            info.preempted = given.preempted;
            // Preemption promises room only to a pod that found none.
            let waits = given.nominated_node.is_some() && given.node.is_none();
            info.unschedulable_since = given.unschedulable_since.or(waits.then_some(given.created));
        });
        if let Some(at) = given.deletion {
            self.cluster.set_deletion(pod, at);
        }
        self.cluster.nominate(pod, given.nominated_node);
        let waits = given.node.is_none() && given.deletion.is_none() && !given.is_terminal();
        if waits && self.cluster.pod(pod).unschedulable_since.is_some() {
            let priority = self.cluster.specs.pod(given.spec).priority;
            self.queue.add(pod, priority, self.now);
        }
    }
}
