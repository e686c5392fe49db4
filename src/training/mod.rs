//! Training jobs before they run: who is admitted, in which order gangs start, and where.
//!
//! Each question is a folder, each answer a file in it, chosen by name: [`admission`] says whose quota a job may use,
//! [`order`] which of the waiting gangs start now, [`placement`] on which nodes, [`allocation`] which jobs hold GPUs at all where
//! that is decided anew at intervals. All are pure functions over a snapshot ([`Snapshot`] for order and placement); `sim` takes
//! it and carries out what is decided.

pub mod admission;
pub mod allocation;
pub mod order;
pub mod placement;

use crate::cluster::NodeId;
use crate::units::{SimDuration, SimTime};

/// What gangs compete for on a node: millicores, bytes of memory, pod slots, whole GPUs.
pub type Amounts = [i64; 4];

/// A node as gangs see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    pub id: NodeId,
    /// What is left of it.
    pub free: Amounts,
    /// What gangs could have of it if none were on it.
    pub whole: Amounts,
    /// Nodes of one number have GPUs of one model.
    pub kind: u32,
}

/// A gang: workers that are alike and start together.
#[derive(Clone, Debug, PartialEq)]
pub struct Gang {
    pub job: u32,
    pub workers: u32,
    /// What one worker takes.
    pub each: Amounts,
    /// Gangs of one class may go to the same nodes: its row in [`Snapshot::eligible`].
    pub class: usize,
    pub submitted: SimTime,
    pub priority: i32,
    /// How long it will run, as far as that can be told beforehand.
    pub remaining: SimDuration,
}

/// A gang at work.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    pub job: u32,
    pub each: Amounts,
    /// Where its workers are: node by position, and how many.
    pub places: Vec<(usize, u32)>,
    /// When it will end, as far as that can be told.
    pub ends: SimTime,
}

/// Nodes and gangs at an instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub now: SimTime,
    /// Ascending by id.
    pub nodes: Vec<Node>,
    /// By class of gangs: which nodes, by position, would take a worker if they had room.
    pub eligible: Vec<Vec<bool>>,
    /// In order of submission.
    pub waiting: Vec<Gang>,
    pub running: Vec<Holder>,
}

/// How many workers the node has room for.
pub fn room(free: &Amounts, each: &Amounts) -> u32 {
    let of_one = free.iter().zip(each).filter(|(_, each)| **each > 0).map(|(free, each)| (free / each).max(0));
    of_one.min().map_or(0, |room| u32::try_from(room).unwrap_or(u32::MAX))
}

/// Takes room for workers away, or gives it back where `sign` is -1.
pub fn take(free: &mut Amounts, each: &Amounts, workers: u32, sign: i64) {
    for (free, each) in free.iter_mut().zip(each) {
        *free -= sign * each * i64::from(workers);
    }
}
