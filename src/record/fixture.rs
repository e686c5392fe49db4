//! A made-up run of one day for tests of writers and plots: smooth load, a few nodes, consistent sums.

use std::sync::Arc;

use super::{Episode, Recorder};
use crate::cluster::PodPhase;
use crate::cost::CapacityType;
use crate::sim::{
    Controller, CountExtents, DecisionRecord, Extent, HpaMetricSample, Integrals, JobTimes, NodeRow, Observer, Outcome,
    PodCounts, PodRow, ReplicaSample, Sample, ServiceSample, TrainingCounts, TrainingRow, Usage, WorkloadCost,
};
use crate::units::{Bytes, GpuMilli, Millicores, SimDuration, SimTime, Usd, UsdPerHour};

const GIB: i64 = 1 << 30;

/// Alerts of that run: one that fired twice, one that still fires, one that went away.
pub(crate) fn alerts() -> Vec<Episode> {
    let at = |minutes: i64| SimTime::from_secs(60 * minutes);
    let one = |alert: &str, pending: i64, firing: Option<i64>, resolved: Option<i64>| Episode {
        alert: alert.into(),
        labels: "namespace=\"default\"".to_owned(),
        pending: at(pending),
        firing: firing.map(at),
        resolved: resolved.map(at),
        value: 1.0,
        summary: "Something <is> wrong.".to_owned(),
    };
    vec![
        one("HpaMaxedOut", 1, Some(5), Some(30)),
        one("PodsUnschedulable", 10, None, Some(12)),
        one("HpaMaxedOut", 600, Some(605), Some(700)),
        one("IdleGpus", 900, Some(960), None),
    ]
}

/// A recorded run with `samples` intervals of a minute, and its outcome.
pub(crate) fn run(samples: u32) -> (Recorder, Outcome) {
    let mut recorder = Recorder::for_groups(["general", "gpu-spot"].map(Arc::from).to_vec());
    let mut integrals = Integrals::default();
    let mut cost = Usd::ZERO;
    let minute = SimDuration::from_mins(1);
    let (mut nodes_min, mut nodes_peak) = (u32::MAX, 0);
    for index in 0..=samples {
        let hour = f64::from(index) / 60.0;
        let load = 0.5 - 0.45 * (hour / 24.0 * std::f64::consts::TAU).cos() + 0.04 * (hour * 9.0).sin();
        let by_group = [2 + (load * 6.0) as u32, (load * 3.0) as u32];
        let nodes = by_group[0] + by_group[1];
        let share = |fraction: f64| Usage {
            cpu: Millicores((f64::from(nodes) * 3_920.0 * fraction) as i64),
            memory: Bytes((f64::from(nodes) * 15.0 * GIB as f64 * fraction) as i64),
            gpu: GpuMilli((f64::from(by_group[1]) * 1000.0 * fraction) as i64),
        };
        let sample = Sample {
            at: SimTime::ZERO + minute * i64::from(index),
            nodes,
            nodes_ready: nodes,
            nodes_upcoming: u32::from(index % 97 < 3),
            nodes_by_group: &by_group,
            training: Some(TrainingCounts { arrived: 6, completed: 1, waiting: 2, running: 3, gpus: 5 }),
            extents: CountExtents {
                nodes: around(nodes),
                nodes_ready: around(nodes),
                nodes_upcoming: around(u32::from(index % 97 < 3)),
                pods_pending: around(u32::from(index % 97 < 5)),
                pods_unbound: around(u32::from(index % 97 < 3)),
                pods_running: around(nodes * 4),
                pods_ready: around(nodes * 4),
                jobs_waiting: around(2),
                jobs_running: around(3),
            },
            group_extents: &by_group.map(around),
            pods: PodCounts {
                pending: (index % 97 < 5).into(),
                unbound: (index % 97 < 3).into(),
                running: nodes * 4,
                ready: nodes * 4,
                succeeded: index / 10,
                failed: 0,
                deleted: index / 20,
            },
            allocatable: share(1.0),
            requested: share(0.7),
            used: share(0.2 + 0.4 * load),
            replicas: &[ReplicaSample {
                workload: "default/web".into(),
                desired: 2 + (load * 4.0) as u32,
                current: 2 + (load * 3.9) as u32,
                ready: 2 + (load * 3.7) as u32,
                extents: [4.0, 3.9, 3.7].map(|peak| around(2 + (load * peak) as u32)),
            }],
            services: &[ServiceSample {
                workload: "default/web".into(),
                demand_milli: (load * 4.0e6) as i64,
                served_milli: ((load * 4.0e6) as i64).min(3_400_000),
                dropped_milli: 0,
                capacity_milli: Some(3_400_000),
                backlog_milli: ((load * 4.0e6) as i64 - 3_400_000).max(0) * 30,
                latency: Some((SimDuration::from_millis(80), SimDuration::from_millis(200 + (load * 900.0) as i64))),
            }],
            hpa_metrics: &[HpaMetricSample { last: Some((load * 90_000.0) as i64), range: None }],
            cost_rate: UsdPerHour::from_nanos(i64::from(nodes) * 192_000_000),
            cost,
            integrals,
        };
        recorder.sample(&sample);
        (nodes_min, nodes_peak) = (nodes_min.min(nodes), nodes_peak.max(nodes));
        if index < samples {
            let span = i128::from(minute.nanos());
            integrals.nodes += i128::from(nodes) * span;
            for (sum, usage) in [
                (&mut integrals.allocatable, sample.allocatable),
                (&mut integrals.requested, sample.requested),
                (&mut integrals.used, sample.used),
            ] {
                for (sum, amount) in sum.iter_mut().zip([usage.cpu.get(), usage.memory.get(), usage.gpu.get()]) {
                    *sum += i128::from(amount) * span;
                }
            }
            cost += sample.cost_rate.over(minute);
        }
    }
    recorder.decision(&DecisionRecord {
        at: SimTime::from_secs(15),
        controller: Controller::ClusterAutoscaler,
        object: "nodegroup/general".into(),
        from: "2".into(),
        to: "3".into(),
        reason: "1 pod is unschedulable, \"web\" needs 500m".into(),
    });
    let outcome = Outcome {
        scenario: "made-up".to_owned(),
        seed: 7,
        simulated: minute * i64::from(samples),
        pods: (0..20).map(pod).collect(),
        nodes: vec![node()],
        training: (0..6).map(job).collect(),
        integrals,
        cost,
        idle_cost: cost.share(3, 10),
        cost_by_node_group: vec![("general".into(), cost.share(6, 10)), ("gpu-spot".into(), cost.share(4, 10))],
        cost_by_workload: vec![
            WorkloadCost { workload: "__idle__".into(), cost: cost.share(3, 10), ..WorkloadCost::default() },
            WorkloadCost {
                workload: "default/web".into(),
                cost: cost.share(7, 10),
                cpu_core_hours: 9.0,
                ram_byte_hours: 1e10,
                gpu_hours: 0.5,
                ..WorkloadCost::default()
            },
        ],
        nodes_min,
        nodes_peak,
        scale_ups: 3,
        hpa_changes: 5,
        ..Outcome::default()
    };
    (recorder, outcome)
}

/// Now and then it was one more.
fn around(count: u32) -> Extent {
    let more = u32::from(count % 3 == 1);
    Extent { min: count, mean: f64::from(count) + f64::from(more) / 4.0, max: count + more }
}

/// Pod `index`: every fourth one waits for good, the others are bound after `index` seconds.
pub(crate) fn pod(index: i64) -> PodRow {
    let created = SimTime::from_secs(60 * index);
    let bound = (index % 4 != 0).then(|| created + SimDuration::from_secs(index));
    PodRow {
        name: format!("web-{index}").into(),
        namespace: "default".into(),
        workload: "default/web".into(),
        node: bound.map(|_| 0),
        phase: if bound.is_some() { PodPhase::Running } else { PodPhase::Pending },
        deleted: false,
        unscheduled: None,
        reason: "",
        qos: "Burstable",
        priority: 0,
        created,
        scheduled: bound,
        started: bound.map(|at| at + SimDuration::from_millis(1_500)),
        ready: bound.map(|at| at + SimDuration::from_millis(6_500)),
        finished: None,
        restarts: 0,
        cpu: Millicores(500),
        memory: Bytes(512 << 20),
        gpu: GpuMilli(0),
        costs: [Usd::from_nanos(100_000_000), Usd::from_nanos(23_456_789), Usd::ZERO],
        cost: Usd::from_nanos(123_456_789),
    }
}

fn node() -> NodeRow {
    NodeRow {
        name: "general-1".into(),
        group: "general".into(),
        instance_type: "m6i.xlarge".into(),
        zone: "zone-a".into(),
        capacity_type: CapacityType::OnDemand,
        price: UsdPerHour::from_nanos(192_000_000),
        requested: SimTime::ZERO,
        registered: Some(SimTime::from_secs(60)),
        ready: Some(SimTime::from_secs(75)),
        deleted: None,
        removed: None,
        reason: "",
        allocatable: Usage { cpu: Millicores(3_920), memory: Bytes(15 * GIB), gpu: GpuMilli(0) },
        pods_run: 15,
        cost: Usd::from_nanos(4_608_000_000),
        idle_costs: [Usd::from_nanos(600_000_000), Usd::from_nanos(400_000_000), Usd::ZERO],
        idle_cost: Usd::from_nanos(1_000_000_000),
    }
}

fn job(index: i64) -> TrainingRow {
    let arrival = SimTime::from_secs(7_200 * index);
    TrainingRow {
        name: format!("job-{index}").into(),
        model: "ResNet-50".into(),
        gpus: 1 << (index % 3),
        arrival,
        started: (index < 5).then(|| arrival + SimDuration::from_mins(5 + 9 * index)),
        finished: (index < 4).then(|| arrival + SimDuration::from_mins(200 + 30 * index)),
        total_steps: 10_000,
        steps_done: if index < 4 { 10_000.0 } else { 2_500.0 },
        steps_lost: 100.0,
        interruptions: u32::from(index == 2),
        gpu_hours: 4.0,
        gpus_held: 4.0,
        queue: if index % 2 == 0 { "research".into() } else { "".into() },
        team: "".into(),
        model_flops: 0.0,
        peak_flops: 0.0,
        jobs_present: 1.0,
        causes: Default::default(),
        workers: 4,
        ideal: SimDuration::from_secs(1_000),
        times: JobTimes { goodput: SimDuration::from_secs(900), ..JobTimes::default() },
        attempts: Vec::new(),
        cost: Usd::from_nanos(1_500_000_000),
    }
}
