use proptest::prelude::*;

use super::*;
use crate::autoscaler::karpenter::node_pool::{Budget, BudgetNodes};
use crate::autoscaler::karpenter::requirement::{Operator, Requirement};
use crate::autoscaler::karpenter::{
    CapacityType, Catalogue, InstanceType, NodeClaim, NodePool, Offering, Options, launch, node_shape,
};
use crate::cluster::{
    ClusterState, Container, Controller, DisruptionBudget, IntOrPercent, LabelSelector, Labels, NodeShape, PodId,
    PodInfo, PodPhase, PodSpec, Resources, label,
};
use crate::units::{Bytes, Millicores, UsdPerHour};

const GI: i64 = 1 << 30;
/// Name, cores, price.
const TYPES: [(&str, i64, f64); 4] = [("tiny", 1, 0.06), ("small", 2, 0.1), ("medium", 4, 0.2), ("large", 8, 0.4)];

struct World {
    cluster: ClusterState,
    pools: Vec<NodePool>,
    catalogue: Catalogue,
    claims: Vec<NodeClaim>,
    budgets: Vec<DisruptionBudget>,
    options: Options,
    now: SimTime,
}

impl World {
    fn new() -> World {
        let types = TYPES.map(|(name, cores, price)| {
            let size = Resources::new(Millicores(cores * 1000), Bytes(4 * cores * GI));
            let price = UsdPerHour::from_f64(price).unwrap();
            let offering = Offering::new("a", CapacityType::OnDemand, price);
            InstanceType::new(name, size.clone(), size, 20, &Labels::new(), vec![offering])
        });
        let on_demand = Requirement::new(label::CAPACITY_TYPE, Operator::In, &["on-demand"]);
        let all = Budget { nodes: BudgetNodes::Percent(100), reasons: None, window: None };
        World {
            cluster: ClusterState::default(),
            pools: vec![NodePool { budgets: vec![all], ..NodePool::named("default") }.require(on_demand)],
            catalogue: Catalogue::new(types.into()),
            claims: Vec::new(),
            budgets: Vec::new(),
            options: Options::default(),
            now: SimTime::from_secs(1000),
        }
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            cluster: &self.cluster,
            pools: &self.pools,
            catalogue: &self.catalogue,
            claims: &self.claims,
            pending: &[],
            daemon_sets: &[],
            disruption_budgets: &self.budgets,
            options: &self.options,
            now: self.now,
            epoch_seconds: 0,
        }
    }

    /// An initialized node of a type, with pods of so many millicores.
    fn add_node(&mut self, type_index: usize, pods: &[i64], app: &str) -> usize {
        let instance_type = &self.catalogue.types[type_index];
        let mut labels = self.pools[0].labels.clone();
        let name = instance_type.name.to_string();
        for (key, value) in [(label::INSTANCE_TYPE, &*name), (label::ZONE, "a"), (label::CAPACITY_TYPE, "on-demand")] {
            labels.insert(key.to_owned(), value.to_owned());
        }
        let shape = self.cluster.specs.intern_shape(NodeShape {
            labels,
            capacity: instance_type.capacity.clone(),
            allocatable: instance_type.allocatable.clone(),
            max_pods: instance_type.max_pods,
            ..NodeShape::default()
        });
        let name = format!("n{:02}", self.claims.len());
        let node = self.cluster.add_node(name.as_str().into(), shape);
        let mut claim = NodeClaim::launched(name.as_str().into(), &self.pools[0], shape, SimTime::ZERO);
        claim.node = Some(node);
        claim.initialized = Some(SimTime::ZERO);
        self.claims.push(claim);
        for milli in pods {
            let requests = Resources::new(Millicores(*milli), Bytes(GI / 4));
            let spec = self.cluster.specs.intern_pod(PodSpec {
                namespace: "default".into(),
                labels: Labels::from([("app".to_owned(), app.to_owned())]),
                containers: vec![Container { requests, ..Container::default() }],
                controller: Some(Controller { kind: "ReplicaSet".into(), name: "r".into(), uid: "r".into() }),
                ..PodSpec::default()
            });
            let pod = self.cluster.add_pod(PodInfo::new("p".into(), spec, SimTime::ZERO));
            self.cluster.bind(pod, node);
            self.cluster.pod_mut(pod).phase = PodPhase::Running;
        }
        self.claims.len() - 1
    }

    /// A pass, and 15 s later the validation of what it found.
    fn decide(&mut self) -> Option<Command> {
        let mut state = DisruptionState::default();
        let first = disrupt(&self.snapshot(), &mut state);
        if first.command.is_some() || state.waiting().is_none() {
            return first.command;
        }
        self.now = first.next_pass;
        disrupt(&self.snapshot(), &mut state).command
    }
}

#[test]
fn a_command_is_carried_out_15_seconds_after_it_was_found() {
    let mut world = World::new();
    world.add_node(3, &[500], "a");
    let mut state = DisruptionState::default();
    let found = disrupt(&world.snapshot(), &mut state);
    assert_eq!(found.command, None);
    assert_eq!(found.next_pass, world.now + VALIDATION_DELAY);
    let command = state.waiting().expect("a cheaper node would do").clone();
    assert_eq!(command.method, Method::SingleNodeConsolidation);
    world.now += SimDuration::from_secs(5);
    assert_eq!(disrupt(&world.snapshot(), &mut state).next_pass, found.next_pass);
    world.now = found.next_pass;
    let carried_out = disrupt(&world.snapshot(), &mut state);
    assert_eq!(carried_out.command.as_ref(), Some(&command));
    assert_eq!(carried_out.next_pass, world.now);
    let kept = launch(&command.replacements[0], &world.catalogue).unwrap();
    assert_eq!(&*world.catalogue.get(kept.instance_type).name, "tiny");
    let shape = node_shape(&world.pools[0], &command.replacements[0], kept, &world.catalogue);
    assert_eq!(shape.labels[label::INSTANCE_TYPE], "tiny");
}

#[test]
fn a_node_that_was_nominated_meanwhile_is_let_be_and_the_decision_says_why() {
    let mut world = World::new();
    world.add_node(3, &[500], "a");
    let mut state = DisruptionState::default();
    world.now = disrupt(&world.snapshot(), &mut state).next_pass;
    world.claims[0].nominated_until = Some(world.now + SimDuration::from_secs(20));
    let decision = disrupt(&world.snapshot(), &mut state);
    assert_eq!(decision.command, None);
    assert_eq!(decision.abandoned.unwrap().1, "1 candidates are no longer valid");
    assert_eq!(decision.next_possible_change, world.claims[0].nominated_until);
}

#[test]
fn passes_may_be_left_out_until_consolidate_after_has_passed() {
    let mut world = World::new();
    world.pools[0].consolidate_after = Some(SimDuration::from_secs(300));
    world.add_node(3, &[500], "a");
    world.claims[0].last_pod_event = Some(SimTime::from_secs(900));
    let mut state = DisruptionState::default();
    let decision = disrupt(&world.snapshot(), &mut state);
    assert_eq!(decision.next_possible_change, Some(SimTime::from_secs(1200)));
    world.now = SimTime::from_secs(1200);
    disrupt(&world.snapshot(), &mut state);
    assert!(state.waiting().is_some());
}

#[test]
fn a_commands_nodes_go_when_its_replacement_is_initialized_and_stay_when_that_fails() {
    let mut world = World::new();
    world.add_node(3, &[500], "a");
    let command = world.decide().unwrap();
    let mut queue = Queue::default();
    queue.start(command.clone(), vec!["n01".into()], world.now);
    let replacement = world.add_node(0, &[], "a");
    world.claims[replacement].initialized = None;
    assert_eq!(queue.advance(&world.snapshot()), []);
    let mut failing = queue.clone();
    let lost = world.claims.pop().unwrap();
    assert!(matches!(&failing.advance(&world.snapshot())[..], [Progress::GiveUp(_, _)]));
    world.claims.push(NodeClaim { initialized: Some(world.now), ..lost });
    assert!(matches!(&queue.advance(&world.snapshot())[..], [Progress::Delete(done)] if done.command == command));
    assert!(queue.executing().is_empty());
}

#[test]
fn a_claim_expires_whatever_the_budgets_say() {
    let mut world = World::new();
    world.pools[0].budgets = vec![Budget { nodes: BudgetNodes::Count(0), reasons: None, window: None }];
    world.add_node(0, &[500], "a");
    world.claims[0].expire_after = Some(SimDuration::from_secs(1000));
    let expired = Forceful { claim: 0, reason: ForcefulReason::Expired };
    assert_eq!(forceful(&world.snapshot(), &[]), [expired]);
    assert_eq!(next_expiry(&world.snapshot()), Some(SimTime::from_secs(1000)));
    world.now = SimTime::from_secs(999);
    assert_eq!(forceful(&world.snapshot(), &[]), []);
    assert_eq!(forceful(&world.snapshot(), &[0]), [Forceful { reason: ForcefulReason::Interrupted, ..expired }]);
}

/// Nodes of random types with pods that fit, and whether a budget holds the node's pods.
fn nodes() -> impl Strategy<Value = Vec<(usize, Vec<i64>, bool)>> {
    let node = (0usize..4, prop::collection::vec(1i64..12, 0..5), prop::bool::weighted(0.2));
    prop::collection::vec(node, 1..9)
}

fn build(nodes: &[(usize, Vec<i64>, bool)]) -> World {
    let mut world = World::new();
    for (type_index, pods, is_held) in nodes {
        let room = TYPES[*type_index].1 * 1000;
        let mut used = 0;
        let fitting: Vec<i64> = pods
            .iter()
            .map(|tenths| tenths * 100)
            .take_while(|milli| {
                used += milli;
                used <= room
            })
            .collect();
        world.add_node(*type_index, &fitting, if *is_held { "held" } else { "free" });
    }
    let selector = LabelSelector { match_labels: Labels::from([("app".into(), "held".into())]), ..Default::default() };
    world.budgets.push(DisruptionBudget {
        name: "held".into(),
        namespace: "default".into(),
        selector: Some(selector),
        min_available: None,
        max_unavailable: Some(IntOrPercent::Int(1)),
        always_allows_unhealthy: false,
        disruptions_allowed: 0,
        disrupted_pods: Default::default(),
    });
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn consolidation_never_raises_the_cost_breaks_no_budget_and_every_pod_has_a_place(nodes in nodes()) {
        let mut world = build(&nodes);
        let Some(command) = world.decide() else { return Ok(()) };
        let gone: Vec<_> = command.nodes.iter().map(|node| node.node).collect();
        let before: f64 = command.nodes.iter().map(|node| node.price).sum();
        let launched: Vec<_> =
            command.replacements.iter().map(|claim| launch(claim, &world.catalogue).expect("it can be had")).collect();
        prop_assert!(launched.len() <= 1);
        let after: f64 = launched.iter().map(|launch| launch.price.as_f64()).sum();
        prop_assert!(after < before, "{after} is not less than {before}");

        let mut free: Vec<(i64, usize)> = Vec::new();
        for view in world.cluster.node_views().filter(|view| !gone.contains(&view.id)) {
            free.push(((view.shape.allocatable.cpu - view.state.requested.cpu).get(), view.state.pods.len()));
        }
        let mut moved: Vec<PodId> = Vec::new();
        for node in &gone {
            for held in &world.cluster.node(*node).unwrap().pods {
                let pod = world.cluster.specs.pod(held.spec);
                prop_assert_ne!(pod.labels["app"].as_str(), "held");
                moved.push(held.pod);
            }
        }
        let on_new: Vec<PodId> = command.replacements.iter().flat_map(|claim| claim.pods.clone()).collect();
        let milli = |pod: PodId| world.cluster.specs.pod(world.cluster.pod(pod).spec).requests.cpu.get();
        if let Some(launch) = launched.first() {
            let room = world.catalogue.get(launch.instance_type).allocatable.cpu.get();
            prop_assert!(on_new.iter().map(|pod| milli(*pod)).sum::<i64>() <= room);
        }
        moved.retain(|pod| !on_new.contains(pod));
        moved.sort_by_key(|pod| (std::cmp::Reverse(milli(*pod)), *pod));
        for pod in moved {
            let place = free.iter_mut().find(|(cpu, pods)| *cpu >= milli(pod) && *pods < 20);
            prop_assert!(place.is_some(), "a pod of {}m has no place", milli(pod));
            let (cpu, pods) = place.unwrap();
            *cpu -= milli(pod);
            *pods += 1;
        }
    }
}
