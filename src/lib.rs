//! Windtunnel: a wind tunnel for Kubernetes autoscaling.

pub mod autoscaler;
pub mod cli;
pub mod cluster;
pub mod load;
pub mod scheduler;
pub mod units;
