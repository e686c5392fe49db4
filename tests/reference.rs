//! What a newcomer asks at the prompt: fields, names, instance types, a scenario to begin with, examples that work, files
//! of values and standard input; and the reference pages, which are what the types say.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use windtunnel::reference::PAGES;

use crate::house::root;
use crate::shell::{Workshop, binary};

fn windtunnel(arguments: &[&str]) -> assert_cmd::assert::Assert {
    // Wide enough that no line is broken.
    Command::new(binary()).current_dir(root()).env("COLUMNS", "400").args(arguments).assert()
}

fn printed(arguments: &[&str]) -> String {
    String::from_utf8(windtunnel(arguments).success().get_output().stdout.clone()).expect("text")
}

fn told(arguments: &[&str]) -> String {
    String::from_utf8(windtunnel(arguments).code(2).stdout("").get_output().stderr.clone()).expect("text")
}

#[test]
fn the_reference_pages_that_are_checked_in_are_what_the_types_say() {
    for page in PAGES {
        let path = root().join("docs/reference").join(page.file);
        let checked_in = fs::read_to_string(&path).unwrap_or_default();
        assert!(checked_in == (page.text)(), "{} is stale: run `windtunnel reference docs/reference`", path.display());
    }
    let pages = fs::read_dir(root().join("docs/reference")).expect("pages are checked in").count();
    assert_eq!(pages, PAGES.len(), "a page that nobody makes any more");
}

#[test]
fn explain_describes_a_field_and_names_the_nearest_to_a_wrong_one() {
    let text = printed(&["explain", "nodeGroups.provisioning"]);
    assert!(text.contains("FIELD: nodeGroups.provisioning <duration") && text.contains("logNormal"), "{text}");
    let tree = printed(&["explain", "nodeGroups", "--recursive"]);
    assert!(tree.contains("\n  provisioning <") && tree.contains("\n    logNormal <"), "{tree}");
    assert!(printed(&["explain"]).contains("nodeGroups <list of object>"));
    assert!(told(&["explain", "nodeGroups.provisionin"]).contains("did you mean `provisioning`?"));
}

#[test]
fn metrics_and_instance_types_are_listed_and_filtered() {
    let all = printed(&["metrics"]);
    for name in ["http_requests_per_second", "cost.total_usd", "pods_pending_max", "explain.wait.quota.pods"] {
        assert!(all.contains(name), "{name}");
    }
    let figures: serde_json::Value =
        serde_json::from_str(&printed(&["metrics", "wait", "--for", "figure", "--json"])).unwrap();
    let names: Vec<&str> = figures.as_array().unwrap().iter().filter_map(|metric| metric["name"].as_str()).collect();
    assert!(names.contains(&"pod_wait_seconds.p99") && names.iter().all(|name| name.contains("wait")), "{names:?}");
    assert!(told(&["metrics", "no such metric"]).contains("no metric holds"));
    let types: serde_json::Value =
        serde_json::from_str(&printed(&["instance-types", "--gpu", "a100", "--provider", "aws", "--json"])).unwrap();
    let types = types.as_array().unwrap();
    let is_right =
        |of: &serde_json::Value| of["provider"] == "aws" && of["gpu_model"].as_str().unwrap().contains("A100");
    assert!(!types.is_empty() && types.iter().all(is_right), "{types:?}");
    assert!(printed(&["instance-types", "--gpu"]).lines().count() < printed(&["instance-types"]).lines().count());
}

/// Each begins a new user's work: valid, without warnings, every expectation holds, nobody is left unserved.
#[test]
fn every_scenario_of_init_runs_as_it_is_and_nothing_is_overwritten() {
    let shop = Workshop::new();
    for example in ["service", "inference", "training", "karpenter"] {
        let file = format!("{example}.yaml");
        let said = shop.run(&format!("windtunnel init {file} --example {example}"));
        assert!(said.code == 0 && said.out.contains("windtunnel run"), "{said:?}");
        let again = shop.run(&format!("windtunnel init {file} --example service"));
        assert!(again.code == 2 && again.err.contains("is there already"), "{again:?}");
        let run = shop.run(&format!("windtunnel run {file} --no-plots"));
        assert!(run.code == 0 && run.err.is_empty(), "{example}: {run:?}");
        assert!(run.out.contains("✓") && !run.out.contains("unserved"), "{example}: {}", run.out);
        let written = fs::read_to_string(shop.path().join(&file)).unwrap();
        assert_eq!(shop.run(&format!("windtunnel init - --example {example}")).out, written);
    }
}

/// `--help` shows nothing that does not work.
#[test]
fn every_example_of_every_help_works() {
    let shop = Workshop::with_scenarios();
    let write = |name: &str, text: &str| {
        let path = shop.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).unwrap();
        fs::write(path, text).unwrap();
    };
    let short = shop.run("windtunnel init -").out.replace("duration: 24h", "duration: 30m");
    for name in ["scenario.yaml", "main.yaml", "pr.yaml", "main/web.yaml", "pr/web.yaml"] {
        write(name, &short);
    }
    write("gate.yaml", &short.replace("  expect:\n", "  expect:\n    - {metric: cost.total_usd, within: 5%}\n"));
    write("small.yaml", "duration: 2h\n");
    write(
        "sweep.yaml",
        "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {name: s}\nspec:\n  scenario: scenario.yaml\n  parameters: [{path: nodeGroups.general.maxSize, values: [2, 4]}]\n  seeds: [1, 2]\n",
    );
    let sweep = fs::read_to_string(shop.path().join("sweep.yaml")).unwrap();
    write("plan.yaml", &(sweep + "  optimize: {minimize: cost.total_usd}\n"));
    write("pods.csv", "name,arrival_s,duration_s,cpu_milli,memory_bytes\np,0,60,500,1073741824\n");
    write("nodes.csv", "name,cpu_milli,memory_bytes\nn,4000,8589934592\n");
    let moment = fs::read_to_string(root().join("tests/conformance/hpa_sync/derived.json")).unwrap();
    let moment: serde_json::Value = serde_json::from_str(&moment).unwrap();
    write("hpa.json", &moment[0]["input"].to_string());
    let (pod, node) = (
        serde_json::json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}}),
        serde_json::json!({"metadata": {"name": "n"}, "status": {"capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"}}}),
    );
    write("cluster.json", &serde_json::json!({"pods": [pod], "nodes": [node]}).to_string());
    for side in ["a", "b"] {
        assert_eq!(shop.run(&format!("windtunnel run scenario.yaml -q --no-plots --out results/{side}")).code, 0);
    }
    let commands = printed(&["--help"]);
    let commands = commands.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands =
        commands.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|c| !c.is_empty()));
    let mut tried = 0;
    for command in commands.filter(|command| *command != "help") {
        let help = printed(&[command, "--help"]);
        let examples = help.split("Examples:").nth(1).unwrap_or_else(|| panic!("{command} --help has no examples"));
        if command == "init" {
            fs::remove_file(shop.path().join("scenario.yaml")).unwrap();
        }
        for example in examples.lines().map(str::trim).filter(|line| line.starts_with("windtunnel ")) {
            println!("{example}");
            let said = shop.run(example);
            assert!((0..=1).contains(&said.code), "{example}: {said:?}");
            tried += 1;
        }
    }
    assert!(tried >= 35, "{tried}");
}

#[test]
fn a_scenario_may_come_from_standard_input() {
    let shop = Workshop::with_scenarios();
    for command in [
        "windtunnel run - --no-plots --out out < scenarios/hpa/flapping.yaml",
        "windtunnel validate - < scenarios/hpa/flapping.yaml",
        "windtunnel init - | windtunnel check -",
        "cd scenarios && windtunnel validate - < ai-model-training.yaml",
    ] {
        let said = shop.run(command);
        assert_eq!(said.code, 0, "{command}: {said:?}");
    }
    let wrong = shop.run("printf 'apiVersion: windtunnel/v1\\nkind: Scenario\\nmetadata: {name: x}\\nspec: {durtion: 1h}\\n' | windtunnel validate -");
    assert!(wrong.code == 2 && wrong.err.contains("<stdin>:4:8") && wrong.err.contains("duration"), "{wrong:?}");
    let twice = shop.run("windtunnel validate - - < scenarios/hpa/flapping.yaml");
    assert!(twice.code == 2 && twice.err.contains("holds one scenario"), "{twice:?}");
}

#[test]
fn files_of_values_are_laid_over_the_scenario_as_helm_lays_them() {
    let shop = Workshop::with_scenarios();
    let write = |name: &str, text: &str| fs::write(shop.path().join(name), text).unwrap();
    write("small.yaml", "duration: 2h\nautoscaling: {clusterAutoscaler: {scaleDownUnneededTime: 3m}}\n");
    write(
        "prod.yaml",
        "duration: 1h\nmanifests:\n  HorizontalPodAutoscaler/ai-model-hpa: {spec: {maxReplicas: 3, minReplicas: 3}}\n",
    );
    let run = |more: &str, out: &str| {
        let command = format!("windtunnel run scenarios/ai-model-training.yaml --no-plots -q --out {out} {more}");
        let said = shop.run(&command);
        assert_eq!(said.code, 0, "{command}: {said:?}");
        let summary = fs::read_to_string(shop.path().join(out).join("summary.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&summary).unwrap()
    };
    let later = run("--values small.yaml --values prod.yaml", "a");
    assert_eq!(later["simulated_seconds"], 3_600.0, "the later file wins");
    assert_eq!(later["values"], serde_json::json!(["small.yaml", "prod.yaml"]));
    let decisions = fs::read_to_string(shop.path().join("a/decisions.csv")).unwrap();
    assert!(decisions.contains(",2,3,"), "the object was changed: {decisions}");
    assert_eq!(run("--values prod.yaml --values small.yaml --set duration=30m", "b")["simulated_seconds"], 1_800.0);
    let hash = run("--values small.yaml", "c")["scenario_hash"].clone();
    write("small.yaml", "duration: 3h\n");
    assert_ne!(run("--values small.yaml", "d")["scenario_hash"], hash, "another content is another input");
    write(
        "wrong.yaml",
        "# values\nnodeGroups:\n  - {name: general, instanceTyp: m6i.xlarge, maxSize: x}\nmanifests:\n  Deployment/none: {spec: {}}\n",
    );
    let wrong = shop.run("windtunnel validate scenarios/ai-model-training.yaml --values wrong.yaml --values gone.yaml");
    assert!(wrong.code == 2 && wrong.err.contains("gone.yaml"), "{wrong:?}");
    let wrong = shop.run("windtunnel check scenarios/ai-model-training.yaml --values wrong.yaml");
    for told in
        ["wrong.yaml:3:21", "instanceType", "wrong.yaml:3:55", "wrong.yaml:5:3", "no manifest holds Deployment/none"]
    {
        assert!(wrong.code == 2 && wrong.err.contains(told), "{told}: {wrong:?}");
    }
    // What was read is no place to write to.
    write("out.xml", "duration: 1h\n");
    let onto = shop.run("windtunnel check scenarios/ai-model-training.yaml --values out.xml --junit out.xml --force");
    assert_eq!(onto.code, 2, "{onto:?}");
}

/// What goes together in a zip is no zip itself.
#[test]
fn no_field_of_a_sweep_holds_itself() {
    let text = fs::read_to_string(root().join("docs/reference/sweep.md")).unwrap();
    assert!(text.contains("`parameters.zip.path`") && !text.contains("zip.zip"), "{text}");
    let shop = Workshop::new();
    let nested = "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {name: s}\nspec:\n  scenario: a.yaml\n  parameters: [{zip: [{zip: []}, {values: [1]}]}]\n";
    fs::write(shop.path().join("sweep.yaml"), nested).unwrap();
    let said = shop.run("windtunnel validate sweep.yaml");
    assert!(said.code == 2 && said.err.contains("sweep.yaml:6:") && said.err.contains("zip"), "{said:?}");
}

#[test]
fn every_scenario_field_says_what_it_is() {
    let text = fs::read_to_string(root().join("docs/reference/scenario.md")).unwrap();
    assert!(text.lines().filter(|line| line.starts_with("| ")).count() > 500);
    assert!(Path::new(root()).join("docs/reference/outputs.md").exists());
}
