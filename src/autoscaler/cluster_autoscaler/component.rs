//! Single steps of an iteration, for whoever wants to ask one question: `decide`'s component cases.

use super::decision::{Decision, UnremovableReason};
use super::expander::Choice;
use super::health::Health;
use super::quota::{Quota, QuotaTracker};
use super::scale_down::Eligibility;
use super::scale_up::{Iteration, Request};
use super::templates::templates;
use super::unneeded::{consume_minimum, removable_now};
use super::{Clock, ExpansionOption, Options, Snapshot, State, UnneededNodes};
use crate::cluster::{ClusterView, Fork, NodeGroupId, NodeId, NodeShapeId, PodId, PodSpecId};

/// What a scale-up is asked for beside the snapshot's pending pods.
#[derive(Clone, Debug, Default)]
pub struct ScaleUpQuestion {
    pub all_or_nothing: bool,
    /// Beside the options' own limits.
    pub quotas: Vec<Quota>,
}

fn iteration<'a>(
    snapshot: &'a Snapshot<'a>,
    options: &'a Options,
    state: &mut State,
    clock: &'a Clock,
) -> Iteration<'a> {
    let templates = templates(snapshot, options, state, clock);
    let policies = snapshot.policies(options);
    let health = Health::update(snapshot, options, &policies, state, clock, &mut Vec::new());
    let targets = health.targets.clone();
    Iteration { snapshot, options, policies, clock, templates, health, targets }
}

/// Scale-up alone: no pod is packed on existing nodes first, and no limit applies within estimates. `choose` stands for
/// the expander.
pub fn scale_up(
    snapshot: &Snapshot<'_>,
    options: &Options,
    question: &ScaleUpQuestion,
    choose: &mut dyn FnMut(&[ExpansionOption]) -> Option<usize>,
) -> Decision {
    let mut state = State::new(options, snapshot.now);
    let clock = Clock::new(snapshot.now);
    let mut iteration = iteration(snapshot, options, &mut state, &clock);
    let mut fork = Fork::new(snapshot.cluster);
    let pods: Vec<(PodId, PodSpecId)> =
        snapshot.pending.iter().map(|pod| (*pod, snapshot.cluster.pod(*pod).spec)).collect();
    let nodes: Vec<NodeShapeId> = fork.node_views().map(|view| view.state.shape).collect();
    let request = Request {
        pods: &pods,
        nodes: &nodes,
        all_or_nothing: question.all_or_nothing,
        limit_estimates: false,
        quotas: question.quotas.clone(),
    };
    let outcome = iteration.scale_up(&mut fork, &mut state, &request, &mut |_: &Iteration<'_>, options: &mut [_]| {
        let best = choose(options);
        Choice { candidates: best.into_iter().collect(), best, costs: None }
    });
    Decision {
        scale_up: outcome.resizes,
        scale_up_result: outcome.result,
        options: outcome.options,
        skipped: outcome.skipped,
        unhelped: outcome.unhelped,
        triggered: outcome.triggered,
        awaiting: outcome.awaiting,
        ..Decision::default()
    }
}

/// Of each node, why its use or its marks keep it; `None`: it goes on to the simulation.
pub fn eligibility(
    snapshot: &Snapshot<'_>,
    options: &Options,
    nodes: &[NodeId],
) -> Vec<(NodeId, Option<UnremovableReason>)> {
    let mut state = State::new(options, snapshot.now);
    let clock = Clock::new(snapshot.now);
    let iteration = iteration(snapshot, options, &mut state, &clock);
    let judge = |id: &NodeId| {
        let view = snapshot.cluster.node_view(*id)?;
        let reason = match iteration.eligibility(&view) {
            Eligibility::Eligible(_) => None,
            Eligibility::Not(reason, _) => Some(reason),
        };
        Some((*id, reason))
    };
    nodes.iter().filter_map(judge).collect()
}

/// Which unneeded nodes may go now.
#[derive(Clone, Debug, Default)]
pub struct RemovableNodes {
    pub empty: Vec<NodeId>,
    pub drain: Vec<NodeId>,
    pub unremovable: Vec<(NodeId, UnremovableReason)>,
}

/// `deletions` counts deletions in progress by group; `minimum` are floors that must not be broken.
pub fn removable_at(
    snapshot: &Snapshot<'_>,
    unneeded: &UnneededNodes,
    deletions: &dyn Fn(NodeGroupId) -> i64,
    minimum: Vec<Quota>,
) -> RemovableNodes {
    let clock = Clock::new(snapshot.now);
    let shapes = snapshot.cluster.node_views().map(|view| view.state.shape);
    let Ok(mut tracker) = QuotaTracker::new(snapshot, minimum, shapes, true) else { return RemovableNodes::default() };
    let sizes = snapshot.node_groups.iter().map(|group| group.target_size).collect();
    let now = removable_now(unneeded, snapshot, &clock, sizes, &|group| deletions(group.id), |id| {
        consume_minimum(&mut tracker, snapshot, id)
    });
    RemovableNodes {
        empty: now.empty.iter().map(|removable| removable.node).collect(),
        drain: now.drain.iter().map(|removable| removable.node).collect(),
        unremovable: now.unremovable.iter().map(|unremovable| (unremovable.node, unremovable.reason)).collect(),
    }
}
