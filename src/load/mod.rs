//! Demand that varies: what services are asked to do, and what training jobs do by themselves.
//!
//! A service's demand is a [`Signal`]: base patterns added up, times modifiers ([`pattern`] holds one a file). What
//! its ready pods make of that demand is [`service`]'s. Training jobs stand in [`training`]: their speed comes from a
//! measured table and their pods' usage from the phase they are in. Options here are what a scenario's YAML holds;
//! this room itself reads no file.

mod bounded;
pub mod cpu_shares;
pub mod each_request;
pub mod latency;
mod metrics;
pub mod pattern;
pub mod queueing;

pub mod service;
mod shape;
mod signal;
mod signal_context;
mod station;
pub mod training;
mod wall_clock;

pub use metrics::{PodMetric, ServiceMetric};
pub use signal::{Signal, SignalSpec};
pub use signal_context::{SignalContext, SignalError};
pub use wall_clock::{TimeOfDay, WallClock};
