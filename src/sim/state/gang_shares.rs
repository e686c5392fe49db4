//! What is decided about sharing GPUs out.

use std::collections::BTreeSet;

use crate::cluster::NodeId;
use crate::training::allocation::{Allocation, Allocator};
use crate::units::SimTime;

/// A policy at work, and what it decided last.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Shares {
    pub(in crate::sim) allocation: Allocation,
    pub(in crate::sim) allocator: Allocator,
    /// Jobs that shall start, in order, where, and why.
    pub(in crate::sim) planned: Vec<Planned>,
    /// When it decides next.
    pub(in crate::sim) next: Option<SimTime>,
    /// Jobs whose turn in this round is not over.
    pub(in crate::sim) turns: BTreeSet<u32>,
}

#[derive(Clone, Debug)]
pub(in crate::sim) struct Planned {
    pub(in crate::sim) job: u32,
    pub(in crate::sim) nodes: Vec<(NodeId, u32)>,
    pub(in crate::sim) steps: Option<i64>,
    pub(in crate::sim) reason: String,
}

impl Shares {
    pub fn new(allocation: Allocation) -> Shares {
        Shares {
            allocation,
            allocator: Allocator::new(allocation),
            planned: Vec::new(),
            next: None,
            turns: BTreeSet::new(),
        }
    }
}
