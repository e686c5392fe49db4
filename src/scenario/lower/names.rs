//! Names of the scenario document: of a form that a cluster would take, unique, and none that an output reserves.

use std::sync::Arc;

use super::Lowering;
use crate::scenario::diagnostic::{Diagnostic, Place};
use crate::scenario::names::Form;
use crate::scenario::spec::{ScenarioSpec, TaintSpec};
use crate::scenario::{FixedNode, NodeGroup};

/// The row of fixed nodes in `cost.by_node_group`.
pub const FIXED: &str = "fixed";

/// Of one scenario: each has to be found in its text, and nobody reads more.
const MOST_MISTAKES: usize = 1_000;

impl Lowering<'_> {
    /// Names that the document itself gives, whatever they name. Zones, labels and taints go into tables too.
    pub(super) fn check_names(&mut self, spec: &ScenarioSpec) {
        for (index, node) in spec.nodes.iter().enumerate() {
            let path = format!("nodes[{index}]");
            self.check_name_at(Form::Subdomain, &node.name, "the name of a node", &format!("{path}.name"));
            if let Some(zone) = &node.zone {
                self.check_name_at(Form::LabelValue, zone, "a zone", &format!("{path}.zone"));
            }
            self.check_labels(node.labels.iter(), &path);
            self.check_taints(&node.taints, &path);
        }
        for (index, group) in spec.node_groups.iter().enumerate() {
            let path = format!("nodeGroups[{index}]");
            let what = "the name of a node group, which its nodes' names begin with";
            self.check_name_at(Form::ShortSubdomain, &group.name, what, &format!("{path}.name"));
            for (at, zone) in group.zones.iter().enumerate() {
                self.check_name_at(Form::LabelValue, zone, "a zone", &format!("{path}.zones[{at}]"));
            }
            self.check_labels(group.labels.iter(), &path);
            self.check_taints(&group.taints, &path);
        }
        for (at, zone) in spec.node_pools.iter().flat_map(|pools| pools.zones.iter()).enumerate() {
            self.check_name_at(Form::LabelValue, zone, "a zone", &format!("nodePools.zones[{at}]"));
        }
        for (path, namespace) in [
            ("replay.namespace", spec.replay.as_ref().map(|replay| &replay.namespace)),
            ("jobs.namespace", spec.jobs.as_ref().map(|jobs| &jobs.namespace)),
        ] {
            if let Some(namespace) = namespace {
                self.check_name_at(Form::Label, namespace, "a namespace", path);
            }
        }
        let cron = spec.autoscaling.cron.iter().map(|cron| &cron.name).enumerate().map(|named| ("cron", named));
        let keda = spec.autoscaling.keda.iter().map(|keda| &keda.name).enumerate().map(|named| ("keda", named));
        for (list, (index, name)) in cron.chain(keda) {
            if let Some(name) = name {
                let path = format!("autoscaling.{list}[{index}].name");
                self.check_name_at(Form::Subdomain, name, "the name of a scaler", &path);
            }
        }
    }

    fn check_name_at(&mut self, form: Form, name: &str, what: &str, path: &str) {
        // Only what is wrong needs its place, and enough is enough.
        if !form.holds(name) && self.diagnostics.len() < MOST_MISTAKES {
            let diagnostic = form.check(name, what, self.at(path));
            self.diagnostics.extend(diagnostic);
        }
    }

    fn check_labels<'l>(&mut self, labels: impl Iterator<Item = (&'l String, &'l String)>, path: &str) {
        for (key, value) in labels {
            let path = format!("{path}.labels[{key}]");
            self.check_name_at(Form::LabelKey, key, "a label's key", &path);
            self.check_name_at(Form::LabelValue, value, "a label's value", &path);
        }
    }

    fn check_taints(&mut self, taints: &[TaintSpec], path: &str) {
        for (index, taint) in taints.iter().enumerate() {
            let path = format!("{path}.taints[{index}]");
            self.check_name_at(Form::LabelKey, &taint.key, "a taint's key", &format!("{path}.key"));
            self.check_name_at(Form::LabelValue, &taint.value, "a taint's value", &format!("{path}.value"));
        }
    }

    /// A group of either kind, where its name is not taken.
    pub(super) fn add_group(&mut self, group: NodeGroup, place: &Place) {
        if *group.name == *FIXED {
            let message =
                format!("no node group can be called {FIXED}, the name of the fixed nodes in cost.by_node_group");
            self.push(Diagnostic::error(place, message).hint("give it another name"));
        }
        if self.scenario.node_groups.iter().any(|other| other.name == group.name) {
            let message = format!("a second node group is called {}", group.name);
            self.push(Diagnostic::error(place, message).hint("give it a name of its own"));
        }
        self.scenario.node_groups.push(group);
    }

    /// A node that is there from the start, where its name is not taken.
    pub(super) fn add_node(&mut self, node: FixedNode, place: &Place) {
        if self.is_new_node(&node, place) {
            self.scenario.nodes.push(node);
        }
    }

    /// Whether no other node is called so; the second is told.
    pub(super) fn is_new_node(&mut self, node: &FixedNode, place: &Place) -> bool {
        if self.node_places.contains_key(&node.name) {
            let message = format!("a second node is called {}", node.name);
            self.push(Diagnostic::error(place, message).hint("give each node a name of its own"));
            return false;
        }
        self.node_places.insert(Arc::clone(&node.name), place.clone());
        true
    }

    /// Groups call their nodes `GROUP-0`, `GROUP-1`, …. Comes after all nodes and groups.
    pub(super) fn check_node_names(&mut self) {
        let is_number =
            |text: &str| text.bytes().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        let mut taken = Vec::new();
        let grouped = self.scenario.group_nodes.iter().map(|node| &node.node);
        for node in self.scenario.nodes.iter().chain(grouped) {
            let Some((group, number)) = node.name.rsplit_once('-') else { continue };
            if is_number(number) && self.scenario.node_groups.iter().any(|known| *known.name == *group) {
                let message = format!("node group {group} calls a node of its own {}", node.name);
                let place = &self.node_places[&node.name];
                taken.push(Diagnostic::error(place, message).hint("rename the node or the group"));
            }
        }
        self.diagnostics.extend(taken);
    }
}
