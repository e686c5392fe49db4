//! The HPA's promises, for random loads: bounds, rates, and rest.

use proptest::prelude::*;
use windtunnel::autoscaler::hpa::{
    Behavior, HpaFlags, HpaSpec, Memory, MetricError, MetricSpec, PodState, PolicyType, Reading, ReadyCondition,
    ReadyStatus, Requests, ResourceTarget, Sample, ScalingPolicy, ScalingRules, SelectPolicy, SelectorState, Snapshot,
    sync,
};
use windtunnel::cluster::PodPhase;
use windtunnel::units::{SimDuration, SimTime};

const SYNC_SECONDS: i64 = 15;
const REQUEST: i64 = 1000;

/// A workload whose pods come up at once and share the load evenly, and its HPA.
struct World {
    now: SimTime,
    replicas: i32,
    spec: HpaSpec,
    flags: HpaFlags,
    memory: Memory,
}

impl World {
    fn new(replicas: i32, spec: HpaSpec) -> World {
        let now = SimTime::from_secs(1_000_000);
        World { now, replicas, spec, flags: HpaFlags::default(), memory: Memory::default() }
    }

    /// One sync period passes under a load in millicores (`None`: no metrics); returns the new count.
    fn step(&mut self, load: Option<i64>, unready: usize) -> i32 {
        self.now += SimDuration::from_secs(SYNC_SECONDS);
        let start = self.now - SimDuration::from_secs(3600);
        let count = self.replicas.max(0) as usize;
        let pods: Vec<PodState> = (0..count)
            .map(|index| PodState {
                phase: if index < unready { Some(PodPhase::Pending) } else { Some(PodPhase::Running) },
                deleting: false,
                ready: Some(ReadyCondition { status: ReadyStatus::True, last_transition: start }),
                start: Some(start),
            })
            .collect();
        let sample = |value| Some(Sample { value, timestamp: self.now, window: SimDuration::from_secs(30) });
        let samples: Vec<Option<Sample>> =
            pods.iter().map(|_| load.and_then(|load| sample(load / count.max(1) as i64))).collect();
        let reading = match load {
            Some(_) => Reading::PerPod { samples: &samples, foreign: &[], requests: Requests::Each(REQUEST) },
            None => Reading::Failed(MetricError::Unavailable),
        };
        let snapshot = Snapshot {
            now: self.now,
            spec_replicas: self.replicas,
            status_replicas: self.replicas,
            selector: SelectorState::Valid,
            pods: &pods,
            counts: &[],
            readings: &[reading],
        };
        let decision = sync(&snapshot, &self.spec, &self.flags, &mut self.memory);
        assert_eq!(decision.rescaled, decision.desired_replicas != self.replicas);
        self.replicas = decision.desired_replicas;
        self.replicas
    }
}

fn spec(min: i32, max: i32, percent: i32, behavior: Option<Behavior>) -> HpaSpec {
    let target = ResourceTarget::Utilization(percent);
    HpaSpec {
        min_replicas: min,
        max_replicas: max,
        metrics: vec![MetricSpec::Resource { resource: "cpu".into(), target }],
        behavior,
    }
}

fn policy() -> impl Strategy<Value = ScalingPolicy> {
    let kind = prop_oneof![Just(PolicyType::Pods), Just(PolicyType::Percent)];
    (kind, 1..=150i32, 1..=240i32).prop_map(|(policy, value, period_seconds)| {
        // More than 100 % down means "to zero", which the minimum then stops.
        ScalingPolicy { policy, value, period_seconds }
    })
}

fn rules() -> impl Strategy<Value = ScalingRules> {
    let select = prop_oneof![
        4 => Just(SelectPolicy::Max),
        3 => Just(SelectPolicy::Min),
        1 => Just(SelectPolicy::Disabled)
    ];
    (prop::option::of(0..=400i32), select, prop::collection::vec(policy(), 1..=3)).prop_map(
        |(stabilization_window_seconds, select_policy, policies)| ScalingRules {
            stabilization_window_seconds,
            select_policy,
            policies,
            tolerance: None,
        },
    )
}

fn behavior() -> impl Strategy<Value = Behavior> {
    (rules(), rules()).prop_map(|(scale_up, scale_down)| Behavior { scale_up, scale_down })
}

fn loads(steps: usize) -> impl Strategy<Value = Vec<Option<i64>>> {
    let load = prop_oneof![12 => (0..=60_000i64).prop_map(Some), 1 => Just(None)];
    prop::collection::vec(load, steps)
}

/// The count after the last change at or before `time`.
fn count_at(history: &[(SimTime, i32)], time: SimTime) -> i32 {
    history.iter().rev().find(|(at, _)| *at <= time).unwrap_or(&history[0]).1
}

/// The farthest count that the rules allow from what was there when each period began.
fn farthest(rules: &ScalingRules, history: &[(SimTime, i32)], now: SimTime, up: bool) -> i32 {
    let allowed = rules.policies.iter().map(|policy| {
        let began = now - SimDuration::from_secs(i64::from(policy.period_seconds));
        let start = count_at(history, began);
        let share = f64::from(policy.value) / 100.0;
        match (policy.policy, up) {
            (PolicyType::Pods, true) => start + policy.value,
            (PolicyType::Pods, false) => start - policy.value,
            (PolicyType::Percent, true) => (f64::from(start) * (1.0 + share)).ceil() as i32,
            (PolicyType::Percent, false) => (f64::from(start) * (1.0 - share)) as i32,
        }
    });
    let largest_is_farthest = up == (rules.select_policy == SelectPolicy::Max);
    if largest_is_farthest { allowed.max() } else { allowed.min() }.expect("at least one policy")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_count_never_leaves_minimum_and_maximum(
        min in 1..=5i32,
        extra in 0..=60i32,
        percent in 1..=200i32,
        first in 1..=80i32,
        behavior in prop::option::of(behavior()),
        loads in loads(60),
        unready in prop::collection::vec(0..=4usize, 60),
    ) {
        let max = min + extra;
        let mut world = World::new(first, spec(min, max, percent, behavior));
        for (load, unready) in loads.into_iter().zip(unready) {
            let count = world.step(load, unready);
            prop_assert!((min..=max).contains(&count), "{count} is not within {min} and {max}");
        }
    }

    #[test]
    fn no_window_sees_a_faster_change_than_its_policies_allow(
        percent in 10..=150i32,
        first in 1..=60i32,
        behavior in behavior(),
        loads in loads(80),
    ) {
        let mut world = World::new(first, spec(1, 100, percent, Some(behavior.clone())));
        let mut history = vec![(world.now, first)];
        for load in loads {
            let before = world.replicas;
            let after = world.step(load, 0);
            let limit = |rules: &ScalingRules, up| match rules.select_policy {
                SelectPolicy::Disabled => before,
                _ => farthest(rules, &history, world.now, up),
            };
            if after > before {
                let limit = limit(&behavior.scale_up, true);
                prop_assert!(after <= limit, "{before} to {after} is above {limit}");
            }
            if after < before {
                let limit = limit(&behavior.scale_down, false);
                prop_assert!(after >= limit, "{before} to {after} is below {limit}");
            }
            history.push((world.now, after));
        }
    }

    #[test]
    fn a_constant_load_settles_and_then_stays(
        load in 0..=40_000i64,
        percent in 20..=100i32,
        first in 1..=60i32,
        with_behavior in any::<bool>(),
    ) {
        let behavior = with_behavior.then(Behavior::defaulted);
        let mut world = World::new(first, spec(1, 400, percent, behavior));
        for _ in 0..80 {
            world.step(Some(load), 0);
        }
        let settled = world.replicas;
        for _ in 0..80 {
            prop_assert_eq!(world.step(Some(load), 0), settled);
        }
        // Settled means served: within tolerance of the target, or at the minimum.
        let ratio = load as f64 / f64::from(settled) / REQUEST as f64 * 100.0 / f64::from(percent);
        prop_assert!(ratio <= 1.1 + 0.06, "{settled} replicas leave a ratio of {ratio}");
    }

    #[test]
    fn without_any_metric_nothing_moves_and_nothing_is_remembered(first in 1..=50i32, steps in 1..=10usize) {
        let mut world = World::new(first, spec(1, 50, 50, Some(Behavior::defaulted())));
        for _ in 0..steps {
            prop_assert_eq!(world.step(None, 0), first);
        }
        prop_assert_eq!(world.memory.recommendations.map_or(0, |log| log.0.len()), 1);
    }
}
