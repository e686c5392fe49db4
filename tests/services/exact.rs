//! The latencies of the model against a simulation of every single request, which shares no code with it.

use std::collections::VecDeque;

/// Pods that are alike, as the simulation of single requests sees them.
#[derive(Clone, Copy)]
pub struct Pods {
    pub count: usize,
    pub cores: f64,
    /// Requests in one pod at the same time.
    pub slots: usize,
    /// Longest wait for a slot in seconds.
    pub timeout: f64,
    /// Most requests that wait for one.
    pub line: usize,
}

/// One request: when it comes, and its seconds of one core.
#[derive(Clone, Copy)]
pub struct Request {
    pub at: f64,
    pub work: f64,
}

/// What became of them.
pub struct Answered {
    /// Ascending.
    pub latencies: Vec<f64>,
    pub dropped: usize,
}

impl Answered {
    pub fn percentile(&self, percent: usize) -> f64 {
        self.latencies[(self.latencies.len() * percent).div_ceil(100) - 1]
    }

    pub fn mean(&self) -> f64 {
        self.latencies.iter().sum::<f64>() / self.latencies.len() as f64
    }
}

/// A pod at work: each request gets a core, or its share of those that there are.
#[derive(Default)]
struct Pod {
    at: f64,
    /// Instant of arrival, and seconds of work left.
    inside: Vec<(f64, f64)>,
}

impl Pod {
    fn speed(&self, cores: f64) -> f64 {
        (cores / self.inside.len() as f64).min(1.0)
    }

    fn work_until(&mut self, now: f64, cores: f64) {
        if !self.inside.is_empty() {
            let done = (now - self.at) * self.speed(cores);
            self.inside.iter_mut().for_each(|(_, left)| *left -= done);
        }
        self.at = now;
    }

    fn next_end(&self, cores: f64) -> f64 {
        let least = self.inside.iter().map(|(_, left)| *left).fold(f64::INFINITY, f64::min);
        self.at + least / self.speed(cores)
    }
}

/// Every request goes to the pod with the fewest in it, and waits in one line while all are full.
pub fn simulate(requests: &[Request], pods: Pods) -> Answered {
    let mut state: Vec<Pod> = (0..pods.count).map(|_| Pod::default()).collect();
    let mut line: VecDeque<Request> = VecDeque::new();
    let mut answered = Answered { latencies: Vec::with_capacity(requests.len()), dropped: 0 };
    let mut coming = requests.iter().copied().peekable();
    loop {
        let ends = state.iter().enumerate().map(|(index, pod)| (index, pod.next_end(pods.cores)));
        let ends = ends.filter(|(_, end)| end.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1));
        let arrival = coming.peek().map_or(f64::INFINITY, |request| request.at);
        let Some((ending, end)) = ends.filter(|(_, end)| *end <= arrival) else {
            let Some(request) = coming.next() else { break };
            while line.front().is_some_and(|first| request.at - first.at > pods.timeout) {
                line.pop_front();
                answered.dropped += 1;
            }
            if line.len() >= pods.line && state.iter().all(|pod| pod.inside.len() >= pods.slots) {
                answered.dropped += 1;
                continue;
            }
            line.push_back(request);
            admit(&mut state, &mut line, request.at, pods, &mut answered);
            continue;
        };
        let pod = &mut state[ending];
        pod.work_until(end, pods.cores);
        let least = pod.inside.iter().enumerate().min_by(|a, b| a.1.1.total_cmp(&b.1.1)).unwrap().0;
        let (came, _) = pod.inside.swap_remove(least);
        answered.latencies.push(end - came);
        admit(&mut state, &mut line, end, pods, &mut answered);
    }
    answered.latencies.sort_by(f64::total_cmp);
    answered
}

fn admit(state: &mut [Pod], line: &mut VecDeque<Request>, now: f64, pods: Pods, answered: &mut Answered) {
    while let Some(first) = line.front().copied() {
        if now - first.at > pods.timeout {
            line.pop_front();
            answered.dropped += 1;
            continue;
        }
        let emptiest = state.iter_mut().min_by_key(|pod| pod.inside.len()).unwrap();
        if emptiest.inside.len() >= pods.slots {
            break;
        }
        line.pop_front();
        emptiest.work_until(now, pods.cores);
        emptiest.inside.push((first.at, first.work));
    }
}

/// Numbers that look random: SplitMix64.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// Within 0 and 1, never 0.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + 1e-16
    }

    pub fn exponential(&mut self) -> f64 {
        -self.unit().ln()
    }
}

/// Poisson arrivals at the rate that holds from each instant on, up to `end`.
pub fn arrivals(
    rates: &[(f64, f64)],
    end: f64,
    chance: &mut Chance,
    work: &mut dyn FnMut(&mut Chance) -> f64,
) -> Vec<Request> {
    let mut requests = Vec::new();
    for (index, (from, rate)) in rates.iter().enumerate() {
        if *rate <= 0.0 {
            continue;
        }
        let to = rates.get(index + 1).map_or(end, |next| next.0);
        let mut at = *from;
        loop {
            at += chance.exponential() / rate;
            if at >= to {
                break;
            }
            let work = work(chance);
            requests.push(Request { at, work });
        }
    }
    requests
}
