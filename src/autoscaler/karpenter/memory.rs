//! What was found out of pod specs and templates, which no pass over the same run has to find out again.

use rustc_hash::{FxHashMap, FxHashSet};

use super::planned_claim::{Fit, Refusal};
use super::preferences::Chain;
use crate::cluster::PodSpecId;

/// Kept between passes by whoever asks at every pass. That holds as long as pools, DaemonSets and options stay what they
/// were and the cluster's specs only grow; [`forget_fits`](Self::forget_fits) where the catalogue changed.
#[derive(Debug, Default)]
pub struct Memory {
    pub(super) chains: FxHashMap<PodSpecId, Chain>,
    pub(super) first_fits: FirstFits,
}

impl Memory {
    /// Other instance types are on offer, or at other prices.
    pub fn forget_fits(&mut self) {
        self.first_fits = FirstFits::default();
    }
}

/// By template, spec and level of relaxation.
type Key = (usize, PodSpecId, usize);

/// What an empty planned node of a template says to the first pod of a spec at a level, where nothing but the two
/// decides it.
#[derive(Debug, Default)]
pub(super) struct FirstFits {
    known: FxHashMap<Key, Result<Fit, Refusal>>,
    /// Of these, those that hang on the name of the planned node.
    of_pass: FxHashSet<Key>,
}

impl FirstFits {
    /// `names_a_host`: the answer is good for this pass alone.
    pub fn get(
        &mut self,
        key: Key,
        names_a_host: impl FnOnce() -> bool,
        find_out: impl FnOnce() -> Result<Fit, Refusal>,
    ) -> &Result<Fit, Refusal> {
        self.known.entry(key).or_insert_with(|| {
            if names_a_host() {
                self.of_pass.insert(key);
            }
            find_out()
        })
    }

    pub fn end_pass(&mut self) {
        for key in self.of_pass.drain() {
            self.known.remove(&key);
        }
    }
}
