//! A line with a bound that has settled, below capacity and above it: its places where a length binds, the wait that is cut
//! where a patience does.
//!
//! From one place to the next the chance changes by a constant factor (below capacity Kimura's two-moment approximation
//! of M/G/m/m+r, above it `load^(1/r)`, which meets it there; both are exact for exponential work), and what arrives and is
//! not let in is what the servers can't do: so the share that goes is exact where the chances are.

use super::latency::Answers;
use super::station::{Limits, Station, erlang_b};

/// The line of `station` where `load` times its capacity arrives.
#[derive(Clone, Copy, Debug)]
pub struct Bounded<'a> {
    station: &'a Station,
    load: f64,
    limits: Limits,
    /// Seconds of work ahead at which the line is full, those in shared work included.
    full: f64,
    /// Of a wait against that of exponential work.
    ratio: f64,
    /// By which the logarithm of the chance changes from place to place.
    ln_next: f64,
}

/// Mean and squared coefficient of variation of how many requests those in line wait for.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    taken: f64,
    mean: f64,
    squared_variation: f64,
}

/// More places than this are never gone through one by one.
const MOST_PLACES: usize = 20_000;

impl<'a> Bounded<'a> {
    pub fn new(station: &'a Station, load: f64, limits: Limits, full: f64) -> Bounded<'a> {
        // At capacity itself the formulas are 0 / 0.
        let load = if (load - 1.0).abs() < 1e-6 { 1.0 - 1e-6 } else { load.max(1e-6) };
        let ratio = station.wait_ratio(load.min(1.0));
        let ln_next = if load < 1.0 { (load * ratio / (1.0 - load + load * ratio)).ln() } else { load.ln() / ratio };
        Bounded { station, load, limits, full, ratio, ln_next }
    }

    /// The chance that all servers are taken where nobody may wait.
    fn blocked(&self) -> f64 {
        erlang_b(self.station.servers, self.station.servers * self.load)
    }

    /// Whether the length binds, and before the patience.
    fn is_by_length(&self) -> bool {
        let Limits { timeout, length } = self.limits;
        length / self.station.capacity() <= timeout && length.is_finite() && -self.ln_next * length < 25.0
    }

    fn shares(&self) -> bool {
        self.station.slots > self.station.servers
    }

    /// How fast the chance of a longer wait falls, by second.
    fn decay(&self) -> f64 {
        (1.0 - self.load) * self.station.capacity() / self.ratio
    }

    /// The logarithm of how much rarer (or more frequent) a full line is than an empty one.
    fn ln_full(&self) -> f64 {
        if self.is_by_length() && !self.shares() {
            self.ln_next * self.limits.length
        } else {
            -self.full * self.decay()
        }
    }

    /// The share of requests that go.
    pub fn lost(&self) -> f64 {
        let ln_full = self.ln_full();
        if ln_full < -50.0 {
            return 0.0;
        }
        let (away, blocked) = (1.0 - self.load, self.blocked());
        let below = blocked + away * (1.0 - blocked);
        let lost = match ln_full <= 0.0 {
            true => away * blocked * ln_full.exp() / (below - self.load * blocked * ln_full.exp()),
            false => away * blocked / (below * (-ln_full).exp() - self.load * blocked),
        };
        lost.clamp(0.0, 1.0)
    }

    /// Of those let in, who wait.
    fn delayed(&self) -> f64 {
        let blocked = self.blocked();
        let free = (1.0 - self.load) * (1.0 - blocked) / blocked.max(1e-300);
        let ln_full = self.ln_full();
        let share = match ln_full <= 0.0 {
            true => -ln_full.exp_m1() / (free - ln_full.exp_m1()),
            false => {
                let inverse = (-ln_full).exp();
                (inverse - 1.0) / (free * inverse + inverse - 1.0)
            }
        };
        share.clamp(0.0, 1.0)
    }

    /// Mean and mean square of the wait of those who wait.
    pub fn stationary(&self) -> (f64, f64) {
        if self.is_by_length() && !self.shares() {
            let (delay, squared_variation) = self.wait_for(0.0, self.limits.length);
            return (delay, delay * delay * (1.0 + squared_variation));
        }
        cut(self.decay(), self.full)
    }

    /// How the answers are spread.
    pub fn answers(&self) -> Answers {
        let Bounded { station, limits, .. } = self;
        let unanswered = self.lost();
        if self.is_by_length() && !self.shares() {
            return self.places(0.0, limits.length, self.delayed(), unanswered);
        }
        if self.load >= 1.0 {
            return Answers { unanswered, ..self.above_capacity() };
        }
        let longest = limits.timeout.min(limits.length / station.capacity());
        let answers = station.answers(1.0 / self.decay(), 1.0, self.load, self.load, longest);
        let answers = Answers { unanswered, ..answers };
        if !self.is_by_length() || answers.delayed <= 0.0 {
            return answers;
        }
        // As much shorter and narrower as a line of so many places is than one without end.
        let (ends, endless) = (self.ahead(limits.length), self.ahead(f64::INFINITY));
        let of_mean = ends.mean / endless.mean;
        let left = ends.taken / endless.taken;
        Answers {
            delayed: answers.delayed * left / (1.0 - answers.delayed * (1.0 - left)),
            delay: answers.delay * of_mean,
            squared_variation: answers.squared_variation * ends.squared_variation / endless.squared_variation,
            longest: limits.timeout.min(if station.variation > 0.0 { f64::INFINITY } else { answers.longest }),
            in_line: answers.in_line * of_mean,
            ..answers
        }
    }

    /// A line that is cut by patience, or stands behind those who share, and is mostly full.
    fn above_capacity(&self) -> Answers {
        let (station, capacity) = (self.station, self.station.capacity());
        let at_once = Answers::at_once(station.service, station.variation);
        let delayed = self.delayed();
        if !self.shares() {
            let (mean, square) = cut(self.decay(), self.full);
            let longest = self.limits.timeout;
            let squared_variation = (square / (mean * mean) - 1.0).max(0.0);
            return Answers { delayed, delay: mean, squared_variation, longest, in_line: delayed * mean, ..at_once };
        }
        let ahead = self.ahead(self.limits.length.min(self.limits.timeout * capacity));
        let shared = station.slots - station.servers;
        Answers {
            delayed,
            delay: ahead.mean / capacity,
            squared_variation: ahead.squared_variation,
            shared_up_to: shared / capacity,
            longest: if self.is_by_length() { f64::INFINITY } else { self.limits.timeout + shared / capacity },
            in_line: delayed * (ahead.mean - shared).max(0.0) / capacity,
            ..at_once
        }
    }

    /// Those who share a core, and so many places behind them: one by one, the frequent ones first.
    fn ahead(&self, places: f64) -> Ahead {
        let shared = self.station.slots - self.station.servers;
        // Patience bounds the time, whatever those ahead take.
        let squared = if self.is_by_length() || self.load < 1.0 { self.station.squared() } else { 0.0 };
        let ln_load = self.load.ln();
        let last = shared + places;
        let (mut weight, mut taken, mut sum, mut square) = (1.0f64, 0.0, 0.0, 0.0);
        let is_from_top = self.load >= 1.0;
        let mut place = if is_from_top { (last - 1.0).max(0.0) } else { 0.0 };
        for _ in 0..MOST_PLACES {
            if place >= last || place < 0.0 || weight <= 1e-7 * taken {
                break;
            }
            let (ahead, ln_more) =
                if place < shared { (place + 1.0, ln_load) } else { (place + self.ratio, self.ln_next) };
            taken += weight;
            sum += weight * ahead;
            square += weight * (ahead * ahead + squared * ahead);
            weight *= if is_from_top { -ln_more } else { ln_more }.exp();
            place += if is_from_top { -1.0 } else { 1.0 };
        }
        if taken <= 0.0 {
            return Ahead { taken: 0.0, mean: 0.0, squared_variation: 0.0 };
        }
        let mean = sum / taken;
        Ahead { taken, mean, squared_variation: square / taken / (mean * mean) - 1.0 }
    }

    /// The share of those in line who take one of the places from `first` up to `end`.
    fn share(&self, first: f64, end: f64) -> f64 {
        let (ln, length) = (self.ln_next, self.limits.length);
        if ln < 0.0 {
            ((ln * first).exp() - (ln * end).exp()) / -(ln * length).exp_m1()
        } else {
            ((-ln * (length - end)).exp() - (-ln * (length - first)).exp()) / -(-ln * length).exp_m1()
        }
    }

    /// Mean and squared coefficient of variation of what those wait who take one of the places from `first` up to `end`:
    /// who takes the `j`-th waits for `j` others and for what is left of the work in hand.
    fn wait_for(&self, first: f64, end: f64) -> (f64, f64) {
        let (station, ratio) = (self.station, self.ratio);
        let (ahead, spread) = geometric(self.ln_next, end - first);
        let ahead = first + ahead;
        let mean = ahead + ratio;
        let variance = spread + station.squared() * ahead + station.residual_variation() * ratio * ratio;
        (mean / station.capacity(), variance / (mean * mean))
    }

    /// Of those who take one of the places from `first` up to `end`, and of all who do not wait where `first` is 0. In all
    /// `waits` of those let in wait, and `unanswered` of all go.
    fn places(&self, first: f64, end: f64, waits: f64, unanswered: f64) -> Answers {
        let station = self.station;
        let taken = waits * self.share(first, end);
        let at_once = if first == 0.0 { 1.0 - waits } else { 0.0 };
        let answers = Answers { unanswered, ..Answers::at_once(station.service, station.variation) };
        if taken <= 1e-12 {
            return answers;
        }
        let (delay, squared_variation) = self.wait_for(first, end);
        let delayed = taken / (taken + at_once);
        // One server with equal work is done with those ahead for sure.
        let is_sure = station.variation <= 0.0 && station.servers <= 1.0;
        Answers {
            delayed,
            delay,
            squared_variation,
            longest: self.limits.timeout.min(if is_sure { end / station.capacity() } else { f64::INFINITY }),
            in_line: delayed * delay,
            ..answers
        }
    }

    /// Tells how the answers of the next `span` are spread.
    pub fn tell(&self, span: f64, each: &mut dyn FnMut(&Answers, f64)) {
        if self.shares() || !(self.is_by_length() || self.load >= 1.0) {
            return each(&self.answers(), span);
        }
        if !self.is_by_length() {
            return self.tell_slices(span, each);
        }
        // A few places at a time, for a gamma distribution of all would be wider than the line is long.
        let (waits, unanswered, length) = (self.delayed(), self.lost(), self.limits.length);
        let (mut first, mut at_once) = (0.0, 1.0 - waits);
        while first < length {
            let end = (first + (first / 4.0).floor().max(1.0)).min(length);
            let share = waits * self.share(first, end) + at_once;
            if share > 1e-9 {
                each(&self.places(first, end, waits, unanswered), span * share);
            }
            (first, at_once) = (end, 0.0);
        }
    }
}

/// Parts of the longest wait.
const SLICES: usize = 16;

impl Bounded<'_> {
    /// A wait that is the likelier the longer it is, up to the patience of those in line.
    fn tell_slices(&self, span: f64, each: &mut dyn FnMut(&Answers, f64)) {
        let (decay, width) = (self.decay(), self.full / SLICES as f64);
        let whole = self.answers();
        let waits = whole.delayed;
        // The share of the slices above each, from the longest on.
        let up = (decay * width).exp();
        let (mean, square) = cut(decay, width);
        let mut left = waits * (1.0 - up) / (1.0 - up.powi(SLICES as i32));
        for slice in (0..SLICES).rev() {
            let delay = slice as f64 * width + mean;
            let at_once = if slice == 0 { 1.0 - waits } else { 0.0 };
            let share = left + at_once;
            if share > 1e-9 {
                let squared_variation = (square - mean * mean) / (delay * delay);
                let in_line = delay * left / share;
                each(&Answers { delayed: left / share, delay, squared_variation, in_line, ..whole }, span * share);
            }
            left *= up;
        }
    }
}

/// Mean and variance of a place from zero up to `places`, each `exp(ln_next)` times as likely as the one before.
fn geometric(ln_next: f64, places: f64) -> (f64, f64) {
    let down = -ln_next.abs();
    let (one, all) = (-down.exp_m1(), -(down * places).exp_m1());
    let (next, last) = (down.exp(), (down * places).exp());
    let mean = next / one - places * last / all;
    let variance = (next / (one * one) - places * places * last / (all * all)).max(0.0);
    (if ln_next < 0.0 { mean } else { (places - 1.0).max(0.0) - mean }, variance)
}

/// Mean and mean square of a time that is at most `longest`, whose density falls (or grows) by `decay` a second.
fn cut(decay: f64, longest: f64) -> (f64, f64) {
    let (mean, times) = (1.0 / decay, longest * decay);
    if times > 30.0 {
        return (mean, 2.0 * mean * mean);
    }
    if times < -30.0 {
        let first = longest + mean;
        return (first, first * first + mean * mean);
    }
    let beyond = (-times).exp() / -(-times).exp_m1();
    let first = mean * (1.0 - times * beyond);
    (first, 2.0 * mean * first - longest * longest * beyond)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn station(servers: f64) -> Station {
        Station { servers, slots: servers, pods: servers, service: 0.1, variation: 1.0 }
    }

    /// The chances of M/M/m with so many places, state by state.
    fn chances(servers: usize, load: f64, places: usize) -> Vec<f64> {
        let mut of = vec![1.0];
        for state in 1..=servers + places {
            of.push(of[state - 1] * load * servers as f64 / state.min(servers) as f64);
        }
        let all: f64 = of.iter().sum();
        of.iter().map(|one| one / all).collect()
    }

    #[test]
    fn exponential_work_is_the_textbooks_queue_below_and_above_capacity() {
        for (servers, load, places) in [(1, 0.8, 3), (1, 1.5, 3), (3, 0.9, 5), (3, 2.5, 10), (10, 1.1, 1), (1, 1.0, 4)]
        {
            let station = station(servers as f64);
            let limits = Limits { timeout: f64::INFINITY, length: places as f64 };
            let of = chances(servers, load, places);
            let bounded = Bounded::new(&station, load, limits, places as f64 / station.capacity());
            let near = |told: f64, exact: f64| {
                assert!((told - exact).abs() < 1e-4 * exact, "{servers} {load} {places}: {told}, exactly {exact}");
            };
            near(bounded.lost(), of[servers + places]);
            let in_line: f64 = (1..=places).map(|waiting| waiting as f64 * of[servers + waiting]).sum();
            let answers = bounded.answers();
            // Little's law.
            near(answers.delayed * answers.delay, in_line / (load * station.capacity() * (1.0 - bounded.lost())));
            let mut shares = 0.0;
            bounded.tell(1.0, &mut |_, share| shares += share);
            near(shares, 1.0);
        }
    }

    /// M/M/1 with a patience: the density of the wait is exponential up to it, falling or growing.
    #[test]
    fn patience_cuts_the_wait() {
        for load in [0.8f64, 1.5] {
            let station = station(1.0);
            let limits = Limits { timeout: 0.3, length: f64::INFINITY };
            let bounded = Bounded::new(&station, load, limits, 0.3);
            let (rate, arrivals) = (10.0 * (1.0 - load), 10.0 * load);
            let beyond = (-rate * 0.3f64).exp();
            let all = 1.0 + arrivals * (1.0 - beyond) / rate + load * beyond;
            assert!((bounded.lost() - load * beyond / all).abs() < 1e-9, "{}", bounded.lost());
            let waits = (1..=30_000).map(|at| (f64::from(at) - 0.5) * 1e-5).map(|wait| (wait, (-rate * wait).exp()));
            let (sum, weight) = waits.fold((0.0, 0.0), |(s, w), (wait, part)| (s + wait * part, w + part));
            assert!((bounded.stationary().0 - sum / weight).abs() < 1e-6);
        }
    }

    #[test]
    fn very_long_lines_and_loads_have_finite_figures() {
        for (load, length) in [(5.0, 1e6), (1.000_001, 1e6), (0.99, 1e6), (50.0, 1.0), (1e-9, 5.0)] {
            for slots in [3.0, 12.0] {
                let station = Station { slots, ..station(3.0) };
                let limits = Limits { timeout: f64::INFINITY, length };
                let bounded = Bounded::new(&station, load, limits, length / station.capacity());
                let answers = bounded.answers();
                let figures =
                    [bounded.lost(), answers.delayed, answers.delay, answers.squared_variation, answers.in_line];
                assert!(
                    figures.iter().all(|figure| figure.is_finite() && *figure >= 0.0),
                    "{load} {length}: {answers:?}"
                );
            }
        }
    }
}
