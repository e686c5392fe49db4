//! What Karpenter's cloud delivers when it is asked: offerings that are out of stock, and create calls that fail.
//!
//! A fleet request tries a claim's offerings, cheapest first. Those without capacity are not asked for again for a while
//! (AWS's provider, `pkg/cache/cache.go`, `UnavailableOfferingsTTL`); where none is left, the claim is deleted at once
//! (`InsufficientCapacityError`, `pkg/controllers/nodeclaim/lifecycle/launch.go`). A call that fails for another reason
//! is made again until the claim is too old (`liveness.go`); meanwhile Karpenter's state of the cluster counts as not
//! synced, and neither provisioning nor disruption goes on (`pkg/controllers/state/cluster.go`).

use std::sync::Arc;

use super::event::Event;
use super::records::Controller;
use super::state::launches::Unlaunched;
use super::world::World;
use crate::autoscaler::karpenter::{self, CreateClaim, LAUNCH_TIMEOUT, Launch, TypeIndex};
use crate::scenario::Karpenter;
use crate::units::SimDuration;

/// How long an offering that was out of stock is left alone.
const UNAVAILABLE_FOR: SimDuration = SimDuration::from_mins(3);

impl World<'_> {
    /// Has a claim launched, now or when the cloud answers. False where it has no capacity for it: the claim is deleted.
    pub(super) fn call_for(
        &mut self,
        spec: &Karpenter,
        name: &Arc<str>,
        create: &CreateClaim,
        why: &'static str,
    ) -> bool {
        if spec.launch_errors.iter().any(|(from, to)| (*from..*to).contains(&self.now)) {
            let object = format!("nodeclaim/{name}");
            self.decide(
                Controller::Karpenter,
                object.clone(),
                "",
                "Created",
                format!("{why}: {} pods", create.pods.len()),
            );
            self.decide(
                Controller::Cloud,
                object,
                "Created",
                "LaunchFailed",
                "the create call failed; it is made again",
            );
            let (since, next_call) = (self.now, self.now);
            let name = Arc::clone(name);
            self.keep_unlaunched(Unlaunched { name, create: create.clone(), why, since, failures: 0, next_call });
            return true;
        }
        let Some(launch) = self.in_stock(spec, create) else {
            let offered = self.karpenter.as_ref().map_or(&spec.catalogue, |run| run.offered(spec));
            let reason = format!("InsufficientCapacityError: {}", create.explain(offered));
            self.decide(Controller::Karpenter, format!("nodeclaim/{name}"), "Created", "Deleted", reason);
            return false;
        };
        self.launch_claim(spec, name, create, launch, why);
        true
    }

    /// A call for the claim failed.
    fn keep_unlaunched(&mut self, mut claim: Unlaunched) {
        claim.call_failed(self.now);
        self.events.push(claim.next_call, Event::ClaimsLaunch);
        let run = self.karpenter.as_mut().expect("only asked where there is a Karpenter");
        run.unlaunched.push(claim);
    }

    /// The cheapest offering that the cloud can deliver; those that it finds out of stock are left alone for a while.
    fn in_stock(&mut self, spec: &Karpenter, create: &CreateClaim) -> Option<Launch> {
        let mut missed = Vec::new();
        let launch = loop {
            let catalogue = self.karpenter.as_ref()?.offered(spec);
            let Some(launch) = karpenter::launch(create, catalogue) else { break None };
            let offering = (launch.instance_type, launch.offering);
            if !spec.stock_outs.iter().any(|span| span.hits(offering, self.now)) {
                break Some(launch);
            }
            let offers = self.karpenter.as_mut().and_then(|run| run.offers.as_mut())?;
            offers.set_available(offering, false);
            offers.unavailable.insert(offering, self.now + UNAVAILABLE_FOR);
            missed.push(offering);
        };
        if !missed.is_empty() {
            self.events.push(self.now + UNAVAILABLE_FOR, Event::OfferingsReturn);
            self.cluster.touch();
            let named = |(instance_type, offering): &(TypeIndex, usize)| {
                let instance_type = spec.catalogue.get(*instance_type);
                let offering = &instance_type.offerings[*offering];
                format!("{} in {} ({})", instance_type.name, offering.zone, offering.capacity_type.name())
            };
            let missed: Vec<String> = missed.iter().map(named).collect();
            let object = format!("nodepool/{}", spec.node_pools[create.pool].name);
            let reason = format!("no capacity for {}; not asked for again within {UNAVAILABLE_FOR}", missed.join(", "));
            self.decide(Controller::Cloud, object, "Requested", "OutOfStock", reason);
        }
        launch
    }

    /// Offerings that have been left alone for long enough are taken to be there again.
    pub(super) fn offerings_return(&mut self) {
        let now = self.now;
        let Some(offers) = self.karpenter.as_mut().and_then(|run| run.offers.as_mut()) else { return };
        let over: Vec<_> = offers.unavailable.iter().filter(|(_, until)| **until <= now).map(|(key, _)| *key).collect();
        for offering in over {
            offers.unavailable.remove(&offering);
            offers.set_available(offering, true);
        }
        self.cluster.touch();
    }

    /// The create calls that failed are made again; claims that are too old for that are deleted.
    pub(super) fn claims_launch(&mut self) {
        let Some(spec) = &self.scenario.karpenter else { return };
        let Some(run) = &mut self.karpenter else { return };
        let is_down = spec.launch_errors.iter().any(|(from, to)| (*from..*to).contains(&self.now));
        for claim in std::mem::take(&mut run.unlaunched) {
            if claim.next_call > self.now {
                self.karpenter.as_mut().expect("looked up above").unlaunched.push(claim);
            } else if self.now - claim.since >= LAUNCH_TIMEOUT {
                let reason = format!("it was not launched within {LAUNCH_TIMEOUT}");
                self.decide(Controller::Karpenter, format!("nodeclaim/{}", claim.name), "Created", "Deleted", reason);
            } else if is_down {
                self.keep_unlaunched(claim);
            } else {
                self.call_for(spec, &claim.name, &claim.create, claim.why);
            }
        }
        if self.karpenter.as_ref().is_some_and(|run| !run.unlaunched.is_empty()) {
            return;
        }
        self.advance_commands();
        if self.pods_need_nodes() {
            self.karpenter_hears_of_pod();
        }
    }
}
