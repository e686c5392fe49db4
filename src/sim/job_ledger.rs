//! Where a training job's time goes, from its arrival to its end: the parts add up to the whole, to the nanosecond.

use super::records::{Attempt, JobTimes};
use crate::cluster::NodeId;
use crate::load::training::TrainingTotals;
use crate::units::{SimDuration, SimTime};

/// What the job does, as far as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its gang has no nodes.
    Queued,
    /// It has, and containers are on their way: images, start.
    Starting,
    /// All workers run.
    Running,
    /// A worker has gone silent, and the others wait for it.
    Stalled,
    Over,
}

#[derive(Clone, Debug)]
pub(super) struct JobLedger {
    stage: Stage,
    since: SimTime,
    queued: SimDuration,
    starting: SimDuration,
    running: SimDuration,
    stalled: SimDuration,
    /// Of the time queued, that in which a node for it was on its way.
    pub provision: SimDuration,
    pub attempts: Vec<Attempt>,
}

impl JobLedger {
    pub fn new(now: SimTime) -> JobLedger {
        let [queued, starting, running, stalled, provision] = [SimDuration::ZERO; 5];
        JobLedger { stage: Stage::Queued, since: now, queued, starting, running, stalled, provision, attempts: vec![] }
    }

    pub fn enter(&mut self, stage: Stage, now: SimTime) {
        let span = now - self.since;
        match self.stage {
            Stage::Queued => self.queued += span,
            Stage::Starting => self.starting += span,
            Stage::Running => self.running += span,
            Stage::Stalled => self.stalled += span,
            Stage::Over => {}
        }
        if self.stage != stage && matches!(stage, Stage::Queued | Stage::Over) {
            let ends = if stage == Stage::Over { "Completed" } else { "Interrupted" };
            if let Some(attempt) = self.attempts.last_mut().filter(|attempt| attempt.ended.is_none()) {
                (attempt.ended, attempt.reason) = (Some(now), ends);
            }
        }
        (self.stage, self.since) = (stage, now);
    }

    /// The gang has its nodes.
    pub fn placed(&mut self, gpus: u32, nodes: Vec<NodeId>, instances: impl Fn(NodeId) -> u32, now: SimTime) {
        let queued = self.since;
        self.enter(Stage::Starting, now);
        let mut nodes: Vec<u32> = nodes.into_iter().map(instances).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let (started, ended, reason) = (None, None, "Running");
        self.attempts.push(Attempt { queued, placed: now, started, ended, reason, gpus, nodes });
    }

    /// All workers run.
    pub fn runs(&mut self, now: SimTime) {
        self.enter(Stage::Running, now);
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.started = Some(now);
        }
    }

    /// Up to now, with what the job itself knows of the time in which all its workers ran.
    pub fn times(&self, totals: &TrainingTotals, now: SimTime) -> JobTimes {
        let mut up_to_now = self.clone();
        up_to_now.enter(self.stage, now);
        let JobLedger { queued, starting, running, stalled, .. } = up_to_now;
        let provision = self.provision.min(queued);
        let spent = totals.lost + totals.slow + totals.load + totals.checkpoint + totals.idle + totals.data;
        JobTimes {
            queue: queued - provision,
            provision,
            image: starting,
            load: totals.load,
            checkpoint: totals.checkpoint,
            lost: totals.lost,
            detect: stalled,
            straggler: totals.slow,
            turn: totals.idle,
            data: totals.data,
            goodput: running - spent,
        }
    }
}
