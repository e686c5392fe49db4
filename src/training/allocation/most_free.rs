//! Placing gangs one after the other, each on the nodes with the most room: no regard to how far it is spread.

use super::Places;
use crate::training::{Gang, Node, room, take};

/// From the node with the most room as many workers as it has or the gang still needs, and again; ties to the first. The places
/// stand in the order in which they were taken, which is the order of the workers' ring. `None` where there is not enough room,
/// and nothing is taken.
pub(super) fn place(nodes: &mut [Node], eligible: &[bool], gang: &Gang, workers: u32) -> Option<Places> {
    let mut places: Places = Vec::new();
    let mut left = workers;
    while left > 0 {
        let of =
            |index: usize| if eligible.get(index) == Some(&true) { room(&nodes[index].free, &gang.each) } else { 0 };
        let best = (0..nodes.len()).max_by_key(|index| (of(*index), std::cmp::Reverse(*index)));
        let Some((best, here)) = best.map(|best| (best, of(best).min(left))).filter(|(_, here)| *here > 0) else {
            for (node, workers) in places {
                take(&mut nodes[node].free, &gang.each, workers, -1);
            }
            return None;
        };
        take(&mut nodes[best].free, &gang.each, here, 1);
        places.push((best, here));
        left -= here;
    }
    Some(places)
}
