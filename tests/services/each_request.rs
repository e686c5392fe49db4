//! Requests served one by one: against a simulation that shares no code with it, and cases worked out by hand.

use std::fs;

use serde_json::Value;
use windtunnel::record::writer::json;
use windtunnel::record::{Recorder, Summary};
use windtunnel::{scenario, sim};

use super::Case;
use super::exact::{Answered, Pods, Request, simulate};

const ONE_CORE: &str = "requests: {cpu: 1, memory: 1Mi}, limits: {cpu: 1}";

/// The service's figures where its requests come from `log`.
fn replayed(log: &str, load: &str, resources: &str, change: impl FnOnce(&mut Case)) -> Value {
    let mut case = Case::new(load, resources);
    case.spec.push_str("\n  kubelet: {containerStart: 0s, termination: 0s}\n");
    change(&mut case);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("log.csv"), log).unwrap();
    fs::write(folder.path().join("case.yaml"), case.text()).unwrap();
    let loaded = scenario::load(&folder.path().join("case.yaml"), &[]);
    let loaded = loaded.unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false)));
    let scenario = loaded.scenario;
    let mut recorder = Recorder::new(&scenario, false);
    let outcome = sim::run(&scenario, 1, &mut recorder);
    let summary: Value = serde_json::from_slice(&json::summary(&Summary::of(&outcome))).unwrap();
    summary["services"]["default/web"].clone()
}

fn requests(log: &str, work: impl Fn(&[f64]) -> f64) -> Vec<Request> {
    let cells = |line: &str| line.split(',').map(|cell| cell.parse().unwrap()).collect::<Vec<f64>>();
    log.lines().skip(1).map(cells).map(|cells| Request { at: cells[0], work: work(&cells) }).collect()
}

/// The work of the busiest window over what the pods can do in it is `load`: seconds of one core for a request of mean size.
fn seconds_at(requests: &[Request], window: f64, load: f64, pods: usize, cores: usize) -> f64 {
    let mean = requests.iter().map(|request| request.work).sum::<f64>() / requests.len() as f64;
    let mut busiest: f64 = 0.0;
    let windows = requests.chunk_by(|a, b| (a.at / window) as u64 == (b.at / window) as u64);
    for part in windows {
        busiest = busiest.max(part.iter().map(|request| request.work / mean).sum());
    }
    load * window * (pods * cores) as f64 / busiest
}

fn agree(what: &str, web: &Value, exact: &Answered) {
    let latency = &web["latency_seconds"];
    let pairs = [("p50", 50), ("p95", 95), ("p99", 99)].map(|(name, percent)| (name, exact.percentile(percent)));
    for (name, exact) in pairs.into_iter().chain([("mean", exact.mean())]) {
        let ours = latency[name].as_f64().unwrap();
        assert!((ours / exact - 1.0).abs() < 0.01, "{what}: {name} {ours}, exact {exact}");
    }
    assert_eq!(web["dropped"].as_f64().unwrap(), exact.dropped as f64, "{what}: dropped");
}

/// Two recorded services, on one pod and on ten, at light, high and very high load of their busiest window, with
/// windows of three lengths: settings chosen before any result was seen.
#[test]
fn recorded_requests_feel_what_they_would_feel() {
    let chat = (include_str!("data/azure-llm-2023.csv"), "context_tokens: 0.0002, generated_tokens: 0.02", 20);
    let images = (include_str!("data/genai-requests-2026.csv"), "exec_seconds: 1", 4 * 24 * 60);
    for (log, size, minutes) in [chat, images] {
        let work = |cells: &[f64]| if minutes == 20 { cells[1] * 0.000_2 + cells[2] * 0.02 } else { cells[1] };
        let of_log = requests(log, work);
        let mean = of_log.iter().map(|request| request.work).sum::<f64>() / of_log.len() as f64;
        for (pods, cores, concurrency) in [(1, 1, 1), (10, 1, 1), (1, 1, 8), (10, 1, 8), (2, 4, 16)] {
            for (load, window) in [(0.5, 60.0), (0.8, 600.0), (0.95, 60.0), (0.95, 600.0)] {
                let seconds = (seconds_at(&of_log, window, load, pods, cores) * 1e6).round() / 1e6;
                let text = format!(
                    "      requestLog: {{file: log.csv, size: {{{size}}}}}\n      \
                     perRequest: {{cpu: {}us, concurrency: {concurrency}}}",
                    (seconds * 1e6).round()
                );
                let resources = format!("requests: {{cpu: {cores}, memory: 1Mi}}, limits: {{cpu: {cores}}}");
                // Long enough for all to be answered.
                let web = replayed(log, &text, &resources, |case| {
                    (case.replicas, case.minutes) = (pods as u32, minutes * 2);
                });
                let scaled: Vec<Request> =
                    of_log.iter().map(|r| Request { at: r.at, work: r.work / mean * seconds }).collect();
                let timeout = f64::INFINITY;
                let exact = simulate(
                    &scaled,
                    Pods { count: pods, cores: cores as f64, slots: concurrency, timeout, line: usize::MAX },
                );
                let what = format!("{size}, {pods} pods of {cores}, {concurrency} at a time, {load} of {window} s");
                assert_eq!(web["waiting_at_end"], 0.0, "{what}");
                agree(&what, &web, &exact);
            }
        }
    }
}

/// Whoever waits longer than the queue lets them goes without an answer.
#[test]
fn recorded_requests_that_wait_too_long_are_dropped() {
    let log = include_str!("data/azure-llm-2023.csv");
    let of_log = requests(log, |cells| cells[2]);
    let mean = of_log.iter().map(|request| request.work).sum::<f64>() / of_log.len() as f64;
    for (pods, concurrency, timeout) in [(1, 1, 5.0), (4, 2, 1.0), (4, 2, 20.0)] {
        let seconds = (seconds_at(&of_log, 60.0, 1.3, pods, 1) * 1e6).round() / 1e6;
        let text = format!(
            "      requestLog: {{file: log.csv, size: {{generated_tokens: 1}}}}\n      \
             perRequest: {{cpu: {}us, concurrency: {concurrency}}}\n      queue: {{timeout: {timeout}s}}",
            (seconds * 1e6).round()
        );
        let web = replayed(log, &text, ONE_CORE, |case| (case.replicas, case.minutes) = (pods as u32, 60));
        let scaled: Vec<Request> = of_log.iter().map(|r| Request { at: r.at, work: r.work / mean * seconds }).collect();
        let exact = simulate(&scaled, Pods { count: pods, cores: 1.0, slots: concurrency, timeout, line: usize::MAX });
        assert!(exact.dropped > 100);
        agree(&format!("{pods} pods, {timeout} s"), &web, &exact);
    }
}

/// Requests that are drawn make the queues of the textbook.
#[test]
fn drawn_requests_are_the_mm1_and_the_md1_queue() {
    for (variation, load, mean) in [(1.0, 0.6, 0.25), (1.0, 0.8, 0.5), (0.0, 0.8, 0.3)] {
        let text = format!(
            "      requests: {{constant: {}}}\n      eachRequest: true\n      perRequest: {{cpu: 100ms, variation: {variation}}}",
            load * 10.0
        );
        let web = replayed("", &text, ONE_CORE, |case| case.minutes = 3_000);
        let latency = &web["latency_seconds"];
        super::near(&latency["mean"], mean, 0.03);
        super::near(&web["demand"], load * 10.0 * 180_000.0, 0.005);
        if variation == 1.0 {
            super::near(&latency["p50"], mean * 2f64.ln(), 0.03);
            super::near(&latency["p95"], mean * 20f64.ln(), 0.03);
            super::near(&latency["p99"], mean * 100f64.ln(), 0.05);
        }
    }
}

/// Four requests of 20 s each in one second on one pod; a second pod comes at 30 s.
///
/// The first ends at 20, the second at 40; the third is taken at 30 by the new pod and ends at 50, the fourth at 60.
#[test]
fn a_pod_that_comes_takes_from_the_line() {
    let text = "      requestLog: {file: log.csv}\n      perRequest: {cpu: 20s}";
    let more = "  replicaChanges: [{at: 30s, target: {kind: Deployment, name: web}, replicas: 2}]\n";
    let log = "time_s\n0\n0\n0\n0\n";
    let web = replayed(log, text, ONE_CORE, |case| case.spec.push_str(more));
    let latency = &web["latency_seconds"];
    assert_eq!((&latency["p50"], &latency["p99"]), (&40.0.into(), &60.0.into()), "{web:#}");
    assert_eq!(latency["mean"], (20.0 + 40.0 + 50.0 + 60.0) / 4.0);
    assert_eq!((&web["served"], &web["backlog_max"]), (&4.0.into(), &3.0.into()));
    // Somebody stood in line from the first instant until the last was taken at 40.
    assert_eq!(web["saturated_seconds"], 40.0);
}

/// A pod that is scaled away in the middle of a request takes it with it once its grace is over.
#[test]
fn a_pod_that_goes_takes_its_requests_with_it() {
    let text = "      requestLog: {file: log.csv}\n      perRequest: {cpu: 20s}";
    let more = "  replicaChanges: [{at: 30s, target: {kind: Deployment, name: web}, replicas: 1}]\n";
    let log = "time_s\n1\n15\n16\n40\n";
    let web = replayed(log, text, ONE_CORE, |case| {
        case.spec.push_str(more);
        case.replicas = 2;
    });
    // Of those of 15 and 16 s one was in the pod that went; the last finds the other at work until 41 at the latest.
    assert_eq!((&web["demand"], &web["served"], &web["dropped"]), (&4.0.into(), &3.0.into(), &1.0.into()), "{web:#}");
}

/// An HPA sees the CPU that the requests took, their number, and those in line.
#[test]
fn the_pods_use_what_their_requests_take() {
    let text = "      requestLog: {file: log.csv}\n      perRequest: {cpu: 500ms, concurrency: 4}";
    let log: String =
        std::iter::once("time_s\n".into()).chain((0..3_600).map(|second| format!("{second}\n"))).collect();
    let mut used = 0.0;
    let folder = tempfile::tempdir().unwrap();
    let mut case = Case::new(text, ONE_CORE);
    case.replicas = 2;
    fs::write(folder.path().join("log.csv"), log).unwrap();
    fs::write(folder.path().join("case.yaml"), case.text()).unwrap();
    let scenario = scenario::load(&folder.path().join("case.yaml"), &[]).unwrap().scenario;
    let run = crate::watch::watch(&scenario, 1, sim::RunOptions { audit_every: 1, ..Default::default() });
    let last = run.samples.last().unwrap();
    used += last.integrals.used[0] as f64 / 1e12;
    // Half a core second a second, but for the last second and the pods' start.
    assert!((used - 1_800.0).abs() < 20.0, "{used} core seconds");
    let plain = crate::watch::watch(&scenario, 1, sim::RunOptions { plain: true, ..Default::default() });
    assert_eq!(run.lines, plain.lines);
}
