//! Queues: the scheduler's, under pods that fail and come again, and the event loop's, under ticks that do nothing else.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use windtunnel::cluster::{PodId, PodSpecId};
use windtunnel::scenario::Scenario;
use windtunnel::scheduler::queue::{Cure, Help, QueueOptions, SchedulingQueue};
use windtunnel::sim::run;
use windtunnel::units::{SimDuration, SimTime};

const PODS: u32 = 10_000;

/// Every pod is tried, fails, is woken by an event, serves its backoff and is tried again.
fn scheduling_queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("queue");
    group.throughput(Throughput::Elements(PODS.into()));
    group.bench_function("scheduling/fail_and_retry", |bencher| {
        bencher.iter(|| {
            let mut queue = SchedulingQueue::new(QueueOptions::default());
            for pod in 0..PODS {
                queue.add(PodId(pod), (pod % 5) as i32, SimTime::from_nanos(pod.into()));
            }
            let mut now = SimTime::from_secs(1);
            for _ in 0..2 {
                while let Some(pod) = queue.pop() {
                    queue.failed(pod, PodSpecId(pod.0 % 5), Cure::Room, true, now);
                }
                queue.on_event(now, |_, _| Help::Try);
                now += SimDuration::from_secs(20);
                queue.flush_backoff(now);
            }
            black_box(queue.waiting().count())
        });
    });
    // A sample a second of an empty cluster: what the loop itself costs an event.
    let hour = Scenario {
        duration: SimDuration::from_secs(i64::from(PODS)),
        sample_interval: SimDuration::from_secs(1),
        ..Scenario::default()
    };
    group.bench_function("events/ticks", |bencher| bencher.iter(|| black_box(run(&hour, 1, &mut ()))));
    group.finish();
}

criterion_group!(benches, scheduling_queue);
criterion_main!(benches);
