//! How fast a training job is: where it stands, and as policies see it beforehand.

use std::sync::Arc;

use super::world::World;
use crate::cluster::{ClusterView, NodeId, NodeShape, label};
use crate::load::training::{Configuration, ModelProfile, Pace, StepRate};
use crate::training::Gang;
use crate::training::allocation::{Allocation, Job, Places};
use crate::units::SimDuration;

/// Most workers of an elastic job whose policy sets no bound.
const MOST_ELASTIC: u32 = 1024;

impl World<'_> {
    /// What was measured of the job's model, where that is more than one speed.
    pub(super) fn profile(&self, job: u32) -> Option<&ModelProfile> {
        let training = self.scenario.training.as_ref()?;
        training.profiles.0.get(&*self.scenario.training_jobs[job as usize].model)
    }

    /// Speed of the job where its workers are: that of the slowest GPU model among them.
    pub(super) fn placed_pace(&self, job: u32) -> Pace {
        let spec = &self.scenario.training_jobs[job as usize];
        if let Some(pace) = &spec.course {
            return pace.clone();
        }
        if let Some(rate) = spec.fixed_rate {
            return rate.into();
        }
        let training = self.scenario.training.as_ref().expect("jobs come with a table");
        let nodes: Vec<NodeId> =
            self.jobs[job as usize].workers.iter().filter_map(|pod| self.cluster.pod(*pod).node).collect();
        if let Some(profile) = self.profile(job) {
            let placement = ring(&nodes, spec.num_gpus / spec.workers);
            let allocation = training.discipline.and_then(|discipline| discipline.allocation);
            if allocation.is_some_and(|allocation| allocation.tunes_batch()) {
                return profile.best_pace(&placement);
            }
            return profile.pace(&placement, spec.batch_size.unwrap_or(profile.limits.base));
        }
        let consolidated = training.options.ignore_spread || nodes.iter().all(|node| *node == nodes[0]);
        let gpus = nodes.len() as u32 * (spec.num_gpus / spec.workers);
        let rate = |node: &NodeId| {
            let gpu = self.cluster.node_view(*node).and_then(|node| node.label(label::GPU_PRODUCT)).unwrap_or("");
            self.rate_on(job, gpu, gpus, consolidated)
        };
        nodes.iter().map(rate).min().unwrap_or_default().into()
    }

    /// Speed on GPUs of a model, as measured; zero where it was not.
    fn rate_on(&self, job: u32, gpu: &str, num_gpus: u32, consolidated: bool) -> StepRate {
        let spec = &self.scenario.training_jobs[job as usize];
        let Some(training) = &self.scenario.training else { return StepRate::default() };
        let (model, batch_size) = (&*spec.model, spec.batch_size);
        let asked = Configuration { model, batch_size, gpu, num_gpus, consolidated };
        training.throughputs.step_rate(&asked, training.options.beyond_measured).ok().flatten().unwrap_or_default()
    }

    /// On the GPU model on which so many are fastest.
    fn best_rate(&self, job: u32, num_gpus: u32) -> StepRate {
        let spec = &self.scenario.training_jobs[job as usize];
        let Some(training) = &self.scenario.training else { return StepRate::default() };
        let gpus = training.throughputs.gpus_of(&spec.model, spec.batch_size);
        gpus.iter().map(|gpu| self.rate_on(job, gpu, num_gpus, true)).max().unwrap_or_default()
    }

    /// What is left to do, at the best speed that was measured: what a queue can know of a gang that waits.
    pub(super) fn remaining_time(&self, job: u32) -> SimDuration {
        let spec = &self.scenario.training_jobs[job as usize];
        let progress = &self.jobs[job as usize].progress;
        if let Some(profile) = self.profile(job) {
            let placement = ModelProfile::packed(spec.num_gpus, self.most_gpus_of_a_node());
            return progress.time_left(&profile.pace(&placement, spec.batch_size.unwrap_or(profile.limits.base)));
        }
        let rate = spec.fixed_rate.unwrap_or_else(|| self.best_rate(job, spec.num_gpus));
        progress.time_left(&rate.into())
    }

    /// Of the node that has most of them; 8 where there is none yet.
    fn most_gpus_of_a_node(&self) -> u32 {
        let gpu = self.cluster.specs.nvidia_gpu();
        let of = |shape: &NodeShape| gpu.map_or(0, |gpu| shape.allocatable.extended(gpu));
        let most = self.cluster.node_views().map(|node| of(node.shape)).max();
        most.and_then(|most| u32::try_from(most).ok()).filter(|most| *most > 0).unwrap_or(8)
    }

    /// Works out how fast an elastic job is with how many workers, once.
    pub(super) fn measure_elastic(&mut self, job: u32, allocation: &Allocation) {
        if self.jobs[job as usize].step_seconds.is_some() {
            return;
        }
        let spec = &self.scenario.training_jobs[job as usize];
        let (_, most) = self.elastic_bounds(job, allocation);
        let each = spec.num_gpus / spec.workers;
        let on_a_node = self.most_gpus_of_a_node();
        let seconds = |workers: u32| {
            let gpus = workers * each;
            if let Some(profile) = self.profile(job) {
                let batch = spec.batch_size.unwrap_or(profile.limits.base);
                return profile.step_seconds(&ModelProfile::packed(gpus, on_a_node), profile.split(gpus, batch));
            }
            let rate = self.best_rate(job, gpus).as_f64();
            if rate > 0.0 { 1.0 / rate } else { f64::INFINITY }
        };
        let all: Arc<[f64]> = (1..=most).map(seconds).collect();
        self.jobs[job as usize].step_seconds = Some(all);
    }

    /// The fewest and the most workers that an elastic policy may give the job.
    fn elastic_bounds(&self, job: u32, allocation: &Allocation) -> (u32, u32) {
        let spec = &self.scenario.training_jobs[job as usize];
        let elastic = self.scenario.training.as_ref().and_then(|training| training.elastic);
        let (mut least, mut most) = match (elastic, self.profile(job)) {
            (Some(elastic), _) => (elastic.min_workers, elastic.max_workers),
            (None, Some(_)) => (1, u32::MAX),
            (None, None) => (spec.workers, spec.workers),
        };
        if let Some(profile) = self.profile(job) {
            let (limits, each) = (profile.limits, (spec.num_gpus / spec.workers).max(1));
            let batch = spec.batch_size.unwrap_or(limits.base);
            let batch = if allocation.tunes_batch() { limits.most } else { batch };
            let most_gpus = (batch / limits.per_gpu.0.max(1)).clamp(1, limits.gpus).min(MOST_ELASTIC);
            most = most.min((most_gpus / each).max(1));
            least = least.min(most);
        }
        (least.max(1), most.max(1))
    }

    /// The job as a policy sees it.
    pub(super) fn job_to_share<'a>(
        &'a self,
        gang: &'a Gang,
        places: Places,
        allocation: &Allocation,
        kinds: &[String],
    ) -> Job<'a> {
        let job = gang.job;
        let (spec, run) = (&self.scenario.training_jobs[job as usize], &self.jobs[job as usize]);
        let rates = match (allocation.is_in_rounds(), spec.fixed_rate) {
            (false, _) => Vec::new(),
            (true, Some(rate)) => vec![rate; kinds.len()],
            (true, None) => kinds.iter().map(|gpu| self.rate_on(job, gpu, spec.num_gpus, true)).collect(),
        };
        let left = run.progress.total_micro_steps() - run.progress.micro_steps_at(self.now);
        let steps_left = match self.profile(job) {
            Some(profile) => {
                profile.steps_left(spec.batch_size.unwrap_or(profile.limits.base), run.progress.epoch()).round() as i64
            }
            None => (left + 999_999) / 1_000_000,
        };
        let step_seconds = run.step_seconds.as_deref().unwrap_or_default();
        let least = if allocation.is_elastic() { self.elastic_bounds(job, allocation).0 } else { gang.workers };
        let profile = self.profile(job).map(|profile| (&*spec.model, profile, run.progress.epoch()));
        let restarts = run.progress.totals().starts.saturating_sub(1);
        Job { gang, places, steps_left, rates, step_seconds, least, profile, restarts }
    }
}

/// GPUs of each node, in the order in which the workers come to it: they exchange gradients in a ring.
fn ring(nodes: &[NodeId], gpus_each: u32) -> Vec<u32> {
    let mut ring: Vec<(NodeId, u32)> = Vec::new();
    for node in nodes {
        match ring.iter_mut().rev().find(|(of, _)| of == node) {
            Some((_, gpus)) => *gpus += gpus_each,
            None => ring.push((*node, gpus_each)),
        }
    }
    ring.into_iter().map(|(_, gpus)| gpus).collect()
}
