//! Training jobs: gangs of workers, whose speed comes from where they were placed and whose use follows their phase.

use std::sync::Arc;

use super::entities::{End, Role};
use super::event::Event;
use super::job_ledger::{JobLedger, Stage};
use super::records::{TrainingCounts, TrainingRow, Usage};
use super::state::kueue::Queued;
use super::state::training::JobRun;
use super::world::World;
use crate::cluster::{NodeId, PodId, PodPhase, PodSpecId};
use crate::controller::job::backoff;
use crate::load::training::{Phase, TrainingJob};
use crate::units::random::stream;
use crate::units::{Bytes, GpuMilli, Millicores, SimDuration, SimTime, Usd};

impl World<'_> {
    pub(super) fn start_training(&mut self) {
        if let Some(first) = self.scenario.training_jobs.first() {
            self.events.push(first.arrival, Event::TrainingArrival);
        }
    }

    /// All jobs that arrive at this instant.
    pub(super) fn training_arrives(&mut self) {
        let scenario = self.scenario;
        let Some(training) = &scenario.training else { return };
        while let Some(job) = scenario.training_jobs.get(self.jobs.len()) {
            if job.arrival > self.now {
                self.events.push(job.arrival, Event::TrainingArrival);
                return;
            }
            let index = self.jobs.len() as u32;
            let rng = stream(self.seed, "training", u64::from(index));
            self.jobs.push(JobRun {
                progress: TrainingJob::new(job.epochs.clone(), Arc::clone(&training.options), rng),
                workers: Vec::new(),
                companions: Vec::new(),
                running: 0,
                generation: 0,
                started: None,
                finished: None,
                interruptions: 0,
                gpus: 0,
                gpu_held: 0,
                held: SimDuration::ZERO,
                step_seconds: None,
                held_since: None,
                launched: 0,
                failures: 0,
                stalled: false,
                saving: Vec::new(),
                ideal: SimDuration::ZERO,
                ledger: JobLedger::new(self.now),
            });
            self.jobs[index as usize].ideal = self.remaining_time(index);
            self.training.arrived += 1;
            self.training.waiting += 1;
            if !self.kueue_sees_training(index) {
                self.launch_gang(index);
            }
        }
    }

    /// Makes a gang's workers and queues it by its first.
    pub(super) fn launch_gang(&mut self, job: u32) {
        if self.is_held(Queued::Training(job)) {
            return;
        }
        let pods = self.admitted_spec(Queued::Training(job), self.scenario.training_jobs[job as usize].spec);
        self.jobs[job as usize].launched += 1;
        let count = self.scenario.training_jobs[job as usize].workers;
        let workers: Vec<PodId> = (0..count).map(|worker| self.create_worker(job, worker, pods)).collect();
        let leader = workers[0];
        self.jobs[job as usize].workers = workers;
        self.launch_companions(job);
        if self.gang_queue.is_some() { self.queue_gang(job) } else { self.enqueue(leader) }
    }

    fn create_worker(&mut self, job: u32, worker: u32, pods: PodSpecId) -> PodId {
        let spec = &self.scenario.training_jobs[job as usize];
        let name = match self.jobs[job as usize].launched {
            0 | 1 => format!("{}-worker-{worker}", spec.name),
            more => format!("{}-worker-{worker}-r{}", spec.name, more - 1),
        };
        self.create_pod(name.into(), pods, spec.workload, Role::Worker { job })
    }

    /// A gang that waits gets so many workers.
    pub(super) fn resize_gang(&mut self, job: u32, count: u32) {
        let Some(pods) = self.gang_leader(job).map(|leader| self.cluster.pod(leader).spec) else { return };
        // Taken out first, so that the deletions below are not seen as losses.
        let mut workers = std::mem::take(&mut self.jobs[job as usize].workers);
        for surplus in workers.split_off((count.max(1) as usize).min(workers.len())) {
            self.delete_pod(surplus, "Rescaled");
        }
        while workers.len() < count as usize {
            let worker = self.create_worker(job, workers.len() as u32, pods);
            workers.push(worker);
        }
        self.jobs[job as usize].workers = workers;
    }

    /// From now on the job makes so many steps and then waits for its next turn.
    pub(super) fn allow_steps(&mut self, job: u32, steps: Option<i64>) {
        let now = self.now;
        let run = &mut self.jobs[job as usize];
        if run.stalled || !run.saving.is_empty() || run.finished.is_some() {
            return;
        }
        run.progress.allow(now, steps);
        if run.held_since.is_some() {
            run.generation += 1;
            self.follow_phase(job);
        }
    }

    /// The worker by which a gang is queued.
    pub(super) fn gang_leader(&self, job: u32) -> Option<PodId> {
        self.jobs[job as usize].workers.first().copied()
    }

    /// All workers of the gang have their nodes.
    pub(super) fn gang_is_placed(&mut self, job: u32, placed: &[(PodId, NodeId)]) {
        let nodes = placed.iter().map(|(_, node)| *node).collect();
        let instance_of = &self.instance_of;
        let spec = &self.scenario.training_jobs[job as usize];
        let gpus = placed.len() as u32 * (spec.num_gpus / spec.workers);
        self.jobs[job as usize].ledger.placed(gpus, nodes, |node| instance_of[node.index()], self.now);
    }

    pub(super) fn gang_of(&self, job: u32) -> Vec<PodId> {
        self.jobs[job as usize].workers.clone()
    }

    /// One more worker runs: with the last one the job starts to load.
    pub(super) fn worker_started(&mut self, job: u32) {
        let run = &mut self.jobs[job as usize];
        run.running += 1;
        if (run.running as usize) < run.workers.len() || run.stalled {
            return;
        }
        run.started.get_or_insert(self.now);
        run.ledger.runs(self.now);
        run.held_since = Some(self.now);
        self.training.waiting -= 1;
        self.training.running += 1;
        let spec = &self.scenario.training_jobs[job as usize];
        let run = &mut self.jobs[job as usize];
        let workers = run.workers.len() as u32;
        run.gpus = workers * (spec.num_gpus / spec.workers);
        self.training.gpus += run.gpus;
        run.generation += 1;
        let pace = self.placed_pace(job);
        let now = self.now;
        self.jobs[job as usize].progress.start(now, pace, workers);
        self.gang_runs(job);
        self.follow_phase(job);
    }

    /// When the job will end if nothing comes between.
    pub(super) fn expected_end(&self, job: u32) -> SimTime {
        self.jobs[job as usize].progress.expected_end(self.now)
    }

    pub(super) fn training_phase(&mut self, job: u32, generation: u32) {
        if self.jobs[job as usize].generation != generation {
            return;
        }
        let now = self.now;
        self.jobs[job as usize].progress.advance(now);
        self.follow_phase(job);
    }

    /// Plans the next change of the job's phase, and ends it when its work is done.
    fn follow_phase(&mut self, job: u32) {
        if self.jobs[job as usize].progress.is_complete() {
            return self.complete_job(job);
        }
        self.use_by_phase(job);
        if self.jobs[job as usize].progress.phase() == Phase::Idle {
            self.turn_is_over(job);
        }
        let run = &self.jobs[job as usize];
        let (next, generation) = (run.progress.next_change(), run.generation);
        if next < SimTime::MAX {
            self.events.push(next, Event::TrainingPhase { job, generation });
        }
        for worker in self.gang_of(job) {
            // The end of one is the end of all.
            if self.jobs[job as usize].generation == generation {
                self.memory_changed(worker);
            }
        }
    }

    /// Sets the workers' use by the job's phase.
    fn use_by_phase(&mut self, job: u32) {
        let usage = self.jobs[job as usize].progress.usage();
        for worker in self.gang_of(job) {
            let requested = self.requested_for_use(self.cluster.pod(worker).spec);
            let part = |amount: i64, fraction: f64| (amount as f64 * fraction).round() as i64;
            self.use_resources(
                worker,
                Usage {
                    cpu: Millicores(part(requested.cpu.get(), usage.cpu)),
                    memory: Bytes(part(requested.memory.get(), usage.memory)),
                    gpu: GpuMilli(part(requested.gpu.get(), usage.gpu)),
                },
            );
        }
    }

    fn complete_job(&mut self, job: u32) {
        self.stop_holding(job);
        self.training.waiting -= 1;
        self.training.completed += 1;
        let run = &mut self.jobs[job as usize];
        // A rounded end may lie a little before.
        let ended = run.progress.completed_at().unwrap_or(self.now);
        run.finished = Some(ended);
        run.ledger.enter(Stage::Over, ended);
        run.running = 0;
        run.generation += 1;
        let mut workers = std::mem::take(&mut run.workers);
        workers.append(&mut run.companions);
        self.gang_left(job);
        self.turn_is_over(job);
        let mut freed = None;
        for worker in workers {
            freed = self.cluster.pod(worker).node;
            self.end_pod(worker, End::Succeeded, "Completed");
        }
        self.room_was_freed(freed);
        self.kueue_sees_end(Queued::Training(job));
    }

    /// Its quota was taken back: it stops, and waits for its queue.
    pub(super) fn gang_is_held(&mut self, job: u32) {
        self.break_gang(job);
    }

    /// A worker's machine stopped without a word. The others wait for it in their next collective operation, holding
    /// their GPUs, until that times out or somebody ends the worker's pod.
    pub(super) fn gang_loses_worker(&mut self, job: u32, pod: PodId) {
        if self.jobs[job as usize].saving.contains(&pod) {
            // In vain: the save needs all of them.
            return self.gang_has_ended(job);
        }
        let run = &mut self.jobs[job as usize];
        if run.stalled || run.finished.is_some() || !run.workers.contains(&pod) {
            return;
        }
        run.stalled = true;
        run.ledger.enter(Stage::Stalled, self.now);
        run.generation += 1;
        if run.progress.interrupt(self.now).is_some() {
            run.interruptions += 1;
        }
        let generation = run.generation;
        let training = self.scenario.training.as_ref().expect("jobs come with a table");
        self.events.push(self.now + training.options.collective_timeout, Event::GangGivesUp { job, generation });
    }

    pub(super) fn gang_gives_up(&mut self, job: u32, generation: u32) {
        if self.jobs[job as usize].generation == generation && self.jobs[job as usize].stalled {
            self.break_gang(job);
            self.launch_gang(job);
        }
    }

    /// A worker is gone before the work is done: the others stop, and the gang queues again from its checkpoint.
    /// Where the worker failed by itself (its memory), that happens after the back-off of failed Jobs.
    pub(super) fn worker_ended(&mut self, pod: PodId, job: u32) {
        let run = &self.jobs[job as usize];
        if run.finished.is_some() || run.workers.is_empty() {
            return;
        }
        if self.gang_saves(pod, job) {
            return;
        }
        self.break_gang(job);
        if self.pods[pod.index()].reason != "OOMKilled" {
            return self.launch_gang(job);
        }
        let run = &mut self.jobs[job as usize];
        run.failures += 1;
        let backoff = backoff(run.failures);
        let generation = run.generation;
        self.events.push(self.now + backoff, Event::GangRestarts { job, generation });
    }

    /// A worker was told to end, and with it the others: they save first where the grace period and the cloud's notice
    /// leave time for that. False where they don't.
    fn gang_saves(&mut self, pod: PodId, job: u32) -> bool {
        let workers = self.gang_of(job);
        let info = self.cluster.pod(pod);
        let (Some(deletion), false) = (info.deletion, info.is_terminal() || self.jobs[job as usize].stalled) else {
            return false;
        };
        let nodes = workers.iter().filter_map(|worker| self.cluster.pod(*worker).node);
        let ends = nodes.filter_map(|node| self.instance_of_node(node).reclaimed_at).fold(deletion, SimTime::min);
        let now = self.now;
        let run = &mut self.jobs[job as usize];
        let Some(takes) = run.progress.save_before_end(now, ends - now) else { return false };
        self.use_by_phase(job);
        let run = &mut self.jobs[job as usize];
        run.generation += 1;
        run.running = 0;
        run.workers.clear();
        run.saving.clone_from(&workers);
        let generation = run.generation;
        self.events.push(self.now + takes, Event::GangSaved { job, generation });
        for worker in workers {
            self.delete_pod(worker, "GangRestarted");
        }
        true
    }

    pub(super) fn is_saving(&self, pod: PodId) -> bool {
        match self.pods[pod.index()].role {
            Role::Worker { job } => self.jobs[job as usize].saving.contains(&pod),
            _ => false,
        }
    }

    pub(super) fn gang_saved(&mut self, job: u32, generation: u32) {
        if self.jobs[job as usize].generation == generation {
            self.gang_has_ended(job);
        }
    }

    /// The workers that saved end now, whether the save was finished or not, and the gang queues again.
    fn gang_has_ended(&mut self, job: u32) {
        let run = &mut self.jobs[job as usize];
        if run.progress.interrupt(self.now).is_some() {
            run.interruptions += 1;
        }
        run.generation += 1;
        run.ledger.enter(Stage::Queued, self.now);
        let saving = std::mem::take(&mut run.saving);
        let companions = std::mem::take(&mut run.companions);
        self.stop_holding(job);
        self.gang_left(job);
        for worker in saving {
            self.pod_gone(worker);
        }
        for companion in companions {
            self.delete_pod(companion, "GangRestarted");
        }
        self.launch_gang(job);
    }

    /// All workers stop; what was not saved is lost.
    fn break_gang(&mut self, job: u32) {
        let run = &mut self.jobs[job as usize];
        if run.progress.interrupt(self.now).is_some() {
            run.interruptions += 1;
        }
        run.stalled = false;
        run.ledger.enter(Stage::Queued, self.now);
        run.generation += 1;
        run.running = 0;
        self.stop_holding(job);
        self.gang_left(job);
        // Emptied first, so that the deletions below don't come back here.
        let run = &mut self.jobs[job as usize];
        let mut workers = std::mem::take(&mut run.workers);
        workers.append(&mut run.companions);
        for worker in workers {
            self.delete_pod(worker, "GangRestarted");
        }
    }

    pub(super) fn gang_restarts(&mut self, job: u32, generation: u32) {
        if self.jobs[job as usize].generation == generation {
            self.launch_gang(job);
        }
    }

    fn stop_holding(&mut self, job: u32) {
        let run = &mut self.jobs[job as usize];
        let gpus = run.gpus;
        if let Some(since) = run.held_since.take() {
            run.held += self.now - since;
            run.gpu_held += i128::from(gpus) * 1000 * i128::from((self.now - since).nanos());
            self.training.running -= 1;
            self.training.waiting += 1;
            self.training.gpus -= gpus;
        }
    }

    pub(super) fn training_rows(&mut self) -> Vec<TrainingRow> {
        let mut costs = vec![Usd::ZERO; self.jobs.len()];
        for pod in &self.pods {
            if let Role::Worker { job } | Role::Companion { job } = pod.role {
                costs[job as usize] += pod.costs.into_iter().sum::<Usd>();
            }
        }
        for job in 0..self.jobs.len() as u32 {
            self.stop_holding(job);
        }
        self.jobs
            .iter()
            .zip(&self.scenario.training_jobs)
            .zip(costs)
            .map(|((run, spec), cost)| TrainingRow {
                queue: Arc::clone(&spec.queue),
                workers: spec.workers,
                ideal: run.ideal,
                times: run.ledger.times(&run.progress.totals_at(self.now), self.now),
                attempts: run.ledger.attempts.clone(),
                cost,
                name: Arc::clone(&spec.name),
                model: Arc::clone(&spec.model),
                gpus: spec.num_gpus,
                arrival: spec.arrival,
                started: run.started,
                finished: run.finished,
                total_steps: spec.epochs.total() as u64 / 1_000_000,
                steps_done: run.progress.micro_steps_at(self.now) as f64 / 1e6,
                steps_lost: run.progress.totals().lost_micro_steps as f64 / 1e6,
                interruptions: run.interruptions,
                gpu_hours: run.gpu_held as f64 / 1000.0 / 3_600e9,
                gpus_held: match run.held.nanos() {
                    0 => f64::from(spec.num_gpus),
                    held if run.gpu_held == i128::from(spec.num_gpus) * 1000 * i128::from(held) => {
                        f64::from(spec.num_gpus)
                    }
                    held => run.gpu_held as f64 / 1000.0 / held as f64,
                },
            })
            .collect()
    }

    /// Jobs of the scenario that have not arrived.
    pub(super) fn training_to_come(&self) -> u32 {
        (self.scenario.training_jobs.len() - self.jobs.len()) as u32
    }

    /// The second look of [`World::audit`] at the counts of jobs.
    pub(super) fn audit_training_counts(&self) -> Result<(), String> {
        let mut anew = TrainingCounts { arrived: self.jobs.len() as u32, ..TrainingCounts::default() };
        for (run, spec) in self.jobs.iter().zip(&self.scenario.training_jobs) {
            match (run.finished, run.held_since) {
                (Some(_), _) => anew.completed += 1,
                (None, Some(_)) => {
                    anew.running += 1;
                    anew.gpus += run.workers.len().max(run.saving.len()) as u32 * (spec.num_gpus / spec.workers);
                }
                (None, None) => anew.waiting += 1,
            }
        }
        if anew == self.training { Ok(()) } else { Err(format!("jobs are {anew:?}, counted {:?}", self.training)) }
    }

    /// The second look of [`World::audit`] at a job's progress.
    pub(super) fn audit_progress(&self, job: u32) -> Result<(), String> {
        let run = &self.jobs[job as usize];
        let running = run.workers.iter().filter(|pod| self.cluster.pod(**pod).phase == PodPhase::Running).count();
        if run.running as usize > running {
            return Err(format!("{} workers counted as running, {running} run", run.running));
        }
        let (done, total) = (run.progress.micro_steps_at(self.now), run.progress.total_micro_steps());
        if done > total {
            return Err(format!("{done} of {total} millionths of steps done"));
        }
        let works = !matches!(run.progress.phase(), Phase::Waiting | Phase::Complete);
        if works && running < run.workers.len() {
            return Err(format!("it works with {running} of {} workers", run.workers.len()));
        }
        if !run.stalled && works != run.held_since.is_some() {
            return Err("its GPU time runs while it does not work, or the other way round".into());
        }
        Ok(())
    }
}
