//! The autoscalers: pure functions from a snapshot, a spec and remembered state to a decision with reasons.

pub mod cluster_autoscaler;
pub mod cron;
pub mod hpa;
pub mod karpenter;
pub mod keda;
