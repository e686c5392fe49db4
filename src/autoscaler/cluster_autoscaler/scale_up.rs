//! Scale-up: which groups could help the pending pods, at what size, and how the increase is shared
//! (`core/scaleup/orchestrator`).

use rustc_hash::FxHashMap;

use super::balance::{Comparator, Share, distribute};
use super::decision::{ExpansionOption, NoScaleUp, Resize, ScaleUpError, ScaleUpResult, SkipReason, UnhelpedPods};
use super::equivalence::{PodGroup, pod_groups};
use super::estimator::{Estimator, least_limit};
use super::expander::Choice;
use super::health::Health;
use super::placement::{Cycles, check};
use super::quota::{Quota, QuotaTracker};
use super::state::Stamp;
use super::template::Template;
use super::{Clock, GroupPolicy, NodeGroup, Options, Snapshot, State};
use crate::cluster::{Fork, NodeGroupId, NodeShape, NodeShapeId, PodId, PodSpecId, Specs};
use crate::scheduler::filter::Rejection;

/// What all parts of an iteration share.
pub(super) struct Iteration<'a> {
    pub snapshot: &'a Snapshot<'a>,
    pub options: &'a Options,
    pub policies: Vec<GroupPolicy>,
    pub clock: &'a Clock,
    pub templates: Vec<Option<Template>>,
    pub health: Health,
    /// Target sizes at the cloud, with what this iteration has changed so far.
    pub targets: Vec<i64>,
}

/// What scale-up is asked for.
pub(super) struct Request<'r> {
    pub pods: &'r [(PodId, PodSpecId)],
    /// Shapes of all nodes, upcoming ones included.
    pub nodes: &'r [NodeShapeId],
    /// Room for every pod or for none.
    pub all_or_nothing: bool,
    /// False: estimates open as many nodes as they like, and only what follows the expander is capped.
    pub limit_estimates: bool,
    /// Beside the quotas of the options.
    pub quotas: Vec<Quota>,
}

/// Stands for the expander: picks among options by index.
pub(super) type Choose<'c> = dyn FnMut(&Iteration<'_>, &mut [ExpansionOption]) -> Choice + 'c;

#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub result: ScaleUpResult,
    pub resizes: Vec<Resize>,
    pub options: Vec<ExpansionOption>,
    pub candidates: Vec<usize>,
    pub chosen: Option<usize>,
    pub skipped: Vec<(NodeGroupId, SkipReason)>,
    pub unhelped: Vec<UnhelpedPods>,
    pub triggered: Vec<PodId>,
    pub awaiting: Vec<PodId>,
}

/// The pods' groups and what each node group says to them.
struct Verdicts {
    pod_groups: Vec<PodGroup>,
    /// By node group: which pod groups it takes; empty for skipped ones.
    taken: Vec<Vec<usize>>,
    /// By node group: its answers by spec.
    answers: Vec<FxHashMap<PodSpecId, Result<(), Rejection>>>,
}

impl<'a> Iteration<'a> {
    fn specs(&self) -> &'a Specs {
        &self.snapshot.cluster.specs
    }

    fn shape(&self, template: &Template) -> &'a NodeShape {
        self.specs().shape(template.shape)
    }

    fn is_safe_to_scale(&self, group: &NodeGroup, state: &State) -> bool {
        self.health.is_group_healthy(group, state, self.options)
            && state.backoff.status(group.id.index(), self.clock).is_none()
    }

    fn template(&self, group: NodeGroupId) -> Option<&Template> {
        self.templates[group.index()].as_ref()
    }

    /// Why the group can't grow at all; with its template otherwise.
    fn skip_reason(
        &self,
        group: &NodeGroup,
        state: &State,
        tracker: &mut QuotaTracker<'a>,
        node_count: i64,
    ) -> Option<SkipReason> {
        if !self.health.is_group_healthy(group, state, self.options) {
            return Some(SkipReason::NotReady);
        }
        if state.backoff.status(group.id.index(), self.clock).is_some() {
            return Some(SkipReason::Backoff);
        }
        let target = self.targets[group.id.index()];
        if target >= group.max_size {
            return Some(SkipReason::MaxSizeReached);
        }
        let mut wanted = 1;
        if self.policies[group.id.index()].zero_or_max_node_scaling {
            wanted = group.max_size - target;
            let limit = i64::from(self.options.max_nodes_total);
            if limit != 0 && node_count + wanted > limit {
                return Some(SkipReason::AtomicExceedsMaxNodesTotal);
            }
        }
        let Some(template) = self.template(group.id) else { return Some(SkipReason::NotReady) };
        let check = tracker.check(self.shape(template), wanted);
        check.is_exceeded().then_some(SkipReason::QuotaExceeded(check.exceeded))
    }

    /// Tries the first pod of every pod group on an empty node of every group that may grow.
    fn judge(
        &self,
        fork: &mut Fork<'a>,
        state: &mut State,
        pods: &[(PodId, PodSpecId)],
        skipped: &[(NodeGroupId, SkipReason)],
    ) -> Verdicts {
        let groups = pod_groups(self.specs(), pods);
        let count = self.snapshot.node_groups.len();
        let mut verdicts =
            Verdicts { pod_groups: groups, taken: vec![Vec::new(); count], answers: vec![FxHashMap::default(); count] };
        let simulate_skipped = self.options.scaleup_simulation_for_skipped_node_groups_enabled;
        let mut cycles = Cycles::new(fork);
        for group in self.snapshot.node_groups {
            let is_skipped = skipped.iter().any(|(id, _)| *id == group.id);
            if is_skipped && !simulate_skipped {
                continue;
            }
            let Some(template) = self.template(group.id) else { continue };
            let start = fork.checkpoint();
            let node = template.add_to(fork, state.made_up_name(0));
            template.pods.iter().for_each(|(_, spec)| cycles.note(self.specs(), *spec));
            let answers = &mut verdicts.answers[group.id.index()];
            for (index, pods) in verdicts.pod_groups.iter().enumerate() {
                let answer = answers.entry(pods.spec).or_insert_with(|| check(fork, &mut cycles, pods.spec, node));
                if answer.is_ok() && !is_skipped {
                    verdicts.taken[group.id.index()].push(index);
                }
            }
            fork.revert(start);
        }
        verdicts
    }

    fn similar_groups(&self, group: &NodeGroup, verdicts: &Verdicts, state: &State) -> Vec<NodeGroupId> {
        let taken = &verdicts.taken[group.id.index()];
        if !self.options.balance_similar_node_groups
            || self.policies[group.id.index()].zero_or_max_node_scaling
            || taken.is_empty()
        {
            return Vec::new();
        }
        let Some(template) = self.template(group.id) else { return Vec::new() };
        let comparator = Comparator::new(self.options);
        let is_sibling = |other: &&NodeGroup| {
            other.id != group.id
                && self.template(other.id).is_some_and(|t| comparator.are_similar(self.specs(), template, t))
                && self.is_safe_to_scale(other, state)
                && taken.iter().all(|index| verdicts.taken[other.id.index()].binary_search(index).is_ok())
        };
        self.snapshot.node_groups.iter().filter(is_sibling).map(|other| other.id).collect()
    }

    /// The option that a group comes to; `None` where it helps no pod.
    fn option(
        &self,
        fork: &mut Fork<'a>,
        state: &mut State,
        group: &NodeGroup,
        verdicts: &Verdicts,
        request: &Request<'_>,
    ) -> Option<ExpansionOption> {
        let taken = &verdicts.taken[group.id.index()];
        let template = self.template(group.id).filter(|_| !taken.is_empty())?;
        let similar = self.similar_groups(group, verdicts, state);
        let room = |id: NodeGroupId| (self.snapshot.node_groups[id.index()].max_size - self.targets[id.index()]).max(0);
        let room = room(group.id) + similar.iter().map(|id| room(*id)).sum::<i64>();
        let (total, current) = (i64::from(self.options.max_nodes_total), request.nodes.len() as i64);
        let mut limit = least_limit([
            i64::from(self.options.max_nodes_per_scaleup),
            if room > 0 { room } else { -1 },
            match total {
                0 => 0,
                total if total <= current => -1,
                total => total - current,
            },
        ]);
        if !request.limit_estimates {
            limit = 0;
        }
        let pods: Vec<&PodGroup> = taken.iter().map(|index| &verdicts.pod_groups[*index]).collect();
        let mut name = |index: usize| state.made_up_name(index + 1);
        let estimator = Estimator::new(fork, template, limit, &mut name);
        let estimate = estimator.estimate(&pods, self.options.fastpath_binpacking_enabled);
        let mut option = ExpansionOption {
            group: group.id,
            node_count: estimate.node_count,
            pods: estimate.pods,
            similar,
            score: None,
        };
        if self.policies[group.id.index()].zero_or_max_node_scaling {
            if request.all_or_nothing && option.node_count > group.max_size {
                return None;
            }
            if option.node_count > 0 {
                option.node_count = group.max_size;
            }
        }
        let is_useless = option.pods.is_empty() || option.node_count == 0;
        let leaves_out = request.all_or_nothing && option.pods.len() < request.pods.len();
        (!is_useless && !leaves_out).then_some(option)
    }

    /// `max-nodes-total` less the nodes there are; `None` where not one more may come.
    fn capped(&self, new_nodes: i64, current: i64) -> Option<i64> {
        let limit = i64::from(self.options.max_nodes_total);
        if limit > 0 && new_nodes + current > limit {
            return Some(limit - current).filter(|capped| *capped >= 1);
        }
        Some(new_nodes)
    }

    /// Shares the increase over the group and its siblings, then caps each by what the quotas leave.
    fn share(
        &self,
        group: &NodeGroup,
        new_nodes: i64,
        verdicts: &Verdicts,
        state: &State,
        tracker: &mut QuotaTracker<'a>,
    ) -> Vec<Resize> {
        let mut groups = vec![group.id];
        for sibling in self.similar_groups(group, verdicts, state) {
            let template = self.template(sibling).expect("a sibling was compared by its template");
            if !tracker.check(self.shape(template), 1).is_exceeded() {
                groups.push(sibling);
            }
        }
        let shares: Vec<Share> = groups
            .iter()
            .map(|id| {
                let size = self.targets[id.index()];
                let max = self.snapshot.node_groups[id.index()].max_size;
                Share { group: id.index(), size, new_size: size, max }
            })
            .collect();
        let mut resizes = Vec::new();
        for share in distribute(&shares, new_nodes) {
            let template = self.templates[share.group].as_ref().expect("groups without a template are skipped");
            let shape = self.shape(template);
            let allowed = tracker.check(shape, share.new_size - share.size).allowed;
            if allowed > 0 {
                tracker.consume(shape, allowed);
                let group = NodeGroupId::new(share.group);
                resizes.push(Resize { group, from: share.size, to: share.size + allowed });
            }
        }
        resizes
    }

    /// One scale-up. On success the targets, the pending requests and the cooldown's stamp are moved on.
    pub fn scale_up(
        &mut self,
        fork: &mut Fork<'a>,
        state: &mut State,
        request: &Request<'_>,
        choose: &mut Choose<'_>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let mut quotas = vec![Quota::of_options(self.options, false)];
        quotas.extend(request.quotas.iter().cloned());
        let tracker = QuotaTracker::new(self.snapshot, quotas, request.nodes.iter().copied(), false);
        let mut tracker = match (self.upcoming_without_template(state), tracker) {
            (None, Ok(tracker)) => tracker,
            (Some(group), _) => return failed(request, ScaleUpError::NoTemplateOfUpcoming(group)),
            (None, Err(missing)) => return failed(request, missing.into()),
        };
        let current = request.nodes.len() as i64;
        for group in self.snapshot.node_groups {
            if let Some(reason) = self.skip_reason(group, state, &mut tracker, current) {
                outcome.skipped.push((group.id, reason));
            }
        }
        let verdicts = self.judge(fork, state, request.pods, &outcome.skipped);
        for group in self.snapshot.node_groups {
            let option = self.option(fork, state, group, &verdicts, request);
            outcome.options.extend(option);
        }
        if outcome.options.is_empty() {
            outcome.result = ScaleUpResult::NoOptionsAvailable;
            outcome.unhelped = self.unhelped(&verdicts, &outcome.skipped, None);
            return outcome;
        }
        let choice = choose(self, &mut outcome.options);
        outcome.candidates = choice.candidates;
        let best = choice.best.filter(|best| outcome.options[*best].node_count > 0);
        let Some(best) = best else {
            outcome.result = ScaleUpResult::NoOptionsAvailable;
            outcome.unhelped = self.unhelped(&verdicts, &outcome.skipped, Some(NoScaleUp::FilteredOut));
            return outcome;
        };
        outcome.chosen = Some(best);
        let (group, wanted) = (outcome.options[best].group, outcome.options[best].node_count);
        let group = &self.snapshot.node_groups[group.index()];
        let Some(capped) = self.capped(wanted, current) else {
            outcome.result = ScaleUpResult::Error(ScaleUpError::MaxNodesTotal);
            outcome.triggered = outcome.options[best].pods.clone();
            outcome.unhelped = self.unhelped(&verdicts, &outcome.skipped, Some(NoScaleUp::ExecutionError));
            return outcome;
        };
        let template = self.template(group.id).expect("an option was estimated on its template");
        let new_nodes = tracker.check(self.shape(template), capped).allowed;
        let resizes = self.share(group, new_nodes, &verdicts, state, &mut tracker);
        let granted: i64 = resizes.iter().map(|resize| resize.to - resize.from).sum();
        if request.all_or_nothing && (new_nodes < wanted || granted < new_nodes) {
            outcome.result = ScaleUpResult::NoOptionsAvailable;
            outcome.unhelped = self.unhelped(&verdicts, &outcome.skipped, Some(NoScaleUp::AllOrNothing));
            return outcome;
        }
        outcome.result = ScaleUpResult::Successful;
        outcome.triggered = outcome.options[best].pods.clone();
        outcome.unhelped = self.unhelped(&verdicts, &outcome.skipped, None);
        outcome.awaiting = awaiting(&verdicts, group.id);
        self.execute(state, &resizes);
        outcome.resizes = resizes;
        outcome
    }

    /// A group whose nodes are on their way and nobody knows what they will look like.
    fn upcoming_without_template(&self, state: &State) -> Option<NodeGroupId> {
        let groups = self.snapshot.node_groups.iter().filter(|group| self.template(group.id).is_none());
        groups.filter(|group| self.health.upcoming(group, state, self.clock) > 0).map(|group| group.id).next()
    }

    /// Groups below their minimum size are raised to it, as far as the limits allow.
    pub fn scale_up_to_min_size(&mut self, state: &mut State, nodes: &[NodeShapeId]) -> Vec<Resize> {
        let quotas = vec![Quota::of_options(self.options, false)];
        let tracker = QuotaTracker::new(self.snapshot, quotas, nodes.iter().copied(), false);
        let Ok(mut tracker) = tracker else { return Vec::new() };
        let mut resizes = Vec::new();
        for group in self.snapshot.node_groups {
            let target = self.targets[group.id.index()];
            if target >= group.min_size || !self.is_safe_to_scale(group, state) {
                continue;
            }
            let Some(template) = self.template(group.id) else { continue };
            if tracker.check(self.shape(template), 1).is_exceeded() {
                continue;
            }
            let allowed = tracker.check(self.shape(template), group.min_size - target).allowed;
            // Upstream compares the group's own size, not the cluster's, with max-nodes-total here.
            if let Some(capped) = self.capped(allowed, target) {
                resizes.push(Resize { group: group.id, from: target, to: target + capped });
            }
        }
        self.execute(state, &resizes);
        resizes
    }

    fn execute(&mut self, state: &mut State, resizes: &[Resize]) {
        let now = self.clock.now();
        for resize in resizes {
            let provision = self.policies[resize.group.index()].max_node_provision_time;
            state.register_scale_up(resize.group, resize.to - resize.from, now, provision);
            state.stamp_group(resize.group, Stamp::ScaleUp, now);
            self.targets[resize.group.index()] = resize.to;
            self.health.targets[resize.group.index()] = resize.to;
        }
        state.changed = true;
    }

    /// Pods that no group takes. With `instead` nothing was carried out, and groups that would take a pod say that.
    fn unhelped(
        &self,
        verdicts: &Verdicts,
        skipped: &[(NodeGroupId, SkipReason)],
        instead: Option<NoScaleUp>,
    ) -> Vec<UnhelpedPods> {
        let simulate_skipped = self.options.scaleup_simulation_for_skipped_node_groups_enabled;
        let mut unhelped = Vec::new();
        for (index, pods) in verdicts.pod_groups.iter().enumerate() {
            let is_schedulable = verdicts.taken.iter().any(|taken| taken.binary_search(&index).is_ok());
            if is_schedulable && instead.is_none() {
                continue;
            }
            let mut reasons = Vec::new();
            for group in self.snapshot.node_groups {
                let answer = verdicts.answers[group.id.index()].get(&pods.spec);
                let skip = skipped.iter().find(|(id, _)| *id == group.id).map(|(_, reason)| reason);
                let reason = match (skip, answer) {
                    (Some(_), Some(Err(rejection))) if simulate_skipped => NoScaleUp::Rejected(rejection.clone()),
                    (Some(skip), _) => NoScaleUp::Skipped(skip.clone()),
                    (None, Some(Err(rejection))) => NoScaleUp::Rejected(rejection.clone()),
                    (None, _) => match &instead {
                        Some(reason) => reason.clone(),
                        None => continue,
                    },
                };
                reasons.push((group.id, reason));
            }
            unhelped.push(UnhelpedPods { pods: pods.pods.clone(), reasons });
        }
        unhelped
    }
}

/// Nothing was considered for the pods.
fn failed(request: &Request<'_>, error: ScaleUpError) -> Outcome {
    let pods = request.pods.iter().map(|(pod, _)| *pod).collect();
    Outcome {
        result: ScaleUpResult::Error(error),
        unhelped: vec![UnhelpedPods { pods, reasons: Vec::new() }],
        ..Outcome::default()
    }
}

/// Pods that the chosen group rejects and another group takes.
fn awaiting(verdicts: &Verdicts, chosen: NodeGroupId) -> Vec<PodId> {
    let is_taken_elsewhere = |index: usize| verdicts.taken.iter().any(|taken| taken.binary_search(&index).is_ok());
    verdicts
        .pod_groups
        .iter()
        .enumerate()
        .filter(|(index, pods)| {
            is_taken_elsewhere(*index)
                && verdicts.answers[chosen.index()].get(&pods.spec).is_some_and(|answer| answer.is_err())
        })
        .flat_map(|(_, pods)| pods.pods.iter().copied())
        .collect()
}
