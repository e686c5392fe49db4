//! Replica counts from metrics: `replica_calculator.go` and `metrics/utilization.go`.
//!
//! Sums and averages are `i64` with truncating division (and wrap, as Go's do); ratios and ceilings are `f64`. The
//! order of operations is upstream's: a utilization is a whole percent before it becomes a ratio, so 110.9 % acts as
//! 110 %.

use std::iter::repeat;

use super::arithmetic::to_i64;
use super::flags::HpaFlags;
use super::grouping::{Group, Groups, Readiness, group_of};
use super::metric_error::MetricError;
use super::proposal::{Current, Proposal};
use super::snapshot::{PodState, Requests, Sample, Snapshot};
use super::versions::VersionedBehaviour;
use crate::units::SimTime;

/// How far a ratio of usage to target may be off 1 without any change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerances {
    pub scale_up: f64,
    pub scale_down: f64,
}

impl Tolerances {
    /// Both ends included. Not `|1 - ratio| <= tolerance`: that differs in the last bit, at 1.1 of 0.1 for one.
    pub fn hold(&self, ratio: f64) -> bool {
        (1.0 - self.scale_down) <= ratio && ratio <= (1.0 + self.scale_up)
    }
}

/// The pods of one metric and their samples.
#[derive(Clone, Copy, Debug)]
pub struct PodSamples<'a> {
    pub pods: &'a [PodState],
    /// As in [`Snapshot`].
    pub counts: &'a [usize],
    /// One per pod.
    pub samples: &'a [Option<Sample>],
    pub foreign: &'a [i64],
    pub readiness: Readiness,
}

/// Sums over the samples that count and, apart, over what would be filled in.
struct Totals {
    groups: Groups,
    /// Of ready pods.
    usage: i64,
    requests: i64,
    /// Requests of missing pods, what they are taken to use on a scale-down, and requests of unready pods.
    missing_requests: i64,
    missing_fill: i64,
    unready_requests: i64,
}

impl PodSamples<'_> {
    /// One pass over the pods. `fill` says what a missing pod with the given request is taken to use on a scale-down.
    fn totals(
        &self,
        requests: Option<&Requests<'_>>,
        flags: &HpaFlags,
        now: SimTime,
        fill: impl Fn(i64) -> i64,
    ) -> Totals {
        let mut totals = Totals {
            groups: Groups { foreign: self.foreign.len(), ..Groups::default() },
            usage: 0,
            requests: 0,
            missing_requests: 0,
            missing_fill: 0,
            unready_requests: 0,
        };
        for (index, pod) in self.pods.iter().enumerate() {
            let sample = self.samples.get(index).and_then(Option::as_ref);
            let group = group_of(pod, sample, self.readiness, flags, now);
            let count = self.counts.get(index).copied().unwrap_or(1);
            totals.groups.add(group, count);
            let all = |each: i64| each.wrapping_mul(count as i64);
            let request = requests.map_or(0, |requests| requests.of(index));
            match group {
                Group::Ready => {
                    totals.usage = totals.usage.wrapping_add(all(sample.map_or(0, |sample| sample.value)));
                    totals.requests = totals.requests.wrapping_add(all(request));
                }
                Group::Unready => totals.unready_requests = totals.unready_requests.wrapping_add(all(request)),
                Group::Missing => {
                    totals.missing_requests = totals.missing_requests.wrapping_add(all(request));
                    totals.missing_fill = totals.missing_fill.wrapping_add(all(fill(request)));
                }
                Group::Ignored => {}
            }
        }
        totals
    }
}

/// Ratio, whole percent and average of a utilization; `None` where nothing is requested.
fn utilization_ratio(usage: i64, requests: i64, pods: usize, target_percent: i32) -> Option<(f64, i32, i64)> {
    let percent = usage.wrapping_mul(100).checked_div(requests)? as i32;
    let average = usage.checked_div(pods as i64).unwrap_or(0);
    Some((f64::from(percent) / f64::from(target_percent), percent, average))
}

fn usage_ratio(usage: i64, samples: usize, target: i64) -> (f64, i64) {
    let average = usage / samples as i64;
    (average as f64 / target as f64, average)
}

/// What happens after the first ratio, alike for percent and average targets. `second` recomputes the ratio with
/// missing and unready pods filled in, from (missing are filled, the ratio is above 1, unready pods count).
fn propose(
    current: i32,
    groups: &Groups,
    ratio: f64,
    tolerances: &Tolerances,
    versioned: &VersionedBehaviour,
    second: impl FnOnce(bool) -> Option<f64>,
) -> Result<i32, MetricError> {
    let up_with_unready = groups.unready > 0 && ratio > 1.0;
    if !up_with_unready && groups.missing == 0 {
        if tolerances.hold(ratio) {
            return Ok(current);
        }
        return Ok(versioned.ceil_to_i32(ratio * groups.ready as f64));
    }
    let missing_filled = groups.missing > 0 && ratio != 1.0;
    let samples = groups.ready
        + groups.foreign
        + if missing_filled { groups.missing } else { 0 }
        + if up_with_unready { groups.unready } else { 0 };
    let filled = second(up_with_unready).ok_or(MetricError::NoMetricsForKnownPods)?;
    if tolerances.hold(filled) || (ratio < 1.0 && filled > 1.0) || (ratio > 1.0 && filled < 1.0) {
        return Ok(current);
    }
    let replicas = versioned.ceil_to_i32(filled * samples as f64);
    if (filled < 1.0 && replicas > current) || (filled > 1.0 && replicas < current) {
        return Ok(current);
    }
    Ok(replicas)
}

/// A target of `target_percent` of the requests (`GetResourceReplicas`).
pub fn utilization(
    metric: &PodSamples<'_>,
    requests: &Requests<'_>,
    target_percent: i32,
    current: i32,
    tolerances: &Tolerances,
    flags: &HpaFlags,
    now: SimTime,
) -> Result<Proposal, MetricError> {
    if metric.pods.is_empty() {
        return Err(MetricError::NoPods);
    }
    let fallback_percent = i64::from(target_percent.max(100));
    let totals = metric.totals(Some(requests), flags, now, |request| request.wrapping_mul(fallback_percent) / 100);
    let groups = totals.groups;
    if groups.ready + groups.foreign == 0 {
        return Err(MetricError::NoUsableMetrics);
    }
    if let Requests::Failed(error) = requests {
        return Err(MetricError::Request(*error));
    }
    let (ratio, percent, average) = utilization_ratio(totals.usage, totals.requests, groups.ready, target_percent)
        .ok_or(MetricError::NoMetricsForKnownPods)?;
    let replicas = propose(current, &groups, ratio, tolerances, &flags.versioned, |up_with_unready| {
        let (mut usage, mut requests) = (totals.usage, totals.requests);
        if ratio < 1.0 {
            usage = usage.wrapping_add(totals.missing_fill);
        }
        if ratio != 1.0 {
            requests = requests.wrapping_add(totals.missing_requests);
        }
        if up_with_unready {
            requests = requests.wrapping_add(totals.unready_requests);
        }
        utilization_ratio(usage, requests, 1, target_percent).map(|(ratio, _, _)| ratio)
    })?;
    Ok(Proposal { replicas, current: Current::Utilization { percent, average }, ratio, groups })
}

/// A target of `target` thousandths on average (`calcPlainMetricReplicas`).
pub fn average_value(
    metric: &PodSamples<'_>,
    target: i64,
    current: i32,
    tolerances: &Tolerances,
    flags: &HpaFlags,
    now: SimTime,
) -> Result<Proposal, MetricError> {
    if metric.pods.is_empty() {
        return Err(MetricError::NoPods);
    }
    let totals = metric.totals(None, flags, now, |_| target);
    let groups = totals.groups;
    let samples = groups.ready + groups.foreign;
    if samples == 0 {
        return Err(MetricError::NoUsableMetrics);
    }
    let usage = metric.foreign.iter().fold(totals.usage, |sum, value| sum.wrapping_add(*value));
    let (ratio, average) = usage_ratio(usage, samples, target);
    let replicas = propose(current, &groups, ratio, tolerances, &flags.versioned, |up_with_unready| {
        let (mut usage, mut samples) = (usage, samples);
        if ratio < 1.0 {
            usage = usage.wrapping_add(totals.missing_fill);
        }
        if ratio != 1.0 {
            samples += groups.missing;
        }
        if up_with_unready {
            samples += groups.unready;
        }
        Some(usage_ratio(usage, samples, target).0)
    })?;
    Ok(Proposal { replicas, current: Current::AverageValue(average), ratio, groups })
}

/// A target for the whole metric (`GetObjectMetricReplicas`, `GetExternalMetricReplicas`).
///
/// `total` is the metric's sum. From zero replicas the ratio itself is the count; there is no tolerance then.
pub fn total_value(
    total: i64,
    target: i64,
    current: i32,
    tolerances: &Tolerances,
    snapshot: &Snapshot<'_>,
    versioned: &VersionedBehaviour,
) -> Result<Proposal, MetricError> {
    let ratio = total as f64 / target as f64;
    let mut groups = Groups::default();
    let replicas = if current == 0 {
        versioned.ceil_to_i32(ratio)
    } else if tolerances.hold(ratio) {
        current
    } else {
        if snapshot.pods.is_empty() {
            return Err(MetricError::NoPods);
        }
        for (pod, count) in snapshot.pods.iter().zip(snapshot.counts.iter().copied().chain(repeat(1))) {
            groups.add(if pod.is_running_and_ready() { Group::Ready } else { Group::Unready }, count);
        }
        versioned.ceil_to_i32_since(versioned.total_replicas_capped, ratio * groups.ready as f64)
    };
    Ok(Proposal { replicas, current: Current::Value(total), ratio, groups })
}

/// A target for each of the target's replicas (`GetObjectPerPodMetricReplicas`, `GetExternalPerPodMetricReplicas`).
///
/// Within tolerance it proposes the status count, even where the spec differs. Only the external form is ever `guarded`
/// against counts and averages that do not fit their integers.
pub fn total_per_pod(
    total: i64,
    target: i64,
    status_replicas: i32,
    tolerances: &Tolerances,
    guarded: bool,
    versioned: &VersionedBehaviour,
) -> Proposal {
    let ratio = total as f64 / (target as f64 * f64::from(status_replicas));
    let wanted = (total as f64 / target as f64).ceil();
    let replicas = match tolerances.hold(ratio) {
        true => status_replicas,
        false => versioned.ceil_to_i32_since(guarded, wanted),
    };
    let average = if status_replicas == 0 && versioned.zero_divides_nothing {
        0
    } else if guarded && total as f64 >= i64::MAX as f64 {
        i64::MAX
    } else {
        to_i64((total as f64 / f64::from(status_replicas)).ceil())
    };
    Proposal { replicas, current: Current::AverageValue(average), ratio, groups: Groups::default() }
}

/// The sum of a metric's series, where it would overflow held at the largest `i64` or, before that, wrapped round.
pub(super) fn total_sum(values: &[i64], versioned: &VersionedBehaviour) -> i64 {
    let mut sum = 0i64;
    for value in values {
        if versioned.total_sum_capped && *value > 0 && sum > i64::MAX - value {
            return i64::MAX;
        }
        sum = sum.wrapping_add(*value);
    }
    sum
}

/// As [`total_sum`], in the form that upstream uses for average targets: a sum below zero counts as an overflow.
pub(super) fn per_pod_sum(values: &[i64], versioned: &VersionedBehaviour) -> i64 {
    let mut sum = 0i64;
    for value in values {
        sum = sum.wrapping_add(*value);
        if versioned.per_pod_totals_capped && sum < 0 {
            return i64::MAX;
        }
    }
    sum
}
