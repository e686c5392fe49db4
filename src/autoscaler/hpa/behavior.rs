//! Limits on the desired count: the bounds, and how fast it may change.
//!
//! With `spec.behavior` the rate is limited by policies over periods of past events
//! (`convertDesiredReplicasWithBehaviorRate`); without it, by twice the present count
//! (`convertDesiredReplicasWithRules`).

use super::arithmetic::to_i32;
use super::event_log::EventLog;
use super::spec::{PolicyType, ScalingPolicy, ScalingRules, SelectPolicy};
use super::versions::VersionedBehaviour;
use crate::units::SimTime;

/// The reason of `ScalingLimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitReason {
    DesiredWithinRange,
    TooFewReplicas,
    TooManyReplicas,
    ScaleUpLimit,
    ScaleDownLimit,
}

impl LimitReason {
    pub fn as_str(self) -> &'static str {
        match self {
            LimitReason::DesiredWithinRange => "DesiredWithinRange",
            LimitReason::TooFewReplicas => "TooFewReplicas",
            LimitReason::TooManyReplicas => "TooManyReplicas",
            LimitReason::ScaleUpLimit => "ScaleUpLimit",
            LimitReason::ScaleDownLimit => "ScaleDownLimit",
        }
    }
}

/// A count within its limits, and what held it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    pub replicas: i32,
    pub reason: LimitReason,
    /// The policy that set the limit, where one did.
    pub policy: Option<ScalingPolicy>,
}

impl Limited {
    fn new(replicas: i32, reason: LimitReason) -> Limited {
        Limited { replicas, reason, policy: None }
    }
}

/// Without `spec.behavior`: at most twice the present count (and at least 4), within `min` and `max`.
pub fn clamp(current: i32, desired: i32, min: i32, max: i32) -> Limited {
    let rate_limit = to_i32((2.0 * f64::from(current)).max(4.0));
    let (upper, upper_reason) =
        if max > rate_limit { (rate_limit, LimitReason::ScaleUpLimit) } else { (max, LimitReason::TooManyReplicas) };
    if desired < min {
        Limited::new(min, LimitReason::TooFewReplicas)
    } else if desired > upper {
        Limited::new(upper, upper_reason)
    } else {
        Limited::new(desired, LimitReason::DesiredWithinRange)
    }
}

/// With `spec.behavior`: only the side that `desired` lies on is limited. A budget that is overspent freezes the count
/// and never turns it round.
#[allow(clippy::too_many_arguments)] // the two sides of one spec and of one memory; a struct would only rename them
pub fn limit_rate(
    current: i32,
    desired: i32,
    min: i32,
    max: i32,
    up_rules: &ScalingRules,
    down_rules: &ScalingRules,
    up_events: &EventLog,
    down_events: &EventLog,
    now: SimTime,
    versioned: &VersionedBehaviour,
) -> Limited {
    if desired > current {
        let (limit, policy) = scale_up_limit(current, up_rules, up_events, down_events, now, versioned);
        let limit = limit.max(current);
        if max > limit {
            if desired > limit {
                return Limited { replicas: limit, reason: LimitReason::ScaleUpLimit, policy };
            }
        } else if desired > max {
            return Limited::new(max, LimitReason::TooManyReplicas);
        }
    } else if desired < current {
        let (limit, policy) = scale_down_limit(current, down_rules, up_events, down_events, now);
        let limit = limit.min(current);
        if min < limit {
            if desired < limit {
                return Limited { replicas: limit, reason: LimitReason::ScaleDownLimit, policy };
            }
        } else if desired < min {
            return Limited::new(min, LimitReason::TooFewReplicas);
        }
    }
    Limited::new(desired, LimitReason::DesiredWithinRange)
}

/// The count that `policy` counts from: what there was at the start of its period.
fn period_start(current: i32, policy: &ScalingPolicy, up: &EventLog, down: &EventLog, now: SimTime) -> i32 {
    current
        .wrapping_sub(up.change_within(policy.period_seconds, now))
        .wrapping_add(down.change_within(policy.period_seconds, now))
}

/// The highest count that the rules allow now, and the policy that allows it (the first of equals).
pub fn scale_up_limit(
    current: i32,
    rules: &ScalingRules,
    up_events: &EventLog,
    down_events: &EventLog,
    now: SimTime,
    versioned: &VersionedBehaviour,
) -> (i32, Option<ScalingPolicy>) {
    let proposal = |policy: &ScalingPolicy| {
        let start = period_start(current, policy, up_events, down_events, now);
        match policy.policy {
            PolicyType::Pods => start.wrapping_add(policy.value),
            PolicyType::Percent => versioned.ceil_to_i32(f64::from(start) * (1.0 + f64::from(policy.value) / 100.0)),
        }
    };
    match rules.select_policy {
        SelectPolicy::Disabled => (current, None),
        SelectPolicy::Min => select(rules, i32::MAX, proposal, |new, best| new < best),
        SelectPolicy::Max => select(rules, i32::MIN, proposal, |new, best| new > best),
    }
}

/// The lowest count that the rules allow now, and the policy that allows it (the first of equals).
pub fn scale_down_limit(
    current: i32,
    rules: &ScalingRules,
    up_events: &EventLog,
    down_events: &EventLog,
    now: SimTime,
) -> (i32, Option<ScalingPolicy>) {
    let proposal = |policy: &ScalingPolicy| {
        let start = period_start(current, policy, up_events, down_events, now);
        match policy.policy {
            PolicyType::Pods => start.wrapping_sub(policy.value),
            PolicyType::Percent => to_i32(f64::from(start) * (1.0 - f64::from(policy.value) / 100.0)),
        }
    };
    match rules.select_policy {
        SelectPolicy::Disabled => (current, None),
        // The smallest change leaves the most replicas.
        SelectPolicy::Min => select(rules, i32::MIN, proposal, |new, best| new > best),
        SelectPolicy::Max => select(rules, i32::MAX, proposal, |new, best| new < best),
    }
}

fn select(
    rules: &ScalingRules,
    start: i32,
    proposal: impl Fn(&ScalingPolicy) -> i32,
    better: impl Fn(i32, i32) -> bool,
) -> (i32, Option<ScalingPolicy>) {
    let mut best = (start, None);
    for policy in &rules.policies {
        let proposed = proposal(policy);
        if better(proposed, best.0) {
            best = (proposed, Some(*policy));
        }
    }
    best
}
