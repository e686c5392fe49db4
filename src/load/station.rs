//! Pods as one station of servers, and what those feel who wait before it.

use super::latency::Answers;

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

/// Where the stationary formulas stop: their queue would need hours to build up, and the moments show it.
pub(super) const HIGHEST_LOAD: f64 = 0.999;
/// What sharing one pod while another idles adds, by simulation.
const UNEVEN: f64 = 0.37;
impl Station {
    /// Requests a second.
    pub fn capacity(&self) -> f64 {
        self.servers / self.service
    }

    pub(super) fn squared(&self) -> f64 {
        self.variation * self.variation
    }

    /// The mean wait of those who wait in line, over that of exponential work.
    pub(super) fn wait_ratio(&self, load: f64) -> f64 {
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
    pub(super) fn wait(&self, load: f64) -> f64 {
        self.wait_ratio(load) * self.service / (self.servers * (1.0 - load))
    }

    /// Squared coefficient of variation of that wait: a geometric sum of residual times.
    fn wait_variation(&self, load: f64) -> f64 {
        load + (1.0 - load) * self.residual_variation()
    }

    /// Squared coefficient of variation of the time until the first of the requests in work ends.
    pub(super) fn residual_variation(&self) -> f64 {
        let squared = self.squared();
        let residual = 4.0 * (1.0 + 2.0 * squared) / (3.0 * (1.0 + squared)) - 1.0;
        1.0 - (1.0 - residual) * 3.0 / (self.servers.max(1.0) + 2.0)
    }

    /// How answers are spread where those who wait stand in line for `wait` seconds on average, with that squared
    /// variation; `busy` is the load that the line shows, `load` that of the arrivals.
    pub(super) fn answers(&self, wait: f64, squared_variation: f64, busy: f64, load: f64, longest: f64) -> Answers {
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
    pub(super) fn full_at(&self, stretch: f64) -> f64 {
        (self.slots - self.servers).max(0.0) * self.service / (self.servers * stretch)
    }
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
pub(super) fn erlang_b(servers: f64, offered: f64) -> f64 {
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
