//! The Cluster Autoscaler at work: its loop at upstream's instants, the snapshot it gets, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::Event;
use super::records::Controller;
use super::state::cluster_autoscaler::{AutoscalerRun, Found};
use super::state::drain::{Drain, Drainer};
use super::state::evictor::Evictor;
use super::state::tallies::Tally;
use super::world::World;
use crate::autoscaler::cluster_autoscaler::{
    self as ca, Decision, Explainer, Explanation, Halt, NodeGroup, NodeRecord, Options, Owner, Owners, Snapshot, State,
    Subject, Verdict,
};
use crate::cluster::{self, ClusterView, NodeId, PodId, Taint, TaintEffect};
use crate::scenario::WorkloadKind;
use crate::units::random::stream;
use crate::units::{SimDuration, SimTime};

/// From one loop's start to the next, whatever triggers that: a real loop takes about as long, and pods younger than two
/// seconds cause no scale-up anyway.
const SHORTEST_PAUSE: SimDuration = SimDuration::from_secs(2);

impl World<'_> {
    pub(super) fn start_cluster_autoscaler(&mut self) {
        let scenario = self.scenario;
        let Some(options) = &scenario.cluster_autoscaler else { return };
        let groups = scenario
            .node_groups
            .iter()
            .filter(|group| !group.is_node_pool)
            .map(|group| NodeGroup {
                id: group.id,
                name: Arc::clone(&group.name),
                min_size: i64::from(group.min_size),
                max_size: i64::from(group.max_size),
                target_size: i64::from(group.initial_size),
                template: group.shapes.first().copied(),
                price: Some(group.price),
                priority: group.priority,
                options: group.autoscaling.clone(),
                unregistered: Vec::new(),
                keeps_min_size: true,
            })
            .collect();
        self.cluster_autoscaler = Some(Box::new(AutoscalerRun {
            state: State::new(options, SimTime::ZERO),
            rng: stream(self.seed, "cluster-autoscaler", 0),
            records: Vec::new(),
            groups,
            daemon_sets: scenario.daemon_sets.iter().map(|daemon| daemon.spec).collect(),
            seen: u64::MAX,
            generation: 0,
            last_loop: SimTime::ZERO,
            next_loop: SimTime::ZERO,
            halted: None,
            found: Found::default(),
            leaving: BTreeMap::new(),
        }));
        self.plan_loop(SimTime::ZERO + options.scan_interval);
    }

    fn plan_loop(&mut self, at: SimTime) {
        let Some(run) = &mut self.cluster_autoscaler else { return };
        run.generation += 1;
        run.next_loop = at;
        self.events.push(at, Event::ClusterAutoscalerScan { generation: run.generation });
    }

    /// A pod was called unschedulable: with `frequent-loops-enabled` that ends the pause.
    pub(super) fn autoscaler_hears_of_pod(&mut self) {
        let (Some(run), Some(options)) = (&self.cluster_autoscaler, &self.scenario.cluster_autoscaler) else { return };
        let at = self.now.max(run.last_loop + SHORTEST_PAUSE);
        if options.frequent_loops_enabled && at < run.next_loop {
            self.plan_loop(at);
        }
    }

    pub(super) fn cluster_autoscaler_scan(&mut self, generation: u32) {
        let Some(mut run) = self.cluster_autoscaler.take() else { return };
        if run.generation != generation {
            self.cluster_autoscaler = Some(run);
            return;
        }
        let options = self.scenario.cluster_autoscaler.as_ref().expect("a running autoscaler has options");
        run.last_loop = self.now;
        let mut acted = false;
        if run.seen == self.cluster.version() && !self.plain && run.state.may_skip(self.now) {
            run.state.skip(self.now);
            self.counts.autoscaler_loops_skipped += 1;
        } else {
            self.counts.autoscaler_loops += 1;
            run.seen = self.cluster.version();
            let (mut decision, pending, given_up) = self.autoscaler_decides(&mut run, options);
            self.hear_cluster_autoscaler(&mut decision, &pending);
            run.found = Found { in_cooldown: decision.in_cooldown, ..Found::default() };
            for unremovable in &decision.unremovable {
                *run.found.unremovable.entry(unremovable.reason).or_default() += 1;
            }
            acted = !decision.scale_up.is_empty() || !decision.delete.is_empty();
            self.carry_out(&mut run, options, &decision, &given_up);
            self.hear_why_kept(options, &run.state, &run.groups, &decision);
        }
        self.cluster_autoscaler = Some(run);
        let pause = if acted && options.frequent_loops_enabled { SHORTEST_PAUSE } else { options.scan_interval };
        self.plan_loop(self.now + pause);
    }

    fn autoscaler_decides(&mut self, run: &mut AutoscalerRun, options: &Options) -> (Decision, Vec<PodId>, GivenUp) {
        for index in run.records.len()..self.cluster.node_slots() {
            let instance = self.instance_of_node(NodeId::new(index));
            run.records.push(NodeRecord { created: instance.registered.unwrap_or(self.now), ..NodeRecord::default() });
        }
        for (index, record) in run.records.iter_mut().enumerate() {
            let instance = &self.instances[self.instance_of[index] as usize];
            record.ready_transition = instance.ready_changed.unwrap_or(record.created);
            record.instance_gone = instance.returned;
        }
        for group in &mut run.groups {
            let state = &self.groups[group.id.index()];
            group.target_size = i64::from(state.target);
            group.unregistered.clear();
            let booting = state.unregistered.iter().map(|instance| (ca::InstanceId(u64::from(*instance)), None));
            let unfilled = state.unfilled.iter().map(|place| (place.id, Some(place.error.into())));
            group.unregistered.extend(booting.chain(unfilled).map(|(id, error)| ca::Instance { id, error }));
        }
        let unschedulable = self.unschedulable_pods();
        let (nominated, pending): (Vec<_>, Vec<_>) =
            unschedulable.into_iter().partition(|pod| self.cluster.pod(*pod).nominated_node.is_some());
        let owners = ScenarioOwners { world: self };
        let snapshot = Snapshot {
            now: self.now,
            cluster: &self.cluster,
            nodes: &run.records,
            node_groups: &run.groups,
            pending: &pending,
            nominated: &nominated,
            daemon_sets: &run.daemon_sets,
            disruption_budgets: &self.budgets_now(),
            owners: &owners,
        };
        let decision = ca::run_once(&snapshot, options, &mut run.state, &mut run.rng);
        let explainer = Explainer { snapshot: &snapshot, options };
        let mut explanations = explainer.actions(&decision);
        if decision.halted != run.halted {
            explanations.extend(explainer.halt(&decision));
        }
        if self.verbose {
            explanations.extend(explainer.refusals(&decision));
        }
        let given_up = GivenUp {
            decreases: decision.target_decreases.iter().map(|decrease| explainer.decrease(decrease)).collect(),
            instances: decision.delete_instances.iter().map(|deletion| explainer.instance(deletion)).collect(),
        };
        self.tell(explanations);
        (decision, pending, given_up)
    }

    /// One full loop with a memory and draws of the caller's.
    #[cfg(test)]
    pub(super) fn loop_with(&mut self, state: State, rng: rand_pcg::Pcg64Mcg) -> (Decision, State) {
        let scenario = self.scenario;
        let options = scenario.cluster_autoscaler.as_ref().expect("the scenario has a Cluster Autoscaler");
        let mut run = self.cluster_autoscaler.take().expect("it was started");
        (run.state, run.rng) = (state, rng);
        let (decision, ..) = self.autoscaler_decides(&mut run, options);
        (decision, run.state)
    }

    /// What was decided and why; with verbose decisions also why not.
    fn tell(&mut self, explanations: Vec<Explanation>) {
        for Explanation { subject, verdict, reason } in explanations {
            let object = match subject {
                Subject::Cluster => "cluster".to_owned(),
                Subject::Group(group) => format!("nodegroup/{}", self.scenario.node_groups[group.index()].name),
                Subject::Node(node) => format!("node/{}", self.instance_of_node(node).name),
                Subject::Pod(pod) => self.pod_object(pod),
            };
            let (from, to) = match verdict {
                Verdict::Resized(from, to) => (from.to_string(), to.to_string()),
                Verdict::ToBeDeleted => ("Ready".into(), "ToBeDeleted".into()),
                Verdict::Skipped => (String::new(), "skipped".into()),
                Verdict::NoGroupHelps => ("Pending".into(), "no group helps".into()),
                Verdict::Kept => ("Ready".into(), "kept".into()),
                Verdict::Halted => (String::new(), "halted".into()),
                Verdict::Nothing => (String::new(), "nothing done".into()),
            };
            self.decide(Controller::ClusterAutoscaler, object, from, to, reason);
        }
    }

    fn carry_out(&mut self, run: &mut AutoscalerRun, options: &Options, decision: &Decision, given_up: &GivenUp) {
        self.tell_decreases(run, decision, given_up);
        self.delete_instances(decision, given_up);
        for resize in decision.scale_up.iter().chain(&decision.min_size) {
            self.counts.scale_ups += 1;
            let more = (resize.to - resize.from).max(0) as u32;
            self.tally(more.into(), |_| Tally::NodesAsked);
            self.raise_target(resize.group.0, more);
        }
        for deletion in &decision.delete {
            self.counts.scale_downs += 1;
            let why = match (deletion.ready, deletion.empty) {
                (false, _) => "unready",
                (true, true) => "empty",
                (true, false) => "underutilized",
            };
            run.leaving.insert(deletion.node, why);
            // As upstream writes it, the value is the second at which the taint was set.
            let value = self.now.nanos().div_euclid(1_000_000_000).to_string();
            let taint = Taint { key: ca::TO_BE_DELETED_TAINT.into(), value, effect: TaintEffect::NoSchedule };
            let starts = self.now + options.node_delete_delay_after_taint;
            let by = Drainer::ClusterAutoscaler(Evictor::new(deletion.empty, starts));
            let drain = Drain::new(by, Some(taint), options.cordon_node_before_terminating);
            self.begin_drain(deletion.node, drain, "ScaleDown", starts);
        }
        for node in &decision.soft_taint {
            self.set_soft_taint(*node, true);
        }
        for node in &decision.soft_untaint {
            self.set_soft_taint(*node, false);
        }
    }

    /// A cloud lowers a target by itself only where that costs no machine (`DecreaseTargetSize` of AWS, GCE and others
    /// counts what `Nodes()` lists). A scaling group lists a machine or a placeholder for every place of its target, so
    /// it refuses; what did not come is deleted one by one.
    fn tell_decreases(&mut self, run: &mut AutoscalerRun, decision: &Decision, given_up: &GivenUp) {
        let was_halted = std::mem::replace(&mut run.halted, decision.halted);
        for (decrease, why) in decision.target_decreases.iter().zip(&given_up.decreases) {
            let and = match decrease.reason {
                ca::DecreaseReason::ProvisioningTimeout => {
                    self.tally(1, |_| Tally::ScaleUpFailed { why: "timeout".into() });
                    "the target stays, for the cloud deletes no machine by it"
                }
                // Upstream's loop ends with an error here, and so does every one that follows.
                ca::DecreaseReason::IncorrectSize if was_halted == Some(Halt::SizesFixed) => continue,
                ca::DecreaseReason::IncorrectSize => {
                    "the cloud refuses a lower target, so that the autoscaler does nothing else until they come"
                }
            };
            let object = format!("nodegroup/{}", self.scenario.node_groups[decrease.group.index()].name);
            let target = self.groups[decrease.group.index()].target.to_string();
            self.decide(Controller::ClusterAutoscaler, object, target.clone(), target, format!("{why}; {and}"));
        }
    }

    /// Deletes instances that did not come up, and says so.
    fn delete_instances(&mut self, decision: &Decision, given_up: &GivenUp) {
        let mut reasons = given_up.instances.iter();
        for of_group in decision.delete_instances.chunk_by(|a, b| a.group == b.group) {
            let group = of_group[0].group;
            let before = self.groups[group.index()].target;
            let mut unfilled = 0;
            let mut error = "";
            let mut failed: BTreeSet<&'static str> = BTreeSet::new();
            for (deletion, why) in of_group.iter().zip(reasons.by_ref()) {
                let id = deletion.instance;
                let machine = self.instances.get(id.0 as usize).filter(|_| id.0 <= u64::from(u32::MAX));
                let machine = machine.map(|record| format!("node/{}", record.name));
                let places = &self.groups[group.index()].unfilled;
                let place = places.iter().find(|place| place.id == id).copied();
                if !self.delete_place(group.0, id) {
                    continue;
                }
                match place {
                    Some(place) => {
                        failed.insert(place.error);
                    }
                    None => self.tally(1, |_| Tally::UnregisteredRemoved),
                }
                match (machine, place) {
                    (Some(node), place) => {
                        let state = place.map_or("Unregistered", |place| place.error);
                        self.decide(Controller::ClusterAutoscaler, node, state, "Deleted", why.clone());
                    }
                    (None, Some(place)) => (unfilled, error) = (unfilled + 1, place.error),
                    (None, None) => {}
                }
            }
            for error in failed {
                self.tally(1, |_| Tally::ScaleUpFailed { why: error.into() });
            }
            if unfilled > 0 {
                let object = format!("nodegroup/{}", self.scenario.node_groups[group.index()].name);
                let reason = format!("given up: {unfilled} instances that the cloud did not deliver ({error})");
                let after = before - unfilled;
                self.decide(Controller::ClusterAutoscaler, object, before.to_string(), after.to_string(), reason);
            }
        }
    }

    /// Deletions that the autoscaler holds to be under way are so, and it knows of all. For the audit.
    pub(super) fn audit_deletions(&self) -> Result<(), String> {
        let Some(run) = &self.cluster_autoscaler else { return Ok(()) };
        for node in run.state.deletions.keys() {
            if self.cluster.node(*node).is_none() || !self.instance_of_node(*node).deleting {
                return Err(format!("{} is on the list of deletions", self.instance_of_node(*node).name));
            }
        }
        for node in self.cluster.node_views() {
            let is_pool = |group: u32| self.scenario.node_groups[group as usize].is_node_pool;
            let instance = self.instance_of_node(node.id);
            let is_its_own = instance.deleting && instance.group.is_some_and(|group| !is_pool(group));
            if is_its_own && !run.state.deletions.contains_key(&node.id) {
                return Err(format!("{} is being deleted and the autoscaler forgot it", instance.name));
            }
        }
        Ok(())
    }

    fn set_soft_taint(&mut self, id: NodeId, on: bool) {
        self.change_node(id, |node| {
            node.extra_taints.retain(|taint| taint.key != ca::DELETION_CANDIDATE_TAINT);
            if on {
                node.extra_taints.push(Taint {
                    key: ca::DELETION_CANDIDATE_TAINT.into(),
                    value: String::new(),
                    effect: TaintEffect::PreferNoSchedule,
                });
            }
        });
    }

    /// What a deletion that was decided finds when its turn comes.
    pub(super) fn look_again(&self, node: NodeId) -> Result<ca::PodMoves, (PodId, ca::BlockingReason)> {
        let owners = ScenarioOwners { world: self };
        let budgets = self.budgets_now();
        ca::look_again(self.cluster.state(), self.autoscaler_options(), &owners, &budgets, node, self.now)
    }

    pub(super) fn autoscaler_options(&self) -> &Options {
        self.scenario.cluster_autoscaler.as_ref().expect("only asked where there is a Cluster Autoscaler")
    }

    pub(super) fn deletion_finished(&mut self, node: NodeId) {
        let Some(run) = &mut self.cluster_autoscaler else { return };
        run.state.deletion_finished(node);
        if let Some(why) = run.leaving.remove(&node) {
            self.tally(1, |_| Tally::NodeRemoved { why });
        }
    }

    pub(super) fn deletion_given_up(&mut self, node: NodeId) {
        let now = self.now;
        if let Some(run) = &mut self.cluster_autoscaler {
            run.state.deletion_failed(node, now);
            run.leaving.remove(&node);
        }
    }
}

/// Why targets are to fall and instances to go, in the decision's order.
struct GivenUp {
    decreases: Vec<String>,
    instances: Vec<String>,
}

/// Controllers of the scenario: those of replicated workloads have their replica count, the others exist.
struct ScenarioOwners<'a> {
    world: &'a World<'a>,
}

impl Owners for ScenarioOwners<'_> {
    fn find(&self, namespace: &str, controller: &cluster::Controller) -> Owner {
        let workload = self.world.scenario.workloads.iter().find(|workload| {
            *workload.namespace == *namespace
                && *workload.name == *controller.name
                && matches!(workload.kind, WorkloadKind::Replicated { .. })
        });
        let replicas = workload.map(|workload| self.world.workloads[workload.id.index()].desired as i32);
        Owner::Found { replicas }
    }
}
