//! Random weather at the cloud (late, failing, interrupted, lost and refused machines) and what must come right again:
//! work that is over leaves no node, nobody waits for ever that a group could hold, and what the cloud did not deliver
//! is corrected within a bounded time.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use windtunnel::scenario::{Scenario, StockOut};
use windtunnel::sim::{NodeRow, PodRow, RunOptions};
use windtunnel::units::distribution::Uniform;
use windtunnel::units::{Distribution, SimDuration, SimTime};

use super::runs::{config, node_pools};
use crate::plan::{AskPlan, GangPlan, GpuPlan, GroupPlan, LoadPlan, NodePlan, Plan, PodPlan, ReplicatedPlan};
use crate::watch::{Watched, watch};

const HOUR: i64 = 3_600;
/// When the last replicas are scaled away.
const CLOSING: i64 = 5_400;
/// Between what an autoscaler may wait for and its act: a few loops, other machines' deletions, a node's last pods.
const SLACK: SimDuration = SimDuration::from_mins(10);

/// A cluster whose every pod fits some machine, and the cloud under it.
#[derive(Clone, Debug)]
struct Weather {
    plan: Plan,
    /// By group: spans without stock, in minutes (from, length).
    stock_outs: Vec<Vec<(i64, i64)>>,
    provision_minutes: i64,
    stopping_seconds: i64,
}

fn group() -> impl Strategy<Value = (GroupPlan, Vec<(i64, i64)>)> {
    let failures = prop_oneof![2 => Just(0.0), 1 => 0.05..0.4f64];
    let losses = prop_oneof![1 => Just(0.0), 1 => 0.05..1.5f64];
    let stock_outs = prop_oneof![
        1 => Just(Vec::new()),
        1 => vec((0..120i64, 1..90i64), 1..4),
    ];
    (
        (4..9i64, 1..4u8, 0..4u32, 2..8u32, 20..300i64, prop_oneof![Just(0), 1..90i64]),
        (any::<bool>(), losses, failures, option::weighted(0.3, 1..4u32), stock_outs, 1..300i64),
    )
        .prop_map(
            |((cores, zones, initial, max, boot, startup), (spot, losses, failures, quota, stock_outs, price))| {
                let group = GroupPlan {
                    node: NodePlan { cores, gib: 32, ..NodePlan::default() },
                    zones,
                    initial: initial.min(quota.unwrap_or(initial)),
                    max,
                    boot_seconds: boot,
                    startup_seconds: startup,
                    spot,
                    losses_per_hour: losses,
                    start_failures: failures,
                    quota,
                    stock_out_minutes: None,
                    price_cents: price,
                    reserved: None,
                };
                (group, stock_outs)
            },
        )
}

fn ask() -> impl Strategy<Value = AskPlan> {
    (1..30i64, 1..32i64).prop_map(|(cpu, mib)| AskPlan { cpu: cpu * 100, mib: mib * 64, ..AskPlan::default() })
}

fn pod() -> impl Strategy<Value = PodPlan> {
    (ask(), 0..HOUR, 1..900i64).prop_map(|(ask, arrival, seconds)| PodPlan { ask, arrival, seconds: Some(seconds) })
}

fn replicated() -> impl Strategy<Value = ReplicatedPlan> {
    let budget = option::weighted(0.5, prop_oneof![Just(-1), Just(1), Just(150)]);
    (ask(), any::<bool>(), 1..5u32, 0..30i64, budget).prop_map(|(ask, stateful, replicas, ready_seconds, budget)| {
        ReplicatedPlan { ask, stateful, replicas, ready_seconds, load: LoadPlan::None, hpa: None, budget }
    })
}

/// Work for an hour and a half, and time for everything to come right.
fn work(minutes: i64) -> impl Strategy<Value = Plan> {
    let outages = vec((0..2 * HOUR, 0..3u8), 0..3);
    (vec(pod(), 0..15), vec(replicated(), 0..3), outages, any::<bool>(), prop_oneof![Just(0), 1..60_000i64]).prop_map(
        move |(pods, replicated, outages, daemon_set, end_millis)| Plan {
            minutes,
            changes: (0..replicated.len()).map(|workload| (CLOSING, workload, 0)).collect(),
            pods,
            replicated,
            outages,
            daemon_set,
            start_millis: 1_000,
            end_millis,
            ..Plan::default()
        },
    )
}

/// Groups under the Cluster Autoscaler, all with a minimum of 0, and a gang where one has GPUs.
fn grouped() -> impl Strategy<Value = Weather> {
    let gang = option::of((1..5u32, 0..HOUR, 100..4_000u64));
    (work(24 * 60), vec(group(), 1..4), gang, 5..16i64, prop_oneof![Just(0), 1..90i64]).prop_map(
        |(mut plan, groups, gang, provision_minutes, stopping_seconds)| {
            let (mut groups, stock_outs): (Vec<_>, Vec<_>) = groups.into_iter().unzip();
            if let Some((workers, arrival, steps)) = gang {
                groups[0].node.gpus = GpuPlan::Whole(2);
                let most = 2 * groups[0].max.min(groups[0].quota.unwrap_or(u32::MAX));
                let workers = workers.min(most);
                plan.gangs = vec![GangPlan { ask: AskPlan::default(), arrival, workers, steps }];
            }
            plan.groups = groups;
            Weather { plan, stock_outs, provision_minutes, stopping_seconds }
        },
    )
}

impl Weather {
    fn scenario(&self) -> Scenario {
        let mut scenario = self.plan.scenario();
        if let Some(options) = &mut scenario.cluster_autoscaler {
            options.max_node_provision_time = SimDuration::from_mins(self.provision_minutes);
        }
        for (group, spans) in scenario.node_groups.iter_mut().zip(&self.stock_outs) {
            let minutes = |(from, length): &(i64, i64)| {
                StockOut::of(SimTime::from_secs(from * 60), SimTime::from_secs((from + length) * 60))
            };
            group.limits.stock_outs = spans.iter().map(minutes).collect();
            group.deprovisioning = Distribution::Constant(SimDuration::from_secs(self.stopping_seconds));
        }
        scenario
    }
}

/// All work is over, and with minima of 0 no node and no machine is left but those of `stays`, with their pods.
fn ends_empty(scenario: &Scenario, run: &Watched, stays: impl Fn(&NodeRow) -> bool) {
    let daemon_specs = scenario.daemon_sets.len();
    let stays: Vec<bool> = run.outcome.nodes.iter().map(|node| node.removed.is_none() && stays(node)).collect();
    let is_over = |pod: &PodRow| pod.finished.is_some() || pod.node.is_some_and(|node| stays[node as usize]);
    let is_daemon = |pod: &PodRow| daemon_specs > 0 && &*pod.workload == "agent";
    let waiting: Vec<_> = run.outcome.pods.iter().filter(|pod| !is_over(pod) && !is_daemon(pod)).collect();
    assert!(waiting.is_empty(), "pods that a group could hold wait or run for ever: {waiting:#?}{}", told(run));
    let unfinished: Vec<_> = run.outcome.training.iter().filter(|job| job.finished.is_none()).collect();
    assert!(unfinished.is_empty(), "{unfinished:#?}{}", told(run));
    let last = run.samples.last().expect("the end is sampled");
    let standing: Vec<_> = run.outcome.nodes.iter().filter(|node| node.removed.is_none()).collect();
    let staying = stays.iter().filter(|stays| **stays).count();
    assert!(last.nodes as usize == staying && standing.len() == staying, "nodes are left: {standing:#?}{}", told(run));
    assert!(last.pods.unbound == 0 && (last.cost_rate.nanos() == 0) == (staying == 0), "{last:?}");
}

/// A machine registers in time or is handed back; `limit` is the autoscaler's patience.
fn machines_come_or_go(run: &Watched, limit: SimDuration, stopping: SimDuration) {
    let end = run.samples.last().expect("the end is sampled").at;
    let late = |node: &&NodeRow| {
        let until = node.registered.or(node.removed).unwrap_or(end);
        until - node.requested > limit + stopping + SLACK
    };
    let late: Vec<_> = run.outcome.nodes.iter().filter(late).collect();
    assert!(late.is_empty(), "{late:#?}{}", told(run));
}

/// What the cloud refused is delivered later or given up, within [`SLACK`]: so long do target and machines disagree.
fn refusals_are_settled(run: &Watched) {
    let mut open: BTreeMap<&str, (u64, SimDuration)> = BTreeMap::new();
    for line in &run.decisions {
        let mut words = line.split(' ');
        let at: SimDuration = words.next().and_then(|at| at.parse().ok()).expect("a line begins with its instant");
        let (count, since) = open.entry(words.nth(1).unwrap_or_default()).or_default();
        if let Some(refused) = number_after(line, "the cloud refused ") {
            *since = if *count == 0 { at } else { *since };
            *count += refused;
        }
        let settled = number_after(line, "the cloud tried again: ").or_else(|| number_after(line, "given up: "));
        *count = count.saturating_sub(settled.unwrap_or(0));
        let oldest = open.values().filter(|(count, _)| *count > 0).map(|(_, since)| *since).min();
        assert!(oldest.is_none_or(|since| at - since <= SLACK), "a group lacks machines at {at}{}", told(run));
    }
    assert!(open.values().all(|(count, _)| *count == 0), "a group lacks machines to the end{}", told(run));
}

fn number_after(line: &str, words: &str) -> Option<u64> {
    line.split_once(words)?.1.split(' ').next()?.parse().ok()
}

fn told(run: &Watched) -> String {
    format!("\n{}", run.decisions.join("\n"))
}

/// Karpenter's pools in the same weather: machines that register after up to `boot` minutes, where a quarter of an hour
/// is its patience.
fn pooled(weather: &PoolWeather) -> Scenario {
    let mut scenario = weather.plan.scenario_on(node_pools());
    for group in &mut scenario.node_groups {
        let (min, max) = (SimDuration::from_secs(10), SimDuration::from_mins(weather.boot_minutes));
        group.provisioning = Distribution::Uniform(Uniform { min, max });
        group.deprovisioning = Distribution::Constant(SimDuration::from_secs(weather.stopping_seconds));
        group.limits.failure_probability = weather.failures;
        group.interruptions_per_hour = weather.losses_per_hour;
        group.failures_per_hour = weather.losses_per_hour / 2.0;
        group.failure_detection = weather.detection_minutes.map(SimDuration::from_mins);
    }
    scenario
}

#[derive(Clone, Debug)]
struct PoolWeather {
    plan: Plan,
    boot_minutes: i64,
    stopping_seconds: i64,
    failures: f64,
    losses_per_hour: f64,
    /// The cloud never ends a dead machine, or after so many minutes.
    detection_minutes: Option<i64>,
}

fn pool_weather() -> impl Strategy<Value = PoolWeather> {
    let detection = option::of(1..20i64);
    (work(6 * 60), 1..25i64, prop_oneof![Just(0), 1..90i64], 0.0..0.4f64, 0.0..1.5f64, detection).prop_map(
        |(mut plan, boot_minutes, stopping_seconds, failures, losses_per_hour, detection_minutes)| {
            // A StatefulSet's pod on a dead machine holds up its set, and its node, until somebody tells that the machine
            // is no more: here only the cloud does.
            plan.replicated.iter_mut().for_each(|plan| plan.stateful &= detection_minutes.is_some());
            PoolWeather { plan, boot_minutes, stopping_seconds, failures, losses_per_hour, detection_minutes }
        },
    )
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn the_cluster_autoscaler_brings_all_right_again(weather in grouped(), seed in 0..1_000u64) {
        let scenario = weather.scenario();
        let run = watch(&scenario, seed, RunOptions { audit_every: 1, ..RunOptions::default() });
        ends_empty(&scenario, &run, |_| false);
        let limit = SimDuration::from_mins(weather.provision_minutes);
        machines_come_or_go(&run, limit, SimDuration::from_secs(weather.stopping_seconds));
        refusals_are_settled(&run);
    }
}

proptest! {
    #![proptest_config(config(12))]

    #[test]
    fn karpenter_brings_all_right_again(weather in pool_weather(), seed in 0..1_000u64) {
        let scenario = pooled(&weather);
        let run = watch(&scenario, seed, RunOptions { audit_every: 1, ..RunOptions::default() });
        // Karpenter counts a node that is not ready as disrupted, so a pool's last one keeps its budget from itself.
        let nobody_tells = weather.detection_minutes.is_none();
        ends_empty(&scenario, &run, |node| nobody_tells && matches!(node.reason, "Failed" | "Outage"));
        let limit = SimDuration::from_mins(15);
        machines_come_or_go(&run, limit, SimDuration::from_secs(weather.stopping_seconds));
    }
}
