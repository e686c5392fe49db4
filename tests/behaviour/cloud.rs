//! Machines that come late, never, or are lost: target, cloud and cluster find together again, under both autoscalers.

use std::path::Path;

use windtunnel::scenario::{self, Scenario};
use windtunnel::sim::RunOptions;
use windtunnel::units::{SimDuration, SimTime};

use super::secs;
use crate::watch::{Watched, watch};

fn scenario(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/behaviour/cloud/{name}.yaml"));
    scenario::load(&path, &[]).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false))).scenario
}

/// Audited after every event, and the same where nothing is skipped.
fn run(name: &str) -> Watched {
    let scenario = scenario(name);
    crate::golden::as_on_record(&scenario, 1);
    let fast = watch(&scenario, 1, RunOptions { audit_every: 1, ..RunOptions::default() });
    let plain = watch(&scenario, 1, RunOptions { plain: true, ..RunOptions::default() });
    assert_eq!(fast.lines, plain.lines);
    fast
}

/// Instants of the decisions that have `part` in their line, in seconds rounded down.
fn when(run: &Watched, part: &str) -> Vec<i64> {
    let lines = run.decisions.iter().filter(|line| line.contains(part));
    lines.map(|line| instant(line).nanos().div_euclid(1_000_000_000)).collect()
}

fn instant(line: &str) -> SimTime {
    let text = line.split(' ').next().expect("a line begins with its instant");
    SimTime::ZERO + text.parse::<SimDuration>().unwrap_or_else(|_| panic!("{line}"))
}

/// Machines that are billed at the end.
fn left_standing(run: &Watched) -> usize {
    run.outcome.nodes.iter().filter(|node| node.removed.is_none()).count()
}

/// Three minutes to a quarter of an hour and half a minute: those that are late are given up, the others go when idle.
#[test]
fn few_late_machines_cost_no_others() {
    let run = run("slow-few");
    let given_up = run.outcome.nodes.iter().filter(|node| node.reason == "NeverRegistered").count();
    let served = run.outcome.nodes.iter().filter(|node| node.reason == "ScaleDown").count();
    assert!((1..=3).contains(&given_up), "{given_up}");
    assert_eq!((given_up + served, left_standing(&run)), (40, 0));
    assert!(run.outcome.pods.iter().all(|pod| pod.reason == "Completed"));
    let cost = run.outcome.cost.as_f64();
    assert!((3.0..4.0).contains(&cost), "{cost}");
    // Each that is given up has its row, with the limit that it passed.
    assert_eq!(when(&run, "Unregistered -> Deleted: not registered within 15m0s").len(), given_up);
}

/// Upstream's back-off: 5, 10, 20, 30, 30 minutes, each from the time-out of the scale-up before.
fn backs_off(run: &Watched, limit: i64) {
    let asked = when(run, "nodegroup/g: 0 -> 1");
    let timed_out = when(run, "timed out");
    assert_eq!(asked.len(), timed_out.len(), "{:#?}", run.decisions);
    for (asked, timed_out) in asked.iter().zip(&timed_out) {
        assert!((limit..limit + 10).contains(&(timed_out - asked)), "{:#?}", run.decisions);
    }
    let pauses: Vec<i64> = timed_out.iter().zip(&asked[1..]).map(|(from, to)| to - from).collect();
    for (pause, minutes) in pauses.iter().zip([5, 10, 20, 30, 30]) {
        assert!((minutes * 60..minutes * 60 + 15).contains(pause), "{pauses:?}");
    }
    // At most one machine at a time, and none is left over.
    let mut lives: Vec<(SimTime, SimTime)> =
        run.outcome.nodes.iter().map(|node| (node.requested, node.removed.expect("it was given up"))).collect();
    lives.sort_unstable();
    assert!(lives.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{lives:?}");
}

#[test]
fn a_group_whose_machines_never_come_backs_off_ever_longer() {
    let run = run("never-boots");
    assert_eq!(when(&run, "nodegroup/g: 0 -> 1").len(), 5);
    backs_off(&run, 300);
}

/// Whatever the loops' grid is: here the time-out of the request and the deletion of what did not register fall into one.
#[test]
fn a_request_times_out_before_its_machine_is_given_up() {
    for interval in ["10s", "11s", "13s", "30s"] {
        let text = format!(
            "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {{name: slow}}\nspec:\n  duration: 3h\n  nodeGroups: [{{name: g, \
             instanceType: m6i.xlarge, minSize: 0, maxSize: 4, provisioning: 20m, startup: 10s}}]\n  autoscaling: {{clusterAutoscaler: \
             {{scanInterval: {interval}}}}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: \
             i, resources: {{requests: {{cpu: 3}}}}}}]}}\n"
        );
        let run = super::run_scenario(&text, &[]);
        assert_eq!(when(&run, "nodegroup/g: 0 -> 1").len(), 6, "{interval}: {:#?}", run.decisions);
    }
}

#[test]
fn a_machine_that_is_late_is_deleted_before_it_registers() {
    let run = run("slow-boot-target");
    backs_off(&run, 300);
    assert!(run.outcome.nodes.iter().all(|node| node.registered.is_none() && node.reason == "NeverRegistered"));
    assert_eq!(left_standing(&run), 0);
}

#[test]
fn a_node_lost_in_its_drain_is_forgotten_by_the_autoscaler() {
    let run = run("leaked-deletion");
    let last = run.samples.last().expect("the end is sampled");
    assert_eq!((last.nodes, left_standing(&run)), (0, 0), "{:#?}", run.decisions);
}

/// The cloud notices the loss after five minutes. The place of the lost machine is given up, and asked for anew with a back-off that ends after the stock-out.
#[test]
fn a_machine_lost_in_a_stock_out_is_replaced_when_there_is_stock() {
    let run = run("stuck");
    assert_eq!(when(&run, "nodegroup/g: Lost -> OutOfStock"), [1_300]);
    assert_eq!(when(&run, "given up: 1 instances").len(), 3, "{:#?}", run.decisions);
    let job = &run.outcome.training[0];
    let finished = job.finished.expect("it goes on after the stock-out");
    // Ten hours of steps, less than an hour of stock-out and back-off, and what was lost since the last checkpoint.
    assert!(finished < secs(11 * 3_600 + 1_800), "{finished}");
    assert_eq!(left_standing(&run), 0);
}

#[test]
fn a_spot_node_taken_in_a_stock_out_is_replaced_when_there_is_stock() {
    let run = run("notice");
    assert!(run.outcome.interruptions > 0);
    assert!(run.outcome.training[0].finished.is_some(), "{:#?}", run.decisions);
    assert_eq!(left_standing(&run), 0);
}

/// The autoscaler may not go below the minimum, so that the group itself tries on; it has stock from 1,800 s.
#[test]
fn a_group_at_its_minimum_fills_its_place_by_itself() {
    let run = run("kept-at-minimum");
    assert_eq!(when(&run, "nodegroup/g: Lost -> OutOfStock"), [900]);
    assert_eq!(when(&run, "given up"), [] as [i64; 0]);
    let back = when(&run, "nodegroup/g: OutOfStock -> Launched");
    assert!(back.len() == 1 && (1_800..=1_860).contains(&back[0]), "{:#?}", run.decisions);
    assert_eq!(run.samples.last().expect("the end is sampled").nodes, 1);
}

/// What a quota refuses another group takes at once, and the refused places don't come back.
#[test]
fn refused_places_go_to_another_group() {
    let run = run("other-group");
    let waits = run.outcome.pods.iter().map(|pod| pod.scheduled.expect("there is room for all") - pod.created);
    assert!(waits.max().expect("three pods") < SimDuration::from_mins(4), "{:#?}", run.decisions);
    let of_cheap = run.outcome.nodes.iter().filter(|node| &*node.group == "cheap").count();
    assert_eq!(of_cheap, 1);
    assert_eq!(left_standing(&run), 0);
}

#[test]
fn karpenter_gives_up_a_claim_that_does_not_register_in_a_quarter_of_an_hour() {
    let run = run("karpenter-liveness");
    let deleted = when(&run, "its node did not register within 15m0s");
    assert_eq!(deleted.len(), 7, "{:#?}", run.decisions);
    let launched = when(&run, " -> Launched: ");
    assert!(launched.iter().zip(&deleted).all(|(launched, deleted)| deleted - launched == 900), "{launched:?}");
    assert!(run.outcome.nodes.iter().all(|node| node.registered.is_none()));
    assert_eq!(left_standing(&run), 1);
}

/// An instance of a claim that expired before it registered does not come back as a node that nobody owns.
#[test]
fn a_claim_deleted_before_it_registers_takes_its_instance_along() {
    let run = run("karpenter-expiry");
    assert!(when(&run, "Ready -> Expired").len() >= 10, "{:#?}", run.decisions);
    assert!(run.outcome.nodes.iter().all(|node| node.registered.is_none()));
    assert_eq!(left_standing(&run), 1);
}
