//! Cases of upstream's provisioning suite, in our words.

use super::*;
use crate::cluster::{
    ClusterView, Container, LabelSelector, Labels, NodeShape, PodInfo, PodSpec, Resources, SpreadPolicy,
    TopologySpreadConstraint, WhenUnsatisfiable, label,
};
use crate::units::{Bytes, Millicores, UsdPerHour};

const GI: i64 = 1 << 30;

/// A cluster with its catalogue, for tests that change one thing.
struct World {
    cluster: ClusterState,
    pools: Vec<NodePool>,
    catalogue: Catalogue,
    claims: Vec<NodeClaim>,
    pending: Vec<PodId>,
    daemon_sets: Vec<PodSpecId>,
    options: Options,
}

fn instance_type(name: &str, cores: i64, price: f64) -> InstanceType {
    let size = Resources::new(Millicores(cores * 1000), Bytes(4 * cores * GI));
    let usd = |price| UsdPerHour::from_f64(price).unwrap();
    let offerings = ["a", "b"]
        .into_iter()
        .flat_map(|zone| {
            [
                Offering::new(zone, CapacityType::OnDemand, usd(price)),
                Offering::new(zone, CapacityType::Spot, usd(price / 2.0)),
            ]
        })
        .collect();
    InstanceType::new(name, size.clone(), size, 110, &Labels::new(), offerings)
}

impl World {
    fn new() -> World {
        World {
            cluster: ClusterState::default(),
            pools: vec![NodePool::named("default")],
            catalogue: Catalogue::new(vec![
                instance_type("large", 8, 0.8),
                instance_type("small", 2, 0.2),
                instance_type("medium", 4, 0.4),
            ]),
            claims: Vec::new(),
            pending: Vec::new(),
            daemon_sets: Vec::new(),
            options: Options::default(),
        }
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            cluster: &self.cluster,
            pools: &self.pools,
            catalogue: &self.catalogue,
            claims: &self.claims,
            pending: &self.pending,
            daemon_sets: &self.daemon_sets,
            disruption_budgets: &[],
            options: &self.options,
            now: SimTime::from_secs(100),
            epoch_seconds: 0,
        }
    }

    fn pend(&mut self, count: usize, spec: PodSpec) {
        let spec = self.cluster.specs.intern_pod(spec);
        for _ in 0..count {
            let mut info = PodInfo::new("p".into(), spec, SimTime::ZERO);
            info.unschedulable_since = Some(SimTime::ZERO);
            self.pending.push(self.cluster.add_pod(info));
        }
    }

    fn types(&self, claim: &CreateClaim) -> Vec<&str> {
        claim.instance_types.iter().map(|index| &*self.catalogue.get(*index).name).collect()
    }
}

fn pod(milli: i64) -> PodSpec {
    let requests = Resources::new(Millicores(milli), Bytes(GI));
    PodSpec { containers: vec![Container { requests, ..Container::default() }], ..PodSpec::default() }
}

#[test]
fn pods_share_a_claim_that_keeps_every_type_that_holds_them() {
    let mut world = World::new();
    world.pend(3, pod(1000));
    let decision = provision(&world.snapshot());
    let [claim] = &decision.create[..] else { panic!("{decision:?}") };
    assert_eq!(world.types(claim), ["medium", "large"]);
    assert_eq!(claim.pods.len(), 3);
    let launch = launch(claim, &world.catalogue).unwrap();
    assert_eq!(&*world.catalogue.get(launch.instance_type).name, "medium");
    assert_eq!(launch.price.as_f64(), 0.2);
    let shape = node_shape(&world.pools[0], claim, launch, &world.catalogue);
    assert_eq!(shape.labels[label::CAPACITY_TYPE], "spot");
    assert_eq!(shape.labels[label::ZONE], "a");
    assert_eq!(shape.labels[label::NODE_POOL], "default");
}

#[test]
fn a_pod_too_large_for_every_type_says_why_by_pool() {
    let mut world = World::new();
    world.pend(1, pod(9000));
    let decision = provision(&world.snapshot());
    assert!(decision.create.is_empty());
    let [unplaced] = &decision.unschedulable[..] else { panic!("{decision:?}") };
    assert_eq!(unplaced.pools[0].why, "no instance type has enough resources");
}

#[test]
fn the_heaviest_pool_launches_and_the_lighter_one_helps_where_it_cannot() {
    let mut world = World::new();
    let arm = requirement::Requirement::value(label::ARCH, "arm64");
    world.pools.push(NodePool { weight: 50, ..NodePool::named("arm") }.require(arm));
    world.pools.push(NodePool { weight: 10, ..NodePool::named("preferred") });
    world.pend(1, pod(1000));
    let decision = provision(&world.snapshot());
    assert_eq!(decision.create[0].pool, 2);
    assert_eq!(decision.skipped_pools[0].pool, 1);
}

#[test]
fn a_claim_on_its_way_takes_the_pods_it_has_room_for() {
    let mut world = World::new();
    let size = Resources::new(Millicores(2000), Bytes(8 * GI));
    let shape = world.cluster.specs.intern_shape(NodeShape {
        labels: world.pools[0].labels.clone(),
        capacity: size.clone(),
        allocatable: size,
        max_pods: 110,
        ..NodeShape::default()
    });
    let claim = NodeClaim::launched("default-1".into(), &world.pools[0], shape, SimTime::ZERO);
    world.claims.push(claim);
    world.pend(3, pod(1000));
    let decision = provision(&world.snapshot());
    assert_eq!(decision.on_existing.len(), 2);
    assert!(decision.on_existing.iter().all(|(_, target)| *target == Target::Claim(0)));
    assert_eq!(decision.create[0].pods.len(), 1);
}

#[test]
fn a_zonal_spread_makes_a_claim_in_each_zone() {
    let mut world = World::new();
    let mut spread = pod(1000);
    spread.labels = Labels::from([("app".to_owned(), "x".to_owned())]);
    spread.topology_spread_constraints = vec![TopologySpreadConstraint {
        max_skew: 1,
        topology_key: label::ZONE.into(),
        when_unsatisfiable: WhenUnsatisfiable::DoNotSchedule,
        selector: Some(LabelSelector { match_labels: spread.labels.clone(), ..LabelSelector::default() }),
        min_domains: None,
        node_affinity_policy: SpreadPolicy::Honor,
        node_taints_policy: SpreadPolicy::Ignore,
    }];
    world.pend(4, spread);
    let decision = provision(&world.snapshot());
    let mut zones: Vec<_> = decision
        .create
        .iter()
        .map(|claim| (claim.requirements.get(label::ZONE).unwrap().single().unwrap().to_string(), claim.pods.len()))
        .collect();
    zones.sort();
    assert_eq!(zones, [("a".to_owned(), 2), ("b".to_owned(), 2)]);
}

#[test]
fn limits_hold_for_the_largest_type_that_a_claim_might_become() {
    let mut world = World::new();
    world.pools[0].limits = vec![("cpu".into(), "9".parse().unwrap())];
    world.pend(2, pod(1900));
    let mut anti = pod(1900);
    anti.node_selector = Labels::from([(label::ZONE.to_owned(), "a".to_owned())]);
    world.pend(8, anti);
    let decision = provision(&world.snapshot());
    // Four pods fill a claim that might become a large node of 8 cores; one core is left and no type is that small.
    assert_eq!(decision.create.len(), 1);
    assert_eq!(decision.create[0].pods.len(), 4);
    assert_eq!(decision.unschedulable[0].pools[0].why, "every instance type would exceed the pool's limits");
}

#[test]
fn daemon_sets_take_their_room_first() {
    let mut world = World::new();
    let daemon = world.cluster.specs.intern_pod(pod(500));
    world.daemon_sets.push(daemon);
    world.pend(1, pod(1900));
    let decision = provision(&world.snapshot());
    assert_eq!(world.types(&decision.create[0]), ["medium", "large"]);
}

#[test]
fn a_preferred_zone_is_given_up_where_nothing_can_be_had_there() {
    use crate::cluster::{NodeSelectorTerm, SelectorOperator, SelectorRequirement, Weighted};
    let mut world = World::new();
    let mut picky = pod(1000);
    picky.affinity.node.preferred = vec![Weighted {
        weight: 1,
        term: NodeSelectorTerm {
            match_expressions: vec![SelectorRequirement {
                key: label::ZONE.into(),
                operator: SelectorOperator::In,
                values: vec!["c".into()],
            }],
            match_fields: Vec::new(),
        },
    }];
    world.pend(1, picky);
    let decision = provision(&world.snapshot());
    assert_eq!(decision.create.len(), 1);
    assert!(decision.create[0].requirements.get(label::ZONE).is_none());
}

#[test]
fn a_snapshot_without_pods_asks_nothing_of_the_pools() {
    let mut world = World::new();
    world.pools.clear();
    assert_eq!(provision(&world.snapshot()), Provisioning::default());
    assert_eq!(world.cluster.node_slots(), 0);
}

fn placed(world: &World, decision: &Provisioning) -> Vec<Vec<String>> {
    let size = |pod: &PodId| world.cluster.specs.pod(world.cluster.pod(*pod).spec).requests.cpu.get().to_string();
    decision.create.iter().map(|claim| claim.pods.iter().map(size).collect()).collect()
}

#[test]
fn pods_that_fit_nowhere_are_in_nobodys_way() {
    let small = |world: &mut World| {
        world.pend(5, pod(1500));
        world.pend(2, pod(3900));
    };
    let (mut alone, mut among) = (World::new(), World::new());
    small(&mut alone);
    among.pend(40, pod(64_000));
    small(&mut among);
    among.pend(3, pod(9_000));
    let (alone_goes, among_goes) = (provision(&alone.snapshot()), provision(&among.snapshot()));
    assert!(alone_goes.unschedulable.is_empty());
    assert_eq!(placed(&among, &among_goes), placed(&alone, &alone_goes));
    assert_eq!(among_goes.unschedulable.len(), 43);
    let reasons: Vec<_> = among_goes.unschedulable.iter().map(|pod| &pod.pools).collect();
    assert!(reasons.iter().all(|pools| pools.len() == 1 && **pools == *reasons[0]), "{reasons:?}");
}

#[test]
fn of_pods_that_differ_in_nothing_all_are_told_why_and_one_that_needs_less_still_finds_its_place() {
    let mut world = World::new();
    // Limits count here, so that nothing is settled beforehand.
    world.pools[0].limits.push(("cpu".to_owned(), crate::units::Quantity::from_value(8)));
    world.pend(3, pod(7_000));
    world.pend(2, pod(500));
    let decision = provision(&world.snapshot());
    assert_eq!(placed(&world, &decision), [["7000", "500", "500"]]);
    assert_eq!(decision.unschedulable.len(), 2);
    let reasons: Vec<_> = decision.unschedulable.iter().map(|pod| &pod.pools).collect();
    assert!(reasons[0] == reasons[1] && reasons[0][0].is_limit, "{reasons:?}");
}
