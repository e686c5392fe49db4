//! Kueue: jobs wait until their ClusterQueue has quota for them, and give it back when told to.
//!
//! Read from kubernetes-sigs/kueue at commit `ff69552` (after v0.19.2, feature gates of 0.20, API `v1beta2`). Everything
//! here is a pure function over a [`cache::Snapshot`] of quota ([`tree`], [`share`]) and workloads: [`cycle::run`] takes
//! the heads of [`queues::Queues`], looks for flavors ([`flavors`]), for workloads to preempt ([`preemption`]) and for a
//! smaller size ([`partial`]), puts them in order ([`entry_order`]), and says what becomes of each. [`controller::Kueue`]
//! keeps the objects, applies a cycle to them and says what happened; who calls it starts and stops the pods.

pub mod amount;
pub mod cache;
pub mod checks;
pub mod controller;
pub mod cycle;
pub mod entry_order;
mod flavor_match;
pub mod flavors;
pub mod names;
pub mod objects;
pub mod partial;
pub mod pods_ready;
pub mod preemption;
pub mod provisioning;
pub mod queues;
pub mod share;
pub mod topology;
pub mod tree;
pub mod workload;
