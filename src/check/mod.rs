//! Expectations on a run: what they mean, whether they hold, and how that is told to people and to CI.
//!
//! [`Expectation::compile`] turns what a scenario says into something that can be judged, before anything runs, so that a
//! misspelt name costs no time. [`judge`] holds one run against it. [`Tally`] adds up several seeds. The names that an
//! expectation can use are those of the summary's own type ([`FigureNames`]) and of the declared columns.

mod amount;
mod baseline;
mod compile;
mod condition;
mod decisions;
mod expectation;
mod figure_names;
pub mod junit;
pub mod markdown;
mod paired;
mod run;
mod series;
mod tally;
mod verdict;
mod witness;

pub use amount::{Unit, percentage, read as read_amount};
pub use baseline::{Baseline, BaselineSuite, judge as judge_baseline};
pub use compile::{Plan, plans};
pub use expectation::{Bound, Comparison, Expectation, Misread, Subject};
pub use figure_names::FigureNames;
pub use paired::{Interval, paired_interval, t_quantile};
pub use run::Run;
pub use series::FUNCTION_NAMES;
pub use tally::{Needed, SeedVerdict, Suite, Tally};
pub use verdict::{Verdict, judge};
