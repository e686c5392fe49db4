//! CPU of nodes as their kernels divide it. Every pod says how much it would use; a node that has enough gives it, and
//! one that has not divides it by shares anew whenever what is wanted of it changes, at the same instant.
//!
//! What pods can have together is the node's allocatable CPU: the part that is reserved counts as used by the system.

use super::event::Event;
use super::records::Usage;
use super::world::World;
use crate::cluster::{ClusterView, NodeId, PodId};
use crate::load::cpu_shares::{Claim, divide};
use crate::units::Millicores;

/// Services that share nodes answer each other's plans; after so many rounds at one instant they take what they have.
const MOST_ROUNDS: u32 = 12;

impl World<'_> {
    /// The most CPU that the pod could have with its node to itself: its limit, or the node.
    pub(super) fn cpu_ceiling(&self, pod: PodId) -> i64 {
        let info = self.cluster.pod(pod);
        let Some(node) = info.node.and_then(|node| self.cluster.node_view(node)) else { return 0 };
        let supply = node.shape.allocatable.cpu.get();
        self.cluster.specs.pod(info.spec).cpu_limit().map_or(supply, |limit| supply.min(limit.get())).max(0)
    }

    /// What the pod can have, up to its [ceiling](Self::cpu_ceiling), if it asks for `most`: what its neighbours leave, and
    /// no less than its part by shares.
    pub(super) fn cpu_offered(&self, pod: PodId, most: i64, ceiling: i64) -> i64 {
        let Some(node) = self.cluster.pod(pod).node else { return 0 };
        let Some(view) = self.cluster.node_view(node) else { return 0 };
        let supply = view.shape.allocatable.cpu.get();
        let own = self.wanted_of(pod);
        let spare = supply - (self.instance_of_node(node).cpu.wanted - own);
        if spare >= most {
            return spare.min(ceiling);
        }
        let (pods, mut claims) = self.claims_on(node, pod);
        let index = pods.iter().position(|other| *other == pod).expect("it is on its node");
        claims[index].wanted = most;
        divide(supply, &claims)[index]
    }

    /// Pods of a node that want CPU (and `also`), with their claims.
    fn claims_on(&self, node: NodeId, also: PodId) -> (Vec<PodId>, Vec<Claim>) {
        let Some(state) = self.cluster.node(node) else { return Default::default() };
        let wanting = state.pods.iter().map(|held| (held, self.wanted_of(held.pod)));
        wanting
            .filter(|(held, wanted)| held.pod == also || *wanted > 0)
            .map(|(held, wanted)| (held.pod, Claim { shares: self.cluster.specs.pod(held.spec).cpu_shares(), wanted }))
            .unzip()
    }

    /// The pod would use so much CPU if it could. What it has of it until the node is divided anew is returned.
    pub(super) fn want_cpu(&mut self, pod: PodId, wanted: i64) -> i64 {
        let Some(node) = self.cluster.pod(pod).node else { return 0 };
        let Some(view) = self.cluster.node_view(node) else { return 0 };
        let supply = view.shape.allocatable.cpu.get();
        let wanted = wanted.clamp(0, self.cpu_ceiling(pod));
        self.take_apart_from(pod);
        let claim = &mut self.pods[pod.index()].cpu;
        let before = std::mem::replace(&mut claim.wanted, wanted);
        if before == wanted {
            return claim.granted;
        }
        let on_node = &mut self.instances[self.instance_of[node.index()] as usize].cpu;
        on_node.wanted += wanted - before;
        if on_node.wanted <= supply && !on_node.is_short {
            claim.granted = wanted;
            return wanted;
        }
        claim.granted = claim.granted.min(wanted);
        let granted = claim.granted;
        if !std::mem::replace(&mut on_node.is_due, true) {
            self.divisions.nodes.push(node);
            if !std::mem::replace(&mut self.divisions.is_due, true) {
                self.events.push(self.now, Event::DivideCpu);
            }
        }
        granted
    }

    /// The pod uses this, and of the CPU what it can have.
    pub(super) fn use_resources(&mut self, pod: PodId, used: Usage) {
        let cpu = Millicores(self.want_cpu(pod, used.cpu.get()));
        self.set_used(pod, Usage { cpu, ..used });
    }

    /// The pod uses nothing more.
    pub(super) fn stop_using(&mut self, pod: PodId) {
        self.use_resources(pod, Usage::default());
    }

    /// Divides anew the nodes whose pods want something else than before, and has the services plan that have more or
    /// less than they planned with.
    pub(super) fn divide_cpu(&mut self) {
        self.make_up_all_books();
        self.divisions.is_due = false;
        if self.divisions.at != self.now {
            (self.divisions.at, self.divisions.rounds) = (self.now, 0);
        }
        self.divisions.rounds += 1;
        let is_last = self.divisions.rounds > MOST_ROUNDS;
        let mut nodes = std::mem::take(&mut self.divisions.nodes);
        nodes.sort_unstable();
        let mut services = Vec::new();
        for node in nodes {
            self.divide_node(node, is_last, &mut services);
        }
        services.sort_unstable();
        services.dedup();
        for service in services {
            if is_last { self.clip_service(service) } else { self.plan_anew(service) }
        }
    }

    fn divide_node(&mut self, node: NodeId, is_last: bool, services: &mut Vec<usize>) {
        let Some(view) = self.cluster.node_view(node) else { return };
        let supply = view.shape.allocatable.cpu.get();
        let (pods, claims) = self.claims_on(node, PodId(u32::MAX));
        let on_node = &mut self.instances[self.instance_of[node.index()] as usize].cpu;
        on_node.is_due = false;
        on_node.is_short = on_node.wanted > supply;
        for (pod, part) in pods.into_iter().zip(divide(supply, &claims)) {
            let run = &mut self.pods[pod.index()];
            if run.cpu.granted == part {
                continue;
            }
            let used = Usage { cpu: Millicores(part), ..run.used };
            match self.load_of(pod) {
                Some(load) => {
                    services.push(load);
                    if is_last {
                        self.pods[pod.index()].cpu.granted = part;
                    }
                }
                None => {
                    self.pods[pod.index()].cpu.granted = part;
                    self.set_used(pod, used);
                }
            }
        }
    }

    /// The books of the division, for [`World::audit`].
    pub(super) fn audit_cpu(&self, node: NodeId) -> Result<(), String> {
        let Some(view) = self.cluster.node_view(node) else { return Ok(()) };
        let supply = view.shape.allocatable.cpu.get();
        let (pods, claims) = self.claims_on(node, PodId(u32::MAX));
        let booked = self.instance_of_node(node).cpu;
        let wanted: i64 = claims.iter().map(|claim| claim.wanted).sum();
        if wanted != booked.wanted {
            return Err(format!("node {}: {wanted} m of CPU wanted, {} booked", view.state.name, booked.wanted));
        }
        if booked.is_due {
            return Ok(());
        }
        for (pod, part) in pods.into_iter().zip(divide(supply, &claims)) {
            let (claim, used) = (self.pods[pod.index()].cpu, self.pods[pod.index()].used.cpu.get());
            if claim.granted != part || used > part {
                let name = &self.cluster.pod(pod).name;
                return Err(format!("pod {name}: a part of {part} m of CPU, {claim:?}, {used} m used"));
            }
        }
        Ok(())
    }
}
