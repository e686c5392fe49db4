//! How proptest draws a [`Plan`].

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use windtunnel::cluster::TaintEffect;

use windtunnel::training::allocation::{Allocation, OptimusOptions, RoundOptions, TiresiasOptions};
use windtunnel::training::order::{Discipline, Order, Passing};
use windtunnel::units::SimDuration;

use crate::plan::{AskPlan, GangPlan, GpuPlan, GroupPlan, JobPlan, LoadPlan, NodePlan, Plan, PodPlan, ReplicatedPlan};

const HOUR: i64 = 3_600;

/// Everything but node groups.
pub fn fixed_cluster() -> impl Strategy<Value = Plan> {
    (
        (vec(node(), 1..8), vec(pod(), 0..40), vec(replicated(), 0..4), vec(job(), 0..3), vec(gang(), 0..4)),
        vec((0..HOUR, 0..4usize, 0..6u32), 0..4),
        vec((0..HOUR, 0..3u8), 0..2),
        (
            (any::<bool>(), option::weighted(0.3, 1..500i64)),
            prop_oneof![Just(0), 1..5_000i64],
            prop_oneof![Just(0), 1..40_000i64],
            (any::<bool>(), gang_queue()),
        ),
    )
        .prop_map(|((nodes, pods, replicated, jobs, gangs), changes, outages, rest)| {
            let ((daemon_set, commitment_cents), start_millis, end_millis, (most_allocated, gang_queue)) = rest;
            Plan {
                minutes: 60,
                nodes,
                groups: Vec::new(),
                pods,
                replicated,
                jobs,
                gangs,
                gang_queue,
                changes,
                outages,
                daemon_set,
                commitment_cents,
                start_millis,
                end_millis,
                most_allocated,
            }
        })
}

/// Node groups under the Cluster Autoscaler, beside fixed nodes or alone.
pub fn autoscaled_cluster() -> impl Strategy<Value = Plan> {
    (fixed_cluster(), vec(group(), 1..4), any::<bool>()).prop_map(|(plan, groups, alone)| Plan {
        groups,
        nodes: if alone { Vec::new() } else { plan.nodes },
        ..plan
    })
}

fn gang_queue() -> impl Strategy<Value = Option<Discipline>> {
    let order = prop_oneof![Just(Order::Submitted), Just(Order::Priority), Just(Order::ShortestRemaining)];
    let passing = prop_oneof![Just(Passing::Nobody), Just(Passing::Easy), Just(Passing::Everybody)];
    let queue = (order, passing).prop_map(|(order, passing)| Discipline { order, passing, allocation: None });
    let shares =
        allocation().prop_map(|allocation| Discipline { allocation: Some(allocation), ..Discipline::default() });
    option::weighted(0.5, prop_oneof![2 => queue, 1 => shares])
}

/// Policies that take running jobs' GPUs away.
fn allocation() -> impl Strategy<Value = Allocation> {
    let tiresias = (150..900i64, 1..40i64).prop_map(|(interval, threshold)| {
        let (interval, threshold) = (SimDuration::from_secs(interval), SimDuration::from_mins(threshold));
        Allocation::Tiresias(TiresiasOptions { interval, threshold })
    });
    let rounds = (300..900i64, any::<bool>()).prop_map(|(interval, is_strict)| {
        let options = RoundOptions { interval: SimDuration::from_secs(interval), ..RoundOptions::default() };
        if is_strict { Allocation::FifoPerf(options) } else { Allocation::MaxMinFairnessPerf(options) }
    });
    let elastic = (300..900i64)
        .prop_map(|interval| Allocation::Optimus(OptimusOptions { interval: SimDuration::from_secs(interval) }));
    prop_oneof![tiresias, rounds, elastic]
}

fn node() -> impl Strategy<Value = NodePlan> {
    let gpus = prop_oneof![
        3 => Just(GpuPlan::None),
        1 => (1..5i64).prop_map(GpuPlan::Whole),
        1 => (1..5u16).prop_map(GpuPlan::Shared),
    ];
    let taint = prop_oneof![
        4 => Just(None),
        1 => Just(Some(TaintEffect::NoSchedule)),
        1 => Just(Some(TaintEffect::PreferNoSchedule)),
    ];
    (1..9i64, 1..17i64, prop_oneof![2..6i64, Just(110)], 0..3u8, taint, gpus)
        .prop_map(|(cores, gib, max_pods, zone, taint, gpus)| NodePlan { cores, gib, max_pods, zone, taint, gpus })
}

fn group() -> impl Strategy<Value = GroupPlan> {
    let losses = prop_oneof![2 => Just(0.0), 1 => 0.1..4.0f64];
    let failures = prop_oneof![3 => Just(0.0), 1 => 0.1..0.9f64];
    (
        (node(), 1..4u8, 0..3u32, 1..8u32, 0..300i64, prop_oneof![Just(0), 1..120i64]),
        ((any::<bool>(), option::weighted(0.3, 0..6u32)), losses, failures, option::weighted(0.2, 0..4u32)),
        option::weighted(0.2, (0..30i64, 1..20i64)),
        1..300i64,
    )
        .prop_map(
            |(
                (node, zones, initial, max, boot, startup),
                ((spot, reserved), losses, failures, quota),
                stock_out,
                price,
            )| {
                GroupPlan {
                    node,
                    zones,
                    initial,
                    max,
                    boot_seconds: boot,
                    startup_seconds: startup,
                    spot,
                    reserved,
                    losses_per_hour: losses,
                    start_failures: failures,
                    quota,
                    stock_out_minutes: stock_out,
                    price_cents: price,
                }
            },
        )
}

fn ask() -> impl Strategy<Value = AskPlan> {
    let gpu = prop_oneof![4 => Just(0), 1 => 50..999u16, 1 => (1..3u16).prop_map(|whole| whole * 1000)];
    let memory_use = prop_oneof![6 => 10..100u32, 1 => 100..120u32, 1 => 121..200u32];
    (
        (1..40i64, 1..64i64, gpu, 0..3i32, any::<bool>()),
        (option::weighted(0.15, 0..3u8), proptest::bool::weighted(0.1), option::weighted(0.1, 1..3i32)),
        (memory_use, any::<bool>()),
    )
        .prop_map(
            |((cpu, mib, gpu_milli, priority, tolerates), (zone, anti_affinity, spread), (memory_use, never))| {
                AskPlan {
                    cpu: cpu * 100,
                    mib: mib * 64,
                    gpu_milli,
                    priority,
                    tolerates,
                    zone,
                    anti_affinity,
                    spread,
                    memory_use,
                    never_restarts: never,
                }
            },
        )
}

fn pod() -> impl Strategy<Value = PodPlan> {
    (ask(), 0..HOUR, option::weighted(0.9, 1..1_800i64)).prop_map(|(ask, arrival, seconds)| PodPlan {
        ask,
        arrival,
        seconds,
    })
}

fn replicated() -> impl Strategy<Value = ReplicatedPlan> {
    let load = prop_oneof![
        Just(LoadPlan::None),
        (0..3_000i64).prop_map(LoadPlan::Constant),
        (0..3_000i64, 0..9_000i64).prop_map(|(before, after)| LoadPlan::Step(before, after)),
        (0..2_000i64, 0..9_000i64).prop_map(|(trough, peak)| LoadPlan::Noisy(trough, peak)),
    ];
    (
        (ask(), proptest::bool::weighted(0.3), 0..6u32, 0..60i64, load),
        option::of((1..3i32, 3..8i32, 30..90i32)),
        option::weighted(0.4, prop_oneof![-2..4i32, 100..201i32]),
    )
        .prop_map(|((ask, stateful, replicas, ready_seconds, load), hpa, budget)| ReplicatedPlan {
            ask,
            stateful,
            replicas,
            ready_seconds,
            load,
            hpa,
            budget,
        })
}

fn job() -> impl Strategy<Value = JobPlan> {
    (ask(), 0..HOUR, 1..4u32, 1..6u32, 1..900i64).prop_map(|(ask, arrival, parallelism, completions, seconds)| {
        JobPlan { ask, arrival, parallelism, completions, seconds }
    })
}

fn gang() -> impl Strategy<Value = GangPlan> {
    (ask(), 0..HOUR, 1..5u32, 1..20_000u64).prop_map(|(ask, arrival, workers, steps)| GangPlan {
        ask,
        arrival,
        workers,
        steps,
    })
}
