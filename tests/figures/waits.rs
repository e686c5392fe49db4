//! Waits of those that were never served: Kaplan-Meier's estimate by the definition, in exact fractions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use proptest::prelude::*;
use serde_json::Value;
use windtunnel::record::{Spread, Summary};
use windtunnel::sim::{Outcome, RunOptions};

use crate::invariants::draw;
use crate::watch::watch;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/figures").join(name)
}

/// (nanoseconds, whether it ended)
type Observation = (i64, bool);

/// The smallest duration at which Π (at risk − ended) / at risk, over the distinct durations up to it, is at most
/// 1 − `percent`/100. Compared in whole numbers; `None` where the product never gets there.
fn kaplan_meier(observations: &[Observation], percent: u128) -> Option<i64> {
    let mut ended_at: BTreeMap<i64, u128> = BTreeMap::new();
    for (at, ended) in observations {
        *ended_at.entry(*at).or_default() += u128::from(*ended);
    }
    let (mut above, mut below) = (1u128, 1u128);
    for (at, ended) in ended_at.into_iter().filter(|(_, ended)| *ended > 0) {
        let at_risk = observations.iter().filter(|(other, _)| *other >= at).count() as u128;
        above *= at_risk - ended;
        below *= at_risk;
        let divisor = greatest_common_divisor(above, below);
        (above, below) = (above / divisor, below / divisor);
        if above * 100 <= (100 - percent) * below {
            return Some(at);
        }
    }
    None
}

fn greatest_common_divisor(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

fn agrees(spread: &Spread, observations: &[Observation]) {
    assert_eq!(spread.count as usize, observations.len());
    assert_eq!(spread.censored as usize, observations.iter().filter(|(_, ended)| !ended).count());
    for (percent, value) in [(50, spread.p50), (95, spread.p95), (99, spread.p99), (100, spread.max)] {
        match kaplan_meier(observations, percent) {
            Some(nanos) => assert_eq!(value, nanos as f64 / 1e9, "p{percent} of {observations:?}"),
            None => assert!(value.is_nan(), "p{percent} of {observations:?} is {value}"),
        }
    }
    let longest_is_open = observations.iter().max_by_key(|(at, ended)| (*at, !ended)).is_none_or(|(_, ended)| !ended);
    assert_eq!(spread.mean.is_nan(), longest_is_open, "{spread:?}");
}

fn observed(
    outcome: &Outcome,
    which: fn(&windtunnel::sim::PodRow) -> Option<windtunnel::units::SimTime>,
) -> Vec<Observation> {
    let end = outcome.simulated.nanos();
    let observe = |pod: &windtunnel::sim::PodRow| match which(pod) {
        Some(at) => (at.nanos() - pod.created.nanos(), true),
        None => (pod.finished.map_or(end, |at| at.nanos()) - pod.created.nanos(), false),
    };
    outcome.pods.iter().map(observe).collect()
}

proptest! {
    #![proptest_config(crate::invariants::runs::config(24))]

    #[test]
    fn waits_are_those_of_the_definition(plan in draw::autoscaled_cluster(), seed in 0..1_000u64) {
        let outcome = watch(&plan.scenario(), seed, RunOptions::default()).outcome;
        let summary = Summary::of(&outcome);
        agrees(&summary.pod_wait_seconds, &observed(&outcome, |pod| pod.scheduled));
        agrees(&summary.pod_startup_seconds, &observed(&outcome, |pod| pod.ready));
        let never = outcome.pods.iter().filter(|pod| pod.scheduled.is_none());
        prop_assert_eq!(summary.pods.never_scheduled, never.clone().count() as u64);
        prop_assert_eq!(summary.never_scheduled.iter().map(|row| row.pods).sum::<u64>(), summary.pods.never_scheduled);
        prop_assert!(never.clone().all(|pod| pod.unscheduled.is_some()), "each has its reason");
        prop_assert!(outcome.pods.iter().all(|pod| pod.scheduled.is_none() || pod.unscheduled.is_none()));
        let end = outcome.simulated.nanos();
        if let Some(training) = &summary.training {
            let jobs = |which: fn(&windtunnel::sim::TrainingRow) -> Option<windtunnel::units::SimTime>| -> Vec<Observation> {
                let observe = |job: &windtunnel::sim::TrainingRow| {
                    (which(job).map_or(end, |at| at.nanos()) - job.arrival.nanos(), which(job).is_some())
                };
                outcome.training.iter().map(observe).collect()
            };
            agrees(&training.wait_seconds, &jobs(|job| job.started));
            agrees(&training.completion_seconds, &jobs(|job| job.finished));
        }
    }
}

fn windtunnel(arguments: &[&str], out: &Path) -> String {
    let mut command = Command::cargo_bin("windtunnel").expect("the binary is built with the tests");
    let output = command.args(arguments).arg("--out").arg(out).assert().success().get_output().stdout.clone();
    String::from_utf8(output).expect("text")
}

fn json(path: PathBuf) -> Value {
    serde_json::from_slice(&fs::read(path).expect("written")).expect("JSON")
}

/// One node for a load of ten: half of the pods never get a node, which is the first thing that the run says.
#[test]
fn a_cluster_that_is_too_small_says_who_was_left_out_and_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = file("survivors.yaml");
    let small = ["run", scenario.to_str().expect("text"), "--no-plots", "--set", "nodeGroups.general.maxSize=1"];
    let table = windtunnel(&small, folder.path());
    let first = table.lines().next().expect("a table").trim();
    let summary = json(folder.path().join("summary.json"));
    let never = summary["pods"]["never_scheduled"].as_u64().expect("a count");
    assert!(never >= 5, "{summary:#}");
    assert!(
        first.starts_with("unserved")
            && first.contains(&format!("{never} pods never found a node; the oldest waits 1")),
        "{table}"
    );
    assert!(first.ends_with("group general is at its maximum"), "{table}");
    assert_eq!(summary["never_scheduled"][0]["mechanism"], "group-at-maximum");
    let waits = &summary["pod_wait_seconds"];
    assert_eq!(waits["censored"].as_u64(), Some(never));
    assert!(waits["p99"].is_null() && waits["mean"].is_null() && waits["max"].is_null(), "{waits}");
    assert!(waits["censored_max"].as_f64().is_some_and(|oldest| oldest > 10.0 * 3600.0), "{waits}");

    // The table of pods alone tells the same.
    let mut pods = csv::Reader::from_path(folder.path().join("pods.csv")).expect("written");
    let header = pods.headers().expect("a header").clone();
    let column = |name: &str| header.iter().position(|other| other == name).unwrap_or_else(|| panic!("no {name}"));
    let rows: Vec<csv::StringRecord> = pods.records().map(|row| row.expect("a row")).collect();
    let seconds = |text: &str| text.parse::<f64>().ok().map(|seconds| (seconds * 1e9).round() as i64);
    let end = (summary["simulated_seconds"].as_f64().expect("a number") * 1e9) as i64;
    let observations: Vec<Observation> = rows
        .iter()
        .map(|row| {
            let [created, bound, gone] =
                ["created_time", "scheduled_time", "completion_time"].map(|name| seconds(&row[column(name)]));
            let created = created.expect("every pod was created");
            (bound.or(gone).unwrap_or(end) - created, bound.is_some())
        })
        .collect();
    for (row, (waited, ended)) in rows.iter().zip(&observations) {
        assert_eq!(seconds(&row[column("wait_seconds")]), Some(*waited), "{row:?}");
        assert_eq!(&row[column("wait_censored")], if *ended { "false" } else { "true" });
        assert_eq!(row[column("unscheduled_reason")].is_empty(), *ended, "{row:?}");
        let is_gone = !row[column("completion_time")].is_empty();
        assert_eq!(&row[column("phase")] == "Deleted", is_gone, "{row:?}");
    }
    assert_eq!(waits["p50"].as_f64(), kaplan_meier(&observations, 50).map(|nanos| nanos as f64 / 1e9));
}

/// "How small may the cluster be?" Not as small as one node, cheap as that is.
#[test]
fn a_policy_with_unserved_pods_is_never_unbeaten() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = windtunnel(&["sweep", file("survivors-sweep.yaml").to_str().expect("text"), "--png"], folder.path());
    let sweep = json(folder.path().join("sweep.json"));
    let configurations = sweep["configurations"].as_array().expect("a list");
    let of = |size: u64| {
        let is_it = |one: &&Value| one["parameters"]["nodeGroups.general.maxSize"] == size;
        configurations.iter().find(is_it).unwrap_or_else(|| panic!("no {size} in {sweep:#}"))
    };
    assert_eq!((&of(1)["unbeaten"], &of(10)["unserved_pods"]), (&false.into(), &0.into()), "{sweep:#}");
    assert!(of(1)["unserved_pods"].as_u64() >= Some(5) && of(1)["pod_wait_seconds.p99"]["mean"].is_null(), "{sweep:#}");
    assert!(configurations.iter().any(|one| one["unbeaten"] == true), "{sweep:#}");
    assert!(configurations.iter().all(|one| one["unbeaten"] == false || one["unserved_pods"] == 0), "{sweep:#}");
    assert!(table.contains("unserved: not compared"), "{table}");
    let plot = fs::read_to_string(folder.path().join("cost-against-wait.svg")).expect("written");
    assert!(plot.contains("pods unserved") && plot.contains("unknown"), "its points are marked");
}
