//! Random little clusters against what must hold of any scheduling decision.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::affinity_counts::AffinityCounts;
use super::filter;
use super::score::{MAX_NODE_SCORE, Scoring, candidates};
use super::spread_counts::SpreadCounts;
use super::*;
use crate::cluster::{
    Affinity, ByNode, ClusterState, ClusterView, Container, Controller, DisruptionBudget, Labels, NodeId, NodeShape,
    NodeView, PodAffinity, PodAffinityTerm, PodId, PodInfo, PodSpec, Resources, SpreadPolicy, Taint, TaintEffect,
    TopologySpreadConstraint, Weighted, WhenUnsatisfiable,
};
use crate::cluster::{LabelSelector, NodeSelectorTerm, SelectorOperator, SelectorRequirement, label};
use crate::units::{Bytes, Millicores, SimTime, random};

const SEEDS: u64 = 300;

fn labels(pairs: &[(&str, String)]) -> Labels {
    pairs.iter().map(|(key, value)| (key.to_string(), value.clone())).collect()
}

fn selector(rng: &mut Pcg64Mcg) -> LabelSelector {
    LabelSelector { match_labels: labels(&[("app", rng.random_range(0..3).to_string())]), ..Default::default() }
}

fn topology_key(rng: &mut Pcg64Mcg) -> String {
    if rng.random_range(0..2) == 0 { label::HOSTNAME.into() } else { label::ZONE.into() }
}

fn terms(rng: &mut Pcg64Mcg, odds: u32) -> Vec<PodAffinityTerm> {
    let mut term = || PodAffinityTerm {
        selector: Some(selector(rng)),
        topology_key: topology_key(rng),
        ..PodAffinityTerm::default()
    };
    let term = term();
    if rng.random_range(0..odds) == 0 { vec![term] } else { Vec::new() }
}

fn pod_affinity(rng: &mut Pcg64Mcg) -> PodAffinity {
    let required = terms(rng, 8);
    let preferred = terms(rng, 4).into_iter().map(|term| Weighted { weight: rng.random_range(1..100), term }).collect();
    PodAffinity { required, preferred }
}

fn pod_spec(rng: &mut Pcg64Mcg) -> PodSpec {
    let requests = Resources::new(Millicores(rng.random_range(0..8) * 250), Bytes(rng.random_range(0..8) << 28));
    let spread = |rng: &mut Pcg64Mcg| TopologySpreadConstraint {
        max_skew: rng.random_range(1..3),
        topology_key: topology_key(rng),
        when_unsatisfiable: if rng.random_range(0..2) == 0 {
            WhenUnsatisfiable::DoNotSchedule
        } else {
            WhenUnsatisfiable::ScheduleAnyway
        },
        selector: Some(selector(rng)),
        min_domains: None,
        node_affinity_policy: SpreadPolicy::Honor,
        node_taints_policy: if rng.random_range(0..2) == 0 { SpreadPolicy::Honor } else { SpreadPolicy::Ignore },
    };
    PodSpec {
        namespace: "default".into(),
        labels: labels(&[("app", rng.random_range(0..3).to_string())]),
        containers: vec![Container { requests, has_request: (true, true), ..Container::default() }],
        affinity: Affinity { pod: pod_affinity(rng), pod_anti: pod_affinity(rng), ..Affinity::default() },
        topology_spread_constraints: (0..rng.random_range(0..3)).map(|_| spread(rng)).collect(),
        priority: rng.random_range(0..4),
        preempts: true,
        ..PodSpec::default()
    }
}

/// Up to 8 nodes in 3 zones with up to 20 pods wherever they fit by resources, and one pending pod, the last.
fn cluster(seed: u64) -> (ClusterState, PodId) {
    let mut rng = random::stream(seed, "scheduler-tests", 0);
    let mut cluster = ClusterState::default();
    for index in 0..rng.random_range(1..9) {
        let effect =
            [TaintEffect::NoSchedule, TaintEffect::PreferNoSchedule, TaintEffect::NoExecute][rng.random_range(0..3)];
        let taint = Taint { key: "t".into(), value: String::new(), effect };
        let shape = cluster.specs.intern_shape(NodeShape {
            labels: labels(&[(label::ZONE, rng.random_range(0..3).to_string())]),
            allocatable: Resources::new(Millicores(4000), Bytes(4 << 30)),
            taints: if rng.random_range(0..4) == 0 { vec![taint] } else { Vec::new() },
            max_pods: 110,
            ..NodeShape::default()
        });
        cluster.add_node(format!("n{index}").into(), shape);
    }
    for index in 0..rng.random_range(0..21) {
        let spec = cluster.specs.intern_pod(pod_spec(&mut rng));
        let pod = cluster.add_pod(PodInfo::new(format!("p{index}").into(), spec, SimTime::ZERO));
        let node = NodeId::new(rng.random_range(0..cluster.node_slots()));
        let view = cluster.node_view(node).unwrap();
        let free = view.shape.allocatable.minus(&view.state.requested);
        if free.shortfalls(&cluster.specs.pod(spec).requests).next().is_none() {
            cluster.bind(pod, node);
            cluster.pod_mut(pod).started = Some(SimTime::from_secs(rng.random_range(0..5)));
        }
    }
    let spec = cluster.specs.intern_pod(pod_spec(&mut rng));
    let pending = cluster.add_pod(PodInfo::new("pending".into(), spec, SimTime::ZERO));
    (cluster, pending)
}

#[test]
fn counts_kept_up_to_date_are_the_counts_of_a_fresh_look() {
    for seed in 0..SEEDS {
        let (mut cluster, pending) = cluster(seed);
        let spec = cluster.pod(pending).spec;
        let bound: Vec<_> = (0..pending.index())
            .map(PodId::new)
            .filter_map(|pod| cluster.pod(pod).node.map(|node| (pod, node)))
            .collect();
        let before = cluster.clone();
        let mut kept = Cycle::new(&before, spec);
        for (pod, node) in bound.iter().take(3) {
            let other = before.specs.pod(before.pod(*pod).spec);
            kept.change(other, &before.node_view(*node).unwrap(), -1);
            cluster.release(*pod);
        }
        // Where a plugin was skipped, upstream does not tell it of changes: it has nothing to lose by removals.
        let fresh = Cycle::new(&cluster, spec);
        for node in cluster.node_views() {
            assert_eq!(filter::fits(&kept, &node), filter::fits(&fresh, &node), "seed {seed}, {}", node.state.name);
        }
    }
}

/// As [`cluster`], but pods of few kinds on more nodes, some of them terminating, some of a controller.
fn crowd(seed: u64) -> (ClusterState, PodId) {
    let mut rng = random::stream(seed, "scheduler-crowd", 0);
    let mut cluster = ClusterState::default();
    let soft = rng.random_range(0..2) == 0;
    for index in 0..rng.random_range(1..40) {
        let effect = if soft { TaintEffect::PreferNoSchedule } else { TaintEffect::NoSchedule };
        let taint = Taint { key: "t".into(), value: String::new(), effect };
        let shape = cluster.specs.intern_shape(NodeShape {
            labels: labels(&[(label::ZONE, rng.random_range(0..3).to_string())]),
            allocatable: Resources::new(Millicores(4000), Bytes(4 << 30)),
            taints: if rng.random_range(0..4) == 0 { vec![taint] } else { Vec::new() },
            max_pods: 8,
            ..NodeShape::default()
        });
        cluster.add_node(format!("n{index}").into(), shape);
    }
    let kinds: Vec<_> = (0..rng.random_range(1..5))
        .map(|kind| {
            let mut spec = pod_spec(&mut rng);
            match rng.random_range(0..4) {
                // Nothing of its own: others' terms alone can matter.
                0 => spec.affinity = Affinity::default(),
                1 => (spec.affinity, spec.topology_spread_constraints) = Default::default(),
                2 => spec.topology_spread_constraints.truncate(1),
                _ => {}
            }
            if rng.random_range(0..2) == 0 {
                let name = format!("owner-{}", kind / 2);
                spec.controller = Some(Controller { kind: "ReplicaSet".into(), name, uid: String::new() });
            }
            if rng.random_range(0..4) == 0 {
                let requirement = SelectorRequirement {
                    key: label::ZONE.into(),
                    operator: SelectorOperator::In,
                    values: vec!["0".into(), "2".into()],
                };
                let term = NodeSelectorTerm { match_expressions: vec![requirement], match_fields: Vec::new() };
                spec.affinity.node.preferred = vec![Weighted { weight: 5, term }];
            }
            spec
        })
        .collect();
    let spec_of = |cluster: &mut ClusterState, rng: &mut Pcg64Mcg| {
        let kind = &kinds[rng.random_range(0..kinds.len())];
        cluster.specs.intern_pod(kind.clone())
    };
    for index in 0..rng.random_range(0..80) {
        let spec = spec_of(&mut cluster, &mut rng);
        let pod = cluster.add_pod(PodInfo::new(format!("p{index}").into(), spec, SimTime::ZERO));
        let node = NodeId::new(rng.random_range(0..cluster.node_slots()));
        let fits = filter::fits(&Cycle::new(&ByNode(&cluster), spec), &cluster.node_view(node).unwrap()).is_ok();
        if fits || rng.random_range(0..10) == 0 {
            cluster.bind(pod, node);
        }
        match rng.random_range(0..8) {
            0 if fits => cluster.set_deletion(pod, SimTime::from_secs(1)),
            1 if fits => cluster.release(pod),
            _ => {}
        }
    }
    let spec = spec_of(&mut cluster, &mut rng);
    let pending = cluster.add_pod(PodInfo::new("pending".into(), spec, SimTime::ZERO));
    (cluster, pending)
}

#[test]
fn classes_choose_as_all_nodes_would() {
    let (profile, mut chosen, mut apart) = (Profile::default(), 0, 0);
    for seed in 0..8 * SEEDS {
        let (cluster, pending) = crowd(seed);
        let spec = cluster.pod(pending).spec;
        let mut classes = ClassIndex::default();
        (0..cluster.node_slots()).for_each(|node| classes.refresh(&cluster, NodeId::new(node)));
        let plain = ByNode(&cluster);
        let cycle = Cycle::for_pod(&plain, pending);
        let mut rng = random::stream(seed, "tie", 0);
        let wanted = schedule(&plain, &cycle, &profile, &mut Memory::default(), &mut rng).map_or(vec![], |s| s.tied);
        let how = ByClass::of(&cluster.specs, spec, &profile, 1);
        apart += usize::from(how == ByClass::Apart);
        let cycle = Cycle::new(&cluster, spec);
        let mut found = Vec::new();
        for rank in 0..wanted.len().max(1) {
            let mut tied = 1;
            let pick = |among| {
                tied = among;
                rank
            };
            found.extend(by_class::choose(&cluster, &mut classes, &cycle, &profile, how, pick));
            assert_eq!(tied, wanted.len().max(1), "seed {seed}");
        }
        assert_eq!(found, wanted, "seed {seed}");
        chosen += usize::from(!wanted.is_empty());
        let by_node = Cycle::new(&plain, spec);
        let some_room =
            cluster.node_views().any(|node| by_class::refuses_for_room(&cluster, &by_node, &profile, node.id));
        assert_eq!(by_class::wants_room(&cluster, &classes, &cycle, &profile), some_room, "seed {seed}");
        cluster.audit_places().unwrap();
    }
    assert!(chosen > 1000 && apart > 1000, "{chosen} chosen, {apart} set nodes apart");
}

#[test]
fn every_plugin_that_speaks_scores_from_0_to_100() {
    let profile = Profile::default();
    for seed in 0..SEEDS {
        let (cluster, pending) = cluster(seed);
        let cycle = Cycle::for_pod(&cluster, pending);
        let nodes: Vec<NodeId> = cluster.node_views().map(|node| node.id).collect();
        let scoring = Scoring::new(&cluster, &cycle, &profile.settings, &candidates(&nodes));
        for (plugin, _) in profile.scores.iter().filter(|(plugin, _)| plugin.applies(&scoring)) {
            let mut scores: Vec<i64> = cluster.node_views().map(|node| plugin.score(&scoring, &node)).collect();
            plugin.normalize(&mut scores);
            let in_range = scores.iter().all(|score| (0..=MAX_NODE_SCORE).contains(score));
            assert!(in_range, "seed {seed}, {}: {scores:?}", plugin.name());
        }
    }
}

#[test]
fn a_pod_goes_to_a_node_that_takes_it_and_to_the_same_one_again() {
    let profile = Profile::default();
    let mut placed = 0;
    for seed in 0..SEEDS {
        let (cluster, pending) = cluster(seed);
        let cycle = Cycle::for_pod(&cluster, pending);
        let choose = || {
            let mut rng = random::stream(seed, "tie", 0);
            schedule(&cluster, &cycle, &profile, &mut Memory::default(), &mut rng)
        };
        match choose() {
            Ok(selection) => {
                placed += 1;
                assert!(filter::fits(&cycle, &cluster.node_view(selection.node).unwrap()).is_ok());
                assert!(selection.tied.contains(&selection.node));
                assert_eq!(choose().unwrap().node, selection.node);
            }
            Err(rejected) => assert_eq!(rejected.len(), cluster.live_nodes()),
        }
    }
    assert!(placed > 100, "{placed} of {SEEDS} pods found a node");
}

#[test]
fn once_the_victims_are_gone_the_pod_fits_and_none_of_them_is_spared_in_vain() {
    let (mut preempted, profile) = (0, Profile::default());
    for seed in 0..3 * SEEDS {
        let (cluster, pending) = cluster(seed);
        let cycle = Cycle::for_pod(&cluster, pending);
        let nominations = Nominations::default();
        let rejected = feasible_nodes(&cluster, &cycle, &profile, &mut Memory::default());
        if !rejected.nodes.is_empty() {
            continue;
        }
        let attempt = PreemptionAttempt {
            view: &cluster,
            cycle: &cycle,
            profile: &profile,
            nominations: &nominations,
            rejected: &rejected.rejected,
            budgets: &[],
            now: SimTime::from_secs(9),
            offset: 0,
        };
        let Ok(preemption) = attempt.run() else { continue };
        preempted += 1;
        assert!(!preemption.victims.is_empty());
        let mut after = cluster.clone();
        for victim in &preemption.victims {
            assert!(cluster.specs.pod(cluster.pod(*victim).spec).priority < cycle.pod.priority);
            after.release(*victim);
        }
        let fits = |cluster: &ClusterState| {
            let node = cluster.node_view(preemption.node).unwrap();
            filter::fits(&Cycle::for_pod(cluster, pending), &node).is_ok()
        };
        assert!(fits(&after), "seed {seed}");
        // The last victim was spared if the pod would fit beside it.
        let mut spared = cluster.clone();
        for victim in &preemption.victims[..preemption.victims.len() - 1] {
            spared.release(*victim);
        }
        assert!(!fits(&spared), "seed {seed}");
    }
    assert!(preempted > 30, "{preempted} preemptions");
}

#[test]
fn a_budget_that_guards_every_pod_is_counted_as_broken() {
    let mut cluster = ClusterState::default();
    let shape = cluster.specs.intern_shape(NodeShape {
        allocatable: Resources::new(Millicores(1000), Bytes(1 << 30)),
        max_pods: 110,
        ..NodeShape::default()
    });
    let node = cluster.add_node("n".into(), shape);
    let mut add = |name: &str, priority: i32| {
        let requests = Resources::new(Millicores(800), Bytes(1));
        let container = Container { requests, has_request: (true, true), ..Container::default() };
        let spec = cluster.specs.intern_pod(PodSpec {
            namespace: "default".into(),
            labels: labels(&[("app", "a".into())]),
            containers: vec![container],
            priority,
            preempts: true,
            ..PodSpec::default()
        });
        cluster.add_pod(PodInfo::new(name.into(), spec, SimTime::ZERO))
    };
    let (low, high) = (add("low", 0), add("high", 1));
    cluster.bind(low, node);
    let budget = |selector| DisruptionBudget {
        name: "b".into(),
        namespace: "default".into(),
        selector,
        min_available: None,
        max_unavailable: None,
        always_allows_unhealthy: false,
        disruptions_allowed: 0,
        disrupted_pods: Default::default(),
    };
    let profile = Profile::default();
    let cycle = Cycle::for_pod(&cluster, high);
    let rejected = feasible_nodes(&cluster, &cycle, &profile, &mut Memory::default()).rejected;
    let violations = |budgets: &[DisruptionBudget]| {
        let nominations = &Nominations::default();
        let now = SimTime::ZERO;
        let (view, cycle, profile, rejected) = (&cluster, &cycle, &profile, &rejected);
        let attempt = PreemptionAttempt { view, cycle, profile, nominations, rejected, budgets, now, offset: 0 };
        let preemption = attempt.run().unwrap();
        assert_eq!(preemption.victims, [low]);
        preemption.pdb_violations
    };
    let app = LabelSelector { match_labels: labels(&[("app", "a".into())]), ..LabelSelector::default() };
    assert_eq!(violations(&[budget(Some(app))]), 1);
    // As upstream's scheduler (not its eviction API) has it, an empty selector guards nothing.
    assert_eq!(violations(&[budget(Some(LabelSelector::default()))]), 0);
}

#[test]
fn a_pod_without_constraints_costs_no_look_at_the_cluster() {
    let mut cluster = ClusterState::default();
    let spec = cluster.specs.intern_pod(PodSpec::default());
    assert!(SpreadCounts::new(&cluster, spec).is_none());
    assert!(AffinityCounts::new(&cluster, spec).is_none());
    assert_eq!(ByClass::of(&cluster.specs, spec, &Profile::default(), 1), ByClass::Whole);
}

#[test]
fn sampling_goes_on_where_it_stopped() {
    let mut cluster = ClusterState::default();
    let shape = cluster.specs.intern_shape(NodeShape { max_pods: 110, ..NodeShape::default() });
    for index in 0..250 {
        cluster.add_node(format!("n{index}").into(), shape);
    }
    let spec = cluster.specs.intern_pod(PodSpec::default());
    let options = SchedulerOptions { percentage_of_nodes_to_score: Some(1), ..SchedulerOptions::default() };
    let (profile, mut memory) = (Profile::new(options).unwrap(), Memory::default());
    let cycle = Cycle::new(&cluster, spec);
    let mut first_nodes = Vec::new();
    for _ in 0..3 {
        let found = feasible_nodes(&cluster, &cycle, &profile, &mut memory).nodes;
        assert_eq!(found.len(), 100);
        first_nodes.push(found[0].0);
    }
    assert_eq!(first_nodes, [0, 100, 200]);
    assert_eq!(memory.next_start_node_index, 50);
}

#[test]
fn a_node_without_a_hostname_label_has_none() {
    let mut cluster = ClusterState::default();
    let shape = cluster.specs.intern_shape(NodeShape::default());
    let id = cluster.add_node("n".into(), shape);
    let hostname = |cluster: &ClusterState| {
        let node: NodeView<'_> = cluster.node_view(id).unwrap();
        node.label(label::HOSTNAME).map(str::to_owned)
    };
    assert_eq!(hostname(&cluster).as_deref(), Some("n"));
    cluster.set_hostname(id, None, true);
    assert_eq!(hostname(&cluster), None);
}
