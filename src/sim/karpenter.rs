//! Karpenter at work: batches of pending pods, claims that become nodes, and the disruption loop.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::cloud::LaunchRequest;
use super::event::Event;
use super::records::Controller;
use super::state::karpenter::{KarpenterRun, REPLACES};
use super::state::launches::Offers;
use super::state::tallies::Tally;
use super::world::World;
use crate::autoscaler::karpenter::disruption::{DisruptionState, Queue};
use crate::autoscaler::karpenter::{self, Batcher, Launch, NodeClaim, Provisioning, Snapshot, Target};
use crate::cluster::{NodeId, PodId};
use crate::cost;
use crate::scenario::Karpenter;
use crate::units::SimDuration;

/// A pod that stays pending is offered to the provisioner again after this
/// (`pkg/controllers/provisioning/controller.go`).
const REQUEUE: SimDuration = SimDuration::from_secs(10);

impl World<'_> {
    pub(super) fn start_karpenter(&mut self) {
        let Some(spec) = &self.scenario.karpenter else { return };
        self.karpenter = Some(Box::new(KarpenterRun {
            claims: Vec::new(),
            instances: Vec::new(),
            unlaunched: Vec::new(),
            offers: Offers::of(spec),
            batcher: Batcher::default(),
            daemon_sets: self.scenario.daemon_sets.iter().map(|daemon| daemon.spec).collect(),
            retry_is_planned: false,
            disruption: DisruptionState::default(),
            memory: Default::default(),
            queue: Queue::default(),
            quiet_since: None,
            quiet_until: None,
        }));
        self.claim_standing_nodes(spec);
        self.start_disruption();
    }

    /// A pod was called unschedulable (or a node began to be deleted): the batch window opens, or stays open.
    pub(super) fn karpenter_hears_of_pod(&mut self) {
        let (Some(run), Some(spec)) = (&mut self.karpenter, &self.scenario.karpenter) else { return };
        run.batcher.trigger(self.now);
        if let Some(closes) = run.batcher.closes(&spec.options) {
            self.events.push(closes, Event::KarpenterProvision);
        }
    }

    pub(super) fn karpenter_retry(&mut self) {
        let Some(run) = &mut self.karpenter else { return };
        run.retry_is_planned = false;
        if self.pods_need_nodes() {
            self.karpenter_hears_of_pod();
        }
    }

    /// Some pods wait, or are about to lose their node (the provisioner's controller of nodes, as that of pods, triggers
    /// it until that is over).
    pub(super) fn pods_need_nodes(&self) -> bool {
        let is_leaving = |claim: &NodeClaim| claim.deleting && claim.node.is_some();
        let is_any_leaving = self.karpenter.as_ref().is_some_and(|run| run.claims.iter().any(is_leaving));
        is_any_leaving || !self.unschedulable_pods().is_empty()
    }

    pub(super) fn karpenter_provision(&mut self) {
        let (Some(run), Some(spec)) = (&mut self.karpenter, &self.scenario.karpenter) else { return };
        // The event of a window that was held open comes too early; the one of its end will follow.
        if !run.batcher.close(self.now, &spec.options) {
            return;
        }
        // Its state of the cluster is not synced; it is told when that is over.
        if !run.unlaunched.is_empty() {
            return;
        }
        self.counts.autoscaler_loops += 1;
        let pending = self.unschedulable_pods();
        let provisioning = self.with_karpenter_snapshot(&pending, karpenter::provision);
        let nominated_until = self.now + spec.options.nomination_window();
        let run = self.karpenter.as_mut().expect("looked up above");
        for (_, target) in &provisioning.on_existing {
            let claim = match target {
                Target::Claim(index) => run.claims.get_mut(*index),
                Target::Node(node) => run.claims.iter_mut().find(|claim| claim.node == Some(*node)),
            };
            if let Some(claim) = claim {
                claim.nominated_until = Some(nominated_until);
                // The next pass says so of its node.
                run.quiet_since = None;
            }
        }
        let mut out_of_stock = Vec::new();
        for create in &provisioning.create {
            if self.create_claim(spec, create, "pods unschedulable").is_none() {
                let group = spec.groups[create.pool].0;
                out_of_stock.extend(create.pods.iter().map(|pod| (*pod, group)));
            }
        }
        self.tell_unplaced(spec, &provisioning);
        self.waiting.wants_stock = self.short_of_stock(spec, &provisioning);
        self.hear_karpenter(provisioning, &pending, &out_of_stock);
        self.retry_while_pods_wait();
    }

    fn retry_while_pods_wait(&mut self) {
        let is_needed = self.pods_need_nodes();
        let Some(run) = &mut self.karpenter else { return };
        if is_needed && !run.retry_is_planned {
            run.retry_is_planned = true;
            self.events.push(self.now + REQUEUE, Event::KarpenterRetry);
        }
    }

    /// The pods without a place that would have one if nothing were out of stock: Karpenter leaves out for three minutes
    /// what the cloud refused.
    fn short_of_stock(&self, spec: &Karpenter, provisioning: &Provisioning) -> FxHashSet<PodId> {
        let refused: Vec<PodId> = provisioning.unschedulable.iter().map(|unplaced| unplaced.pod).collect();
        if refused.is_empty() || self.karpenter.as_ref().is_none_or(|run| !run.is_short_of_stock()) {
            return FxHashSet::default();
        }
        let in_stock = self.with_karpenter_snapshot(&refused, |snapshot| {
            karpenter::provision(&Snapshot { catalogue: &spec.catalogue, ..*snapshot })
        });
        let still: FxHashSet<PodId> = in_stock.unschedulable.iter().map(|unplaced| unplaced.pod).collect();
        refused.into_iter().filter(|pod| !still.contains(pod)).collect()
    }

    pub(super) fn with_karpenter_snapshot<T>(&self, pending: &[PodId], ask: impl FnOnce(&Snapshot<'_>) -> T) -> T {
        let spec = self.scenario.karpenter.as_ref().expect("only asked where there is a Karpenter");
        let run = self.karpenter.as_ref().expect("only asked where there is a Karpenter");
        ask(&Snapshot {
            cluster: &self.cluster,
            pools: &spec.node_pools,
            catalogue: run.offered(spec),
            claims: &run.claims,
            pending,
            daemon_sets: &run.daemon_sets,
            disruption_budgets: &self.budgets_now(),
            options: &spec.options,
            now: self.now,
            epoch_seconds: self.scenario.start_epoch_seconds,
        })
    }

    /// Creates a claim and has it launched. `None` where the cloud has no capacity for it; its pods wait for the next
    /// batch.
    pub(super) fn create_claim(
        &mut self,
        spec: &Karpenter,
        create: &karpenter::CreateClaim,
        why: &'static str,
    ) -> Option<Arc<str>> {
        let group = &mut self.groups[spec.groups[create.pool].index()];
        let name: Arc<str> = format!("{}-{}", spec.node_pools[create.pool].name, group.launched).into();
        group.launched += 1;
        let pool = &spec.node_pools[create.pool].name;
        let of = if why == REPLACES { "disrupted" } else { "provisioned" };
        self.tally(1, |_| Tally::ClaimCreated { pool: Arc::clone(pool), why: of });
        self.call_for(spec, &name, create, why).then_some(name)
    }

    /// The cloud launches a claim's instance.
    pub(super) fn launch_claim(
        &mut self,
        spec: &Karpenter,
        name: &Arc<str>,
        create: &karpenter::CreateClaim,
        launch: Launch,
        why: &str,
    ) {
        let pool = &spec.node_pools[create.pool];
        let group = spec.groups[create.pool];
        let instance_type = spec.catalogue.get(launch.instance_type);
        let mut shape = karpenter::node_shape(pool, create, launch, &spec.catalogue);
        shape.group = Some(group);
        let shape = self.cluster.intern_shape(shape);
        let capacity_type = match instance_type.offerings[launch.offering].capacity_type {
            karpenter::CapacityType::Spot => cost::CapacityType::Spot,
            karpenter::CapacityType::OnDemand => cost::CapacityType::OnDemand,
            karpenter::CapacityType::Reserved => cost::CapacityType::Reserved,
        };
        let request = LaunchRequest {
            name: Arc::clone(name),
            group: group.0,
            shape,
            instance_type: Arc::clone(&instance_type.name),
            price: launch.price,
            capacity_type,
        };
        let instance = self.launch(request);
        let offered = self.karpenter.as_ref().map_or(&spec.catalogue, |run| run.offered(spec));
        let reason = format!("{why}; {}", create.explain(offered));
        self.counts.scale_ups += 1;
        self.groups[group.index()].target += 1;
        let mut claim = NodeClaim::launched(Arc::clone(name), pool, shape, self.now);
        claim.nominated_until = Some(self.now + spec.options.nomination_window());
        let run = self.karpenter.as_mut().expect("only asked where there is a Karpenter");
        run.claims.push(claim);
        run.instances.push(instance);
        if let Some(after) = pool.expire_after {
            self.events.push(self.now + after, Event::ClaimExpires { instance });
        }
        self.events.push(self.now + karpenter::REGISTRATION_TIMEOUT, Event::ClaimLiveness { instance });
        self.decide(Controller::Karpenter, format!("nodeclaim/{name}"), "", "Launched", reason);
    }

    pub(super) fn tell_unplaced(&mut self, spec: &Karpenter, provisioning: &Provisioning) {
        if !self.verbose {
            return;
        }
        for unplaced in &provisioning.unschedulable {
            let object = self.pod_object(unplaced.pod);
            let reason = unplaced.explain(&spec.node_pools);
            self.decide(Controller::Karpenter, object, "Pending", "no pool helps", reason);
        }
        for skipped in &provisioning.skipped_pools {
            let object = format!("nodepool/{}", spec.node_pools[skipped.pool].name);
            self.decide(Controller::Karpenter, object, "", "left out", skipped.why.clone());
        }
    }

    fn claim_of(&mut self, instance: u32) -> Option<&mut NodeClaim> {
        let run = self.karpenter.as_mut()?;
        let index = run.instances.iter().position(|other| *other == instance)?;
        Some(&mut run.claims[index])
    }

    /// A claim's node registered: it carries its startup taints until it is initialized.
    pub(super) fn claim_registered(&mut self, instance: u32, node: NodeId) {
        let Some(claim) = self.claim_of(instance) else { return };
        claim.node = Some(node);
        let taints = claim.startup_taints.clone();
        if !taints.is_empty() {
            self.change_node(node, |state| state.extra_taints.extend(taints));
        }
    }

    pub(super) fn claim_initialized(&mut self, node: NodeId) {
        let instance = self.instance_of[node.index()];
        let now = self.now;
        let Some(claim) = self.claim_of(instance) else { return };
        claim.initialized = Some(now);
        let taints = claim.startup_taints.clone();
        if !taints.is_empty() {
            self.change_node(node, |state| state.extra_taints.retain(|taint| !taints.contains(taint)));
        }
        self.advance_commands();
    }

    /// The claim's instance is gone from the cloud.
    pub(super) fn claim_gone(&mut self, instance: u32) {
        let Some(run) = &mut self.karpenter else { return };
        if let Some(index) = run.instances.iter().position(|other| *other == instance) {
            run.claims.remove(index);
            run.instances.remove(index);
            self.cluster.touch();
            self.advance_commands();
        }
    }

    /// A pod (not of a DaemonSet) came to, ended on or began to leave a node.
    pub(super) fn claim_sees_pod(&mut self, node: NodeId) {
        if self.karpenter.is_none() {
            return;
        }
        let (instance, now) = (self.instance_of[node.index()], self.now);
        if let Some(claim) = self.claim_of(instance) {
            claim.last_pod_event = Some(now);
        }
    }

    /// Every machine of a NodePool has its claim and every claim its machine. For the audit.
    pub(super) fn audit_claims(&self) -> Result<(), String> {
        let Some(run) = &self.karpenter else { return Ok(()) };
        for (claim, instance) in run.claims.iter().zip(&run.instances) {
            let record = &self.instances[*instance as usize];
            let agree = record.removed.is_none()
                && record.name == claim.name
                && record.node == claim.node
                && (claim.node.is_some() || record.deleting == claim.deleting);
            if !agree {
                return Err(format!("claim {} does not match its instance: {claim:?}, {record:?}", claim.name));
            }
        }
        for (record, instance) in self.instances.iter().zip(0u32..) {
            let of_pool = record.group.is_some_and(|group| self.scenario.node_groups[group as usize].is_node_pool);
            if of_pool && record.removed.is_none() && !run.instances.contains(&instance) {
                return Err(format!("instance {} has no claim", record.name));
            }
        }
        Ok(())
    }
}
