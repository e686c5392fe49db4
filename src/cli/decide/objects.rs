//! The lists of Kubernetes objects that several envelopes carry, through the readers that scenarios use.

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::scheduling::v1::PriorityClass;

use rustc_hash::FxHashSet;

use super::Refusal;
use super::fields::{Fields, objects};
use crate::cluster::{DisruptionBudget, PodSpecId};
use crate::scenario::manifest::{LoadedCluster, PriorityClasses, daemon_set_pod, disruption_budget};

pub(super) fn priority_classes(envelope: &Fields<'_>) -> Result<PriorityClasses, Refusal> {
    let raw = envelope.items::<PriorityClass>("priorityClasses")?;
    PriorityClasses::new(&raw).map_err(|error| error.within("priorityClasses").into())
}

/// Adds the nodes to the cluster; the objects in the same order.
pub(super) fn nodes(envelope: &Fields<'_>, cluster: &mut LoadedCluster) -> Result<Vec<Node>, Refusal> {
    let mut nodes = Vec::new();
    let mut names = FxHashSet::default();
    for (path, node) in objects::<Node>(envelope, "nodes")? {
        if let Some(name) = &node.metadata.name
            && !names.insert(name.clone())
        {
            return Err(Refusal::new(format!("{path}.metadata.name"), format!("a second node is called {name}")));
        }
        cluster.add_node(&node).map_err(|error| error.within(path))?;
        nodes.push(node);
    }
    Ok(nodes)
}

/// What each DaemonSet runs on a node.
pub(super) fn daemon_sets(
    envelope: &Fields<'_>,
    priorities: &PriorityClasses,
    cluster: &mut LoadedCluster,
) -> Result<Vec<PodSpecId>, Refusal> {
    let specs = &mut cluster.state.specs;
    let mut pods = Vec::new();
    for (path, raw) in objects::<DaemonSet>(envelope, "daemonSets")? {
        let pod = daemon_set_pod(&raw, priorities, &mut specs.resources).map_err(|error| error.within(path))?;
        pods.push(specs.intern_pod(pod));
    }
    Ok(pods)
}

pub(super) fn disruption_budgets(envelope: &Fields<'_>) -> Result<Vec<DisruptionBudget>, Refusal> {
    let raw = objects::<PodDisruptionBudget>(envelope, "podDisruptionBudgets")?;
    raw.iter().map(|(path, raw)| disruption_budget(raw).map_err(|error| error.within(path).into())).collect()
}
