//! Windtunnel: a wind tunnel for Kubernetes autoscaling.
//!
//! ```text
//! scenario/ ──► Scenario (validated) ──► sim/ ──► record/ ──► report/  (plots, tables)
//!  manifests                              │  ▲                 sweep/   (grids of runs)
//!  traces, prices             cluster state│  │decisions
//!                                         ▼  │
//!                     scheduler/  autoscaler/  load/  cost/
//! ```
//!
//! A [`scenario::Scenario`] and a seed go into [`sim::run`], which tells a [`sim::Observer`] what happens. The command
//! line reads scenarios from YAML ([`scenario::load`]); a program may as well build one:
//!
//! ```
//! use windtunnel::cluster::{Container, NodeShape, PodSpec, Resources, WorkloadId};
//! use windtunnel::scenario::{FixedNode, GpuUsage, Scenario, TracePod, UsageModel, Workload, WorkloadKind};
//! use windtunnel::units::{Bytes, Millicores, SimDuration, SimTime, UsdPerHour};
//!
//! let mut scenario = Scenario::default();
//! let size = Resources::new(Millicores(4000), Bytes(16 << 30));
//! let shape = NodeShape { capacity: size.clone(), allocatable: size, max_pods: 110, ..NodeShape::default() };
//! let shape = scenario.specs.intern_shape(shape);
//! let price = UsdPerHour::from_f64(0.192).expect("a price");
//! scenario.nodes.push(FixedNode { name: "node-0".into(), shape, instance_type: None, price });
//! let usage = UsageModel { cpu: 0.5, memory: 0.5, gpu: GpuUsage(0.0) };
//! let (id, name, namespace) = (WorkloadId(0), "batch".into(), "default".into());
//! scenario.workloads.push(Workload { id, name, namespace, kind: WorkloadKind::Replayed, usage, volumes: vec![] });
//! let container = Container { requests: Resources::new(Millicores(1000), Bytes(1 << 30)), ..Container::default() };
//! let spec = scenario.specs.intern_pod(PodSpec { containers: vec![container], ..PodSpec::default() });
//! let duration = Some(SimDuration::from_mins(5));
//! scenario.trace_pods.push(TracePod { name: "p".into(), spec, workload: id, arrival: SimTime::ZERO, duration, is_resubmitted: true });
//!
//! let outcome = windtunnel::sim::run(&scenario, 1, &mut ());
//! assert_eq!(outcome.pods[0].reason, "Completed");
//! assert_eq!(outcome.cost.as_f64(), 0.192); // one node for the default hour
//! ```
//!
//! Where to go from here: [`sim`] for the engine, [`autoscaler`] and [`scheduler`] for the controllers, which are pure
//! functions from a snapshot to a decision with reasons, [`load`] for demand, [`cost`] for prices and bills.

#![forbid(unsafe_code)]

pub mod autoscaler;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod compare;
pub mod controller;
pub mod cost;
pub mod load;
pub mod monitoring;
pub mod optimize;
pub mod promql;
pub mod record;
pub mod reference;
pub mod release;
pub mod report;
pub mod scenario;
pub mod scheduler;
pub mod sim;
pub mod sweep;
pub mod training;
pub mod units;
