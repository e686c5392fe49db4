//! Whether a job may start: quotas and queues.

pub mod kueue;
