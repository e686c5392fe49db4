//! What a node of a query remembers from one evaluation to the next.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::labels::LabelsId;
use super::store::SeriesId;

/// A node's number.
pub(super) type MemoId = usize;

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// A selector's series, of how many that it has looked at.
    pub resolved: Vec<SeriesId>,
    pub looked: usize,
    pub compactions: u64,
    /// What becomes of a label set: a group's, a signature, one without its name.
    pub left: FxHashMap<LabelsId, LabelsId>,
    pub right: FxHashMap<LabelsId, LabelsId>,
    /// What becomes of a pair.
    pub pairs: FxHashMap<(LabelsId, LabelsId), LabelsId>,
    /// What a subquery found, by time.
    pub steps: VecDeque<(i64, Vec<(LabelsId, f64)>)>,
}
