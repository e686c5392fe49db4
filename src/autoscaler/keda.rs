//! A KEDA-like scaler: event-driven scaling between zero and many.
//!
//! As in KEDA (`pkg/scaling/executor/scale_scaledobjects.go`, 2.x), two loops share the work. [`poll`], every
//! `pollingInterval`, only moves a workload between its idle count and one (or the minimum): a trigger above its
//! activation threshold wakes it, and `cooldownPeriod` after the last active poll it goes back to sleep. From one
//! replica on, a HorizontalPodAutoscaler with one metric per trigger does the scaling: [`ScaledObject::hpa_spec`] gives
//! it, and it is synced like any other.
//!
//! Not modelled: paused objects, fallbacks for failing scalers, formulas over triggers, cached metrics, ScaledJobs.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use super::cron::{CronError, CronSchedule};
use super::hpa::{Behavior, HpaSpec, MetricSpec};
use crate::units::{SimDuration, SimTime};

/// What a `ScaledObject` asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaledObject {
    /// How often triggers are asked whether they are active.
    pub polling_interval: SimDuration,
    /// How long after the last active poll the workload goes idle.
    pub cooldown_period: SimDuration,
    /// How long after its creation an object that was never active may not go idle.
    pub initial_cooldown_period: SimDuration,
    /// The count without active triggers, where it is below the minimum; `None`: the minimum itself.
    pub idle_replica_count: Option<u32>,
    /// The least while a trigger is active, and without `idle_replica_count` at any time.
    pub min_replica_count: u32,
    /// The most that the HPA may ask for.
    pub max_replica_count: u32,
    pub triggers: Vec<Trigger>,
    /// `advanced.horizontalPodAutoscalerConfig.behavior`.
    pub behavior: Option<Behavior>,
}

/// One event source, such as the length of a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// What the HPA looks at.
    pub metric: MetricSpec,
    pub activity: Activity,
}

/// When a trigger is active.
#[derive(Clone, Debug, PartialEq)]
pub enum Activity {
    /// Its value is above this, in thousandths.
    Above(i64),
    /// The wall clock is within the window (`cron`).
    Within(CronWindow),
    /// CPU and memory: only the HPA looks at them, and an object of such triggers alone is always active.
    UpToTheHpa,
}

/// A span that comes again: from each `start` to the next `end`, in a time zone (`pkg/scalers/cron_scaler.go`).
#[derive(Clone, Debug, PartialEq)]
pub struct CronWindow {
    start: CronSchedule,
    end: CronSchedule,
    zone: TimeZone,
    desired_replicas: u32,
}

/// What is wrong with KEDA's cron trigger.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CronWindowError {
    #[error("{0:?} is no time zone of the IANA database; write one such as Europe/Berlin or UTC")]
    UnknownZone(String),
    #[error("{0}")]
    Start(CronError),
    #[error("{0}")]
    End(CronError),
}

impl CronWindow {
    pub fn new(zone: &str, start: &str, end: &str, desired_replicas: u32) -> Result<CronWindow, CronWindowError> {
        let known = TimeZone::get(zone).map_err(|_| CronWindowError::UnknownZone(zone.to_owned()))?;
        Ok(CronWindow {
            start: CronSchedule::from_str(start).map_err(CronWindowError::Start)?,
            end: CronSchedule::from_str(end).map_err(CronWindowError::End)?,
            zone: known,
            desired_replicas,
        })
    }

    /// Within the window the end comes before the next start.
    pub fn holds(&self, now: Timestamp) -> bool {
        let local = self.zone.to_datetime(now);
        match (self.start.next_after(local), self.end.next_after(local)) {
            (Some(start), Some(end)) => end < start,
            (None, Some(_)) => true,
            (_, None) => false,
        }
    }

    /// What the trigger reports, in thousandths: the replicas that are wanted, one outside the window.
    pub fn value(&self, now: Timestamp) -> i64 {
        if self.holds(now) { i64::from(self.desired_replicas) * 1000 } else { 1000 }
    }
}

/// A `ScaledObject` that KEDA's admission would refuse.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScaledObjectError {
    #[error("minReplicaCount {min} is above maxReplicaCount {max}")]
    MinAboveMax { min: u32, max: u32 },
    #[error("idleReplicaCount {idle} must be below minReplicaCount {min}")]
    IdleNotBelowMin { idle: u32, min: u32 },
    #[error("maxReplicaCount {0} must be within 1 and 2147483647")]
    BadMax(u32),
    #[error("triggers is empty; name at least one")]
    NoTriggers,
}

/// What KEDA keeps between polls of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollState {
    pub created: SimTime,
    /// When a trigger was last seen active; `None`: never.
    pub last_active: Option<SimTime>,
}

/// What one poll decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollDecision {
    /// The count to set; `None`: it stays, and scaling is the HPA's business.
    pub replicas: Option<u32>,
    pub reason: PollReason,
}

/// Why a poll set replicas, or left them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PollReason {
    #[error("a trigger is active: woken from idle")]
    Woken,
    #[error("a trigger is active: the HPA scales")]
    Active,
    #[error("no trigger is active, but the cooldown period has not passed")]
    CoolingDown,
    #[error("no trigger was active for the cooldown period: goes idle")]
    GoesIdle,
    #[error("raised to minReplicaCount")]
    RaisedToMinimum,
    #[error("no trigger is active, and the workload is idle")]
    Idle,
}

impl ScaledObject {
    /// Checks what the types can't.
    pub fn validate(&self) -> Result<(), ScaledObjectError> {
        let (min, max) = (self.min_replica_count, self.max_replica_count);
        if max == 0 || i32::try_from(max).is_err() {
            return Err(ScaledObjectError::BadMax(max));
        }
        if min > max {
            return Err(ScaledObjectError::MinAboveMax { min, max });
        }
        if let Some(idle) = self.idle_replica_count.filter(|idle| *idle >= min) {
            return Err(ScaledObjectError::IdleNotBelowMin { idle, min });
        }
        if self.triggers.is_empty() {
            return Err(ScaledObjectError::NoTriggers);
        }
        Ok(())
    }

    /// The HPA that KEDA makes for it: one metric a trigger, at least one replica.
    pub fn hpa_spec(&self) -> HpaSpec {
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        HpaSpec {
            min_replicas: count(self.min_replica_count.max(1)),
            max_replicas: count(self.max_replica_count),
            metrics: self.triggers.iter().map(|trigger| trigger.metric.clone()).collect(),
            behavior: self.behavior.clone(),
        }
    }

    /// Whether some trigger is active at `now`. `values` are thousandths, one a trigger; `None` where its source can't
    /// be read, which is not active.
    pub fn is_active(&self, values: &[Option<i64>], now: Timestamp) -> bool {
        let only_the_hpas = self.triggers.iter().all(|trigger| trigger.activity == Activity::UpToTheHpa);
        only_the_hpas
            || self.triggers.iter().zip(values).any(|(trigger, value)| match &trigger.activity {
                Activity::Above(threshold) => value.is_some_and(|value| value > *threshold),
                Activity::Within(window) => window.holds(now),
                Activity::UpToTheHpa => false,
            })
    }
}

/// One poll of the triggers (`RequestScale`): whether one `is_active`, and what follows.
pub fn poll(object: &ScaledObject, is_active: bool, current: u32, now: SimTime, state: &mut PollState) -> PollDecision {
    let min = object.min_replica_count;
    let set = |replicas: u32, reason| PollDecision { replicas: Some(replicas), reason };
    let stay = |reason| PollDecision { replicas: None, reason };
    if is_active {
        state.last_active = Some(now);
        let asleep = current == 0 || (object.idle_replica_count.is_some() && current < min);
        return if asleep { set(min.max(1), PollReason::Woken) } else { stay(PollReason::Active) };
    }
    let idle = object.idle_replica_count.unwrap_or(min);
    let may_sleep = current > idle && (object.idle_replica_count.is_some() || min == 0);
    if may_sleep {
        let cooled_down = match state.last_active {
            Some(last) => last + object.cooldown_period < now,
            None => state.created + object.initial_cooldown_period < now,
        };
        return if cooled_down { set(idle, PollReason::GoesIdle) } else { stay(PollReason::CoolingDown) };
    }
    if current < min && object.idle_replica_count.is_none() {
        return set(min, PollReason::RaisedToMinimum);
    }
    stay(PollReason::Idle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::hpa::{MetricIdentifier, MetricSelector, ValueTarget};

    fn queue(min: u32, idle: Option<u32>) -> ScaledObject {
        let metric = MetricSpec::External {
            metric: MetricIdentifier { name: "queue".into(), selector: MetricSelector::All },
            target: ValueTarget::AverageValue(5000),
        };
        ScaledObject {
            polling_interval: SimDuration::from_secs(30),
            cooldown_period: SimDuration::from_secs(300),
            initial_cooldown_period: SimDuration::ZERO,
            idle_replica_count: idle,
            min_replica_count: min,
            max_replica_count: 100,
            triggers: vec![Trigger { metric, activity: Activity::Above(2000) }],
            behavior: None,
        }
    }

    fn fresh() -> PollState {
        PollState { created: SimTime::ZERO, last_active: None }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_queue_above_its_activation_threshold_wakes_the_workload() {
        let (object, mut state) = (queue(0, None), fresh());
        let now = SimTime::from_secs(30);
        assert!(!object.is_active(&[Some(2000)], Timestamp::UNIX_EPOCH));
        assert!(!object.is_active(&[None], Timestamp::UNIX_EPOCH));
        assert!(object.is_active(&[Some(2001)], Timestamp::UNIX_EPOCH));
        assert_eq!(poll(&object, false, 0, now, &mut state).reason, PollReason::Idle);
        let woken = poll(&object, true, 0, now, &mut state);
        assert_eq!((woken.replicas, woken.reason), (Some(1), PollReason::Woken));
        assert_eq!(poll(&object, true, 1, now, &mut state).replicas, None);
    }

    #[test]
    fn an_empty_queue_puts_it_to_sleep_only_after_the_cooldown() {
        let (object, mut state) = (queue(0, None), fresh());
        poll(&object, true, 3, SimTime::from_secs(0), &mut state);
        let early = poll(&object, false, 3, SimTime::from_secs(300), &mut state);
        assert_eq!((early.replicas, early.reason), (None, PollReason::CoolingDown));
        let late = poll(&object, false, 3, SimTime::from_secs(330), &mut state);
        assert_eq!((late.replicas, late.reason), (Some(0), PollReason::GoesIdle));
    }

    #[test]
    fn a_workload_that_was_never_active_goes_idle_at_once_and_an_idle_count_stays_below_the_minimum() {
        let mut state = fresh();
        let object = queue(4, Some(1));
        let now = SimTime::from_secs(30);
        assert_eq!(poll(&object, false, 6, now, &mut state).replicas, Some(1));
        assert_eq!(poll(&object, true, 1, now, &mut state).replicas, Some(4));
        assert_eq!(poll(&queue(4, None), false, 2, now, &mut fresh()).reason, PollReason::RaisedToMinimum);
        assert_eq!(poll(&queue(4, None), false, 9, now, &mut fresh()).reason, PollReason::Idle);
    }

    #[test]
    fn a_cron_window_follows_the_clock_of_its_zone() {
        let window = CronWindow::new("Europe/Berlin", "0 8 * * *", "0 18 * * *", 5).unwrap();
        // An hour ahead of UTC in winter, two in summer.
        for (now, holds) in [
            ("2026-01-05T06:59:59Z", false),
            ("2026-01-05T07:00:00Z", true),
            ("2026-01-05T16:59:59Z", true),
            ("2026-01-05T17:00:00Z", false),
            ("2026-07-06T05:59:59Z", false),
            ("2026-07-06T06:00:00Z", true),
        ] {
            assert_eq!(window.holds(at(now)), holds, "{now}");
        }
        assert_eq!((window.value(at("2026-01-05T12:00:00Z")), window.value(at("2026-01-05T20:00:00Z"))), (5000, 1000));
        let unknown = CronWindow::new("Europe/Berln", "0 8 * * *", "0 18 * * *", 5);
        assert_eq!(unknown, Err(CronWindowError::UnknownZone("Europe/Berln".into())));
    }

    #[test]
    fn cpu_alone_is_always_active_and_beside_a_window_never_by_itself() {
        let cpu = Trigger { metric: HpaSpec::default_metrics().remove(0), activity: Activity::UpToTheHpa };
        let mut object = ScaledObject { triggers: vec![cpu], ..queue(1, None) };
        assert!(object.is_active(&[None], at("2026-01-05T00:00:00Z")));
        let window = CronWindow::new("UTC", "0 8 * * *", "0 18 * * *", 5).unwrap();
        object.triggers.push(Trigger { activity: Activity::Within(window), ..object.triggers[0].clone() });
        assert!(!object.is_active(&[None, None], at("2026-01-05T00:00:00Z")));
        assert!(object.is_active(&[None, None], at("2026-01-05T09:00:00Z")));
    }

    #[test]
    fn an_object_that_contradicts_itself_is_refused() {
        assert_eq!(queue(0, Some(0)).validate(), Err(ScaledObjectError::IdleNotBelowMin { idle: 0, min: 0 }));
        assert_eq!(queue(101, None).validate(), Err(ScaledObjectError::MinAboveMax { min: 101, max: 100 }));
        assert_eq!(queue(1, Some(0)).validate(), Ok(()));
    }
}
