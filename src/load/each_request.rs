//! A service request by request: every one has its instant, its size, its pod and its answer.
//!
//! Each goes to the ready pod with the fewest in work, and stands in one line while all their places are taken. Those in
//! one pod share what it has. Nothing is estimated here; what is drawn is drawn from streams of the service's own.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;

use rand::RngExt;
use rand_distr::{Distribution as _, Exp1, Gamma};
use rand_pcg::Pcg64Mcg;
use rustc_hash::FxHashMap;

use super::latency::Histogram;
use super::queueing::Latency;
use super::service::{QueueSpec, RequestCost};
use crate::units::{GpuMilli, Millicores, SimDuration, SimTime};

/// One request of a log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    pub at: SimTime,
    /// In proportion to one that takes what [`RequestCost`] says.
    pub size: f64,
}

/// Where requests come from.
#[derive(Clone, Debug)]
pub enum Arrivals {
    /// A log, ascending by time; and which comes next.
    Logged(Arc<[Request]>, usize),
    /// At random: a Poisson process at the rate of the demand.
    Drawn(Box<Drawn>),
}

/// Requests that are drawn.
#[derive(Clone, Debug)]
pub struct Drawn {
    gaps: Pcg64Mcg,
    sizes: Pcg64Mcg,
    law: SizeLaw,
    /// What is left of the gap to the next request, in requests: it shrinks at the rate of the demand, so that neither
    /// when that changes nor how often somebody looks shifts a draw.
    ahead: f64,
}

#[derive(Clone, Debug)]
enum SizeLaw {
    Alike,
    Gamma(Gamma<f64>),
    Quantiles(Arc<[f64]>),
}

impl Drawn {
    /// Sizes are drawn from `quantiles` where there are any, else gamma-distributed with the cost's variation.
    pub fn new(mut gaps: Pcg64Mcg, sizes: Pcg64Mcg, cost: &RequestCost, quantiles: &Arc<[f64]>) -> Drawn {
        let variance = cost.variation * cost.variation;
        let law = match Gamma::new(1.0 / variance, variance) {
            _ if !quantiles.is_empty() => SizeLaw::Quantiles(Arc::clone(quantiles)),
            Ok(gamma) if variance > 0.0 => SizeLaw::Gamma(gamma),
            _ => SizeLaw::Alike,
        };
        let ahead = Exp1.sample(&mut gaps);
        Drawn { gaps, sizes, law, ahead }
    }

    fn size(&mut self) -> f64 {
        match &self.law {
            SizeLaw::Alike => 1.0,
            SizeLaw::Gamma(gamma) => gamma.sample(&mut self.sizes),
            SizeLaw::Quantiles(sizes) => sizes[self.sizes.random_range(0..sizes.len())],
        }
    }
}

/// A place where requests are worked on.
#[derive(Clone, Debug)]
struct Server {
    key: u32,
    cores: f64,
    gpus: f64,
    /// It takes no new requests; it goes when its last one ends.
    is_closed: bool,
    /// Up to here, in seconds, its work is done, and so much of a request of size one each in it has had.
    at: f64,
    progress: f64,
    /// By the progress at which they end: when each came.
    inside: BinaryHeap<Reverse<(Ordered, u64, Ordered)>>,
    /// Voids ends that were planned for an older state.
    generation: u32,
    /// Work since the last look, in requests of size one.
    done: f64,
}

/// A time or a progress: a number that is never NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}
impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Ordered) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ordered {
    fn cmp(&self, other: &Ordered) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// What is offered to the requests of one pod from now on.
#[derive(Clone, Copy, Debug)]
pub struct ServerOffer {
    /// Which pod.
    pub key: u32,
    pub cpu: Millicores,
    pub gpu: GpuMilli,
}

/// What became of a pod that is not offered any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaver {
    /// It takes nothing new and works off what it has.
    WorksOff,
    /// It is gone with all that was in it.
    Gone,
}

/// What happened between two looks, in requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Happened {
    pub arrived: u64,
    /// Taken up by a pod.
    pub taken: u64,
    /// Without an answer: too late, without room in the line, or sent to a dead machine.
    pub dropped: u64,
    /// Of those taken up, now or earlier, that went with their pod.
    pub lost: u64,
    /// The most that stood in line at one time.
    pub line_max: u64,
    /// For how many seconds somebody stood in line.
    pub behind: f64,
}

/// Spans of the trailing minute that metrics are of.
const SPAN: f64 = 5.0;
const SPANS: usize = 12;

/// The requests of one service.
#[derive(Clone, Debug)]
pub struct EachRequest {
    cost: RequestCost,
    timeout: f64,
    most_in_line: f64,
    arrivals: Arrivals,
    /// Which of the ready pods a request is sent to that cannot tell the dead ones.
    chance: Pcg64Mcg,
    servers: Vec<Server>,
    /// Where the pods in use stand among the servers.
    by_key: FxHashMap<u32, usize>,
    free: Vec<usize>,
    /// Places that take requests, the emptiest first: requests in it, position.
    open: BTreeSet<(u32, usize)>,
    ends: BinaryHeap<Reverse<(Ordered, usize, u32)>>,
    line: VecDeque<(f64, f64)>,
    /// Orders those that would end together.
    taken: u64,
    answered: Histogram,
    /// The last spans: arrivals, and latencies of answers. The youngest is the last.
    recent: VecDeque<(u64, Histogram)>,
    span_ends: f64,
    started: f64,
}

fn seconds(at: SimTime) -> f64 {
    at.nanos() as f64 / 1e9
}

impl EachRequest {
    pub fn new(
        cost: RequestCost,
        queue: &QueueSpec,
        arrivals: Arrivals,
        chance: Pcg64Mcg,
        now: SimTime,
    ) -> EachRequest {
        EachRequest {
            cost,
            timeout: queue.timeout.map_or(f64::INFINITY, SimDuration::as_secs_f64),
            most_in_line: queue.max_length.map_or(f64::INFINITY, |most| most.as_f64()),
            arrivals,
            chance,
            servers: Vec::new(),
            by_key: FxHashMap::default(),
            free: Vec::new(),
            open: BTreeSet::new(),
            ends: BinaryHeap::new(),
            line: VecDeque::new(),
            taken: 0,
            answered: Histogram::default(),
            recent: VecDeque::from([(0, Histogram::default())]),
            span_ends: seconds(now) + SPAN,
            started: seconds(now),
        }
    }

    /// Requests of size one that each of `inside` requests gets done a second.
    fn speed(cost: &RequestCost, cores: f64, gpus: f64, inside: usize) -> f64 {
        let time = |each: SimDuration, has: f64, most: u32| match each.nanos() {
            0 => 0.0,
            nanos => nanos as f64 / 1e9 / (has / inside.max(1) as f64).min(f64::from(most)),
        };
        1.0 / time(cost.cpu, cores, cost.cores).max(time(cost.gpu, gpus, cost.gpus))
    }

    /// The pods from now on. What was in one that is not among them goes as `leaves` says.
    pub fn set_servers(&mut self, now: SimTime, offers: &[ServerOffer], leaves: impl Fn(u32) -> Leaver) -> Happened {
        let now = seconds(now);
        let mut happened = Happened::default();
        let known: Vec<Option<usize>> = offers.iter().map(|offer| self.by_key.get(&offer.key).copied()).collect();
        let mut is_offered = vec![false; self.servers.len()];
        known.iter().flatten().for_each(|index| is_offered[*index] = true);
        for (index, is_offered) in is_offered.into_iter().enumerate() {
            if self.servers[index].generation == u32::MAX {
                continue;
            }
            match is_offered {
                true => {}
                false if leaves(self.servers[index].key) == Leaver::Gone => {
                    happened.lost += self.servers[index].inside.len() as u64;
                    self.remove(index);
                }
                false => {
                    self.open.remove(&(self.servers[index].inside.len() as u32, index));
                    self.servers[index].is_closed = true;
                    if self.servers[index].inside.is_empty() {
                        self.remove(index);
                    }
                }
            }
        }
        for (offer, known) in offers.iter().zip(known) {
            let (cores, gpus) = (offer.cpu.get() as f64 / 1000.0, offer.gpu.0 as f64 / 1000.0);
            let index = known.unwrap_or_else(|| self.add(offer.key, now));
            let server = &self.servers[index];
            if known.is_none() || (server.cores, server.gpus, server.is_closed) != (cores, gpus, false) {
                self.work_until(index, now);
                let server = &mut self.servers[index];
                (server.cores, server.gpus, server.is_closed) = (cores, gpus, false);
                self.open.remove(&(self.servers[index].inside.len() as u32, index));
                self.offer_places(index);
                self.plan_end(index);
            }
        }
        self.take_from_line(now, &mut happened);
        happened
    }

    fn add(&mut self, key: u32, now: f64) -> usize {
        let generation = 0;
        let server = Server {
            key,
            cores: 0.0,
            gpus: 0.0,
            is_closed: false,
            at: now,
            progress: 0.0,
            inside: BinaryHeap::new(),
            generation,
            done: 0.0,
        };
        let index = self.free.pop().unwrap_or(self.servers.len());
        if index == self.servers.len() {
            self.servers.push(server);
        } else {
            self.servers[index] = server;
        }
        self.by_key.insert(key, index);
        index
    }

    /// Its ends in the heap are void from now on: nobody has that generation.
    fn remove(&mut self, index: usize) {
        self.open.remove(&(self.servers[index].inside.len() as u32, index));
        self.ends.retain(|Reverse((_, of, _))| *of != index);
        self.by_key.remove(&self.servers[index].key);
        self.servers[index].inside.clear();
        self.servers[index].generation = u32::MAX;
        self.free.push(index);
    }

    /// Whether it can take one more, and get anything done at all.
    fn offer_places(&mut self, index: usize) {
        let server = &self.servers[index];
        let inside = server.inside.len() as u32;
        let can = Self::speed(&self.cost, server.cores, server.gpus, inside as usize + 1) > 0.0;
        if !server.is_closed && inside < self.cost.concurrency && can {
            self.open.insert((inside, index));
        }
    }

    fn work_until(&mut self, index: usize, now: f64) {
        let server = &mut self.servers[index];
        let inside = server.inside.len();
        if inside > 0 && now > server.at {
            let each = (now - server.at) * Self::speed(&self.cost, server.cores, server.gpus, inside);
            server.progress += each;
            server.done += each * inside as f64;
        }
        server.at = server.at.max(now);
    }

    fn plan_end(&mut self, index: usize) {
        let server = &mut self.servers[index];
        server.generation += 1;
        let Some(Reverse((Ordered(first), ..))) = server.inside.peek() else { return };
        let speed = Self::speed(&self.cost, server.cores, server.gpus, server.inside.len());
        if speed > 0.0 {
            let end = server.at + (first - server.progress).max(0.0) / speed;
            self.ends.push(Reverse((Ordered(end), index, server.generation)));
        }
    }

    /// Goes through all that happens before `to`. A part `dead / (dead + ready)` of what comes is sent to machines that
    /// have stopped, and lost.
    pub fn advance(&mut self, from: SimTime, to: SimTime, rate_milli: i64, dead: usize) -> Happened {
        let (from, to) = (seconds(from), seconds(to));
        let mut happened = Happened { line_max: self.line.len() as u64, ..Happened::default() };
        let rate = rate_milli.max(0) as f64 / 1000.0;
        let mut now = from;
        loop {
            let arrival = self.next_arrival(now, rate);
            while let Some(Reverse((_, index, generation))) = self.ends.peek().copied() {
                if self.servers[index].generation == generation {
                    break;
                }
                self.ends.pop();
            }
            let end = self.ends.peek().map_or(f64::INFINITY, |Reverse((end, ..))| end.0);
            let next = arrival.min(end);
            let until = next.min(to);
            if !self.line.is_empty() {
                happened.behind += self.time_in_line(now, until);
            }
            self.pass(now, until, rate);
            now = now.max(until);
            self.roll_spans(now);
            if next >= to {
                return happened;
            }
            if end <= arrival {
                let Some(Reverse((_, index, _))) = self.ends.pop() else { return happened };
                self.end_one(index, now);
                self.take_from_line(now, &mut happened);
            } else {
                self.arrive(now, dead, &mut happened);
            }
            happened.line_max = happened.line_max.max(self.line.len() as u64);
        }
    }

    /// For how long of a span somebody stood in line: until the last of them has waited too long.
    fn time_in_line(&self, now: f64, until: f64) -> f64 {
        let last = self.line.back().map_or(now, |(came, _)| came + self.timeout);
        (until.min(last) - now).max(0.0)
    }

    /// When the next request comes, should the demand stay as it is.
    fn next_arrival(&self, now: f64, rate: f64) -> f64 {
        match &self.arrivals {
            Arrivals::Logged(log, next) => log.get(*next).map_or(f64::INFINITY, |request| seconds(request.at).max(now)),
            Arrivals::Drawn(drawn) if rate > 0.0 => now + drawn.ahead / rate,
            Arrivals::Drawn(_) => f64::INFINITY,
        }
    }

    fn pass(&mut self, from: f64, to: f64, rate: f64) {
        if let Arrivals::Drawn(drawn) = &mut self.arrivals {
            drawn.ahead = (drawn.ahead - (to - from) * rate).max(0.0);
        }
    }

    fn arrive(&mut self, now: f64, dead: usize, happened: &mut Happened) {
        let size = match &mut self.arrivals {
            Arrivals::Logged(log, next) => {
                *next += 1;
                log[*next - 1].size
            }
            Arrivals::Drawn(drawn) => {
                drawn.ahead = Exp1.sample(&mut drawn.gaps);
                drawn.size()
            }
        };
        happened.arrived += 1;
        if let Some(span) = self.recent.back_mut() {
            span.0 += 1;
        }
        if dead > 0 {
            let takes = |server: &&Server| !server.is_closed && server.generation != u32::MAX;
            let ready = self.servers.iter().filter(takes).count();
            if self.chance.random_range(0..dead + ready) < dead {
                happened.dropped += 1;
                return;
            }
        }
        self.drop_late(now, happened);
        if self.line.is_empty() && !self.open.is_empty() {
            self.take(now, size, now, happened);
        } else if (self.line.len() as f64) < self.most_in_line {
            self.line.push_back((now, size));
        } else {
            happened.dropped += 1;
        }
    }

    fn drop_late(&mut self, now: f64, happened: &mut Happened) {
        while self.line.front().is_some_and(|(came, _)| now - came > self.timeout) {
            self.line.pop_front();
            happened.dropped += 1;
        }
    }

    fn take_from_line(&mut self, now: f64, happened: &mut Happened) {
        self.drop_late(now, happened);
        while !self.open.is_empty()
            && let Some((came, size)) = self.line.pop_front()
        {
            self.take(came, size, now, happened);
        }
    }

    /// The emptiest pod takes it up.
    fn take(&mut self, came: f64, size: f64, now: f64, happened: &mut Happened) {
        let Some((_, index)) = self.open.pop_first() else { return };
        happened.taken += 1;
        self.work_until(index, now);
        self.taken += 1;
        let server = &mut self.servers[index];
        let alone = Self::speed(&self.cost, server.cores, server.gpus, 1);
        if alone.is_infinite() {
            self.answer(now - came);
            self.offer_places(index);
            return;
        }
        server.inside.push(Reverse((Ordered(server.progress + size), self.taken, Ordered(came))));
        self.offer_places(index);
        self.plan_end(index);
    }

    fn end_one(&mut self, index: usize, now: f64) {
        self.work_until(index, now);
        let before = self.servers[index].inside.len() as u32;
        let Some(Reverse((_, _, Ordered(came)))) = self.servers[index].inside.pop() else { return };
        self.answer(now - came);
        self.open.remove(&(before, index));
        if self.servers[index].is_closed && self.servers[index].inside.is_empty() {
            return self.remove(index);
        }
        self.offer_places(index);
        self.plan_end(index);
    }

    fn answer(&mut self, latency: f64) {
        self.answered.add(latency, 1.0);
        if let Some(span) = self.recent.back_mut() {
            span.1.add(latency, 1.0);
        }
    }

    fn roll_spans(&mut self, now: f64) {
        if now < self.span_ends {
            return;
        }
        let passed = ((now - self.span_ends) / SPAN).floor() + 1.0;
        self.span_ends += passed * SPAN;
        for _ in 0..passed.min(SPANS as f64 + 1.0) as usize {
            self.recent.push_back((0, Histogram::default()));
        }
        while self.recent.len() > SPANS + 1 {
            self.recent.pop_front();
        }
    }

    /// What the pod did since it was last asked, in thousandths of a request of size one a second.
    pub fn rate(&mut self, key: u32, now: SimTime, span: SimDuration) -> i64 {
        let Some(index) = self.by_key.get(&key).copied() else { return 0 };
        self.work_until(index, seconds(now));
        let done = std::mem::take(&mut self.servers[index].done);
        if span > SimDuration::ZERO { (done * 1000.0 / span.as_secs_f64()).round() as i64 } else { 0 }
    }

    /// Whether nobody is in line or in work.
    pub fn is_idle(&self) -> bool {
        self.line.is_empty() && self.servers.iter().all(|server| server.inside.is_empty())
    }

    pub fn in_line(&self) -> usize {
        self.line.len()
    }

    /// When the next request comes, should the demand stay as it is; `None`: never.
    pub fn comes_next(&self, now: SimTime, rate_milli: i64) -> Option<SimTime> {
        let at = self.next_arrival(seconds(now), rate_milli.max(0) as f64 / 1000.0);
        (at < 9e9).then(|| SimTime::from_nanos((at * 1e9).ceil() as i64).max(now))
    }

    /// Latencies of all that were answered.
    pub fn answered(&self) -> &Histogram {
        &self.answered
    }

    /// Of the last minute: arrivals in thousandths a second, and the latencies of those that were answered in it.
    pub fn last_minute(&self, now: SimTime) -> (i64, Option<Latency>) {
        let mut all = Histogram::default();
        let mut arrived = 0;
        for (count, latencies) in &self.recent {
            arrived += count;
            all.merge(latencies);
        }
        let begun = (self.span_ends - SPAN * self.recent.len() as f64).max(self.started);
        let span = seconds(now) - begun;
        let demand = if span > 0.0 { (arrived as f64 * 1000.0 / span).round() as i64 } else { 0 };
        let told = |value: Option<f64>| value.map(SimDuration::from_secs_f64);
        let latency = told(all.mean()).zip(told(all.percentile(0.95)));
        let queue_length = self.line.len() as f64;
        (demand, latency.map(|(mean, p95)| Latency { mean, p95, queue_length }))
    }
}
