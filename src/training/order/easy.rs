//! EASY backfill: the first gang that does not fit has a reservation at the earliest instant at which it would if only
//! those at work end; whoever does not delay it may pass.

use super::{Gang, Pass, Snapshot, release};
use crate::training::take;

pub(super) fn backfill<'a>(pass: &mut Pass, snapshot: &Snapshot, head: &Gang, rest: impl Iterator<Item = &'a Gang>) {
    let holders = pass.holders(snapshot);
    // The state expected at the reservation, and when that is.
    let mut expected = pass.nodes.clone();
    let mut gpus: i64 = expected.iter().map(|node| node.free[3].max(0)).sum();
    let wanted = head.each[3] * i64::from(head.workers);
    let mut shadow = None;
    for ending in holders.chunk_by(|a, b| a.ends == b.ends) {
        for holder in ending {
            release(&mut expected, holder);
            gpus += holder.each[3] * holder.places.iter().map(|(_, workers)| i64::from(*workers)).sum::<i64>();
        }
        if gpus >= wanted && pass.place_on(&expected, head).is_some() {
            shadow = Some(ending[0].ends);
            break;
        }
    }
    pass.decision.reserved = Some((head.job, shadow));
    let Some(shadow) = shadow else {
        // It fits at no time: nobody delays it.
        rest.for_each(|gang| {
            pass.try_start(gang, true);
        });
        return;
    };
    for gang in rest {
        let Some(places) = pass.place(gang) else { continue };
        if snapshot.now + gang.remaining > shadow {
            let mut with_it = expected.clone();
            for (node, workers) in &places {
                take(&mut with_it[*node].free, &gang.each, *workers, 1);
            }
            if pass.place_on(&with_it, head).is_none() {
                continue;
            }
            expected = with_it;
        }
        pass.start(gang, places, true);
    }
}
