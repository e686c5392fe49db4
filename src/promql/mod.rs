//! PromQL: samples in, vectors out, as Prometheus 3 evaluates it.
//!
//! [`Query::parse`] reads an expression (with the parser of another crate) and refuses at once what is not evaluated here:
//! native histograms, and a few experimental functions. [`evaluate`] works it out at an instant over a [`Store`]. A query
//! keeps what it has worked out about label sets, so asking it again and again is cheap. A [`Plan`] asks many queries again
//! and again, and works out only what has changed.
//!
//! Semantics are upstream's (`promql/engine.go`, `promql/functions.go`, 3.14): ranges are open at their left, a series that
//! is marked stale has no value, a value is looked for 5 minutes back, counters that fall were reset, rates are
//! extrapolated. Names of metrics are dropped at once where a function drops them.

mod aggregate;
mod binary;
mod calendar;
mod eval;
mod function;
mod histogram;
mod labels;
mod matching;
mod maths;
mod memo;
mod mistake;
mod needs;
mod over_time;
mod plan;
mod query;
mod rates;
mod relabel;
mod store;
mod sums;

pub use eval::{Context, EvalError, LOOKBACK, Sample, Value, evaluate};
pub use function::function_names;
pub use labels::{LabelTable, LabelsId, NAME, Symbol};
pub use mistake::{Mistake, mistake_in};
pub use needs::Outlook;
pub use plan::{Plan, PlanId, Shape, Vector};
pub use query::{Query, Selected, Unsupported};
pub use store::{AxisId, Point, STALE, SeriesId, Store};
