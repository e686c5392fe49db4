//! Windtunnel: a wind tunnel for Kubernetes autoscaling.

pub mod autoscaler;
pub mod cli;
pub mod cluster;
pub mod cost;
pub mod load;
pub mod record;
pub mod report;
pub mod scenario;
pub mod scheduler;
pub mod sim;
pub mod sweep;
pub mod units;
