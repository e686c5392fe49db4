//! What runs when a scenario starts: pods that stand on their nodes, and Karpenter's nodes with their claims.
//!
//! A pod that its owner makes at time zero takes one of the places that the owner's pods had, where its kubelet still
//! takes it; the others are scheduled like any other.

use std::sync::Arc;

use super::event::Event;
use super::world::World;
use crate::autoscaler::karpenter::NodeClaim;
use crate::cluster::{ClusterView, NodeId, PodId};
use crate::scenario::Karpenter;
use crate::scheduler::Cycle;
use crate::scheduler::filter;
use crate::units::{SimDuration, SimTime};

impl World<'_> {
    /// Puts a new pod where one of its owner's stands; false where none does.
    pub(super) fn stands(&mut self, pod: PodId) -> bool {
        let workload = self.pods[pod.index()].workload;
        while let Some(index) = self.places.free.get_mut(&workload).and_then(Vec::pop) {
            let place = &self.scenario.standing_pods[index as usize];
            let Some(node) = self.node_called(&place.node) else { continue };
            let cycle = Cycle::for_pod(self.cluster.state(), pod);
            let takes_it = self.cluster.node_view(node).is_some_and(|view| filter::admits(&cycle, &view).is_ok());
            if takes_it {
                if place.is_named {
                    self.cluster.change_pod(pod, |info| info.name = Arc::clone(&place.name));
                }
                self.stand_on(pod, node, place.started, place.ready);
                return true;
            }
        }
        false
    }

    fn node_called(&mut self, name: &str) -> Option<NodeId> {
        if self.places.nodes.is_empty() {
            let named = self.cluster.node_views().map(|node| (Arc::clone(&node.state.name), node.id));
            self.places.nodes = named.collect();
        }
        self.places.nodes.get(name).copied()
    }

    /// The pod has been on the node since `started`, which is not after now.
    fn stand_on(&mut self, pod: PodId, node: NodeId, started: SimTime, ready: bool) {
        self.book(pod, node);
        self.bind_volumes(pod, node);
        // One that is not ready has just begun, as far as anybody can tell.
        let started = if ready { started.min(SimTime::ZERO - SimDuration::from_nanos(1)) } else { self.now };
        self.cluster.change_pod(pod, |info| {
            info.created = started;
            info.started = Some(started);
        });
        let run = &mut self.pods[pod.index()];
        run.scheduled = Some(started);
        run.first_started = Some(started);
        run.generation += 1;
        if ready {
            run.ready_at = Some(started);
        }
        let generation = run.generation;
        self.events.push(self.now, Event::PodStarts { pod, generation });
    }

    /// Whether it was there before the scenario began, and ready.
    pub(super) fn has_stood(&self, pod: PodId) -> bool {
        self.now == SimTime::ZERO && self.cluster.pod(pod).created < SimTime::ZERO
    }

    /// Nodes of pools that stand have claims that were made with them.
    pub(super) fn claim_standing_nodes(&mut self, spec: &Karpenter) {
        let scenario = self.scenario;
        for standing in &scenario.group_nodes {
            let Some(pool) = spec.groups.iter().position(|group| *group == standing.group) else { continue };
            let Some(node) = self.node_called(&standing.node.name) else { continue };
            let instance = self.instance_of[node.index()];
            let pool = &spec.node_pools[pool];
            let mut claim =
                NodeClaim::launched(Arc::clone(&standing.node.name), pool, standing.node.shape, standing.created);
            claim.node = Some(node);
            claim.initialized = Some(standing.created);
            if let Some(after) = pool.expire_after {
                let expires = (standing.created + after).max(self.now);
                self.events.push(expires, Event::ClaimExpires { instance });
            }
            let Some(run) = &mut self.karpenter else { return };
            run.claims.push(claim);
            run.instances.push(instance);
        }
    }
}
