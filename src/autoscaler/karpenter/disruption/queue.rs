//! Commands under way: their nodes go when every replacement is initialized, or are let be when that fails.
//!
//! Follows `pkg/controllers/disruption/queue.go` (kubernetes-sigs/karpenter 22664681).

use std::sync::Arc;

use super::command::Command;
use crate::autoscaler::karpenter::Snapshot;
use crate::units::{SimDuration, SimTime};

/// A command whose nodes are tainted and whose replacements have been asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Executing {
    pub command: Command,
    /// Names of the claims that were created for it.
    pub replacements: Vec<Arc<str>>,
    pub since: SimTime,
}

/// What becomes of a command under way.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Delete the claims: set [`deleting`](crate::autoscaler::karpenter::NodeClaim::deleting) and drain.
    Delete(Executing),
    /// A replacement failed, or none came in time: untaint the nodes and clear
    /// [`disrupted`](crate::autoscaler::karpenter::NodeClaim::disrupted).
    GiveUp(Executing, String),
}

/// Commands under way, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    executing: Vec<Executing>,
}

impl Queue {
    /// Takes up a command that was carried out so far: nodes tainted and marked, replacements created.
    pub fn start(&mut self, command: Command, replacements: Vec<Arc<str>>, now: SimTime) {
        self.executing.push(Executing { command, replacements, since: now });
    }

    pub fn executing(&self) -> &[Executing] {
        &self.executing
    }

    /// Between 10 minutes and an hour, longer with more nodes under way.
    fn timeout(&self) -> SimDuration {
        let nodes: usize = self.executing.iter().map(|executing| executing.command.nodes.len()).sum();
        SimDuration::from_millis(80 * nodes as i64).clamp(SimDuration::from_secs(600), SimDuration::from_secs(3600))
    }

    /// Commands that have come to their end; call it when a claim is initialized or gone, and when one times out.
    pub fn advance(&mut self, snapshot: &Snapshot<'_>) -> Vec<Progress> {
        let timeout = self.timeout();
        let mut ended = Vec::new();
        let mut waiting = Vec::new();
        for executing in std::mem::take(&mut self.executing) {
            let claims: Vec<_> = executing
                .replacements
                .iter()
                .map(|name| snapshot.claims.iter().find(|claim| claim.name == *name))
                .collect();
            if claims.iter().any(Option::is_none) {
                ended.push(Progress::GiveUp(executing, "a replacement failed".into()));
            } else if claims.iter().flatten().all(|claim| claim.initialized.is_some()) {
                ended.push(Progress::Delete(executing));
            } else if snapshot.now.since(executing.since) > timeout {
                ended.push(Progress::GiveUp(executing, format!("no replacement was ready within {timeout}")));
            } else {
                waiting.push(executing);
            }
        }
        self.executing = waiting;
        ended
    }
}
