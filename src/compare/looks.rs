//! Adding seeds until a comparison is settled, without looking so often that chance finds something.

use super::outcome::{Comparison, Verdict};

/// How often the runs are looked at: at first, after the seeds that the first look asked for, once more for a first look
/// that saw too little spread, and at the most seeds allowed. Every interval is made for this many.
pub const LOOKS: usize = 4;

/// How many pairs the next look has, where one is needed: after look `looked` (from 1), for the metrics of `decisive`.
/// What is asked for hangs on the spread alone, not on how large the difference seems.
pub fn next_look(comparison: &Comparison, decisive: &[String], looked: usize, most: usize) -> Option<usize> {
    let pairs = comparison.pairs;
    let open = comparison.comparisons.iter().filter(|row| {
        decisive.contains(&row.metric) && row.verdict == Verdict::CantTell && !row.same_in_every_seed && !row.is_null()
    });
    let asked = open.filter_map(|row| match (row.pairs_needed, row.interval[0]) {
        // One pair, or a few that all differ alike, say nothing of the spread yet.
        (None, None) => Some(2 * pairs.max(5)),
        (needed, _) => Some(needed? as usize),
    });
    let asked = asked.max()?;
    let is_last = looked + 1 >= LOOKS;
    let next = if is_last { most } else { asked.min(most) };
    (looked < LOOKS && asked > pairs && next > pairs).then_some(next)
}
