//! `packed`: as few nodes as can be had now.

use super::{Candidate, Places, best_fit, kinds};

/// On GPUs of one model where some model has enough, on the fewest nodes among those; a gang of several models runs at
/// the pace of the slowest.
pub(super) fn place(candidates: Vec<Candidate>, workers: u32) -> Option<Places> {
    let of_kind = |kind: u32| {
        let of: Vec<Candidate> = candidates.iter().copied().filter(|candidate| candidate.kind == kind).collect();
        on_fewest(of, workers)
    };
    let of_one = kinds(&candidates).into_iter().filter_map(of_kind).min_by_key(Vec::len);
    of_one.or_else(|| on_fewest(candidates, workers))
}

/// The roomiest nodes until one more holds the rest, and then the one that fits it best.
fn on_fewest(mut candidates: Vec<Candidate>, workers: u32) -> Option<Places> {
    let mut places = Vec::new();
    let mut left = workers;
    // A stable sort: ties stay in the order of the nodes.
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.room));
    let mut rest = &candidates[..];
    loop {
        if let Some(last) = best_fit(&in_order(rest), left) {
            places.push((last.node, left));
            places.sort_unstable();
            return Some(places);
        }
        let (first, others) = rest.split_first()?;
        places.push((first.node, first.room));
        left -= first.room;
        rest = others;
    }
}

fn in_order(candidates: &[Candidate]) -> Vec<Candidate> {
    let mut candidates = candidates.to_vec();
    candidates.sort_unstable_by_key(|candidate| candidate.node);
    candidates
}
