//! A KEDA-like scaler: event-driven scaling between zero and many.
//!
//! As in KEDA (`pkg/scaling/executor/scale_scaledobjects.go`, 2.x), two loops share the work. [`poll`], every
//! `pollingInterval`, only moves a workload between its idle count and one (or the minimum): a trigger above its
//! activation threshold wakes it, and `cooldownPeriod` after the last active poll it goes back to sleep. From one
//! replica on, a HorizontalPodAutoscaler with an External metric per trigger does the scaling: [`ScaledObject::hpa_spec`]
//! gives it, and [`sync`] runs the very code of [`crate::autoscaler::hpa`].
//!
//! Not modelled: paused objects, fallbacks for failing scalers, formulas over triggers, cached metrics, ScaledJobs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use thiserror::Error;

use super::hpa::{
    self, Behavior, Decision, HpaFlags, HpaSpec, Memory, MetricError, MetricIdentifier, MetricSelector, MetricSpec,
    PodState, Reading, SelectorState, Snapshot, ValueTarget,
};
use crate::units::{Quantity, SimDuration, SimTime};

/// What a `ScaledObject` asks for, with KEDA's names and defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScaledObject {
    /// How often triggers are asked whether they are active (default 30s).
    #[serde(default = "default_polling_interval")]
    pub polling_interval: SimDuration,
    /// How long after the last active poll the workload goes idle (default 300s).
    #[serde(default = "default_cooldown_period")]
    pub cooldown_period: SimDuration,
    /// How long after its creation an object that was never active may not go idle (default 0s).
    #[serde(default)]
    pub initial_cooldown_period: SimDuration,
    /// The count without active triggers, where it is below the minimum; default: the minimum itself.
    #[serde(default)]
    pub idle_replica_count: Option<u32>,
    /// The least while a trigger is active, and without `idleReplicaCount` at any time (default 0).
    #[serde(default)]
    pub min_replica_count: u32,
    /// The most that the HPA may ask for (default 100).
    #[serde(default = "default_max_replica_count")]
    pub max_replica_count: u32,
    pub triggers: Vec<Trigger>,
}

/// One event source, such as the length of a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trigger {
    /// The metric's name.
    pub name: String,
    /// What each replica should have of it, or for `Value` what there should be in all.
    pub threshold: Quantity,
    /// The trigger is active above this (default 0).
    #[serde(default)]
    pub activation_threshold: Quantity,
    #[serde(default)]
    pub metric_type: TriggerMetricType,
}

/// How a trigger's threshold is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TriggerMetricType {
    /// For each replica.
    #[default]
    AverageValue,
    /// In all; replicas scale by the ratio.
    Value,
}

fn default_polling_interval() -> SimDuration {
    SimDuration::from_secs(30)
}

fn default_cooldown_period() -> SimDuration {
    SimDuration::from_secs(300)
}

fn default_max_replica_count() -> u32 {
    100
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
    #[error("triggers[{0}].threshold must be above zero")]
    BadThreshold(usize),
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
        match self.triggers.iter().position(|trigger| trigger.threshold.milli_value() <= 0) {
            Some(index) => Err(ScaledObjectError::BadThreshold(index)),
            None => Ok(()),
        }
    }

    /// The HPA that KEDA makes for it: one External metric a trigger, at least one replica. `behavior` is
    /// `advanced.horizontalPodAutoscalerConfig.behavior`.
    pub fn hpa_spec(&self, behavior: Option<Behavior>) -> HpaSpec {
        let metric = |trigger: &Trigger| {
            let threshold = trigger.threshold.milli_value();
            MetricSpec::External {
                metric: MetricIdentifier { name: trigger.name.clone(), selector: MetricSelector::All },
                target: match trigger.metric_type {
                    TriggerMetricType::AverageValue => ValueTarget::AverageValue(threshold),
                    TriggerMetricType::Value => ValueTarget::Value(threshold),
                },
            }
        };
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        HpaSpec {
            min_replicas: count(self.min_replica_count.max(1)),
            max_replicas: count(self.max_replica_count),
            metrics: self.triggers.iter().map(metric).collect(),
            behavior,
        }
    }

    /// Whether some trigger is above its activation threshold. `values` are thousandths, one a trigger; `None` where
    /// its source can't be read, which is not active.
    pub fn is_active(&self, values: &[Option<i64>]) -> bool {
        self.triggers
            .iter()
            .zip(values)
            .any(|(trigger, value)| value.is_some_and(|value| value > trigger.activation_threshold.milli_value()))
    }
}

/// One poll of the triggers (`RequestScale`).
pub fn poll(
    object: &ScaledObject,
    values: &[Option<i64>],
    current: u32,
    now: SimTime,
    state: &mut PollState,
) -> PollDecision {
    let min = object.min_replica_count;
    let set = |replicas: u32, reason| PollDecision { replicas: Some(replicas), reason };
    let stay = |reason| PollDecision { replicas: None, reason };
    if object.is_active(values) {
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

/// What one sync of the object's HPA looks at.
#[derive(Clone, Copy, Debug)]
pub struct HpaView<'a> {
    pub now: SimTime,
    pub spec_replicas: i32,
    pub status_replicas: i32,
    /// The workload's pods; only `Value` triggers look at them.
    pub pods: &'a [PodState],
    /// Thousandths, one a trigger.
    pub values: &'a [Option<i64>],
}

/// One sync of the HPA that KEDA made ([`ScaledObject::hpa_spec`]), with the triggers' values as its metrics.
pub fn sync(view: &HpaView<'_>, spec: &HpaSpec, flags: &HpaFlags, memory: &mut Memory) -> Decision {
    let readings: SmallVec<[Reading<'_>; 2]> = view
        .values
        .iter()
        .map(|value| match value {
            Some(value) => Reading::Values(std::slice::from_ref(value)),
            None => Reading::Failed(MetricError::Unavailable),
        })
        .collect();
    let snapshot = Snapshot {
        now: view.now,
        spec_replicas: view.spec_replicas,
        status_replicas: view.status_replicas,
        selector: SelectorState::Valid,
        pods: view.pods,
        readings: &readings,
    };
    hpa::sync(&snapshot, spec, flags, memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(min: u32, idle: Option<u32>) -> ScaledObject {
        let json = serde_json::json!({
            "minReplicaCount": min,
            "idleReplicaCount": idle,
            "triggers": [{"name": "queue", "threshold": "5", "activationThreshold": "2"}]
        });
        serde_json::from_value(json).unwrap()
    }

    fn fresh() -> PollState {
        PollState { created: SimTime::ZERO, last_active: None }
    }

    #[test]
    fn a_queue_above_its_activation_threshold_wakes_the_workload() {
        let (object, mut state) = (queue(0, None), fresh());
        let now = SimTime::from_secs(30);
        assert_eq!(poll(&object, &[Some(2000)], 0, now, &mut state).reason, PollReason::Idle);
        let woken = poll(&object, &[Some(2001)], 0, now, &mut state);
        assert_eq!((woken.replicas, woken.reason), (Some(1), PollReason::Woken));
        assert_eq!(poll(&object, &[Some(90_000)], 1, now, &mut state).replicas, None);
    }

    #[test]
    fn an_empty_queue_puts_it_to_sleep_only_after_the_cooldown() {
        let (object, mut state) = (queue(0, None), fresh());
        poll(&object, &[Some(9000)], 3, SimTime::from_secs(0), &mut state);
        let early = poll(&object, &[Some(0)], 3, SimTime::from_secs(300), &mut state);
        assert_eq!((early.replicas, early.reason), (None, PollReason::CoolingDown));
        let late = poll(&object, &[Some(0)], 3, SimTime::from_secs(330), &mut state);
        assert_eq!((late.replicas, late.reason), (Some(0), PollReason::GoesIdle));
    }

    #[test]
    fn a_workload_that_was_never_active_goes_idle_at_once_and_an_idle_count_stays_below_the_minimum() {
        let mut state = fresh();
        let object = queue(4, Some(1));
        let now = SimTime::from_secs(30);
        assert_eq!(poll(&object, &[Some(0)], 6, now, &mut state).replicas, Some(1));
        assert_eq!(poll(&object, &[Some(9000)], 1, now, &mut state).replicas, Some(4));
        assert_eq!(poll(&queue(4, None), &[Some(0)], 2, now, &mut fresh()).reason, PollReason::RaisedToMinimum);
        assert_eq!(poll(&queue(4, None), &[Some(0)], 9, now, &mut fresh()).reason, PollReason::Idle);
    }

    #[test]
    fn between_one_and_many_the_hpa_divides_the_queue_by_the_threshold() {
        let object = queue(0, None);
        let spec = object.hpa_spec(None);
        assert_eq!((spec.min_replicas, spec.max_replicas), (1, 100));
        let values = [Some(17_000)];
        let view = HpaView { now: SimTime::ZERO, spec_replicas: 2, status_replicas: 2, pods: &[], values: &values };
        let decision = sync(&view, &spec, &HpaFlags::default(), &mut Memory::default());
        assert_eq!(decision.desired_replicas, 4);
    }

    #[test]
    fn an_object_that_contradicts_itself_is_refused() {
        assert_eq!(queue(0, Some(0)).validate(), Err(ScaledObjectError::IdleNotBelowMin { idle: 0, min: 0 }));
        assert_eq!(queue(101, None).validate(), Err(ScaledObjectError::MinAboveMax { min: 101, max: 100 }));
        assert_eq!(queue(1, Some(0)).validate(), Ok(()));
        let unknown = serde_json::json!({"triggers": [], "cooldown": "1m"});
        assert!(serde_json::from_value::<ScaledObject>(unknown).is_err());
    }
}
