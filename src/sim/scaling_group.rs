//! A node group at the cloud, as scaling groups are (AWS Auto Scaling groups, GCE managed instance groups): it has a
//! target, and every place of the target is a machine or a place that the cloud could not fill yet and tries again.
//!
//! Unfilled places are what upstream's providers list with an error: AWS's placeholders
//! (`cloudprovider/aws/auto_scaling_groups.go`), GCE's instances in creation (`cloudprovider/gce`).

use rand::Rng;

use super::event::Event;
use super::explanation::IdleReason;
use super::records::Controller;
use super::state::scaling_group::{Refusal, Unfilled};
use super::world::World;
use crate::autoscaler::cluster_autoscaler::InstanceId;
use crate::cluster::{ClusterView, NodeId};
use crate::scenario::StockOut;
use crate::units::SimDuration;
use crate::units::random::{entity_of_name, stream};

const QUOTA_EXCEEDED: Refusal = "QuotaExceeded";

const OUT_OF_STOCK: Refusal = "OutOfStock";

pub(super) const FAILED_TO_START: Refusal = "FailedToStart";

/// How often a scaling group tries again to fill its target. A guess: AWS and GCE retry within minutes, ever more
/// slowly, and publish no figure.
const RELAUNCH_INTERVAL: SimDuration = SimDuration::from_secs(60);

impl World<'_> {
    /// Why the cloud would refuse one more machine of a group now.
    pub(super) fn refusal(&self, group: u32) -> Option<Refusal> {
        let limits = &self.scenario.node_groups[group as usize].limits;
        let instances = self.groups[group as usize].instances;
        let is_short = |span: &StockOut| (span.from..span.to).contains(&self.now) && instances >= span.available;
        if limits.stock_outs.iter().any(is_short) {
            return Some(OUT_OF_STOCK);
        }
        let at_quota = limits.quota.is_some_and(|quota| instances >= quota);
        at_quota.then_some(QUOTA_EXCEEDED)
    }

    /// A span of scarcity begins: the cloud gives notice to as many spot nodes as run beyond what it still has, whichever
    /// they are.
    pub(super) fn capacity_falls(&mut self, group: u32, span: u32) {
        let left = self.scenario.node_groups[group as usize].limits.stock_outs[span as usize].available as usize;
        let of_group = |world: &Self, id| world.instance_of_node(id).group == Some(group);
        let running = self.cluster.node_views().map(|node| node.id);
        let running = running.filter(|id| of_group(self, *id) && self.is_running(*id));
        let running = running.filter(|id| self.instance_of_node(*id).reclaimed_at.is_none());
        let mut running: Vec<(u64, NodeId)> = running
            .map(|id| {
                let entity = entity_of_name(&self.instance_of_node(id).name);
                (stream(self.seed, "capacity-falls", entity).next_u64(), id)
            })
            .collect();
        running.sort_unstable();
        let lost = running.len().saturating_sub(left);
        for (_, id) in running.into_iter().take(lost) {
            self.spot_notice(id);
        }
    }

    /// The target rises.
    pub(super) fn raise_target(&mut self, group: u32, by: u32) {
        self.groups[group as usize].target += by;
        self.fill(group, by, "Requested");
        self.cluster.touch();
    }

    /// Launches `count` machines for places of the target that have none; `why` is what the places come from.
    fn fill(&mut self, group: u32, count: u32, why: &'static str) {
        for launched in 0..count {
            let Some(refusal) = self.refusal(group) else {
                let request = self.next_of_group(group);
                self.launch(request);
                continue;
            };
            let refused = count - launched;
            let run = &mut self.groups[group as usize];
            for _ in 0..refused {
                let id = InstanceId(u64::from(u32::MAX) + 1 + run.refused);
                run.refused += 1;
                run.unfilled.push(Unfilled { id, error: refusal });
            }
            let object = format!("nodegroup/{}", self.scenario.node_groups[group as usize].name);
            let reason = format!("the cloud refused {refused} of {count} instances");
            self.decide(Controller::Cloud, object, why, refusal, reason);
            self.plan_relaunch(group);
            return;
        }
    }

    pub(super) fn plan_relaunch(&mut self, group: u32) {
        let run = &mut self.groups[group as usize];
        if !run.relaunch_is_planned && !run.unfilled.is_empty() {
            run.relaunch_is_planned = true;
            self.events.push(self.now + RELAUNCH_INTERVAL, Event::GroupRelaunches { group });
        }
    }

    /// The cloud tries again to fill the target.
    pub(super) fn group_relaunches(&mut self, group: u32) {
        self.groups[group as usize].relaunch_is_planned = false;
        let before = self.groups[group as usize].unfilled.len();
        let mut error = "";
        while !self.groups[group as usize].unfilled.is_empty() && self.refusal(group).is_none() {
            error = self.groups[group as usize].unfilled.remove(0).error;
            let request = self.next_of_group(group);
            self.launch(request);
        }
        let filled = before - self.groups[group as usize].unfilled.len();
        if filled > 0 {
            let object = format!("nodegroup/{}", self.scenario.node_groups[group as usize].name);
            let reason = format!("the cloud tried again: {filled} of {before} missing instances");
            self.decide(Controller::Cloud, object, error, "Launched", reason);
            self.cluster.touch();
        }
        self.plan_relaunch(group);
    }

    /// Machines that vanish are replaced by their group itself; a NodePool's are not.
    pub(super) fn replace_lost(&mut self, group: u32) {
        let run = &mut self.groups[group as usize];
        if self.scenario.node_groups[group as usize].is_node_pool {
            run.target -= 1;
            return;
        }
        let missing = run.target.saturating_sub(run.instances + run.unfilled.len() as u32);
        self.fill(group, missing, "Lost");
    }

    /// The autoscaler deletes what is no node: a machine that has not registered, or a place that could not be filled.
    /// The target goes down by one with it. False where it is gone already.
    pub(super) fn delete_place(&mut self, group: u32, id: InstanceId) -> bool {
        let run = &mut self.groups[group as usize];
        if let Some(at) = run.unfilled.iter().position(|place| place.id == id) {
            run.unfilled.remove(at);
            run.target -= 1;
            self.cluster.touch();
            return true;
        }
        let Some(instance) = run.unregistered.iter().copied().find(|other| u64::from(*other) == id.0) else {
            return false;
        };
        self.end_unregistered(instance, "NeverRegistered");
        true
    }

    /// A machine that has not registered is handed back to the cloud.
    pub(super) fn end_unregistered(&mut self, instance: u32, reason: &'static str) {
        self.set_idle_in_group(instance, IdleReason::Removing);
        let record = &mut self.instances[instance as usize];
        record.deleting = true;
        record.reason = reason;
        let group = record.group.expect("only groups boot machines") as usize;
        let name = entity_of_name(&record.name);
        let run = &mut self.groups[group];
        run.unregistered.retain(|other| *other != instance);
        run.instances -= 1;
        run.target -= 1;
        self.cluster.node_no_longer_upcoming();
        let deprovisioning = &self.scenario.node_groups[group].deprovisioning;
        let stopping = deprovisioning.sample(&mut stream(self.seed, "node-stop", name));
        self.events.push(self.now + stopping, Event::InstanceGone { instance });
    }
}
