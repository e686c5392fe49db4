//! What requests feel: a queue that grows and drains between the changes of demand and of pods.
//!
//! All pods of a service are one station: so many requests at full speed ([`Station::servers`]), so many at all
//! ([`Station::slots`], where more share the cores), and one line before it. The line is a diffusion kept away from
//! zero: two moments of the wait move with drift `load - 1`, and the shape of a normal distribution cut at zero closes
//! them, which is exact for a queue that grows, for one at its capacity, and for the stationary one. What share waits at
//! all is Erlang's C at the load that the line shows. `docs/services.md` has the formulas and how far they hold.

use std::f64::consts::PI;

use super::latency::Answers;
use super::shape;
use crate::units::SimDuration;

/// Pods as one station.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Station {
    /// Requests that all pods can work on at full speed at the same time.
    pub servers: f64,
    /// Requests that they work on at the same time at most; at least `servers`.
    pub slots: f64,
    /// Pods; at least one.
    pub pods: f64,
    /// Seconds that a request takes which shares nothing.
    pub service: f64,
    /// Coefficient of variation of the work of single requests.
    pub variation: f64,
}

/// What the line refuses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Longest wait in seconds; infinite without a bound.
    pub timeout: f64,
    /// Most requests that wait; infinite without a bound.
    pub length: f64,
}

/// The line of a service: the requests in it where any wait, as a mean and a mean square.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Queue {
    waiting: f64,
    square: f64,
}

/// Time from a request's arrival to its answer, as a service's metrics tell it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    pub mean: SimDuration,
    pub p95: SimDuration,
    /// Requests waiting, not counting those in work.
    pub queue_length: f64,
}

/// Where the stationary formulas stop: their queue would need hours to build up, and the moments show it.
const HIGHEST_LOAD: f64 = 0.999;
/// What sharing one pod while another idles adds, by simulation.
const UNEVEN: f64 = 0.37;
/// A stretch of so many relaxation times or more is taken as stationary.
const RELAXED: f64 = 12.0;

impl Station {
    /// Requests a second.
    pub fn capacity(&self) -> f64 {
        self.servers / self.service
    }

    fn squared(&self) -> f64 {
        self.variation * self.variation
    }

    /// The mean wait of those who wait in line, over that of exponential work.
    fn wait_ratio(&self, load: f64) -> f64 {
        let squared = self.squared();
        if squared >= 1.0 {
            return (1.0 + squared) / 2.0;
        }
        // Cosmetatos' formula for equal work; where hardly anyone waits, the first of c equal jobs ends after 1/(c+1).
        let servers = self.servers.max(1.0);
        let more = (1.0 - load) * (servers - 1.0) * ((4.0 + 5.0 * servers).sqrt() - 2.0) / (16.0 * load * servers);
        let equal = (0.5 * (1.0 + more)).min(servers / (servers + 1.0));
        squared + (1.0 - squared) * equal
    }

    /// Mean wait in line of those who wait, stationary.
    fn wait(&self, load: f64) -> f64 {
        self.wait_ratio(load) * self.service / (self.servers * (1.0 - load))
    }

    /// Squared coefficient of variation of that wait: a geometric sum of residual times.
    fn wait_variation(&self, load: f64) -> f64 {
        load + (1.0 - load) * self.residual_variation()
    }

    /// Squared coefficient of variation of the time until the first of the requests in work ends.
    fn residual_variation(&self) -> f64 {
        let squared = self.squared();
        let residual = 4.0 * (1.0 + 2.0 * squared) / (3.0 * (1.0 + squared)) - 1.0;
        1.0 - (1.0 - residual) * 3.0 / (self.servers.max(1.0) + 2.0)
    }

    /// How answers are spread where those who wait stand in line for `wait` seconds on average, with that squared
    /// variation; `busy` is the load that the line shows, `load` that of the arrivals.
    fn answers(&self, wait: f64, squared_variation: f64, busy: f64, load: f64, longest: f64) -> Answers {
        let waits = erlang_c(self.servers, busy);
        let at_once = Answers::at_once(self.service, self.variation);
        if waits <= 1e-12 || wait <= 1e-12 {
            return at_once;
        }
        let load = load.clamp(1e-6, HIGHEST_LOAD);
        let stretch = 1.0 / self.wait_ratio(load);
        let full = self.full_at(stretch);
        let longest = longest + stretch * full;
        if full <= 0.0 {
            let squared_variation = squared_variation * self.wait_variation(load);
            let answers =
                Answers { delayed: waits, delay: wait, squared_variation, longest, in_line: waits * wait, ..at_once };
            return Answers { unanswered: answers.too_late(), ..answers };
        }
        // Where cores are shared, requests in work slow down instead of those behind them waiting: the work ahead
        // counts `stretch` times, up to the point where all slots are taken.
        let depth = full / wait;
        let in_line = (-depth).exp();
        let stretched = 1.0 + (stretch - 1.0) * (1.0 - in_line);
        let square = 2.0 * (stretch * stretch * (1.0 - in_line * (1.0 + depth)) + in_line * (1.0 + stretch * depth));
        let bent = (square / (stretched * stretched) - 1.0).clamp(0.05, 1.0);
        // Requests that share one pod go on sharing it when another pod falls idle.
        let uneven = UNEVEN * (self.pods - 1.0) * self.service / (self.servers * (self.servers / self.pods).sqrt());
        let mean = waits * (wait * stretched + uneven * (1.0 - in_line));
        // All who share are delayed: two on one core by half a service time at least, more on more cores by less.
        let delayed = -((-waits).ln_1p() - waits * (1.0 - in_line)).exp_m1();
        let half = self.service * self.pods / (2.0 * self.servers);
        let delayed = delayed.min(mean / half).max(waits * in_line).max(1e-12);
        let delay = mean / delayed;
        let sharing = 1.0 - 2.0 / 3.0 * (half / delay).min(1.0).powf(1.3);
        let light = in_line * self.wait_variation(load) + (1.0 - in_line) * sharing;
        let answers = Answers {
            delayed,
            delay,
            squared_variation: squared_variation * light * bent,
            shared_up_to: stretch * full,
            in_line: waits * wait * in_line,
            longest,
            ..at_once
        };
        Answers { unanswered: answers.too_late(), ..answers }
    }

    /// The work ahead, in seconds of the whole station, from which on all slots are taken and requests stand in line.
    fn full_at(&self, stretch: f64) -> f64 {
        (self.slots - self.servers).max(0.0) * self.service / (self.servers * stretch)
    }
}

impl Queue {
    /// Requests that wait, where any wait.
    pub fn waiting(&self) -> f64 {
        self.waiting
    }

    /// Variance of [`waiting`](Self::waiting).
    pub fn variance(&self) -> f64 {
        (self.square - self.waiting * self.waiting).max(0.0)
    }

    /// Takes requests out of the line, or puts them in, without a change of how it is spread.
    pub fn shift(&mut self, requests: f64) {
        let variance = self.variance();
        self.waiting = (self.waiting + requests).max(0.0);
        self.square = self.waiting * self.waiting + variance;
    }

    /// Moves the line on by `span` seconds of `arrivals` a second, and tells how the answers of each part of that
    /// span are spread. Without a station nobody is answered, and the line grows.
    ///
    /// Returns the share of arrivals that would wait too long and go.
    pub fn advance(
        &mut self,
        station: Option<&Station>,
        arrivals: f64,
        span: f64,
        limits: &Limits,
        each: &mut dyn FnMut(&Answers, f64),
    ) -> f64 {
        if span <= 0.0 {
            return 0.0;
        }
        let Some(station) = station else {
            let variance = self.variance() + arrivals * span;
            self.waiting += arrivals * span;
            self.square = self.waiting * self.waiting + variance;
            return 0.0;
        };
        let capacity = station.capacity();
        let load = arrivals / capacity;
        let longest = limits.timeout.min(limits.length / capacity);
        if longest < 0.5 / capacity && station.slots <= station.servers {
            // No room for a line: Erlang's loss formula.
            *self = Queue::default();
            each(&Answers::at_once(station.service, station.variation), span);
            return erlang_b(station.servers, load * station.servers);
        }
        let mut line = Line::new(station, load, limits, self.waiting / capacity, self.square / capacity / capacity);
        let lost = line.advance(span, each);
        self.waiting = line.mean * capacity;
        self.square = line.square * capacity * capacity;
        lost
    }

    /// How the answers to requests are spread that arrive now.
    pub fn answers(&self, station: &Station, arrivals: f64, limits: &Limits) -> Answers {
        let capacity = station.capacity();
        let (mean, square) = (self.waiting / capacity, self.square / capacity / capacity);
        Line::new(station, arrivals / capacity, limits, mean, square).answers()
    }

    /// The share of requests that arrive now and would wait too long.
    pub fn refused(&self, station: &Station, arrivals: f64, limits: &Limits) -> f64 {
        let longest = limits.timeout.min(limits.length / station.capacity());
        if longest < 0.5 / station.capacity() && station.slots <= station.servers {
            return erlang_b(station.servers, arrivals * station.service);
        }
        self.answers(station, arrivals, limits).unanswered
    }

    /// How the answers are spread of requests that are taken up after a wait of `seconds` in the line, give or take
    /// `variance`.
    pub fn answers_after(station: &Station, seconds: f64, variance: f64, limits: &Limits) -> Answers {
        let squared = if seconds > 0.0 { variance / (seconds * seconds) } else { 0.0 };
        let longest = limits.timeout.min(limits.length / station.capacity());
        station.answers(seconds, squared.min(1.0), 1.0, 1.0, longest)
    }

    /// What a service's metrics tell. `arrivals` come a second, of these relative `sizes` (none: gamma-distributed).
    pub fn latency(&self, station: &Station, arrivals: f64, limits: &Limits, sizes: &[f64]) -> Latency {
        let answers = self.answers(station, arrivals, limits);
        Latency {
            mean: SimDuration::from_secs_f64(answers.mean()),
            p95: SimDuration::from_secs_f64(answers.percentile(0.95, sizes)),
            queue_length: answers.in_line * (arrivals * (1.0 - answers.unanswered)).min(station.capacity()),
        }
    }
}

/// The wait ahead of a new request in seconds, given that it waits: `mean` and mean `square`, and how they move.
struct Line<'a> {
    station: &'a Station,
    load: f64,
    limits: Limits,
    /// Whoever has to wait longer goes.
    longest: f64,
    /// The same in seconds of work ahead: what is in shared work does not wait.
    full: f64,
    /// Variance of the work that comes in a second, in seconds squared.
    diffusion: f64,
    /// The stationary mean; infinite without one.
    settled: f64,
    /// Mean and mean square of the stationary line, of those who do not go.
    stationary: (f64, f64),
    mean: f64,
    square: f64,
}

impl<'a> Line<'a> {
    fn new(station: &'a Station, load: f64, limits: &Limits, mean: f64, square: f64) -> Line<'a> {
        let longest = limits.timeout.min(limits.length / station.capacity());
        let below = load.clamp(1e-6, HIGHEST_LOAD);
        let diffusion = 2.0 * (1.0 - below) * station.wait(below);
        let settled = if load < 1.0 { diffusion / (2.0 * (1.0 - load)) } else { f64::INFINITY };
        let full = longest + station.full_at(1.0 / station.wait_ratio(below));
        let mut line = Line {
            station,
            load,
            limits: *limits,
            longest,
            full,
            diffusion,
            settled,
            stationary: (0.0, 0.0),
            mean,
            square,
        };
        line.stationary = cut(settled, full);
        if line.has_places() {
            let all = line.places(0.0, limits.length);
            line.stationary = (all.delay, all.delay * all.delay * (1.0 + all.squared_variation));
        }
        line
    }

    fn squared_variation(&self) -> f64 {
        if self.mean <= 0.0 {
            return 1.0;
        }
        (self.square / (self.mean * self.mean) - 1.0).clamp(1e-4, 1.0)
    }

    /// The idle share that the line's foot at zero stands for.
    fn idle(&self) -> f64 {
        if self.mean <= 0.0 { 1.0 } else { self.diffusion * foot(self.squared_variation()) / (2.0 * self.mean) }
    }

    fn answers(&self) -> Answers {
        if self.is_settled() {
            return self.settled_answers();
        }
        let busy = (1.0 - self.idle()).clamp(0.0, 1.0);
        self.station.answers(self.mean, self.squared_variation(), busy, self.load, self.longest)
    }

    /// Of a line that is as the stationary one of these arrivals.
    fn settled_answers(&self) -> Answers {
        if self.has_places() {
            return self.places(0.0, self.limits.length);
        }
        let station = self.station;
        let answers = station.answers(self.settled, 1.0, self.load, self.load, self.longest);
        let beyond = (-self.full / self.settled).exp();
        let answers = Answers { unanswered: self.lost(erlang_c(station.servers, self.load) * beyond), ..answers };
        if self.limits.length / station.capacity() > self.limits.timeout || beyond < 1e-9 || answers.delayed <= 0.0 {
            return answers;
        }
        // Places bound the line: as much shorter and narrower as a line of so many places is than one without end.
        let (ends, endless) = (self.shared_places(self.limits.length), self.shared_places(f64::INFINITY));
        let of_mean = ends.mean / endless.mean;
        let of_variance = ends.squared_variation / endless.squared_variation;
        let left = ends.taken / endless.taken;
        let longest = if station.variation > 0.0 { f64::INFINITY } else { answers.longest };
        Answers {
            delayed: answers.delayed * left / (1.0 - answers.delayed * (1.0 - left)),
            delay: answers.delay * of_mean,
            squared_variation: answers.squared_variation * of_variance,
            longest: self.limits.timeout.min(longest),
            in_line: answers.in_line * of_mean,
            ..answers
        }
    }

    /// The places of those who share a core, and of so many behind them.
    fn shared_places(&self, places: f64) -> Places {
        let station = self.station;
        let (shared, ratio, next) = (station.slots - station.servers, station.wait_ratio(self.load), self.next_place());
        let (mut weight, mut taken, mut sum, mut square, mut place) = (1.0, 0.0, 0.0, 0.0, 0.0);
        while place < shared + places && weight > 1e-7 * taken {
            let (ahead, more) = if place < shared { (place + 1.0, self.load) } else { (place + ratio, next) };
            taken += weight;
            sum += weight * ahead;
            square += weight * (ahead * ahead + station.squared() * ahead);
            weight *= more;
            place += 1.0;
        }
        let mean = sum / taken;
        Places { taken, mean, squared_variation: square / taken / (mean * mean) - 1.0 }
    }

    /// The share that goes, where without a bound this share would find the line at the bound or beyond: exact for
    /// M/G/1/n, M/M/m/n and M/G/1 with a longest wait.
    fn lost(&self, beyond: f64) -> f64 {
        (1.0 - self.load) * beyond / (1.0 - self.load * beyond)
    }

    /// Whether it is the number of places that bounds a line in which nobody shares a core.
    fn has_places(&self) -> bool {
        let Line { station, limits, .. } = self;
        limits.length / station.capacity() <= limits.timeout
            && self.full <= 25.0 * self.settled
            && station.slots <= station.servers
            && (1e-6..HIGHEST_LOAD).contains(&self.load)
    }

    /// From one place of the settled line to the next its chance falls by this factor (Kimura's two-moment
    /// approximation of M/G/m/m+r; exact for exponential work).
    fn next_place(&self) -> f64 {
        let ratio = self.station.wait_ratio(self.load);
        self.load * ratio / (1.0 - self.load + self.load * ratio)
    }

    /// Of those who take one of the places from `first` up to `end` of a settled line, and of all who do not wait where
    /// `first` is 0: who takes the `j`-th place waits for `j` others and for what is left of the work in hand.
    fn places(&self, first: f64, end: f64) -> Answers {
        let (station, capacity) = (self.station, self.station.capacity());
        let next = self.next_place();
        let waits = erlang_c(station.servers, self.load);
        let unanswered = self.lost(waits * next.powf(self.limits.length));
        let taken = waits * (next.powf(first) - next.powf(end));
        let at_once = if first == 0.0 { 1.0 - waits } else { 0.0 };
        let answers = Answers { unanswered, ..Answers::at_once(station.service, station.variation) };
        if taken <= 1e-12 {
            return answers;
        }
        let (places, ratio) = (end - first, station.wait_ratio(self.load));
        let last = next.powf(places);
        let ahead = first + next / (1.0 - next) - places * last / (1.0 - last);
        let spread = next / (1.0 - next).powi(2) - places * places * last / (1.0 - last).powi(2);
        let mean = ahead + ratio;
        let variance = spread.max(0.0) + station.squared() * ahead + station.residual_variation() * ratio * ratio;
        let delayed = taken / (taken + at_once);
        Answers {
            delayed,
            delay: mean / capacity,
            squared_variation: variance / (mean * mean),
            longest: self.limits.timeout.min(if station.variation > 0.0 || station.servers > 1.0 {
                f64::INFINITY
            } else {
                end / capacity
            }),
            in_line: delayed * mean / capacity,
            ..answers
        }
    }

    /// Tells how the answers of the next `span` are spread.
    fn tell(&self, answers: &Answers, span: f64, each: &mut dyn FnMut(&Answers, f64)) {
        if !(self.has_places() && self.is_settled()) {
            return each(answers, span);
        }
        // Single places first, for a gamma distribution of all would be wider than the line is long.
        let next = self.next_place();
        let waits = erlang_c(self.station.servers, self.load);
        let all = 1.0 - waits * next.powf(self.limits.length);
        let (mut first, mut at_once) = (0.0, 1.0 - waits);
        while first < self.limits.length {
            let end = (first + (first / 4.0).floor().max(1.0)).min(self.limits.length);
            let share = waits * (next.powf(first) - next.powf(end)) + at_once;
            each(&self.places(first, end), span * share / all);
            (first, at_once) = (end, 0.0);
        }
    }

    fn settle(&mut self) {
        (self.mean, self.square) = self.stationary;
    }

    /// Whether the line is as the stationary one of these arrivals.
    fn is_settled(&self) -> bool {
        let near = |value: f64, settled: f64| (value - settled).abs() < 0.01 * settled;
        self.load < HIGHEST_LOAD && near(self.mean, self.stationary.0) && near(self.square, self.stationary.1)
    }

    /// The share of those in line who would wait too long.
    fn refused(&self) -> f64 {
        if self.full > 25.0 * self.mean { 0.0 } else { shape::beyond(self.squared_variation(), self.full / self.mean) }
    }

    fn slopes(&self) -> (f64, f64) {
        let refused = self.load * self.refused();
        let drift = self.load - 1.0;
        let mean = drift + self.idle() - refused;
        let square =
            self.diffusion + 2.0 * drift * self.mean - if refused > 0.0 { 2.0 * refused * self.full } else { 0.0 };
        (mean, square)
    }

    fn advance(&mut self, span: f64, each: &mut dyn FnMut(&Answers, f64)) -> f64 {
        let settles = self.load < HIGHEST_LOAD;
        // Between two walls a line settles as fast as it goes from one to the other.
        let rate = self.diffusion / (8.0 * self.settled * self.settled)
            + self.diffusion * PI * PI / (2.0 * self.full * self.full);
        let (mut left, mut lost) = (span, 0.0);
        if settles && self.mean <= 3.0 * self.settled && span * rate > RELAXED {
            self.settle();
        }
        // A line that is all but empty grows as the square root of time.
        let first = span.min(1.0 / rate) / 400.0;
        let spread = (self.diffusion * first).sqrt();
        if self.mean < 0.8 * spread && !self.is_settled() {
            (self.mean, self.square) = (0.797_9 * spread, spread * spread);
        }
        while left > 0.0 {
            let is_settled = settles && self.is_settled();
            let step = if is_settled { left } else { self.step().max(span / 2_000.0).min(left) };
            let before = (self.mean, self.square);
            if is_settled {
                self.settle();
            } else {
                self.take(step);
            }
            let answers = self.answers();
            self.tell(&answers, step, each);
            lost += step * answers.unanswered;
            left -= step;
            let still = |now: f64, then: f64| (now - then).abs() <= 1e-5 * now * (step / span).min(1.0);
            if left > 0.0 && still(self.mean, before.0) && still(self.square, before.1) {
                let answers = if settles {
                    self.settle();
                    self.answers()
                } else {
                    answers
                };
                self.tell(&answers, left, each);
                lost += left * answers.unanswered;
                break;
            }
        }
        lost / span
    }

    /// A time in which the line changes little.
    fn step(&self) -> f64 {
        let by_chance = 0.3 * self.mean * self.mean / self.diffusion;
        let drift = (self.load - 1.0).abs().max(1e-9);
        // Away from zero only the drift matters, which is the same all the time.
        let by_drift = 0.1 * self.mean.max(self.diffusion / drift) / drift;
        let step = if self.squared_variation() < 0.05 { by_drift } else { by_chance.min(by_drift) };
        // Those who go are counted finely, for they come all at once.
        if self.full < 4.0 * self.mean { step.min(0.02 * self.full / self.load.max(1.0)) } else { step }
    }

    /// One step by the midpoint rule.
    fn take(&mut self, step: f64) {
        let start = (self.mean, self.square);
        let slopes = self.slopes();
        self.set(start.0 + slopes.0 * step / 2.0, start.1 + slopes.1 * step / 2.0, start.0);
        let slopes = self.slopes();
        self.set(start.0 + slopes.0 * step, start.1 + slopes.1 * step, start.0);
    }

    fn set(&mut self, mean: f64, square: f64, before: f64) {
        self.mean = mean.max(before * 0.2).max(1e-12);
        self.square = square.clamp(self.mean * self.mean * 1.000_1, 2.0 * self.mean * self.mean);
    }
}

/// The places of a line: how often any is taken (the first: once), and how many requests those who take one wait for.
struct Places {
    taken: f64,
    mean: f64,
    squared_variation: f64,
}

/// Mean and mean square of an exponential time of this mean that is at most `longest`.
fn cut(mean: f64, longest: f64) -> (f64, f64) {
    let times = longest / mean;
    if !mean.is_finite() || times > 30.0 {
        return (mean, 2.0 * mean * mean);
    }
    let beyond = (-times).exp();
    let kept = -(-times).exp_m1();
    let first = mean * (1.0 - times * beyond / kept);
    (first, 2.0 * mean * first - longest * longest * beyond / kept)
}

/// Density at zero times the mean, of normal distributions cut at zero, by their squared coefficient of variation in
/// steps of 1/32: from one far from zero to the exponential.
const FOOT: [f64; 33] = [
    0.0, 0.0, 0.000_54, 0.006_54, 0.022_98, 0.049_78, 0.084_78, 0.125_65, 0.170_44, 0.217_59, 0.265_94, 0.314_61,
    0.362_94, 0.410_45, 0.456_78, 0.501_69, 0.544_99, 0.586_57, 0.626_36, 0.664_32, 0.700_44, 0.734_71, 0.767_17,
    0.797_84, 0.826_75, 0.853_95, 0.879_49, 0.903_41, 0.925_74, 0.946_54, 0.965_83, 0.983_64, 1.0,
];

fn foot(squared_variation: f64) -> f64 {
    let position = squared_variation.clamp(0.0, 1.0) * 32.0;
    let below = (position as usize).min(31);
    FOOT[below] + (FOOT[below + 1] - FOOT[below]) * (position - below as f64)
}

/// The chance that a request has to wait, for so many servers at this load of each (Erlang's C formula; between two
/// whole numbers of servers a straight line).
fn erlang_c(servers: f64, load: f64) -> f64 {
    if load >= 1.0 {
        return 1.0;
    }
    if load <= 0.0 {
        return 0.0;
    }
    let blocked = erlang_b(servers, servers * load);
    blocked / (1.0 - load * (1.0 - blocked))
}

/// The chance that all servers are taken where nobody waits (Erlang's B formula), for an offered load in servers.
fn erlang_b(servers: f64, offered: f64) -> f64 {
    if offered <= 0.0 {
        return 0.0;
    }
    let whole = |servers: f64| {
        // 1/B = 1 + c/a + c(c-1)/a² + …: it ends early, or shows that nobody is blocked.
        let (mut term, mut sum, mut left) = (1.0, 1.0, servers);
        while left > 0.5 && term > 1e-12 * sum && sum < 1e15 {
            term *= left / offered;
            sum += term;
            left -= 1.0;
        }
        1.0 / sum
    };
    let below = servers.floor().max(0.0);
    let part = servers - below;
    let low = whole(below);
    if part < 1e-9 { low } else { low + (whole(below + 1.0) - low) * part }
}
