//! Two or more ways to run, compared seed by seed: what differs, how sure that is, and why.
//!
//! A [`Side`] is a policy with its runs. [`compare`] pairs sides by seed and gives a [`Comparison`]: an answer in one
//! sentence, a row a metric with its interval and verdict, and the reasons that differ most. Intervals and verdicts are
//! one thing: a verdict is given exactly where the interval, corrected for the number of comparisons and of looks
//! (Bonferroni), does not hold zero.

mod amounts;
mod direction;
mod judge;
mod looks;
mod metrics;
mod outcome;
mod pairs;
mod reasons;
mod renames;
mod sentence;
mod side;
#[cfg(test)]
mod tests;
mod text;
mod why;

pub use amounts::{count_of, percent_plain};
pub use direction::{Better, better};
pub use judge::{compare, verdict};
pub use looks::{LOOKS, next_look};
pub use metrics::{DEFAULT_METRICS, metrics_of, read_metric};
pub use outcome::{Comparison, Matchup, MetricComparison, Question, VariantWork, Verdict};
pub use pairs::{Judged, Terms, judge_pairs};
pub use reasons::DecisionTally;
pub use side::{Side, SideRun, run_one};
pub use text::{capitalized, cells, csv, legend, markdown, table};
pub use why::Why;
