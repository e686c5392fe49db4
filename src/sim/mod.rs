//! The simulation: clock, event queue and world; the kubelet, the metrics pipeline and the cloud; and the loop that
//! calls schedulers and autoscalers at their intervals and applies what they decide.
//!
//! It knows no file: whoever wants to see a run implements [`Observer`].

mod admission;
mod audit;
mod bills;
mod books;
mod budgets;
mod cloud;
mod cluster_autoscaler;
mod companions;
mod cpu;
mod cron_jobs;
mod daemons;
mod deployments;
mod disruption;
mod drain;
mod each_request;
mod entities;
mod event;
mod evictor;
mod explanation;
mod exposed;
mod exposed_controllers;
mod exposition;
mod external_metrics;
mod gang_queue;
mod gang_room;
mod gang_shares;
mod gauges;
mod hpa;
mod idle;
mod images;
mod job_ledger;
mod job_presence;
mod job_speed;
mod jobs;
mod karpenter;
mod kept;
mod kueue;
mod launches;
mod ledger;
mod limit;
mod load_ticks;
mod maxima;
mod memory;
mod metrics_server;
#[cfg(test)]
pub(crate) mod moment;
mod naming;
mod node_lifecycle;
mod observer;
mod outcome;
mod pods;
mod queue;
mod records;
mod replicas;
mod run;
mod running;
mod scalers;
mod scaling_group;
mod scheduling;
mod selections;
mod service_level;
mod services;
mod spares;
#[cfg(test)]
pub(crate) mod standing;
mod state;
mod stateful_sets;
mod tallies;
mod terminator;
mod together;
mod training;
mod volumes;
mod wait_times;
mod waiting;
mod workloads;
mod world;

pub use budgets::Standing;
pub use event::EventCounts;
pub use explanation::{Explanation, IdleReason, IdleRow, Mechanism, Verdict, WaitReason, WaitRow};
pub use exposed::{
    Exposed, ExposedCounts, ExposedGroup, ExposedHpa, ExposedJob, ExposedNode, ExposedPod, ExposedService,
    ExposedWorkload, PodOwner,
};
pub use exposed_controllers::{ExposedAutoscaler, ExposedPool, ExposedQueue, ExposedQuota};
pub use observer::Observer;
pub use records::{
    Attempt, CommitmentCost, Controller, CountExtents, DecisionRecord, EngineFigures, Extent, HpaMetricSample,
    Integrals, JobTimes, LatencyFigures, NodeRow, Outcome, PodCounts, PodRow, ReplicaSample, Sample, ServiceRow,
    ServiceSample, TrainingCounts, TrainingRow, Usage, WorkloadCost,
};
pub use run::{RunOptions, run, run_with};
pub use state::limit::Stopped;
pub use state::tallies::{Lasted, Lasting, Tally};
