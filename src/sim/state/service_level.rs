//! What `sim::service_level` remembers.

use std::sync::Arc;

use crate::load::each_request::Happened;
use crate::load::latency::{Answers, Histogram, Latencies, Tally};
use crate::load::queueing::{Latency, Limits, Queue, Station};
use crate::load::service::{QueueSpec, RequestCost, Served, Waited, Work};
use crate::sim::records::LatencyFigures;
use crate::units::SimDuration;

/// The requests of one service: those in line, and the latencies of all that were answered.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Line {
    pub(in crate::sim) cost: RequestCost,
    /// Coefficient of variation of single requests' work.
    pub(in crate::sim) variation: f64,
    /// Relative sizes of single requests; none where they are gamma-distributed.
    pub(in crate::sim) sizes: Arc<[f64]>,
    pub(in crate::sim) limits: Limits,
    pub(in crate::sim) servers: Servers,
    pub(in crate::sim) queue: Queue,
    pub(in crate::sim) tally: Tally,
    /// Of the last interval: how answers were spread, and for how many seconds.
    pub(in crate::sim) steps: Vec<(Answers, f64)>,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::sim) enum Servers {
    /// No pod is ready that could answer anything.
    None,
    /// Nothing bounds what the pods can do.
    Boundless,
    Station(Station),
}

/// A wait that changes in one interval is told in parts, each within a tenth of the longest.
pub(in crate::sim) const PARTS: f64 = 10.0;

impl Line {
    pub fn new(cost: RequestCost, sizes: &Arc<[f64]>, queue: &QueueSpec) -> Line {
        let limits = Limits {
            timeout: queue.timeout.map_or(f64::INFINITY, SimDuration::as_secs_f64),
            length: queue.max_length.map_or(f64::INFINITY, |most| most.as_f64()),
        };
        let variation = if sizes.is_empty() {
            cost.variation
        } else {
            (sizes.iter().map(|size| (size - 1.0).powi(2)).sum::<f64>() / sizes.len() as f64).sqrt()
        };
        let (queue, tally) = (Queue::default(), Tally::of_sizes(Arc::clone(sizes)));
        Line {
            cost,
            variation,
            sizes: Arc::clone(sizes),
            limits,
            servers: Servers::None,
            queue,
            tally,
            steps: Vec::new(),
        }
    }

    /// The ready pods from now on: what each can serve (requests per 1,000 seconds), and how long a request takes in
    /// it that is alone.
    pub fn set_station(&mut self, pods: impl Iterator<Item = (i64, SimDuration)>) {
        let (mut capacity, mut servers, mut slots, mut ready) = (0.0, 0.0, 0.0, 0.0);
        for (each, alone) in pods {
            if each == i64::MAX || alone == SimDuration::ZERO {
                self.servers = Servers::Boundless;
                return;
            }
            capacity += each as f64 / 1000.0;
            servers += each as f64 / 1000.0 * alone.as_secs_f64();
            if each > 0 {
                slots += f64::from(self.cost.concurrency.max(1));
                ready += 1.0;
            }
        }
        self.servers = if capacity <= 0.0 {
            Servers::None
        } else {
            // Capacities are rounded down to thousandths; a whole server stays one.
            let service = servers / capacity;
            let whole = f64::round(servers).max(1.0);
            let servers = if (whole - servers).abs() < 1e-3 * whole { whole } else { servers };
            let (slots, variation) = (slots.max(servers), self.variation);
            Servers::Station(Station { servers, slots, pods: ready, service, variation })
        };
    }

    pub(in crate::sim) fn station(&self) -> Option<&Station> {
        if let Servers::Station(station) = &self.servers { Some(station) } else { None }
    }

    /// Moves the line on by `span`; the share of arrivals that go, for they would wait too long.
    pub fn advance(&mut self, demand: i64, span: SimDuration) -> f64 {
        self.steps.clear();
        let steps = &mut self.steps;
        let station = match &self.servers {
            Servers::Boundless => {
                self.queue = Queue::default();
                steps.push((Answers::at_once(0.0, 0.0), span.as_secs_f64()));
                return 0.0;
            }
            Servers::None => None,
            Servers::Station(station) => Some(station),
        };
        self.queue.advance(
            station,
            demand as f64 / 1000.0,
            span.as_secs_f64(),
            &self.limits,
            &mut |answers, seconds| {
                steps.push((*answers, seconds));
            },
        )
    }

    /// Adds the answers of the interval that [`advance`](Self::advance) went through.
    pub fn tell(&mut self, demand: i64, span: SimDuration, served: &Served, waited: &[Waited]) {
        let arrivals = demand as f64 / 1000.0;
        if self.station().is_some_and(|station| self.queue.is_full(station, arrivals, &self.limits)) {
            for (answers, seconds) in &self.steps {
                self.tally.add(answers, arrivals * seconds);
            }
            return;
        }
        let mut late = Work::ZERO;
        if let (Some(station), false) = (self.station().copied(), waited.is_empty()) {
            let capacity = station.capacity();
            let by_chance = ((self.queue.waiting() - served.backlog.units()) / capacity).max(0.0);
            let variance = self.queue.variance() / (capacity * capacity);
            // Nobody stands behind more than the line holds.
            let fullest = self.limits.length / capacity;
            for part in waited {
                late += part.work;
                let (first, change) = (part.first, part.last - part.first);
                let longest = part.first.max(part.last);
                let parts = if longest > 0.0 { (change.abs() / longest * PARTS).ceil().max(1.0) } else { 1.0 };
                for index in 0..parts as u32 {
                    let middle = first + change * (f64::from(index) + 0.5) / parts;
                    let spread = (change / parts).powi(2) / 12.0 + variance;
                    let wait = (middle + by_chance).min(fullest);
                    let answers = Queue::answers_after(&station, wait, spread, &self.limits);
                    self.tally.add(&answers, part.work.units() / parts);
                }
            }
        }
        // The rest was taken up as it came.
        let share = if waited.is_empty() {
            1.0
        } else {
            let all = arrivals * span.as_secs_f64();
            if all > 0.0 { ((served.served - late).units() / all).clamp(0.0, 1.0) } else { 0.0 }
        };
        for (answers, seconds) in &self.steps {
            self.tally.add(answers, arrivals * seconds * share);
        }
        // The line holds what waits for sure, at least; and those who waited too long have left it.
        self.queue.shift(-served.left.units());
        let sure = served.backlog.units();
        let is_short = self.station().is_none() || self.queue.waiting() < sure;
        if is_short {
            self.queue.shift(sure - self.queue.waiting());
        }
    }

    /// Of a demand (requests per 1,000 seconds) what does not go for want of room.
    pub fn kept(&self, demand: i64) -> i64 {
        let bounded = self.limits.timeout.is_finite() || self.limits.length.is_finite();
        match self.station() {
            Some(station) if bounded => {
                let lost = self.queue.refused(station, demand as f64 / 1000.0, &self.limits);
                (demand as f64 * (1.0 - lost)).round() as i64
            }
            _ => demand,
        }
    }

    /// What the metrics say now, with so much work waiting for sure.
    pub fn latency(&self, demand: i64, backlog: Work) -> Option<Latency> {
        match &self.servers {
            Servers::None => None,
            Servers::Boundless => {
                Some(Latency { mean: SimDuration::ZERO, p95: SimDuration::ZERO, queue_length: backlog.units() })
            }
            Servers::Station(station) => {
                let mut latency = self.in_line(station, demand);
                latency.queue_length = latency.queue_length.max(backlog.units());
                Some(latency)
            }
        }
    }

    /// What waits because the pods cannot keep up: for sure, and while more comes than they can do all who stand in line,
    /// those among them who will have waited too long.
    pub fn behind(&self, demand: i64, backlog: Work) -> Work {
        let Some(station) = self.station() else { return backlog };
        if demand as f64 / 1000.0 <= station.capacity() {
            return backlog;
        }
        let in_line = self.in_line(station, demand).queue_length;
        backlog.max(Work::of((in_line * 1000.0).round() as i64, SimDuration::from_secs(1)))
    }

    /// The line now, those among it who will have waited too long too; whom a full line turns away does not wait.
    fn in_line(&self, station: &Station, demand: i64) -> Latency {
        let arrivals = demand as f64 / 1000.0;
        let mut latency = self.queue.latency(station, arrivals, &self.limits, &self.sizes);
        let leave_by_time = self.limits.timeout * station.capacity() <= self.limits.length;
        if arrivals > station.capacity() && leave_by_time && self.limits.timeout.is_finite() {
            let lost = self.queue.refused(station, arrivals, &self.limits);
            latency.queue_length += arrivals * lost * self.limits.timeout;
        }
        latency
    }

    /// Of all requests that were answered.
    pub fn into_latencies(self) -> Latencies {
        Latencies::ByRate(Box::new(self.tally))
    }

    pub(in crate::sim) fn figures(&self) -> Option<LatencyFigures> {
        figures(self.tally.mean()?, &self.tally.histogram())
    }
}

pub(in crate::sim) fn figures(mean: f64, histogram: &Histogram) -> Option<LatencyFigures> {
    let mean = SimDuration::from_secs_f64(mean);
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| histogram.percentile(share).map(SimDuration::from_secs_f64));
    Some(LatencyFigures { mean, p50: p50?, p95: p95?, p99: p99? })
}

/// For how long, and how much.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct ServiceLevel {
    pub(in crate::sim) backlog_max: Work,
    pub(in crate::sim) saturated: SimDuration,
}

impl ServiceLevel {
    /// `in_line` is what waits at the end of the interval.
    pub fn note(&mut self, served: &Served, in_line: Work) {
        self.backlog_max = self.backlog_max.max(in_line);
        self.saturated += served.behind;
    }

    /// Of a service whose requests are served one by one.
    pub fn note_each(&mut self, happened: &Happened) {
        self.backlog_max = self.backlog_max.max(Work::whole(happened.line_max));
        self.saturated += SimDuration::from_secs_f64(happened.behind);
    }
}
