//! Sums that must agree in what a run showed.

use std::collections::BTreeMap;

use windtunnel::cluster::PodPhase;
use windtunnel::cost::{COMMITMENTS, CapacityType, IDLE};
use windtunnel::scenario::{FIXED, Scenario};
use windtunnel::sim::{IdleReason, IdleRow, Mechanism, Outcome};
use windtunnel::units::{SimTime, Usd};

use crate::watch::{Seen, Watched};

pub fn books(scenario: &Scenario, run: &Watched) {
    let end = SimTime::ZERO + scenario.duration;
    every_sample(run);
    pods_are_conserved(run);
    last_row_is_the_outcome(run, end);
    integrals_follow_from_the_rows(&run.outcome, end);
    costs_sum_up(scenario, &run.outcome, end);
    reasons_sum_up(&run.outcome, end);
    training_ends_in_time(&run.outcome);
    jobs_account_for_all_their_time(&run.outcome, end);
}

/// Goodput and badput by cause are the time from submission to the end; attempts follow one another.
fn jobs_account_for_all_their_time(outcome: &Outcome, end: SimTime) {
    for job in &outcome.training {
        let times = job.times;
        let parts: i64 = times.badput().iter().map(|(_, part)| part.nanos()).sum::<i64>() + times.goodput.nanos();
        let whole = job.finished.unwrap_or(end) - job.arrival;
        assert_eq!(parts, whole.nanos(), "{job:?}");
        assert!(times.badput().iter().all(|(_, part)| part.nanos() >= 0) && times.goodput.nanos() >= 0, "{job:?}");
        let mut free = job.arrival;
        for attempt in &job.attempts {
            assert!(attempt.queued >= free && attempt.placed >= attempt.queued, "{job:?}");
            assert!(attempt.started.is_none_or(|started| started >= attempt.placed), "{job:?}");
            free = attempt.ended.unwrap_or(end);
        }
        let completed = job.attempts.last().is_some_and(|attempt| attempt.reason == "Completed");
        assert_eq!(job.finished.is_some(), completed, "{job:?}");
        let pods = outcome.pods.iter().filter(|pod| pod.name.starts_with(&format!("{}-worker-", job.name)));
        assert_eq!(pods.map(|pod| pod.cost).sum::<Usd>(), job.cost, "{job:?}");
    }
}

/// Idle money and waits are told for some reason, to the last digit, and few of them for none.
fn reasons_sum_up(outcome: &Outcome, end: SimTime) {
    let told = &outcome.explanation;
    assert_eq!(told.idle.iter().map(|row| row.cost).sum::<Usd>(), outcome.idle_cost, "{:?}", told.idle);
    let unused =
        told.idle.iter().filter(|row| row.reason == IdleReason::ReservedUnused).map(|row| row.cost).sum::<Usd>();
    assert_eq!(unused, outcome.reserved_unused);
    let stood = |from: SimTime, to: Option<SimTime>| i128::from((to.unwrap_or(end) - from).nanos());
    let lives: i128 = outcome.nodes.iter().map(|node| stood(node.requested, node.removed)).sum();
    assert_eq!(told.idle.iter().map(|row| row.node_time).sum::<i128>(), lives, "{:?}", told.idle);
    let waits = outcome.pods.iter().map(|pod| stood(pod.created, pod.scheduled.or(pod.finished)));
    assert_eq!(told.waits.iter().map(|row| row.pod_time).sum::<i128>(), waits.sum::<i128>(), "{:?}", told.waits);
    assert!(told.waits.iter().all(|row| row.pod_time > 0), "{:?}", told.waits);
    for reason in &told.wait_reasons {
        assert!(reason.pods > 0 && reason.pods <= outcome.pods.len() as u64, "{reason:?}");
    }
    let is_unknown = |row: &&IdleRow| row.reason == IdleReason::Unknown;
    let unknown: i128 = told.idle.iter().filter(is_unknown).map(|row| row.node_time).sum();
    assert!(unknown * 100 <= lives, "{:?}", told.idle);
    assert!(told.waits.iter().all(|row| row.reason != Mechanism::Unknown), "{:?}", told.waits);
}

fn every_sample(run: &Watched) {
    let mut before: Option<&Seen> = None;
    for sample in &run.samples {
        for usage in [sample.allocatable, sample.requested, sample.used] {
            assert!(usage.cpu.get() >= 0 && usage.memory.get() >= 0 && usage.gpu.get() >= 0, "{sample:?}");
        }
        assert!(sample.cost_rate.nanos() >= 0 && sample.cost >= Usd::ZERO, "{sample:?}");
        assert!(sample.nodes_ready <= sample.nodes && sample.pods.ready <= sample.pods.running, "{sample:?}");
        assert!(sample.services.iter().all(|(demand, served, backlog)| *demand >= 0 && *served >= 0 && *backlog >= 0));
        if let Some(before) = before {
            assert!(sample.at > before.at, "samples ascend");
            // Where a commitment covers all, the sum stands still but for rounding: one rounded sum of what runs becomes
            // as many rounded bills as end, and of two such sums one is subtracted.
            let rounding = Usd::from_nanos(2 + i64::try_from(run.outcome.nodes.len()).expect("few nodes"));
            assert!(sample.cost + rounding >= before.cost, "money comes back: {before:?} {sample:?}");
        }
        before = Some(sample);
    }
}

/// Created is pending + running + succeeded + failed + deleted, at every sample.
fn pods_are_conserved(run: &Watched) {
    for sample in &run.samples {
        let created = run.outcome.pods.iter().filter(|pod| pod.created <= sample.at).count();
        let counts = sample.pods;
        let counted = counts.pending + counts.running + counts.succeeded + counts.failed + counts.deleted;
        assert_eq!(created, counted as usize, "at {}", sample.at);
    }
    for pod in &run.outcome.pods {
        let instants = [Some(pod.created), pod.scheduled, pod.started, pod.finished];
        let known: Vec<SimTime> = instants.into_iter().flatten().collect();
        assert!(known.is_sorted(), "{pod:?}");
        assert!(pod.finished.is_some() || matches!(pod.phase, PodPhase::Pending | PodPhase::Running), "{pod:?}");
        assert_eq!(pod.node.is_some(), pod.scheduled.is_some(), "{pod:?}");
    }
    let mut names: Vec<_> = run.outcome.nodes.iter().map(|node| &node.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "two nodes share a name");
}

fn last_row_is_the_outcome(run: &Watched, end: SimTime) {
    let last = run.samples.last().expect("the end is sampled");
    assert_eq!(last.at, end);
    assert_eq!(last.integrals, run.outcome.integrals);
    assert_eq!(last.cost, run.outcome.cost);
}

/// What was requested over time is what each pod requested, from its binding to its end.
fn integrals_follow_from_the_rows(outcome: &Outcome, end: SimTime) {
    let mut requested = [0i128; 3];
    for pod in &outcome.pods {
        let Some(from) = pod.scheduled else { continue };
        let held = i128::from((pod.finished.unwrap_or(end) - from).nanos());
        for (sum, amount) in requested.iter_mut().zip([pod.cpu.get(), pod.memory.get(), pod.gpu.get()]) {
            *sum += held * i128::from(amount);
        }
    }
    assert_eq!(requested, outcome.integrals.requested);
    let nodes = outcome.nodes.iter().filter_map(|node| Some(node.deleted.unwrap_or(end) - node.registered?));
    let lives: i128 = nodes.map(|life| i128::from(life.nanos())).sum();
    assert_eq!(lives, outcome.integrals.nodes);
    for resource in 0..3 {
        assert!(outcome.integrals.requested[resource] <= outcome.integrals.allocatable[resource]);
    }
}

/// Node-hours times price is the cost, and every split of it sums to it.
fn costs_sum_up(scenario: &Scenario, outcome: &Outcome, end: SimTime) {
    let mut by_group: BTreeMap<&str, Usd> = BTreeMap::new();
    let kind = |group: &str| scenario.node_groups.iter().find(|known| *known.name == *group);
    let is_reserved = |group: &str| kind(group).is_some_and(|group| group.capacity_type == CapacityType::Reserved);
    for node in &outcome.nodes {
        // A machine of a reserved group may have stood in a slot for a part of its life.
        if !is_reserved(&node.group) {
            let bill = scenario.billing.cost(node.price, node.requested, node.removed.unwrap_or(end));
            assert_eq!(bill, node.cost, "{node:?}");
        }
        assert_eq!(node.idle_costs.into_iter().sum::<Usd>(), node.idle_cost, "{node:?}");
        assert!(node.cost >= Usd::ZERO && node.idle_cost <= node.cost, "{node:?}");
        let group = if node.group.is_empty() { FIXED } else { &*node.group };
        *by_group.entry(group).or_default() += node.cost;
    }
    let mut unused = Usd::ZERO;
    for group in scenario.node_groups.iter().filter(|group| group.capacity_type == CapacityType::Reserved) {
        let terms = scenario.reservation(group);
        let fee = windtunnel::cost::Billing::reserved_cost(terms.price, terms.nodes, scenario.duration);
        // All of it where no machine stood beyond the reserved ones.
        let stood = outcome.nodes.iter().filter(|node| node.group == group.name).count() as u32;
        let row = outcome.cost_by_node_group.iter().find(|row| row.0 == group.name).expect("a row").1;
        assert!(if stood <= terms.nodes { row == fee } else { row >= fee }, "{row} of {fee}: {terms:?}");
        unused += row - by_group.get(&*group.name).copied().unwrap_or_default();
        by_group.insert(&group.name, row);
    }
    assert_eq!(unused, outcome.reserved_unused);
    assert!(unused >= Usd::ZERO);
    let machines: Usd = outcome.nodes.iter().map(|node| node.cost).sum();
    let saved: Usd = outcome.commitments.iter().map(|row| row.covered - row.paid).sum();
    for row in &outcome.commitments {
        assert!(row.unused >= Usd::ZERO && row.unused <= row.paid && row.covered >= Usd::ZERO, "{row:?}");
    }
    assert_eq!(machines + unused - saved, outcome.cost);
    by_group.insert(COMMITMENTS, Usd::ZERO - saved);
    assert_eq!(outcome.cost_by_node_group.iter().map(|(_, cost)| *cost).sum::<Usd>(), outcome.cost);
    for (group, cost) in &outcome.cost_by_node_group {
        assert_eq!(by_group.get(&**group).copied().unwrap_or_default(), *cost, "group {group}");
    }
    assert_eq!(outcome.cost_by_capacity_type.iter().map(|(_, cost)| *cost).sum::<Usd>(), outcome.cost);
    let spot: Usd = outcome.nodes.iter().filter(|node| node.capacity_type == CapacityType::Spot).map(|n| n.cost).sum();
    assert!(outcome.cost_by_capacity_type.contains(&("spot", spot)), "{:?}", outcome.cost_by_capacity_type);
    assert_eq!(outcome.cost_by_workload.iter().map(|row| row.cost).sum::<Usd>(), outcome.cost);
    let mut by_workload: BTreeMap<&str, Usd> =
        BTreeMap::from([(IDLE, outcome.idle_cost), (COMMITMENTS, Usd::ZERO - saved)]);
    for pod in &outcome.pods {
        assert_eq!(pod.costs.into_iter().sum::<Usd>(), pod.cost, "{pod:?}");
        *by_workload.entry(&pod.workload).or_default() += pod.cost;
    }
    for row in &outcome.cost_by_workload {
        assert_eq!(by_workload.get(&*row.workload).copied().unwrap_or_default(), row.cost, "{row:?}");
        assert!(&*row.workload == COMMITMENTS || row.costs.into_iter().sum::<Usd>() == row.cost, "{row:?}");
    }
}

fn training_ends_in_time(outcome: &Outcome) {
    for job in &outcome.training {
        assert!(job.steps_done <= job.total_steps as f64, "{job:?}");
        assert_eq!(job.finished.is_some(), job.steps_done == job.total_steps as f64, "{job:?}");
        assert!(job.steps_lost >= 0.0 && job.gpu_hours >= 0.0, "{job:?}");
    }
}
