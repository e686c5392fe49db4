//! The cloud: machines that boot, register, are taken back and billed.

use std::sync::Arc;

use rand::RngExt;

use super::entities::Instance;
use super::event::Event;
use super::explanation::IdleReason;
use super::ledger::capacity_of;
use super::node_lifecycle::NOT_READY;
use super::records::Controller;
use super::scaling_group::FAILED_TO_START;
use super::state::cpu::NodeCpu;
use super::state::idle::IdleRun;
use super::state::images::NodeImages;
use super::state::scaling_group::Unfilled;
use super::world::World;
use crate::autoscaler::cluster_autoscaler::InstanceId;
use crate::cluster::{ClusterView, NodeId, NodeShapeId, Taint, TaintEffect};
use crate::cost::CapacityType;
use crate::scenario::GroupNode;
use crate::units::random::{entity_of_name, stream};
use crate::units::{GpuMilli, SimDuration, Usd, UsdPerHour};

/// What to launch.
#[derive(Clone, Debug)]
pub(super) struct LaunchRequest {
    pub name: Arc<str>,
    pub group: u32,
    pub shape: NodeShapeId,
    pub instance_type: Arc<str>,
    pub price: UsdPerHour,
    pub capacity_type: CapacityType,
}

impl LaunchRequest {
    /// A machine that is there already.
    fn of_standing(standing: &GroupNode) -> LaunchRequest {
        LaunchRequest {
            name: Arc::clone(&standing.node.name),
            group: standing.group.0,
            shape: standing.node.shape,
            instance_type: standing.node.instance_type.clone().unwrap_or_default(),
            price: standing.node.price,
            capacity_type: standing.capacity_type,
        }
    }
}

impl World<'_> {
    /// Fixed nodes and the groups' first nodes are there at time zero, ready.
    pub(super) fn start_nodes(&mut self) {
        self.start_bills();
        let scenario = self.scenario;
        for node in &scenario.nodes {
            let instance = self.add_instance(LaunchRequest {
                name: Arc::clone(&node.name),
                group: u32::MAX,
                shape: node.shape,
                instance_type: node.instance_type.clone().unwrap_or_default(),
                price: node.price,
                capacity_type: CapacityType::OnDemand,
            });
            let id = self.register_node(instance);
            self.node_ready(id);
            self.start_daemons(id);
        }
        for group in 0..scenario.node_groups.len() {
            let size = scenario.node_groups[group].initial_size;
            let standing = scenario.group_nodes.iter().filter(|node| node.group.index() == group);
            let requests: Vec<LaunchRequest> = standing.map(LaunchRequest::of_standing).collect();
            self.groups[group].target = size.max(requests.len() as u32);
            let made = size.saturating_sub(requests.len() as u32);
            let others: Vec<LaunchRequest> = (0..made).map(|_| self.next_of_group(group as u32)).collect();
            for request in requests.into_iter().chain(others) {
                let instance = self.add_instance(request);
                let id = self.register_node(instance);
                self.groups[group].registered += 1;
                self.note_group(group);
                self.node_ready(id);
                self.start_daemons(id);
                self.plan_end_of(id);
            }
        }
        for (group, spec) in scenario.node_groups.iter().enumerate() {
            let falls = (0..).zip(&spec.limits.stock_outs).filter(|(_, span)| span.interrupts);
            for (span, stock_out) in falls {
                self.events.push(stock_out.from, Event::CapacityFalls { group: group as u32, span });
            }
        }
        for (index, outage) in scenario.outages.iter().enumerate() {
            self.events.push(outage.at, Event::Outage { index: index as u32 });
        }
    }

    /// Name, zone and price of the next machine of a group.
    pub(super) fn next_of_group(&mut self, group: u32) -> LaunchRequest {
        let spec = &self.scenario.node_groups[group as usize];
        let run = &mut self.groups[group as usize];
        let number = run.launched;
        run.launched += 1;
        LaunchRequest {
            name: format!("{}-{number}", spec.name).into(),
            group,
            shape: spec.shapes[number as usize % spec.shapes.len()],
            instance_type: spec.instance_type.clone().unwrap_or_default(),
            price: spec.price,
            capacity_type: spec.capacity_type,
        }
    }

    pub(super) fn add_instance(&mut self, request: LaunchRequest) -> u32 {
        let group = (request.group != u32::MAX).then_some(request.group);
        if let Some(group) = group {
            self.groups[group as usize].instances += 1;
        }
        self.instances.push(Instance {
            name: request.name,
            group,
            shape: request.shape,
            instance_type: request.instance_type,
            price: request.price,
            capacity_type: request.capacity_type,
            requested: self.now,
            node: None,
            registered: None,
            turned_ready: None,
            ready: None,
            ready_changed: None,
            reclaimed_at: None,
            stopped: None,
            returned: false,
            taint_generation: 0,
            deleting: false,
            drain: None,
            removed: None,
            deleted: None,
            reason: "",
            used: Default::default(),
            cpu: NodeCpu::default(),
            cpu_counter: 0,
            counted_at: self.now,
            under_memory_pressure: false,
            images: NodeImages::default(),
            pods_run: 0,
            billed_from: self.now,
            costs: [Usd::ZERO; 3],
            pods_costs: [Usd::ZERO; 3],
            cost: Usd::ZERO,
            idle: IdleRun::booting(group, self.now),
        });
        let instance = self.instances.len() as u32 - 1;
        self.open_bill(instance);
        instance
    }

    /// Launches a machine, which registers after its boot time, or fails then. Returns its index.
    pub(super) fn launch(&mut self, request: LaunchRequest) -> u32 {
        let group = &self.scenario.node_groups[request.group as usize];
        let mut rng = stream(self.seed, "node-boot", entity_of_name(&request.name));
        let boot = group.provisioning.sample(&mut rng);
        let chance = group.limits.failure_probability;
        let fails = chance > 0.0 && rng.random_bool(chance.min(1.0));
        let group = request.group as usize;
        let instance = self.add_instance(request);
        self.groups[group].unregistered.push(instance);
        self.cluster.node_is_upcoming();
        self.counts.nodes_added += 1;
        let event = if fails { Event::InstanceFails { instance } } else { Event::NodeRegisters { instance } };
        self.events.push(self.now + boot, event);
        instance
    }

    /// It was handed back to the cloud, or stopped, before it registered.
    fn is_over(&self, instance: u32) -> bool {
        let record = &self.instances[instance as usize];
        record.deleting || record.removed.is_some()
    }

    pub(super) fn node_registers(&mut self, instance: u32) {
        if self.is_over(instance) {
            return;
        }
        self.cluster.node_no_longer_upcoming();
        let group = self.instances[instance as usize].group.expect("only groups boot machines") as usize;
        self.groups[group].registered += 1;
        self.note_group(group);
        self.groups[group].unregistered.retain(|other| *other != instance);
        let id = self.register_node(instance);
        self.claim_registered(instance, id);
        let name = Arc::clone(&self.instances[instance as usize].name);
        let startup = self.scenario.node_groups[group].startup.sample(&mut stream(
            self.seed,
            "node-startup",
            entity_of_name(&name),
        ));
        if startup == SimDuration::ZERO && self.device_startup(instance) == SimDuration::ZERO {
            return self.node_turns_ready(id);
        }
        let taint = Taint { key: NOT_READY.into(), value: String::new(), effect: TaintEffect::NoSchedule };
        self.change_node(id, |node| node.extra_taints.push(taint));
        self.events.push(self.now + startup, Event::NodeReady { node: id });
    }

    /// From Ready until the machine's GPUs can be asked for; zero where it has none.
    fn device_startup(&self, instance: u32) -> SimDuration {
        let record = &self.instances[instance as usize];
        let shape = self.cluster.specs.shape(record.shape);
        let has_gpus = capacity_of(shape, self.cluster.specs.nvidia_gpu()).gpu > GpuMilli::ZERO;
        match record.group {
            Some(group) if has_gpus => {
                let mut rng = stream(self.seed, "device-startup", entity_of_name(&record.name));
                self.scenario.node_groups[group as usize].device_startup.sample(&mut rng)
            }
            _ => SimDuration::ZERO,
        }
    }

    /// A node whose devices are still to come is Ready in name: schedulers and autoscalers take it as starting, as they
    /// do upstream while its GPUs are not among what it offers.
    fn waits_for_devices(&mut self, id: NodeId) -> bool {
        let instance = self.instance_of[id.index()];
        if self.instances[instance as usize].turned_ready.is_some() {
            return false;
        }
        self.instances[instance as usize].turned_ready = Some(self.now);
        let wait = self.device_startup(instance);
        if wait > SimDuration::ZERO {
            self.events.push(self.now + wait, Event::NodeReady { node: id });
        }
        wait > SimDuration::ZERO
    }

    pub(super) fn node_turns_ready(&mut self, id: NodeId) {
        if self.cluster.node(id).is_none() || self.waits_for_devices(id) {
            return;
        }
        if !self.change_node(id, |node| node.extra_taints.retain(|taint| taint.key != NOT_READY)) {
            return;
        }
        self.node_ready(id);
        self.claim_initialized(id);
        self.start_daemons(id);
        self.plan_end_of(id);
        self.node_may_help(id);
        self.node_lifecycle_sees_nodes();
        self.take_awaited(id);
    }

    /// Takes the node out; its bill ends when the cloud has stopped the machine.
    pub(super) fn retire(&mut self, id: NodeId, reason: &'static str) {
        self.remove_node(id);
        self.instance_of_node_mut(id).reason = reason;
        if let Some(group) = self.instance_of_node(id).group {
            self.groups[group as usize].registered -= 1;
            self.note_group(group as usize);
        }
        if !self.instance_of_node(id).returned {
            let stopping = self.hand_back(id);
            let instance = self.instance_of[id.index()];
            self.events.push(self.now + stopping, Event::InstanceGone { instance });
        }
        // However it went: whoever was deleting it is done with it.
        self.deletion_finished(id);
        self.node_lifecycle_sees_nodes();
    }

    /// The machine no longer counts in its group; says how long the cloud takes to stop it.
    pub(super) fn hand_back(&mut self, id: NodeId) -> SimDuration {
        self.instance_of_node_mut(id).returned = true;
        if self.instance_of_node(id).stopped.is_none() {
            self.set_idle_in_group(self.instance_of[id.index()], IdleReason::Removing);
        }
        let Some(group) = self.instance_of_node(id).group else { return SimDuration::ZERO };
        self.groups[group as usize].instances -= 1;
        let name = entity_of_name(&self.instance_of_node(id).name);
        let spec = &self.scenario.node_groups[group as usize];
        spec.deprovisioning.sample(&mut stream(self.seed, "node-stop", name))
    }

    pub(super) fn instance_gone(&mut self, instance: u32) {
        self.close_bill(instance);
        self.claim_gone(instance);
        // The Node object of a machine that ended unasked is still there.
        let node = self.instances[instance as usize].node;
        if let Some(id) = node.filter(|id| self.cluster.node(*id).is_some_and(|node| !node.ready)) {
            self.plan_collection(id);
        }
    }

    /// A machine that never came up: its bill ends, and whoever asked hears of it.
    pub(super) fn instance_fails(&mut self, instance: u32) {
        if self.is_over(instance) {
            return;
        }
        self.cluster.node_no_longer_upcoming();
        let record = &mut self.instances[instance as usize];
        record.reason = FAILED_TO_START;
        let group = record.group.expect("only groups boot machines");
        let object = format!("node/{}", record.name);
        self.decide(Controller::Cloud, object, "Booting", "Failed", "the instance did not come up");
        self.close_bill(instance);
        let run = &mut self.groups[group as usize];
        run.unregistered.retain(|other| *other != instance);
        run.instances -= 1;
        if self.scenario.node_groups[group as usize].is_node_pool {
            run.target -= 1;
        } else {
            run.unfilled.push(Unfilled { id: InstanceId(u64::from(instance)), error: FAILED_TO_START });
            self.plan_relaunch(group);
        }
        self.claim_gone(instance);
        self.cluster.touch();
    }
}
