//! What stands when a scenario starts: live nodes, by themselves or in their group or NodePool, and pods on them.

use k8s_openapi::api::core::v1 as core;
use rustc_hash::FxHashSet;

use super::{Lowering, shared};
use crate::cluster::{NodeGroupId, NodeShape, Taint, TaintEffect, label};
use crate::cost::CapacityType;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::live::RunningPod;
use crate::scenario::manifest::live_node;
use crate::scenario::node_labels::{group_label, is_spot};
use crate::scenario::objects::{Object, Objects};
use crate::scenario::spec::ScenarioSpec;
use crate::scenario::{FixedNode, GroupNode, StandingPod};
use crate::units::{SimDuration, SimTime, UsdPerHour};

/// What the node controller makes of `spec.unschedulable`.
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

impl Lowering<'_> {
    /// Comes after groups and pools.
    pub(super) fn live_nodes(&mut self, objects: &Objects) {
        let mut not_ready: Vec<&Object<core::Node>> = Vec::new();
        for object in &objects.nodes {
            let live = match live_node(&object.value, &mut self.scenario.specs.resources) {
                Ok(live) => live,
                Err(error) => {
                    self.push(object.refuse(error));
                    continue;
                }
            };
            let mut shape = live.shape;
            shape.taints.extend(live.extra_taints);
            if live.unschedulable && !shape.taints.iter().any(|taint| taint.key == UNSCHEDULABLE) {
                let (key, effect) = (UNSCHEDULABLE.to_owned(), TaintEffect::NoSchedule);
                shape.taints.push(Taint { key, value: String::new(), effect });
            }
            if !live.ready {
                not_ready.push(object);
            }
            let instance_type = shape.labels.get(label::INSTANCE_TYPE).map(|name| shared(name));
            let listed = instance_type.as_ref().and_then(|name| self.catalogue.get(name).ok().cloned());
            let capacity_type = if is_spot(&shape.labels) { CapacityType::Spot } else { CapacityType::OnDemand };
            let listed = listed.and_then(|instance| instance.price(capacity_type).or(instance.on_demand));
            match self.group_of(&shape) {
                Some(group) => {
                    shape.group = Some(group);
                    let of = &self.scenario.node_groups[group.index()];
                    let (price, capacity_type) = match of.is_node_pool {
                        true => (listed.unwrap_or_default(), capacity_type),
                        false => (of.price, of.capacity_type),
                    };
                    let created = SimTime::ZERO - self.age_of(live.created, objects);
                    let shape = self.scenario.specs.intern_shape(shape);
                    let instance_type = instance_type.or_else(|| of_group(&self.scenario.node_groups[group.index()]));
                    let node = FixedNode { name: live.name, shape, instance_type, price };
                    if self.is_new_node(&node, object.at("metadata.name")) {
                        self.scenario.group_nodes.push(GroupNode { group, node, capacity_type, created });
                    }
                }
                None => {
                    let shape = self.scenario.specs.intern_shape(shape);
                    let price = listed.unwrap_or(UsdPerHour::ZERO);
                    self.add_node(
                        FixedNode { name: live.name, shape, instance_type, price },
                        object.at("metadata.name"),
                    );
                }
            }
        }
        self.size_groups();
        if let Some(first) = not_ready.first() {
            let others = if not_ready.len() > 1 { format!(" and {} more", not_ready.len() - 1) } else { String::new() };
            let message = format!("node {}{others} is not ready; in the run it is, from the start", first.name);
            self.push(Diagnostic::warning(first.at("status.conditions"), message));
        }
    }

    fn group_of(&self, shape: &NodeShape) -> Option<NodeGroupId> {
        let pool = shape.labels.get(label::NODE_POOL);
        let named = |name: &str, is_pool: bool| {
            let found =
                self.scenario.node_groups.iter().find(|group| *group.name == *name && group.is_node_pool == is_pool);
            found.map(|group| group.id)
        };
        match pool {
            Some(pool) => named(pool, true),
            None => named(group_label(&shape.labels)?.1, false),
        }
    }

    /// A group has at least the nodes that stand.
    fn size_groups(&mut self) {
        for group in &mut self.scenario.node_groups {
            let standing = self.scenario.group_nodes.iter().filter(|node| node.group == group.id).count() as u32;
            if group.is_node_pool || standing <= group.initial_size {
                continue;
            }
            group.initial_size = standing;
            if standing > group.max_size {
                let message = format!(
                    "{standing} nodes of node group {} stand, above its maxSize of {}",
                    group.name, group.max_size
                );
                self.diagnostics
                    .push(Diagnostic::note(message).hint("raise maxSize: the group starts with all of them"));
                group.max_size = standing;
            }
        }
    }

    /// How long something is there when the scenario starts, of an instant since the Unix epoch.
    fn age_of(&self, since: SimTime, objects: &Objects) -> SimDuration {
        let Some(moment) = objects.moment.filter(|_| since > SimTime::ZERO) else { return SimDuration::ZERO };
        (SimTime::from_nanos(moment.saturating_mul(1_000_000_000)) - since).max(SimDuration::ZERO)
    }

    /// Comes after the workloads.
    pub(super) fn standing_pods(&mut self, spec: &ScenarioSpec, objects: &Objects) {
        let fixed = self.scenario.nodes.iter().map(|node| &node.name);
        let grouped = self.scenario.group_nodes.iter().map(|node| &node.node.name);
        let nodes: FxHashSet<&str> = fixed.chain(grouped).map(|name| &**name).collect();
        let mut elsewhere: Vec<&RunningPod> = Vec::new();
        let mut standing = Vec::new();
        for pod in &objects.running {
            let (kind, namespace, name) = &pod.owner;
            let known =
                |known: &&super::Known| known.kind == *kind && known.namespace == *namespace && known.name == *name;
            let Some(known) = self.known.iter().find(known) else { continue };
            if !nodes.contains(pod.node.as_str()) {
                elsewhere.push(pod);
                continue;
            }
            let age = pod.since.zip(objects.moment).map_or(0, |(since, moment)| moment.saturating_sub(since).max(0));
            standing.push(StandingPod {
                workload: known.id,
                name: shared(&pod.name),
                is_named: !is_numbered(&pod.name, name),
                node: shared(&pod.node),
                started: SimTime::ZERO - SimDuration::from_secs(age),
                ready: pod.ready,
            });
        }
        let lost = elsewhere.first().map(|first| {
            let message = format!(
                "{} running pods are on nodes that the scenario does not have, such as {}: they are placed anew",
                elsewhere.len(),
                first.node
            );
            Diagnostic::warning(&first.place, message).hint("add the Node objects to the manifests")
        });
        self.running_of_settings(spec, &mut standing);
        // Pods of a StatefulSet by their number, others oldest first.
        standing.sort_by(|a, b| {
            (a.workload, number_of(a), a.started, &a.name).cmp(&(b.workload, number_of(b), b.started, &b.name))
        });
        self.scenario.standing_pods = standing;
        self.diagnostics.extend(lost);
    }

    fn running_of_settings(&mut self, spec: &ScenarioSpec, standing: &mut Vec<StandingPod>) {
        for (index, settings) in spec.workloads.iter().enumerate() {
            if settings.running.is_empty() {
                continue;
            }
            // A target that is not there is told with the other settings.
            let target = &settings.target;
            let kind = format!("{:?}", target.kind);
            let found = self
                .known
                .iter()
                .find(|known| known.kind == kind && known.namespace == target.namespace && known.name == target.name);
            let Some(workload) = found.map(|known| known.id) else { continue };
            for (at, pod) in settings.running.iter().enumerate() {
                let is_there = self.scenario.nodes.iter().any(|node| *node.name == *pod.node)
                    || self.scenario.group_nodes.iter().any(|node| *node.node.name == *pod.node);
                if !is_there {
                    self.error(
                        &format!("workloads[{index}].running[{at}].node"),
                        format!("there is no node {}", pod.node),
                    );
                    continue;
                }
                standing.push(StandingPod {
                    workload,
                    name: shared(pod.name.as_deref().unwrap_or(&format!("{}-{at}", target.name))),
                    is_named: pod.name.as_ref().is_some_and(|name| !is_numbered(name, &target.name)),
                    node: shared(&pod.node),
                    started: SimTime::ZERO - pod.age,
                    ready: pod.ready,
                });
            }
        }
    }
}

/// Called as a run calls pods of its own making, by the workload and a number: such a name could come twice.
fn is_numbered(pod: &str, workload: &str) -> bool {
    let number = pod.strip_prefix(workload).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The number at the end of a pod's name; 0 where there is none.
fn number_of(pod: &StandingPod) -> u32 {
    pod.name.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
}

fn of_group(group: &crate::scenario::NodeGroup) -> Option<std::sync::Arc<str>> {
    group.instance_type.clone()
}
