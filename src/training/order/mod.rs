//! Which of the waiting gangs start now.
//!
//! The queue is sorted by [`Order`]; [`Passing`] says who may pass a gang that does not fit. A new order is a line in
//! [`Order`]'s table.

mod conservative;
mod easy;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allocation::Allocation;
use super::placement::Placement;
use super::{Gang, Holder, Node, Snapshot, take};
use crate::units::SimTime;

/// Who is first in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Order {
    /// Who was submitted first.
    #[default]
    Submitted,
    /// Who has the higher priority, then who was submitted first.
    Priority,
    /// Who will be done soonest.
    ShortestRemaining,
}

/// Who may start although a gang before it does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Passing {
    /// Nobody: the first that does not fit holds up all.
    Nobody,
    /// Whoever does not delay the first that does not fit: it has a reservation where and when it will fit (EASY).
    Easy,
    /// Whoever delays nobody: all that wait have reservations, in their order (conservative backfill).
    Conservative,
    /// Everybody who fits; a large gang can wait for ever.
    #[default]
    Everybody,
}

/// How a queue of gangs is worked off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Discipline {
    /// Who is first. Default: submitted.
    pub order: Order,
    /// Who may pass a gang that does not fit. Default: everybody.
    pub passing: Passing,
    /// A policy that decides anew at intervals which jobs hold GPUs, how many and where: running jobs may have to make way. It takes
    /// the place of order, passing and jobs.placement. Default: none, who runs runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation: Option<Allocation>,
}

/// A gang that starts, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    pub job: u32,
    /// Node by position in the snapshot, and how many workers it gets.
    pub places: Vec<(usize, u32)>,
    /// It passed a gang that waits.
    pub backfilled: bool,
}

/// What a pass decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    pub starts: Vec<Start>,
    /// The gang that has a reservation, and from when on it will fit; `None` in its place: never, as things are.
    pub reserved: Option<(u32, Option<SimTime>)>,
}

impl Discipline {
    /// One pass over the queue.
    pub fn decide(&self, snapshot: &Snapshot, placement: Placement) -> Decision {
        match self.order {
            // As it stands; a long queue is not copied in every pass.
            Order::Submitted => self.go_through(snapshot.waiting.iter(), snapshot, placement),
            Order::Priority => {
                let sorted = sorted(&snapshot.waiting, |gang| std::cmp::Reverse(gang.priority));
                self.go_through(sorted.into_iter(), snapshot, placement)
            }
            Order::ShortestRemaining => {
                let sorted = sorted(&snapshot.waiting, |gang| gang.remaining);
                self.go_through(sorted.into_iter(), snapshot, placement)
            }
        }
    }

    fn go_through<'a>(
        &self,
        queue: impl Iterator<Item = &'a Gang>,
        snapshot: &Snapshot,
        placement: Placement,
    ) -> Decision {
        let gpus = snapshot.nodes.iter().map(|node| node.free[3].max(0)).sum();
        let (nodes, eligible) = (snapshot.nodes.clone(), &snapshot.eligible);
        let mut pass = Pass { nodes, eligible, gpus, decision: Decision::default(), placement };
        let mut rest = queue;
        let mut blocked = None;
        for gang in rest.by_ref() {
            if !pass.try_start(gang, false) {
                blocked = Some(gang);
                break;
            }
        }
        let Some(blocked) = blocked else { return pass.decision };
        match self.passing {
            Passing::Nobody => {}
            Passing::Everybody => rest.for_each(|gang| {
                pass.try_start(gang, true);
            }),
            Passing::Easy => easy::backfill(&mut pass, snapshot, blocked, rest),
            Passing::Conservative => conservative::backfill(&mut pass, snapshot, blocked, rest),
        }
        pass.decision
    }
}

fn sorted<Key: Ord>(waiting: &[Gang], key: impl Fn(&Gang) -> Key) -> Vec<&Gang> {
    let mut queue: Vec<&Gang> = waiting.iter().collect();
    queue.sort_by_key(|gang| key(gang));
    queue
}

/// A pass under way.
struct Pass<'s> {
    /// As they are with what has been started.
    nodes: Vec<Node>,
    eligible: &'s [Vec<bool>],
    /// Whole GPUs that are free.
    gpus: i64,
    decision: Decision,
    placement: Placement,
}

impl Pass<'_> {
    fn try_start(&mut self, gang: &Gang, backfilled: bool) -> bool {
        let Some(places) = self.place(gang) else { return false };
        self.start(gang, places, backfilled);
        true
    }

    /// Most of a long queue is refused by the count of GPUs alone.
    fn place(&self, gang: &Gang) -> Option<Vec<(usize, u32)>> {
        if gang.each[3] * i64::from(gang.workers) > self.gpus {
            return None;
        }
        self.place_on(&self.nodes, gang)
    }

    /// On nodes in another state than now.
    fn place_on(&self, nodes: &[Node], gang: &Gang) -> Option<Vec<(usize, u32)>> {
        self.placement.place(nodes, self.eligible.get(gang.class)?, gang)
    }

    /// Gangs at work and those that this pass has started, by when they will end.
    fn holders(&self, snapshot: &Snapshot) -> Vec<Holder> {
        let started = self.decision.starts.iter().filter_map(|start| {
            let gang = snapshot.waiting.iter().find(|gang| gang.job == start.job)?;
            let ends = snapshot.now + gang.remaining;
            Some(Holder { job: gang.job, each: gang.each, places: start.places.clone(), ends })
        });
        let mut holders: Vec<Holder> = snapshot.running.iter().cloned().chain(started).collect();
        holders.sort_by_key(|holder| holder.ends);
        holders
    }

    fn start(&mut self, gang: &Gang, places: Vec<(usize, u32)>, backfilled: bool) {
        self.gpus -= gang.each[3] * i64::from(gang.workers);
        for (node, workers) in &places {
            take(&mut self.nodes[*node].free, &gang.each, *workers, 1);
        }
        self.decision.starts.push(Start { job: gang.job, places, backfilled });
    }
}

/// Gives back what ends.
fn release(nodes: &mut [Node], holder: &Holder) {
    for (node, workers) in &holder.places {
        take(&mut nodes[*node].free, &holder.each, *workers, -1);
    }
}

#[cfg(test)]
mod tests;
