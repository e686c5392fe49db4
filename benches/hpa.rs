//! One sync of one HPA, by the number of its pods: what the simulation pays every 15 simulated seconds.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use windtunnel::autoscaler::hpa::{
    Behavior, HpaFlags, HpaSpec, Memory, PodState, Reading, ReadyCondition, ReadyStatus, Requests, Sample,
    SelectorState, Snapshot, sync,
};
use windtunnel::cluster::PodPhase;
use windtunnel::units::{SimDuration, SimTime};

fn one_sync(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hpa_sync");
    for count in [10usize, 100, 1000] {
        let start = SimTime::from_secs(1_000);
        let window = SimDuration::from_secs(30);
        let ready = ReadyCondition { status: ReadyStatus::True, last_transition: start };
        let pod = PodState { phase: Some(PodPhase::Running), deleting: false, ready: Some(ready), start: Some(start) };
        let pods = vec![pod; count];
        let spec = HpaSpec {
            min_replicas: 1,
            max_replicas: 10_000,
            metrics: HpaSpec::default_metrics(),
            behavior: Some(Behavior::defaulted()),
        };
        let flags = HpaFlags::default();
        let mut memory = Memory::default();
        let mut now = SimTime::from_secs(100_000);
        let samples: Vec<Option<Sample>> = (0..count)
            .map(|index| Some(Sample { value: 700 + (index % 200) as i64, timestamp: now, window }))
            .collect();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                // Time passes, so that the log of recommendations keeps its length.
                now += SimDuration::from_secs(15);
                let readings = [Reading::PerPod { samples: &samples, foreign: &[], requests: Requests::Each(1000) }];
                let snapshot = Snapshot {
                    now,
                    spec_replicas: count as i32,
                    status_replicas: count as i32,
                    selector: SelectorState::Valid,
                    pods: &pods,
                    counts: &[],
                    readings: &readings,
                };
                black_box(sync(black_box(&snapshot), &spec, &flags, &mut memory))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, one_sync);
criterion_main!(benches);
