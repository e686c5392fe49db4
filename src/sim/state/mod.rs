//! What each concern of a run remembers: data and its own arithmetic, which know no world.

pub(in crate::sim) mod bills;
pub(in crate::sim) mod cluster_autoscaler;
pub(in crate::sim) mod cpu;
pub(in crate::sim) mod gang_queue;
pub(in crate::sim) mod gauges;
pub(in crate::sim) mod hpa;
pub(in crate::sim) mod idle;
pub(in crate::sim) mod images;
pub(in crate::sim) mod karpenter;
pub(in crate::sim) mod kueue;
pub(in crate::sim) mod maxima;
pub(in crate::sim) mod metrics_server;
pub(in crate::sim) mod node_lifecycle;
pub(in crate::sim) mod running;
pub(in crate::sim) mod scheduling;
pub(in crate::sim) mod selections;
pub(in crate::sim) mod services;
pub(in crate::sim) mod training;
pub(in crate::sim) mod wait_times;
pub(in crate::sim) mod waiting;
