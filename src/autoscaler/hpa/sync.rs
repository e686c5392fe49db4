//! One pass of the controller: `reconcileAutoscaler` of `horizontal.go`.

use smallvec::SmallVec;

use super::behavior::{Limited, clamp, limit_rate};
use super::calculator::Tolerances;
use super::condition::{ConditionStatus, ConditionType, Conditions};
use super::event_log::EventLog;
use super::flags::HpaFlags;
use super::metrics::{MetricStatus, evaluate};
use super::snapshot::{SelectorState, Snapshot};
use super::spec::HpaSpec;
use super::stabilization::{Recommendation, Recommendations, Stabilized};
use crate::units::{SimDuration, SimTime};

/// What the controller keeps between the syncs of one HPA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// `None`: this HPA has never been synced. The first sync starts the log with the present count, so that a fresh
    /// controller does not scale down at once.
    pub recommendations: Option<Recommendations>,
    pub scale_up_events: EventLog,
    pub scale_down_events: EventLog,
    /// `status.conditions`.
    pub conditions: Conditions,
    /// `status.lastScaleTime`; kept for reports, the controller itself does not look at it.
    pub last_scale_time: Option<SimTime>,
}

/// What one sync decided. The memory has changed with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub current_replicas: i32,
    /// Equal to `current_replicas` where nothing changes.
    pub desired_replicas: i32,
    /// The scale target is written to.
    pub rescaled: bool,
    /// One per metric of the spec; empty where metrics were not looked at.
    pub metrics: SmallVec<[MetricStatus; 2]>,
    pub outcome: Outcome,
}

/// How the decision came about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The target has zero replicas, and the minimum is not zero.
    ScalingDisabled,
    /// The count was above the maximum: metrics are not looked at.
    AboveMaximum,
    /// The count was below the minimum: metrics are not looked at.
    BelowMinimum,
    /// The scale target's selector can't be used.
    NoSelector(SelectorState),
    /// All metrics failed, or some did and the others ask for fewer replicas than there are.
    MetricsFailed { failed: usize },
    /// The metrics gave a count.
    Computed {
        /// The largest proposal.
        raw: i32,
        /// Whose proposal it is, as an index into the spec's metrics.
        metric: usize,
        failed: usize,
        stabilized: i32,
        /// Which window changed it.
        stabilization: Option<Stabilized>,
        limited: Limited,
    },
}

/// Which way a decision goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
}

impl Decision {
    /// `None` where the count stays.
    pub fn direction(&self) -> Option<Direction> {
        match self.desired_replicas.cmp(&self.current_replicas) {
            std::cmp::Ordering::Greater => Some(Direction::Up),
            std::cmp::Ordering::Less => Some(Direction::Down),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// Syncs one HPA. Applying the decision (writing the scale) is taken to succeed.
pub fn sync(snapshot: &Snapshot<'_>, spec: &HpaSpec, flags: &HpaFlags, memory: &mut Memory) -> Decision {
    use ConditionStatus::{False, True};
    use ConditionType::{AbleToScale, ScaledToZero, ScalingActive};

    let now = snapshot.now;
    let current = snapshot.spec_replicas;
    memory.conditions.set(AbleToScale, True, "SucceededGetScale");
    memory
        .recommendations
        .get_or_insert_with(|| Recommendations(vec![Recommendation { time: now, replicas: current }]));

    let mut metrics = SmallVec::new();
    let stay = |metrics, outcome| Decision {
        current_replicas: current,
        desired_replicas: current,
        rescaled: false,
        metrics,
        outcome,
    };
    if current == 0 && !wakes(spec, flags, &memory.conditions) {
        memory.conditions.set(ScalingActive, False, "ScalingDisabled");
        if flags.versioned.zero_needs_condition && !flags.versioned.scaled_to_zero {
            memory.conditions.remove(&ScaledToZero);
        }
        return stay(metrics, Outcome::ScalingDisabled);
    }
    let (desired, outcome) = if current > spec.max_replicas {
        (spec.max_replicas, Outcome::AboveMaximum)
    } else if current < spec.min_replicas && current != 0 {
        (spec.min_replicas, Outcome::BelowMinimum)
    } else {
        match compute(snapshot, spec, flags, memory, &mut metrics) {
            // From zero, where the minimum was raised since.
            Ok((desired, outcome)) if current == 0 => (desired.max(spec.min_replicas), outcome),
            Ok((desired, outcome)) => (desired, outcome),
            Err(outcome) => return stay(metrics, outcome),
        }
    };
    // Above the maximum or below the minimum the counts always differ.
    if desired == current {
        return stay(metrics, outcome);
    }
    memory.conditions.set(AbleToScale, True, "SucceededRescale");
    if flags.versioned.scaled_to_zero {
        match desired == 0 && spec.min_replicas == 0 && spec.reads_beyond_pods() {
            true => memory.conditions.set(ScaledToZero, True, "ScaledToZero"),
            false => memory.conditions.set(ScaledToZero, False, "NotScaledToZero"),
        }
    } else if flags.versioned.zero_needs_condition {
        memory.conditions.remove(&ScaledToZero);
    }
    store_event(spec, memory, current, desired, now);
    memory.last_scale_time = Some(now);
    Decision { current_replicas: current, desired_replicas: desired, rescaled: true, metrics, outcome }
}

/// Whether an HPA whose target has no replicas looks at its metrics (`shouldComputeMetricsForZeroReplicas`): up to 1.35
/// where its minimum is zero, since then where it has put the target there itself.
pub(super) fn wakes(spec: &HpaSpec, flags: &HpaFlags, conditions: &Conditions) -> bool {
    if !flags.versioned.zero_needs_condition {
        return spec.min_replicas == 0;
    }
    flags.versioned.scaled_to_zero
        && conditions.holds(&ConditionType::ScaledToZero)
        && (spec.min_replicas != 0 || spec.reads_beyond_pods())
}

fn store_event(spec: &HpaSpec, memory: &mut Memory, current: i32, desired: i32, now: SimTime) {
    let Some(behavior) = &spec.behavior else { return };
    if desired > current {
        let longest = behavior.scale_up.longest_period_seconds();
        memory.scale_up_events.store(desired.wrapping_sub(current), longest, now);
    } else {
        let longest = behavior.scale_down.longest_period_seconds();
        memory.scale_down_events.store(current.wrapping_sub(desired), longest, now);
    }
}

/// The count from metrics, stabilized and limited; `Err` where the sync ends without one.
fn compute(
    snapshot: &Snapshot<'_>,
    spec: &HpaSpec,
    flags: &HpaFlags,
    memory: &mut Memory,
    metrics: &mut SmallVec<[MetricStatus; 2]>,
) -> Result<(i32, Outcome), Outcome> {
    use ConditionStatus::{False, True};
    use ConditionType::{AbleToScale, ScalingActive, ScalingLimited};

    let selector_problem = match snapshot.selector {
        SelectorState::Valid => None,
        SelectorState::Missing | SelectorState::Malformed => Some("InvalidSelector"),
        SelectorState::Ambiguous => Some("AmbiguousSelector"),
    };
    if let Some(reason) = selector_problem {
        memory.conditions.set(ScalingActive, False, reason);
        return Err(Outcome::NoSelector(snapshot.selector));
    }

    let current = snapshot.spec_replicas;
    let tolerances = tolerances(spec, flags);
    let (mut replicas, mut metric, mut failed) = (0, 0, 0);
    let mut first_failure = "";
    for (index, source) in spec.metrics.iter().enumerate() {
        let reading = snapshot
            .readings
            .get(index)
            .unwrap_or(&super::snapshot::Reading::Failed(super::metric_error::MetricError::Unavailable));
        let result = evaluate(source, reading, snapshot, &tolerances, flags);
        metrics.push(MetricStatus { result });
        match result {
            Err(_) => {
                if failed == 0 {
                    first_failure = source.failure_reason();
                }
                failed += 1;
            }
            Ok(proposal) if replicas == 0 || proposal.replicas > replicas => {
                (replicas, metric) = (proposal.replicas, index);
            }
            Ok(_) => {}
        }
    }
    // A failure never blocks a scale-up: the failed metric could only have asked for more.
    if failed >= spec.metrics.len() || (failed > 0 && replicas < current) {
        memory.conditions.set(ScalingActive, False, first_failure);
        return Err(Outcome::MetricsFailed { failed });
    }
    memory.conditions.set(ScalingActive, True, "ValidMetricFound");

    let raw = replicas.max(0);
    let log = memory.recommendations.get_or_insert_default();
    let (stabilized, limited) = match &spec.behavior {
        None => {
            let stabilized = log.stabilize_simple(raw, flags.downscale_stabilization, snapshot.now);
            (stabilized, clamp(current, stabilized, spec.min_replicas, spec.max_replicas))
        }
        Some(behavior) => {
            let window = |seconds: i32| SimDuration::from_secs(i64::from(seconds));
            let up = window(behavior.scale_up.stabilization_window_seconds.unwrap_or(0));
            // The flag counts in whole seconds here.
            let down = window(behavior.scale_down.stabilization_window_seconds.unwrap_or_else(|| {
                i32::try_from(flags.downscale_stabilization.nanos() / 1_000_000_000).unwrap_or(i32::MAX)
            }));
            let stabilized = log.stabilize(current, raw, up, down, snapshot.now);
            let limited = limit_rate(
                current,
                stabilized,
                spec.min_replicas,
                spec.max_replicas,
                &behavior.scale_up,
                &behavior.scale_down,
                &memory.scale_up_events,
                &memory.scale_down_events,
                snapshot.now,
                &flags.versioned,
            );
            (stabilized, limited)
        }
    };
    let stabilization = (stabilized != raw).then(|| {
        let up = spec.behavior.is_some() && raw >= current;
        if up { Stabilized::Up } else { Stabilized::Down }
    });
    memory.conditions.set(AbleToScale, True, stabilization.map_or("ReadyForNewScale", Stabilized::reason));
    let held = if limited.replicas == stabilized { False } else { True };
    memory.conditions.set(ScalingLimited, held, limited.reason.as_str());
    Ok((limited.replicas, Outcome::Computed { raw, metric, failed, stabilized, stabilization, limited }))
}

/// The controller's tolerance, replaced by the spec's where it has one (`tolerancesForHpa`).
pub(super) fn tolerances(spec: &HpaSpec, flags: &HpaFlags) -> Tolerances {
    let own = |side: Option<f64>| side.filter(|_| flags.versioned.configurable_tolerance).unwrap_or(flags.tolerance);
    Tolerances {
        scale_up: own(spec.behavior.as_ref().and_then(|behavior| behavior.scale_up.tolerance)),
        scale_down: own(spec.behavior.as_ref().and_then(|behavior| behavior.scale_down.tolerance)),
    }
}
