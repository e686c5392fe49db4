//! A decision as JSON, with reasons for people.

use serde_json::{Map, Value, json};

use super::question::Question;
use crate::autoscaler::cluster_autoscaler::{Decision, Explainer, Explanation, NodeDeletion, Snapshot, State, Subject};
use crate::cluster::{NodeGroupId, NodeId, PodId};
use crate::units::SimTime;

pub fn show(question: &Question, snapshot: &Snapshot<'_>, decision: &Decision, state: &State) -> Value {
    let explainer = Explainer { snapshot, options: &question.options };
    Shown { question, explainer, decision, state }.value()
}

struct Shown<'a> {
    question: &'a Question,
    explainer: Explainer<'a>,
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
        self.explainer.group(id)
    }

    fn node(&self, id: NodeId) -> &str {
        self.explainer.node(id)
    }

    fn nodes(&self, ids: &[NodeId]) -> Vec<&str> {
        ids.iter().map(|id| self.node(*id)).collect()
    }

    fn pods(&self, ids: &[PodId]) -> Vec<&str> {
        ids.iter().map(|id| self.explainer.pod(*id)).collect()
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
        let mut shown = Vec::new();
        for unhelped in &self.decision.unhelped {
            let said = self.explainer.unhelped(unhelped);
            let reasons: Map<String, Value> = said.map(|(group, why)| (group.to_owned(), why.into())).collect();
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
        let show = |deletion: &NodeDeletion| json!({ "node": self.node(deletion.node), "empty": deletion.empty });
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

    /// As a run's `decisions.csv` has them, each with what it is about. What is said of pods stands in
    /// `unschedulablePods`.
    fn reasons(&self) -> Vec<String> {
        let explainer = &self.explainer;
        let mut reasons = self.question.notes.clone();
        let of_group =
            |group: NodeGroupId, what: &str, why: String| format!("group {}: {what}{why}", explainer.group(group));
        for decrease in &self.decision.target_decreases {
            let what = format!("target lowered by {}: ", decrease.by);
            reasons.push(of_group(decrease.group, &what, explainer.decrease(decrease)));
        }
        for deletion in &self.decision.delete_instances {
            reasons.push(of_group(deletion.group, "an instance is deleted: ", explainer.instance(deletion)));
        }
        let halt = explainer.halt(self.decision).into_iter();
        let all = halt.chain(explainer.actions(self.decision)).chain(explainer.refusals(self.decision));
        reasons.extend(all.filter_map(|Explanation { subject, reason, .. }| match subject {
            Subject::Cluster => Some(reason),
            Subject::Group(group) => Some(of_group(group, "", reason)),
            Subject::Node(node) => Some(format!("node {}: {reason}", explainer.node(node))),
            Subject::Pod(_) => None,
        }));
        reasons
    }
}

/// RFC 3339, with a fraction only where there is one.
fn time(at: SimTime) -> Value {
    match k8s_openapi::jiff::Timestamp::from_nanosecond(i128::from(at.nanos())) {
        Ok(timestamp) => timestamp.to_string().into(),
        Err(_) => Value::Null,
    }
}
