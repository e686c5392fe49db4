//! Disruption: nodes that are empty, drifted, or cost more than they need to.
//!
//! [`disrupt`] is one pass of upstream's loop: methods are tried in order and the first that finds something acts.
//! Consolidation waits 15 s and looks again before it acts; the loop stands still meanwhile. Followed:
//! `pkg/controllers/disruption/` (kubernetes-sigs/karpenter 22664681). Static capacity is not modelled.

mod balanced;
mod budget;
mod candidate;
mod command;
mod consolidation;
mod drift;
mod emptiness;
mod forceful;
mod keeps;
mod multi_node;
mod queue;
mod simulation;
mod single_node;
#[cfg(test)]
mod tests;
mod validation;

use super::Snapshot;
use super::base::Base;
use super::memory::Memory;
use super::pods::do_not_disrupt_until;
use crate::cluster::ClusterView;
use crate::units::{SimDuration, SimTime};
use candidate::{Candidate, Candidates, Class};

pub use budget::allowed_disruptions;
pub use command::{Command, Disrupted, Method};
pub use consolidation::MIN_TYPES_FOR_SPOT_TO_SPOT;
pub use drift::{DriftReason, drift_reason};
pub use forceful::{Forceful, ForcefulReason, forceful, next_expiry};
pub use keeps::{Keeps, keeps};
pub use queue::{Executing, Progress, Queue};

/// Between passes that find nothing to do.
pub const POLLING_PERIOD: SimDuration = SimDuration::from_secs(10);
/// Between a consolidation command and its validation.
pub const VALIDATION_DELAY: SimDuration = SimDuration::from_secs(15);

/// What the loop remembers between passes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DisruptionState {
    /// A command that waits for its validation, and when that is due.
    waiting: Option<(Command, SimTime)>,
}

impl DisruptionState {
    pub fn waiting(&self) -> Option<&Command> {
        self.waiting.as_ref().map(|(command, _)| command)
    }
}

/// What one pass decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Disruption {
    /// To be carried out now, in this order for each: taint the nodes (`karpenter.sh/disrupted:NoSchedule`), create the
    /// replacements, mark the claims as [`disrupted`](super::NodeClaim::disrupted), nominate, [`Queue::start`].
    pub command: Option<Command>,
    /// When to run the next pass.
    pub next_pass: SimTime,
    /// Where nothing was found: until then passes find nothing either, unless a node, claim, pod, budget or price
    /// changes. `None`: for ever. Passes up to then may be left out.
    pub next_possible_change: Option<SimTime>,
    /// Claims that can't be disrupted by a method that looked at them, and why.
    pub refused: Vec<Refused>,
    /// Why a command that waited was given up.
    pub abandoned: Option<(Command, String)>,
}

/// Why a method leaves a claim alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Position in the snapshot's claims.
    pub claim: usize,
    pub method: Method,
    pub why: String,
}

/// One pass of the loop.
pub fn disrupt(snapshot: &Snapshot<'_>, state: &mut DisruptionState) -> Disruption {
    disrupt_with(snapshot, state, &mut Memory::default())
}

/// [`disrupt`], with what passes over the same run found out.
pub fn disrupt_with(snapshot: &Snapshot<'_>, state: &mut DisruptionState, memory: &mut Memory) -> Disruption {
    let now = snapshot.now;
    let mut decision = Disruption { next_pass: now + POLLING_PERIOD, ..Disruption::default() };
    if let Some((_, due)) = state.waiting.as_ref().filter(|(_, due)| *due > now) {
        decision.next_pass = *due;
        return decision;
    }
    if snapshot.claims.is_empty() {
        return decision;
    }
    let base = Base::with(snapshot, std::mem::take(memory));
    pass(&base, state, &mut decision);
    *memory = base.into_memory();
    decision
}

fn pass(base: &Base<'_>, state: &mut DisruptionState, decision: &mut Disruption) {
    let (snapshot, now) = (base.snapshot, base.snapshot.now);
    let candidates = Candidates::default();
    let mut methods = &Method::ALL[..];
    if let Some((command, _)) = state.waiting.take() {
        match validation::validate(base, &candidates, &command) {
            Ok(valid) => {
                decision.next_pass = now;
                decision.command = Some(valid);
                return;
            }
            Err(why) => {
                // The pass goes on where it stood.
                let at = Method::ALL.iter().position(|method| *method == command.method).unwrap_or(0);
                methods = &Method::ALL[at + 1..];
                decision.abandoned = Some((command, why));
            }
        }
    }
    for method in methods {
        let Some(command) = find(base, &candidates, *method, &mut decision.refused) else { continue };
        if *method == Method::Drift {
            decision.next_pass = now;
            decision.command = Some(command);
        } else {
            decision.next_pass = now + VALIDATION_DELAY;
            state.waiting = Some((command, decision.next_pass));
        }
        return;
    }
    decision.next_possible_change = next_possible_change(snapshot);
}

/// Judges a waiting command at once, without the delay: the command as it was, and as it would be carried out or why
/// not. For those who ask at one moment.
pub fn validate_now(
    snapshot: &Snapshot<'_>,
    state: &mut DisruptionState,
) -> Option<(Command, Result<Command, String>)> {
    let (command, _) = state.waiting.take()?;
    let valid = validation::validate(&Base::new(snapshot), &Candidates::default(), &command);
    Some((command, valid))
}

fn find(base: &Base<'_>, candidates: &Candidates, method: Method, refused: &mut Vec<Refused>) -> Option<Command> {
    let class = if method == Method::Drift { Class::Eventual } else { Class::Graceful };
    let listed = candidates.of(class, base);
    let totals = match method {
        Method::MultiNodeConsolidation | Method::SingleNodeConsolidation => balanced::totals(base, &listed.candidates),
        _ => Vec::new(),
    };
    let mut blocked: Vec<(usize, String)> = listed.ineligible.iter().map(|i| (i.claim, i.why.clone())).collect();
    let should_disrupt = |candidate: &Candidate| match method {
        Method::Emptiness => emptiness::should_disrupt(base, candidate),
        Method::Drift => drift::should_disrupt(base, candidate),
        _ => consolidation::should_consolidate(base, candidate),
    };
    let mut chosen = Vec::new();
    for candidate in &listed.candidates {
        match should_disrupt(candidate) {
            Ok(()) => chosen.push(candidate.clone()),
            Err(why) => blocked.push((candidate.claim, why)),
        }
    }
    let mut command = None;
    if !chosen.is_empty() {
        let mut allowed = allowed_disruptions(base.snapshot, method.reason());
        for candidate in chosen.iter().filter(|candidate| allowed[candidate.pool] == 0) {
            if method != Method::SingleNodeConsolidation {
                let pool = &base.snapshot.pools[candidate.pool].name;
                let why = format!("the disruption budgets of NodePool {pool} are used up");
                blocked.push((candidate.claim, why));
            }
        }
        command = match method {
            Method::Emptiness => emptiness::command(base, chosen, &mut allowed),
            Method::Drift => drift::command(base, chosen, &allowed, &mut blocked),
            Method::MultiNodeConsolidation => multi_node::command(base, chosen, &mut allowed, &totals),
            Method::SingleNodeConsolidation => single_node::command(base, chosen, &allowed, &totals, &mut blocked),
        };
    }
    refused.extend(blocked.into_iter().map(|(claim, why)| Refused { claim, method, why }));
    command
}

/// The next instant at which time alone can make a difference.
fn next_possible_change(snapshot: &Snapshot<'_>) -> Option<SimTime> {
    let now = snapshot.now;
    let claims = snapshot.claims.iter().flat_map(|claim| {
        let pool = snapshot.pools.iter().find(|pool| pool.name == claim.node_pool);
        let after = pool.and_then(|pool| pool.consolidate_after);
        [after.and_then(|after| claim.consolidatable_from(after)), claim.nominated_until]
    });
    let budgets = snapshot
        .pools
        .iter()
        .flat_map(|pool| &pool.budgets)
        .map(|budget| budget.next_boundary(now, snapshot.epoch_seconds));
    let nodes = snapshot.claims.iter().filter_map(|claim| claim.node).filter_map(|node| snapshot.cluster.node(node));
    let pods = nodes.flat_map(|node| &node.pods).map(|held| {
        let pod = snapshot.cluster.specs.pod(held.spec);
        do_not_disrupt_until(snapshot.cluster.pod(held.pod), pod)
    });
    claims.chain(budgets).chain(pods).flatten().filter(|at| *at > now).min()
}
