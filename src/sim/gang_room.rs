//! Gangs that can never run: with every node at its maximum and empty, there is not room for all of their workers.
//!
//! No autoscaler knows that. The Cluster Autoscaler judges each worker by itself, adds nodes for those that would fit, and
//! keeps these: in its simulation the waiting workers stand on them.

use super::world::World;
use crate::cluster::{ClusterState, NodeShapeId, PodInfo, PodSpecId};
use crate::units::SimTime;

impl World<'_> {
    /// How many workers of such a spec all nodes together can ever hold. `None`: without bound, for there are NodePools.
    /// Counted up to `enough`.
    pub(super) fn room_for_workers(&self, spec: PodSpecId, enough: u64) -> Option<u64> {
        let scenario = self.scenario;
        if scenario.karpenter.is_some() {
            return None;
        }
        let mut nodes: Vec<(NodeShapeId, u64)> = scenario.nodes.iter().map(|node| (node.shape, 1)).collect();
        for group in &scenario.node_groups {
            let most = u64::from(group.max_size.min(group.limits.quota.unwrap_or(u32::MAX)));
            let shapes = group.shapes.len() as u64;
            let of_shape =
                |(index, shape): (u64, &NodeShapeId)| (*shape, most / shapes + u64::from(index < most % shapes));
            nodes.extend((0..).zip(&group.shapes).map(of_shape));
        }
        nodes.sort_unstable();
        let mut room: u64 = 0;
        for of_shape in nodes.chunk_by(|a, b| a.0 == b.0) {
            let count = of_shape.iter().map(|(_, count)| count).sum();
            if count > 0 && room < enough {
                room = room.saturating_add(self.workers_on(of_shape[0].0, spec, enough).saturating_mul(count));
            }
        }
        Some(room)
    }

    /// Workers that one empty node of a shape takes beside its DaemonSets' pods.
    fn workers_on(&self, shape: NodeShapeId, spec: PodSpecId, most: u64) -> u64 {
        let mut cluster = ClusterState::default();
        cluster.specs = self.cluster.specs.clone();
        let node = cluster.add_node("empty".into(), shape);
        let mut take = |spec: PodSpecId| {
            let fits = super::waiting::refusal_on(&cluster, node, spec).is_none();
            if fits {
                let pod = cluster.add_pod(PodInfo::new("pod".into(), spec, SimTime::ZERO));
                cluster.bind(pod, node);
            }
            fits
        };
        for daemon in &self.scenario.daemon_sets {
            take(daemon.spec);
        }
        (0..most).take_while(|_| take(spec)).count() as u64
    }

    /// Why the job's gang can never run.
    pub(super) fn gang_never_fits(&mut self, job: u32) -> Option<String> {
        let spec = &self.scenario.training_jobs[job as usize];
        let workers = u64::from(spec.workers);
        let key = (spec.spec, spec.workers);
        let room = match self.waiting.room_for_gangs.get(&key) {
            Some(known) => *known,
            None => {
                let room = self.room_for_workers(spec.spec, workers);
                self.waiting.room_for_gangs.insert(key, room);
                room
            }
        };
        let room = room.filter(|room| *room < workers)?;
        let in_vain =
            if room > 0 && self.has_node_autoscaler() { "; nodes that are added for it are in vain" } else { "" };
        Some(format!(
            "its gang can never run: it has {workers} workers, and all nodes at their most can hold {room}{in_vain}"
        ))
    }
}
