//! ClusterQueues and Cohorts as a tree, what each may use, and what is used: the arithmetic of borrowing and lending.
//!
//! Kueue (0.20): `pkg/cache/scheduler/resource_node.go`, `clusterqueue_snapshot.go`,
//! `pkg/scheduler/preemption/classical/hierarchical_preemption.go`.

use std::sync::Arc;

use super::amount::Amount;
use super::names::Fr;

/// A ClusterQueue or a Cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a ClusterQueue or Cohort has of a resource in a flavor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    pub nominal: Amount,
    pub borrowing_limit: Option<Amount>,
    pub lending_limit: Option<Amount>,
}

/// A cohort or a queue in the tree of quotas.
#[derive(Clone, Debug)]
pub struct Node {
    pub name: Arc<str>,
    pub is_queue: bool,
    pub parent: Option<NodeId>,
    /// Child cohorts, by name.
    pub cohorts: Vec<NodeId>,
    /// Child ClusterQueues, by name.
    pub queues: Vec<NodeId>,
    /// The longest way down to a leaf; a cohort with children at least 1.
    pub height: u32,
    /// `fairSharing.weight`.
    pub weight: f64,
    quotas: Vec<Option<Quota>>,
    subtree: Vec<Amount>,
    /// Whether the node or one below it lists the pair.
    listed: Vec<bool>,
}

/// The nodes; what they use stands in [`Books`].
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub nodes: Vec<Node>,
    pairs: usize,
}

impl Tree {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// A node without parent, children and quota yet.
    pub fn add(&mut self, name: Arc<str>, is_queue: bool, weight: f64) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node {
            name,
            is_queue,
            parent: None,
            cohorts: Vec::new(),
            queues: Vec::new(),
            height: 0,
            weight,
            quotas: Vec::new(),
            subtree: Vec::new(),
            listed: Vec::new(),
        });
        id
    }

    pub fn set_quota(&mut self, node: NodeId, pair: Fr, quota: Quota) {
        let node = &mut self.nodes[node.index()];
        if node.quotas.len() <= pair.0 as usize {
            node.quotas.resize(pair.0 as usize + 1, None);
        }
        node.quotas[pair.0 as usize] = Some(quota);
    }

    /// Works out what hangs on all nodes, once parents and quotas are known. Parents must form no circle.
    pub fn finish(&mut self, pairs: usize) {
        self.pairs = pairs;
        for node in &mut self.nodes {
            (node.cohorts, node.queues) = (Vec::new(), Vec::new());
            node.quotas.resize(pairs, None);
        }
        let mut by_name: Vec<NodeId> = self.ids().collect();
        by_name.sort_by(|a, b| self.node(*a).name.cmp(&self.node(*b).name));
        for id in by_name {
            let Some(parent) = self.node(id).parent else { continue };
            let is_queue = self.node(id).is_queue;
            let parent = &mut self.nodes[parent.index()];
            if is_queue { parent.queues.push(id) } else { parent.cohorts.push(id) }
        }
        for root in self.ids().filter(|id| self.node(*id).parent.is_none()).collect::<Vec<_>>() {
            self.sum_up(root);
        }
    }

    fn sum_up(&mut self, id: NodeId) {
        let children: Vec<NodeId> = [&self.node(id).cohorts[..], &self.node(id).queues[..]].concat();
        let mut subtree: Vec<Amount> =
            self.node(id).quotas.iter().map(|quota| quota.map_or(Amount::ZERO, |quota| quota.nominal)).collect();
        let mut listed: Vec<bool> = self.node(id).quotas.iter().map(Option::is_some).collect();
        let mut height = u32::from(!children.is_empty());
        for child in children {
            self.sum_up(child);
            let child_node = self.node(child);
            if !child_node.is_queue {
                height = height.max(child_node.height + 1);
            }
            for pair in (0..self.pairs as u32).map(Fr) {
                let at = pair.0 as usize;
                listed[at] |= child_node.listed[at];
                subtree[at] = subtree[at] + (child_node.subtree[at] - self.local(child, pair));
            }
        }
        let node = &mut self.nodes[id.index()];
        (node.subtree, node.listed, node.height) = (subtree, listed, height);
    }

    /// The node's own quota; nothing where it lists none.
    pub fn quota(&self, node: NodeId, pair: Fr) -> Quota {
        self.node(node).quotas.get(pair.0 as usize).copied().flatten().unwrap_or_default()
    }

    /// Own quota and what children do not keep for themselves.
    pub fn subtree(&self, node: NodeId, pair: Fr) -> Amount {
        self.node(node).subtree.get(pair.0 as usize).copied().unwrap_or_default()
    }

    /// Whether the node or one below it lists the pair.
    pub fn lists(&self, node: NodeId, pair: Fr) -> bool {
        self.node(node).listed.get(pair.0 as usize).copied().unwrap_or(false)
    }

    /// The part of the subtree's quota that its parent never sees.
    fn local(&self, node: NodeId, pair: Fr) -> Amount {
        match self.quota(node, pair).lending_limit {
            Some(limit) => (self.subtree(node, pair) - limit).above_zero(),
            None => Amount::ZERO,
        }
    }

    pub fn has_parent(&self, node: NodeId) -> bool {
        self.node(node).parent.is_some()
    }

    /// The ancestors, nearest first.
    pub fn ancestors(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.node(node).parent, |id| self.node(*id).parent)
    }

    pub fn root(&self, node: NodeId) -> NodeId {
        self.ancestors(node).last().unwrap_or(node)
    }

    /// All ClusterQueues at or below a node.
    pub fn queues_below(&self, node: NodeId) -> Vec<NodeId> {
        let mut found = Vec::new();
        let mut open = vec![node];
        while let Some(id) = open.pop() {
            let node = self.node(id);
            if node.is_queue {
                found.push(id);
            }
            found.extend(&node.queues);
            open.extend(&node.cohorts);
        }
        found
    }

    /// What an empty tree would allow.
    pub fn potential(&self, node: NodeId, pair: Fr) -> Amount {
        let Some(parent) = self.node(node).parent else { return self.subtree(node, pair) };
        let all = self.local(node, pair) + self.potential(parent, pair);
        match self.quota(node, pair).borrowing_limit {
            Some(limit) => all.min(self.subtree(node, pair) + limit),
            None => all,
        }
    }
}

/// What is used, at every node.
#[derive(Clone, Debug)]
pub struct Books {
    pub tree: Arc<Tree>,
    used: Vec<Amount>,
}

impl Books {
    pub fn new(tree: Arc<Tree>) -> Books {
        let used = vec![Amount::ZERO; tree.nodes.len() * tree.pairs];
        Books { tree, used }
    }

    fn cell(&self, node: NodeId, pair: Fr) -> Option<usize> {
        ((pair.0 as usize) < self.tree.pairs).then(|| node.index() * self.tree.pairs + pair.0 as usize)
    }

    pub fn used(&self, node: NodeId, pair: Fr) -> Amount {
        self.cell(node, pair).map_or(Amount::ZERO, |cell| self.used[cell])
    }

    /// Quota of the node's own that is neither used nor seen by its parent.
    pub fn local_available(&self, node: NodeId, pair: Fr) -> Amount {
        (self.tree.local(node, pair) - self.used(node, pair)).above_zero()
    }

    /// What is left; below zero where more is used than there is.
    fn left(&self, node: NodeId, pair: Fr) -> Amount {
        let tree = &self.tree;
        let Some(parent) = tree.node(node).parent else { return tree.subtree(node, pair) - self.used(node, pair) };
        let mut above = self.left(parent, pair);
        if let Some(limit) = tree.quota(node, pair).borrowing_limit {
            let local = tree.local(node, pair);
            let stored = tree.subtree(node, pair) - local;
            let used_above = (self.used(node, pair) - local).above_zero();
            above = above.min((stored - used_above) + limit);
        }
        self.local_available(node, pair) + above
    }

    /// What a ClusterQueue may still take, borrowing included.
    pub fn available(&self, node: NodeId, pair: Fr) -> Amount {
        self.left(node, pair).above_zero()
    }

    pub fn add(&mut self, node: NodeId, pair: Fr, amount: Amount) {
        let Some(cell) = self.cell(node, pair) else { return };
        let local = self.local_available(node, pair);
        self.used[cell] = self.used[cell] + amount;
        if let Some(parent) = self.tree.node(node).parent
            && amount > local
        {
            self.add(parent, pair, amount - local);
        }
    }

    pub fn remove(&mut self, node: NodeId, pair: Fr, amount: Amount) {
        let Some(cell) = self.cell(node, pair) else { return };
        let above = self.used[cell] - self.tree.local(node, pair);
        self.used[cell] = self.used[cell] - amount;
        if let Some(parent) = self.tree.node(node).parent
            && above > Amount::ZERO
        {
            self.remove(parent, pair, amount.min(above));
        }
    }

    /// Whether the node takes more than its own with `amount` in addition.
    pub fn borrows_with(&self, node: NodeId, pair: Fr, amount: Amount) -> bool {
        let own = if self.tree.node(node).is_queue {
            self.tree.quota(node, pair).nominal
        } else {
            self.tree.subtree(node, pair)
        };
        own < self.used(node, pair) + amount
    }

    /// Whether the node uses no more than its own of each pair.
    pub fn within_nominal(&self, node: NodeId, pairs: &[Fr]) -> bool {
        pairs.iter().all(|pair| self.tree.subtree(node, *pair) >= self.used(node, *pair))
    }

    /// From how far up `amount` would come (0: the ClusterQueue's own), and whether the smallest subtree that holds it
    /// is less than the whole tree, so that quota lent out may be reclaimed.
    pub fn borrowing_level(&self, queue: NodeId, pair: Fr, amount: Amount) -> (u32, bool) {
        let tree = &self.tree;
        let has_parent = tree.has_parent(queue);
        if !has_parent || !self.borrows_with(queue, pair, amount) {
            return (0, has_parent);
        }
        let mut rest = amount - self.local_available(queue, pair);
        for cohort in tree.ancestors(queue) {
            if !self.borrows_with(cohort, pair, rest) {
                return (tree.node(cohort).height, tree.has_parent(cohort));
            }
            rest = rest - self.local_available(cohort, pair);
        }
        (tree.node(tree.root(queue)).height, false)
    }

    /// Whether the requests fit in the node's own quota, and what of them goes on to its parent.
    pub fn fit_in_own(&self, node: NodeId, requests: &[(Fr, Amount)]) -> (bool, Vec<(Fr, Amount)>) {
        let fits =
            requests.iter().all(|(pair, amount)| self.tree.subtree(node, *pair) >= self.used(node, *pair) + *amount);
        let rest = requests
            .iter()
            .map(|(pair, amount)| (*pair, (*amount - self.local_available(node, *pair)).above_zero()))
            .collect();
        (fits, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Root without quota; a cohort of 2 under it with a ClusterQueue of 4 that lends 1; a ClusterQueue of 3 that
    /// borrows 2 at most.
    fn example() -> (Books, NodeId, NodeId, NodeId, NodeId) {
        let quota = |nominal, borrowing_limit: Option<i64>, lending_limit: Option<i64>| Quota {
            nominal: Amount(nominal),
            borrowing_limit: borrowing_limit.map(Amount),
            lending_limit: lending_limit.map(Amount),
        };
        let mut tree = Tree::default();
        let root = tree.add("r".into(), false, 1.0);
        let cohort = tree.add("a".into(), false, 1.0);
        let lender = tree.add("q".into(), true, 1.0);
        let limited = tree.add("x".into(), true, 1.0);
        for (child, parent) in [(cohort, root), (lender, cohort), (limited, root)] {
            tree.nodes[child.index()].parent = Some(parent);
        }
        tree.set_quota(cohort, Fr(0), quota(2, None, None));
        tree.set_quota(lender, Fr(0), quota(4, None, Some(1)));
        tree.set_quota(limited, Fr(0), quota(3, Some(2), None));
        tree.finish(1);
        (Books::new(Arc::new(tree)), root, cohort, lender, limited)
    }

    #[test]
    fn lending_and_borrowing_limits_bound_what_each_sees() {
        let (mut books, root, cohort, lender, limited) = example();
        assert_eq!(books.tree.subtree(cohort, Fr(0)), Amount(3));
        assert_eq!(books.tree.subtree(root, Fr(0)), Amount(6));
        assert_eq!(books.tree.potential(lender, Fr(0)), Amount(9));
        assert_eq!(books.tree.potential(limited, Fr(0)), Amount(5));
        books.add(lender, Fr(0), Amount(5));
        assert_eq!((books.used(cohort, Fr(0)), books.used(root, Fr(0))), (Amount(2), Amount(2)));
        assert_eq!(books.available(lender, Fr(0)), Amount(4));
        assert_eq!(books.available(limited, Fr(0)), Amount(4));
        assert_eq!(books.borrowing_level(lender, Fr(0), Amount(1)), (1, true));
        assert_eq!(books.borrowing_level(lender, Fr(0), Amount(2)), (2, false));
        books.remove(lender, Fr(0), Amount(5));
        assert_eq!((books.used(cohort, Fr(0)), books.used(root, Fr(0))), (Amount(0), Amount(0)));
    }
}
