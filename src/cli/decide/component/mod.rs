//! Component cases: one step of a controller by itself, in the compact form of upstream's unit tests. They hold the
//! controllers against upstream and are nothing that a cluster prints.

pub(super) mod cluster_autoscaler;
pub(super) mod hpa;
