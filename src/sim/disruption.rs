//! Karpenter's disruption at work: the loop, commands under way, expiry and interruptions.

use std::sync::Arc;

use super::event::Event;
use super::explanation::IdleReason;
use super::records::Controller;
use super::state::drain::{Drain, Drainer};
use super::state::karpenter::REPLACES;
use super::state::tallies::Tally;
use super::state::terminator::Terminator;
use super::terminator::disrupted_taint;
use super::world::World;
use crate::autoscaler::karpenter;
use crate::autoscaler::karpenter::disruption::{self, Command, ForcefulReason, POLLING_PERIOD, Progress};
use crate::autoscaler::karpenter::pods::DISRUPTED_TAINT;
use crate::cluster::{NodeId, label};
use crate::units::SimTime;

impl World<'_> {
    pub(super) fn start_disruption(&mut self) {
        self.events.push(SimTime::ZERO + POLLING_PERIOD, Event::KarpenterDisrupt);
    }

    /// One pass of the loop, or none where nothing changed since one that found nothing.
    pub(super) fn karpenter_disrupt(&mut self) {
        if self.karpenter.as_ref().is_some_and(|run| !run.unlaunched.is_empty()) {
            // Its state of the cluster is not synced.
            return self.events.push(self.now + POLLING_PERIOD, Event::KarpenterDisrupt);
        }
        self.advance_commands();
        let Some(mut run) = self.karpenter.take() else { return };
        let is_quiet =
            run.quiet_since == Some(self.cluster.version()) && run.quiet_until.is_none_or(|until| self.now < until);
        if is_quiet && !self.plain {
            self.counts.autoscaler_loops_skipped += 1;
            self.karpenter = Some(run);
            self.events.push(self.now + POLLING_PERIOD, Event::KarpenterDisrupt);
            return;
        }
        self.counts.autoscaler_loops += 1;
        let (mut state, mut memory) = (std::mem::take(&mut run.disruption), std::mem::take(&mut run.memory));
        if run.offers.is_some() {
            memory.forget_fits();
        }
        if self.plain {
            memory = Default::default();
        }
        self.karpenter = Some(run);
        let pending = self.unschedulable_pods();
        let (decision, keeps) = self.with_karpenter_snapshot(&pending, |snapshot| {
            (disruption::disrupt_with(snapshot, &mut state, &mut memory), disruption::keeps(snapshot))
        });
        let found_nothing = decision.command.is_none() && state.waiting().is_none() && decision.abandoned.is_none();
        if let Some((command, why)) = &decision.abandoned {
            self.tell_command(command, "abandoned", why);
        }
        let refused: Vec<(Arc<str>, String)> = match (&self.karpenter, self.verbose) {
            (Some(run), true) => decision
                .refused
                .iter()
                .map(|refusal| (Arc::clone(&run.claims[refusal.claim].name), refusal.explain()))
                .collect(),
            _ => Vec::new(),
        };
        for (claim, why) in refused {
            self.decide(Controller::Karpenter, format!("nodeclaim/{claim}"), "Ready", "kept", why);
        }
        let kept: Vec<_> = self.karpenter.iter().flat_map(|run| run.instances.iter().copied()).zip(keeps).collect();
        self.hear_what_keeps(kept);
        let chosen = state.waiting().into_iter().flat_map(|command| &command.nodes);
        for node in chosen.map(|gone| gone.node).collect::<Vec<_>>() {
            self.set_idle_in_group(self.instance_of[node.index()], IdleReason::Removing);
        }
        if let Some(run) = &mut self.karpenter {
            run.disruption = state;
            run.memory = memory;
            run.quiet_since = found_nothing.then_some(self.cluster.version());
            run.quiet_until = decision.next_possible_change;
        }
        if let Some(command) = decision.command {
            self.carry_out_command(command);
        }
        let soonest = self.now + crate::units::SimDuration::from_secs(1);
        self.events.push(decision.next_pass.max(soonest), Event::KarpenterDisrupt);
    }

    fn carry_out_command(&mut self, command: Command) {
        let spec = self.scenario.karpenter.as_ref().expect("a running Karpenter has a spec");
        self.tell_command(&command, "Disrupted", "");
        for gone in &command.nodes {
            self.set_disrupted(&gone.claim, gone.node, true);
        }
        let mut replacements = Vec::new();
        for create in &command.replacements {
            match self.create_claim(spec, create, REPLACES) {
                Some(name) => replacements.push(name),
                None => {
                    // Nothing can be launched: the nodes are let be.
                    self.tell_command(&command, "given up", "the cloud has no replacement");
                    for gone in &command.nodes {
                        self.set_disrupted(&gone.claim, gone.node, false);
                    }
                    return;
                }
            }
        }
        let until = self.now + spec.options.nomination_window();
        let tallied = (command.method, command.replacements.is_empty());
        if let Some(run) = &mut self.karpenter {
            for claim in run.claims.iter_mut().filter(|claim| command.nominated.contains(&claim.name)) {
                claim.nominated_until = Some(until);
            }
            run.queue.start(command, replacements, self.now);
        }
        self.counts.scale_downs += 1;
        self.tally(1, |_| disruption_of(&tallied));
        self.advance_commands();
    }

    /// Deletes the nodes of commands whose replacements are ready, and lets those be whose failed.
    pub(super) fn advance_commands(&mut self) {
        let Some(run) = &mut self.karpenter else { return };
        if run.queue.executing().is_empty() || !run.unlaunched.is_empty() {
            return;
        }
        let mut queue = std::mem::take(&mut run.queue);
        let ended = self.with_karpenter_snapshot(&[], |snapshot| queue.advance(snapshot));
        if let Some(run) = &mut self.karpenter {
            run.queue = queue;
        }
        for progress in ended {
            match progress {
                Progress::Delete(executing) => {
                    for gone in &executing.command.nodes {
                        self.delete_claim(&gone.claim, executing.command.method.name());
                    }
                }
                Progress::GiveUp(executing, why) => {
                    self.tell_command(&executing.command, "given up", &why);
                    for gone in &executing.command.nodes {
                        self.set_disrupted(&gone.claim, gone.node, false);
                    }
                }
            }
        }
    }

    pub(super) fn tell_command(&mut self, command: &Command, to: &'static str, why: &str) {
        let extra = if why.is_empty() { String::new() } else { format!("; {why}") };
        let reason = format!("{}{extra}", command.explain());
        for gone in &command.nodes {
            let reason = reason.clone();
            self.decide(Controller::Karpenter, format!("nodeclaim/{}", gone.claim), "Ready", to, reason);
        }
    }

    fn set_disrupted(&mut self, claim: &str, node: NodeId, on: bool) {
        if let Some(claim) = self.karpenter.as_mut().and_then(|run| run.claims.iter_mut().find(|c| *c.name == *claim)) {
            claim.disrupted = on;
        }
        let is_there = self.change_node(node, |state| {
            state.extra_taints.retain(|taint| taint.key != DISRUPTED_TAINT);
            if on {
                state.extra_taints.push(disrupted_taint());
            }
        });
        if is_there && on {
            self.set_idle_in_group(self.instance_of[node.index()], IdleReason::Removing);
        }
        if is_there && !on {
            self.set_idle_standing(node);
            self.node_may_help(node);
        }
    }

    /// The termination of a claim: its node is drained and handed back.
    fn delete_claim(&mut self, name: &str, reason: &'static str) {
        let Some(claim) = self.karpenter.as_mut().and_then(|run| run.claims.iter_mut().find(|c| *c.name == *name))
        else {
            return;
        };
        if std::mem::replace(&mut claim.deleting, true) {
            return;
        }
        let (node, grace, pool) = (claim.node, claim.termination_grace_period, Arc::clone(&claim.node_pool));
        let shape = claim.shape;
        self.tally(1, |world| {
            let labels = &world.cluster.specs.shape(shape).labels;
            let capacity = match labels.get(label::CAPACITY_TYPE).map(String::as_str) {
                Some("spot") => "spot",
                Some("reserved") => "reserved",
                _ => "on-demand",
            };
            Tally::ClaimDisrupted { pool, why: snake(reason), capacity }
        });
        let Some(node) = node else { return self.end_unregistered_claim(name, reason) };
        self.set_disrupted(name, node, false);
        let by = Drainer::Karpenter(Terminator::until(grace.map(|grace| self.now + grace)));
        self.begin_drain(node, Drain::new(by, Some(disrupted_taint()), false), reason, self.now);
        self.karpenter_hears_of_pod();
    }

    /// One without a node has nothing to drain: its instance is terminated at once, and the pods that were to come to it
    /// need another place.
    fn end_unregistered_claim(&mut self, name: &str, reason: &'static str) {
        let Some(run) = &mut self.karpenter else { return };
        let Some(index) = run.claims.iter().position(|claim| *claim.name == *name) else { return };
        run.claims[index].instance_terminating = true;
        let instance = run.instances[index];
        self.end_unregistered(instance, reason);
        self.karpenter_hears_of_pod();
    }

    /// The time in which a claim's node has to register is over (`pkg/controllers/nodeclaim/lifecycle/liveness.go`).
    pub(super) fn claim_liveness(&mut self, instance: u32) {
        let Some(run) = &self.karpenter else { return };
        let Some(index) = run.instances.iter().position(|other| *other == instance) else { return };
        let claim = &run.claims[index];
        if claim.node.is_some() || claim.deleting {
            return;
        }
        let name = Arc::clone(&claim.name);
        let reason = format!("its node did not register within {}", karpenter::REGISTRATION_TIMEOUT);
        self.decide(Controller::Karpenter, format!("nodeclaim/{name}"), "Launched", "Deleted", reason);
        self.delete_claim(&name, "RegistrationTimeout");
    }

    /// `expireAfter` has passed: forceful, no budget holds it.
    pub(super) fn claim_expires(&mut self, instance: u32) {
        let Some(run) = &self.karpenter else { return };
        let Some(index) = run.instances.iter().position(|other| *other == instance) else { return };
        let name = Arc::clone(&run.claims[index].name);
        if run.claims[index].deleting {
            return;
        }
        let expired = ForcefulReason::Expired;
        self.decide(Controller::Karpenter, format!("nodeclaim/{name}"), "Ready", expired.name(), expired.explain());
        self.delete_claim(&name, expired.name());
    }

    /// The cloud announced that it takes a claim's instance back: Karpenter drains it at once and provisions anew.
    /// False where the node is none of Karpenter's.
    pub(super) fn claim_interrupted(&mut self, node: NodeId) -> bool {
        let Some(run) = &self.karpenter else { return false };
        let Some(claim) = run.claims.iter().find(|claim| claim.node == Some(node)) else { return false };
        let name = Arc::clone(&claim.name);
        self.delete_claim(&name, ForcefulReason::Interrupted.name());
        true
    }
}

/// The reason as upstream's metrics have it (`pretty.ToSnakeCase`); consolidations go by what they find.
fn snake(reason: &str) -> String {
    match reason {
        "emptiness" => "empty".to_owned(),
        "drift" => "drifted".to_owned(),
        "multi-node consolidation" | "single-node consolidation" => "underutilized".to_owned(),
        other => {
            let mut text = String::new();
            for letter in other.chars() {
                if letter.is_ascii_uppercase() && !text.is_empty() {
                    text.push('_');
                }
                text.push(letter.to_ascii_lowercase());
            }
            text
        }
    }
}

/// A command as upstream counts it (`pkg/controllers/disruption/queue.go`).
fn disruption_of((method, only_deletes): &(disruption::Method, bool)) -> Tally {
    let (why, kind) = match method {
        disruption::Method::Emptiness => ("empty", "empty"),
        disruption::Method::Drift => ("drifted", ""),
        disruption::Method::MultiNodeConsolidation => ("underutilized", "multi"),
        disruption::Method::SingleNodeConsolidation => ("underutilized", "single"),
    };
    Tally::Disruption { decision: if *only_deletes { "delete" } else { "replace" }, why, kind }
}
