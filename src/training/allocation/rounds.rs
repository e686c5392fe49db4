//! Rounds, as Gavel's scheduler has them ("Heterogeneity-Aware Cluster Scheduling Policies for Deep Learning Workloads", OSDI
//! 2020; stanford-futuredata/gavel, commit c4fa400, `scheduler/scheduler.py` in simulation mode).
//!
//! A policy gives each job a share of time on each GPU model. In every round the jobs run that have had least of their
//! share; each makes as many whole steps as fit into the round, and the next begins when the last of them has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decide, Decision, Job, Places, Share, Snapshot};
use crate::training::placement::Placement;
use crate::training::take;
use crate::units::{SimDuration, SimTime};

/// Rounds, and how often shares are worked out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RoundOptions {
    /// The most that a round takes. Default: 6m.
    pub interval: SimDuration,
    /// Shares are worked out at the start of a round when a job came or left, and at least this much after the last time. Default: 32m.
    pub recompute: SimDuration,
}

impl Default for RoundOptions {
    fn default() -> RoundOptions {
        RoundOptions { interval: SimDuration::from_secs(360), recompute: SimDuration::from_secs(1920) }
    }
}

impl RoundOptions {
    pub(super) fn validate(&self) -> Result<(), (&'static str, String)> {
        if self.recompute.is_negative() || self.recompute > SimDuration::from_mins(24 * 60) {
            return Err(("recompute", "must be from 0s to 24h".to_owned()));
        }
        Ok(())
    }
}

/// What jobs compete for: GPUs of each model.
pub struct Competition<'s> {
    pub now: SimTime,
    /// In order of arrival.
    pub jobs: &'s [Job<'s>],
    /// GPUs by model.
    pub capacity: Vec<f64>,
}

impl Competition<'_> {
    /// Steps a second of a job on all its GPUs of a model; 0 where it can't run there.
    pub fn rate(&self, job: &Job<'_>, kind: usize) -> f64 {
        job.rates.get(kind).map_or(0.0, |rate| rate.as_f64())
    }

    pub fn rates(&self, job: &Job<'_>) -> Vec<f64> {
        (0..self.capacity.len()).map(|kind| self.rate(job, kind)).collect()
    }

    pub fn all(&self) -> f64 {
        self.capacity.iter().sum()
    }
}

/// GPUs of all its workers.
pub fn gpus(job: &Job<'_>) -> f64 {
    (job.gang.each[3] * i64::from(job.gang.workers)) as f64
}

/// How shares are worked out.
pub trait Rule: Debug + Default + Clone {
    /// Jobs without a share do not run.
    const STRICT: bool = false;

    /// For each job the part of its time on each GPU model.
    fn shares(&mut self, of: &Competition<'_>) -> Vec<Vec<f64>>;
}

/// A job's part in a round.
#[derive(Clone, Debug)]
struct Turn {
    job: u32,
    kind: usize,
    ends: SimTime,
}

/// Rounds under a rule.
#[derive(Clone, Debug)]
pub struct Rounds<R> {
    options: RoundOptions,
    rule: R,
    /// By job, as last worked out.
    shares: BTreeMap<u32, Vec<f64>>,
    /// Seconds on each GPU model since then; each begins with half a round.
    time: BTreeMap<u32, Vec<f64>>,
    /// What a job was owed, over all computations before.
    deficit: BTreeMap<u32, Vec<f64>>,
    computed: SimTime,
    known: BTreeSet<u32>,
    is_stale: bool,
    turns: Vec<Turn>,
    /// When the round before ended.
    ended: SimTime,
}

impl<R: Rule> Rounds<R> {
    pub fn new(options: RoundOptions) -> Rounds<R> {
        Rounds {
            options,
            rule: R::default(),
            shares: BTreeMap::new(),
            time: BTreeMap::new(),
            deficit: BTreeMap::new(),
            computed: SimTime::ZERO,
            known: BTreeSet::new(),
            is_stale: false,
            turns: Vec::new(),
            ended: SimTime::ZERO,
        }
    }

    /// Books the round that is over. True if jobs ran in it.
    fn book(&mut self, now: SimTime) -> bool {
        let turns = std::mem::take(&mut self.turns);
        for turn in &turns {
            let span = turn.ends.min(now).since(self.ended).as_secs_f64();
            if let Some(time) = self.time.get_mut(&turn.job).and_then(|time| time.get_mut(turn.kind)) {
                *time += span;
            }
        }
        if !turns.is_empty() {
            self.ended = now;
        }
        !turns.is_empty()
    }

    fn compute(&mut self, of: &Competition<'_>) {
        let since = of.now.since(self.computed).as_secs_f64();
        let start = self.options.interval.as_secs_f64() / 2.0;
        let mut deficit = BTreeMap::new();
        for (job, shares) in &self.shares {
            let had = self.time.get(job);
            let mut owed = self.deficit.remove(job).unwrap_or_else(|| vec![0.0; shares.len()]);
            for (kind, owed) in owed.iter_mut().enumerate() {
                let had = had.and_then(|time| time.get(kind)).map_or(0.0, |time| time - start);
                *owed += shares.get(kind).copied().unwrap_or(0.0) * since - had;
            }
            deficit.insert(*job, owed);
        }
        self.deficit = deficit;
        let shares = self.rule.shares(of);
        self.shares = of.jobs.iter().map(|job| job.gang.job).zip(shares).collect();
        let time = vec![start; of.capacity.len()];
        self.time = self.shares.keys().map(|job| (*job, time.clone())).collect();
        (self.computed, self.is_stale) = (of.now, false);
    }

    /// Which jobs run in the round, on which GPU model.
    fn choose<'j>(&self, of: &Competition<'j>) -> Vec<(&'j Job<'j>, usize)> {
        let kinds = of.capacity.len();
        let speed = |kind: &usize| of.jobs.iter().map(|job| of.rate(job, *kind)).sum::<f64>();
        let mut order: Vec<usize> = (0..kinds).collect();
        order.sort_by(|a, b| speed(b).total_cmp(&speed(a)).then(a.cmp(b)));
        let mut chosen: Vec<(&Job<'_>, usize)> = Vec::new();
        let mut taken = BTreeSet::new();
        for kind in order {
            let value = |of: &BTreeMap<u32, Vec<f64>>, job: u32| {
                of.get(&job).and_then(|by_kind| by_kind.get(kind)).copied().unwrap_or(0.0)
            };
            let all: f64 = self.time.values().filter_map(|time| time.get(kind)).sum();
            let mut queue: Vec<(&Job<'_>, [f64; 3])> = of
                .jobs
                .iter()
                .filter(|job| self.shares.contains_key(&job.gang.job))
                .map(|job| {
                    let (share, time) = (value(&self.shares, job.gang.job), value(&self.time, job.gang.job));
                    let priority = if time > 0.0 { share * all / time } else { 0.0 };
                    (job, [priority, value(&self.deficit, job.gang.job), share])
                })
                .collect();
            queue.sort_by(|(_, a), (_, b)| {
                b.iter()
                    .zip(a)
                    .map(|(b, a)| b.total_cmp(a))
                    .find(|order| order.is_ne())
                    .unwrap_or(std::cmp::Ordering::Equal)
            });
            let mut left = of.capacity[kind];
            for (job, [_, _, share]) in queue {
                let may = of.rate(job, kind) > 0.0 && !(R::STRICT && share <= 0.0) && gpus(job) <= left;
                if may && taken.insert(job.gang.job) {
                    left -= gpus(job);
                    chosen.push((job, kind));
                }
            }
        }
        chosen
    }
}

/// Who ran on that model before stays where it is; the others are placed, the largest first.
fn place(snapshot: &Snapshot<'_>, chosen: &[(&Job<'_>, usize)]) -> BTreeMap<u32, Places> {
    let mut nodes = snapshot.nodes.clone();
    let mut places = BTreeMap::new();
    let stays = |job: &Job<'_>, kind: usize| {
        !job.places.is_empty() && job.places.iter().all(|(node, _)| snapshot.nodes[*node].kind as usize == kind)
    };
    for (job, _) in chosen.iter().filter(|(job, kind)| stays(job, *kind)) {
        for (node, workers) in &job.places {
            take(&mut nodes[*node].free, &job.gang.each, *workers, 1);
        }
        places.insert(job.gang.job, job.places.clone());
    }
    let mut rest: Vec<&(&Job<'_>, usize)> = chosen.iter().filter(|(job, kind)| !stays(job, *kind)).collect();
    rest.sort_by_key(|(job, _)| std::cmp::Reverse(job.gang.workers));
    for (job, kind) in rest {
        let eligible = snapshot.eligible.get(job.gang.class).map_or(&[][..], Vec::as_slice);
        let on_kind: Vec<bool> =
            nodes.iter().zip(eligible).map(|(node, may)| *may && node.kind as usize == *kind).collect();
        if let Some(mut of_job) = Placement::Packed.place(&nodes, &on_kind, job.gang) {
            of_job.sort_unstable();
            for (node, workers) in &of_job {
                take(&mut nodes[*node].free, &job.gang.each, *workers, 1);
            }
            places.insert(job.gang.job, of_job);
        }
    }
    places
}

impl<R: Rule> Decide for Rounds<R> {
    fn decide(&mut self, snapshot: &Snapshot<'_>) -> Decision {
        let now = snapshot.now;
        let ran = self.book(now);
        let known: BTreeSet<u32> = snapshot.jobs.iter().map(|job| job.gang.job).collect();
        if known != self.known {
            self.is_stale = true;
            self.known = known;
        }
        let kinds = snapshot.nodes.iter().map(|node| node.kind as usize + 1).max().unwrap_or(0);
        let mut capacity = vec![0.0; kinds];
        for node in &snapshot.nodes {
            capacity[node.kind as usize] += node.free[3].max(0) as f64;
        }
        let of = Competition { now, jobs: &snapshot.jobs, capacity };
        let is_due = self.computed == SimTime::ZERO || now.since(self.computed) >= self.options.recompute;
        let is_idle = !ran && !snapshot.more_to_come;
        if self.is_stale && (is_due || is_idle) {
            self.compute(&of);
        }
        let mut chosen = self.choose(&of);
        if chosen.is_empty() && self.is_stale && !snapshot.more_to_come {
            // Nothing runs, and nobody comes to change that.
            self.compute(&of);
            chosen = self.choose(&of);
        }
        let mut places = place(snapshot, &chosen);
        let round = self.options.interval.as_secs_f64();
        let mut shares = Vec::with_capacity(snapshot.jobs.len());
        for (job, kind) in chosen {
            let Some(of_job) = places.remove(&job.gang.job) else { continue };
            let rate = of.rate(job, kind);
            let steps = ((rate * round).floor() as i64).max(1).min(job.steps_left);
            let ends = now + SimDuration::from_secs_f64(steps as f64 / rate);
            self.turns.push(Turn { job: job.gang.job, kind, ends });
            let share = self.shares.get(&job.gang.job).and_then(|shares| shares.get(kind)).copied().unwrap_or(0.0);
            let reason =
                format!("{steps} steps in this round; its share of time on this GPU model is {:.1} %", share * 100.0);
            shares.push(Share { job: job.gang.job, places: of_job, steps: Some(steps), reason });
        }
        let ran: BTreeSet<u32> = shares.iter().map(|share| share.job).collect();
        for job in snapshot.jobs.iter().filter(|job| !ran.contains(&job.gang.job)) {
            let reason = if self.shares.contains_key(&job.gang.job) {
                "others have had less of their share"
            } else {
                "it has no share yet"
            };
            shares.push(Share { job: job.gang.job, places: Vec::new(), steps: None, reason: reason.to_owned() });
        }
        Decision { shares }
    }
}
