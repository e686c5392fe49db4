//! The run as a monitoring system sees it: the file of metrics, rules on simulated time, and what a real Prometheus says.

mod agreement;
mod alerts;
mod boards;
mod differential;
mod exposition;
mod promqltest;
mod remote;
mod shipped;
mod twins;
