//! A scenario: what was written in YAML (`spec`), checked and turned into ids and integers ([`Scenario`]).
//!
//! `spec` is what a user writes, `lower` is the only bridge from it to [`Scenario`], and the simulation sees nothing
//! but the latter. Option structs stand in the rooms that obey them; `spec` gathers them. [`manifest`] reads Kubernetes
//! objects, for scenarios and for `decide`.

mod alertmanager;
pub mod diagnostic;
mod digest;
mod document;
mod documents;
pub mod dump;
mod fields;
mod globs;
pub mod import;
mod kueue;
mod live;
mod lower;
mod lowered;
pub mod manifest;
mod monitoring;
mod names;
mod node_labels;
mod objects;
mod rules;
pub mod size;
mod source;
pub mod spec;
mod tables;
mod workload;
mod workload_keys;
mod yaml;

pub use crate::cost::CapacityType;
pub use alertmanager::{Alertmanager, Inhibition, LabelMatch, alert_matchers, read_alertmanager};
pub use document::{Document, kind_of};
pub use documents::{Loaded, Override, ScenarioFiles, load};
pub use kueue::{KueueSetup, QueuedJob, Variant};
pub use lower::{FIXED, VERSIONED};
pub use lowered::{
    CloudLimits, Companion, DaemonSet, Demand, Expected, ExternalMetric, ExternalSource, FixedNode, GroupNode, Hpa,
    Karpenter, KedaScaler, KubeletOptions, MetricsOptions, NodeGroup, OfferingStockOut, Outage, Reservation, Scaler,
    ScalerPolicy, Scenario, ServiceLoad, StandingPod, StockOut, Test, TracePod, Training, TrainingJob,
};
pub use monitoring::Monitoring;
pub use names::names_results;
pub use rules::{Rule, RuleGroup, RuleKind, read_rules, unit_millis};
pub use workload::{
    BatchJob, FailureModel, GpuUsage, Owner, Patch, ReplicaChange, UsageModel, VolumeClaim, VolumeScope, VolumeUse,
    Workload, WorkloadKind,
};
