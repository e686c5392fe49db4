//! How near the model comes: percentiles of latency against textbook formulas, and against a simulation of every
//! single request under recorded and under drawn arrivals, within a tenth below 95 % load.

use super::exact::{Answered, Chance, Pods, Request, arrivals, simulate};
use super::{Case, near};

/// Demand in steps: seconds, requests a second.
type Rates = [(f64, f64)];

/// Pods of whole cores.
#[derive(Clone, Copy)]
struct Service {
    pods: u32,
    cores: u32,
    concurrency: u32,
    seconds: f64,
    variation: f64,
}

const ONE: Service = Service { pods: 1, cores: 1, concurrency: 1, seconds: 0.1, variation: 0.0 };

impl Service {
    fn capacity(&self) -> f64 {
        f64::from(self.pods * self.cores.min(self.concurrency)) / self.seconds
    }

    fn case(&self, rates: &Rates, minutes: u32, queue: &str) -> Case {
        let points: Vec<String> =
            rates.iter().map(|(at, rate)| format!("{{at: {at}s, value: {}m}}", (rate * 1000.0).round())).collect();
        let (micros, Service { concurrency, variation, .. }) = ((self.seconds * 1e6).round(), self);
        let load = format!(
            "      requests: {{replay: {{points: [{}]}}}}\n      \
             perRequest: {{cpu: {micros}us, concurrency: {concurrency}, variation: {variation}}}\n{queue}",
            points.join(", ")
        );
        let mut case =
            Case::new(&load, &format!("requests: {{cpu: {0}, memory: 1Mi}}, limits: {{cpu: {0}}}", self.cores));
        (case.replicas, case.minutes) = (self.pods, minutes);
        case
    }

    /// The model's `[mean, p50, p95, p99]`.
    fn model(&self, rates: &Rates, minutes: u32) -> [f64; 4] {
        self.model_of(rates, minutes, "")
    }

    fn model_of(&self, rates: &Rates, minutes: u32, more: &str) -> [f64; 4] {
        let latency = self.case(rates, minutes, more).web()["latency_seconds"].clone();
        ["mean", "p50", "p95", "p99"].map(|name| latency[name].as_f64().unwrap())
    }

    fn pods(&self) -> Pods {
        let (cores, slots) = (f64::from(self.cores), self.concurrency as usize);
        Pods { count: self.pods as usize, cores, slots, timeout: f64::INFINITY, line: usize::MAX }
    }

    /// Every request under Poisson arrivals, `rounds` times over.
    fn exact(&self, rates: &Rates, minutes: u32, rounds: u64) -> [f64; 4] {
        figures(&self.exact_of(rates, minutes, rounds, self.pods()))
    }

    fn exact_of(&self, rates: &Rates, minutes: u32, rounds: u64, pods: Pods) -> Answered {
        let end = f64::from(minutes) * 60.0;
        let mut all = Answered { latencies: Vec::new(), dropped: 0 };
        for round in 0..rounds {
            let mut work = |chance: &mut Chance| match self.variation {
                0.0 => self.seconds,
                1.0 => self.seconds * chance.exponential(),
                // An Erlang distribution of four steps: its coefficient of variation is a half.
                _ => (0..4).map(|_| chance.exponential()).sum::<f64>() * self.seconds / 4.0,
            };
            let requests = arrivals(rates, end, &mut Chance::new(round), &mut work);
            let answered = simulate(&requests, pods);
            all.latencies.extend(answered.latencies);
            all.dropped += answered.dropped;
        }
        all.latencies.sort_by(f64::total_cmp);
        all
    }
}

fn figures(answered: &Answered) -> [f64; 4] {
    [answered.mean(), answered.percentile(50), answered.percentile(95), answered.percentile(99)]
}

/// Each of mean, p50, p95 and p99 within so much of the exact one.
#[track_caller]
fn agree(what: &str, model: [f64; 4], exact: [f64; 4], within: f64) {
    let off: Vec<String> =
        model.iter().zip(exact).map(|(model, exact)| format!("{:+.1} %", 100.0 * (model / exact - 1.0))).collect();
    let worst = model.iter().zip(exact).map(|(model, exact)| (model / exact - 1.0).abs()).fold(0.0, f64::max);
    assert!(worst <= within, "{what}: mean, p50, p95, p99 are off by {off:?}: {model:.4?}, exact {exact:.4?}");
}

#[test]
fn one_server_with_exponential_work_is_the_mm1_queue() {
    let service = Service { variation: 1.0, ..ONE };
    for load in [0.3, 0.6, 0.9] {
        let mean = 0.1 / (1.0 - load);
        let exact = [mean, mean * 2f64.ln(), mean * 20f64.ln(), mean * 100f64.ln()];
        agree(&format!("M/M/1 at {load}"), service.model(&[(0.0, load * 10.0)], 600), exact, 0.03);
    }
}

/// Erlang's C formula: 10 servers at 80 % make 40.92 % wait, for half a service time on average.
#[test]
fn ten_servers_with_exponential_work_are_the_mm10_queue() {
    let service = Service { pods: 10, variation: 1.0, ..ONE };
    let latency = service.case(&[(0.0, 80.0)], 600, "").web()["latency_seconds"].clone();
    near(&latency["mean"], 0.1 + 0.409_18 * 0.1 / (10.0 * 0.2), 0.01);
    // P(T > t) of the textbook, at t = 0.342 5: five in a hundred.
    let exceeds = |t: f64| {
        let (served, drain) = ((-10.0 * t).exp(), 20.0);
        (1.0 - 0.409_18) * served + 0.409_18 * (drain * served - 10.0 * (-drain * t).exp()) / (drain - 10.0)
    };
    let p95 = latency["p95"].as_f64().unwrap();
    assert!((exceeds(p95) / 0.05 - 1.0).abs() < 0.05, "{p95} is exceeded by {}", exceeds(p95));
}

/// Pollaczek and Khinchine: the mean wait is half that of exponential work.
#[test]
fn one_server_with_equal_work_is_the_md1_queue() {
    for load in [0.3f64, 0.6, 0.9] {
        let latency = ONE.case(&[(0.0, load * 10.0)], 600, "").web()["latency_seconds"].clone();
        near(&latency["mean"], 0.1 + load * 0.1 / (2.0 * (1.0 - load)), 0.01);
        // The known distribution of its wait, where a tenth of a second of it is not exceeded: P(W <= s) = (1 - load) e^load.
        if load < 0.5 {
            near(&latency["p50"], 0.1, 0.001);
            near(&latency["p95"], 0.1 + 0.1 * 1.035, 0.1);
        }
    }
}

/// The mean under processor sharing hangs on the mean of the work alone.
#[test]
fn one_shared_processor_is_the_mg1_ps_queue() {
    for variation in [0.0, 0.5, 1.0, 2.0] {
        for load in [0.3, 0.6, 0.9] {
            let service = Service { concurrency: 100_000, variation, ..ONE };
            let latency = service.case(&[(0.0, load * 10.0)], 600, "").web()["latency_seconds"].clone();
            near(&latency["mean"], 0.1 / (1.0 - load), 0.01);
        }
    }
}

#[test]
fn steady_demand_against_every_single_request() {
    for (service, load) in [
        (ONE, 0.5),
        (ONE, 0.9),
        (Service { variation: 0.5, ..ONE }, 0.8),
        (Service { pods: 3, ..ONE }, 0.7),
        (Service { pods: 12, ..ONE }, 0.9),
        (Service { cores: 4, concurrency: 4, ..ONE }, 0.8),
        (Service { concurrency: 8, ..ONE }, 0.8),
        (Service { concurrency: 8, variation: 1.0, ..ONE }, 0.8),
        (Service { concurrency: 100, variation: 0.5, ..ONE }, 0.7),
        (Service { pods: 3, concurrency: 8, ..ONE }, 0.7),
        (Service { pods: 12, concurrency: 8, variation: 0.5, ..ONE }, 0.9),
        (Service { pods: 3, cores: 2, concurrency: 6, ..ONE }, 0.8),
    ] {
        let rate = service.capacity() * load;
        let rates = [(0.0, rate)];
        let what = format!("{} pods, {service_text} at {load}", service.pods, service_text = text(&service));
        let minutes = (60_000.0 / rate / 60.0).ceil() as u32;
        agree(&what, service.model(&rates, 600), service.exact(&rates, minutes, 4), 0.1);
    }
}

/// A line that is bounded by its length or by the patience of those in it: latencies of the answered, and how many
/// are not.
#[test]
fn bounded_lines_against_every_single_request() {
    for (service, load, line, timeout) in [
        (ONE, 0.9, 10, f64::INFINITY),
        (ONE, 0.94, 3, f64::INFINITY),
        (Service { variation: 1.0, ..ONE }, 0.9, 10, f64::INFINITY),
        (Service { variation: 0.5, ..ONE }, 0.8, 1, f64::INFINITY),
        (Service { pods: 3, variation: 1.0, ..ONE }, 0.94, 10, f64::INFINITY),
        (Service { pods: 12, ..ONE }, 0.9, 5, f64::INFINITY),
        (Service { cores: 4, concurrency: 4, variation: 0.5, ..ONE }, 0.9, 3, f64::INFINITY),
        (Service { concurrency: 2, variation: 1.0, ..ONE }, 0.9, 3, f64::INFINITY),
        (Service { pods: 3, concurrency: 4, variation: 1.0, ..ONE }, 0.9, 10, f64::INFINITY),
        (ONE, 0.9, usize::MAX, 0.5),
        (ONE, 0.5, usize::MAX, 0.1),
        (Service { variation: 1.0, ..ONE }, 0.94, usize::MAX, 0.5),
        (Service { variation: 1.0, ..ONE }, 0.8, usize::MAX, 0.1),
        (Service { pods: 3, variation: 0.5, ..ONE }, 0.9, usize::MAX, 0.1),
        (Service { pods: 3, concurrency: 4, variation: 1.0, ..ONE }, 0.9, usize::MAX, 0.5),
        // At capacity and above it.
        (Service { variation: 1.0, ..ONE }, 1.05, 3, f64::INFINITY),
        (Service { variation: 1.0, ..ONE }, 1.5, 3, f64::INFINITY),
        (Service { variation: 1.0, ..ONE }, 1.5, usize::MAX, 0.3),
        (Service { pods: 2, variation: 1.0, ..ONE }, 1.5, 50, f64::INFINITY),
        (Service { pods: 3, ..ONE }, 1.2, 10, f64::INFINITY),
        (Service { pods: 3, variation: 0.5, ..ONE }, 1.0, usize::MAX, 0.5),
        (Service { cores: 4, concurrency: 4, variation: 1.0, ..ONE }, 2.5, 8, f64::INFINITY),
    ] {
        let rates = [(0.0, service.capacity() * load)];
        let minutes = (60_000.0 / rates[0].1 / 60.0).ceil() as u32;
        let exact = service.exact_of(&rates, minutes, 4, Pods { line, timeout, ..service.pods() });
        let (bound, what) = match line {
            usize::MAX => (format!("timeout: {}ms", timeout * 1000.0), format!("timeout {timeout}")),
            _ => (format!("maxLength: {line}"), format!("line of {line}")),
        };
        let what = format!("{} pods, {} at {load}, {what}", service.pods, text(&service));
        let case = service.case(&rates, 600, &format!("      queue: {{{bound}}}"));
        let web = case.web();
        let model = ["mean", "p50", "p95", "p99"].map(|name| web["latency_seconds"][name].as_f64().unwrap());
        agree(&what, model, figures(&exact), 0.1);
        let dropped = exact.dropped as f64 / (exact.dropped + exact.latencies.len()) as f64;
        let told = web["dropped_fraction"].as_f64().unwrap();
        assert!((told - dropped).abs() < 0.005 + 0.12 * dropped, "{what}: {told} are dropped, exactly {dropped}");
    }
}

fn text(service: &Service) -> String {
    let Service { cores, concurrency, variation, .. } = service;
    format!("{cores} cores, concurrency {concurrency}, variation {variation}")
}

/// A line that grows for some minutes and drains: neither a formula of one minute nor a fluid would do.
#[test]
fn demand_that_comes_and_goes() {
    for (service, loads) in [
        (ONE, [0.5, 0.94, 0.7, 0.94, 0.3, 0.9]),
        (ONE, [0.5, 1.2, 0.6, 0.9, 1.05, 0.4]),
        (Service { pods: 8, variation: 1.0, ..ONE }, [0.6, 1.1, 0.8, 0.98, 0.5, 0.94]),
        (Service { pods: 4, concurrency: 8, variation: 0.5, ..ONE }, [0.6, 1.1, 0.8, 0.9, 0.5, 0.94]),
        (Service { pods: 8, seconds: 5.0, variation: 0.5, ..ONE }, [0.3, 1.2, 0.5, 0.9, 0.5, 0.7]),
    ] {
        let rates: Vec<(f64, f64)> =
            loads.iter().enumerate().map(|(index, load)| (120.0 * index as f64, load * service.capacity())).collect();
        let what = format!("{loads:?} on {} pods, {}", service.pods, text(&service));
        agree(&what, service.model(&rates, 12), service.exact(&rates, 12, 24), 0.15);
    }
}

/// Requests of a trace, and their rate by window of so many seconds.
fn trace(text: &str, window: f64, work: impl Fn(&[f64]) -> f64) -> (Vec<Request>, Vec<(f64, f64)>) {
    let mut requests = Vec::new();
    for line in text.lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        requests.push(Request { at: cells[0], work: work(&cells) });
    }
    let windows = (requests.last().unwrap().at / window).ceil() as usize;
    let mut rates: Vec<(f64, f64)> = (0..windows).map(|index| (window * index as f64, 0.0)).collect();
    requests.iter().for_each(|request| rates[(request.at / window) as usize % windows].1 += 1.0 / window);
    (requests, rates)
}

/// The trace's own arrivals and work, against the model that knows its rate a window, and mean and variation of its
/// work. `peak` is the load of its busiest window.
fn replay(what: &str, (mut requests, rates): (Vec<Request>, Vec<(f64, f64)>), pods: u32, concurrency: u32, peak: f64) {
    let busiest = rates.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let mean = requests.iter().map(|request| request.work).sum::<f64>() / requests.len() as f64;
    let mut sizes: Vec<f64> = requests.iter().map(|request| request.work / mean).collect();
    sizes.sort_by(f64::total_cmp);
    // The mean of each 500th of the requests.
    let quantiles = sizes.chunks(sizes.len().div_ceil(500));
    let quantiles: Vec<String> =
        quantiles.map(|part| format!("{:.4}", part.iter().sum::<f64>() / part.len() as f64)).collect();
    let sizes = format!("      requestSizes: [{}]", quantiles.join(", "));
    let seconds = peak * f64::from(pods) / busiest;
    requests.iter_mut().for_each(|request| request.work *= seconds / mean);
    let service = Service { pods, concurrency, seconds, ..ONE };
    let minutes = (requests.last().unwrap().at / 60.0).ceil() as u32;
    let exact = figures(&simulate(&requests, service.pods()));
    agree(
        &format!("{what}, {pods} pods, {}, peak {peak}", text(&service)),
        service.model_of(&rates, minutes, &sizes),
        exact,
        0.1,
    );
}

/// Twenty minutes of a chat service (Azure's public LLM trace of 2023): work by prompt and answer length.
#[test]
fn requests_to_a_chat_service() {
    for (pods, concurrency) in [(1, 1), (8, 1), (32, 1), (1, 16), (8, 4)] {
        for peak in [0.5, 0.94] {
            let work = |cells: &[f64]| cells[1] * 0.000_2 + cells[2] * 0.02;
            replay("chat", trace(include_str!("data/azure-llm-2023.csv"), 30.0, work), pods, concurrency, peak);
        }
    }
}

/// Four days of image generation (Alibaba's GenTD26): measured times.
#[test]
fn requests_for_images() {
    for (pods, peak) in [(3, 0.5), (3, 0.8), (3, 0.94), (1, 0.5)] {
        let work = |cells: &[f64]| cells[1];
        replay("images", trace(include_str!("data/genai-requests-2026.csv"), 600.0, work), pods, 1, peak);
    }
}
