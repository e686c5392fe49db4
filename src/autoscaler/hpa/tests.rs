//! Whole syncs whose reasons people read; the arithmetic itself is held by `tests/conformance/hpa`.

use super::*;
use crate::cluster::PodPhase;
use crate::units::{SimDuration, SimTime};

const NOW: SimTime = SimTime::from_secs(100_000);

fn pod(ready: ReadyStatus) -> PodState {
    let hour_ago = NOW - SimDuration::from_secs(3600);
    PodState {
        phase: Some(PodPhase::Running),
        deleting: false,
        ready: Some(ReadyCondition { status: ready, last_transition: hour_ago }),
        start: Some(hour_ago),
    }
}

fn sample(value: i64) -> Option<Sample> {
    Some(Sample { value, timestamp: NOW, window: SimDuration::from_secs(60) })
}

fn cpu(percent: i32) -> MetricSpec {
    MetricSpec::Resource { resource: "cpu".into(), target: ResourceTarget::Utilization(percent) }
}

fn decide(spec: &HpaSpec, pods: &[PodState], readings: &[Reading<'_>], memory: &mut Memory) -> Decision {
    let count = pods.len() as i32;
    let snapshot = Snapshot {
        now: NOW,
        spec_replicas: count,
        status_replicas: count,
        selector: SelectorState::Valid,
        pods,
        counts: &[],
        readings,
    };
    sync(&snapshot, spec, &HpaFlags::default(), memory)
}

#[test]
fn the_reasons_tell_which_pods_counted_and_which_policy_limited() {
    let mut behavior = Behavior::defaulted();
    behavior.scale_up.policies = vec![ScalingPolicy { policy: PolicyType::Percent, value: 50, period_seconds: 60 }];
    let spec = HpaSpec { min_replicas: 1, max_replicas: 50, metrics: vec![cpu(50)], behavior: Some(behavior) };
    let mut pods = [pod(ReadyStatus::True); 6];
    pods[4].phase = Some(PodPhase::Pending);
    pods[5].phase = Some(PodPhase::Pending);
    let samples = [sample(1800), sample(1800), sample(1800), sample(1800), None, None];
    let reading = Reading::PerPod { samples: &samples, foreign: &[], requests: Requests::Each(1000) };
    let decision = decide(&spec, &pods, &[reading], &mut Memory::default());
    assert_eq!(decision.desired_replicas, 9);
    assert_eq!(
        decision.reasons(&spec, &|index| format!("web-{index}")),
        [
            "Resource cpu: 180 % of the requests against 50 %; 4 of 6 pods counted; 2 unready taken as 0 %; proposes 15",
            "raw 15; limited to 9 by policy Percent 50/60 s; scales 6 to 9",
        ]
    );
}

#[test]
fn a_failed_metric_tells_the_pod_and_does_not_block_a_scale_up() {
    let metrics = vec![
        cpu(50),
        MetricSpec::Pods {
            metric: MetricIdentifier { name: "qps".into(), selector: MetricSelector::All },
            average_value: 1000,
        },
    ];
    let spec = HpaSpec { min_replicas: 1, max_replicas: 50, metrics, behavior: None };
    let pods = [pod(ReadyStatus::True); 2];
    let samples = [sample(3000), sample(1000)];
    let missing = Requests::Failed(RequestError::Missing { pod: 1 });
    let readings = [
        Reading::PerPod { samples: &samples, foreign: &[], requests: missing },
        Reading::PerPod { samples: &samples, foreign: &[], requests: Requests::Each(0) },
    ];
    let mut memory = Memory::default();
    let decision = decide(&spec, &pods, &readings, &mut memory);
    assert_eq!(decision.desired_replicas, 4);
    let reasons = decision.reasons(&spec, &|index| format!("web-{index}"));
    assert_eq!(reasons[0], "Resource cpu: failed: a container of pod web-1 has no request");
    assert_eq!(reasons[2], "raw 4 from Pods qps (1 of 2 metrics failed); scales 2 to 4");
    let active = memory.conditions.get(&ConditionType::ScalingActive).unwrap();
    assert_eq!((active.status, active.reason.as_ref()), (ConditionStatus::True, "ValidMetricFound"));
}

#[test]
fn pods_that_another_hpa_selects_stop_the_sync() {
    let spec = HpaSpec { min_replicas: 1, max_replicas: 5, metrics: vec![cpu(50)], behavior: None };
    let pods = [pod(ReadyStatus::True)];
    let snapshot = Snapshot {
        now: NOW,
        spec_replicas: 1,
        status_replicas: 1,
        selector: SelectorState::Ambiguous,
        pods: &pods,
        counts: &[],
        readings: &[],
    };
    let mut memory = Memory::default();
    let decision = sync(&snapshot, &spec, &HpaFlags::default(), &mut memory);
    assert!(!decision.rescaled && decision.metrics.is_empty());
    assert_eq!(memory.conditions.get(&ConditionType::ScalingActive).unwrap().reason, "AmbiguousSelector");
    assert_eq!(decision.summary(&spec), "another HPA selects the same pods; stays at 1");
}

#[test]
fn an_external_value_too_large_for_a_count_asks_for_the_maximum_and_an_objects_for_the_minimum() {
    let huge = [i64::MAX, i64::MAX];
    let metric = MetricIdentifier { name: "queue".into(), selector: MetricSelector::All };
    let target = ValueTarget::AverageValue(1);
    let external = MetricSpec::External { metric: metric.clone(), target };
    let object = MetricSpec::Object { described_object: ObjectReference::default(), metric, target };
    for (source, desired) in [(external, 4), (object, 1)] {
        let spec = HpaSpec { min_replicas: 1, max_replicas: 50, metrics: vec![source], behavior: None };
        let pods = [pod(ReadyStatus::True); 2];
        let mut memory = Memory { recommendations: Some(Recommendations::default()), ..Memory::default() };
        let decision = decide(&spec, &pods, &[Reading::Values(&huge)], &mut memory);
        assert_eq!(decision.desired_replicas, desired, "{:?}", spec.metrics);
    }
}
