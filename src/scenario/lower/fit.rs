//! Pods that no node could ever hold: a warning that names the pod and what is short, and the run goes on.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::node_pools::Launchable;
use super::{Lowering, PodOrigin};
use crate::cluster::{ClusterState, ClusterView, NodeId, NodeShapeId, PodInfo, PodSpecId};
use crate::scenario::Scenario;
use crate::scenario::diagnostic::Diagnostic;
use crate::scheduler::Cycle;
use crate::scheduler::filter::{self, FILTERS, Reason, Scope};
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
        let mut nodes: Vec<(NodeId, String)> = Vec::with_capacity(shapes.len());
        for (shape, name) in shapes {
            nodes.push((self.empty_node(&mut cluster, &name, shape), name));
        }
        let mut named = NamedNodes::new(&self.scenario);
        let mut warnings = Vec::new();
        for origin in &self.origins {
            let pod = self.scenario.specs.pod(origin.spec);
            if pod.is_held_back() {
                continue;
            }
            let mut candidates = Cow::Borrowed(&nodes);
            for name in pod.named_nodes() {
                if let Some(node) = named.get(name, |shape| self.empty_node(&mut cluster, name, shape)) {
                    candidates.to_mut().push((node, format!("node {name}")));
                }
            }
            let diagnostic = match &pod.node_name {
                Some(name) => match named.known.get(name).copied().flatten() {
                    Some(node) => refused_by_kubelet(&cluster, node, origin),
                    None => Some(missing_node(origin, name)),
                },
                None => refusal(&cluster, &candidates, origin.spec).map(|refusal| {
                    let message = format!("no node could ever hold a pod of {}: {refusal}", origin.what);
                    let hint = "it stays pending; lower its requests, or add a node group that can hold it";
                    Diagnostic::warning(&origin.place, message).hint(hint)
                }),
            };
            warnings.extend(diagnostic);
        }
        let more = warnings.len().saturating_sub(MOST_WARNINGS);
        self.diagnostics.extend(warnings.into_iter().take(MOST_WARNINGS));
        if more > 0 {
            let message = format!("pods of {more} more sizes fit on no node either");
            self.push(Diagnostic::warning(self.at("replay.pods"), message));
        }
    }

    /// An empty node but for its DaemonSets' pods.
    fn empty_node(&self, cluster: &mut ClusterState, name: &str, shape: NodeShapeId) -> NodeId {
        let node = cluster.add_node(name.into(), shape);
        for daemon in &self.scenario.daemon_sets {
            if refusal_on(cluster, node, daemon.spec).is_none() {
                let pod = cluster.add_pod(PodInfo::new("daemon".into(), daemon.spec, SimTime::ZERO));
                cluster.bind(pod, node);
            }
        }
        node
    }
}

/// Nodes that pods ask for by name: the fixed ones, and those that a node group will number (`GROUP-0`, …).
struct NamedNodes {
    shapes: FxHashMap<String, NodeShapeId>,
    groups: Vec<(String, Vec<NodeShapeId>)>,
    known: FxHashMap<String, Option<NodeId>>,
}

impl NamedNodes {
    fn new(scenario: &Scenario) -> NamedNodes {
        let groups = scenario.node_groups.iter().filter(|group| !group.is_node_pool && group.max_size > 0);
        NamedNodes {
            shapes: scenario.nodes.iter().map(|node| (node.name.to_string(), node.shape)).collect(),
            groups: groups.map(|group| (format!("{}-", group.name), group.shapes.clone())).collect(),
            known: FxHashMap::default(),
        }
    }

    /// `None` where no node has or can come to have the name.
    fn get(&mut self, name: &str, add: impl FnOnce(NodeShapeId) -> NodeId) -> Option<NodeId> {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let numbered = |(prefix, shapes): &(String, Vec<NodeShapeId>)| {
            let number: usize = name.strip_prefix(prefix)?.parse().ok()?;
            Some(shapes[number % shapes.len()])
        };
        let shape = self.shapes.get(name).copied().or_else(|| self.groups.iter().find_map(numbered));
        let node = shape.map(add);
        self.known.insert(name.to_owned(), node);
        node
    }
}

/// A pod that names its node is the kubelet's to judge, not the scheduler's.
fn refused_by_kubelet(cluster: &ClusterState, node: NodeId, origin: &PodOrigin) -> Option<Diagnostic> {
    let cycle = Cycle::new(cluster, origin.spec);
    let view = cluster.node_view(node)?;
    let refusal = filter::admits(&cycle, &view).err()?;
    let (what, name) = (&origin.what, &view.state.name);
    let reason = refusal.reason.display(&cluster.specs).to_string();
    let message = format!("node {name}, which a pod of {what} names, could never hold it: {reason}");
    Some(
        Diagnostic::warning(&origin.place, message)
            .hint("its kubelet refuses it and it fails; the scheduler is not asked"),
    )
}

fn missing_node(origin: &PodOrigin, name: &str) -> Diagnostic {
    let message = format!("a pod of {} names node {name}, which is not there", origin.what);
    let hint = "it is bound all the same, and the pod garbage collector deletes it after a minute";
    Diagnostic::warning(&origin.place, message).hint(hint)
}

/// Why no node holds the pod, nearest misses first; `None` where some node does.
fn refusal(cluster: &ClusterState, nodes: &[(NodeId, String)], spec: PodSpecId) -> Option<String> {
    let mut refusals: Vec<(bool, Millicores, &str, String)> = Vec::new();
    for (node, name) in nodes {
        let (reason, text) = refusal_on(cluster, *node, spec)?;
        let is_of_another_kind = !matches!(
            reason,
            Reason::Insufficient(_) | Reason::NeverEnough(_) | Reason::NoGpuDevice | Reason::TooManyPods
        );
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
