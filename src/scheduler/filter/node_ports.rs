//! NodePorts: two pods of one node can't have the same host port, protocol and (overlapping) address.

use super::{Cycle, Filter, NodeView, Reason, Scope};
use crate::cluster::HostPort;

pub struct NodePorts;

const ANY_ADDRESS: &str = "0.0.0.0";

impl Filter for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn applies(&self, cycle: &Cycle<'_>) -> bool {
        cycle.pod.host_ports().next().is_some()
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        let taken = || node.state.pods.iter().flat_map(|held| cycle.specs.pod(held.spec).host_ports());
        for wanted in cycle.pod.host_ports() {
            if taken().any(|port| conflicts(wanted, port)) {
                return Err(Reason::NodePorts);
            }
        }
        Ok(())
    }
}

fn conflicts(a: &HostPort, b: &HostPort) -> bool {
    let addresses_overlap = a.ip == b.ip || a.ip == ANY_ADDRESS || b.ip == ANY_ADDRESS;
    a.port == b.port && a.protocol == b.protocol && addresses_overlap
}
