//! A training job's way through its phases.
//!
//! The caller starts it when all its workers run, moves it on with [`TrainingJob::advance`] at or before each
//! [`TrainingJob::next_change`], and interrupts it when a worker is lost. Progress is in millionths of a step and
//! times are whole nanoseconds, so how often it is advanced changes nothing.

use std::sync::Arc;

use rand_pcg::Pcg64Mcg;

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
    /// Done at `since`, and saved by the last checkpoint.
    done: i64,
    saved: i64,
    phase: Phase,
    since: SimTime,
    until: SimTime,
    /// When the epoch that ends at `until` counts as ended: the option's rounding may put it a little before.
    epoch_ends: Option<SimTime>,
    /// Speed of the placement, without stragglers and jitter.
    pace: Pace,
    straggling: f64,
    /// Speed in this stretch of compute.
    rate: StepRate,
    /// Compute time since the last checkpoint (or start), up to `since`.
    computed: SimDuration,
    /// When the present jitter factor is redrawn, in compute time from `since`.
    jitter_left: SimDuration,
    jitter: f64,
    /// Of `computed`, what stragglers and jitter cost.
    slow: SimDuration,
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
            saved: 0,
            phase: Phase::Waiting,
            since: SimTime::ZERO,
            until: SimTime::MAX,
            epoch_ends: None,
            pace: StepRate::default().into(),
            straggling: 1.0,
            rate: StepRate::default(),
            computed: SimDuration::ZERO,
            jitter_left: SimDuration::ZERO,
            jitter: 1.0,
            slow: SimDuration::ZERO,
            totals: TrainingTotals::default(),
        }
    }

    /// All workers run: loading begins at `now`, from the last checkpoint where there is one.
    ///
    /// `pace` is the speed of this placement; a job that is not waiting ignores the call.
    pub fn start(&mut self, now: SimTime, pace: impl Into<Pace>, workers: u32) {
        if self.phase != Phase::Waiting {
            return;
        }
        self.totals.starts += 1;
        self.pace = pace.into();
        self.epoch = self.epochs.after(self.done);
        self.straggling = self.options.variability.draw_stragglers(workers, &mut self.rng);
        (self.computed, self.slow) = (SimDuration::ZERO, SimDuration::ZERO);
        self.jitter_left = SimDuration::ZERO;
        let load = self.options.phases.load.duration.sample(&mut self.rng);
        self.enter(Phase::Load, now, now + load);
        self.advance(now);
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
                Phase::Compute if self.checkpoint_left() == SimDuration::ZERO => {
                    let pause = self.options.phases.checkpoint.duration.sample(&mut self.rng);
                    self.enter(Phase::Checkpoint, at, at + pause);
                }
                Phase::Compute => self.compute_from(at),
                Phase::Checkpoint => {
                    self.totals.checkpoints += 1;
                    self.saved = self.done;
                    (self.computed, self.slow) = (SimDuration::ZERO, SimDuration::ZERO);
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
        let lost = Lost { micro_steps: self.done - self.saved };
        self.totals.lost_micro_steps += lost.micro_steps;
        if lost.micro_steps > 0 {
            self.totals.lost += self.computed;
            self.totals.slow = self.totals.slow - self.slow;
        }
        (self.computed, self.slow) = (SimDuration::ZERO, SimDuration::ZERO);
        self.done = self.saved;
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
            Phase::Checkpoint => Some(self.until.since(now)).filter(|left| *left <= grace),
            Phase::Compute | Phase::Idle => {
                self.settle(now);
                if self.done == self.saved {
                    return None;
                }
                let pause = self.options.phases.checkpoint.duration.sample(&mut self.rng);
                if pause > grace {
                    return None;
                }
                self.enter(Phase::Checkpoint, now, now + pause);
                Some(pause)
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
        let phases = &self.options.phases;
        let load = phases.load.duration.mean();
        load + self.with_saves(self.epochs.time_left(self.saved, pace), phases.checkpoint.interval)
    }

    /// Which epoch it is in, from 0.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// When it will end if nothing interrupts it, at the present speed; [`SimTime::MAX`] while it waits.
    pub fn expected_end(&self, now: SimTime) -> SimTime {
        let left = self.epochs.time_left(self.micro_steps_at(now), &self.pace);
        let first_save = self.checkpoint_left();
        match self.phase {
            Phase::Waiting => SimTime::MAX,
            Phase::Complete => self.since,
            Phase::Compute | Phase::Idle => now + self.with_saves(left, first_save),
            Phase::Load | Phase::Checkpoint => {
                self.until + self.with_saves(left, self.options.phases.checkpoint.interval)
            }
        }
    }

    /// Compute time with the saves that fall into it, the first of them after `first`.
    fn with_saves(&self, compute: SimDuration, first: SimDuration) -> SimDuration {
        let (interval, pause) =
            (self.options.phases.checkpoint.interval, self.options.phases.checkpoint.duration.mean());
        if interval == SimDuration::ZERO || compute <= first || compute == SimDuration::MAX {
            return compute;
        }
        let saves = 1 + ((compute - first).nanos() - 1) / interval.nanos();
        compute + pause * saves
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
        self.saved
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
                self.computed += span;
                let factor = (self.straggling * self.jitter).min(1.0) * self.pace.kept(self.epoch);
                let slow = if factor < 1.0 { span.mul_f64(1.0 - factor) } else { SimDuration::ZERO };
                self.slow += slow;
                self.totals.slow += slow;
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

    /// Compute time left before the next checkpoint.
    fn checkpoint_left(&self) -> SimDuration {
        match self.options.phases.checkpoint.interval {
            SimDuration::ZERO => SimDuration::MAX,
            interval => (interval - self.computed).max(SimDuration::ZERO),
        }
    }

    /// Begins a stretch of compute at one speed.
    fn compute_from(&mut self, at: SimTime) {
        if self.jitter_left <= SimDuration::ZERO {
            (self.jitter, self.jitter_left) = self.options.variability.draw_jitter(&mut self.rng);
        }
        let factor = self.straggling * self.jitter;
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
        let pause = self.checkpoint_left().min(self.jitter_left);
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::random::stream;

    const AT: fn(i64) -> SimTime = SimTime::from_secs;

    fn job(yaml: &str, steps: u64) -> TrainingJob {
        let options: TrainingOptions = serde_saphyr::from_str(yaml).unwrap();
        options.validate().unwrap();
        TrainingJob::new(Epochs::steps(steps), Arc::new(options), stream(1, "training-job", 0))
    }

    /// 10 s to load, a save of 5 s after every 100 s of compute.
    const PLAIN: &str = "{phases: {load: {duration: 10s}, checkpoint: {interval: 100s, duration: 5s}}}";

    #[test]
    fn a_job_loads_computes_saves_and_completes() {
        let mut job = job(PLAIN, 500);
        job.start(AT(50), StepRate::from_steps_per_second(2.0), 1);
        let mut seen = Vec::new();
        while job.next_change() < SimTime::MAX {
            seen.push((job.phase(), job.next_change()));
            job.advance(job.next_change());
        }
        let expected = [
            (Phase::Load, AT(60)),
            (Phase::Compute, AT(160)),
            (Phase::Checkpoint, AT(165)),
            (Phase::Compute, AT(265)),
            (Phase::Checkpoint, AT(270)),
            (Phase::Compute, AT(320)),
        ];
        assert_eq!(seen, expected);
        assert_eq!(job.completed_at(), Some(AT(320)));
        assert_eq!(job.totals().checkpoints, 2);
        assert_eq!(job.totals().compute, SimDuration::from_secs(250));
        assert_eq!(job.micro_steps_at(AT(999)), 500_000_000);
    }

    #[test]
    fn an_interruption_falls_back_to_the_last_save_and_the_job_resumes_from_there() {
        let mut job = job(PLAIN, 500);
        job.start(AT(0), StepRate::from_steps_per_second(2.0), 1);
        assert_eq!(job.completes_at(), AT(270));
        let lost = job.interrupt(AT(150)).unwrap();
        assert_eq!(lost.micro_steps, 70_000_000);
        assert_eq!((job.phase(), job.saved_micro_steps()), (Phase::Waiting, 200_000_000));
        assert_eq!(job.interrupt(AT(160)), None);
        job.start(AT(200), StepRate::from_steps_per_second(4.0), 1);
        assert_eq!(job.completes_at(), AT(285));
        job.advance(AT(300));
        assert!(job.is_complete());
        assert_eq!(job.totals().lost_micro_steps, 70_000_000);
    }

    #[test]
    fn a_save_that_was_cut_short_does_not_count() {
        let mut job = job(PLAIN, 500);
        job.start(AT(0), StepRate::from_steps_per_second(2.0), 1);
        assert_eq!(job.interrupt(AT(112)).unwrap().micro_steps, 200_000_000);
    }

    #[test]
    fn a_job_that_is_told_to_end_saves_once_more_where_that_fits_into_the_grace_period() {
        let told = |yaml: &str, at: i64, grace: i64| {
            let mut job = job(yaml, 500);
            job.start(AT(0), StepRate::from_steps_per_second(2.0), 1);
            let save = job.save_before_end(AT(at), SimDuration::from_secs(grace));
            let lost = job.interrupt(AT(at) + save.unwrap_or(SimDuration::ZERO)).unwrap();
            (save.map(|save| save.nanos() / 1_000_000_000), lost.micro_steps)
        };
        assert_eq!(told(PLAIN, 50, 5), (Some(5), 0));
        assert_eq!(told(PLAIN, 50, 4), (None, 80_000_000));
        // The save from 110 s to 115 s is under way.
        assert_eq!(told(PLAIN, 112, 5), (Some(3), 0));
        // It still loads.
        assert_eq!(told(PLAIN, 5, 30), (None, 0));
        let deaf =
            "{phases: {load: {duration: 10s}, checkpoint: {interval: 100s, duration: 5s, onTermination: false}}}";
        assert_eq!(told(deaf, 50, 30), (None, 80_000_000));
    }

    #[test]
    fn without_checkpoints_all_is_lost_and_without_speed_nothing_ends() {
        let mut job = job("{phases: {load: {duration: 0s}, checkpoint: {interval: 0s}}}", 500);
        job.start(AT(0), StepRate::from_steps_per_second(0.0), 1);
        assert_eq!((job.phase(), job.completes_at()), (Phase::Compute, SimTime::MAX));
        job.interrupt(AT(10));
        job.start(AT(10), StepRate::from_steps_per_second(1.0), 1);
        assert_eq!(job.completes_at(), AT(510));
        assert_eq!(job.interrupt(AT(400)).unwrap().micro_steps, 390_000_000);
    }

    #[test]
    fn each_epoch_has_its_speed_and_ends_on_the_whole_second_where_that_is_asked_for() {
        let run = |rounding: &str| {
            let yaml = format!(
                "{{epochRounding: {rounding}, phases: {{load: {{duration: 0s}}, checkpoint: {{interval: 0s}}}}}}"
            );
            let options: TrainingOptions = serde_saphyr::from_str(&yaml).unwrap();
            let epochs = Epochs::ending(vec![10_400_000, 20_000_000]).unwrap();
            let mut job = TrainingJob::new(epochs, Arc::new(options), stream(1, "training-job", 0));
            let rates = [1.0, 3.0].map(StepRate::from_steps_per_second);
            job.start(AT(0), Pace::by_epoch(rates), 1);
            let first = job.next_change();
            job.advance(first);
            (first, job.epoch(), job.completes_at(), job.totals_at(first).compute)
        };
        let exact = (SimTime::from_secs_f64(10.4), 1, SimTime::from_secs_f64(13.6), SimDuration::from_millis(10_400));
        assert_eq!(run("0s"), exact);
        // Seen when it happens, counted from the whole second before; 9.6 steps more take 3.2 s, which is 3 s.
        let (first, epoch, ends, compute) = run("1s");
        assert_eq!((first, epoch, ends), (SimTime::from_secs_f64(10.4), 1, AT(13)));
        assert_eq!(compute, SimDuration::from_millis(10_400));
    }

    #[test]
    fn a_job_whose_turn_is_over_holds_what_it_has_until_the_next() {
        let mut job = job("{phases: {load: {duration: 0s}, checkpoint: {interval: 0s}}}", 100);
        job.allow(AT(0), Some(7));
        job.start(AT(0), StepRate::from_steps_per_second(3.0), 1);
        job.advance(AT(100));
        assert_eq!(
            (job.phase(), job.micro_steps_at(AT(100)), job.next_change()),
            (Phase::Idle, 7_000_000, SimTime::MAX)
        );
        job.allow(AT(100), Some(3));
        assert_eq!(job.next_change(), AT(101));
        job.advance(AT(101));
        job.allow(AT(110), None);
        assert_eq!((job.completes_at(), job.totals().idle.as_secs_f64().round()), (AT(140), 107.0));
        assert_eq!(job.interrupt(AT(120)).unwrap().micro_steps, 40_000_000);
    }

    #[test]
    fn a_pods_usage_varies_by_phase() {
        let mut job = job(PLAIN, 500);
        assert_eq!(job.usage(), UsageFractions::ZERO);
        job.start(AT(0), StepRate::from_steps_per_second(2.0), 1);
        let loading = job.usage();
        job.advance(AT(50));
        let computing = job.usage();
        job.advance(AT(112));
        assert!(loading.gpu < computing.gpu && job.usage().gpu < computing.gpu);
        assert_ne!(job.usage(), loading);
    }

    #[test]
    fn one_straggler_slows_the_whole_gang() {
        let slow = "{phases: {load: {duration: 0s}, checkpoint: {interval: 0s}}, variability: {stragglers: {probability: 0.2, slowdown: 2}}}";
        let ends = |entity, workers| {
            let options: TrainingOptions = serde_saphyr::from_str(slow).unwrap();
            let mut job = TrainingJob::new(Epochs::steps(100), Arc::new(options), stream(1, "training-job", entity));
            job.start(AT(0), StepRate::from_steps_per_second(1.0), workers);
            job.completes_at()
        };
        let slowed = |workers| (0..1000).filter(|entity| ends(*entity, workers) == AT(200)).count();
        assert!((150..250).contains(&slowed(1)), "{}", slowed(1));
        assert!((790..870).contains(&slowed(8)), "{}", slowed(8));
    }

    proptest! {
        #[test]
        fn how_often_a_job_is_advanced_changes_nothing(
            steps in 1..3_000u64, rate in 0.1..20.0f64, visits in proptest::collection::vec(1..600i64, 0..60), cut in 1..2_000i64,
        ) {
            let yaml = "{phases: {load: {duration: {exponential: {mean: 20s}}}, checkpoint: {interval: 97s, duration: {uniform: {min: 1s, max: 9s}}}}, variability: {jitter: {sigma: 0.2, every: 31s}}}";
            let rate = StepRate::from_steps_per_second(rate);
            let (mut once, mut often) = (job(yaml, steps), job(yaml, steps));
            once.start(AT(0), rate, 4);
            often.start(AT(0), rate, 4);
            prop_assert_eq!(once.completes_at(), often.completes_at());
            let mut at = 0;
            for visit in visits {
                at += visit;
                if at < cut {
                    often.advance(AT(at));
                    prop_assert!(often.micro_steps_at(AT(at)) >= often.saved_micro_steps());
                }
            }
            prop_assert_eq!(once.interrupt(AT(cut)), often.interrupt(AT(cut)));
            once.start(AT(cut + 5), rate, 4);
            often.start(AT(cut + 5), rate, 4);
            prop_assert_eq!(once.completes_at(), often.completes_at());
            prop_assert_eq!(once.totals(), often.totals());
        }
    }
}
