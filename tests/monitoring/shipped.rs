//! What is shipped for monitoring: rules that load without a word, and boards of which no panel is empty.

use serde_json::Value as Json;
use windtunnel::promql::{Context, Query, Value, evaluate};

use super::differential::store_of;
use crate::house::root;
use crate::shell::Workshop;

#[test]
fn the_rules_ask_for_nothing_that_no_run_has() {
    let shop = Workshop::with_scenarios();
    let said = shop.run(
        "windtunnel alerts monitoring/rules/cost.yaml monitoring/rules/autoscaling.yaml scenarios/ai-model-training.yaml \
         --set duration=14h --format json",
    );
    assert_eq!((said.code, &*said.err), (0, ""));
    let found: Json = serde_json::from_str(&said.out).unwrap();
    // The reference scenario's peak is more than its HPA may follow.
    assert_eq!(found["alerts"]["HpaMaxedOut"]["fired"], 1, "{}", said.out);
    assert_eq!(found["alerts"]["BudgetBurnsFast"]["fired"], 0);
    assert!(found["failures"].as_array().unwrap().is_empty(), "{}", said.out);
}

/// Pods that have ended hold nothing any more, and cost nothing.
#[test]
fn where_pods_complete_no_share_and_no_cost_is_negative() {
    let shop = Workshop::with_scenarios();
    let rules = "groups:\n- name: n\n  rules:\n  - {alert: Negative, expr: 'cluster:cpu_unrequested:ratio < 0 or slo:pods_waiting_over_1m:ratio > \
                 1'}\n  - {alert: Some, expr: 'cluster:cpu_unrequested:ratio < 1'}\n";
    std::fs::write(shop.path().join("n.yaml"), rules).unwrap();
    for scenario in ["quotas-with-borrowing", "kubeflow"] {
        let said = shop.run(&format!(
            "windtunnel alerts monitoring/rules/cost.yaml monitoring/rules/autoscaling.yaml n.yaml scenarios/training/{scenario}.yaml --format json"
        ));
        let found: Json = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.err));
        assert_eq!(found["alerts"]["Negative"]["fired"], 0, "{scenario}: {}", said.out);
        assert!(found["alerts"]["Some"]["fired"].as_u64() > Some(0), "{scenario}: {}", said.out);
    }
}

/// `blocks.sh` takes away what it made, and nothing else.
#[test]
fn the_script_of_the_example_deletes_nothing_of_ours() {
    let shop = Workshop::with_scenarios();
    for folder in ["ex", "bin", "ex/data", "mine/data"] {
        std::fs::create_dir_all(shop.path().join(folder)).unwrap();
    }
    std::fs::copy(root().join("examples/monitoring/blocks.sh"), shop.path().join("ex/blocks.sh")).unwrap();
    let promtool = "#!/bin/sh\n[ -s \"$4\" ] && echo block > \"$5/block\"\n";
    std::fs::write(shop.path().join("bin/promtool"), promtool).unwrap();
    for kept in ["mine/data/kept", "ex/data/kept"] {
        std::fs::write(shop.path().join(kept), "mine").unwrap();
    }
    let script =
        "chmod +x bin/promtool; PATH=$PWD/bin:$PATH; cd mine; sh ../ex/blocks.sh ../scenarios/ai-model-training.yaml";
    let said = shop.run(script);
    assert!(said.code == 2 && said.err.contains("move it away"), "{}", said.err);
    std::fs::remove_dir_all(shop.path().join("ex/data")).unwrap();
    for _ in 0..2 {
        let said = shop.run(script);
        assert_eq!(said.code, 0, "{}", said.err);
    }
    let said = shop.run(&script.replace("ai-model-training", "none-such"));
    assert!(said.code != 0, "{}", said.out);
    assert!(shop.path().join("ex/data/block").exists() && shop.path().join("mine/data/kept").exists());
    let left = std::fs::read_dir(shop.path().join("ex")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<String> = left.map(|name| name.into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["blocks.sh", "data", "metrics.txt", "results"]);
}

/// Expressions of a board, each with its panel's title.
pub fn panels(board: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("monitoring/dashboards").join(board)).unwrap();
    let board: Json = serde_json::from_str(&text).unwrap();
    let panels = board["panels"].as_array().unwrap();
    panels
        .iter()
        .flat_map(|panel| {
            let title = panel["title"].as_str().unwrap();
            let targets = panel["targets"].as_array().unwrap();
            targets.iter().map(move |target| (title.to_owned(), target["expr"].as_str().unwrap().to_owned()))
        })
        .collect()
}

#[test]
fn no_panel_of_a_board_is_empty() {
    for (board, scenario) in [
        ("cluster-cost.json", "scenarios/ai-model-training.yaml"),
        ("autoscaling.json", "scenarios/ai-model-training.yaml"),
        ("training.json", "scenarios/genai-inference.yaml"),
    ] {
        let shop = Workshop::with_scenarios();
        let said = shop.run(&format!(
            "windtunnel run {scenario} -q --no-plots --out o --set duration=90m --openmetrics m.txt --scrape-interval 1m"
        ));
        assert!(said.code < 2, "{}", said.err);
        let text = std::fs::read_to_string(shop.path().join("m.txt")).unwrap();
        let last = text.lines().rev().find(|line| !line.starts_with('#')).unwrap();
        let end = (last.rsplit(' ').next().unwrap().parse::<f64>().unwrap() * 1000.0) as i64;
        let mut store = store_of(&text);
        for (title, expr) in panels(board) {
            let mut query =
                Query::parse(&expr, &mut store.labels).unwrap_or_else(|problem| panic!("{title}: {problem}"));
            let found = evaluate(&mut query, &mut store, Context::at(end))
                .unwrap_or_else(|problem| panic!("{title}: {problem}"));
            let Value::Vector(found) = found else { panic!("{title}: no vector") };
            assert!(found.iter().any(|sample| sample.value.is_finite()), "{board}, {title} is empty: {expr}");
        }
    }
}

#[test]
fn promtool_agrees_with_the_rules() {
    let Ok(tools) = std::env::var("WINDTUNNEL_PROMETHEUS") else {
        println!("skipped: WINDTUNNEL_PROMETHEUS names no folder of promtool");
        return;
    };
    for arguments in
        [["check", "rules", "cost.yaml"], ["check", "rules", "autoscaling.yaml"], ["test", "rules", "../tests.yaml"]]
    {
        let said = std::process::Command::new(std::path::Path::new(&tools).join("promtool"))
            .args(arguments)
            .current_dir(root().join("monitoring/rules"))
            .output()
            .unwrap();
        assert!(
            said.status.success(),
            "{}{}",
            String::from_utf8_lossy(&said.stdout),
            String::from_utf8_lossy(&said.stderr)
        );
    }
}
