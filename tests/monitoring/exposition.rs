//! `run --openmetrics`: the text is as the format wants it, and says what the run's own tables say.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use windtunnel::record::metrics::METRICS;

use crate::shell::Workshop;

/// Points of each series, ascending by time, by name and labels.
pub type Exposition = BTreeMap<String, Vec<(f64, f64)>>;

/// A reader that is strict about what OpenMetrics 1.0 asks: families and series in one piece, times ascending, names with
/// their type's suffix, and an end.
pub fn read(text: &str) -> Exposition {
    assert!(text.ends_with("\n# EOF\n"), "no end");
    let mut found = Exposition::new();
    let mut families = BTreeSet::new();
    let (mut family, mut kind) = (String::new(), String::new());
    let mut last = String::new();
    for line in text.strip_suffix("# EOF\n").unwrap().lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<&str> = comment.splitn(3, ' ').collect();
            match words[0] {
                "TYPE" => {
                    assert!(families.insert(words[1].to_owned()), "{} in two pieces", words[1]);
                    (family, kind) = (words[1].to_owned(), words[2].to_owned());
                }
                "UNIT" => assert!(family == words[1] && family.ends_with(&format!("_{}", words[2])), "{line}"),
                "HELP" => assert!(family == words[1], "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, rest) = line
            .rsplit_once("} ")
            .map_or_else(|| line.split_once(' ').expect("a value"), |(series, rest)| (&line[..series.len() + 1], rest));
        let name = series.split('{').next().unwrap();
        let suffix = name.strip_prefix(&*family).unwrap_or_else(|| panic!("{name} in the family {family}"));
        let suffixes: &[&str] = match &*kind {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => panic!("{kind}"),
        };
        assert!(suffixes.contains(&suffix), "{line}");
        let (value, at) = rest.split_once(' ').expect("a timestamp");
        if last != series {
            assert!(!found.contains_key(series), "{series} in two pieces");
            last = series.to_owned();
        }
        let points = found.entry(series.to_owned()).or_default();
        let point = (at.parse().expect("a time"), value.parse().expect("a number"));
        assert!(points.last().is_none_or(|(before, _)| *before < point.0), "{series} goes back in time");
        points.push(point);
    }
    found
}

/// Sum over the series of a metric at an instant, and how many there are.
fn at(exposition: &Exposition, name: &str, label: &str, time: f64) -> (f64, usize) {
    let is_of_it = |series: &str| series.split('{').next() == Some(name) && series.contains(label);
    let points = exposition.iter().filter(|(series, _)| is_of_it(series));
    let values: Vec<f64> =
        points.filter_map(|(_, points)| points.iter().find(|(at, _)| *at == time).map(|(_, value)| *value)).collect();
    (values.iter().sum(), values.len())
}

fn column(csv: &str, name: &str) -> Vec<f64> {
    let mut lines = csv.lines();
    let place = lines.next().unwrap().split(',').position(|other| other == name).expect("the column is there");
    lines.map(|line| line.split(',').nth(place).unwrap().parse().unwrap_or(f64::NAN)).collect()
}

const START: f64 = 1_772_409_600.0;

#[test]
fn a_run_exposes_what_its_tables_say() {
    let shop = Workshop::with_scenarios();
    let flags = "-q --no-plots --set duration=4h --set sampleInterval=60s";
    let plain = shop.run(&format!("windtunnel run scenarios/ai-model-training.yaml {flags} --out plain"));
    assert_eq!(plain.code, 0, "{}", plain.err);
    let said = shop.run(&format!(
        "windtunnel run scenarios/ai-model-training.yaml {flags} --out seen --openmetrics m.txt.gz --scrape-interval 30s"
    ));
    assert_eq!(said.code, 0, "{}", said.err);
    // Who looks changes nothing.
    for file in ["summary.json", "timeseries.csv", "decisions.csv", "pods.csv"] {
        let text = |folder: &str| std::fs::read(shop.path().join(folder).join(file)).unwrap();
        assert!(text("plain") == text("seen"), "{file}");
    }
    let mut text = String::new();
    let packed = std::fs::File::open(shop.path().join("m.txt.gz")).unwrap();
    flate2::read::MultiGzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let exposition = read(&text);
    let table = std::fs::read_to_string(shop.path().join("seen/timeseries.csv")).unwrap();
    let times = column(&table, "time");
    // The last row is after the end's own events.
    for (row, time) in times.iter().enumerate().take(times.len() - 1) {
        let now = START + time;
        let row = |name: &str| column(&table, name)[row];
        assert_eq!(at(&exposition, "kube_node_info", "", now).1 as f64, row("nodes"), "{time}");
        assert_eq!(at(&exposition, "kube_pod_status_phase", "phase=\"Running\"", now).0, row("pods_running"), "{time}");
        assert_eq!(at(&exposition, "kube_pod_status_phase", "phase=\"Pending\"", now).0, row("pods_pending"), "{time}");
        let used = at(&exposition, "container_memory_working_set_bytes", "", now).0;
        assert_eq!(used, row("memory_used_bytes"), "{time}");
        let rate = at(&exposition, "node_total_hourly_cost", "", now).0;
        assert!((rate - row("hourly_cost_usd")).abs() < 1e-9, "{time}: {rate}");
    }
    // The integral of what pods use is the growth of their counters.
    let used: f64 = exposition
        .iter()
        .filter(|(series, _)| series.starts_with("container_cpu_usage_seconds_total{"))
        .map(|(_, points)| points.last().unwrap().1)
        .sum();
    let hours = column(&table, "cpu_used_core_hours").last().copied().unwrap();
    assert!((used / 3600.0 / hours - 1.0).abs() < 0.01, "{used} core-seconds, {hours} core-hours");
}

pub const CRASHING: &str = "apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: crash}
spec:
  duration: 30m
  nodes: [{name: n, instanceType: m6i.large}]
  workloads:
    - {target: {kind: Deployment, name: greedy}, usage: {memory: 2}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: greedy}
spec:
  replicas: 1
  selector: {matchLabels: {app: greedy}}
  template:
    metadata: {labels: {app: greedy}}
    spec:
      containers:
        - {name: c, image: greedy, resources: {requests: {cpu: 100m, memory: 100Mi}, limits: {memory: 150Mi}}}
";

#[test]
fn a_container_that_is_killed_waits_and_counts_its_restarts() {
    let shop = Workshop::new();
    std::fs::write(shop.path().join("s.yaml"), CRASHING).unwrap();
    let said = shop.run("windtunnel run s.yaml -q --no-plots --openmetrics m.txt");
    assert_eq!(said.code, 0, "{}", said.err);
    let exposition = read(&std::fs::read_to_string(shop.path().join("m.txt")).unwrap());
    let last = |name: &str, label: &str| at(&exposition, name, label, 1_767_571_200.0 + 1785.0);
    let (restarts, _) = last("kube_pod_container_status_restarts_total", "");
    assert!(restarts >= 5.0, "{restarts}");
    assert_eq!(last("kube_pod_container_status_waiting_reason", "reason=\"CrashLoopBackOff\""), (1.0, 1));
    assert_eq!(last("kube_pod_container_status_last_terminated_reason", "reason=\"OOMKilled\""), (1.0, 1));
    assert_eq!(last("kube_pod_container_status_running", ""), (0.0, 1));
    // A container that does not run has no use.
    assert_eq!(last("container_memory_working_set_bytes", ""), (0.0, 0));
}

#[test]
fn a_file_of_somebody_else_is_not_replaced() {
    let shop = Workshop::new();
    std::fs::write(shop.path().join("s.yaml"), CRASHING).unwrap();
    std::fs::write(shop.path().join("notes.txt"), "mine").unwrap();
    let said = shop.run("windtunnel run s.yaml -q --no-plots --openmetrics notes.txt");
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("--force"), "{}", said.err);
    assert!(shop.run("windtunnel run s.yaml -q --no-plots --openmetrics m.txt").code == 0);
    assert!(shop.run("windtunnel run s.yaml -q --no-plots --force --openmetrics m.txt").code == 0);
    let said = shop.run("windtunnel run s.yaml -q --no-plots --scrape-interval 5s");
    assert_eq!(said.code, 2, "{}", said.err);
}

/// A job that fails after a minute of half a core, in the same pod again and again: each start counts from zero.
#[test]
fn a_container_that_starts_again_counts_its_use_anew() {
    let shop = Workshop::new();
    let scenario = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: again}\nspec:\n  duration: 10m\n  \
        nodes: [{name: n, capacity: {cpu: 4, memory: 8Gi}}]\n  \
        workloads: [{target: {kind: Job, name: work}, duration: 60s, usage: {cpu: 0.5}, failures: {probability: 1, exitCode: 3}}]\n---\n\
        apiVersion: batch/v1\nkind: Job\nmetadata: {name: work}\nspec: {backoffLimit: 9, template: {spec: {restartPolicy: OnFailure, \
        containers: [{name: c, image: i, resources: {requests: {cpu: 1}}}]}}}\n";
    std::fs::write(shop.path().join("s.yaml"), scenario).unwrap();
    let said = shop.run("windtunnel run s.yaml -q --no-plots --scrape-interval 10s --openmetrics m.txt");
    assert_eq!(said.code, 0, "{}", said.err);
    let exposition = read(&std::fs::read_to_string(shop.path().join("m.txt")).unwrap());
    let used: Vec<f64> = exposition
        .iter()
        .filter(|(series, _)| {
            series.starts_with("container_cpu_usage_seconds_total{") && series.contains("container=\"c\"")
        })
        .flat_map(|(_, points)| points.iter().map(|(_, value)| *value))
        .collect();
    let resets = used.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!(resets >= 3, "{used:?}");
    assert!(used.iter().all(|seconds| *seconds <= 31.0), "{used:?}");
}

/// Whatever runs expose is in the table: labels, and the values of those that have a few. So an expectation or a warning
/// that calls a label or a value unknown is right.
#[test]
fn no_series_has_a_label_or_a_value_that_the_table_does_not_know() {
    let mut seen = BTreeSet::new();
    for (scenario, flags) in [
        ("scenarios/ai-model-training.yaml", "--set duration=3h"),
        ("scenarios/genai-inference.yaml", "--set duration=40m"),
        ("scenarios/training/quotas-with-borrowing.yaml", ""),
    ] {
        let shop = Workshop::with_scenarios();
        let said = shop.run(&format!(
            "windtunnel run {scenario} -q --no-plots --out o {flags} --openmetrics m.txt --scrape-interval 2m"
        ));
        assert!(said.code < 2, "{}", said.err);
        for series in read(&std::fs::read_to_string(shop.path().join("m.txt")).unwrap()).keys() {
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let row = METRICS.iter().find(|row| row.series_names().iter().any(|other| other == name)).expect(name);
            seen.insert(row.name);
            for pair in labels.trim_end_matches('}').split("\",").filter(|pair| !pair.is_empty()) {
                let (label, value) = pair.split_once("=\"").expect(pair);
                let value = value.trim_end_matches('"');
                let of_target = row.source.target_labels().contains(&(label, value));
                let is_known = row.labels.split(", ").any(|known| {
                    known == label || known.strip_suffix('*').is_some_and(|start| label.starts_with(start))
                });
                assert!(of_target || is_known, "{series}: {label}");
                if let Some(values) = row.values_of(label) {
                    assert!(values.contains(&value), "{series}: {label}={value}");
                }
            }
        }
    }
    assert!(seen.len() > 100, "{}", seen.len());
}

/// What a scrape job sets is on its series and on its `up` alike, so that the two can be joined.
#[test]
fn every_job_has_an_up_with_the_instance_of_its_series() {
    let shop = Workshop::with_scenarios();
    let rules = "groups:\n- name: g\n  rules:\n".to_owned()
        + &["kube_pod_info", "scheduler_pending_pods", "cluster_autoscaler_nodes_count", "node_memory_MemTotal_bytes", "DCGM_FI_DEV_GPU_UTIL"]
            .map(|metric| format!("  - {{alert: {metric}, expr: 'count({metric} * on (job, instance) group_left () up{{job!=\"kubelet\"}}) > 0'}}\n"))
            .concat()
        + "  - {alert: opencost, expr: 'up{job=\"opencost\"} == 1'}\n";
    std::fs::write(shop.path().join("r.yaml"), rules).unwrap();
    let said = shop.run("windtunnel alerts r.yaml scenarios/genai-inference.yaml --set duration=40m --format json");
    let found: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.err));
    for (alert, figures) in found["alerts"].as_object().unwrap() {
        assert!(figures["fired"].as_u64() > Some(0) && figures["failed"] == 0, "{alert}: {figures}");
    }
}
