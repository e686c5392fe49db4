//! The event loop.

use super::entities::JobKey;
use super::event::Event;
use super::observer::Observer;
use super::records::Outcome;
use super::world::World;
use crate::scenario::Scenario;
use crate::scheduler::queue::LEFTOVER_FLUSH;
use crate::units::SimTime;

/// How to run, beside what.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunOptions {
    /// Skip nothing and index nothing: every periodic loop runs in full and every node is asked one by one. Slow; the
    /// result must be the same, byte for byte, and a test holds it so.
    pub plain: bool,
    /// After every so many events everything is recounted and held against the books; 0 (the default): never. A run
    /// whose books disagree panics, for only a mistake of ours can bring that about.
    pub audit_every: u64,
}

/// So many events of one instant are a loop without end, in a run that is audited.
const LONGEST_STANDSTILL: u64 = 100_000;

/// Simulates `scenario` under `seed` and tells `observer`. The same arguments give the same calls.
pub fn run(scenario: &Scenario, seed: u64, observer: &mut dyn Observer) -> Outcome {
    run_with(scenario, seed, RunOptions::default(), observer)
}

/// As [`run`], with options.
pub fn run_with(scenario: &Scenario, seed: u64, options: RunOptions, observer: &mut dyn Observer) -> Outcome {
    let mut world = World::new(scenario, seed);
    world.plain = options.plain;
    world.verbose = observer.wants_verbose_decisions();
    world.start();
    world.start_exposition(observer);
    let end = SimTime::ZERO + scenario.duration;
    let (mut standstill, mut stopped) = (0, None);
    while let Some((at, event)) = world.events.pop_until(end) {
        if at == world.now {
            standstill += 1;
        } else {
            standstill = 0;
            world.note_counts();
            world.now = at;
        }
        // Who looks changes nothing, not even a count.
        if !matches!(event, Event::Exposition) {
            world.counts.events += 1;
            world.counts.by_kind.count(event);
        }
        match event {
            Event::Sample => world.sample(observer),
            Event::Exposition => world.expose(observer),
            event => world.handle(event),
        }
        if options.audit_every > 0 && world.counts.events.is_multiple_of(options.audit_every) {
            world.hold_books_together(event, standstill);
        }
        if !world.decisions.is_empty() {
            world.decisions.drain(..).for_each(|decision| observer.decision(&decision));
        }
        if world.is_full() {
            stopped = Some(world.stopped());
            break;
        }
    }
    world.note_counts();
    if stopped.is_none() {
        world.now = end;
    }
    let outcome = Outcome { stopped, ..world.finish(observer) };
    observer.finished(&outcome);
    outcome
}

impl World<'_> {
    fn hold_books_together(&mut self, event: Event, standstill: u64) {
        assert!(standstill < LONGEST_STANDSTILL, "time stands still at {}, after {event:?}", self.now);
        self.make_up_all_books();
        if let Err(disagreement) = self.audit() {
            panic!("at {} after {event:?}: {disagreement}", self.now);
        }
    }

    fn start(&mut self) {
        self.start_nodes();
        self.start_kueue();
        self.start_workloads();
        self.start_training();
        self.start_services();
        self.start_external_metrics();
        self.start_metrics_server();
        self.start_hpas();
        self.start_scalers();
        self.start_cluster_autoscaler();
        self.start_karpenter();
        self.events.push(SimTime::ZERO + LEFTOVER_FLUSH, Event::FlushLeftovers);
        self.events.push(SimTime::ZERO, Event::Sample);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::PodStarts { pod, generation } => self.pod_starts(pod, generation),
            Event::ImagePulled { instance, generation } => self.image_pulled(instance, generation),
            Event::PodRejected { pod } => self.pod_rejected(pod),
            Event::OrphanedPod { pod } => self.collect_orphan(pod),
            Event::PodReady { pod, generation } => self.pod_ready(pod, generation),
            Event::PodAvailable { pod, generation } => self.pod_available(pod, generation),
            Event::PodDeadline { pod } => self.pod_deadline(pod),
            Event::PodFinishes { pod, generation } => self.pod_finishes(pod, generation),
            Event::PodGone { pod } => self.pod_gone(pod),
            Event::MemoryPressure { node } => self.relieve_memory_pressure(node),
            Event::GangRestarts { job, generation } => self.gang_restarts(job, generation),
            Event::BackoffEnds => self.backoff_ends(),
            Event::PreemptsAgain { pod } => self.preempts_again(pod),
            Event::FlushLeftovers => {
                self.flush_leftovers();
                self.events.push(self.now + LEFTOVER_FLUSH, Event::FlushLeftovers);
            }
            Event::Schedule => self.schedule(),
            Event::Allocation => self.allocate(),
            Event::GangPass => self.gang_pass(),
            Event::TraceArrival => self.trace_arrives(),
            Event::TrainingArrival => self.training_arrives(),
            Event::JobStarts { workload } => self.job_starts(JobKey { workload, run: 0 }),
            Event::JobSync { workload, run } => self.job_sync(JobKey { workload, run }),
            Event::CronJobSync { workload } => self.cron_job_sync(workload),
            Event::ProgressDeadline { workload } => self.progress_deadline(workload),
            Event::TrainingPhase { job, generation } => self.training_phase(job, generation),
            Event::NodeRegisters { instance } => self.node_registers(instance),
            Event::NodeReady { node } => self.node_turns_ready(node),
            Event::InstanceFails { instance } => self.instance_fails(instance),
            Event::NodeDeletes { node } => self.node_deletes(node),
            Event::InstanceGone { instance } => self.instance_gone(instance),
            Event::GroupRelaunches { group } => self.group_relaunches(group),
            Event::CapacityFalls { group, span } => self.capacity_falls(group, span),
            Event::SpotNotice { node } => self.spot_notice(node),
            Event::DrainStep { node } => self.drain_step(node),
            Event::SpotReclaims { node } => self.spot_reclaims(node),
            Event::MachineOff { node } => self.machine_off(node),
            Event::PodShutDown { pod, generation } => self.pod_shut_down(pod, generation),
            Event::NodeFails { node } => self.node_fails(node, "Failed"),
            Event::NodeUnreachable { node } => self.node_unreachable(node),
            Event::TaintingPass { zone } => self.tainting_pass(zone),
            Event::TolerationEnds { pod, generation } => self.toleration_ends(pod, generation),
            Event::CloudNoticesLoss { node } => self.cloud_notices_loss(node),
            Event::NodeCollected { node } => self.node_collected(node),
            Event::GangSaved { job, generation } => self.gang_saved(job, generation),
            Event::GangGivesUp { job, generation } => self.gang_gives_up(job, generation),
            Event::Outage { index } => self.outage(index),
            Event::Patch { index } => self.patch(index),
            Event::ReplicaChange { index } => self.replica_change(index),
            Event::LoadTick { load, generation } => self.load_tick(load, generation),
            Event::DivideCpu => self.divide_cpu(),
            Event::Scrape => self.scrape(),
            Event::HpaSync { hpa } => self.hpa_sync(hpa),
            Event::ScalerTick { scaler } => self.scaler_tick(scaler),
            Event::ClusterAutoscalerScan { generation } => self.cluster_autoscaler_scan(generation),
            Event::KarpenterProvision => self.karpenter_provision(),
            Event::KarpenterRetry => self.karpenter_retry(),
            Event::ClaimsLaunch => self.claims_launch(),
            Event::OfferingsReturn => self.offerings_return(),
            Event::ClaimExpires { instance } => self.claim_expires(instance),
            Event::ClaimLiveness { instance } => self.claim_liveness(instance),
            Event::KarpenterDisrupt => self.karpenter_disrupt(),
            Event::KueueCycle => self.kueue_cycle(),
            Event::KueueWakes => self.kueue_wakes(),
            Event::KueueTimeout { queued, admission } => self.kueue_timeout(queued, admission),
            Event::KueueReturns { queued } => self.kueue_returns(queued),
            Event::Sample | Event::Exposition => unreachable!("the loop hands them to the observer"),
        }
    }
}
