//! What requests feel: an estimate of latency from the M/M/c queue.
//!
//! The fluid of [`service`](super::service) sees only work that outgrows capacity; below that, requests still wait
//! because they come at random. Every ready pod with its concurrency is taken as that many servers with exponential
//! service times, fed by Poisson arrivals in one line. Where work is waiting, the time to clear it comes on top.

use crate::units::SimDuration;

/// Servers and demand of a service at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Requests per second.
    pub arrivals: f64,
    /// Requests in work at the same time, over all ready pods.
    pub servers: u32,
    /// Requests per second that all ready pods can serve.
    pub capacity: f64,
    /// Requests that wait already.
    pub backlog: f64,
}

/// Time from a request's arrival to its answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    pub mean: SimDuration,
    pub p95: SimDuration,
    /// Requests waiting, not counting those in work.
    pub queue_length: f64,
}

/// At this use and above, the formula's endless queue is not believed: it would need hours to build up, and the
/// backlog shows it anyway.
const HIGHEST_UTILIZATION: f64 = 0.99;

/// `None` where no pod is ready: nobody can say how long a request will wait.
pub fn latency(load: &Load) -> Option<Latency> {
    if load.servers == 0 || !(load.capacity.is_finite() && load.capacity > 0.0) {
        return None;
    }
    let service_rate = load.capacity / f64::from(load.servers);
    let arrivals = load.arrivals.clamp(0.0, load.capacity * HIGHEST_UTILIZATION);
    let wait_chance = erlang_c(load.servers, arrivals / service_rate);
    let drain_rate = load.capacity - arrivals;
    let wait = wait_chance / drain_rate;
    let cleared_in = load.backlog.max(0.0) / load.capacity;
    let p95 = quantile(0.05, service_rate, drain_rate, wait_chance);
    Some(Latency {
        mean: SimDuration::from_secs_f64(cleared_in + wait + 1.0 / service_rate),
        p95: SimDuration::from_secs_f64(cleared_in + p95),
        queue_length: load.backlog.max(0.0) + arrivals * wait,
    })
}

/// The chance that a request has to wait, for `servers` and an offered load in servers (Erlang's C formula).
fn erlang_c(servers: u32, offered: f64) -> f64 {
    if offered <= 0.0 {
        return 0.0;
    }
    // Erlang's B by its recursion on the reciprocal, which cannot overflow to a wrong answer: it ends at zero chance.
    let reciprocal = (1..=servers).fold(1.0, |reciprocal, n| 1.0 + reciprocal * f64::from(n) / offered);
    let blocked = 1.0 / reciprocal;
    let utilization = offered / f64::from(servers);
    blocked / (1.0 - utilization * (1.0 - blocked))
}

/// The time that a share `tail` of requests exceeds: the wait (none with chance 1 - C, else exponential with the drain
/// rate) plus an exponential service time, inverted by bisection.
fn quantile(tail: f64, service: f64, drain: f64, wait_chance: f64) -> f64 {
    let exceeds = |t: f64| {
        let served = (-service * t).exp();
        let both = if ((drain - service) / service).abs() < 1e-9 {
            (1.0 + service * t) * served
        } else {
            (drain * served - service * (-drain * t).exp()) / (drain - service)
        };
        (1.0 - wait_chance) * served + wait_chance * both
    };
    let (mut low, mut high) = (0.0, 1.0 / service);
    while exceeds(high) > tail {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if exceeds(middle) > tail { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use rand_distr::Distribution as _;

    use super::*;
    use crate::units::random::stream;

    fn near(value: f64, expected: f64, within: f64) {
        assert!((value - expected).abs() <= within * expected.abs(), "{value} is not near {expected}");
    }

    fn estimate(arrivals: f64, servers: u32, capacity: f64) -> Latency {
        latency(&Load { arrivals, servers, capacity, backlog: 0.0 }).unwrap()
    }

    #[test]
    fn one_server_is_the_mm1_queue() {
        let half = estimate(5.0, 1, 10.0);
        near(half.mean.as_secs_f64(), 1.0 / 5.0, 1e-9);
        near(half.p95.as_secs_f64(), 20f64.ln() / 5.0, 1e-6);
        near(half.queue_length, 0.5, 1e-9);
    }

    #[test]
    fn erlang_c_gives_the_textbooks_figures() {
        near(erlang_c(2, 1.0), 1.0 / 3.0, 1e-12);
        near(erlang_c(10, 8.0), 0.409_180, 1e-5);
        assert_eq!(erlang_c(3, 0.0), 0.0);
        assert!(erlang_c(5_000, 1.0) < 1e-300);
    }

    #[test]
    fn the_estimate_agrees_with_a_simulated_queue() {
        let (arrivals, servers, capacity) = (16.0, 4u32, 20.0);
        let mut rng = stream(3, "test-queue", 0);
        let mut exponential = |rate: f64| -> f64 {
            let unit: f64 = rand_distr::Exp1.sample(&mut rng);
            unit / rate
        };
        let mut free_at = vec![0.0f64; servers as usize];
        let (mut now, mut latencies) = (0.0, Vec::new());
        for _ in 0..400_000 {
            now += exponential(arrivals);
            let server = free_at.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
            *server = server.max(now) + exponential(capacity / f64::from(servers));
            latencies.push(*server - now);
        }
        latencies.sort_by(f64::total_cmp);
        let estimate = estimate(arrivals, servers, capacity);
        near(estimate.mean.as_secs_f64(), latencies.iter().sum::<f64>() / latencies.len() as f64, 0.03);
        near(estimate.p95.as_secs_f64(), latencies[latencies.len() * 95 / 100], 0.03);
    }

    #[test]
    fn a_backlog_comes_on_top_and_overload_stays_finite() {
        let load = Load { arrivals: 30.0, servers: 2, capacity: 10.0, backlog: 100.0 };
        let latency = super::latency(&load).unwrap();
        assert!(latency.mean > SimDuration::from_secs(10) && latency.mean < SimDuration::from_secs(30));
        assert!(latency.p95 > latency.mean);
    }

    #[test]
    fn without_pods_there_is_no_estimate() {
        assert_eq!(latency(&Load { arrivals: 1.0, servers: 0, capacity: 0.0, backlog: 5.0 }), None);
    }
}
