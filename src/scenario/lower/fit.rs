//! Pods that no node could ever hold: a warning that names the pod and what is short, and the run goes on.

use super::Lowering;
use super::node_pools::Launchable;
use crate::cluster::{ClusterState, ClusterView, NodeId, NodeShapeId, PodInfo, PodSpecId};
use crate::scenario::diagnostic::Diagnostic;
use crate::scheduler::Cycle;
use crate::scheduler::filter::{FILTERS, Reason, Scope};
use crate::units::{Millicores, SimTime};

/// A trace can hold thousands of sizes; the first few misfits show what is wrong.
const MOST_WARNINGS: usize = 5;

impl Lowering<'_> {
    /// Judges every pod spec on an empty node of every shape, with the scheduler's own filters.
    pub(super) fn check_fit(&mut self) {
        let mut shapes: Vec<(NodeShapeId, String)> = Vec::new();
        let fixed = self.scenario.nodes.iter().map(|node| (node.shape, format!("node {}", node.name)));
        let groups = self.scenario.node_groups.iter().filter(|group| group.max_size > 0 && !group.is_node_pool);
        let grouped = groups
            .flat_map(|group| group.shapes.iter().map(move |shape| (*shape, format!("node group {}", group.name))));
        for (shape, name) in fixed.chain(grouped) {
            if !shapes.iter().any(|(known, _)| *known == shape) {
                shapes.push((shape, name));
            }
        }
        let mut cluster = ClusterState::default();
        cluster.specs = self.scenario.specs.clone();
        for Launchable { name, shape } in &self.launchable {
            shapes.push((cluster.specs.intern_shape(shape.clone()), name.clone()));
        }
        let nodes: Vec<(NodeId, String)> =
            shapes.into_iter().map(|(shape, name)| (cluster.add_node(name.as_str().into(), shape), name)).collect();
        self.bind_daemons(&mut cluster, &nodes);
        let warnings: Vec<Diagnostic> = self
            .origins
            .iter()
            .filter_map(|origin| {
                let refusal = refusal(&cluster, &nodes, origin.spec)?;
                let message = format!("no node could ever hold a pod of {}: {refusal}", origin.what);
                let hint = "it stays pending; lower its requests, or add a node group that can hold it";
                Some(Diagnostic::warning(&origin.place, message).hint(hint))
            })
            .collect();
        let more = warnings.len().saturating_sub(MOST_WARNINGS);
        self.diagnostics.extend(warnings.into_iter().take(MOST_WARNINGS));
        if more > 0 {
            let message = format!("pods of {more} more sizes fit on no node either");
            self.push(Diagnostic::warning(self.at("replay.pods"), message));
        }
    }

    fn bind_daemons(&self, cluster: &mut ClusterState, nodes: &[(NodeId, String)]) {
        for daemon in &self.scenario.daemon_sets {
            for (node, _) in nodes {
                if refusal_on(cluster, *node, daemon.spec).is_none() {
                    let pod = cluster.add_pod(PodInfo::new("daemon".into(), daemon.spec, SimTime::ZERO));
                    cluster.bind(pod, *node);
                }
            }
        }
    }
}

/// Why no node holds the pod, nearest misses first; `None` where some node does.
fn refusal(cluster: &ClusterState, nodes: &[(NodeId, String)], spec: PodSpecId) -> Option<String> {
    let mut refusals: Vec<(bool, Millicores, &str, String)> = Vec::new();
    for (node, name) in nodes {
        let (reason, text) = refusal_on(cluster, *node, spec)?;
        let is_of_another_kind = !matches!(reason, Reason::Insufficient(_) | Reason::NoGpuDevice | Reason::TooManyPods);
        if !refusals.iter().any(|known| known.2 == name) {
            let cpu = cluster.node_view(*node)?.shape.allocatable.cpu;
            refusals.push((is_of_another_kind, Millicores(-cpu.get()), name, text));
        }
    }
    if refusals.is_empty() {
        return Some("the scenario has neither nodes, nor node groups, nor NodePools".to_owned());
    }
    refusals.sort();
    let shown: Vec<String> = refusals.iter().take(3).map(|(.., name, reason)| format!("{name}: {reason}")).collect();
    let more = refusals.len().saturating_sub(3);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Some(format!("{}{more}", shown.join("; ")))
}

fn refusal_on(cluster: &ClusterState, node: NodeId, spec: PodSpecId) -> Option<(Reason, String)> {
    let cycle = Cycle::new(cluster, spec);
    let view = cluster.node_view(node)?;
    let filters = FILTERS.iter().filter(|filter| filter.scope() != Scope::Cluster);
    let reason = filters.map(|filter| filter.filter(&cycle, &view)).find_map(Result::err)?;
    let text = reason.display(&cluster.specs).to_string();
    Some((reason, text))
}
