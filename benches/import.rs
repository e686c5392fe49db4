//! Reading a trace of 100,000 pods: what stands between a user's CSV and the start of its simulation.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use windtunnel::scenario::import::{Inputs, Source, format};

/// Pods as a workload generator writes them: times to the millisecond, names with a running number.
fn pods(count: u64) -> String {
    let mut text = "name,arrival_s,duration_s,cpu_milli,memory_bytes\n".to_owned();
    for i in 0..count {
        let (arrival, duration, size) = (i * 137, 10_000 + i * 7_919 % 90_000_000, 1 << (i % 5));
        let (cpu, memory) = (1_000 * size, (4u64 << 30) * size);
        let time = |millis: u64| format!("{}.{:03}", millis / 1000, millis % 1000);
        writeln!(text, "pod_{i},{},{},{cpu},{memory}", time(arrival), time(duration)).expect("a String takes all");
    }
    text
}

fn import(c: &mut Criterion) {
    let text = pods(100_000);
    let csv = format("csv").expect("csv is in the table");
    let mut group = c.benchmark_group("import");
    group.throughput(Throughput::Elements(100_000));
    group.bench_function("csv 100,000 pods", |bencher| {
        bencher.iter(|| {
            let mut reader = text.as_bytes();
            let pods = Some(Source { reader: &mut reader, file: "pods.csv" });
            black_box(csv.read(Inputs { pods, ..Inputs::default() }).expect("the rows are well formed"))
        })
    });
    group.finish();
}

criterion_group!(benches, import);
criterion_main!(benches);
