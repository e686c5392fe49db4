//! metrics-server and a Prometheus adapter: what the metrics APIs say, which is what was scraped and not what is.
//!
//! CPU is the rate between the last two scrapes of a container's counter, memory the last one's gauge. A container
//! that has been scraped once has a sample only if it is 10 s old or more and younger than the scrape interval, as
//! metrics-server has it (`pkg/storage/pod.go`, 0.7); before that it has none, and the HPA sees a pod without metrics.

use super::event::Event;
use super::state::services::ServiceReading;
use super::together::{duty_cycle, thousandths};
use super::world::World;
use crate::cluster::{PodId, PodPhase};
use crate::scenario::Demand;
use crate::units::random::stream;
use crate::units::{SimDuration, SimTime};

use super::state::metrics_server::{Meter, Scraped};
use rand::RngExt;

/// A fresh container younger than this has no sample at its first scrape.
const FRESH_CONTAINER_MIN_AGE: SimDuration = SimDuration::from_secs(10);

impl World<'_> {
    /// The scrape's phase differs by seed: an HPA's sync falls anywhere between two scrapes.
    pub(super) fn start_metrics_server(&mut self) {
        if self.scenario.hpas.is_empty() && self.scenario.scalers.is_empty() {
            return;
        }
        let resolution = self.scenario.metrics.resolution.nanos().max(1);
        let phase = stream(self.seed, "metrics-server-phase", 0).random_range(0..resolution);
        self.scrapes.services = vec![ServiceReading::default(); self.services.len()];
        self.events.push(SimTime::from_nanos(phase), Event::Scrape);
    }

    pub(super) fn scrape(&mut self) {
        self.scrape_pods();
        for load in 0..self.services.len() {
            self.scrapes.services[load] = self.service_reading(load as u32);
        }
        self.events.push(self.now + self.scenario.metrics.resolution, Event::Scrape);
    }

    /// What was last scraped of the pod.
    #[inline]
    pub(super) fn meter_of(&self, pod: PodId) -> Option<&Meter> {
        self.scrapes.get(self.pods[pod.index()].meter)
    }

    /// Nobody asks for metrics of pods that no HPA sees, nor does an HPA count those that terminate.
    fn scrape_pods(&mut self) {
        for hpa in 0..self.scenario.hpas.len() as u32 {
            if self.scrape_together(hpa) {
                continue;
            }
            for index in 0..self.selections.of(hpa).live.len() {
                self.scrape_pod(self.selections.of(hpa).live[index]);
            }
        }
    }

    pub(super) fn scrape_pod(&mut self, pod: PodId) {
        let now = self.now;
        if !self.has_kubelet(pod) {
            return self.scrapes.forget(&mut self.pods[pod.index()].meter);
        }
        let (run, info) = (&mut self.pods[pod.index()], self.cluster.pod(pod));
        let (Some(started), PodPhase::Running, None) = (run.started, info.phase, info.deletion) else { return };
        let counter = run.cpu_counter_at(now);
        let before = self.scrapes.get(run.meter).filter(|meter| meter.started == started);
        if before.is_some_and(|meter| meter.last.0 == now) {
            // Another HPA sees it too.
            return;
        }
        let since = match before {
            Some(meter) => Some(meter.last),
            None => {
                let (age, resolution) = (now - started, self.scenario.metrics.resolution);
                (age >= FRESH_CONTAINER_MIN_AGE && age < resolution).then_some((started, run.counter_at_start))
            }
        };
        let cpu = since.filter(|(at, _)| *at < now).map(|(at, from)| {
            let window = now - at;
            Scraped { value: rate(counter - from, window), at: now, window }
        });
        let serves_requests = self.service_of[run.workload.index()]
            .is_some_and(|load| matches!(self.scenario.loads[load as usize].demand, Demand::Requests(_)));
        let meter = Meter {
            started,
            last: (now, counter),
            cpu,
            memory: Scraped {
                value: thousandths(run.used.memory),
                at: now,
                window: since.map_or(SimDuration::ZERO, |(at, _)| now - at),
            },
            requests_per_second: serves_requests.then_some(run.serving),
            gpu_duty_cycle: duty_cycle(run.used.gpu, run.requested.gpu),
        };
        self.scrapes.set(&mut run.meter, meter);
    }
}

/// What a counter grew by (times nanoseconds), a nanosecond of the window, which is above zero.
fn rate(grown: i128, window: SimDuration) -> i64 {
    // Nearly always the numbers are small, and a division of those is quick.
    match i64::try_from(grown) {
        Ok(grown) => grown / window.nanos(),
        Err(_) => (grown / i128::from(window.nanos())) as i64,
    }
}
