//! The latencies of all requests of a run: a histogram, and the tally from which it is made.
//!
//! Demand that comes as a rate has no single requests. For each stretch of time the model says how its requests'
//! answers are spread ([`Answers`]), and the tally adds that up, weighted by requests: a stretch costs two additions,
//! whatever it holds, and the memory is bounded by the number of bins.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::shape;

/// How the answers to the requests of one stretch of time are spread: work that takes `service` by itself, and for
/// some requests a wait on top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answers {
    /// Mean seconds of a request that is alone.
    pub service: f64,
    /// Coefficient of variation of the work of single requests (gamma).
    pub variation: f64,
    /// The share of requests that are not answered: the line is full, or the wait too long.
    pub unanswered: f64,
    /// The share of requests that wait at all, or share a core. This and what follows is as if none went; of those
    /// answered no wait exceeds `longest`.
    pub delayed: f64,
    /// Mean seconds that those wait on top.
    pub delay: f64,
    /// Squared coefficient of variation of that.
    pub squared_variation: f64,
    /// Up to here a delay grows with a request's own work, for cores are shared; the rest is spent in line.
    pub shared_up_to: f64,
    /// Mean seconds spent in line, over all requests.
    pub in_line: f64,
    /// Whoever would have to wait longer is not answered.
    pub longest: f64,
}

impl Answers {
    /// Nobody waits.
    pub const fn at_once(service: f64, variation: f64) -> Answers {
        Answers {
            service,
            variation,
            unanswered: 0.0,
            delayed: 0.0,
            delay: 0.0,
            squared_variation: 1.0,
            shared_up_to: 0.0,
            in_line: 0.0,
            longest: f64::INFINITY,
        }
    }

    /// Mean of those that are answered.
    pub fn mean(&self) -> f64 {
        if self.is_cut() { self.cut_mean() } else { self.service + self.delayed * self.delay }
    }

    /// Whether some of the requests wait too long to be answered.
    pub fn is_cut(&self) -> bool {
        self.delayed > 0.0 && self.longest < self.delay * 30.0 * self.squared_variation.max(1.0)
    }

    /// The share whose wait as it is spread exceeds the longest.
    pub fn too_late(&self) -> f64 {
        if !self.is_cut() {
            return 0.0;
        }
        self.delayed * shape::beyond(self.squared_variation, self.longest / self.delay)
    }

    fn cut_mean(&self) -> f64 {
        let (mut weight, mut sum) = (1.0 - self.delayed, 0.0);
        for (of, part) in shape::about(self.squared_variation) {
            let (mass, times) = shape::shapes()[of].up_to(self.longest / self.delay);
            weight += self.delayed * part * mass;
            sum += self.delayed * part * times * self.delay;
        }
        self.service + if weight > 0.0 { sum / weight } else { 0.0 }
    }

    /// The latency that a share `percentile` of the answered requests does not exceed, where requests are of these
    /// relative `sizes` (none: gamma-distributed).
    pub fn percentile(&self, percentile: f64, sizes: &[f64]) -> f64 {
        let late = self.too_late();
        let tail = late + (1.0 - late) * (1.0 - percentile);
        if self.variation <= 0.0 {
            return self.service + self.delay_beyond(tail);
        }
        let work = points(sizes, self.variation, 0.3);
        let (mut low, mut high) = (0.0, self.service);
        while self.exceed(high, &work) > tail && high < 1e9 {
            high *= 2.0;
        }
        for _ in 0..30 {
            let middle = (low + high) / 2.0;
            if self.exceed(middle, &work) > tail { low = middle } else { high = middle }
        }
        high
    }

    /// The delay that a share `tail` of all requests exceeds.
    fn delay_beyond(&self, tail: f64) -> f64 {
        if self.delayed <= tail || self.delay <= 0.0 {
            return 0.0;
        }
        let (mut low, mut high) = (0.0, 1.0);
        let exceed = |times: f64| self.delayed * shape::beyond(self.squared_variation, times);
        while exceed(high) > tail && high < 1e4 {
            high *= 2.0;
        }
        for _ in 0..40 {
            let middle = (low + high) / 2.0;
            if exceed(middle) > tail { low = middle } else { high = middle }
        }
        (high * self.delay).min(self.longest)
    }

    /// The share of requests whose answer takes longer than `seconds`, where single requests take `work`.
    fn exceed(&self, seconds: f64, work: &[(f64, f64)]) -> f64 {
        let share = |(size, weight): &(f64, f64)| {
            let left = seconds - self.service * size;
            let delayed = if left <= 0.0 {
                1.0
            } else if self.delay <= 0.0 {
                0.0
            } else {
                let shared = self.shared_up_to;
                // The delay of a request of mean size that becomes `left` for this one.
                let delay = if left <= shared * size { left / size } else { left + shared * (1.0 - size) };
                shape::beyond(self.squared_variation, delay / self.delay)
            };
            weight * if left <= 0.0 { 1.0 } else { self.delayed * delayed }
        };
        work.iter().map(share).sum()
    }
}

/// The latencies of all answered requests so far, for whoever counts them in buckets.
#[derive(Clone, Debug)]
pub enum Latencies {
    /// Of requests that were served one by one.
    Each(Histogram),
    /// Of a demand that is a rate.
    ByRate(Box<Tally>),
}

impl Latencies {
    /// Requests that took at most so many seconds each, for ascending `bounds`; and all of them, with the sum of their
    /// seconds.
    pub fn cumulative(&self, bounds: &[f64]) -> (Vec<f64>, f64, f64) {
        match self {
            Latencies::Each(histogram) => histogram.cumulative(bounds),
            Latencies::ByRate(tally) => tally.cumulative(bounds),
        }
    }
}

/// Adds up how answers are spread over a run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Relative sizes of single requests, each as likely as the others; none where they are gamma-distributed.
    sizes: Arc<[f64]>,
    variation: f64,
    /// By the bin of the lone request's time: it changes where pods get more or less of their node.
    by_service: BTreeMap<i32, Delays>,
    /// Of the answered requests, exactly.
    weight: f64,
    sum: f64,
}

/// Requests of (nearly) one service time.
#[derive(Clone, Debug, Default)]
struct Delays {
    weight: f64,
    /// Weighted sum of the service times.
    service: f64,
    not_delayed: f64,
    /// Weighted sum of the delays that are shared.
    shared: f64,
    /// Weight by bin of the mean delay and shape.
    cells: BTreeMap<(i32, usize), f64>,
    /// Weight by bin of the delay, of stretches in which some waited too long.
    delays: Bins,
}

impl Delays {
    /// Weight by bin of the delay.
    fn delays_in_all(&self) -> Bins {
        let mut delays = self.delays.clone();
        for ((bin, of), weight) in &self.cells {
            let shape = &shape::shapes()[*of];
            delays.add_all(bin + shape.first, &shape.mass, *weight);
        }
        delays
    }
}

/// Weights by bin of a delay, from [`FINEST_SECONDS`] on.
#[derive(Clone, Debug, Default)]
struct Bins(Vec<f64>);

impl Bins {
    /// Bin 0 of [`shape::bin_of`] is one second.
    const FIRST: i32 = -2_100;

    fn add(&mut self, bin: i32, weight: f64) {
        let index = (bin - Self::FIRST).max(0) as usize;
        if self.0.len() <= index {
            self.0.resize(index + 1, 0.0);
        }
        self.0[index] += weight;
    }

    /// Adds `weight` times each mass, from this bin on.
    fn add_all(&mut self, bin: i32, masses: &[f64], weight: f64) {
        let below = ((Self::FIRST - bin).max(0) as usize).min(masses.len());
        masses[..below].iter().for_each(|mass| self.add(Self::FIRST, mass * weight));
        let index = (bin - Self::FIRST).max(0) as usize;
        let masses = &masses[below..];
        if self.0.len() < index + masses.len() {
            self.0.resize(index + masses.len(), 0.0);
        }
        self.0[index..].iter_mut().zip(masses).for_each(|(bin, mass)| *bin += mass * weight);
    }

    /// Each bin with all below it.
    fn summed(mut self) -> Bins {
        for bin in 1..self.0.len() {
            self.0[bin] += self.0[bin - 1];
        }
        self
    }

    /// Of summed bins: what does not exceed a delay.
    fn up_to(&self, delay: f64) -> f64 {
        let Some(last) = self.0.len().checked_sub(1).filter(|_| delay > 0.0) else { return 0.0 };
        let bin = shape::bin_of(delay.max(FINEST_SECONDS)) - Self::FIRST;
        usize::try_from(bin).map_or(0.0, |bin| self.0[bin.min(last)])
    }

    fn iter(&self) -> impl Iterator<Item = (i32, f64)> + '_ {
        let filled = self.0.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
        filled.map(|(index, weight)| (index as i32 + Self::FIRST, *weight))
    }
}

/// Finest service time and delay that are told apart.
const FINEST_SECONDS: f64 = 1e-9;

/// Relative sizes of requests with their shares: the given ones, or gamma-distributed ones.
fn points(sizes: &[f64], variation: f64, share: f64) -> Vec<(f64, f64)> {
    if variation <= 0.0 {
        return vec![(1.0, 1.0)];
    }
    if sizes.is_empty() {
        return shape::points(variation * variation, share);
    }
    sizes.iter().map(|size| (*size, 1.0 / sizes.len() as f64)).collect()
}

impl Tally {
    /// For requests of these relative sizes.
    pub fn of_sizes(sizes: Arc<[f64]>) -> Tally {
        Tally { sizes, ..Tally::default() }
    }

    /// Adds `weight` requests whose answers are spread like this; those that wait too long are left out.
    pub fn add(&mut self, answers: &Answers, weight: f64) {
        let (answered, kept) = (weight * (1.0 - answers.unanswered), 1.0 - answers.too_late());
        if answered <= 0.0 || kept <= 0.0 {
            return;
        }
        let weight = answered / kept;
        self.variation = answers.variation;
        self.weight += answered;
        self.sum += answered * answers.mean();
        let group = self.by_service.entry(shape::bin_of(answers.service.max(FINEST_SECONDS)) / 2).or_default();
        group.weight += weight;
        group.service += weight * answers.service;
        let delay = answers.delay.max(0.0);
        if answers.delayed <= 0.0 || delay <= FINEST_SECONDS {
            group.not_delayed += weight;
            return;
        }
        group.not_delayed += weight * (1.0 - answers.delayed);
        group.shared += weight * answers.delayed * answers.shared_up_to.min(1e9);
        if answers.is_cut() {
            let bin = shape::bin_of(delay);
            for (of, part) in shape::about(answers.squared_variation).into_iter().filter(|(_, part)| *part > 0.0) {
                let shape = &shape::shapes()[of];
                let kept = &shape.mass[..shape.bins_up_to(answers.longest / delay)];
                group.delays.add_all(bin + shape.first, kept, weight * answers.delayed * part);
            }
            return;
        }
        let bin = shape::bin_of(delay);
        for (shape, share) in shape::about(answers.squared_variation).into_iter().filter(|(_, share)| *share > 0.0) {
            *group.cells.entry((bin, shape)).or_default() += weight * answers.delayed * share;
        }
    }

    /// The latencies as they are spread over all requests.
    pub fn histogram(&self) -> Histogram {
        let mut histogram = Histogram::default();
        let work = points(&self.sizes, self.variation, 0.05);
        for group in self.by_service.values() {
            let service = group.service / group.weight;
            for (size, share) in &work {
                histogram.add(service * size, group.not_delayed * share);
            }
            let delayed = group.weight - group.not_delayed;
            let shared = if delayed > 0.0 { group.shared / delayed } else { 0.0 };
            for (bin, weight) in group.delays_in_all().iter() {
                let delay = shape::bin_value(bin);
                for (size, share) in &work {
                    let grown = delay.min(shared) * size + (delay - shared).max(0.0);
                    histogram.add(service * size + grown, weight * share);
                }
            }
        }
        histogram
    }

    /// Requests that took at most so many seconds each, for ascending `bounds`; and all of them, with the sum of their
    /// seconds. As of [`histogram`](Self::histogram), for a hundredth of its cost.
    pub fn cumulative(&self, bounds: &[f64]) -> (Vec<f64>, f64, f64) {
        let work = points(&self.sizes, self.variation, 0.05);
        let (mut counts, mut total) = (vec![0.0; bounds.len()], 0.0);
        for group in self.by_service.values() {
            let service = group.service / group.weight;
            let delayed = group.weight - group.not_delayed;
            let shared = if delayed > 0.0 { group.shared / delayed } else { 0.0 };
            let below = group.delays_in_all().summed();
            total += group.not_delayed + below.0.last().copied().unwrap_or(0.0);
            for (count, bound) in counts.iter_mut().zip(bounds) {
                for (size, share) in &work {
                    let left = bound - service * size;
                    if left < -1e-9 * bound {
                        continue;
                    }
                    // The delay of a request of mean size that becomes `left` for this one.
                    let delay = if left <= shared * size { left / size } else { left + shared * (1.0 - size) };
                    *count += share * (group.not_delayed + below.up_to(delay));
                }
            }
        }
        // The bins lose a little where a wait is cut.
        let scale = if total > 0.0 { self.weight / total } else { 0.0 };
        counts.iter_mut().for_each(|count| *count = (*count * scale).min(self.weight));
        (counts, self.weight, self.sum)
    }

    /// Mean latency of the answered requests; `None` without one.
    pub fn mean(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

/// A histogram of latencies in seconds, in bins half a percent wide. Two of them add up.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// From [`Histogram::FINEST`] on, and all that is below it in the first.
    bins: Vec<Bin>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    weight: f64,
    /// Weight times seconds: one value alone in its bin is told as it was.
    sum: f64,
}

impl Histogram {
    const FINEST: f64 = 1e-6;
    const LN_RATIO: f64 = 0.005;
    /// Far above any run's length.
    const MOST_BINS: usize = 8_000;

    pub fn add(&mut self, seconds: f64, weight: f64) {
        if weight <= 0.0 {
            return;
        }
        let bin = (seconds / Self::FINEST).ln() / Self::LN_RATIO;
        let bin = (bin.max(0.0) as usize).min(Self::MOST_BINS - 1);
        if self.bins.len() <= bin {
            self.bins.resize(bin + 1, Bin::default());
        }
        self.bins[bin].weight += weight;
        self.bins[bin].sum += weight * seconds;
    }

    pub fn merge(&mut self, other: &Histogram) {
        if self.bins.len() < other.bins.len() {
            self.bins.resize(other.bins.len(), Bin::default());
        }
        for (own, bin) in self.bins.iter_mut().zip(&other.bins) {
            own.weight += bin.weight;
            own.sum += bin.sum;
        }
    }

    /// The latency that a share `percentile` of the requests does not exceed; `None` without requests.
    pub fn percentile(&self, percentile: f64) -> Option<f64> {
        let total: f64 = self.bins.iter().map(|bin| bin.weight).sum();
        let wanted = total * percentile * (1.0 - 1e-12);
        let mut below = 0.0;
        let filled = self.bins.iter().filter(|bin| bin.weight > 0.0);
        let mut last = None;
        for bin in filled {
            below += bin.weight;
            last = Some(bin.sum / bin.weight);
            if below >= wanted {
                break;
            }
        }
        last
    }

    /// Requests that took at most so many seconds each, for ascending `bounds`; and all of them, with the sum of their
    /// seconds.
    pub fn cumulative(&self, bounds: &[f64]) -> (Vec<f64>, f64, f64) {
        let (mut counts, mut bound) = (Vec::with_capacity(bounds.len()), 0);
        let (mut weight, mut sum) = (0.0, 0.0);
        for bin in self.bins.iter().filter(|bin| bin.weight > 0.0) {
            while bounds.get(bound).is_some_and(|most| bin.sum / bin.weight > *most) {
                counts.push(weight);
                bound += 1;
            }
            weight += bin.weight;
            sum += bin.sum;
        }
        counts.resize(bounds.len(), weight);
        (counts, weight, sum)
    }

    /// `None` without requests.
    pub fn mean(&self) -> Option<f64> {
        let (weight, sum) = self.bins.iter().fold((0.0, 0.0), |(w, s), bin| (w + bin.weight, s + bin.sum));
        (weight > 0.0).then(|| sum / weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The short way comes to the histogram's buckets.
    #[test]
    fn a_tally_has_the_buckets_of_its_histogram() {
        let bounds = [0.05, 0.11, 0.25, 0.5, 1.0, 2.5, 10.0];
        let answers = |delay, variation, shared_up_to| Answers {
            delayed: 0.7,
            delay,
            shared_up_to,
            ..Answers::at_once(0.1, variation)
        };
        for (variation, shared) in [(0.0, 0.0), (1.0, 0.0), (0.5, 0.3)] {
            let mut tally = Tally::default();
            tally.add(&answers(0.2, variation, shared), 40.0);
            tally.add(&Answers { longest: 0.8, ..answers(0.5, variation, shared) }, 60.0);
            let (counts, weight, sum) = tally.cumulative(&bounds);
            let (wanted, all, seconds) = tally.histogram().cumulative(&bounds);
            for ((count, wanted), bound) in counts.iter().zip(&wanted).zip(bounds) {
                assert!((count - wanted).abs() < 0.012 * all, "{bound}: {counts:?} {wanted:?}");
            }
            near(weight, all, 1e-3);
            near(sum, seconds, 0.02);
        }
    }

    #[test]
    fn buckets_hold_what_took_no_longer() {
        let mut histogram = Histogram::default();
        for seconds in [0.01, 0.02, 0.3, 4.0] {
            histogram.add(seconds, 1.0);
        }
        let (counts, all, sum) = histogram.cumulative(&[0.005, 0.05, 0.5, 1.0]);
        assert_eq!((counts, all), (vec![0.0, 2.0, 3.0, 3.0], 4.0));
        assert!((sum - 4.33).abs() < 1e-9);
    }

    fn near(value: f64, expected: f64, within: f64) {
        assert!((value - expected).abs() <= within * expected.abs(), "{value} is not near {expected}");
    }

    #[test]
    fn a_histogram_gives_the_values_back_within_half_a_percent() {
        let mut values: Vec<f64> = (1..=10_000).map(|i| 0.001 * f64::from(i).powf(1.3)).collect();
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.add(*value, 1.0));
        values.sort_by(f64::total_cmp);
        for percent in [1, 50, 95, 99, 100] {
            let exact = values[(values.len() * percent / 100) - 1];
            near(histogram.percentile(percent as f64 / 100.0).unwrap(), exact, 0.005);
        }
        near(histogram.mean().unwrap(), values.iter().sum::<f64>() / 10_000.0, 1e-9);
        assert_eq!(Histogram::default().percentile(0.5), None);
    }

    #[test]
    fn one_value_is_told_as_it_is() {
        let mut tally = Tally::default();
        tally.add(&Answers::at_once(0.03, 0.0), 3_600.0);
        assert!((tally.histogram().percentile(0.99).unwrap() - 0.03).abs() < 1e-12);
    }

    #[test]
    fn the_tally_of_an_mm1_queue_is_its_exponential() {
        // Service 1, load 0.8: the time in system is exponential with mean 5.
        let answers = Answers { delayed: 0.8, delay: 5.0, ..Answers::at_once(1.0, 1.0) };
        let mut tally = Tally::default();
        tally.add(&answers, 10.0);
        let histogram = tally.histogram();
        near(tally.mean().unwrap(), 5.0, 1e-9);
        for (percentile, tail) in [(0.5, 0.5f64), (0.95, 0.05), (0.99, 0.01)] {
            near(histogram.percentile(percentile).unwrap(), -5.0 * tail.ln(), 0.02);
            near(answers.percentile(percentile, &[]), -5.0 * tail.ln(), 0.03);
        }
    }

    #[test]
    fn percentiles_of_a_run_are_those_of_its_requests_not_of_its_hours() {
        let mut tally = Tally::default();
        tally.add(&Answers::at_once(0.1, 0.0), 9_800.0);
        tally.add(&Answers { delayed: 1.0, delay: 10.0, squared_variation: 0.0, ..Answers::at_once(0.1, 0.0) }, 200.0);
        let histogram = tally.histogram();
        near(histogram.percentile(0.95).unwrap(), 0.1, 1e-9);
        near(histogram.percentile(0.99).unwrap(), 10.1, 0.01);
    }

    #[test]
    fn nobody_is_answered_after_the_longest_wait() {
        let answers = Answers { delayed: 0.9, delay: 4.0, longest: 6.0, ..Answers::at_once(0.5, 0.0) };
        near(answers.too_late(), 0.9 * (-1.5f64).exp(), 0.01);
        let mut tally = Tally::default();
        tally.add(&answers, 100.0);
        let histogram = tally.histogram();
        assert!(histogram.percentile(1.0).unwrap() <= 6.5);
        near(histogram.mean().unwrap(), tally.mean().unwrap(), 0.01);
        assert!(answers.percentile(0.99, &[]) <= 6.5);
    }
}
