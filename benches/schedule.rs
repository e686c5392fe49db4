//! One pod against every node: filters, scores and the choice, without the class index that spares the simulation this.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use windtunnel::cluster::{
    ClusterState, Container, LabelSelector, NodeShape, PodInfo, PodSpec, PodSpecId, Resources, SpreadPolicy,
    TopologySpreadConstraint, WhenUnsatisfiable, label,
};
use windtunnel::scheduler::{Cycle, Memory, Profile, schedule};
use windtunnel::units::{Bytes, Millicores, SimTime, random};

/// Nodes of 16 cores in three zones, each with up to ten pods.
fn cluster(nodes: usize) -> ClusterState {
    let mut cluster = ClusterState::default();
    let shapes = ["a", "b", "c"].map(|zone| {
        cluster.specs.intern_shape(NodeShape {
            labels: [(label::ZONE.to_owned(), zone.to_owned())].into(),
            allocatable: Resources::new(Millicores(16_000), Bytes(64 << 30)),
            max_pods: 110,
            ..NodeShape::default()
        })
    });
    let spec = cluster.specs.intern_pod(pod(Vec::new()));
    for index in 0..nodes {
        let node = cluster.add_node(format!("node-{index}").into(), shapes[index % 3]);
        for _ in 0..index % 11 {
            let pod = cluster.add_pod(PodInfo::new("p".into(), spec, SimTime::ZERO));
            cluster.bind(pod, node);
        }
    }
    cluster
}

fn pod(topology_spread_constraints: Vec<TopologySpreadConstraint>) -> PodSpec {
    let requests = Resources::new(Millicores(1_000), Bytes(4 << 30));
    PodSpec {
        labels: [("app".to_owned(), "a".to_owned())].into(),
        containers: vec![Container { requests, has_request: (true, true), ..Container::default() }],
        topology_spread_constraints,
        ..PodSpec::default()
    }
}

fn spread(topology_key: &str, when_unsatisfiable: WhenUnsatisfiable) -> TopologySpreadConstraint {
    let match_labels = [("app".to_owned(), "a".to_owned())].into();
    TopologySpreadConstraint {
        max_skew: 10,
        topology_key: topology_key.to_owned(),
        when_unsatisfiable,
        selector: Some(LabelSelector { match_labels, ..LabelSelector::default() }),
        min_domains: None,
        node_affinity_policy: SpreadPolicy::Honor,
        node_taints_policy: SpreadPolicy::Ignore,
    }
}

fn place(cluster: &ClusterState, spec: PodSpecId, profile: &Profile) -> bool {
    let cycle = Cycle::new(cluster, spec);
    let mut rng = random::stream(0, "bench", 0);
    schedule(cluster, &cycle, profile, &mut Memory::default(), &mut rng).is_ok()
}

fn bench(c: &mut Criterion) {
    let profile = Profile::default();
    let mut group = c.benchmark_group("schedule one pod");
    for nodes in [100, 1_000] {
        let mut cluster = cluster(nodes);
        let plain = cluster.specs.intern_pod(pod(Vec::new()));
        let constraints = vec![
            spread(label::ZONE, WhenUnsatisfiable::DoNotSchedule),
            spread(label::HOSTNAME, WhenUnsatisfiable::ScheduleAnyway),
        ];
        let spread = cluster.specs.intern_pod(pod(constraints));
        for (name, spec) in [("plain", plain), ("spread over zones and nodes", spread)] {
            assert!(place(&cluster, spec, &profile));
            group.bench_with_input(BenchmarkId::new(name, nodes), &spec, |bencher, spec| {
                bencher.iter(|| black_box(place(&cluster, *spec, &profile)))
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
