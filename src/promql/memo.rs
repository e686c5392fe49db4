//! What a node of a query remembers from one evaluation to the next.

use std::collections::VecDeque;
use std::fmt;

use rustc_hash::FxHashMap;

use super::labels::{LabelsId, Symbol};
use super::store::{SeriesId, Store};

/// A node's number among those of its query. It is no part of what the node says, so it is not written with it.
#[derive(Clone, Copy)]
pub(super) struct MemoId(pub usize);

impl fmt::Debug for MemoId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("_")
    }
}

/// The series of a selector, of how many that it has looked at.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub ids: Vec<SeriesId>,
    looked: usize,
    compactions: u64,
}

impl Resolved {
    /// Looks which series of a metric (or of all) a selector selects, as far as they are new; says whether there are others
    /// than before.
    pub fn resolve(&mut self, name: Option<Symbol>, store: &Store, selects: impl Fn(LabelsId) -> bool) -> bool {
        let listed = store.listed(name);
        if self.compactions == listed.compactions && self.looked == listed.ids.len() {
            return false;
        }
        let before = self.ids.len();
        let starts_anew = self.compactions != listed.compactions;
        if starts_anew {
            (self.compactions, self.looked) = (listed.compactions, 0);
            self.ids.clear();
        }
        for id in &listed.ids[self.looked..] {
            if selects(store.stored(*id).labels) {
                self.ids.push(*id);
            }
        }
        self.looked = listed.ids.len();
        starts_anew || self.ids.len() != before
    }
}

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Memo {
    pub resolved: Resolved,
    /// What becomes of a label set: a group's, a signature, one without its name.
    pub left: FxHashMap<LabelsId, LabelsId>,
    pub right: FxHashMap<LabelsId, LabelsId>,
    /// What becomes of a pair.
    pub pairs: FxHashMap<(LabelsId, LabelsId), LabelsId>,
    /// What a subquery found, by time.
    pub steps: VecDeque<(i64, Vec<(LabelsId, f64)>)>,
}

impl Memo {
    /// Forgets what became of label sets where that is much.
    pub fn forget_beyond(&mut self, most: usize) {
        if self.left.len() + self.right.len() + self.pairs.len() > most {
            self.left.clear();
            self.right.clear();
            self.pairs.clear();
        }
    }
}
