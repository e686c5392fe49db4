//! DaemonSets at work: a pod on each node that turns ready, where its selector and taints allow.

use super::entities::Role;
use super::world::World;
use crate::cluster::{ClusterView, NodeId};
use crate::scheduler::{Cycle, filter};

impl World<'_> {
    /// Every DaemonSet puts its pod on a node that turned ready, where its selector and taints allow.
    pub(super) fn start_daemons(&mut self, node: NodeId) {
        for daemon in &self.scenario.daemon_sets {
            let fits = !self.cluster.specs.pod(daemon.spec).is_held_back() && {
                let cycle = Cycle::new(self.cluster.state(), daemon.spec);
                let view = self.cluster.node_view(node).expect("a node that turned ready exists");
                filter::fits(&cycle, &view).is_ok()
            };
            if fits {
                let ordinal = self.next_ordinal(daemon.workload);
                let name = format!("{}-{ordinal}", self.pod_stem(daemon.workload)).into();
                let pod = self.create_pod(name, daemon.spec, daemon.workload, Role::Daemon);
                self.book(pod, node);
                self.kubelet_takes(pod, node);
            }
        }
    }
}
