//! Cron and KEDA scalers at work.

use jiff::Timestamp;

use super::event::Event;
use super::records::Controller;
use super::world::World;
use crate::autoscaler::keda::{self, PollState};
use crate::scenario::ScalerPolicy;
use crate::units::{SimDuration, SimTime};

const NANOS_PER_SECOND: i128 = 1_000_000_000;

impl World<'_> {
    pub(super) fn start_scalers(&mut self) {
        for (index, scaler) in self.scenario.scalers.iter().enumerate() {
            self.polls.push(PollState { created: SimTime::ZERO, last_active: None });
            let event = Event::ScalerTick { scaler: index as u32 };
            match &scaler.policy {
                ScalerPolicy::Cron(_) => self.plan_cron(index),
                ScalerPolicy::Keda(keda) => self.events.push(SimTime::ZERO + keda.object.polling_interval, event),
            }
        }
    }

    pub(super) fn scaler_tick(&mut self, index: u32) {
        let scaler = &self.scenario.scalers[index as usize];
        let before = self.workloads[scaler.target.index()].desired;
        let (controller, wanted, reason) = match &scaler.policy {
            ScalerPolicy::Cron(cron) => {
                // The rule that this tick was planned for is the last that fired up to now.
                let fired =
                    cron.decide(self.timestamp(self.now - SimDuration::from_secs(60)), self.timestamp(self.now));
                self.plan_cron(index as usize);
                let Some(fired) = fired else { return };
                (Controller::Cron, Some(fired.replicas), format!("schedule {}", cron.rules[fired.rule].schedule))
            }
            ScalerPolicy::Keda(scaler) => {
                let (object, now) = (&scaler.object, self.now);
                let values: Vec<Option<i64>> =
                    scaler.series.iter().map(|series| series.and_then(|series| self.external_value(series))).collect();
                let is_active = object.is_active(&values, self.timestamp(now));
                let decision = keda::poll(object, is_active, before, now, &mut self.polls[index as usize]);
                self.events.push(now + object.polling_interval, Event::ScalerTick { scaler: index });
                (Controller::Keda, decision.replicas, decision.reason.to_string())
            }
        };
        if let Some(replicas) = wanted
            && self.scale(scaler.target, replicas)
        {
            let object = self.workload_object(scaler.target);
            self.decide(controller, object, before.to_string(), replicas.to_string(), reason);
        }
    }

    fn plan_cron(&mut self, index: usize) {
        let ScalerPolicy::Cron(cron) = &self.scenario.scalers[index].policy else { return };
        let Some(next) = cron.next_after(self.timestamp(self.now)) else { return };
        if let Some(at) = self.instant_of(next) {
            self.events.push(at, Event::ScalerTick { scaler: index as u32 });
        }
    }

    /// The instant of the run at a time of the wall clock.
    pub(super) fn instant_of(&self, time: Timestamp) -> Option<SimTime> {
        let start = i128::from(self.scenario.start_epoch_seconds) * NANOS_PER_SECOND;
        i64::try_from(time.as_nanosecond() - start).ok().map(SimTime::from_nanos)
    }

    /// The wall clock at an instant of the run.
    pub(super) fn timestamp(&self, at: SimTime) -> Timestamp {
        let start = i128::from(self.scenario.start_epoch_seconds) * NANOS_PER_SECOND;
        Timestamp::from_nanosecond(start + i128::from(at.nanos())).unwrap_or(Timestamp::MAX)
    }
}
