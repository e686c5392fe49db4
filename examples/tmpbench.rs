use std::sync::Arc;
use windtunnel::{cluster::*, cost::*, scenario::*, units::*};
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let plain = std::env::args().nth(2).is_some();
    let mut specs = Specs::default();
    let t0 = std::time::Instant::now();
    let mut rd = csv::Reader::from_path(format!("{dir}/pods.csv")).unwrap();
    let mut pods = vec![];
    let mut ids = std::collections::HashMap::new();
    let mut rec = csv::StringRecord::new();
    let mut last = 0.0f64;
    while rd.read_record(&mut rec).unwrap() {
        let (c, m): (i64, i64) = (rec[3].parse().unwrap(), rec[4].parse().unwrap());
        let spec = *ids.entry((c, m)).or_insert_with(|| {
            specs.intern_pod(PodSpec {
                containers: vec![Container {
                    requests: Resources::new(Millicores(c), Bytes(m)),
                    has_request: (true, true),
                    ..Default::default()
                }],
                ..Default::default()
            })
        });
        let (a, d): (f64, f64) = (rec[1].parse().unwrap(), rec[2].parse().unwrap());
        last = last.max(a + d);
        pods.push(TracePod {
            name: rec[0].into(),
            spec,
            workload: WorkloadId(0),
            arrival: SimTime::from_secs_f64(a),
            duration: Some(SimDuration::from_secs_f64(d)),
        });
    }
    let cap = Resources::new(Millicores(64000), Bytes(256 << 30));
    let shape =
        specs.intern_shape(NodeShape { capacity: cap.clone(), allocatable: cap, max_pods: 110, ..Default::default() });
    let nodes = (0..1000)
        .map(|i| FixedNode { name: format!("node_{i}").into(), shape, instance_type: None, price: UsdPerHour::ZERO })
        .collect();
    let s = Scenario {
        name: "b".into(),
        seed: 1,
        start_epoch_seconds: 0,
        duration: SimDuration::from_secs_f64(last + 10.0),
        sample_interval: SimDuration::from_secs(60),
        specs,
        nodes,
        node_groups: vec![],
        workloads: vec![Workload {
            id: WorkloadId(0),
            name: "w".into(),
            namespace: "default".into(),
            kind: WorkloadKind::Replayed,
            usage: UsageModel { cpu: 1.0, memory: 1.0, gpu: GpuUsage(1.0) },
        }],
        daemon_sets: vec![],
        trace_pods: pods,
        training_jobs: vec![],
        training: None,
        disruption_budgets: vec![],
        loads: vec![],
        replica_changes: vec![],
        kubelet: KubeletOptions {
            container_start: Distribution::Constant(SimDuration::from_secs(1)),
            image_pull_rate: Bytes(0),
            image_sizes: vec![],
            termination: Distribution::Constant(SimDuration::from_secs(1)),
        },
        metrics: MetricsOptions { resolution: SimDuration::from_secs(15) },
        attribution_prices: Default::default(),
        billing: Default::default(),
        outages: vec![],
    };
    let t1 = std::time::Instant::now();
    let _ = Arc::new(0);
    let out = windtunnel::sim::run_with(&s, 1, windtunnel::sim::RunOptions { plain }, &mut ());
    let t2 = std::time::Instant::now();
    let done = out.pods.iter().filter(|p| p.finished.is_some()).count();
    let sum: i64 = out
        .pods
        .iter()
        .map(|p| p.scheduled.map_or(0, |s| (s - p.created).nanos()) + i64::from(p.node.unwrap_or(0)))
        .sum();
    println!(
        "load {:?} run {:?} pods {} done {} checksum {} events {} attempts {}",
        t1 - t0,
        t2 - t1,
        out.pods.len(),
        done,
        sum,
        out.figures.events,
        out.figures.scheduling_attempts
    );
}
