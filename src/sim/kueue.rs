//! Kueue at work: jobs with a queue make no pods until their ClusterQueue has quota for them, and end those that they
//! have when it is taken back.
//!
//! Kueue (0.20): `pkg/controller/jobframework/reconciler.go`, `pkg/controller/jobs/job/job_controller.go`,
//! `pkg/cache/queue/inadmissible_workloads.go`.

use std::sync::Arc;

use super::entities::Role;
use super::event::Event;
use super::records::Controller;
use super::state::kueue::{KueueRun, Queued, shape_of};
use super::state::tallies::{Lasting, Tally};
use super::world::World;
use crate::cluster::{PodId, PodPhase, PodSpecId, WorkloadId};
use crate::scenario::WorkloadKind;
use crate::training::admission::kueue::controller::CycleReport;
use crate::training::admission::kueue::objects::Waiting;
use crate::training::admission::kueue::tree::NodeId as QueueId;
use crate::training::admission::kueue::workload::{
    CheckStatus, Eviction, PodSet, PodsReady, Workload, WorkloadId as QueuedId,
};
use crate::units::SimDuration;

/// The pod set of a job's own pods, or of a gang's workers; those beside a gang have sets of their own.
const MAIN: &str = "main";

/// Wake-ups of parked workloads are gathered for so long.
const WAKE_BATCH: SimDuration = SimDuration::from_secs(1);

impl World<'_> {
    pub(super) fn start_kueue(&mut self) {
        self.kueue = self.scenario.kueue.as_ref().map(|setup| Box::new(KueueRun::new(setup)));
    }

    /// Whether Kueue keeps a job from having pods.
    pub(super) fn is_held(&self, of: Queued) -> bool {
        let Some(kueue) = &self.kueue else { return false };
        match kueue.ids.get(&of) {
            Some(id) => !kueue.may_run(*id),
            None => false,
        }
    }

    /// A Job is created: if it names a queue, it waits there.
    pub(super) fn kueue_sees_job(&mut self, workload: WorkloadId) {
        let scenario = self.scenario;
        let index = self.kueue.as_ref().and_then(|kueue| kueue.queued_jobs.get(&workload).copied());
        let Some(queued) = index.and_then(|index| scenario.kueue.as_ref()?.jobs.get(index)) else { return };
        let WorkloadKind::Job(job) = self.kind(workload) else { return };
        let of = &scenario.workloads[workload.index()];
        let count = job.completions.map_or(job.parallelism, |completions| completions.min(job.parallelism));
        let set = PodSet {
            name: MAIN.into(),
            count: i32::try_from(count).unwrap_or(i32::MAX),
            min_count: queued.min_parallelism.map(|min| i32::try_from(min.min(count)).unwrap_or(i32::MAX)),
            ..PodSet::default()
        };
        let key = format!("{}/job-{}", of.namespace, of.name);
        let sets = vec![(set, job.spec)];
        self.queue_up(Queued::Job(workload), &key, &of.namespace, &queued.local_queue, queued.priority, sets);
    }

    /// A training job arrives. True where it waits for its queue.
    pub(super) fn kueue_sees_training(&mut self, index: u32) -> bool {
        let scenario = self.scenario;
        let job = &scenario.training_jobs[index as usize];
        let Some(queue) = job.local_queue.as_ref().filter(|_| scenario.kueue.is_some()) else { return false };
        let pod = scenario.specs.pod(job.spec);
        let count = |of: u32| i32::try_from(of).unwrap_or(i32::MAX);
        let set = |name: Arc<str>, of: u32| PodSet { name, count: count(of), ..PodSet::default() };
        let beside = job.companions.iter().map(|beside| (set(Arc::clone(&beside.name), beside.count), beside.spec));
        let sets = std::iter::once((set(MAIN.into(), job.workers), job.spec)).chain(beside).collect();
        let key = format!("{}/trainingjob-{}", pod.namespace, job.name);
        let (namespace, priority): (Arc<str>, i64) = (pod.namespace.as_str().into(), i64::from(pod.priority));
        self.queue_up(Queued::Training(index), &key, &namespace, queue, priority, sets);
        true
    }

    fn queue_up(
        &mut self,
        of: Queued,
        key: &str,
        namespace: &Arc<str>,
        local_queue: &Arc<str>,
        priority: i64,
        sets: Vec<(PodSet, PodSpecId)>,
    ) {
        let Some(kueue) = &mut self.kueue else { return };
        let specs = &self.cluster.specs;
        let name = |id| specs.resources.name(id).to_owned();
        let names = &mut kueue.state.cache.names;
        let with_pods = |(set, spec)| PodSet { pod: shape_of(specs.pod(spec), name, names), ..set };
        let sets: Vec<PodSet> = sets.into_iter().map(with_pods).collect();
        let mut workload = Workload::new(key.into(), Arc::clone(namespace), sets.into(), self.now);
        // Ties of one instant are broken by the UID, which is random upstream and the order of arrival here.
        workload.uid = format!("{:08}", kueue.owners.len()).as_str().into();
        workload.local_queue = Some(Arc::clone(local_queue));
        workload.priority = priority;
        let id = kueue.state.add(workload, self.now);
        kueue.owners.push(of);
        kueue.queued_since.push(self.now);
        kueue.admissions.push(0);
        kueue.ids.insert(of, id);
        self.plan_cycle();
    }

    fn plan_cycle(&mut self) {
        let now = self.now;
        if let Some(kueue) = &mut self.kueue
            && !std::mem::replace(&mut kueue.cycle_is_planned, true)
        {
            self.events.push(now, Event::KueueCycle);
        }
    }

    fn plan_wake(&mut self, queues: Vec<QueueId>) {
        let at = self.now + WAKE_BATCH;
        if let Some(kueue) = &mut self.kueue {
            kueue.to_wake.extend(queues);
            if !kueue.to_wake.is_empty() && !std::mem::replace(&mut kueue.wake_is_planned, true) {
                self.events.push(at, Event::KueueWakes);
            }
        }
    }

    pub(super) fn kueue_wakes(&mut self) {
        let now = self.now;
        let Some(kueue) = &mut self.kueue else { return };
        kueue.wake_is_planned = false;
        let queues: Vec<QueueId> = std::mem::take(&mut kueue.to_wake).into_iter().collect();
        kueue.state.wake(&queues, now);
        self.plan_cycle();
    }

    /// Scheduling cycles, as long as they do anything.
    pub(super) fn kueue_cycle(&mut self) {
        let now = self.now;
        if let Some(kueue) = &mut self.kueue {
            kueue.cycle_is_planned = false;
        }
        let mut in_vain = 0;
        while let Some(kueue) = &mut self.kueue {
            if in_vain > kueue.patience || !kueue.state.has_heads() {
                return;
            }
            let report = kueue.state.cycle(now);
            let admitted = !report.admitted.is_empty();
            self.tally(1, |_| Tally::AdmissionCycle { admitted });
            in_vain = if report.admitted.is_empty() && report.preempted.is_empty() { in_vain + 1 } else { 0 };
            self.follow(report);
        }
    }

    fn follow(&mut self, report: CycleReport) {
        for (id, waiting, message) in report.waiting {
            self.say_waiting(id, waiting, message);
        }
        for (id, ready) in report.admitted {
            if !ready {
                self.say_yes(id);
            }
            self.job_is_admitted(id);
        }
        for (victim, reason, preemptor) in report.preempted {
            let by = self.queued_object(preemptor);
            self.tally(1, |world| {
                let workload = world.kueue.as_ref().map(|kueue| kueue.state.workload(preemptor));
                let local = workload.and_then(|workload| workload.local_queue.clone());
                let cache = world.kueue.as_ref().map(|kueue| &kueue.state.cache);
                let queue = cache
                    .zip(local)
                    .and_then(|(cache, local)| cache.queue_of(&local).map(|node| Arc::clone(&cache.queue(node).name)));
                Tally::Preempted { by: queue.unwrap_or_else(|| "".into()), why: reason.name() }
            });
            self.hold_back(victim, &format!("{} for {by}", reason.name()));
        }
    }

    /// Whoever answers admission checks is not modelled: they are ready at once.
    fn say_yes(&mut self, id: QueuedId) {
        let now = self.now;
        let Some(kueue) = &mut self.kueue else { return };
        kueue.state.update(id, |workload| {
            for check in &mut workload.checks {
                check.status = CheckStatus::Ready;
            }
            workload.admitted = Some(now);
        });
    }

    fn queued_object(&self, id: QueuedId) -> String {
        let Some(kueue) = &self.kueue else { return String::new() };
        match kueue.owners[id.index()] {
            Queued::Job(workload) => self.workload_object(workload),
            Queued::Training(index) => {
                let job = &self.scenario.training_jobs[index as usize];
                format!("trainingjob/{}/{}", self.scenario.specs.pod(job.spec).namespace, job.name)
            }
        }
    }

    fn say_waiting(&mut self, id: QueuedId, waiting: Waiting, message: String) {
        let Some(kueue) = &mut self.kueue else { return };
        if kueue.said.insert(id, waiting) == Some(waiting) {
            return;
        }
        let reason =
            if message.is_empty() { waiting.name().to_owned() } else { format!("{}: {message}", waiting.name()) };
        let object = self.queued_object(id);
        self.decide(Controller::Kueue, object, "Queued", "Queued", reason);
    }

    fn job_is_admitted(&mut self, id: QueuedId) {
        let now = self.now;
        let Some(kueue) = &mut self.kueue else { return };
        kueue.said.remove(&id);
        kueue.admissions[id.index()] += 1;
        let admission = kueue.admissions[id.index()];
        let owner = kueue.owners[id.index()];
        let names = &kueue.state.cache.names;
        let workload = kueue.state.workload(id);
        let mut flavors = Vec::new();
        let mut queue: Arc<str> = "".into();
        let mut count = 0;
        if let Some(admission) = &workload.admission {
            queue = Arc::clone(&admission.cluster_queue);
            for set in &admission.pod_sets {
                count += set.count;
                flavors.extend(set.flavors.iter().map(|(resource, flavor)| {
                    format!("{} of {}", names.resource_name(*resource), names.flavor_name(*flavor))
                }));
            }
        }
        let timeout = kueue.state.wait_for_pods_ready.map(|wait| wait.timeout);
        let reason = format!("ClusterQueue {queue}: {count} pods, {}", flavors.join(", "));
        let waited = now - kueue.queued_since[id.index()];
        self.tally(1, |_| Tally::Admitted { queue: Arc::clone(&queue) });
        self.took(Lasting::Admission { queue }, waited);
        let object = self.queued_object(id);
        self.decide(Controller::Kueue, object, "Queued", "Admitted", reason);
        if let Some(timeout) = timeout {
            self.events.push(now + timeout, Event::KueueTimeout { queued: id.0, admission });
        }
        match owner {
            Queued::Job(workload) => self.job_changed(workload),
            Queued::Training(index) => self.launch_gang(index),
        }
    }

    /// The spec of an admitted job's pods: with the node labels and tolerations of its flavors.
    pub(super) fn admitted_spec(&self, of: Queued, spec: PodSpecId) -> PodSpecId {
        self.admitted_spec_of(of, MAIN, spec)
    }

    /// The same of one of its pod sets.
    pub(super) fn admitted_spec_of(&self, of: Queued, set: &str, spec: PodSpecId) -> PodSpecId {
        let Some(kueue) = &self.kueue else { return spec };
        let Some(id) = kueue.ids.get(&of) else { return spec };
        let names = &kueue.state.cache.names;
        let sets = kueue.state.workload(*id).admission.iter().flat_map(|admission| &admission.pod_sets);
        let sets = sets.filter(|of| *of.name == *set);
        let mut flavors: Vec<Arc<str>> =
            sets.flat_map(|set| &set.flavors).map(|(_, flavor)| Arc::clone(names.flavor_name(*flavor))).collect();
        flavors.sort();
        flavors.dedup();
        kueue.variants.get(&(spec, flavors)).copied().unwrap_or(spec)
    }

    /// How many pods of a Job may run at once: fewer than it wants where it was admitted in part.
    pub(super) fn admitted_parallelism(&self, workload: WorkloadId, wanted: u32) -> u32 {
        let Some(kueue) = &self.kueue else { return wanted };
        let Some(id) = kueue.ids.get(&Queued::Job(workload)) else { return wanted };
        let queued = kueue.state.workload(*id);
        let Some(set) = queued.admission.iter().flat_map(|admission| &admission.pod_sets).next() else { return wanted };
        let whole = queued.pod_sets.first().map_or(set.count, |set| set.count);
        if set.count < whole { wanted.min(set.count as u32) } else { wanted }
    }

    /// A job has to give its quota back: its pods end, and then the quota is free.
    fn hold_back(&mut self, id: QueuedId, reason: &str) {
        let Some(kueue) = &self.kueue else { return };
        let owner = kueue.owners[id.index()];
        let object = self.queued_object(id);
        let why = kueue.state.workload(id).evicted.as_ref().map_or("", |mark| mark.reason.name()).to_owned();
        let queue = kueue.queue_of(id);
        self.tally(1, |_| Tally::Evicted { queue, why });
        self.decide(Controller::Kueue, object, "Admitted", "Evicted", reason.to_owned());
        match owner {
            Queued::Job(workload) => self.job_changed(workload),
            Queued::Training(index) => self.gang_is_held(index),
        }
        self.kueue_sees_gone(owner);
    }

    /// Some pod of a job is gone: with the last one of an evicted job its quota is free.
    pub(super) fn kueue_sees_gone(&mut self, of: Queued) {
        let now = self.now;
        let Some(kueue) = &self.kueue else { return };
        let Some(id) = kueue.ids.get(&of).copied() else { return };
        let workload = kueue.state.workload(id);
        if workload.evicted.is_none() || workload.reserved.is_none() || self.has_pods(of) {
            return;
        }
        let Some(kueue) = &mut self.kueue else { return };
        let woken = kueue.state.release(id, now);
        kueue.queued_since[id.index()] = now;
        if let Some(at) = kueue.state.workload(id).requeue_at {
            self.events.push(at, Event::KueueReturns { queued: id.0 });
        }
        self.plan_wake(woken);
        self.plan_cycle();
    }

    fn has_pods(&self, of: Queued) -> bool {
        match of {
            Queued::Job(workload) => {
                let run = &self.workloads[workload.index()];
                !run.pods.is_empty() || !run.leaving.is_empty()
            }
            Queued::Training(index) => {
                let workload = self.scenario.training_jobs[index as usize].workload;
                let is_of_job = |pod: &PodId| {
                    let role = self.pods[pod.index()].role;
                    role == Role::Worker { job: index } || role == Role::Companion { job: index }
                };
                let stand = !self.gang_of(index).is_empty() || !self.jobs[index as usize].companions.is_empty();
                stand || self.workloads[workload.index()].leaving.iter().any(is_of_job)
            }
        }
    }

    /// A job is over: its quota is free at once, be its last pods still about.
    pub(super) fn kueue_sees_end(&mut self, of: Queued) {
        let Some(kueue) = &mut self.kueue else { return };
        let Some(id) = kueue.ids.get(&of).copied() else { return };
        let queue = kueue.queue_of(id);
        let woken = kueue.state.finish(id);
        kueue.said.remove(&id);
        self.tally(1, |_| Tally::Finished { queue });
        self.plan_wake(woken);
        self.plan_cycle();
    }

    /// Pods of a Job that will not be needed again give their part of the quota back.
    pub(super) fn kueue_sees_success(&mut self, workload: WorkloadId, still_wanted: u32) {
        let Some(kueue) = &mut self.kueue else { return };
        let Some(id) = kueue.ids.get(&Queued::Job(workload)).copied() else { return };
        let Some(count) = kueue.state.workload(id).pod_sets.first().map(|set| set.count) else { return };
        let spare = count - count.min(i32::try_from(still_wanted).unwrap_or(i32::MAX));
        if spare <= 0 || kueue.state.workload(id).reclaimable.iter().any(|(_, given)| *given >= spare) {
            return;
        }
        kueue.state.update(id, |workload| workload.reclaimable = vec![(MAIN.into(), spare)]);
        if let Some(queue) = kueue.state.cache.holder(id).map(|holder| holder.queue) {
            let tree = kueue.state.cache.tree_of(queue);
            self.plan_wake(tree);
        }
    }

    /// `waitForPodsReady`: the pods of an admitted job had to be ready by now.
    pub(super) fn kueue_timeout(&mut self, queued: u32, admission: u32) {
        let now = self.now;
        let id = QueuedId(queued);
        let Some(kueue) = &self.kueue else { return };
        let (wait, workload) = (kueue.state.wait_for_pods_ready, kueue.state.workload(id));
        let is_current = kueue.admissions[id.index()] == admission && kueue.may_run(id) && !workload.finished;
        let (Some(wait), true) = (wait, is_current) else { return };
        if self.are_ready(kueue.owners[id.index()]) {
            if let Some(kueue) = &mut self.kueue {
                let ready = PodsReady { ready: true, reason: "PodsReady".into(), at: now };
                kueue.state.update(id, |workload| workload.pods_ready = Some(ready));
            }
            return self.plan_cycle();
        }
        let Some(kueue) = &mut self.kueue else { return };
        let count = kueue.state.workload(id).requeue_count + 1;
        if wait.backoff_limit.is_some_and(|limit| count > limit) {
            kueue.state.evict(id, Eviction::Deactivated, now);
            kueue.state.update(id, |workload| workload.active = false);
            return self.hold_back(id, "its pods were not ready in time too often: it is given up");
        }
        let back_off = wait.backoff(count);
        kueue.state.evict(id, Eviction::PodsReadyTimeout, now);
        kueue.state.update(id, |workload| {
            workload.requeue_count = count;
            workload.requeue_at = Some(now + back_off);
        });
        self.hold_back(id, "PodsReadyTimeout");
    }

    /// Whether all pods that a job was admitted for run or have succeeded.
    fn are_ready(&self, of: Queued) -> bool {
        let runs = |pod: &PodId| self.cluster.pod(*pod).phase == PodPhase::Running && self.cluster.pod(*pod).ready;
        match of {
            Queued::Training(index) => {
                let gang = self.gang_of(index);
                !gang.is_empty() && gang.iter().all(runs)
            }
            Queued::Job(workload) => {
                let pods = &self.workloads[workload.index()].pods;
                pods.len() as u32 >= self.pods_at_work(workload) && pods.iter().all(runs)
            }
        }
    }

    /// A back-off is over.
    pub(super) fn kueue_returns(&mut self, queued: u32) {
        let now = self.now;
        let id = QueuedId(queued);
        let Some(kueue) = &mut self.kueue else { return };
        if kueue.state.workload(id).requeue_at.is_some_and(|at| at <= now) && !kueue.state.workload(id).finished {
            kueue.state.back_off_ends(id, now);
            kueue.queued_since[id.index()] = now;
            self.plan_cycle();
        }
    }

    /// For the audit: what is used of a quota is what those that hold it were given, and never more than there is.
    pub(super) fn audit_kueue(&self) -> Result<(), String> {
        let Some(kueue) = &self.kueue else { return Ok(()) };
        kueue.state.cache.audit()?;
        for (id, owner) in kueue.state.ids().zip(&kueue.owners) {
            let workload = kueue.state.workload(id);
            if workload.admission.is_none() && !workload.finished && self.has_pods(*owner) {
                return Err(format!("{} has pods without quota", workload.key));
            }
        }
        Ok(())
    }
}
