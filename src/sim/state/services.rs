//! Services and what they were last asked.

use crate::cluster::PodId;
use crate::load::Signal;
use crate::load::queueing::Latency;
use crate::load::service::{Books, PodClass, Service, Work};
use crate::scenario::Demand;
use crate::sim::state::each_request::Each;
use crate::sim::state::service_level::{Line, ServiceLevel};
use crate::sim::state::together::Together;
use crate::units::{Bytes, GpuMilli, Millicores, SimTime};

/// A load of the scenario, running.
#[derive(Clone, Debug)]
pub(in crate::sim) struct ServiceRun {
    /// `None` where single requests come from a log.
    pub signal: Option<Signal>,
    pub(in crate::sim) service: Service,
    /// Where requests are served one by one.
    pub each: Option<Box<Each>>,
    /// Up to here the books are closed.
    pub settled: SimTime,
    /// Demand since then, in milli-units.
    pub demand: i64,
    /// What of it does not go to machines that have stopped, and the share that does and is lost.
    pub(in crate::sim) reaching: i64,
    pub(in crate::sim) to_the_dead: f64,
    /// The ready pods since then, and what each can do and does a second, in milli-units.
    pub pods: Vec<PodId>,
    pub classes: Vec<PodClass>,
    /// What ticks at which only the demand changes need to know of the pods.
    pub standing: StandingPods,
    /// What single requests feel; `None` for plain CPU work.
    pub line: Option<Line>,
    pub level: ServiceLevel,
    /// Voids ticks that were planned for an older state.
    pub generation: u32,
    /// Books at the last sample: arrived, served, dropped.
    pub(in crate::sim) sampled: (SimTime, [Work; 3]),
}

impl ServiceRun {
    pub fn books(&self) -> &Books {
        self.each.as_ref().map_or(self.service.books(), |each| &each.books)
    }
}

/// The pods of a service, as they are as long as none comes or goes.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct StandingPods {
    /// They are known; a full plan forgets them.
    pub is_known: bool,
    /// The last tick shared the demand among them, and they keep up with it: until the next plan nothing waits.
    pub keep_up: bool,
    pub pods: Vec<StandingPod>,
    /// What each does a second, in millicores; of the last tick.
    pub rates: Vec<i64>,
    /// They are equal: their own books may be behind.
    pub together: Together,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct StandingPod {
    pub pod: PodId,
    pub instance: u32,
    /// Millicores of its node, the most that it can have of them, and what it was offered last.
    pub supply: i64,
    pub ceiling: i64,
    pub offered: i64,
    /// What it uses besides.
    pub memory: Bytes,
    pub gpu: GpuMilli,
}

/// What a service's metrics say at this instant.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sim) struct ServiceReading {
    /// Demand in milli-units a second.
    pub demand: i64,
    /// Waiting work in milli-units (requests, or core-seconds).
    pub backlog: i64,
    pub latency: Option<Latency>,
}

impl ServiceReading {
    /// Requests that wait, in thousandths: those beyond capacity, and those that queue because they come at random.
    pub fn queue_length(&self) -> i64 {
        self.latency.map_or(self.backlog, |latency| (latency.queue_length * 1000.0).round() as i64)
    }
}

/// What the pods of a service can use: with their nodes to themselves, and as their neighbours leave it to them.
pub(in crate::sim) struct Room {
    pub wholes: Vec<Offer>,
    pub offers: Vec<Offer>,
}

/// What a pod can use of its node.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Offer {
    pub cpu: Millicores,
    pub gpu: GpuMilli,
}

impl Offer {
    /// What it can do a second with that, in milli-units.
    pub fn work(&self, work: Demand) -> i64 {
        match work {
            Demand::Cpu => self.cpu.get(),
            Demand::Requests(cost) => cost.capacity(self.cpu, self.gpu),
        }
    }

    /// The CPU that so much work takes, in millicores.
    pub(in crate::sim) fn cpu_for(&self, work: Demand, rate: i64) -> i64 {
        match work {
            Demand::Cpu => rate,
            Demand::Requests(cost) => cost.usage(rate).0.get(),
        }
    }
}
