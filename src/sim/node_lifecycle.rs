//! How nodes end without having been asked to: spot interruptions, failures and outages.

use rand_distr::{Distribution as _, Exp};

use super::drain::{Drain, Drainer};
use super::event::Event;
use super::observer::Controller;
use super::world::World;
use crate::cluster::{ClusterView, NodeId};
use crate::cost::CapacityType;
use crate::units::SimDuration;
use crate::units::random::{entity_of_name, stream};

/// Taint of a node whose kubelet has registered but is not ready.
pub(super) const NOT_READY: &str = "node.kubernetes.io/not-ready";

impl World<'_> {
    /// Draws when a spot node is taken back and when a node fails by itself.
    pub(super) fn plan_end_of(&mut self, id: NodeId) {
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
            let drain = Drain::new(Drainer::TerminationHandler, None, true);
            self.begin_drain(id, drain, "Interrupted", self.now);
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
}
