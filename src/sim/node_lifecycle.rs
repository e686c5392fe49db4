//! How machines end without having been asked to, and how the control plane finds out.
//!
//! A machine that stops says nothing: its kubelet renews its lease no more. The node lifecycle controller calls the node
//! NotReady after the grace period, taints it, and (a few nodes at a time) has its pods deleted once they no longer
//! tolerate that (`pkg/controller/{nodelifecycle,tainteviction}`, 1.34). Nobody is there to confirm those deletions, so the
//! pods stay terminating until the cloud says that the instance is no more: then the Node object is deleted
//! (`cloud-provider/controllers/nodelifecycle`) and the pod garbage collector ends what was bound to it
//! (`pkg/controller/podgc`). A scaling group's cloud notices a dead machine by its own health checks
//! ([`NodeGroup::failure_detection`](crate::scenario::NodeGroup)); a fixed node's owner never does.

use std::collections::VecDeque;

use rand::RngExt;
use rand_distr::{Distribution as _, Exp};

use super::entities::Role;
use super::event::Event;
use super::records::Controller;
use super::state::drain::{Drain, Drainer};
use super::state::node_lifecycle::ZoneTainter;
use super::world::World;
use crate::cluster::{ClusterView, NodeId, PodId, PodSpec, Taint, TaintEffect, label};
use crate::cost::CapacityType;
use crate::scenario::spec::InterruptionHandling;
use crate::units::random::{entity_of_name, stream};
use crate::units::{SimDuration, SimTime};

/// Fewer NotReady nodes never make a zone partially disrupted.
const FEWEST_OF_PARTIAL_DISRUPTION: usize = 3;

const POD_GC_QUARANTINE: SimDuration = SimDuration::from_secs(40);

/// Between two passes of the pod garbage collector, and how long it waits before it believes that a node is gone.
const POD_GC_PERIOD: SimDuration = SimDuration::from_secs(20);

/// Taint of a node whose kubelet no longer answers.
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// Taint of a node whose kubelet has registered but is not ready.
pub(super) const NOT_READY: &str = "node.kubernetes.io/not-ready";

impl World<'_> {
    /// Draws when a spot node is taken back and when a node fails by itself.
    pub(super) fn plan_end_of(&mut self, id: NodeId) {
        let instance = self.instance_of_node(id);
        let Some(group) = instance.group else { return };
        let group = &self.scenario.node_groups[group as usize];
        let entity = entity_of_name(&instance.name);
        let after = |rate: f64, purpose: &str| {
            let rate = (rate > 0.0).then(|| Exp::new(rate).ok()).flatten()?;
            Some(SimDuration::from_secs_f64(rate.sample(&mut stream(self.seed, purpose, entity)) * 3600.0))
        };
        let spot = (instance.capacity_type == CapacityType::Spot)
            .then(|| {
                let of_the_type = group.interruptions_by_type.get(&*instance.instance_type);
                after(of_the_type.copied().unwrap_or(group.interruptions_per_hour), "spot-interruption")
            })
            .flatten();
        let failure = after(group.failures_per_hour, "node-failure");
        if let Some(after) = spot {
            self.events.push(self.now + after, Event::SpotNotice { node: id });
        }
        if let Some(after) = failure {
            self.events.push(self.now + after, Event::NodeFails { node: id });
        }
    }

    // How machines end

    /// The cloud gives notice, and takes the machine when it is over.
    pub(super) fn spot_notice(&mut self, id: NodeId) {
        if !self.is_running(id) {
            return;
        }
        self.counts.interruptions += 1;
        let group = self.instance_of_node(id).group.expect("only groups have spot nodes") as usize;
        let (notice, handling) = {
            let group = &self.scenario.node_groups[group];
            (group.interruption_notice, group.interruption_handling)
        };
        let object = format!("node/{}", self.instance_of_node(id).name);
        self.decide(
            Controller::Cloud,
            object,
            "Ready",
            "Interrupted",
            format!("spot interruption, notice of {notice}"),
        );
        self.instance_of_node_mut(id).reclaimed_at = Some(self.now + notice);
        self.events.push(self.now + notice, Event::SpotReclaims { node: id });
        let is_drained = self.instance_of_node(id).drain.is_some();
        if handling == InterruptionHandling::Drain && !self.claim_interrupted(id) && !is_drained {
            let drain = Drain::new(Drainer::TerminationHandler, None, true);
            self.begin_drain(id, drain, "Interrupted", self.now);
        }
    }

    /// The notice is over. A kubelet with a `shutdownGracePeriod` ends its pods first.
    pub(super) fn spot_reclaims(&mut self, id: NodeId) {
        if !self.is_running(id) {
            return;
        }
        let shutdown = self.scenario.kubelet.shutdown_grace_period;
        if shutdown > SimDuration::ZERO && self.cluster.node(id).is_some_and(|node| node.ready) {
            self.kubelet_shuts_down(id);
            self.events.push(self.now + shutdown, Event::MachineOff { node: id });
        } else {
            self.machine_off(id);
        }
    }

    /// A reclaimed machine is switched off: the cloud knows at once.
    pub(super) fn machine_off(&mut self, id: NodeId) {
        if self.is_running(id) {
            self.machine_stops(id, "Interrupted");
            self.cloud_ends(id);
        }
    }

    /// The machine is gone without a word to Kubernetes beforehand, nor to the cloud.
    pub(super) fn node_fails(&mut self, id: NodeId, reason: &'static str) {
        if !self.is_running(id) {
            return;
        }
        let object = format!("node/{}", self.instance_of_node(id).name);
        self.decide(Controller::Cloud, object, "Ready", "Lost", "the machine failed");
        self.machine_stops(id, reason);
        let group = self.instance_of_node(id).group.map(|group| &self.scenario.node_groups[group as usize]);
        if let Some(after) = group.and_then(|group| group.failure_detection) {
            self.events.push(self.now + after, Event::CloudNoticesLoss { node: id });
        }
    }

    pub(super) fn outage(&mut self, index: u32) {
        let outage = &self.scenario.outages[index as usize];
        let hit: Vec<NodeId> = self
            .cluster
            .node_views()
            .filter(|node| {
                let zone = node.label(label::ZONE);
                outage.zone.as_deref().is_some_and(|struck| zone == Some(struck))
                    || outage.node.as_deref().is_some_and(|struck| *struck == *node.state.name)
            })
            .map(|node| node.id)
            .collect();
        for node in hit {
            self.node_fails(node, "Outage");
        }
    }

    /// The node is there and its machine runs.
    pub(super) fn is_running(&self, id: NodeId) -> bool {
        self.cluster.node(id).is_some() && self.instance_of_node(id).stopped.is_none()
    }

    /// The pod's machine still runs, or it has none yet.
    pub(super) fn has_kubelet(&self, pod: PodId) -> bool {
        self.cluster.pod(pod).node.is_none_or(|node| self.instance_of_node(node).stopped.is_none())
    }

    /// All that runs on the machine stops, and nobody in the cluster knows.
    fn machine_stops(&mut self, id: NodeId, reason: &'static str) {
        let now = self.now;
        let instance = self.instance_of_node_mut(id);
        instance.stopped = Some(now);
        instance.reason = reason;
        self.set_idle_down(id);
        for pod in self.pods_on(id) {
            self.pods[pod.index()].generation += 1;
            self.pods[pod.index()].serving = 0;
            self.stop_using(pod);
            if self.cluster.pod(pod).ready {
                self.share_demand_anew(self.pods[pod.index()].workload);
            }
            if let Role::Worker { job } = self.pods[pod.index()].role {
                self.gang_loses_worker(job, pod);
            }
        }
        let at = self.missed_heartbeat(id);
        self.events.push(at, Event::NodeUnreachable { node: id });
    }

    /// systemd delays the shutdown while the kubelet ends its pods: plain ones first, critical ones in the time that is
    /// kept for them (`pkg/kubelet/nodeshutdown`). The node is NotReady at once.
    fn kubelet_shuts_down(&mut self, id: NodeId) {
        let kubelet = &self.scenario.kubelet;
        let for_critical = kubelet.shutdown_grace_period_critical_pods;
        let for_plain = (kubelet.shutdown_grace_period - for_critical).max(SimDuration::ZERO);
        self.node_turns_not_ready(id, NOT_READY, "its machine is shutting down");
        for pod in self.pods_on(id) {
            if self.is_leaving(pod) {
                continue;
            }
            let spec = self.cluster.specs.pod(self.cluster.pod(pod).spec);
            let (from, most) =
                if spec.is_critical() { (self.now + for_plain, for_critical) } else { (self.now, for_plain) };
            let most = most.min(spec.termination_grace_period);
            let takes = self.draw(&self.scenario.kubelet.termination, "termination", pod).min(most);
            self.pods[pod.index()].generation += 1;
            let generation = self.pods[pod.index()].generation;
            self.events.push(from + takes, Event::PodShutDown { pod, generation });
        }
    }

    // How the control plane finds out

    /// When the node lifecycle controller will call the node NotReady: at its first look after the grace period since
    /// the look at which it saw the last renewal.
    fn missed_heartbeat(&self, id: NodeId) -> SimTime {
        let options = &self.scenario.node_lifecycle;
        let renewal = SimDuration::from_millis(i64::from(options.node_lease_duration_seconds) * 250);
        let name = entity_of_name(&self.instance_of_node(id).name);
        let last = latest(renewal, self.phase("node-lease", name, renewal), self.now);
        let period = options.node_monitor_period;
        let phase = self.phase("node-monitor", 0, period);
        let seen = next(period, phase, last);
        let after_grace = seen + options.node_monitor_grace_period + SimDuration::from_nanos(1);
        next(period, phase, after_grace).max(self.now)
    }

    /// Where in its period a loop stands: the same in every run of a seed.
    fn phase(&self, purpose: &str, entity: u64, period: SimDuration) -> SimDuration {
        SimDuration::from_nanos(stream(self.seed, purpose, entity).random_range(0..period.nanos().max(1)))
    }

    pub(super) fn node_unreachable(&mut self, id: NodeId) {
        if self.cluster.node(id).is_none() {
            return;
        }
        let grace = self.scenario.node_lifecycle.node_monitor_grace_period;
        self.node_turns_not_ready(id, UNREACHABLE, &format!("no heartbeat for {grace}"));
        let zone = self.zone_tainter(id);
        self.node_lifecycle.zones[zone].waiting.push_back(id);
        self.plan_tainting(zone, self.now);
        if self.cluster.ledger().nodes_ready == 0 {
            self.enter_full_disruption();
        }
        if self.instance_of_node(id).removed.is_some() {
            self.plan_collection(id);
        }
    }

    fn node_turns_not_ready(&mut self, id: NodeId, key: &'static str, why: &str) {
        let taint = Taint { key: key.into(), value: String::new(), effect: TaintEffect::NoSchedule };
        let was_ready = self.cluster.node(id).is_some_and(|node| node.ready);
        self.change_node(id, |node| {
            node.ready = false;
            node.extra_taints.retain(|held| held.key != NOT_READY);
            node.extra_taints.push(taint);
        });
        if !was_ready {
            return;
        }
        self.instance_of_node_mut(id).ready_changed = Some(self.now);
        self.set_idle_down(id);
        for pod in self.pods_on(id) {
            self.set_ready(pod, false);
        }
        let object = format!("node/{}", self.instance_of_node(id).name);
        self.decide(Controller::NodeLifecycle, object, "Ready", "NotReady", why.to_owned());
    }

    fn zone_tainter(&mut self, id: NodeId) -> usize {
        let view = self.cluster.node_view(id).expect("only asked for nodes that are there");
        let zone = zone_of(&view);
        let zones = &mut self.node_lifecycle.zones;
        zones.iter().position(|known| known.zone == zone).unwrap_or_else(|| {
            zones.push(ZoneTainter { zone, waiting: VecDeque::new(), next: SimTime::MIN, planned: None });
            zones.len() - 1
        })
    }

    fn plan_tainting(&mut self, zone: usize, at: SimTime) {
        let tainter = &mut self.node_lifecycle.zones[zone];
        if tainter.planned.is_none_or(|planned| at < planned) {
            tainter.planned = Some(at);
            self.events.push(at, Event::TaintingPass { zone: zone as u32 });
        }
    }

    /// Nodes came or went: zones whose taints were held back may go on.
    pub(super) fn node_lifecycle_sees_nodes(&mut self) {
        for zone in 0..self.node_lifecycle.zones.len() {
            if !self.node_lifecycle.zones[zone].waiting.is_empty() {
                self.plan_tainting(zone, self.now);
            }
        }
    }

    /// Taints the next nodes of a zone, as many as its rate allows.
    pub(super) fn tainting_pass(&mut self, zone: u32) {
        let zone = zone as usize;
        if self.node_lifecycle.zones[zone].planned != Some(self.now) {
            return;
        }
        self.node_lifecycle.zones[zone].planned = None;
        while !self.node_lifecycle.zones[zone].waiting.is_empty() {
            let Some(pause) = self.tainting_interval(zone) else { return };
            let tainter = &mut self.node_lifecycle.zones[zone];
            if tainter.next > self.now {
                let next = tainter.next;
                return self.plan_tainting(zone, next);
            }
            let Some(id) = tainter.waiting.pop_front() else { return };
            if self.cluster.node(id).is_none() {
                continue;
            }
            self.node_lifecycle.zones[zone].next = self.now + pause;
            self.change_node(id, |node| node.extra_taints.push(no_execute()));
            for pod in self.pods_on(id) {
                self.plan_taint_eviction(pod, id);
            }
        }
    }

    /// The pause from one taint of the zone to the next; `None` where none is allowed: most of a small zone is NotReady,
    /// or the whole cluster, and then the fault is taken to be the control plane's.
    fn tainting_interval(&self, zone: usize) -> Option<SimDuration> {
        let options = &self.scenario.node_lifecycle;
        let zone = &self.node_lifecycle.zones[zone].zone;
        let (mut ready, mut not_ready) = (0, 0);
        for node in self.cluster.node_views().filter(|node| zone_of(node) == *zone) {
            *(if node.state.ready { &mut ready } else { &mut not_ready }) += 1;
        }
        let share = not_ready as f64 / (ready + not_ready).max(1) as f64;
        let is_partial =
            ready > 0 && not_ready >= FEWEST_OF_PARTIAL_DISRUPTION && share >= options.unhealthy_zone_threshold;
        let rate = if self.cluster.ledger().nodes_ready == 0 {
            0.0
        } else if !is_partial {
            options.node_eviction_rate
        } else if ready + not_ready > options.large_cluster_size_threshold as usize {
            options.secondary_node_eviction_rate
        } else {
            0.0
        };
        (rate > 0.0).then(|| SimDuration::from_secs_f64(1.0 / rate))
    }

    /// No node is ready any more: all taints `NoExecute` are taken off, and evictions that waited are called off.
    fn enter_full_disruption(&mut self) {
        let tainted: Vec<NodeId> = self
            .cluster
            .node_views()
            .filter(|node| node.state.extra_taints.contains(&no_execute()))
            .map(|node| node.id)
            .collect();
        for id in tainted {
            self.change_node(id, |node| node.extra_taints.retain(|taint| *taint != no_execute()));
            self.instance_of_node_mut(id).taint_generation += 1;
            let zone = self.zone_tainter(id);
            self.node_lifecycle.zones[zone].waiting.push_back(id);
        }
    }

    // What becomes of the pods

    /// A pod on a node with the taint is deleted once it no longer tolerates it.
    pub(super) fn plan_taint_eviction(&mut self, pod: PodId, node: NodeId) {
        if self.is_leaving(pod) {
            return;
        }
        let spec = self.cluster.specs.pod(self.cluster.pod(pod).spec);
        let default = self.scenario.node_lifecycle.default_unreachable_toleration_seconds;
        let Some(tolerated) = toleration(spec, i64::from(default)) else { return };
        let generation = self.instance_of_node(node).taint_generation;
        self.events.push(self.now + tolerated, Event::TolerationEnds { pod, generation });
    }

    pub(super) fn toleration_ends(&mut self, pod: PodId, generation: u32) {
        let Some(node) = self.cluster.pod(pod).node else { return };
        if self.is_leaving(pod) || self.instance_of_node(node).taint_generation != generation {
            return;
        }
        self.evict_pod(pod, "NodeLost", None);
    }

    /// Whether the node has the taint by which pods are evicted.
    pub(super) fn is_tainted_unreachable(&self, node: NodeId) -> bool {
        self.cluster.node(node).is_some_and(|node| node.extra_taints.contains(&no_execute()))
    }

    // What the cloud does

    /// The cloud's own health checks have found the machine dead.
    pub(super) fn cloud_notices_loss(&mut self, id: NodeId) {
        if !self.instance_of_node(id).returned {
            let object = format!("node/{}", self.instance_of_node(id).name);
            self.decide(Controller::Cloud, object, "Lost", "Terminated", "the cloud's health checks failed");
            self.cloud_ends(id);
        }
    }

    /// The cloud takes the machine out of its group; its bill ends when it is stopped. A scaling group puts another in
    /// its place.
    fn cloud_ends(&mut self, id: NodeId) {
        if self.instance_of_node(id).returned {
            return;
        }
        let stopping = self.hand_back(id);
        let instance = self.instance_of[id.index()];
        self.events.push(self.now + stopping, Event::InstanceGone { instance });
        if let Some(group) = self.instance_of_node(id).group {
            self.replace_lost(group);
        }
        self.cluster.touch();
    }

    /// The instance of a node that no longer answers is gone from the cloud: at its next look the cloud's node
    /// controller deletes the Node object, and the pod garbage collector follows. Here both happen at the second moment,
    /// so that no pod is bound to a node that does not exist; a node without pods that anybody waits for goes at the
    /// first.
    pub(super) fn plan_collection(&mut self, id: NodeId) {
        let period = self.scenario.node_lifecycle.node_monitor_period;
        let deleted = next(period, self.phase("cloud-node-monitor", 0, period), self.now);
        let is_empty = self.pods_on(id).into_iter().all(|pod| self.is_daemon_or_mirror(pod));
        let collected = if is_empty {
            deleted
        } else {
            next(POD_GC_PERIOD, self.phase("pod-gc", 0, POD_GC_PERIOD), deleted) + POD_GC_QUARANTINE
        };
        self.events.push(collected, Event::NodeCollected { node: id });
    }

    pub(super) fn node_collected(&mut self, id: NodeId) {
        if self.cluster.node(id).is_none() {
            return;
        }
        for pod in self.pods_on(id) {
            self.lose_pod(pod, "NodeLost");
        }
        self.remove_node(id);
        if let Some(group) = self.instance_of_node(id).group {
            self.groups[group as usize].registered -= 1;
            self.note_group(group as usize);
        }
        self.deletion_finished(id);
        self.node_lifecycle_sees_nodes();
    }
}

/// Region and zone, as node controllers tell zones apart.
fn zone_of(node: &crate::cluster::NodeView<'_>) -> String {
    format!("{}:{}", node.label(label::REGION).unwrap_or(""), node.label(label::ZONE).unwrap_or(""))
}

fn no_execute() -> Taint {
    Taint { key: UNREACHABLE.into(), value: String::new(), effect: TaintEffect::NoExecute }
}

/// How long a pod bears the taint; `None`: for ever. The API server gives pods without a word of their own `default`
/// seconds, the DaemonSet controller and kubelets (for their own pods) no bound.
fn toleration(spec: &PodSpec, default: i64) -> Option<SimDuration> {
    if spec.is_daemon_set_pod() || spec.is_mirror_pod() {
        return None;
    }
    let taint = no_execute();
    let mut speaks = false;
    let mut tolerates = false;
    let mut shortest: Option<i64> = None;
    for toleration in &spec.tolerations {
        speaks |= (toleration.key.is_empty() || toleration.key == taint.key)
            && toleration.effect.is_none_or(|effect| effect == TaintEffect::NoExecute);
        if toleration.tolerates(&taint) {
            tolerates = true;
            let seconds = toleration.toleration_seconds.map(|seconds| seconds.max(0));
            shortest = shortest.into_iter().chain(seconds).min();
        }
    }
    match (speaks, tolerates) {
        (false, _) => Some(SimDuration::from_secs(default)),
        (true, false) => Some(SimDuration::ZERO),
        (true, true) => shortest.map(SimDuration::from_secs),
    }
}

/// The first instant of a loop at or after `from`.
fn next(period: SimDuration, phase: SimDuration, from: SimTime) -> SimTime {
    let since = (from - SimTime::ZERO - phase).nanos();
    let loops = since.div_euclid(period.nanos()) + i64::from(since.rem_euclid(period.nanos()) > 0);
    SimTime::ZERO + phase + period * loops
}

/// The last instant of a loop at or before `until`.
fn latest(period: SimDuration, phase: SimDuration, until: SimTime) -> SimTime {
    let loops = (until - SimTime::ZERO - phase).nanos().div_euclid(period.nanos());
    SimTime::ZERO + phase + period * loops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Controller, Toleration, TolerationOperator};

    const SECS: fn(i64) -> SimDuration = SimDuration::from_secs;

    fn tolerating(tolerations: &[(&str, Option<TaintEffect>, Option<i64>)]) -> Option<SimDuration> {
        let tolerations = tolerations.iter().map(|(key, effect, seconds)| Toleration {
            key: (*key).into(),
            operator: TolerationOperator::Exists,
            value: String::new(),
            effect: *effect,
            toleration_seconds: *seconds,
        });
        toleration(&PodSpec { tolerations: tolerations.collect(), ..PodSpec::default() }, 300)
    }

    #[test]
    fn a_pod_bears_an_unreachable_node_for_as_long_as_it_says() {
        let no_execute = Some(TaintEffect::NoExecute);
        assert_eq!(tolerating(&[]), Some(SECS(300)));
        assert_eq!(tolerating(&[("gpu", None, None)]), Some(SECS(300)));
        assert_eq!(tolerating(&[(UNREACHABLE, no_execute, Some(20))]), Some(SECS(20)));
        assert_eq!(tolerating(&[(UNREACHABLE, no_execute, Some(-5))]), Some(SECS(0)));
        assert_eq!(tolerating(&[(UNREACHABLE, no_execute, None)]), None);
        assert_eq!(tolerating(&[("", None, None), (UNREACHABLE, no_execute, Some(60))]), Some(SECS(60)));
        // Says something of NoSchedule only: that is no word on eviction.
        assert_eq!(tolerating(&[(UNREACHABLE, Some(TaintEffect::NoSchedule), None)]), Some(SECS(300)));
    }

    #[test]
    fn a_pod_that_speaks_of_another_value_is_evicted_at_once_and_a_daemon_never() {
        let other = Toleration {
            key: UNREACHABLE.into(),
            operator: TolerationOperator::Equal,
            value: "other".into(),
            effect: None,
            toleration_seconds: None,
        };
        assert_eq!(toleration(&PodSpec { tolerations: vec![other], ..PodSpec::default() }, 300), Some(SECS(0)));
        let owner = Controller { kind: "DaemonSet".into(), name: "d".into(), uid: "d".into() };
        assert_eq!(toleration(&PodSpec { controller: Some(owner), ..PodSpec::default() }, 300), None);
    }

    #[test]
    fn loops_come_round_at_their_phase() {
        let at = SimTime::from_secs;
        assert_eq!(next(SECS(10), SECS(3), at(13)), at(13));
        assert_eq!(next(SECS(10), SECS(3), at(14)), at(23));
        assert_eq!(latest(SECS(10), SECS(3), at(12)), at(3));
        assert_eq!(latest(SECS(10), SECS(3), at(1)), at(-7));
    }
}
