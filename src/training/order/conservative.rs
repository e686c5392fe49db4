//! Conservative backfill: every gang that waits has a reservation, in the order of the queue, at the earliest time at
//! which it fits beside those at work and the reservations before it. Whoever starts delays nobody.

use super::{Gang, Pass, Snapshot, release};
use crate::training::{Node, take};
use crate::units::SimTime;

/// What nodes will have free, from each instant to the next.
struct Profile(Vec<(SimTime, Vec<Node>)>);

impl Profile {
    /// As things are, if only those at work end.
    fn new(pass: &Pass<'_>, snapshot: &Snapshot) -> Profile {
        // Who should have ended may at any moment, but has not.
        let soon = SimTime::from_nanos(snapshot.now.nanos() + 1);
        let mut states = vec![(snapshot.now, pass.nodes.clone())];
        for ending in pass.holders(snapshot).chunk_by(|a, b| a.ends.max(soon) == b.ends.max(soon)) {
            let mut nodes = states[states.len() - 1].1.clone();
            ending.iter().for_each(|holder| release(&mut nodes, holder));
            states.push((ending[0].ends.max(soon), nodes));
        }
        Profile(states)
    }

    /// The earliest time from which the gang has room until it is done, and where.
    fn earliest(&self, pass: &Pass<'_>, gang: &Gang) -> Option<(SimTime, Vec<(usize, u32)>)> {
        self.0.iter().enumerate().find_map(|(first, (start, nodes))| {
            let end = *start + gang.remaining;
            let mut least = nodes.clone();
            for (_, later) in self.0[first + 1..].iter().take_while(|(at, _)| *at < end) {
                for (node, later) in least.iter_mut().zip(later) {
                    node.free.iter_mut().zip(later.free).for_each(|(free, later)| *free = later.min(*free));
                }
            }
            Some((*start, pass.place_on(&least, gang)?))
        })
    }

    /// Nobody else gets these places from `start` until the gang is done.
    fn reserve(&mut self, gang: &Gang, start: SimTime, places: &[(usize, u32)]) {
        let end = start + gang.remaining;
        let after = self.0.partition_point(|(at, _)| *at < end);
        if self.0.get(after).is_none_or(|(at, _)| *at > end) {
            let nodes = self.0[after - 1].1.clone();
            self.0.insert(after, (end, nodes));
        }
        for (_, nodes) in self.0.iter_mut().filter(|(at, _)| (start..end).contains(at)) {
            for (node, workers) in places {
                take(&mut nodes[*node].free, &gang.each, *workers, 1);
            }
        }
    }
}

pub(super) fn backfill<'a>(
    pass: &mut Pass<'_>,
    snapshot: &Snapshot,
    head: &'a Gang,
    rest: impl Iterator<Item = &'a Gang>,
) {
    let mut profile = Profile::new(pass, snapshot);
    pass.decision.reserved = Some((head.job, None));
    for gang in std::iter::once(head).chain(rest) {
        let Some((start, places)) = profile.earliest(pass, gang) else { continue };
        profile.reserve(gang, start, &places);
        if gang.job == head.job {
            pass.decision.reserved = Some((head.job, Some(start)));
        }
        if start == snapshot.now {
            pass.start(gang, places, gang.job != head.job);
        }
    }
}
