//! Workers to spare: one takes the place of a worker that is lost, and the gang goes on from a copy of its state without
//! leaving its nodes.

use super::job_ledger::Stage;
use super::world::World;
use crate::cluster::PodId;
use crate::units::random::stream;

impl World<'_> {
    /// Whether the gang goes on with its spare workers in the place of those that are lost. They have to be enough, and all others
    /// at work.
    pub(super) fn spares_step_in(&mut self, job: u32, lost: &[PodId], cause: &'static str) -> bool {
        let now = self.now;
        let run = &mut self.jobs[job as usize];
        let count = lost.len() as u32;
        let are_there = run.held_since.is_some() && run.saving.is_empty() && run.running as usize == run.workers.len();
        // Others may have gone silent with them.
        let others_are_well = run.silent.iter().all(|pod| lost.contains(pod));
        if count == 0 || run.spares < count || !are_there || !others_are_well {
            return false;
        }
        run.interrupt(now, cause);
        run.stalled = false;
        run.silent.clear();
        run.generation += 1;
        run.spares -= count;
        run.running -= count;
        run.workers.retain(|worker| !lost.contains(worker));
        self.stop_holding(job);
        self.gang_goes_without(job, lost);
        self.jobs[job as usize].ledger.enter(Stage::Queued, now);
        let workers = self.gang_of(job);
        let placed: Vec<_> = workers.iter().filter_map(|pod| Some((*pod, self.cluster.pod(*pod).node?))).collect();
        self.gang_is_placed(job, &placed);
        let Some(training) = &self.scenario.training else { return false };
        let starts = self.jobs[job as usize].progress.totals().starts;
        let mut draws = stream(self.seed, "spare-swap", u64::from(job) << 32 | u64::from(starts));
        let after = training.options.swap.sample(&mut draws);
        self.gang_computes(job, after);
        for pod in lost {
            if self.cluster.pod(*pod).deletion.is_none() {
                self.delete_pod(*pod, "GangRestarted");
            }
        }
        true
    }

    /// A gang scheduler's books: what the lost workers held is not the gang's any more.
    fn gang_goes_without(&mut self, job: u32, lost: &[PodId]) {
        let nodes: Vec<_> = lost.iter().filter_map(|pod| self.cluster.pod(*pod).node).collect();
        let Some(placed) = self.gang_queue.as_mut().and_then(|queue| queue.running.get_mut(&job)) else { return };
        for node in nodes {
            if let Some((_, count)) = placed.nodes.iter_mut().find(|(of, _)| *of == node) {
                *count = count.saturating_sub(1);
            }
        }
        placed.nodes.retain(|(_, count)| *count > 0);
    }
}
