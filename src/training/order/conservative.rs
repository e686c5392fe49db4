//! Conservative backfill: every gang that waits has a reservation, in the order of the queue, at the earliest time at
//! which it fits beside those at work and the reservations before it. Whoever starts delays nobody.

use super::{Gang, Holder, Pass, Snapshot, release};
use crate::training::{Node, take};
use crate::units::SimTime;

/// What nodes will have free, from each instant to the next.
struct Profile(Vec<(SimTime, Vec<Node>)>);

impl Profile {
    /// As things are, if only those at work end.
    fn new(pass: &Pass<'_>, snapshot: &Snapshot) -> Profile {
        let by_job = |job: u32| snapshot.waiting.iter().find(|gang| gang.job == job);
        let started = pass.decision.starts.iter().filter_map(|start| {
            let gang = by_job(start.job)?;
            let ends = snapshot.now + gang.remaining;
            Some(Holder { job: gang.job, each: gang.each, places: start.places.clone(), ends })
        });
        let mut holders: Vec<Holder> = snapshot.running.iter().cloned().chain(started).collect();
        holders.sort_by_key(|holder| holder.ends);
        let mut states = vec![(snapshot.now, pass.nodes.clone())];
        for ending in holders.chunk_by(|a, b| a.ends == b.ends) {
            let mut nodes = states[states.len() - 1].1.clone();
            ending.iter().for_each(|holder| release(&mut nodes, holder));
            match ending[0].ends > snapshot.now {
                true => states.push((ending[0].ends, nodes)),
                // It should have ended: it may at any moment, but has not.
                false => {
                    let soon = SimTime::from_nanos(snapshot.now.nanos() + 1);
                    match states.last_mut() {
                        Some((at, last)) if *at == soon => *last = nodes,
                        _ => states.push((soon, nodes)),
                    }
                }
            }
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
