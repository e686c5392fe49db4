//! DefaultPreemption: which pods of lower priority should leave which node, so that a pod that fits nowhere gets room?
//!
//! A dry run, as upstream's (`framework/preemption` of 1.31, victims sorted as in 1.33): it evicts nobody. Whoever
//! applies it deletes the victims and nominates the pod to the node.

use std::cmp::Reverse;

use super::filter::{Reason, Rejection};
use super::nomination::{Nominations, fits_with_nominated};
use super::{Cycle, Profile};
use crate::cluster::{ClusterView, DisruptionBudget, NodeId, NodeView, PodId, PodOnNode};
use crate::units::SimTime;

/// A pod that no node takes, and what preemption may look at.
#[derive(Clone, Copy)]
pub struct PreemptionAttempt<'a> {
    pub view: &'a dyn ClusterView,
    pub cycle: &'a Cycle<'a>,
    pub profile: &'a Profile,
    pub nominations: &'a Nominations,
    /// Why each node refused the pod, in the order of nodes.
    pub rejected: &'a [(NodeId, Rejection)],
    pub budgets: &'a [DisruptionBudget],
    /// Stands in for the start of pods that have not started.
    pub now: SimTime,
    /// Where among the nodes that might be helped the dry run begins. Upstream draws it: below
    /// [`PreemptionAttempt::potential_nodes`].
    pub offset: usize,
}

/// A node to free, and the pods that have to go, most important first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preemption {
    pub node: NodeId,
    pub victims: Vec<PodId>,
    /// Victims whose eviction breaks a PodDisruptionBudget; upstream avoids them but takes them where it must.
    pub pdb_violations: usize,
}

/// Why nothing is preempted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPreemption {
    /// The profile has switched preemption off.
    Disabled,
    /// The pod's `preemptionPolicy` is `Never`.
    Never,
    /// Pods of lower priority are still leaving the node to which the pod was nominated.
    VictimsTerminating(NodeId),
    /// No node would take the pod, whoever left; why each would not.
    NoCandidate(Vec<(NodeId, Hopeless)>),
}

/// Why evicting pods of lower priority does not help on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hopeless {
    /// What the node refused the pod for has nothing to do with its pods.
    Unresolvable,
    NoLowerPriorityPods,
    /// It would still refuse the pod.
    Refused(Rejection),
}

struct Candidate {
    node: NodeId,
    victims: Vec<Victim>,
    pdb_violations: usize,
}

#[derive(Clone, Copy)]
struct Victim {
    held: PodOnNode,
    priority: i32,
    started: SimTime,
}

impl PreemptionAttempt<'_> {
    /// How many nodes might take the pod if others left.
    pub fn potential_nodes(&self) -> usize {
        self.rejected.iter().filter(|(_, rejection)| !self.is_unresolvable(&rejection.reason)).count()
    }

    fn is_unresolvable(&self, reason: &Reason) -> bool {
        let is_told = self.profile.settings.options.versioned.fit_knows_what_never_fits;
        reason.is_unresolvable() && (is_told || !matches!(reason, Reason::NeverEnough(_)))
    }

    pub fn run(&self) -> Result<Preemption, NoPreemption> {
        if !self.profile.settings.options.preemption {
            return Err(NoPreemption::Disabled);
        }
        if !self.cycle.pod.preempts {
            return Err(NoPreemption::Never);
        }
        if let Some(node) = self.waits_for_victims() {
            return Err(NoPreemption::VictimsTerminating(node));
        }
        let candidates = self.candidates().map_err(NoPreemption::NoCandidate)?;
        let best = pick_one(candidates);
        Ok(Preemption {
            node: best.node,
            victims: best.victims.iter().map(|victim| victim.held.pod).collect(),
            pdb_violations: best.pdb_violations,
        })
    }

    /// The nominated node, where it might still take the pod and a pod of lower priority is leaving it because of
    /// preemption.
    fn waits_for_victims(&self) -> Option<NodeId> {
        let nominated = self.view.pod_info(self.cycle.pod_id?).nominated_node?;
        let unresolvable =
            |(node, rejection): &(NodeId, Rejection)| *node == nominated && self.is_unresolvable(&rejection.reason);
        if self.rejected.iter().any(unresolvable) {
            return None;
        }
        let leaving = |held: &PodOnNode| {
            let info = self.view.pod_info(held.pod);
            self.priority(held) < self.cycle.pod.priority && info.deletion.is_some() && info.preempted
        };
        self.view.node(nominated)?.pods.iter().any(leaving).then_some(nominated)
    }

    /// Nodes that would take the pod, those without broken budgets first; the search stops at upstream's number.
    fn candidates(&self) -> Result<Vec<Candidate>, Vec<(NodeId, Hopeless)>> {
        let mut hopeless: Vec<(NodeId, Hopeless)> = Vec::new();
        let mut potential = Vec::new();
        for (node, rejection) in self.rejected {
            if self.is_unresolvable(&rejection.reason) {
                hopeless.push((*node, Hopeless::Unresolvable));
            } else {
                potential.push(*node);
            }
        }
        let wanted = self.candidates_wanted(potential.len());
        let (mut harmless, mut violating) = (Vec::new(), Vec::new());
        for step in 0..potential.len() {
            let id = potential[(self.offset + step) % potential.len()];
            let Some(node) = self.view.node_view(id) else { continue };
            match self.select_victims(&node) {
                Ok(candidate) if candidate.pdb_violations == 0 => harmless.push(candidate),
                Ok(candidate) => violating.push(candidate),
                Err(why) => hopeless.push((id, why)),
            }
            if !harmless.is_empty() && harmless.len() + violating.len() >= wanted {
                break;
            }
        }
        violating.truncate(wanted);
        harmless.append(&mut violating);
        if harmless.is_empty() {
            hopeless.sort_by_key(|(node, _)| *node);
            return Err(hopeless);
        }
        Ok(harmless)
    }

    fn candidates_wanted(&self, potential: usize) -> usize {
        let options = &self.profile.settings.options;
        let share = potential * usize::from(options.min_candidate_nodes_percentage) / 100;
        share.max(options.min_candidate_nodes_absolute as usize).min(potential)
    }

    /// Takes every pod of lower priority off a copy of the node, then puts back as many as the pod leaves room for:
    /// those whose eviction would break a budget first, and among them the most important first.
    fn select_victims(&self, node: &NodeView<'_>) -> Result<Candidate, Hopeless> {
        let mut lower: Vec<Victim> = node
            .state
            .pods
            .iter()
            .map(|held| {
                let started = self.view.pod_info(held.pod).started.unwrap_or(self.now);
                Victim { held: *held, priority: self.priority(held), started }
            })
            .filter(|victim| victim.priority < self.cycle.pod.priority)
            .collect();
        if lower.is_empty() {
            return Err(Hopeless::NoLowerPriorityPods);
        }
        let specs = self.cycle.specs;
        let mut state = node.state.clone();
        let mut cycle = self.cycle.clone();
        for victim in &lower {
            let spec = specs.pod(victim.held.spec);
            state.remove_pod(victim.held.pod, spec);
            cycle.change(spec, node, -1);
        }
        let fits = |state: &_, cycle: &Cycle<'_>| {
            fits_with_nominated(self.view, cycle, self.profile, self.nominations, &NodeView { state, ..*node })
        };
        fits(&state, &cycle).map_err(Hopeless::Refused)?;
        lower.sort_by_key(importance);
        let (violating, harmless) = self.split_by_budgets(&lower);
        let mut victims = Vec::new();
        let mut pdb_violations = 0;
        let (any_violating, any_harmless) = (!violating.is_empty(), !harmless.is_empty());
        for (victim, violates) in violating.iter().map(|v| (v, true)).chain(harmless.iter().map(|v| (v, false))) {
            let (spec, pod) = (specs.pod(victim.held.spec), victim.held.pod);
            state.add_pod(pod, victim.held.spec, spec, specs.whole_gpus(spec));
            cycle.change(spec, node, 1);
            if fits(&state, &cycle).is_err() {
                state.remove_pod(pod, spec);
                cycle.change(spec, node, -1);
                victims.push(*victim);
                pdb_violations += usize::from(violates);
            }
        }
        if any_violating && any_harmless {
            victims.sort_by_key(importance);
        }
        if victims.is_empty() {
            // Upstream calls this an error: the node refused the pod, yet has room with all pods back in place.
            return Err(Hopeless::NoLowerPriorityPods);
        }
        Ok(Candidate { node: node.id, victims, pdb_violations })
    }

    /// Pods whose eviction would overdraw a budget, and the others; both keep their order. As upstream, a budget with
    /// an empty selector guards nothing here, and pods that it already counts as disrupted are not counted again.
    fn split_by_budgets(&self, pods: &[Victim]) -> (Vec<Victim>, Vec<Victim>) {
        let mut allowed: Vec<i64> = self.budgets.iter().map(|budget| i64::from(budget.disruptions_allowed)).collect();
        pods.iter().partition(|victim| {
            let spec = self.cycle.specs.pod(victim.held.spec);
            let mut violates = false;
            for (budget, allowed) in self.budgets.iter().zip(&mut allowed) {
                let guards_all = budget.selector.as_ref().is_none_or(|selector| selector.is_empty());
                if spec.labels.is_empty() || guards_all || !budget.selects(&spec.namespace, &spec.labels) {
                    continue;
                }
                if budget.disrupted_pods.contains(&*self.view.pod_info(victim.held.pod).name) {
                    continue;
                }
                *allowed -= 1;
                violates |= *allowed < 0;
            }
            violates
        })
    }

    fn priority(&self, held: &PodOnNode) -> i32 {
        self.cycle.specs.pod(held.spec).priority
    }
}

/// Higher priority first, then earlier start.
fn importance(victim: &Victim) -> (Reverse<i32>, SimTime) {
    (Reverse(victim.priority), victim.started)
}

/// Upstream's order of preference; the first of those that are equal in all of it.
fn pick_one(candidates: Vec<Candidate>) -> Candidate {
    let key = |candidate: &Candidate| {
        let victims = &candidate.victims;
        let highest = victims.iter().map(|victim| victim.priority).max().unwrap_or(i32::MIN);
        // Shifted so that many victims of negative priority do not sum to less than few.
        let sum: i64 = victims.iter().map(|victim| i64::from(victim.priority) + (1 << 31)).sum();
        let important = victims.iter().filter(|victim| victim.priority == highest);
        let earliest_start = important.map(|victim| victim.started).min().unwrap_or(SimTime::MIN);
        (candidate.pdb_violations, victims[0].priority, sum, victims.len(), Reverse(earliest_start))
    };
    candidates.into_iter().min_by_key(key).expect("there is a candidate")
}
