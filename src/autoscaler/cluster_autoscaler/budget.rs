//! How many nodes may be deleted at once: all-or-none groups whole or not at all, then empty nodes, then nodes to drain
//! (`core/scaledown/budgets`).

/// Nodes of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket<T> {
    /// The caller's number of the group.
    pub group: usize,
    pub nodes: Vec<T>,
}

/// What the budget wants to know of a group.
#[derive(Clone, Copy, Debug)]
pub struct BudgetGroup {
    pub target_size: i64,
    /// Nodes in the cluster.
    pub registered: i64,
    /// All or none.
    pub atomic: bool,
}

/// Nodes that may be deleted at once, and of these the ones that may be drained, less what is under way.
#[derive(Clone, Copy, Debug)]
pub struct Parallelism {
    pub deletions: i64,
    pub drains: i64,
}

/// Buckets by group in the order of first mention.
pub fn bucket<T>(nodes: impl IntoIterator<Item = (usize, T)>) -> Vec<Bucket<T>> {
    let mut buckets: Vec<Bucket<T>> = Vec::new();
    for (group, node) in nodes {
        match buckets.iter_mut().find(|bucket| bucket.group == group) {
            Some(bucket) => bucket.nodes.push(node),
            None => buckets.push(Bucket { group, nodes: vec![node] }),
        }
    }
    buckets
}

/// Empty nodes and nodes to drain that are deleted now.
pub fn crop<T: Clone>(
    empty: Vec<Bucket<T>>,
    drain: Vec<Bucket<T>>,
    left: Parallelism,
    group: impl Fn(usize) -> BudgetGroup,
) -> (Vec<Bucket<T>>, Vec<Bucket<T>>) {
    let split =
        |buckets: Vec<Bucket<T>>| -> (Vec<_>, Vec<_>) { buckets.into_iter().partition(|b| group(b.group).atomic) };
    let (empty_atomic, empty_single) = split(empty);
    let (drain_atomic, drain_single) = split(drain);
    let (mut deletions, mut drains) = (left.deletions, left.drains);
    let (mut empty_out, mut drain_out) = (Vec::new(), Vec::new());
    // One all-or-none group may overflow the budgets, so that large ones do not wait for ever.
    let mut can_overflow = true;

    for bucket in &empty_atomic {
        let partner = drain_atomic.iter().find(|other| other.group == bucket.group);
        let to_drain = partner.map_or(0, |other| other.nodes.len() as i64);
        let both = bucket.nodes.len() as i64 + to_drain;
        if (deletions < both || drains < to_drain) && (deletions == 0 || (to_drain > 0 && drains == 0) || !can_overflow)
        {
            break;
        }
        let facts = group(bucket.group);
        if both != facts.target_size && both != facts.registered {
            continue;
        }
        empty_out.push(bucket.clone());
        drain_out.extend(partner.cloned());
        deletions -= both;
        drains -= to_drain;
        can_overflow = false;
    }

    drains = drains.min(deletions);
    for bucket in &drain_atomic {
        if empty_atomic.iter().any(|other| other.group == bucket.group) {
            continue;
        }
        let count = bucket.nodes.len() as i64;
        if drains < count && (drains == 0 || !can_overflow) {
            break;
        }
        let facts = group(bucket.group);
        if count != facts.target_size && count != facts.registered {
            continue;
        }
        drain_out.push(bucket.clone());
        deletions -= count;
        drains -= count;
        can_overflow = false;
    }

    deletions -= crop_single(&mut empty_out, empty_single, deletions);
    drains = drains.min(deletions);
    crop_single(&mut drain_out, drain_single, drains);
    (empty_out, drain_out)
}

/// Takes nodes group by group while the budget lasts; returns how many.
fn crop_single<T>(out: &mut Vec<Bucket<T>>, buckets: Vec<Bucket<T>>, budget: i64) -> i64 {
    let mut left = budget;
    for mut bucket in buckets {
        if left < 1 {
            break;
        }
        bucket.nodes.truncate(left as usize);
        left -= bucket.nodes.len() as i64;
        out.push(bucket);
    }
    budget - left
}
