//! A training job's way through its phases.
//!
//! The caller starts it when all its workers run, moves it on with [`TrainingJob::advance`] at or before each
//! [`TrainingJob::next_change`], and interrupts it when a worker is lost. Progress is in millionths of a step and
//! times are whole nanoseconds, so how often it is advanced changes nothing.

use std::sync::Arc;

use rand_pcg::Pcg64Mcg;

use super::copies::{Copies, Mark, Tier};
use super::{Epochs, Pace, Phase, StepRate, TrainingOptions, UsageFractions};
use crate::units::{SimDuration, SimTime};

/// One job: its work, what is done of it, and the phase it is in.
#[derive(Clone, Debug)]
pub struct TrainingJob {
    options: Arc<TrainingOptions>,
    rng: Pcg64Mcg,
    epochs: Epochs,
    /// Which of them it is in.
    epoch: usize,
    /// Where it has to stop for now, in millionths of a step.
    limit: i64,
    /// Done at `since`.
    done: i64,
    copies: Copies,
    phase: Phase,
    since: SimTime,
    until: SimTime,
    /// When the epoch that ends at `until` counts as ended: the option's rounding may put it a little before.
    epoch_ends: Option<SimTime>,
    /// Speed of the placement, without stragglers and jitter.
    pace: Pace,
    straggling: f64,
    /// The most of its full speed that its data come at.
    fed: f64,
    /// Those of its workers, ascending.
    nodes: Arc<[u32]>,
    /// Speed in this stretch of compute.
    rate: StepRate,
    /// Compute time since the last save (or start) by tier, up to `since`.
    computed: [SimDuration; 3],
    /// What is being saved, and how long the save then goes on beside the steps.
    saving: (Tier, SimDuration),
    /// When the present jitter factor is redrawn, in compute time from `since`.
    jitter_left: SimDuration,
    jitter: f64,
    totals: TrainingTotals,
}

/// What a job has spent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrainingTotals {
    pub starts: u32,
    pub checkpoints: u32,
    pub load: SimDuration,
    pub compute: SimDuration,
    pub checkpoint: SimDuration,
    /// Its turn was over.
    pub idle: SimDuration,
    /// Millionths of steps that had to be done again.
    pub lost_micro_steps: i64,
    /// Compute time whose steps were lost.
    pub lost: SimDuration,
    /// Compute time, of steps that were kept, that stragglers and jitter cost.
    pub slow: SimDuration,
    /// Compute time, of steps that were kept, that waiting for data cost.
    pub data: SimDuration,
}

/// What an interruption cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Millionths of steps since the last checkpoint.
    pub micro_steps: i64,
}

impl TrainingJob {
    /// A waiting job. `rng` should be its own stream.
    pub fn new(epochs: Epochs, options: Arc<TrainingOptions>, rng: Pcg64Mcg) -> TrainingJob {
        TrainingJob {
            options,
            rng,
            epochs,
            epoch: 0,
            limit: i64::MAX,
            done: 0,
            copies: Copies::default(),
            phase: Phase::Waiting,
            since: SimTime::ZERO,
            until: SimTime::MAX,
            epoch_ends: None,
            pace: StepRate::default().into(),
            straggling: 1.0,
            fed: f64::INFINITY,
            nodes: Arc::default(),
            rate: StepRate::default(),
            computed: [SimDuration::ZERO; 3],
            saving: (Tier::Remote, SimDuration::ZERO),
            jitter_left: SimDuration::ZERO,
            jitter: 1.0,
            totals: TrainingTotals::default(),
        }
    }

    /// Where its workers are, before they start: the nodes, ascending, and the most of its full speed that its data come at.
    pub fn place(&mut self, nodes: Arc<[u32]>, fed: f64) {
        (self.nodes, self.fed) = (nodes, fed);
    }

    /// All workers run: loading begins at `now`, from the last checkpoint where there is one.
    ///
    /// `pace` is the speed of this placement; a job that is not waiting ignores the call.
    pub fn start(&mut self, now: SimTime, pace: impl Into<Pace>, workers: u32) {
        self.start_after(now, SimDuration::ZERO, pace, workers);
    }

    /// As [`start`](Self::start), where something has to be done before loading begins; that is part of it.
    pub fn start_after(&mut self, now: SimTime, delay: SimDuration, pace: impl Into<Pace>, workers: u32) {
        if self.phase != Phase::Waiting {
            return;
        }
        self.totals.starts += 1;
        self.pace = pace.into();
        let found = self.take_up();
        self.epoch = self.epochs.after(self.done);
        self.straggling = self.options.variability.draw_stragglers(workers, &mut self.rng);
        self.computed = [SimDuration::ZERO; 3];
        self.jitter_left = SimDuration::ZERO;
        let options = Arc::clone(&self.options);
        let near = found.and_then(|tier| options.phases.checkpoint.tiers.get(tier)).and_then(|near| near.load.as_ref());
        let load = near.unwrap_or(&options.phases.load.duration).sample(&mut self.rng);
        self.enter(Phase::Load, now, now + delay + load);
        self.advance(now);
    }

    /// Goes on from the best of the copies that lie on its nodes, where that is no older than the one in remote storage.
    fn take_up(&mut self) -> Option<Tier> {
        let tiers = &self.options.phases.checkpoint.tiers;
        if tiers.is_empty() {
            return None;
        }
        let bears = |tier: Tier| tiers.get(tier).map_or(0, |near| near.copies as usize - 1);
        let (tier, mark) = self.copies.find(&self.nodes, bears)?;
        if mark.done > self.done {
            self.totals.lost_micro_steps -= mark.done - self.done;
            self.return_to(mark);
        }
        Some(tier)
    }

    fn mark(&self) -> Mark {
        let TrainingTotals { compute, lost, slow, data, .. } = self.totals;
        Mark { done: self.done, kept: compute - lost, slow, data }
    }

    /// What is done is what was done then, and all compute time beyond is lost.
    fn return_to(&mut self, mark: Mark) {
        self.done = mark.done;
        self.totals.lost = self.totals.compute - mark.kept;
        (self.totals.slow, self.totals.data) = (mark.slow, mark.data);
    }

    /// A copy of a tier is made: with it one of each nearer tier, and those that it makes needless begin to count anew.
    fn saved(&mut self, at: SimTime) {
        self.totals.checkpoints += 1;
        let (tier, background) = self.saving;
        let mark = self.mark();
        for near in Tier::NEAR.into_iter().filter(|near| *near <= tier) {
            if self.options.phases.checkpoint.tiers.get(near).is_some() {
                self.copies.save_near(near, mark, &self.nodes);
            }
        }
        if tier == Tier::Remote {
            self.copies.save(mark, at, at + background);
        }
        self.computed[..=tier as usize].fill(SimDuration::ZERO);
    }

    /// The next save, and the compute time left before it; of two at once the farther.
    fn next_save(&self) -> (Tier, SimDuration) {
        let mut next = (Tier::Remote, SimDuration::MAX);
        for tier in Tier::ALL.into_iter().rev() {
            let mut left = self.save_left(tier);
            if let (Tier::Remote, Some((written, _))) = (tier, self.copies.writing()) {
                left = left.max(written.since(self.since));
            }
            if left < next.1 {
                next = (tier, left);
            }
        }
        next
    }

    /// Compute time left before a tier's next save is due.
    fn save_left(&self, tier: Tier) -> SimDuration {
        match self.interval(tier) {
            SimDuration::ZERO => SimDuration::MAX,
            interval => (interval - self.computed[tier as usize]).max(SimDuration::ZERO),
        }
    }

    fn interval(&self, tier: Tier) -> SimDuration {
        self.options.phases.checkpoint.interval_of(tier, self.nodes.len())
    }

    fn begin_save(&mut self, tier: Tier, at: SimTime) {
        let options = Arc::clone(&self.options);
        let checkpoint = &options.phases.checkpoint;
        let pause = checkpoint.pause_of(tier).sample(&mut self.rng);
        let background = match tier {
            Tier::Remote => checkpoint.background.sample(&mut self.rng),
            _ => SimDuration::ZERO,
        };
        self.saving = (tier, background);
        self.enter(Phase::Checkpoint, at, at + pause);
    }

    /// Passes every phase change at or before `now`.
    pub fn advance(&mut self, now: SimTime) {
        while self.until <= now && self.until < SimTime::MAX {
            let at = self.epoch_ends.unwrap_or(self.until);
            self.settle(at);
            match self.phase {
                Phase::Load => self.compute_from(at),
                Phase::Compute if self.epoch_ends.is_some() => {
                    self.done = self.epochs.end_of(self.epoch);
                    self.epoch = self.epochs.after(self.done);
                    if self.done >= self.epochs.total() {
                        self.enter(Phase::Complete, at, SimTime::MAX);
                    } else {
                        self.compute_from(at);
                    }
                }
                Phase::Compute if self.done >= self.limit => self.enter(Phase::Idle, at, SimTime::MAX),
                Phase::Compute => match self.next_save() {
                    (tier, SimDuration::ZERO) => self.begin_save(tier, at),
                    _ => self.compute_from(at),
                },
                Phase::Checkpoint => {
                    self.saved(at);
                    self.compute_from(at);
                }
                Phase::Waiting | Phase::Idle | Phase::Complete => break,
            }
        }
    }

    /// From `now` on it makes so many more steps and then waits, holding what it has; `None`: no limit.
    pub fn allow(&mut self, now: SimTime, steps: Option<i64>) {
        self.advance(now);
        if matches!(self.phase, Phase::Compute | Phase::Idle) {
            self.settle(now);
        }
        self.limit = steps.map_or(i64::MAX, |steps| self.done.saturating_add(steps.saturating_mul(1_000_000)));
        if matches!(self.phase, Phase::Compute | Phase::Idle) {
            self.compute_from(now);
        }
    }

    /// A worker is lost at `now`: the job waits again, back at its last checkpoint. `None` where nothing ran, or the
    /// job had completed by then.
    pub fn interrupt(&mut self, now: SimTime) -> Option<Lost> {
        self.advance(now);
        if matches!(self.phase, Phase::Waiting | Phase::Complete) {
            return None;
        }
        self.settle(now);
        let mark = self.copies.fall_back(now);
        let lost = Lost { micro_steps: self.done - mark.done };
        if lost.micro_steps > 0 {
            self.totals.lost_micro_steps += lost.micro_steps;
            self.return_to(mark);
        } else {
            self.copies.keep(self.mark());
        }
        self.enter(Phase::Waiting, now, SimTime::MAX);
        Some(lost)
    }

    /// A worker was told to end at `now`, within `grace`: the job saves once more, and the caller interrupts it when the
    /// time that is returned has passed. `None` where it has nothing to save, or no time for that.
    pub fn save_before_end(&mut self, now: SimTime, grace: SimDuration) -> Option<SimDuration> {
        self.advance(now);
        if !self.options.phases.checkpoint.on_termination {
            return None;
        }
        match self.phase {
            Phase::Checkpoint if self.saving.0 == Tier::Remote => {
                let takes = Some(self.until.since(now) + self.saving.1).filter(|left| *left <= grace)?;
                self.saving.1 = SimDuration::ZERO;
                self.until = now + takes;
                Some(takes)
            }
            Phase::Compute | Phase::Idle | Phase::Checkpoint => {
                self.settle(now);
                self.copies.take_in(now);
                if self.done == self.copies.remote().done {
                    return None;
                }
                let checkpoint = &self.options.phases.checkpoint;
                let takes = match self.copies.writing().filter(|(_, done)| *done == self.done) {
                    Some((written, _)) => written.since(now),
                    None => checkpoint.duration.sample(&mut self.rng) + checkpoint.background.sample(&mut self.rng),
                };
                if takes > grace {
                    return None;
                }
                self.saving = (Tier::Remote, SimDuration::ZERO);
                self.enter(Phase::Checkpoint, now, now + takes);
                Some(takes)
            }
            Phase::Waiting | Phase::Load | Phase::Complete => None,
        }
    }

    /// The next instant at which the job changes phase or speed; [`SimTime::MAX`] where it never does by itself.
    pub fn next_change(&self) -> SimTime {
        self.until
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Fractions of its requests that each of its pods uses now.
    pub fn usage(&self) -> UsageFractions {
        self.options.phases.usage(self.phase)
    }

    pub fn is_complete(&self) -> bool {
        self.phase == Phase::Complete
    }

    /// When it completed, once it has.
    pub fn completed_at(&self) -> Option<SimTime> {
        self.is_complete().then_some(self.since)
    }

    /// When it would complete if nothing interrupted it, all draws included; [`SimTime::MAX`] while it waits or where
    /// its speed is zero. Costs one visit of each phase still to come.
    #[cfg(test)]
    pub fn completes_at(&self) -> SimTime {
        let mut ahead = self.clone();
        while ahead.until < SimTime::MAX {
            ahead.advance(ahead.until);
        }
        ahead.completed_at().unwrap_or(SimTime::MAX)
    }

    /// How long what is not saved yet will take at a speed, loading and saves included, draws left out.
    pub fn time_left(&self, pace: &Pace) -> SimDuration {
        let load = self.options.phases.load.duration.mean();
        load + self.with_saves(self.epochs.time_left(self.copies.remote().done, pace), |tier| self.interval(tier))
    }

    /// Which epoch it is in, from 0.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// When it will end if nothing interrupts it, at the present speed; [`SimTime::MAX`] while it waits.
    pub fn expected_end(&self, now: SimTime) -> SimTime {
        let left = self.epochs.time_left(self.micro_steps_at(now), &self.pace);
        match self.phase {
            Phase::Waiting => SimTime::MAX,
            Phase::Complete => self.since,
            Phase::Compute | Phase::Idle => now + self.with_saves(left, |tier| self.save_left(tier)),
            Phase::Load | Phase::Checkpoint => self.until + self.with_saves(left, |tier| self.interval(tier)),
        }
    }

    /// Compute time with the saves that fall into it, the first of each tier after `first`. Those that fall together with one of a
    /// farther tier are counted all the same.
    fn with_saves(&self, compute: SimDuration, first: impl Fn(Tier) -> SimDuration) -> SimDuration {
        let mut all = compute;
        for tier in Tier::ALL {
            let (interval, first) = (self.interval(tier), first(tier));
            if interval == SimDuration::ZERO || compute <= first || compute == SimDuration::MAX {
                continue;
            }
            let saves = 1 + ((compute - first).nanos() - 1) / interval.nanos();
            all += self.options.phases.checkpoint.pause_of(tier).mean() * saves;
        }
        all
    }

    /// Millionths of steps done at `now`, which must not lie beyond [`next_change`](Self::next_change).
    pub fn micro_steps_at(&self, now: SimTime) -> i64 {
        let made = if self.phase == Phase::Compute { self.rate.steps_in(now.since(self.since)) } else { 0 };
        let most = self.epochs.end_of(self.epoch).min(self.limit.max(self.done));
        self.done.saturating_add(made).min(most)
    }

    pub fn total_micro_steps(&self) -> i64 {
        self.epochs.total()
    }

    /// Millionths of steps that an interruption would not lose.
    #[cfg(test)]
    pub fn saved_micro_steps(&self) -> i64 {
        self.copies.remote().done
    }

    /// The present speed: zero unless it computes.
    pub fn rate(&self) -> StepRate {
        if self.phase == Phase::Compute { self.rate } else { StepRate::default() }
    }

    /// What it spent up to its last change of phase or speed.
    pub fn totals(&self) -> &TrainingTotals {
        &self.totals
    }

    /// What it has spent up to `now`.
    pub fn totals_at(&self, now: SimTime) -> TrainingTotals {
        let mut settled = self.clone();
        settled.settle(now);
        settled.totals
    }

    /// Books the time since `since`.
    fn settle(&mut self, at: SimTime) {
        let span = at.since(self.since);
        match self.phase {
            Phase::Load => self.totals.load += span,
            Phase::Compute => {
                self.totals.compute += span;
                self.done = self.micro_steps_at(at);
                self.computed.iter_mut().for_each(|computed| *computed += span);
                let (steady, kept) = ((self.straggling * self.jitter).min(1.0), self.pace.kept(self.epoch));
                let factor = steady * kept;
                let slow = if factor < 1.0 { span.mul_f64(1.0 - factor) } else { SimDuration::ZERO };
                self.totals.slow += slow;
                if self.fed < steady {
                    self.totals.data += span.mul_f64((steady - self.fed) * kept).min(span - slow);
                }
                self.jitter_left = self.jitter_left - span;
            }
            Phase::Checkpoint => self.totals.checkpoint += span,
            Phase::Idle => self.totals.idle += span,
            Phase::Waiting | Phase::Complete => {}
        }
        self.since = at;
    }

    fn enter(&mut self, phase: Phase, at: SimTime, until: SimTime) {
        self.phase = phase;
        self.since = at;
        self.until = until;
        self.epoch_ends = None;
    }

    /// Begins a stretch of compute at one speed.
    fn compute_from(&mut self, at: SimTime) {
        if self.jitter_left <= SimDuration::ZERO {
            (self.jitter, self.jitter_left) = self.options.variability.draw_jitter(&mut self.rng);
        }
        let factor = (self.straggling * self.jitter).min(self.fed);
        let placed = self.pace.at(self.epoch);
        self.rate = match factor {
            1.0 => placed,
            factor => StepRate::from_steps_per_second(placed.as_f64() * factor),
        };
        let end = self.epochs.end_of(self.epoch);
        if self.done >= self.limit {
            return self.enter(Phase::Idle, at, SimTime::MAX);
        }
        let left = self.rate.time_for(end.min(self.limit) - self.done);
        let pause = self.next_save().1.min(self.jitter_left);
        self.enter(Phase::Compute, at, at + left.min(pause));
        if end <= self.limit && left <= pause && left < SimDuration::MAX {
            let ends = nearest(at + left, self.options.epoch_rounding).max(at);
            (self.until, self.epoch_ends) = (ends.max(at + left), Some(ends));
        }
    }
}

/// The multiple of `unit` that is nearest to an instant; the instant itself where the unit is zero.
fn nearest(at: SimTime, unit: SimDuration) -> SimTime {
    match unit.nanos() {
        0 => at,
        unit => SimTime::from_nanos((at.nanos() + unit / 2).div_euclid(unit) * unit),
    }
}

#[cfg(test)]
mod tests;
