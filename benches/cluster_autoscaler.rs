//! Cluster Autoscaler on 1,000 nodes with 20,000 pods: one loop with 100 pending pods, and one in which every node is a
//! candidate for scale-down and nothing changes.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use windtunnel::autoscaler::cluster_autoscaler::{
    AllOwnersExist, NodeGroup, NodeRecord, Options, Snapshot, State, run_once,
};
use windtunnel::cluster::{
    ClusterState, Container, Controller, NodeGroupId, NodeShape, PodId, PodInfo, PodPhase, PodSpec, PodSpecId,
    Resources,
};
use windtunnel::units::{Bytes, Millicores, SimTime, random};

const NODES: usize = 1000;
const PODS_A_NODE: usize = 20;
const GIB: i64 = 1 << 30;

struct Cluster {
    state: ClusterState,
    records: Vec<NodeRecord>,
    groups: Vec<NodeGroup>,
    pending: Vec<PodId>,
}

/// Nodes of 16 cores in four groups; each of a node's pods asks for `milli` thousandths of a core.
fn cluster(milli: i64, pending: usize) -> Cluster {
    let mut state = ClusterState::default();
    let mut groups = Vec::new();
    for index in 0..4 {
        let resources = Resources::new(Millicores(16_000), Bytes(64 * GIB));
        let template = state.specs.intern_shape(NodeShape {
            labels: BTreeMap::from([("zone".to_owned(), index.to_string())]),
            capacity: resources.clone(),
            allocatable: resources,
            max_pods: 110,
            group: Some(NodeGroupId::new(index)),
            ..NodeShape::default()
        });
        groups.push(NodeGroup {
            id: NodeGroupId::new(index),
            name: format!("group-{index}").into(),
            min_size: 0,
            max_size: 2000,
            target_size: (NODES / 4) as i64,
            template: Some(template),
            price: None,
            priority: None,
            options: Default::default(),
            unregistered: Vec::new(),
            keeps_min_size: false,
        });
    }
    let small = spec(&mut state, "small", milli);
    let large = spec(&mut state, "large", 6_000);
    for index in 0..NODES {
        let shape = groups[index % 4].template.expect("set above");
        let node = state.add_node(format!("node-{index}").into(), shape);
        for pod in 0..PODS_A_NODE {
            let mut info = PodInfo::new(format!("pod-{index}-{pod}").into(), small, SimTime::ZERO);
            info.phase = PodPhase::Running;
            let pod = state.add_pod(info);
            state.bind(pod, node);
        }
    }
    let pending =
        (0..pending).map(|pod| state.add_pod(PodInfo::new(format!("new-{pod}").into(), large, SimTime::ZERO)));
    let pending = pending.collect();
    Cluster { state, records: vec![NodeRecord::default(); NODES], groups, pending }
}

fn spec(state: &mut ClusterState, app: &str, milli: i64) -> PodSpecId {
    state.specs.intern_pod(PodSpec {
        namespace: "default".into(),
        labels: BTreeMap::from([("app".to_owned(), app.to_owned())]),
        containers: vec![Container {
            requests: Resources::new(Millicores(milli), Bytes(milli * GIB / 1000)),
            has_request: (true, true),
            ..Container::default()
        }],
        controller: Some(Controller { kind: "ReplicaSet".into(), name: app.into(), uid: app.into() }),
        ..PodSpec::default()
    })
}

fn run(cluster: &Cluster, seconds: i64, state: &mut State) {
    let snapshot = Snapshot {
        now: SimTime::from_secs(seconds),
        cluster: &cluster.state,
        nodes: &cluster.records,
        node_groups: &cluster.groups,
        pending: &cluster.pending,
        nominated: &[],
        daemon_sets: &[],
        disruption_budgets: &[],
        owners: &AllOwnersExist,
    };
    let options = Options::default();
    black_box(run_once(&snapshot, &options, state, &mut random::stream(1, "bench", 0)));
}

fn loops(criterion: &mut Criterion) {
    let full = cluster(700, 100);
    criterion.bench_function("100 pending pods on 1,000 full nodes", |bencher| {
        let fresh = State::new(&Options::default(), SimTime::from_secs(7200));
        bencher.iter_batched(
            || fresh.clone(),
            |mut state| run(&full, 7200, &mut state),
            criterion::BatchSize::SmallInput,
        );
    });
    let half_empty = cluster(300, 0);
    criterion.bench_function("quiet scale-down loop over 1,000 nodes", |bencher| {
        let mut state = State::new(&Options::default(), SimTime::ZERO);
        // Two passes set ages and hints; the third and later ones find everything as it was.
        run(&half_empty, 10, &mut state);
        run(&half_empty, 20, &mut state);
        bencher.iter_batched(
            || state.clone(),
            |mut state| run(&half_empty, 30, &mut state),
            criterion::BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, loops);
criterion_main!(benches);
