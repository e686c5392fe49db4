//! `spread`: evenly over the nodes.

use super::{Candidate, Places};

/// One worker at a time to the node that has the fewest of the gang, the roomiest among those.
pub(super) fn place(candidates: Vec<Candidate>, workers: u32) -> Option<Places> {
    let mut counts = vec![0u32; candidates.len()];
    for _ in 0..workers {
        let open = (0..candidates.len()).filter(|index| counts[*index] < candidates[*index].room);
        let key = |index: &usize| (counts[*index], std::cmp::Reverse(candidates[*index].room - counts[*index]), *index);
        let next = open.min_by_key(key)?;
        counts[next] += 1;
    }
    let used = candidates.iter().zip(counts).filter(|(_, count)| *count > 0);
    Some(used.map(|(candidate, count)| (candidate.node, count)).collect())
}
