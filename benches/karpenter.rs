//! Karpenter's two decisions: provisioning for a batch of pods, and a pass of the disruption loop that finds nothing.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use windtunnel::autoscaler::karpenter::disruption::{DisruptionState, disrupt};
use windtunnel::autoscaler::karpenter::{
    CapacityType, Catalogue, InstanceType, NodeClaim, NodePool, Offering, Options, Snapshot, provision,
};
use windtunnel::cluster::{
    ClusterState, Container, Labels, NodeShape, PodId, PodInfo, PodPhase, PodSpec, PodSpecId, Resources, label,
};
use windtunnel::units::{Bytes, Millicores, SimTime, UsdPerHour};

const GI: i64 = 1 << 30;

/// Twelve families of five sizes in three zones, spot and on demand.
fn catalogue() -> Catalogue {
    let mut types = Vec::new();
    for family in 0..12i64 {
        for size in 0..5 {
            let cores = 2 << size;
            let memory = Bytes(cores * (2 + family % 3 * 2) * GI);
            let size = Resources::new(Millicores(cores * 1000), memory);
            let price = cores as f64 * (0.04 + 0.001 * family as f64);
            let offerings = ["a", "b", "c"]
                .into_iter()
                .flat_map(|zone| {
                    let usd = |price| UsdPerHour::from_f64(price).expect("a price");
                    [
                        Offering::new(zone, CapacityType::OnDemand, usd(price)),
                        Offering::new(zone, CapacityType::Spot, usd(price * 0.4)),
                    ]
                })
                .collect();
            let name = format!("f{family}.{cores}");
            types.push(InstanceType::new(&name, size.clone(), size, 110, &Labels::new(), offerings));
        }
    }
    Catalogue::new(types)
}

fn spec(cluster: &mut ClusterState, milli: i64) -> PodSpecId {
    let requests = Resources::new(Millicores(milli), Bytes(GI / 2));
    cluster
        .specs
        .intern_pod(PodSpec { containers: vec![Container { requests, ..Container::default() }], ..PodSpec::default() })
}

fn snapshot<'a>(
    cluster: &'a ClusterState,
    pools: &'a [NodePool],
    catalogue: &'a Catalogue,
    claims: &'a [NodeClaim],
    pending: &'a [PodId],
    options: &'a Options,
) -> Snapshot<'a> {
    Snapshot {
        cluster,
        pools,
        catalogue,
        claims,
        pending,
        daemon_sets: &[],
        disruption_budgets: &[],
        options,
        now: SimTime::from_secs(100_000),
        epoch_seconds: 0,
    }
}

fn provision_500(criterion: &mut Criterion) {
    let catalogue = catalogue();
    let pools = [NodePool::named("default")];
    let options = Options::default();
    let mut cluster = ClusterState::default();
    let mut pending = Vec::new();
    for index in 0..500 {
        let spec = spec(&mut cluster, 250 * (1 + index % 8));
        let mut info = PodInfo::new("p".into(), spec, SimTime::ZERO);
        info.unschedulable_since = Some(SimTime::ZERO);
        pending.push(cluster.add_pod(info));
    }
    criterion.bench_function("provision 500 pods over 60 types", |bencher| {
        bencher.iter(|| black_box(provision(&snapshot(&cluster, &pools, &catalogue, &[], &pending, &options))));
    });
}

/// Every node full, so that all 200 are tried and none can go.
fn consolidate_200(criterion: &mut Criterion) {
    let catalogue = catalogue();
    let pools = [NodePool::named("default")];
    let options = Options::default();
    let mut cluster = ClusterState::default();
    let mut claims = Vec::new();
    let cheapest = &catalogue.types[0];
    let mut labels = pools[0].labels.clone();
    for (key, value) in [(label::INSTANCE_TYPE, &*cheapest.name), (label::ZONE, "a"), (label::CAPACITY_TYPE, "spot")] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    let shape = cluster.specs.intern_shape(NodeShape {
        labels,
        capacity: cheapest.capacity.clone(),
        allocatable: cheapest.allocatable.clone(),
        max_pods: 110,
        ..NodeShape::default()
    });
    let spec = spec(&mut cluster, 500);
    for index in 0..200 {
        let name = format!("n{index}");
        let node = cluster.add_node(name.as_str().into(), shape);
        let mut claim = NodeClaim::launched(name.as_str().into(), &pools[0], shape, SimTime::ZERO);
        claim.node = Some(node);
        claim.initialized = Some(SimTime::ZERO);
        claims.push(claim);
        for _ in 0..4 {
            let pod = cluster.add_pod(PodInfo::new("p".into(), spec, SimTime::ZERO));
            cluster.bind(pod, node);
            cluster.pod_mut(pod).phase = PodPhase::Running;
        }
    }
    criterion.bench_function("consolidation pass over 200 nodes", |bencher| {
        bencher.iter(|| {
            let mut state = DisruptionState::default();
            black_box(disrupt(&snapshot(&cluster, &pools, &catalogue, &claims, &[], &options), &mut state))
        });
    });
}

criterion_group!(benches, provision_500, consolidate_200);
criterion_main!(benches);
