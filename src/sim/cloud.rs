//! The cloud: machines that boot, register, fail, are taken back and billed; and the drain of a node before it goes.

use std::sync::Arc;

use rand::RngExt;
use rand_distr::{Distribution as _, Exp};

use super::entities::{Instance, Role};
use super::event::Event;
use super::observer::Controller;
use super::world::World;
use crate::cluster::{ClusterView, NodeId, NodeShapeId, PodId, Taint, TaintEffect};
use crate::cost::CapacityType;
use crate::units::random::{entity_of_name, stream};
use crate::units::{SimDuration, Usd, UsdPerHour};

/// Taint of a node whose kubelet has registered but is not ready.
pub(super) const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// What the cloud says to a request for one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Launch {
    Accepted,
    OutOfStock,
    QuotaExceeded,
}

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

impl World<'_> {
    /// Fixed nodes and the groups' first nodes are there at time zero, ready.
    pub(super) fn start_nodes(&mut self) {
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
            self.groups[group].target = size;
            for _ in 0..size {
                let request = self.next_of_group(group as u32);
                let instance = self.add_instance(request);
                let id = self.register_node(instance);
                self.groups[group].registered += 1;
                self.node_ready(id);
                self.start_daemons(id);
                self.plan_end_of(id);
            }
        }
        self.cluster.start_counting_nodes();
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

    fn add_instance(&mut self, request: LaunchRequest) -> u32 {
        let group = (request.group != u32::MAX).then_some(request.group);
        if let Some(group) = group {
            self.groups[group as usize].instances += 1;
        }
        self.cluster.open_bill(request.price, self.now);
        self.instances.push(Instance {
            name: request.name,
            group,
            shape: request.shape,
            instance_type: request.instance_type,
            price: request.price,
            capacity_type: request.capacity_type,
            requested: self.now,
            error: None,
            node: None,
            registered: None,
            ready: None,
            deleting: false,
            deletes_not_before: self.now,
            gives_up_drain_at: None,
            removed: None,
            reason: "",
            used: Default::default(),
            under_memory_pressure: false,
            images: Vec::new(),
            pods_run: 0,
            pods_cost: Usd::ZERO,
            cost: Usd::ZERO,
        });
        self.instances.len() as u32 - 1
    }

    /// Asks the cloud for one machine. An accepted one registers after its boot time, or fails after it.
    pub(super) fn launch(&mut self, request: LaunchRequest) -> Launch {
        let group = &self.scenario.node_groups[request.group as usize];
        let limits = &group.limits;
        if limits.stock_outs.iter().any(|(from, to)| (*from..*to).contains(&self.now)) {
            return Launch::OutOfStock;
        }
        if limits.quota.is_some_and(|quota| self.groups[request.group as usize].instances >= quota) {
            return Launch::QuotaExceeded;
        }
        let mut rng = stream(self.seed, "node-boot", entity_of_name(&request.name));
        let boot = group.provisioning.sample(&mut rng);
        let fails = limits.failure_probability > 0.0 && rng.random_bool(limits.failure_probability.min(1.0));
        let group = request.group as usize;
        let instance = self.add_instance(request);
        self.groups[group].unregistered.push(instance);
        self.cluster.node_is_upcoming();
        self.counts.nodes_added += 1;
        let event = if fails { Event::InstanceFails { instance } } else { Event::NodeRegisters { instance } };
        self.events.push(self.now + boot, event);
        Launch::Accepted
    }

    pub(super) fn node_registers(&mut self, instance: u32) {
        if self.instances[instance as usize].removed.is_some() {
            return;
        }
        self.cluster.node_no_longer_upcoming();
        let group = self.instances[instance as usize].group.expect("only groups boot machines") as usize;
        self.groups[group].registered += 1;
        self.groups[group].unregistered.retain(|other| *other != instance);
        let id = self.register_node(instance);
        self.claim_registered(instance, id);
        let name = Arc::clone(&self.instances[instance as usize].name);
        let startup = self.scenario.node_groups[group].startup.sample(&mut stream(
            self.seed,
            "node-startup",
            entity_of_name(&name),
        ));
        if startup == SimDuration::ZERO {
            return self.node_turns_ready(id);
        }
        let taint = Taint { key: NOT_READY.into(), value: String::new(), effect: TaintEffect::NoSchedule };
        self.change_node(id, |node| node.extra_taints.push(taint));
        self.events.push(self.now + startup, Event::NodeReady { node: id });
    }

    pub(super) fn node_turns_ready(&mut self, id: NodeId) {
        if !self.change_node(id, |node| node.extra_taints.retain(|taint| taint.key != NOT_READY)) {
            return;
        }
        self.node_ready(id);
        self.claim_initialized(id);
        self.start_daemons(id);
        self.plan_end_of(id);
        self.node_may_help(id);
    }

    /// Draws when a spot node is taken back and when a node fails by itself.
    fn plan_end_of(&mut self, id: NodeId) {
        let instance = self.instance_of_node(id);
        let Some(group) = instance.group else { return };
        let group = &self.scenario.node_groups[group as usize];
        let entity = entity_of_name(&instance.name);
        let after = |rate: f64, purpose: &str| {
            let rate = (rate > 0.0).then(|| Exp::new(rate).ok()).flatten()?;
            Some(SimDuration::from_secs_f64(rate.sample(&mut stream(self.seed, purpose, entity)) * 3600.0))
        };
        let spot = (instance.capacity_type == CapacityType::Spot)
            .then(|| after(group.interruptions_per_hour, "spot-interruption"))
            .flatten();
        let failure = after(group.failures_per_hour, "node-failure");
        if let Some(after) = spot {
            self.events.push(self.now + after, Event::SpotNotice { node: id });
        }
        if let Some(after) = failure {
            self.events.push(self.now + after, Event::NodeFails { node: id });
        }
    }

    /// The cloud gives notice, and takes the machine when it is over.
    pub(super) fn spot_notice(&mut self, id: NodeId) {
        if self.cluster.node(id).is_none() || self.instance_of_node(id).deleting {
            return;
        }
        self.counts.interruptions += 1;
        let group = self.instance_of_node(id).group.expect("only groups have spot nodes") as usize;
        let notice = self.scenario.node_groups[group].interruption_notice;
        let object = format!("node/{}", self.instance_of_node(id).name);
        self.decide(
            Controller::Cloud,
            object,
            "Ready",
            "Interrupted",
            format!("spot interruption, notice of {notice}"),
        );
        if !self.claim_interrupted(id) {
            self.cordon(id);
            self.evict_from(id, "Interrupted");
        }
        self.events.push(self.now + notice, Event::NodeFails { node: id });
    }

    /// The machine is gone without a word to Kubernetes beforehand.
    pub(super) fn node_fails(&mut self, id: NodeId, reason: &'static str) {
        if self.cluster.node(id).is_none() {
            return;
        }
        let was_noticed = self.cluster.node(id).is_some_and(|node| node.unschedulable);
        let reason = if was_noticed && !self.instance_of_node(id).deleting { "Interrupted" } else { reason };
        if !was_noticed {
            let object = format!("node/{}", self.instance_of_node(id).name);
            self.decide(Controller::Cloud, object, "Ready", "Lost", "the machine failed");
        }
        for pod in self.pods_on(id) {
            self.lose_pod(pod, "NodeLost");
        }
        self.retire(id, reason);
        if let Some(group) = self.instance_of_node(id).group {
            self.replace_lost(group);
        }
    }

    pub(super) fn outage(&mut self, index: u32) {
        let outage = &self.scenario.outages[index as usize];
        let hit: Vec<NodeId> = self
            .cluster
            .node_views()
            .filter(|node| {
                let zone = node.label(crate::cluster::label::ZONE);
                outage.zone.as_deref().is_some_and(|struck| zone == Some(struck))
                    || outage.node.as_deref().is_some_and(|struck| *struck == *node.state.name)
            })
            .map(|node| node.id)
            .collect();
        for node in hit {
            self.node_fails(node, "Outage");
        }
    }

    /// A node group's machines that vanish are replaced by the group itself, as scaling groups do; a NodePool's are not.
    fn replace_lost(&mut self, group: u32) {
        if self.scenario.node_groups[group as usize].is_node_pool {
            self.groups[group as usize].target -= 1;
            return;
        }
        let missing = self.groups[group as usize].target.saturating_sub(self.groups[group as usize].instances);
        for _ in 0..missing {
            let request = self.next_of_group(group);
            if self.launch(request) != Launch::Accepted {
                return;
            }
        }
    }

    pub(super) fn cordon(&mut self, id: NodeId) {
        self.change_node(id, |node| node.unschedulable = true);
    }

    /// Begins the removal of a node: no pod may come any more; after `delay` those on it are evicted, and the machine
    /// goes once it is empty.
    pub(super) fn drain(&mut self, id: NodeId, taint: Taint, delay: SimDuration, reason: &'static str) {
        let is_there = self.change_node(id, |node| {
            node.unschedulable = true;
            node.extra_taints.push(taint);
        });
        if !is_there {
            return;
        }
        let earliest = self.now + delay;
        let instance = self.instance_of_node_mut(id);
        instance.deleting = true;
        instance.reason = reason;
        instance.deletes_not_before = earliest;
        self.events.push(earliest, Event::EvictionRetry { node: id });
    }

    /// The drain took too long: the node serves on.
    pub(super) fn give_up_drain(&mut self, id: NodeId) {
        let taint = self.drain_taint;
        let is_there = self.change_node(id, |node| {
            node.unschedulable = false;
            node.extra_taints.retain(|held| held.key != taint);
        });
        if !is_there {
            return;
        }
        let instance = self.instance_of_node_mut(id);
        instance.deleting = false;
        instance.gives_up_drain_at = None;
        instance.reason = "";
        let object = format!("node/{}", instance.name);
        self.decide(Controller::ClusterAutoscaler, object, "Draining", "Ready", "pods could not be evicted in time");
        self.deletion_given_up(id);
        self.node_may_help(id);
    }

    fn is_daemon(&self, pod: PodId) -> bool {
        self.pods[pod.index()].role == Role::Daemon
    }

    /// A pod left a node: one that is being drained and is empty now may go.
    pub(super) fn drained_by_one(&mut self, id: NodeId) {
        let instance = self.instance_of_node(id);
        if !instance.deleting || self.cluster.node(id).is_none() {
            return;
        }
        if self.pods_on(id).into_iter().all(|pod| self.is_daemon(pod)) {
            let at = self.instance_of_node(id).deletes_not_before.max(self.now);
            self.events.push(at, Event::NodeDeletes { node: id });
        }
    }

    /// The drained node leaves the API server; the cloud stops the machine.
    pub(super) fn node_deletes(&mut self, id: NodeId) {
        // The drain may have been given up since.
        if self.cluster.node(id).is_none() || !self.instance_of_node(id).deleting {
            return;
        }
        for pod in self.pods_on(id) {
            self.lose_pod(pod, "NodeDeleted");
        }
        let reason = self.instance_of_node(id).reason;
        if let Some(group) = self.instance_of_node(id).group {
            let run = &mut self.groups[group as usize];
            run.target = run.target.saturating_sub(1);
        }
        self.counts.nodes_removed += 1;
        self.retire(id, reason);
        self.deletion_finished(id);
    }

    /// Takes the node out; its bill ends when the cloud has stopped the machine.
    fn retire(&mut self, id: NodeId, reason: &'static str) {
        self.remove_node(id);
        let stopping = match self.instance_of_node(id).group {
            Some(group) => {
                let run = &mut self.groups[group as usize];
                run.registered -= 1;
                run.instances -= 1;
                let name = entity_of_name(&self.instance_of_node(id).name);
                let spec = &self.scenario.node_groups[group as usize];
                spec.deprovisioning.sample(&mut stream(self.seed, "node-stop", name))
            }
            None => SimDuration::ZERO,
        };
        self.instance_of_node_mut(id).reason = reason;
        self.events.push(self.now + stopping, Event::NodeGone { node: id });
    }

    pub(super) fn node_gone(&mut self, id: NodeId) {
        let instance = self.instance_of[id.index()];
        self.close_bill(instance);
        self.claim_gone(instance);
    }

    /// A machine that never came up: its bill ends, and whoever asked hears of it.
    pub(super) fn instance_fails(&mut self, instance: u32) {
        if self.instances[instance as usize].removed.is_some() {
            return;
        }
        self.cluster.node_no_longer_upcoming();
        let record = &mut self.instances[instance as usize];
        record.reason = "FailedToStart";
        record.error = Some("FailedToStart".into());
        let group = record.group.expect("only groups boot machines") as usize;
        let object = format!("node/{}", record.name);
        self.decide(Controller::Cloud, object, "Booting", "Failed", "the instance did not come up");
        self.close_bill(instance);
        if self.scenario.node_groups[group].is_node_pool {
            let run = &mut self.groups[group];
            run.unregistered.retain(|other| *other != instance);
            run.instances -= 1;
            run.target -= 1;
        }
        self.claim_gone(instance);
        self.cluster.touch();
    }

    pub(super) fn close_bill(&mut self, instance: u32) {
        let now = self.now;
        let record = &mut self.instances[instance as usize];
        if record.removed.is_some() {
            return;
        }
        record.removed = Some(now);
        record.cost = self.scenario.billing.cost(record.price, record.requested, now);
        let (price, from, cost) = (record.price, record.requested, record.cost);
        self.cluster.close_bill(price, from, cost, now);
    }
}
