//! Dominant resource shares: how much a ClusterQueue or Cohort borrows, in thousandths of what its parent could lend.
//!
//! Kueue (0.20): `pkg/cache/scheduler/fair_sharing.go`. Floats are upstream's own.

use std::cmp::Ordering;
use std::sync::Arc;

use super::amount::Amount;
use super::names::{Fr, Names};
use super::tree::{Books, NodeId};

/// How much a node borrows.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    pub weight: f64,
    /// Thousandths of what could be lent, before the weight.
    pub ratio: f64,
    /// The resource with the largest ratio; empty where nothing is borrowed.
    pub resource: Arc<str>,
    /// Whether anything is borrowed, be its ratio zero.
    pub borrows: bool,
    pub borrowed: Vec<Fr>,
}

impl Share {
    fn nothing(weight: f64) -> Share {
        Share { weight, ratio: 0.0, resource: "".into(), borrows: false, borrowed: Vec::new() }
    }

    /// Below every share that a node can have.
    pub fn lowest() -> Share {
        Share { ratio: -1.0, ..Share::nothing(1.0) }
    }

    /// The share of a node with what is booked and `more`; zero for a root.
    pub fn of(books: &Books, names: &Names, node: NodeId, more: &[(Fr, Amount)]) -> Share {
        let tree = &books.tree;
        let mut share = Share::nothing(tree.node(node).weight);
        let Some(parent) = tree.node(node).parent else { return share };
        let pairs = || (0..names.pairs() as u32).map(Fr);
        let mut by_resource: Vec<(super::names::ResourceIx, Amount)> = Vec::new();
        for pair in pairs().filter(|pair| tree.lists(node, *pair)) {
            let added = more.iter().find(|(other, _)| *other == pair).map_or(Amount::ZERO, |(_, amount)| *amount);
            let over = added + books.used(node, pair) - tree.subtree(node, pair);
            if over > Amount::ZERO {
                share.borrowed.push(pair);
                let (_, resource) = names.parts(pair);
                match by_resource.iter_mut().find(|(other, _)| *other == resource) {
                    Some((_, sum)) => *sum = *sum + over,
                    None => by_resource.push((resource, over)),
                }
            }
        }
        if by_resource.is_empty() {
            return share;
        }
        share.borrows = true;
        let root = tree.root(parent);
        for (resource, over) in by_resource {
            let lendable = pairs()
                .filter(|pair| tree.lists(root, *pair) && names.parts(*pair).1 == resource)
                .fold(Amount::ZERO, |sum, pair| sum + tree.potential(parent, pair));
            if lendable <= Amount::ZERO {
                continue;
            }
            let ratio = over.0 as f64 * 1000.0 / lendable.0 as f64;
            let name = names.resource_name(resource);
            if ratio > share.ratio || (ratio == share.ratio && **name < *share.resource) {
                (share.ratio, share.resource) = (ratio, Arc::clone(name));
            }
        }
        share
    }

    pub fn borrows_any(&self, wanted: &[(Fr, Amount)]) -> bool {
        self.borrowed.iter().any(|pair| wanted.iter().any(|(other, amount)| other == pair && *amount > Amount::ZERO))
    }

    /// Divided by the weight; infinite where a node of weight zero borrows.
    pub fn weighted(&self) -> f64 {
        if self.ratio == 0.0 {
            return 0.0;
        }
        if self.weight == 0.0 { f64::INFINITY } else { self.ratio / self.weight }
    }

    fn is_infinite(&self) -> bool {
        self.weight == 0.0 && self.ratio != 0.0
    }

    /// The lower share is served first and preempted last. Two infinite ones compare by their ratio.
    pub fn compare(&self, other: &Share) -> Ordering {
        match (self.is_infinite(), other.is_infinite()) {
            (true, true) => self.ratio.total_cmp(&other.ratio),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.weighted().partial_cmp(&other.weighted()).unwrap_or(Ordering::Equal),
        }
    }
}
