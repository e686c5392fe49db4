//! Prometheus rules on simulated time: which alerts fire in a run, and when.
//!
//! [`compile`] reads the rules of a scenario; a [`Monitor`] takes in what the run exposes, keeps the series that some rule
//! asks for as long as it may ask for them, and evaluates every group at its interval; [`simulate`] runs a scenario under
//! its own rules.

mod active;
mod asked;
mod compile;
mod compiled;
mod coverage;
mod hopes;
mod monitor;
mod notifications;
mod rule_run;
mod simulate;
mod template;

pub use compile::{check, compile};
pub use compiled::Compiled;
pub use coverage::{coverage, table as coverage_table};
pub use hopes::Covered;
pub use monitor::{Alerts, Monitor};
pub use notifications::{Notifications, notifications};
pub use simulate::simulate;
