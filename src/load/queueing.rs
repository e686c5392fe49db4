//! What requests feel: a queue that grows and drains between the changes of demand and of pods.
//!
//! All pods of a service are one station: so many requests at full speed ([`Station::servers`]), so many at all
//! ([`Station::slots`], where more share the cores), and one line before it. The line is a diffusion kept away from
//! zero: two moments of the wait move with drift `load - 1`, and the shape of a normal distribution cut at zero closes
//! them, which is exact for a queue that grows, for one at its capacity, and for the stationary one. What share waits at
//! all is Erlang's C at the load that the line shows. `docs/services.md` has the formulas and how far they hold.

use std::f64::consts::PI;

use super::bounded::Bounded;
use super::latency::Answers;
use super::shape;
use super::station::{HIGHEST_LOAD, erlang_b};
pub use super::station::{Limits, Station};
use crate::units::SimDuration;

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

/// A stretch of so many relaxation times or more is taken as stationary.
const RELAXED: f64 = 12.0;

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

    /// Whether more arrives than can be done, and the line has come to its bound and stays there: then chance alone says
    /// what each waits.
    pub fn is_full(&self, station: &Station, arrivals: f64, limits: &Limits) -> bool {
        let capacity = station.capacity();
        if arrivals < capacity || !limits.timeout.min(limits.length).is_finite() {
            return false;
        }
        let (mean, square) = (self.waiting / capacity, self.square / capacity / capacity);
        Line::new(station, arrivals / capacity, limits, mean, square).is_settled()
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
        let full = longest + station.full_at(1.0 / station.wait_ratio(below));
        let stationary = (0.0, 0.0);
        let mut line = Line { station, load, limits: *limits, longest, full, diffusion, stationary, mean, square };
        if line.settles() {
            line.stationary = line.bounded().stationary();
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
            return self.bounded().answers();
        }
        let busy = (1.0 - self.idle()).clamp(0.0, 1.0);
        self.station.answers(self.mean, self.squared_variation(), busy, self.load, self.longest)
    }

    /// The line as it settles.
    fn bounded(&self) -> Bounded<'a> {
        Bounded::new(self.station, self.load, self.limits, self.full)
    }

    /// Above capacity only a bound ends its growth.
    fn settles(&self) -> bool {
        self.load < HIGHEST_LOAD || self.full.is_finite()
    }

    fn settle(&mut self) {
        (self.mean, self.square) = self.stationary;
    }

    /// Whether the line is as the stationary one of these arrivals.
    fn is_settled(&self) -> bool {
        let near = |value: f64, settled: f64| (value - settled).abs() < 0.01 * settled;
        self.settles() && near(self.mean, self.stationary.0) && near(self.square, self.stationary.1)
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
        let settles = self.settles();
        // Between two walls a line settles as fast as it goes from one to the other; above capacity it has to grow first.
        let drift = 1.0 - self.load;
        let rate = drift * drift / (2.0 * self.diffusion) + self.diffusion * PI * PI / (2.0 * self.full * self.full);
        let growth = if drift < 0.0 { (self.full - self.mean).max(0.0) / -drift } else { 0.0 };
        let (mut left, mut lost) = (span, 0.0);
        if settles && self.mean <= 3.0 * self.stationary.0 && span > RELAXED / rate + growth {
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
            lost += step * self.tell(is_settled, step, each);
            left -= step;
            let still = |now: f64, then: f64| (now - then).abs() <= 1e-5 * now * (step / span).min(1.0);
            if left > 0.0 && still(self.mean, before.0) && still(self.square, before.1) {
                if settles {
                    self.settle();
                }
                lost += left * self.tell(settles, left, each);
                break;
            }
        }
        lost / span
    }

    /// Tells how the answers of the next `span` are spread, and gives the share that goes.
    fn tell(&self, is_settled: bool, span: f64, each: &mut dyn FnMut(&Answers, f64)) -> f64 {
        if is_settled {
            let bounded = self.bounded();
            bounded.tell(span, each);
            return bounded.lost();
        }
        let answers = self.answers();
        each(&answers, span);
        answers.unanswered
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
