//! Which alerts fire, and for how long, against a real Prometheus that has the same run: by a command of its own.
//!
//! ```text
//! WINDTUNNEL_PROMETHEUS=/usr/bin WINDTUNNEL_RULES=a.yaml:b.yaml cargo test --test main agreement -- --nocapture
//! ```
//!
//! The run is written to the server by remote write, `promtool` works out the recording rules, and the expression of every
//! alert is asked every 30 s. Without `WINDTUNNEL_RULES` the rules are ours.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use windtunnel::scenario::{RuleKind, read_rules};

use super::differential::Server;
use crate::house::root;
use crate::shell::Workshop;

/// Zero of the reference scenario, and its length.
const START: i64 = 1_772_409_600;
const LENGTH: i64 = 86_400;
const STEP: i64 = 30;

/// How often an alert fired, and for how long, seconds.
type Fired = BTreeMap<String, (u64, i64)>;

/// By what an expression gave: instants of each series, ascending.
fn fired(instants: &[i64], lasting: i64) -> (u64, i64) {
    let (mut times, mut seconds) = (0, 0);
    for stretch in instants.chunk_by(|a, b| b - a <= STEP) {
        let (first, last) = (stretch[0], stretch[stretch.len() - 1]);
        // It fires at the first evaluation at which it has lasted long enough.
        let fires = first + (lasting + STEP - 1) / STEP * STEP;
        if last >= fires {
            times += 1;
            seconds += (last + STEP).min(START + LENGTH) - fires;
        }
    }
    (times, seconds)
}

#[test]
fn prometheus_fires_the_same_alerts() {
    let Ok(tools) = std::env::var("WINDTUNNEL_PROMETHEUS").map(PathBuf::from) else {
        println!("skipped: WINDTUNNEL_PROMETHEUS names no folder of prometheus and promtool");
        return;
    };
    let files: Vec<PathBuf> = match std::env::var_os("WINDTUNNEL_RULES") {
        Some(files) => std::env::split_paths(&files).collect(),
        None => ["cost.yaml", "autoscaling.yaml"].map(|file| root().join("monitoring/rules").join(file)).into(),
    };
    let shop = Workshop::with_scenarios();
    // All groups at one interval, for all are asked at the same instants.
    let at_one_interval = |(index, file): (usize, PathBuf)| {
        let text = std::fs::read_to_string(&file).expect("rules");
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("interval:"));
        let copy = shop.path().join(format!("rules-{index}.yaml"));
        std::fs::write(&copy, lines.collect::<Vec<_>>().join("\n")).expect("there is room for rules");
        copy
    };
    let files: Vec<PathBuf> = files.into_iter().enumerate().map(at_one_interval).collect();
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let intervals = "--scrape-interval 30s";
    let said = shop.run(&format!(
        "windtunnel alerts {} scenarios/ai-model-training.yaml -q {intervals} --evaluation-interval 30s --out found",
        names.join(" ")
    ));
    assert_eq!(said.code, 0, "{}", said.err);
    let server = Server::start(&tools, shop.path(), "tsdb", &["--web.enable-remote-write-receiver"]);
    let said = shop.run(&format!(
        "windtunnel run scenarios/ai-model-training.yaml -q --no-plots --out o {intervals} --remote-write {}/api/v1/write",
        server.url
    ));
    assert_eq!(said.code, 0, "{}", said.err);
    let groups: Vec<_> = files.iter().flat_map(|file| read_rules(file).expect("rules")).collect();
    let rules = || groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
    let asked: String = rules().filter(|(_, rule)| rule.is_alert()).map(|(_, rule)| rule.expr.clone()).collect();
    let recorded: Vec<_> =
        rules().filter(|(_, rule)| !rule.is_alert() && asked.contains(rule.name())).map(|(_, rule)| rule).collect();
    if !recorded.is_empty() {
        let rules: Vec<_> = recorded
            .iter()
            .map(|rule| {
                let labels: BTreeMap<&str, &str> =
                    rule.labels.iter().map(|(name, label)| (name.as_str(), label.text.as_str())).collect();
                serde_json::json!({"record": rule.name(), "expr": rule.expr, "labels": labels})
            })
            .collect();
        let file = serde_json::json!({"groups": [{"name": "recorded", "interval": "30s", "rules": rules}]});
        std::fs::write(shop.path().join("recorded.yml"), file.to_string()).unwrap();
        let made = Command::new(tools.join("promtool"))
            .args(["tsdb", "create-blocks-from", "rules", "--eval-interval=30s", "--output-dir=tsdb"])
            .args([format!("--start={START}"), format!("--end={}", START + LENGTH), format!("--url={}", server.url)])
            .arg("recorded.yml")
            .current_dir(shop.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // The server looks for new blocks every minute.
        let since = Instant::now();
        let name = recorded
            .iter()
            .map(|rule| rule.name())
            .find(|name| name.contains("requests"))
            .unwrap_or(recorded[0].name());
        while since.elapsed() < Duration::from_secs(90) {
            let answer = server.query(&format!("count({name})"), (START + LENGTH / 2) * 1000).expect("an answer");
            if answer["data"]["result"].as_array().is_some_and(|found| !found.is_empty()) {
                break;
            }
            std::thread::sleep(Duration::from_secs(3));
        }
    }
    let mut theirs = Fired::new();
    let mut count = 0;
    for (_, rule) in rules().filter(|(group, rule)| rule.is_alert() && group.interval.is_none()) {
        let RuleKind::Alert { lasting, .. } = rule.kind else { continue };
        let mut series: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for from in (START..START + LENGTH).step_by(21_600) {
            let answer = server.query_range(&rule.expr, from, from + 21_600 - STEP, STEP).expect("an answer");
            for one in answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{}: {answer}", rule.name())) {
                let mut labels = one["metric"].clone();
                labels.as_object_mut().unwrap().remove("__name__");
                let instants = one["values"].as_array().unwrap().iter().map(|value| value[0].as_f64().unwrap() as i64);
                series.entry(labels.to_string()).or_default().extend(instants);
            }
        }
        let entry = theirs.entry(rule.name().to_owned()).or_default();
        for instants in series.values() {
            let (times, seconds) = fired(instants, lasting.nanos() / 1_000_000_000);
            *entry = (entry.0 + times, entry.1 + seconds);
        }
        count += 1;
    }
    let mut ours: Fired = theirs.keys().map(|name| (name.clone(), (0, 0))).collect();
    let table = std::fs::read_to_string(shop.path().join("found/alerts.csv")).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| !line.starts_with('#')).collect();
    let rows = rows.join("\n");
    let mut reader = csv::Reader::from_reader(rows.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let place = |name: &str| heads.iter().position(|head| head == name).unwrap();
    let [alert, firing, resolved] = ["alert", "firing", "resolved"].map(place);
    for row in reader.records() {
        let row = row.unwrap();
        let Some(entry) = ours.get_mut(&row[alert]) else { continue };
        if let Ok(since) = row[firing].parse::<f64>() {
            let until = row[resolved].parse().unwrap_or(LENGTH as f64);
            *entry = (entry.0 + 1, entry.1 + (until - since) as i64);
        }
    }
    for (name, (times, seconds)) in ours.iter().filter(|(_, (times, _))| *times > 0) {
        println!("{name}: fired {times} times, {seconds} s in all");
    }
    println!("{count} alerting rules asked");
    assert_eq!(ours, theirs);
    assert!(ours.values().any(|(times, _)| *times > 0));
}
