//! The run as a monitoring system sees it: the file of metrics, rules on simulated time, and what a real Prometheus says.

mod alerts;
mod differential;
mod exposition;
mod promqltest;
mod remote;
mod shipped;
mod twins;
