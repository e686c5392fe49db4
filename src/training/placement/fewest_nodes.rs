//! `fewestNodes`: wholly free nodes, and the rest on one more.

use super::{Candidate, Places, best_fit, kinds};

pub(super) fn place(candidates: &[Candidate], workers: u32) -> Option<Places> {
    kinds(candidates).into_iter().find_map(|kind| {
        let of: Vec<Candidate> = candidates.iter().copied().filter(|candidate| candidate.kind == kind).collect();
        on_whole_nodes(&of, workers)
    })
}

/// As many free nodes as it fills, the first ones; the remainder goes where the least room is left for it.
fn on_whole_nodes(candidates: &[Candidate], workers: u32) -> Option<Places> {
    let size = candidates.iter().map(|candidate| candidate.whole).max()?;
    let (full, rest) = ((workers / size) as usize, workers % size);
    let is_free = |candidate: &&Candidate| candidate.room == size;
    let mut places: Places =
        candidates.iter().filter(is_free).take(full).map(|candidate| (candidate.node, size)).collect();
    if places.len() < full {
        return None;
    }
    if rest > 0 {
        let others: Vec<Candidate> = candidates
            .iter()
            .copied()
            .filter(|candidate| !places.iter().any(|(node, _)| *node == candidate.node))
            .collect();
        places.push((best_fit(&others, rest)?.node, rest));
    }
    places.sort_unstable();
    Some(places)
}
