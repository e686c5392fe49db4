//! `fill`: the fullest nodes first.

use super::{Candidate, Places};

pub(super) fn place(mut candidates: Vec<Candidate>, workers: u32) -> Option<Places> {
    candidates.sort_by_key(|candidate| candidate.room);
    let mut places = Vec::new();
    let mut left = workers;
    for candidate in candidates {
        let here = candidate.room.min(left);
        places.push((candidate.node, here));
        left -= here;
        if left == 0 {
            places.sort_unstable();
            return Some(places);
        }
    }
    None
}
