//! The run as a monitoring system sees it: the file of metrics, rules on simulated time, and what a real Prometheus says.

mod alerts;
mod exposition;
mod promqltest;
