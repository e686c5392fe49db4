//! A decision as JSON, with reasons for people.

use serde_json::{Map, Value, json};

use super::whole_loop::Question;
use crate::autoscaler::cluster_autoscaler::{
    Decision, DecreaseReason, Halt, Resize, ScaleUpResult, State, UnremovableReason,
};
use crate::cluster::{ClusterView, NodeGroupId, NodeId, PodId};
use crate::units::SimTime;

pub fn show(question: &Question, decision: &Decision, state: &State) -> Value {
    Shown { question, decision, state }.value()
}

struct Shown<'a> {
    question: &'a Question,
    decision: &'a Decision,
    state: &'a State,
}

impl Shown<'_> {
    fn value(&self) -> Value {
        let decision = self.decision;
        let resizes = decision.scale_up.iter().chain(&decision.min_size);
        let scale_up: Vec<Value> = resizes
            .map(|resize| {
                json!({ "group": self.group(resize.group), "delta": resize.to - resize.from, "newSize": resize.to })
            })
            .collect();
        let mut shown = json!({
            "scaleUp": scale_up,
            "expansionOptions": self.options(),
            "unschedulablePods": self.unhelped(),
            "scaleDown": {
                "unneeded": self.nodes(&decision.unneeded),
                "unremovable": self.unremovable(),
                "delete": self.deletions(),
            },
            "utilization": self.utilization(),
            "state": self.state(),
            "reasons": self.reasons(),
        });
        if decision.candidates.len() > 1 {
            let groups = decision.candidates.iter().map(|index| self.group(decision.options[*index].group));
            shown["candidates"] = groups.collect();
        }
        shown
    }

    fn group(&self, id: NodeGroupId) -> &str {
        &self.question.groups[id.index()].name
    }

    fn node(&self, id: NodeId) -> &str {
        self.question.cluster.state.node(id).map_or("", |node| &node.name)
    }

    fn nodes(&self, ids: &[NodeId]) -> Vec<&str> {
        ids.iter().map(|id| self.node(*id)).collect()
    }

    fn pods(&self, ids: &[PodId]) -> Vec<&str> {
        ids.iter().map(|id| &*self.question.cluster.state.pod(*id).name).collect()
    }

    fn options(&self) -> Vec<Value> {
        self.decision
            .options
            .iter()
            .map(|option| {
                let mut shown = json!({
                    "group": self.group(option.group),
                    "nodeCount": option.node_count,
                    "pods": self.pods(&option.pods),
                });
                if let Some((_, score)) = option.score.filter(|(_, score)| score.is_finite()) {
                    shown["score"] = score.into();
                }
                shown
            })
            .collect()
    }

    fn unhelped(&self) -> Vec<Value> {
        let specs = &self.question.cluster.state.specs;
        let mut shown = Vec::new();
        for unhelped in &self.decision.unhelped {
            let reasons: Map<String, Value> = unhelped
                .reasons
                .iter()
                .map(|(group, reason)| (self.group(*group).to_owned(), reason.display(specs).to_string().into()))
                .collect();
            for pod in self.pods(&unhelped.pods) {
                shown.push(json!({ "pod": pod, "reasons": reasons }));
            }
        }
        shown
    }

    /// The last word on each node counts, as upstream keeps one reason a node.
    fn unremovable(&self) -> Map<String, Value> {
        let unremovable = &self.decision.unremovable;
        unremovable.iter().map(|node| (self.node(node.node).to_owned(), node.reason.name().into())).collect()
    }

    fn deletions(&self) -> Vec<Value> {
        let show = |deletion: &crate::autoscaler::cluster_autoscaler::NodeDeletion| json!({ "node": self.node(deletion.node), "empty": deletion.empty });
        self.decision.delete.iter().map(show).collect()
    }

    fn utilization(&self) -> Map<String, Value> {
        let used = self.decision.utilization.iter();
        used.map(|(node, used)| {
            let shown = json!({
                "cpu": used.cpu,
                "memory": used.memory,
                "gpu": used.gpu,
                "utilization": used.utilization,
            });
            (self.node(*node).to_owned(), shown)
        })
        .collect()
    }

    fn state(&self) -> Value {
        let (mut unneeded, mut unready, mut upcoming) = (Map::new(), Map::new(), Map::new());
        for node in self.state.unneeded.iter() {
            let name = self.node(node.removable.node).to_owned();
            if !node.removable.ready {
                unready.insert(name.clone(), time(node.since));
            }
            unneeded.insert(name, time(node.since));
        }
        for (group, request) in &self.state.requests {
            upcoming.insert(self.group(*group).to_owned(), request.increase.into());
        }
        let stamps = &self.state.stamps;
        json!({
            "unneededSince": unneeded,
            "unreadySince": unready,
            "lastScaleUpTime": time(stamps.last_scale_up),
            "lastScaleDownDeleteTime": time(stamps.last_scale_down_delete),
            "lastScaleDownFailTime": time(stamps.last_scale_down_fail),
            "upcoming": upcoming,
        })
    }

    fn reasons(&self) -> Vec<String> {
        let mut reasons = self.question.notes.clone();
        reasons.extend(self.decision.halted.map(|halt| {
            match halt {
                Halt::NoNodes => "there is no ready node and scale-up-from-zero is off: nothing else was considered",
                Halt::ClusterUnhealthy => "too many nodes are unready: nothing else was considered",
                Halt::SizesFixed => "a target size was lowered to what is there: nothing else was considered",
            }
            .to_owned()
        }));
        for decrease in &self.decision.target_decreases {
            let why = match decrease.reason {
                DecreaseReason::ProvisioningTimeout => "its nodes did not come in time",
                DecreaseReason::IncorrectSize => "it disagreed with its nodes for too long",
            };
            reasons.push(format!("group {}: target lowered by {}: {why}", self.group(decrease.group), decrease.by));
        }
        self.scale_up_reasons(&mut reasons);
        self.scale_down_reasons(&mut reasons);
        reasons
    }

    fn scale_up_reasons(&self, reasons: &mut Vec<String>) {
        let decision = self.decision;
        match decision.scale_up_result {
            ScaleUpResult::InCooldown => {
                reasons.push("the pending pods are very new: wait for more of them, and delete no node".to_owned());
            }
            ScaleUpResult::LimitedByMaxNodesTotal => {
                reasons.push("there are as many ready nodes as max-nodes-total allows".to_owned());
            }
            ScaleUpResult::NoOptionsAvailable => reasons.push("no group helps the pending pods".to_owned()),
            ScaleUpResult::Error => reasons.push("max-nodes-total is already reached".to_owned()),
            ScaleUpResult::NotTried | ScaleUpResult::NotNeeded | ScaleUpResult::Successful => {}
        }
        let option = |index: usize| {
            let option = &decision.options[index];
            let score = option.score.map(|(name, score)| format!(", {name} {score:.4}")).unwrap_or_default();
            format!("{}: {} nodes for {} pods{score}", self.group(option.group), option.node_count, option.pods.len())
        };
        if let Some(chosen) = decision.chosen {
            let others: Vec<String> =
                (0..decision.options.len()).filter(|index| *index != chosen).map(option).collect();
            let drawn = if decision.candidates.len() > 1 { "drawn among equals" } else { "chosen" };
            let over = if others.is_empty() { String::new() } else { format!(", {drawn} over {}", others.join("; ")) };
            reasons.push(format!("group {}{over}", option(chosen)));
        }
        for (group, reason) in &decision.skipped {
            reasons.push(format!("group {}: {reason}", self.group(*group)));
        }
        let raised = |resize: &Resize| {
            format!("group {}: raised from {} to its minimum size", self.group(resize.group), resize.from)
        };
        reasons.extend(decision.min_size.iter().map(raised));
    }

    fn scale_down_reasons(&self, reasons: &mut Vec<String>) {
        let decision = self.decision;
        for node in &decision.unremovable {
            let name = self.node(node.node);
            let detail = match node.blocking_pod {
                Some((pod, why)) => format!(": pod {} ({why})", self.question.cluster.state.pod(pod).name),
                None => match decision.utilization.iter().find(|(other, _)| *other == node.node) {
                    Some((_, used)) if node.reason == UnremovableReason::NotUnderutilized => {
                        format!(": {} {:.4}", used.resource.name(), used.utilization)
                    }
                    _ => String::new(),
                },
            };
            reasons.push(format!("node {name}: {}{detail}", node.reason));
        }
        if decision.in_cooldown && !decision.unneeded.is_empty() {
            reasons.push("scale-down is in cooldown: no node is deleted".to_owned());
        }
        for deletion in &decision.delete {
            let how = if deletion.empty { "empty" } else { "drained first" };
            reasons.push(format!("node {}: not needed for long enough, {how}", self.node(deletion.node)));
        }
    }
}

/// RFC 3339, with a fraction only where there is one.
fn time(at: SimTime) -> Value {
    match k8s_openapi::jiff::Timestamp::from_nanosecond(i128::from(at.nanos())) {
        Ok(timestamp) => timestamp.to_string().into(),
        Err(_) => Value::Null,
    }
}
