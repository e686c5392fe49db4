//! A decision's reasons in words: the same for `decide` and for the rows of a run's `decisions.csv`.

use super::decision::{
    Decision, DecreaseReason, ExpansionOption, Halt, InstanceDeletion, NodeDeletion, Resize, ScaleUpError,
    ScaleUpResult, TargetDecrease, UnhelpedPods, Unremovable, UnremovableReason,
};
use super::options::Options;
use super::snapshot::Snapshot;
use crate::cluster::{ClusterView, NodeGroupId, NodeId, PodId};
use crate::units::SimDuration;

/// What a reason is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The loop as a whole.
    Cluster,
    Group(NodeGroupId),
    Node(NodeId),
    Pod(PodId),
}

/// What becomes of the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The target size goes from the one to the other.
    Resized(i64, i64),
    ToBeDeleted,
    /// A group that was not considered.
    Skipped,
    /// A pod that no group helps.
    NoGroupHelps,
    /// A node that stays.
    Kept,
    /// The loop did nothing more.
    Halted,
    /// There is nothing to carry out.
    Nothing,
}

/// What a loop says about one node, pod or group, beyond what it decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub subject: Subject,
    pub verdict: Verdict,
    pub reason: String,
}

/// Puts decisions of one loop into words; names and limits are those that it saw.
#[derive(Clone, Copy)]
pub struct Explainer<'a> {
    pub snapshot: &'a Snapshot<'a>,
    pub options: &'a Options,
}

impl<'a> Explainer<'a> {
    pub fn group(&self, id: NodeGroupId) -> &'a str {
        self.snapshot.node_groups.get(id.index()).map_or("", |group| &group.name)
    }

    pub fn node(&self, id: NodeId) -> &'a str {
        self.snapshot.cluster.node(id).map_or("", |node| &node.name)
    }

    pub fn pod(&self, id: PodId) -> &'a str {
        &self.snapshot.cluster.pod(id).name
    }

    /// What is carried out of scale-ups and scale-downs, in the order in which that happens. Instances that are given up
    /// and targets that are to fall depend on the cloud's answer: [`Explainer::decrease`], [`Explainer::instance`].
    pub fn actions(&self, decision: &Decision) -> Vec<Explanation> {
        let resized = |resize: &Resize, reason: String| Explanation {
            subject: Subject::Group(resize.group),
            verdict: Verdict::Resized(resize.from, resize.to),
            reason,
        };
        let mut actions: Vec<Explanation> =
            decision.scale_up.iter().map(|resize| resized(resize, self.scale_up(decision, resize))).collect();
        let to_minimum = |resize: &Resize| resized(resize, format!("raised to the minimum size {}", resize.to));
        actions.extend(decision.min_size.iter().map(to_minimum));
        actions.extend(decision.delete.iter().map(|deletion| Explanation {
            subject: Subject::Node(deletion.node),
            verdict: Verdict::ToBeDeleted,
            reason: self.deletion(decision, deletion),
        }));
        actions
    }

    /// What ended the loop early.
    pub fn halt(&self, decision: &Decision) -> Option<Explanation> {
        decision.halted.map(|halt| {
            of_loop(
                Verdict::Halted,
                match halt {
                    Halt::NoNodes => "there is no ready node and scale-up-from-zero is off: nothing else is considered",
                    Halt::ClusterUnhealthy => "too many nodes are unready: nothing else is considered",
                    Halt::SizesFixed => "a target size disagrees with its nodes: nothing else is considered",
                },
            )
        })
    }

    /// Why not: what kept the loop as a whole from acting, groups that were not considered, pods that no group helps, and nodes
    /// that stay.
    pub fn refusals(&self, decision: &Decision) -> Vec<Explanation> {
        let why_no_scale_up = self.no_scale_up(decision.scale_up_result);
        let mut refusals: Vec<Explanation> =
            why_no_scale_up.map(|why| of_loop(Verdict::Nothing, &why)).into_iter().collect();
        refusals.extend(decision.skipped.iter().map(|(group, reason)| Explanation {
            subject: Subject::Group(*group),
            verdict: Verdict::Skipped,
            reason: reason.to_string(),
        }));
        for unhelped in &decision.unhelped {
            let reasons: Vec<String> =
                self.unhelped(unhelped).map(|(group, reason)| format!("{group}: {reason}")).collect();
            let reason = reasons.join("; ");
            refusals.extend(unhelped.pods.iter().map(|pod| Explanation {
                subject: Subject::Pod(*pod),
                verdict: Verdict::NoGroupHelps,
                reason: reason.clone(),
            }));
        }
        refusals.extend(decision.unremovable.iter().map(|node| Explanation {
            subject: Subject::Node(node.node),
            verdict: Verdict::Kept,
            reason: self.unremovable(decision, node),
        }));
        if decision.in_cooldown && !decision.unneeded.is_empty() {
            refusals.push(of_loop(Verdict::Nothing, "scale-down is in cooldown: no node is deleted"));
        }
        refusals
    }

    /// What each group says to pods that none of them helps.
    pub fn unhelped(&self, unhelped: &'a UnhelpedPods) -> impl Iterator<Item = (&'a str, String)> + use<'a> {
        let Explainer { snapshot, .. } = *self;
        let explainer = *self;
        let said = unhelped.reasons.iter();
        said.map(move |(group, reason)| (explainer.group(*group), reason.display(&snapshot.cluster.specs).to_string()))
    }

    /// `general: 3 nodes for 12 pods, least-waste 0.1250`.
    fn option(&self, option: &ExpansionOption) -> String {
        let score = option.score.map_or_else(String::new, |(by, score)| format!(", {by} {score:.4}"));
        format!("{}: {} nodes for {} pods{score}", self.group(option.group), option.node_count, option.pods.len())
    }

    fn scale_up(&self, decision: &Decision, resize: &Resize) -> String {
        let Some(index) = decision.chosen else { return "pods unschedulable".to_owned() };
        let chosen = &decision.options[index];
        if resize.group != chosen.group {
            return match chosen.similar.contains(&resize.group) {
                true => {
                    format!("its share of what {} was chosen for: {}", self.group(chosen.group), self.option(chosen))
                }
                false => "an earlier one of several scale-ups in this loop".to_owned(),
            };
        }
        let others: Vec<String> = decision
            .options
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index)
            .map(|(_, option)| self.option(option))
            .collect();
        let how = match decision.candidates.len() {
            0 | 1 => "chosen".to_owned(),
            equals => format!("drawn among {equals} equals,"),
        };
        let over = if others.is_empty() { String::new() } else { format!("; {how} over {}", others.join(", ")) };
        let pods = chosen.pods.len();
        format!("{pods} pods unschedulable; expander {}: {}{over}", self.options.expander, self.option(chosen))
    }

    /// Why the node goes: how long it was not needed, against which limit, what was in use, and what becomes of its pods.
    fn deletion(&self, decision: &Decision, deletion: &NodeDeletion) -> String {
        let unneeded = self.snapshot.now - deletion.unneeded_since;
        let (what, option) =
            if deletion.ready { ("", "scaleDownUnneededTime") } else { ("unready, and ", "scaleDownUnreadyTime") };
        let used = decision.utilization.iter().find(|(node, _)| *node == deletion.node);
        let used = used.map(|(_, used)| format!(", utilization {:.2}", used.utilization)).unwrap_or_default();
        let pods = if deletion.empty { "empty" } else { "its pods fit elsewhere" };
        format!("{what}unneeded for {unneeded} ({option} {}){used}; {pods}", deletion.unneeded_limit)
    }

    fn unremovable(&self, decision: &Decision, node: &Unremovable) -> String {
        let detail = match &node.blocking_pod {
            Some((pod, why)) => format!(": pod {} ({why})", self.pod(*pod)),
            None => match decision.utilization.iter().find(|(other, _)| *other == node.node) {
                Some((_, used)) if node.reason == UnremovableReason::NotUnderutilized => {
                    format!(": {} {:.4}", used.resource.name(), used.utilization)
                }
                _ => String::new(),
            },
        };
        format!("{}{detail}", node.reason)
    }

    /// Why a target is to fall.
    pub fn decrease(&self, decrease: &TargetDecrease) -> String {
        let (by, limit) = (decrease.by, self.provisioning_limit(decrease.group));
        match decrease.reason {
            DecreaseReason::ProvisioningTimeout => {
                format!("a scale-up by {by} timed out after {limit}: the group backs off")
            }
            DecreaseReason::IncorrectSize => format!("{by} of its nodes are missing for longer than {limit}"),
        }
    }

    /// Why an instance without a node is given up.
    pub fn instance(&self, deletion: &InstanceDeletion) -> String {
        match deletion.creation_failed {
            true => "the instance did not come up".to_owned(),
            false => format!("not registered within {}", self.provisioning_limit(deletion.group)),
        }
    }

    /// What kept the loop from a scale-up that pods ask for.
    fn no_scale_up(&self, result: ScaleUpResult) -> Option<String> {
        let why = match result {
            ScaleUpResult::InCooldown => "the pending pods are very new: wait for more of them, and delete no node",
            ScaleUpResult::LimitedByMaxNodesTotal => "there are as many ready nodes as max-nodes-total allows",
            ScaleUpResult::NoOptionsAvailable => "no group helps the pending pods",
            ScaleUpResult::Error(ScaleUpError::MaxNodesTotal) => "max-nodes-total is already reached",
            ScaleUpResult::Error(ScaleUpError::NoTemplateOfUpcoming(group)) => {
                let group = self.group(group);
                return Some(format!("no scale-up: group {group} has nodes on their way that nobody can describe"));
            }
            ScaleUpResult::Error(ScaleUpError::GpusMissing(shape)) => {
                let node = self.snapshot.cluster.node_views().find(|node| node.state.shape == shape);
                let node = node.map_or("a node", |node| &node.state.name);
                return Some(format!(
                    "no scale-up: {node} is in no group, is labelled as a GPU node and has no GPUs to give"
                ));
            }
            ScaleUpResult::NotTried | ScaleUpResult::NotNeeded | ScaleUpResult::Successful => return None,
        };
        Some(why.to_owned())
    }

    fn provisioning_limit(&self, group: NodeGroupId) -> SimDuration {
        let own = self.snapshot.node_groups.get(group.index()).map(|group| self.options.for_group(&group.options));
        own.map_or(self.options.max_node_provision_time, |own| own.max_node_provision_time)
    }
}

fn of_loop(verdict: Verdict, reason: &str) -> Explanation {
    Explanation { subject: Subject::Cluster, verdict, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::cluster_autoscaler::snapshot::AllOwnersExist;
    use crate::cluster::{ClusterState, Specs};
    use crate::units::SimTime;

    #[test]
    fn a_deletion_says_how_long_its_node_was_unneeded_and_by_whose_limit() {
        let deletion = NodeDeletion {
            node: NodeId::new(0),
            group: NodeGroupId(0),
            empty: true,
            ready: true,
            unneeded_since: SimTime::from_secs(10),
            unneeded_limit: SimDuration::from_mins(2),
        };
        let cluster = ClusterState::new(Specs::default());
        let snapshot = Snapshot {
            now: SimTime::from_secs(140),
            cluster: &cluster,
            nodes: &[],
            node_groups: &[],
            pending: &[],
            nominated: &[],
            daemon_sets: &[],
            disruption_budgets: &[],
            owners: &AllOwnersExist,
        };
        let options = Options::default();
        let explainer = Explainer { snapshot: &snapshot, options: &options };
        let reason = |deletion: NodeDeletion| {
            let decision = Decision { delete: vec![deletion], ..Decision::default() };
            explainer.actions(&decision).pop().map(|action| action.reason)
        };
        let ready = "unneeded for 2m10s (scaleDownUnneededTime 2m0s); empty";
        assert_eq!(reason(deletion).as_deref(), Some(ready));
        let unready = "unready, and unneeded for 2m10s (scaleDownUnreadyTime 2m0s); its pods fit elsewhere";
        assert_eq!(reason(NodeDeletion { ready: false, empty: false, ..deletion }).as_deref(), Some(unready));
    }
}
