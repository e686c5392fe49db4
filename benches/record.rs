//! Writers and plots: 100,000 rows of `pods.csv`, a summary of as many pods, and every plot of 1,500 samples.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use windtunnel::cluster::PodPhase;
use windtunnel::record::{Provenance, Recorder, Summary, writer};
use windtunnel::report::plot::{PLOTS, Run};
use windtunnel::scenario::Scenario;
use windtunnel::sim::{Integrals, Observer, Outcome, PodCounts, PodRow, ReplicaSample, Sample, ServiceSample, Usage};
use windtunnel::units::{Bytes, GpuMilli, Millicores, SimDuration, SimTime, Usd, UsdPerHour};

const PODS: i64 = 100_000;

fn outcome() -> Outcome {
    let pod = |index: i64| {
        let created = SimTime::from_nanos(index * 86_400_000_000_000 / PODS);
        let later = |millis: i64| Some(created + SimDuration::from_millis(millis + index * 7_919 % 90_000));
        PodRow {
            name: format!("openb-pod-{index:05}").into(),
            namespace: "default".into(),
            workload: "openb".into(),
            node: None,
            phase: PodPhase::Succeeded,
            deleted: false,
            unscheduled: None,
            reason: "Completed",
            qos: "Burstable",
            priority: 0,
            created,
            scheduled: later(0),
            started: later(1_234),
            ready: later(1_234),
            finished: later(1_000_000),
            restarts: 0,
            cpu: Millicores(500 + index % 7_500),
            memory: Bytes(1 << 30),
            gpu: GpuMilli(index % 1_000),
            costs: [Usd::ZERO; 3],
            cost: Usd::from_nanos(index * 123_457),
        }
    };
    Outcome { scenario: "bench".to_owned(), pods: (0..PODS).map(pod).collect(), ..Outcome::default() }
}

fn record(samples: u32) -> Recorder {
    let mut recorder = Recorder::for_groups(["general", "gpu", "spot"].map(Into::into).to_vec());
    for index in 0..samples {
        let wave = 500 + (f64::from(index) / 50.0).sin().mul_add(400.0, f64::from(index * 37 % 40)) as i64;
        let usage = |factor: i64| Usage {
            cpu: Millicores(wave * factor),
            memory: Bytes((wave * factor) << 22),
            gpu: GpuMilli(wave * factor / 10),
        };
        recorder.sample(&Sample {
            at: SimTime::from_secs(i64::from(index) * 60),
            nodes: wave as u32 / 50,
            nodes_ready: wave as u32 / 50,
            nodes_upcoming: index % 3,
            nodes_by_group: &[wave as u32 / 100, wave as u32 / 200, index % 5],
            pods: PodCounts { pending: index % 9, unbound: index % 4, running: wave as u32, ..PodCounts::default() },
            allocatable: usage(10),
            requested: usage(7),
            used: usage(4),
            replicas: &[ReplicaSample {
                workload: "web".into(),
                desired: index % 5,
                current: index % 4,
                ready: index % 4,
                ..ReplicaSample::default()
            }],
            services: &[ServiceSample {
                workload: "web".into(),
                demand_milli: wave * 1_000,
                served_milli: wave * 900,
                backlog_milli: wave * 10,
                latency: Some((SimDuration::from_millis(wave), SimDuration::from_millis(2 * wave))),
                ..ServiceSample::default()
            }],
            cost_rate: UsdPerHour::from_nanos(wave * 1_000_000),
            cost: Usd::from_nanos(i64::from(index) * 10_000_000),
            integrals: Integrals { nodes: i128::from(index) * 1_234_567_890_123, ..Integrals::default() },
            ..Sample::default()
        });
    }
    recorder
}

fn tables(criterion: &mut Criterion) {
    let outcome = outcome();
    criterion
        .bench_function("pods.csv, 100,000 rows", |bencher| bencher.iter(|| writer::csv::pods(black_box(&outcome))));
    criterion.bench_function("summary of 100,000 pods", |bencher| bencher.iter(|| Summary::of(black_box(&outcome))));
    let record = record(1_500);
    let timeseries = || writer::csv::timeseries(black_box(&record));
    criterion.bench_function("timeseries.csv, 1,500 rows", |bencher| bencher.iter(timeseries));
}

fn plots(criterion: &mut Criterion) {
    let outcome = Outcome::default();
    for samples in [1_500, 100_000] {
        let record = record(samples);
        let (scenario, provenance) = (&Scenario::default(), &Provenance::here());
        let run = Run { scenario, record: &record, outcome: &outcome, provenance, alerts: &[] };
        for plot in PLOTS.iter().filter(|plot| (plot.figure)(&run).is_some()) {
            let draw = || (plot.figure)(black_box(&run)).map(|figure| figure.svg());
            criterion.bench_function(&format!("{}.svg of {samples} samples", plot.name), |bencher| bencher.iter(draw));
        }
    }
}

criterion_group!(benches, tables, plots);
criterion_main!(benches);
