//! What is asked of a comparison, and what it comes to.

use serde::{Serialize, Serializer};

use super::why::Why;

/// A side held against another, by their indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matchup {
    pub baseline: usize,
    pub variant: usize,
}

/// What is asked of the sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The first is what the answer is about.
    pub metrics: Vec<String>,
    /// Of all intervals together.
    pub level: f64,
    /// The smallest difference that matters, as a part of the baseline.
    pub precision: f64,
    /// How often the runs may be looked at while seeds are added; 1: once.
    pub looks: usize,
}

/// What the interval of a difference says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Better,
    Worse,
    CantTell,
    /// Of a figure that is neither good nor bad.
    Higher,
    Lower,
}

impl Verdict {
    pub const fn words(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::CantTell => "can't tell",
            Verdict::Higher => "higher",
            Verdict::Lower => "lower",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.words())
    }
}

/// One metric of one variant against its baseline. `null` is what can't be told.
#[derive(Clone, Debug, Serialize)]
pub struct MetricComparison {
    pub variant: String,
    pub baseline: String,
    pub metric: String,
    pub mean: Option<f64>,
    pub baseline_mean: Option<f64>,
    pub difference: Option<f64>,
    /// Of the mean difference; `[null, null]` where the pairs say nothing of it.
    pub interval: [Option<f64>; 2],
    /// The difference as a part of the baseline.
    pub relative: Option<f64>,
    pub verdict: Verdict,
    /// Mean over mean, and the half width of its interval.
    pub ratio: Option<[Option<f64>; 2]>,
    pub same_in_every_seed: bool,
    /// How many pairs find a difference of the precision asked for in nine of ten such comparisons.
    pub pairs_needed: Option<u64>,
    /// Of these, those still to be run; only where the verdict is open.
    pub more_seeds: Option<u64>,
    /// Runs of the variant and of the baseline in which the figure is `null` or missing.
    pub null_runs: [usize; 2],
}

impl MetricComparison {
    /// True where some run has no value of it.
    pub fn is_null(&self) -> bool {
        self.null_runs != [0, 0]
    }
}

/// Work that a variant leaves undone: without it, its figures are not those of the same work.
#[derive(Clone, Debug, Serialize)]
pub struct VariantWork {
    pub variant: String,
    pub baseline: String,
    /// In words; `null` where all work was served.
    pub unserved: Option<String>,
}

/// The outcome; its serialized form is what `--format json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// In one sentence.
    pub answer: String,
    /// Of all intervals together.
    pub level: f64,
    /// Of each interval by itself, corrected for the number of comparisons and looks.
    pub interval_level: f64,
    pub pairs: usize,
    pub seeds: Vec<u64>,
    pub precision: f64,
    pub looks: usize,
    pub comparisons: Vec<MetricComparison>,
    pub variants: Vec<VariantWork>,
    pub why: Vec<Why>,
    /// What should be known of the runs: seeds left out, other durations.
    pub notes: Vec<String>,
}
