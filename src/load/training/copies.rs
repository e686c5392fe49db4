//! Copies of a job's state, and the one to which a job that was interrupted falls back.
//!
//! A copy in remote storage outlasts everything. One in the memory or on the disks of the workers' nodes is of use only
//! to a gang that comes back to those nodes.

use std::sync::Arc;

use crate::units::{SimDuration, SimTime};

/// Where a copy lies, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// The memory of the workers' nodes.
    Memory,
    /// Their disks.
    Local,
    /// Storage that outlasts the nodes.
    Remote,
}

impl Tier {
    pub(super) const NEAR: [Tier; 2] = [Tier::Memory, Tier::Local];
    pub(super) const ALL: [Tier; 3] = [Tier::Memory, Tier::Local, Tier::Remote];
}

/// What was done when a copy was made, and what of the compute time up to then is kept with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Millionths of steps.
    pub done: i64,
    /// Compute time that was not lost.
    pub kept: SimDuration,
    /// Of that, what stragglers and jitter cost.
    pub slow: SimDuration,
    /// Of that, what waiting for data cost.
    pub data: SimDuration,
}

/// On these nodes, each with its part.
#[derive(Clone, Debug)]
struct Near {
    mark: Mark,
    nodes: Arc<[u32]>,
}

/// The copies that there are of one job.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    remote: Mark,
    /// What is being written to remote storage while steps go on, and when that is done.
    writing: Option<(SimTime, Mark)>,
    near: [Option<Near>; 2],
}

impl Copies {
    pub fn remote(&self) -> Mark {
        self.remote
    }

    /// When the last save that goes on beside the steps is done, with what was done when it began.
    pub fn writing(&self) -> Option<(SimTime, i64)> {
        self.writing.map(|(at, mark)| (at, mark.done))
    }

    /// A copy in remote storage that counts from an instant on.
    pub fn save(&mut self, mark: Mark, now: SimTime, counts: SimTime) {
        self.take_in(now);
        if counts > now {
            self.writing = Some((counts, mark));
        } else {
            (self.remote, self.writing) = (mark, None);
        }
    }

    pub fn save_near(&mut self, tier: Tier, mark: Mark, nodes: &Arc<[u32]>) {
        if let Some(near) = self.near.get_mut(tier as usize) {
            *near = Some(Near { mark, nodes: Arc::clone(nodes) });
        }
    }

    /// What has been written by now counts.
    pub fn take_in(&mut self, now: SimTime) {
        if let Some((at, mark)) = self.writing.filter(|(at, _)| *at <= now) {
            debug_assert!(at <= now);
            (self.remote, self.writing) = (mark, None);
        }
    }

    /// The workers are gone, and with them what they were writing.
    pub fn fall_back(&mut self, now: SimTime) -> Mark {
        self.take_in(now);
        self.writing = None;
        self.remote
    }

    /// Nothing was lost by falling back: what is kept is what it was.
    pub fn keep(&mut self, mark: Mark) {
        self.remote = mark;
    }

    /// The best of the near copies that a gang on these nodes finds, `bears` giving how many of its nodes each tier may
    /// miss. Others are void from now on: they are of a course that the job does not take.
    pub fn find(&mut self, nodes: &[u32], bears: impl Fn(Tier) -> usize) -> Option<(Tier, Mark)> {
        let mut best: Option<(Tier, Mark)> = None;
        for tier in Tier::NEAR {
            let near = &mut self.near[tier as usize];
            let missing = |near: &Near| near.nodes.iter().filter(|node| nodes.binary_search(node).is_err()).count();
            let is_here =
                near.as_ref().is_some_and(|near| near.mark.done >= self.remote.done && missing(near) <= bears(tier));
            match near {
                Some(near) if is_here && best.is_none_or(|(_, mark)| near.mark.done > mark.done) => {
                    best = Some((tier, near.mark));
                }
                _ => {}
            }
            if !is_here {
                *near = None;
            }
        }
        if let Some((_, mark)) = best {
            for near in &mut self.near {
                if near.as_ref().is_some_and(|near| near.mark.done > mark.done) {
                    *near = None;
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: fn(i64) -> SimTime = SimTime::from_secs;

    fn mark(done: i64) -> Mark {
        Mark { done, kept: SimDuration::from_secs(done), ..Mark::default() }
    }

    #[test]
    fn what_is_still_being_written_does_not_count() {
        let mut copies = Copies::default();
        copies.save(mark(10), AT(10), AT(30));
        assert_eq!((copies.clone().fall_back(AT(29)).done, copies.clone().fall_back(AT(30)).done), (0, 10));
        copies.save(mark(20), AT(40), AT(40));
        assert_eq!((copies.fall_back(AT(40)).done, copies.writing()), (20, None));
    }

    #[test]
    fn a_near_copy_serves_those_who_come_back_to_its_nodes() {
        let nodes: Arc<[u32]> = Arc::new([3, 5, 9]);
        let mut copies = Copies::default();
        copies.save(mark(10), AT(1), AT(1));
        copies.save_near(Tier::Memory, mark(30), &nodes);
        copies.save_near(Tier::Local, mark(20), &nodes);
        let find = |on: &[u32], bears: [usize; 2]| {
            let mut copies = copies.clone();
            copies.find(on, |tier| bears[tier as usize]).map(|(tier, mark)| (tier, mark.done))
        };
        assert_eq!(find(&[3, 5, 9], [0, 0]), Some((Tier::Memory, 30)));
        assert_eq!(find(&[3, 5, 9, 11], [0, 0]), Some((Tier::Memory, 30)));
        assert_eq!(find(&[3, 5, 8], [0, 0]), None);
        assert_eq!(find(&[3, 5, 8], [0, 1]), Some((Tier::Local, 20)));
        assert_eq!(find(&[3, 5, 8], [1, 1]), Some((Tier::Memory, 30)));
        assert_eq!(find(&[3, 7, 8], [1, 1]), None);
        // The way back to an older copy leaves the newer ones' course.
        assert!(copies.find(&[], |_| 0).is_none() && copies.near.iter().all(Option::is_none));
    }
}
