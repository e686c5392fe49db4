//! Behaviour of controllers and kubelets that is upstream's and subtle, seen from outside a whole run.

mod cloud;
mod container_metric;
mod cost;
mod hpa;
mod jobs;
mod kubelet;
mod queue;
mod replicas;
mod rollouts;
mod volumes;
mod written;

use windtunnel::sim::{PodRow, RunOptions};
use windtunnel::units::SimTime;

use crate::plan::{AskPlan, LoadPlan, Plan, PodPlan, ReplicatedPlan};
use crate::watch::{Watched, watch};

fn run(plan: &Plan) -> Watched {
    watch(&plan.scenario(), 1, RunOptions { audit_every: 1, ..RunOptions::default() })
}

fn pod(run: &Watched, name: &str) -> PodRow {
    run.outcome.pods.iter().find(|pod| *pod.name == *name).unwrap_or_else(|| panic!("no pod {name}")).clone()
}

fn secs(seconds: i64) -> SimTime {
    SimTime::from_secs(seconds)
}

fn deployment(replicas: u32) -> ReplicatedPlan {
    ReplicatedPlan {
        ask: AskPlan::default(),
        stateful: false,
        replicas,
        ready_seconds: 0,
        load: LoadPlan::None,
        hpa: None,
        budget: None,
    }
}

fn trace_pod(ask: AskPlan, arrival: i64, seconds: i64) -> PodPlan {
    PodPlan { ask, arrival, seconds: Some(seconds) }
}
