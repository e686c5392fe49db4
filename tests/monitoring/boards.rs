//! The boards and remote write against a real Prometheus, by a command of its own:
//!
//! ```text
//! WINDTUNNEL_PROMETHEUS=/usr/bin cargo test --test main monitoring::boards -- --nocapture
//! ```
//!
//! Where `WINDTUNNEL_GRAFANA` names Grafana's folder (with `bin/grafana`), the boards are asked through a Grafana as well.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::differential::Server;
use super::shipped::panels;
use crate::house::root;
use crate::shell::Workshop;

const BOARDS: [(&str, &str); 3] = [
    ("cluster-cost.json", "scenarios/ai-model-training.yaml"),
    ("autoscaling.json", "scenarios/ai-model-training.yaml"),
    ("training.json", "scenarios/genai-inference.yaml"),
];

fn tools() -> Option<PathBuf> {
    let tools = std::env::var("WINDTUNNEL_PROMETHEUS").ok().map(PathBuf::from);
    if tools.is_none() {
        println!("skipped: WINDTUNNEL_PROMETHEUS names no folder of prometheus and promtool");
    }
    tools
}

/// The last instant of a file of metrics, milliseconds.
fn end_of(shop: &Workshop) -> i64 {
    let text = std::fs::read_to_string(shop.path().join("m.txt")).unwrap();
    let last = text.lines().rev().find(|line| !line.starts_with('#')).unwrap();
    (last.rsplit(' ').next().unwrap().parse::<f64>().unwrap() * 1000.0) as i64
}

/// Finite values of an answer.
fn values(answer: &Json) -> usize {
    let result = answer["data"]["result"].as_array().map_or(&[][..], Vec::as_slice);
    let is_finite =
        |series: &&Json| series["value"][1].as_str().is_some_and(|text| text.parse().is_ok_and(f64::is_finite));
    result.iter().filter(is_finite).count()
}

#[test]
fn no_panel_is_empty_in_a_real_prometheus() {
    let Some(tools) = tools() else { return };
    for (board, scenario) in BOARDS {
        let shop = Workshop::with_scenarios();
        let said = shop.run(&format!(
            "windtunnel run {scenario} -q --no-plots --out o --set duration=90m --openmetrics m.txt --scrape-interval 30s"
        ));
        assert!(said.code < 2, "{}", said.err);
        let end = end_of(&shop);
        let server = Server::of_file(&tools, shop.path(), "m.txt");
        let panels = panels(board);
        for (title, expr) in &panels {
            let answer = server.query(expr, end).expect("an answer");
            assert!(values(&answer) > 0, "{board}, {title} is empty: {expr}\n{answer}");
        }
        println!("{board}: {} queries, none empty", panels.len());
        match std::env::var("WINDTUNNEL_GRAFANA") {
            Err(_) => println!("{board}: no Grafana asked, WINDTUNNEL_GRAFANA names none"),
            Ok(grafana) => through_grafana(Path::new(&grafana), &shop, &server, &panels, end),
        }
    }
}

/// Grafana, ended with it.
struct Grafana(Child);

impl Drop for Grafana {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a Grafana with the server as its source, and asks it every query as a panel does.
fn through_grafana(folder: &Path, shop: &Workshop, server: &Server, panels: &[(String, String)], end: i64) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sources = shop.path().join("provisioning/datasources");
    std::fs::create_dir_all(&sources).unwrap();
    let source = format!(
        "apiVersion: 1\ndatasources:\n- {{name: Prometheus, uid: windtunnel, type: prometheus, access: proxy, url: '{}'}}\n",
        server.url
    );
    std::fs::write(sources.join("prometheus.yaml"), source).unwrap();
    let child = Command::new(folder.join("bin/grafana"))
        .args(["server", "--homepath"])
        .arg(folder)
        .env("GF_PATHS_DATA", shop.path().join("grafana"))
        .env("GF_PATHS_PROVISIONING", shop.path().join("provisioning"))
        .env("GF_SERVER_HTTP_ADDR", "127.0.0.1")
        .env("GF_SERVER_HTTP_PORT", port.to_string())
        .env("GF_AUTH_ANONYMOUS_ENABLED", "true")
        .env("GF_AUTH_ANONYMOUS_ORG_ROLE", "Admin")
        .env("GF_ANALYTICS_REPORTING_ENABLED", "false")
        .env("GF_ANALYTICS_CHECK_FOR_UPDATES", "false")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("grafana runs");
    let _grafana = Grafana(child);
    let url = format!("http://127.0.0.1:{port}");
    let start = Instant::now();
    while ureq::get(format!("{url}/api/health")).call().is_err() {
        assert!(start.elapsed() < Duration::from_secs(90), "grafana does not answer");
        std::thread::sleep(Duration::from_millis(500));
    }
    for (title, expr) in panels {
        let query = json!({
            "from": (end - 3_600_000).to_string(),
            "to": end.to_string(),
            "queries": [{
                "refId": "A", "expr": expr, "range": true, "intervalMs": 30_000, "maxDataPoints": 200,
                "datasource": {"type": "prometheus", "uid": "windtunnel"},
            }],
        });
        let mut answer = ureq::post(format!("{url}/api/ds/query"))
            .header("content-type", "application/json")
            .send(query.to_string())
            .unwrap_or_else(|problem| panic!("{title}: {problem}"));
        let answer: Json = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        let frames = answer["results"]["A"]["frames"].as_array().map_or(0, Vec::len);
        assert!(frames > 0, "{title} is empty in Grafana: {expr}");
    }
    println!("{} queries through Grafana, none empty", panels.len());
}

#[test]
fn what_is_written_to_a_server_is_what_the_file_says() {
    let Some(tools) = tools() else { return };
    let shop = Workshop::with_scenarios();
    let server = Server::start(&tools, shop.path(), "tsdb", &["--web.enable-remote-write-receiver"]);
    let said = shop.run(&format!(
        "windtunnel run scenarios/ai-model-training.yaml -q --no-plots --out o --set duration=50m --openmetrics m.txt \
         --remote-write {}/api/v1/write --scrape-interval 30s",
        server.url
    ));
    assert_eq!(said.code, 0, "{}", said.err);
    let end = end_of(&shop);
    std::fs::create_dir(shop.path().join("other")).unwrap();
    std::fs::copy(shop.path().join("m.txt"), shop.path().join("other/m.txt")).unwrap();
    let of_file = Server::of_file(&tools, &shop.path().join("other"), "m.txt");
    let mut series = 0;
    for expr in [
        "count by (__name__) ({__name__!=\"\"})",
        "sum by (__name__) ({__name__=~\"kube_.*|node_.*|cluster_.*\"})",
        "sum by (pod) (rate(container_cpu_usage_seconds_total[5m]))",
        "count_over_time(kube_pod_info[10m])",
    ] {
        for at in [end - 60_000, end - 900_000] {
            let [written, read] = [&server, &of_file].map(|server| {
                let answer = server.query(expr, at).expect("an answer");
                let mut rows: Vec<String> = answer["data"]["result"]
                    .as_array()
                    .unwrap_or_else(|| panic!("{answer}"))
                    .iter()
                    .map(|row| format!("{} {}", row["metric"], row["value"][1]))
                    .collect();
                rows.sort();
                rows
            });
            // In the file a series that is gone is seen for five minutes more; nothing goes in this stretch.
            assert_eq!(written, read, "{expr}");
            series += written.len();
        }
    }
    assert!(series > 200, "{series}");
    println!("{series} series are the same");
}

#[test]
fn the_examples_two_commands_lead_to_a_server() {
    let Some(tools) = tools() else { return };
    let shop = Workshop::with_scenarios();
    let folder = shop.path().join("examples/monitoring");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["blocks.sh", "prometheus.yml"] {
        std::fs::copy(root().join("examples/monitoring").join(file), folder.join(file)).unwrap();
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_windtunnel")).parent().unwrap();
    let path = format!("{}:{}:{}", binary.display(), tools.display(), std::env::var("PATH").unwrap());
    let said = Command::new("sh")
        .args(["blocks.sh", "../../scenarios/ai-model-training.yaml"])
        .env("PATH", path)
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let server = Server::start(&tools, &folder, "data", &[]);
    // The reference scenario's noon.
    let answer = server.query("count(kube_node_info)", 1_772_452_800_000).expect("an answer");
    assert_eq!(values(&answer), 1, "{answer}");
}
