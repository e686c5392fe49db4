//! kube-controller-manager's rules for what owns pods, as pure functions: how a Deployment's ReplicaSets give way to
//! one another ([`deployment`]), when a Job makes pods, gives up or is done ([`job`]), and
//! when a CronJob makes a Job ([`cron_job`]).
//!
//! They know numbers and options only; the simulation asks them and makes, ends and counts pods as they say.

pub mod cron_job;
pub mod deployment;
pub mod job;
mod update;

pub use update::{Strategy, UpdateOptions};
