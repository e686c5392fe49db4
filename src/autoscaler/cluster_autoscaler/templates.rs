//! What a new node of a group would be: after a live node, after one seen before, or after the cloud's description.
//!
//! Follows `MixedTemplateNodeInfoProvider` and `simulator/node_info_utils.go`: the first ready node of the group that has
//! been stable for a minute, else the last such node remembered, else the group's description (scale from zero), else
//! an unready or cordoned node. A template keeps DaemonSet and mirror pods and no transient taints.

use super::facts;
use super::template::Template;
use super::{Clock, Options, Snapshot, State, TO_BE_DELETED_TAINT};
use crate::cluster::{
    ClusterView, NodeId, NodeShapeId, NodeState, NodeView, PodId, PodSpec, PodSpecId, Taint, TaintEffect,
};
use crate::scheduler::filter::matches_node_selector_and_affinity;
use crate::units::SimDuration;

/// How long a node must have been ready before others are expected to look like it.
const STABILIZATION_DELAY: SimDuration = SimDuration::from_mins(1);

/// Priority of `system-node-critical`, whose daemon pods make room for themselves on any node.
const SYSTEM_NODE_CRITICAL: i32 = 2_000_001_000;

/// The template of each group; `None`: the group can't be judged and is left alone.
pub(super) fn templates(
    snapshot: &Snapshot<'_>,
    options: &Options,
    state: &mut State,
    clock: &Clock,
) -> Vec<Option<Template>> {
    let mut found: Vec<Option<Template>> = vec![None; snapshot.node_groups.len()];
    let mut bad: Vec<NodeId> = Vec::new();
    for view in snapshot.cluster.node_views() {
        let Some(group) = snapshot.group_of(view.state) else { continue };
        let slot = &mut found[group.id.index()];
        if slot.is_some() {
            continue;
        }
        if is_good_example(snapshot, options, &view, clock) {
            let template = after_node(snapshot, options, &view);
            state.remember_template(group.id, &template);
            *slot = Some(template);
        } else {
            bad.push(view.id);
        }
    }
    for (group, slot) in snapshot.node_groups.iter().zip(&mut found) {
        if slot.is_none() {
            *slot = match state.remembered_template(group.id) {
                Some(template) => Some(template.clone()),
                None => group.template.map(|shape| after_description(snapshot, options, shape)),
            };
        }
    }
    for id in bad {
        let view = snapshot.cluster.node_view(id).expect("seen above");
        let Some(group) = snapshot.group_of(view.state) else { continue };
        let slot = &mut found[group.id.index()];
        if slot.is_none() {
            *slot = Some(after_node(snapshot, options, &view));
        }
    }
    found
}

fn is_good_example(snapshot: &Snapshot<'_>, options: &Options, view: &NodeView<'_>, clock: &Clock) -> bool {
    let record = snapshot.record(view.id);
    facts::is_ready(&snapshot.cluster.specs, view.state, options)
        && !view.state.unschedulable
        && !view.taints().any(|taint| taint.key == TO_BE_DELETED_TAINT)
        && clock.is_past(record.ready_transition + STABILIZATION_DELAY)
}

fn after_node(snapshot: &Snapshot<'_>, options: &Options, view: &NodeView<'_>) -> Template {
    let specs = &snapshot.cluster.specs;
    let (mut pods, mut running) = (Vec::new(), Vec::new());
    for held in &view.state.pods {
        let info = snapshot.cluster.pod(held.pod);
        let spec = specs.pod(held.spec);
        if info.deletion.is_some() || spec.priority < options.expendable_pods_priority_cutoff {
            continue;
        }
        if spec.is_mirror_pod() || facts::is_daemon_set_pod(spec) {
            pods.push((held.pod, held.spec));
        }
        if let Some(controller) = spec.controller.as_ref().filter(|controller| controller.kind == "DaemonSet") {
            running.push(controller.uid.as_str());
        }
    }
    let extra_taints: Vec<Taint> =
        view.state.extra_taints.iter().filter(|t| !options.is_left_out_of_templates(&t.key)).cloned().collect();
    let unschedulable = view.state.unschedulable && !options.scale_from_unschedulable;
    let mut template = Template { shape: view.state.shape, pods, unschedulable, extra_taints };
    let missing = snapshot.daemon_sets.iter().copied().filter(|spec_id| {
        let spec = specs.pod(*spec_id);
        let is_critical = spec.priority == SYSTEM_NODE_CRITICAL && spec.preempts;
        (options.force_ds || is_critical)
            && !spec.controller.as_ref().is_some_and(|controller| running.contains(&controller.uid.as_str()))
    });
    let missing: Vec<PodSpecId> = missing.collect();
    add_daemon_pods(snapshot, &mut template, &missing);
    template
}

/// Scale from zero: the cloud's description and the daemon pods that would run there.
fn after_description(snapshot: &Snapshot<'_>, _options: &Options, shape: NodeShapeId) -> Template {
    let mut template = Template { shape, pods: Vec::new(), unschedulable: false, extra_taints: Vec::new() };
    add_daemon_pods(snapshot, &mut template, snapshot.daemon_sets);
    template
}

fn add_daemon_pods(snapshot: &Snapshot<'_>, template: &mut Template, daemon_sets: &[PodSpecId]) {
    // A daemon pod that does not exist yet goes by the id of a pod that waits: nothing but its spec is read.
    let stand_in = snapshot.pending.first().copied().or((!snapshot.cluster.pods().is_empty()).then_some(PodId(0)));
    let Some(stand_in) = stand_in else { return };
    let specs = &snapshot.cluster.specs;
    let shape = specs.shape(template.shape);
    let mut node = NodeState::new("template".into(), template.shape, shape);
    node.extra_taints = template.extra_taints.iter().cloned().collect();
    let view = NodeView { id: NodeId(u32::MAX), state: &node, shape };
    for spec_id in daemon_sets {
        if runs_daemon_pod(specs.pod(*spec_id), &view) {
            template.pods.push((stand_in, *spec_id));
        }
    }
}

/// As the DaemonSet controller decides: selector, affinity and taints, not resources.
fn runs_daemon_pod(pod: &PodSpec, view: &NodeView<'_>) -> bool {
    pod.node_name.as_ref().is_none_or(|name| **name == *view.state.name)
        && matches_node_selector_and_affinity(pod, view)
        && view
            .taints()
            .filter(|taint| taint.effect != TaintEffect::PreferNoSchedule)
            .all(|taint| pod.tolerations.iter().any(|toleration| toleration.tolerates(taint)))
}
