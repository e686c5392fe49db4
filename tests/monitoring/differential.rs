//! Ours against a real Prometheus on the same samples: a thousand random expressions over a run's metrics, by a command of
//! its own, and a recorded part of that in every run of the tests.
//!
//! ```text
//! WINDTUNNEL_PROMETHEUS=/usr/bin cargo test --test main differential -- --nocapture
//! ```
//!
//! The variable names the folder of `prometheus` and `promtool`. With `WINDTUNNEL_RECORD=1` the recorded part is made anew.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use windtunnel::promql::{Context, NAME, Query, Store, Value, evaluate};

use super::exposition::{CRASHING, read};
use crate::house::root;
use crate::shell::Workshop;

const RECORDED: &str = "tests/monitoring/data/recorded.jsonl";
const SAMPLES: &str = "tests/monitoring/data/samples.txt.gz";

/// The samples of a file of metrics.
pub fn store_of(text: &str) -> Store {
    let mut store = Store::default();
    for (series, points) in read(text) {
        let (name, rest) = series.split_once('{').unwrap_or((&series, "}"));
        let labels = rest.trim_end_matches('}');
        let pairs: Vec<(&str, &str)> = labels
            .split("\",")
            .filter_map(|pair| pair.trim_end_matches('"').split_once("=\""))
            .chain([(NAME, name)])
            .collect();
        let labels = store.labels.set_of(pairs);
        let id = store.series(labels);
        for (at, value) in points {
            store.push(id, (at * 1000.0).round() as i64, value);
        }
    }
    store
}

/// Labels, each `name=value`, and the value.
type Vector = BTreeMap<Vec<String>, f64>;

fn ours(expr: &str, at: i64, store: &mut Store) -> Result<Vector, String> {
    let mut query = Query::parse(expr, &mut store.labels).map_err(|problem| problem.to_string())?;
    let value = evaluate(&mut query, store, Context::at(at)).map_err(|problem| problem.to_string())?;
    Ok(match value {
        Value::Scalar(value) => BTreeMap::from([(Vec::new(), value)]),
        Value::Vector(samples) => samples
            .iter()
            .map(|sample| {
                let pairs = store.labels.sorted(sample.labels);
                (pairs.iter().map(|(name, value)| format!("{name}={value}")).collect(), sample.value)
            })
            .collect(),
        Value::Text(_) | Value::Matrix(_) => return Err("no vector".to_owned()),
    })
}

/// `None`: the server refuses the expression.
fn theirs(answer: &Json) -> Option<Vector> {
    let number = |value: &Json| -> f64 {
        match value[1].as_str().unwrap() {
            "+Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            text => text.parse().unwrap(),
        }
    };
    let data = &answer["data"];
    match data["resultType"].as_str()? {
        "scalar" => Some(BTreeMap::from([(Vec::new(), number(&data["result"]))])),
        _ => Some(
            data["result"]
                .as_array()?
                .iter()
                .map(|series| {
                    let labels = series["metric"].as_object().unwrap();
                    let mut labels: Vec<String> =
                        labels.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap())).collect();
                    labels.sort();
                    (labels, number(&series["value"]))
                })
                .collect(),
        ),
    }
}

fn are_equal(a: &Vector, b: &Vector) -> bool {
    let is_near = |a: f64, b: f64| {
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()) || (a - b).abs() < 1e-12
    };
    let sorted = |vector: &Vector| -> Vec<(Vec<String>, f64)> {
        let mut all: Vec<_> = vector
            .iter()
            .map(|(labels, value)| {
                let mut labels = labels.clone();
                labels.sort();
                (labels, *value)
            })
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    let (a, b) = (sorted(a), sorted(b));
    a.len() == b.len() && a.iter().zip(&b).all(|((a, x), (b, y))| a == b && is_near(*x, *y))
}

/// Draws expressions; the same ones for the same seed.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % most
    }

    pub fn of<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        choices[self.below(choices.len())]
    }

    fn gauge(&mut self) -> String {
        let gauges = [
            "kube_pod_status_phase",
            "kube_pod_status_ready{condition=\"true\"}",
            "kube_node_status_allocatable",
            "container_memory_working_set_bytes",
            "kube_pod_container_resource_requests{resource=~\"cpu|memory\"}",
            "node_total_hourly_cost",
            "kube_deployment_status_replicas",
            "kube_pod_container_status_waiting_reason",
            "up",
            "kube_node_status_condition{status!=\"unknown\"}",
            "kube_pod_created",
            "kube_pod_status_phase{phase!~\"Run.*\"}",
        ];
        self.of(&gauges).to_owned()
    }

    fn counter(&mut self) -> String {
        let counters = [
            "container_cpu_usage_seconds_total",
            "kube_pod_container_status_restarts_total",
            "node_cpu_seconds_total{mode=\"user\"}",
        ];
        self.of(&counters).to_owned()
    }

    fn range(&mut self) -> &'static str {
        self.of(&["2m", "5m", "7m", "20m"])
    }

    pub fn vector(&mut self, depth: usize) -> String {
        if depth == 0 {
            let offset = self.of(&["", "", "", " offset 5m"]);
            return match self.below(3) {
                0 => format!("{}{offset}", self.gauge()),
                1 => {
                    let function = self.of(&["rate", "increase", "irate", "resets", "changes", "delta"]);
                    format!("{function}({}[{}]{offset})", self.counter(), self.range())
                }
                _ => {
                    let function = self.of(&[
                        "avg_over_time",
                        "min_over_time",
                        "max_over_time",
                        "sum_over_time",
                        "count_over_time",
                        "last_over_time",
                        "stddev_over_time",
                        "present_over_time",
                        "deriv",
                        "changes",
                    ]);
                    format!("{function}({}[{}]{offset})", self.gauge(), self.range())
                }
            };
        }
        let inner = self.vector(depth - 1);
        match self.below(12) {
            0 | 1 => {
                let aggregation = self.of(&["sum", "avg", "min", "max", "count", "stddev", "group"]);
                let by = self.of(&["by (namespace)", "by (pod)", "without (uid, job)", "", "by (node, resource)"]);
                format!("{aggregation} {by} ({inner})")
            }
            2 => format!("{inner} {} {}", self.of(&["+", "-", "*", "/", "%", "^"]), self.of(&["2", "0.5", "3"])),
            3 => format!(
                "{inner} {} {}",
                self.of(&[">", "<", ">=", "!=", "== bool", "> bool"]),
                self.of(&["0", "1", "0.1"])
            ),
            4 => {
                let (operator, other) = (self.of(&["+", "-", "*", "/", ">", "=="]), self.vector(0));
                format!("sum by (pod) ({inner}) {operator} on (pod) sum by (pod) ({other})")
            }
            5 => {
                let (operator, other) = (self.of(&["and", "or", "unless"]), self.vector(0));
                format!("sum by (pod, namespace) ({inner}) {operator} on (pod) sum by (pod) ({other})")
            }
            6 => format!(
                "sum by (pod, namespace) ({inner}) * on (pod) group_left (node) max by (pod, node) (kube_pod_info)"
            ),
            7 => format!("{}({inner})", self.of(&["abs", "ceil", "floor", "sqrt", "exp", "ln", "sgn", "round"])),
            8 => format!("quantile by (namespace) (0.7, {inner})"),
            9 => format!("clamp({inner}, 0.1, 100)"),
            10 => format!("max_over_time(sum by (pod) ({inner})[10m:37s])"),
            _ => format!("label_replace(sum by (pod) ({inner}), \"of\", \"$1\", \"pod\", \"(.*)-.*\")"),
        }
    }

    pub fn expression(&mut self) -> String {
        let depth = self.below(4);
        match self.below(12) {
            0 => format!("absent({})", self.gauge()),
            1 => format!("scalar(sum({}))", self.vector(depth)),
            2 => format!("time() - {}", self.gauge()),
            3 => format!("topk(1, sum by (pod) ({}))", self.counter()),
            _ => self.vector(depth),
        }
    }
}

/// The server, ended with it.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// One that serves what is in a file of metrics.
    pub fn of_file(tools: &Path, folder: &Path, metrics: &str) -> Server {
        let made = Command::new(tools.join("promtool"))
            .args(["tsdb", "create-blocks-from", "openmetrics", metrics, "tsdb"])
            .current_dir(folder)
            .output()
            .expect("promtool runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Server::start(tools, folder, "tsdb", &[])
    }

    /// One on a free port of the loopback, with its data in this folder of the folder.
    pub fn start(tools: &Path, folder: &Path, data: &str, arguments: &[&str]) -> Server {
        let config = folder.join("prometheus.yml");
        if !config.exists() {
            std::fs::write(config, "global: {}\n").unwrap();
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new(tools.join("prometheus"))
            .args(["--config.file=prometheus.yml", "--storage.tsdb.retention.time=100y"])
            .arg(format!("--storage.tsdb.path={data}"))
            .arg(format!("--web.listen-address={address}"))
            .args(arguments)
            .current_dir(folder)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus runs");
        let server = Server { child, url: format!("http://{address}") };
        let start = Instant::now();
        while server.query("1", 0).is_none() {
            assert!(start.elapsed() < Duration::from_secs(60), "prometheus does not answer");
            std::thread::sleep(Duration::from_millis(200));
        }
        server
    }

    /// Prometheus 2.
    fn is_older(&self) -> bool {
        let answer = ureq::get(format!("{}/api/v1/status/buildinfo", self.url)).call();
        let text = answer.unwrap().body_mut().read_to_string().unwrap();
        let answer: Json = serde_json::from_str(&text).unwrap();
        println!("Prometheus {}", answer["data"]["version"]);
        answer["data"]["version"].as_str().is_some_and(|version| version.starts_with('2'))
    }

    /// The answer, an error of the expression too; `None` where nobody answers.
    pub fn query(&self, expr: &str, at: i64) -> Option<Json> {
        self.post("query", &[("query", expr), ("time", &format!("{}", at as f64 / 1000.0))])
    }

    /// As [`Server::query`], at every step from one time to another, seconds.
    pub fn query_range(&self, expr: &str, from: i64, to: i64, step: i64) -> Option<Json> {
        let [from, to, step] = [from, to, step].map(|time| time.to_string());
        self.post("query_range", &[("query", expr), ("start", &from), ("end", &to), ("step", &step)])
    }

    fn post(&self, path: &str, form: &[(&str, &str)]) -> Option<Json> {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut answer = ureq::Agent::new_with_config(config)
            .post(format!("{}/api/v1/{path}", self.url))
            .send_form(form.iter().copied())
            .ok()?;
        serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()
    }
}

/// A run with containers that crash, pods that come and go, and nodes that follow.
fn metrics(shop: &Workshop) -> String {
    let scenario = CRASHING.replace("nodes: [{name: n, instanceType: m6i.large}]", "nodes: [{name: n, instanceType: m6i.large}]\n  replicaChanges:\n    - {at: 8m, target: {kind: Deployment, name: greedy}, replicas: 3}\n    - {at: 20m, target: {kind: Deployment, name: greedy}, replicas: 2}");
    std::fs::write(shop.path().join("s.yaml"), scenario).unwrap();
    let said = shop.run("windtunnel run s.yaml -q --no-plots --openmetrics m.txt --scrape-interval 30s --set workloads[0].usage.memory=1.6");
    assert_eq!(said.code, 0, "{}", said.err);
    std::fs::read_to_string(shop.path().join("m.txt")).unwrap()
}

const START: i64 = 1_767_571_200_000;

#[test]
fn a_thousand_random_expressions_are_as_prometheus_says() {
    let Ok(tools) = std::env::var("WINDTUNNEL_PROMETHEUS") else {
        println!("skipped: WINDTUNNEL_PROMETHEUS names no folder of prometheus and promtool");
        return;
    };
    let shop = Workshop::new();
    let text = metrics(&shop);
    let mut store = store_of(&text);
    let server = Server::of_file(Path::new(&tools), shop.path(), "m.txt");
    let mut draw = Draw(13);
    let (mut equal, mut refused, mut empty, mut wrong) = (0, 0, 0, Vec::new());
    let mut recorded = Vec::new();
    // What Prometheus 2 does otherwise than 3 on any grid: windows of subqueries' steps are closed at their left, and sums
    // keep their rounding, of which a remainder makes much.
    let is_older = server.is_older();
    let is_as_newer = |expr: &str| !is_older || !(expr.contains("[10m:") || expr.contains('%'));
    for _ in 0..1000 {
        let expr = loop {
            let expr = draw.expression();
            if is_as_newer(&expr) {
                break expr;
            }
        };
        // Off the grid of scrapes: Prometheus 2 counts a sample on a range's left end and Prometheus 3 does not.
        let at = START + (draw.below(2000) as i64) * 1000 / 30_000 * 30_000 + 7_000;
        let answer = server.query(&expr, at).expect("an answer");
        let (own, other) = (ours(&expr, at, &mut store), theirs(&answer));
        match (&own, &other) {
            (Ok(own), Some(other)) if are_equal(own, other) => {
                equal += 1;
                empty += usize::from(own.is_empty());
            }
            (Err(_), None) => refused += 1,
            _ => wrong.push(format!(
                "{expr} @ {}\n    ours   {own:?}\n    theirs {other:?} {}",
                (at - START) / 1000,
                answer["error"]
            )),
        }
        if let Some(other) = other.as_ref().filter(|other| !other.is_empty() && recorded.len() < 150) {
            let vector: Vec<_> = other.iter().map(|(labels, value)| json!([labels, value.to_string()])).collect();
            recorded.push(json!({"expr": expr, "at": at, "vector": vector}));
        }
    }
    println!("{equal} equal ({empty} of them empty), {refused} refused by both, {} differ", wrong.len());
    for wrong in wrong.iter().take(10) {
        println!("{wrong}");
    }
    if std::env::var_os("WINDTUNNEL_RECORD").is_some() {
        std::fs::create_dir_all(root().join("tests/monitoring/data")).unwrap();
        let mut lines: Vec<String> = recorded.iter().map(Json::to_string).collect();
        lines.push(String::new());
        std::fs::write(root().join(RECORDED), lines.join("\n")).unwrap();
        let file = std::fs::File::create(root().join(SAMPLES)).unwrap();
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap();
    }
    assert!(wrong.is_empty(), "{} differ", wrong.len());
}

#[test]
fn what_prometheus_said_once_is_said_still() {
    let mut text = String::new();
    let packed = std::fs::File::open(root().join(SAMPLES)).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let mut store = store_of(&text);
    let recorded = std::fs::read_to_string(root().join(RECORDED)).unwrap();
    let mut count = 0;
    for line in recorded.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let expr = case["expr"].as_str().unwrap();
        let vector: Vector = case["vector"]
            .as_array()
            .unwrap()
            .iter()
            .map(|element| {
                let labels = element[0].as_array().unwrap().iter().map(|label| label.as_str().unwrap().to_owned());
                (labels.collect(), element[1].as_str().unwrap().parse().unwrap())
            })
            .collect();
        let own = ours(expr, case["at"].as_i64().unwrap(), &mut store).unwrap();
        assert!(are_equal(&own, &vector), "{expr}\n ours   {own:?}\n theirs {vector:?}");
        count += 1;
    }
    assert!(count >= 100, "{count}");
}
