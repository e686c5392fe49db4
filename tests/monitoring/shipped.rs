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
