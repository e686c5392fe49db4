//! What must hold in every cluster: sizes within bounds, budgets kept, no pod left that a group could hold, and a skipped
//! iteration that would have changed nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{AllOwnersExist, Decision, NodeGroup, NodeRecord, Options, Snapshot, State, run_once};
use crate::cluster::{
    ClusterState, ClusterView, Container, Controller, DisruptionBudget, LabelSelector, NodeGroupId, NodeShape, PodId,
    PodInfo, PodPhase, PodSpec, Resources,
};
use crate::units::{Bytes, Millicores, SimDuration, SimTime, random};

const MIB: i64 = 1 << 20;

/// A small cluster that a test can run loops over.
#[derive(Debug)]
struct Cluster {
    state: ClusterState,
    records: Vec<NodeRecord>,
    groups: Vec<NodeGroup>,
    pending: Vec<PodId>,
    budgets: Vec<DisruptionBudget>,
}

impl Cluster {
    fn snapshot(&self, now: SimTime) -> Snapshot<'_> {
        Snapshot {
            now,
            cluster: &self.state,
            nodes: &self.records,
            node_groups: &self.groups,
            pending: &self.pending,
            nominated: &[],
            daemon_sets: &[],
            disruption_budgets: &self.budgets,
            owners: &AllOwnersExist,
        }
    }

    fn run(&self, now: SimTime, options: &Options, state: &mut State) -> Decision {
        run_once(&self.snapshot(now), options, state, &mut random::stream(1, "properties", now.nanos() as u64))
    }

    fn app(&self, pod: PodId) -> &str {
        &self.state.specs.pod(self.state.pod(pod).spec).labels["app"]
    }
}

#[derive(Clone, Debug)]
struct Group {
    cores: i64,
    nodes: usize,
    below: i64,
    above: i64,
}

#[derive(Clone, Debug)]
struct Pod {
    milli: i64,
    app: usize,
    /// Where it runs, among all nodes; `None`: it waits.
    node: Option<usize>,
}

fn clusters() -> impl Strategy<Value = Cluster> {
    let group = (1..5i64, 0..5usize, 0..3i64, 0..3i64).prop_map(|(cores, nodes, below, above)| Group {
        cores,
        nodes,
        below,
        above,
    });
    let pod = (1..20i64, 0..3usize, prop::option::weighted(0.7, 0..16usize)).prop_map(|(tenths, app, node)| Pod {
        milli: tenths * 100,
        app,
        node,
    });
    let budgets = prop::collection::vec(0..3i32, 3);
    (prop::collection::vec(group, 1..4), prop::collection::vec(pod, 0..24), budgets)
        .prop_map(|(groups, pods, budgets)| build(&groups, &pods, &budgets))
}

fn build(groups: &[Group], pods: &[Pod], budgets: &[i32]) -> Cluster {
    let mut cluster = Cluster {
        state: ClusterState::default(),
        records: Vec::new(),
        groups: Vec::new(),
        pending: Vec::new(),
        budgets: Vec::new(),
    };
    let mut nodes = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let id = NodeGroupId::new(index);
        let resources = Resources::new(Millicores(group.cores * 1000), Bytes(group.cores * 2048 * MIB));
        let shape = cluster.state.specs.intern_shape(NodeShape {
            capacity: resources.clone(),
            allocatable: resources,
            max_pods: 110,
            group: Some(id),
            ..NodeShape::default()
        });
        let size = group.nodes as i64;
        cluster.groups.push(NodeGroup {
            id,
            name: format!("group-{index}").into(),
            min_size: (size - group.below).max(0),
            max_size: size + group.above,
            target_size: size,
            template: Some(shape),
            price: None,
            priority: None,
            options: Default::default(),
            unregistered: Vec::new(),
            keeps_min_size: false,
        });
        for node in 0..group.nodes {
            nodes.push(cluster.state.add_node(format!("node-{index}-{node}").into(), shape));
            cluster.records.push(NodeRecord::default());
        }
    }
    for (index, pod) in pods.iter().enumerate() {
        let spec = cluster.state.specs.intern_pod(spec(pod));
        let mut info = PodInfo::new(format!("pod-{index}").into(), spec, SimTime::ZERO);
        let node = pod.node.and_then(|node| nodes.get(node)).copied().filter(|node| {
            let view = cluster.state.node_view(*node).expect("just added");
            view.state.requested.cpu.get() + pod.milli <= view.shape.allocatable.cpu.get()
        });
        info.phase = if node.is_some() { PodPhase::Running } else { PodPhase::Pending };
        let id = cluster.state.add_pod(info);
        match node {
            Some(node) => cluster.state.bind(id, node),
            None => cluster.pending.push(id),
        }
    }
    let budget = |(app, allowed): (usize, &i32)| DisruptionBudget {
        name: format!("budget-{app}").into(),
        namespace: "default".into(),
        selector: Some(LabelSelector {
            match_labels: BTreeMap::from([("app".to_owned(), app.to_string())]),
            ..LabelSelector::default()
        }),
        min_available: None,
        max_unavailable: None,
        disruptions_allowed: *allowed,
        disrupted_pods: Default::default(),
    };
    cluster.budgets = budgets.iter().enumerate().map(budget).collect();
    cluster
}

fn spec(pod: &Pod) -> PodSpec {
    PodSpec {
        namespace: "default".into(),
        labels: BTreeMap::from([("app".to_owned(), pod.app.to_string())]),
        containers: vec![Container {
            requests: Resources::new(Millicores(pod.milli), Bytes(pod.milli * MIB)),
            has_request: (true, true),
            ..Container::default()
        }],
        controller: Some(Controller {
            kind: "ReplicaSet".into(),
            name: format!("app-{}", pod.app),
            uid: format!("app-{}", pod.app),
        }),
        termination_grace_period: SimDuration::from_secs(30),
        ..PodSpec::default()
    }
}

/// Options under which whatever may happen happens at once.
fn hasty(drains: u32) -> Options {
    Options {
        scale_down_unneeded_time: SimDuration::ZERO,
        max_drain_parallelism: drains,
        scale_down_utilization_threshold: 0.9,
        ..Options::default()
    }
}

fn at(seconds: i64) -> SimTime {
    SimTime::from_secs(seconds)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sizes_stay_within_their_bounds(cluster in clusters(), drains in 1..4u32) {
        let options = hasty(drains);
        let mut state = State::new(&options, at(7200));
        let decision = cluster.run(at(7200), &options, &mut state);
        for resize in &decision.scale_up {
            let group = &cluster.groups[resize.group.index()];
            prop_assert!(resize.from == group.target_size && resize.to > resize.from && resize.to <= group.max_size);
        }
        for group in &cluster.groups {
            let deleted = decision.delete.iter().filter(|deletion| deletion.group == group.id).count() as i64;
            prop_assert!(deleted == 0 || group.target_size - deleted >= group.min_size);
        }
        let drained = decision.delete.iter().filter(|deletion| !deletion.empty).count();
        prop_assert!(decision.delete.len() <= 10 && drained <= drains as usize);
    }

    #[test]
    fn no_drain_touches_a_budget_that_is_used_up(cluster in clusters(), drains in 1..4u32) {
        let options = hasty(drains);
        let mut state = State::new(&options, at(7200));
        let decision = cluster.run(at(7200), &options, &mut state);
        for deletion in decision.delete.iter().filter(|deletion| !deletion.empty) {
            for held in &cluster.state.node(deletion.node).unwrap().pods {
                let app: usize = cluster.app(held.pod).parse().unwrap();
                prop_assert!(cluster.budgets[app].disruptions_allowed >= 1);
            }
        }
        for deletion in decision.delete.iter().filter(|deletion| deletion.empty) {
            prop_assert!(cluster.state.node(deletion.node).unwrap().pods.is_empty());
        }
    }

    #[test]
    fn no_pod_waits_that_a_group_below_its_maximum_could_hold(cluster in clusters()) {
        let options = Options::default();
        let mut state = State::new(&options, at(7200));
        let decision = cluster.run(at(7200), &options, &mut state);
        for unhelped in &decision.unhelped {
            for group in cluster.groups.iter().filter(|group| group.target_size < group.max_size) {
                let shape = cluster.state.specs.shape(group.template.unwrap());
                for pod in &unhelped.pods {
                    let requests = &cluster.state.specs.pod(cluster.state.pod(*pod).spec).requests;
                    prop_assert!(requests.cpu > shape.allocatable.cpu || requests.memory > shape.allocatable.memory);
                }
            }
        }
        // Without a scale-up, every pod either has room on a node that is there or is among those that nobody helps.
        if decision.scale_up.is_empty() {
            let free: i64 = cluster
                .state
                .node_views()
                .map(|view| (view.shape.allocatable.cpu - view.state.requested.cpu).get())
                .sum();
            let unhelped: Vec<PodId> = decision.unhelped.iter().flat_map(|unhelped| unhelped.pods.clone()).collect();
            let placed = cluster.pending.iter().filter(|pod| !unhelped.contains(pod));
            let wanted: i64 =
                placed.map(|pod| cluster.state.specs.pod(cluster.state.pod(*pod).spec).requests.cpu.get()).sum();
            prop_assert!(wanted <= free);
        }
    }

    #[test]
    fn a_skipped_iteration_would_have_changed_nothing(cluster in clusters()) {
        let options = Options {
            scale_down_unneeded_time: SimDuration::from_secs(65),
            // Nothing here carries the taints out, so they would be asked for again and again.
            max_bulk_soft_taint_count: 0,
            ..Options::default()
        };
        let mut plain = State::new(&options, SimTime::ZERO);
        let mut lazy = plain.clone();
        let mut last_unneeded = Vec::new();
        let mut skipped = 0;
        for step in 1..60 {
            let now = at(step * 10);
            let decision = cluster.run(now, &options, &mut plain);
            if lazy.may_skip(now) {
                lazy.skip(now);
                skipped += 1;
                prop_assert!(decision.is_empty(), "{:?}", decision);
                prop_assert_eq!(&decision.unneeded, &last_unneeded);
            } else {
                let same = cluster.run(now, &options, &mut lazy);
                prop_assert_eq!(format!("{same:?}"), format!("{decision:?}"));
            }
            last_unneeded = decision.unneeded;
        }
        // Where no pod waits, most iterations must be skipped.
        prop_assert!(skipped >= 30 || !cluster.pending.is_empty(), "only {skipped} were skipped");
    }
}
