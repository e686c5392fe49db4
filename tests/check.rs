//! `windtunnel check`: the gate as CI meets it, with exit codes, files and words.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

const MANIFESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/manifests/ai-model-training.yaml");

/// A small scenario with these lines below `spec:`.
fn scenario(folder: &TempDir, expectations: &str) -> String {
    let path = folder.path().join("gate.yaml");
    let text = format!(
        "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {{name: gate}}\nspec:\n  duration: 3h\n  manifests: [{MANIFESTS}]\n  \
         nodeGroups: [{{name: general, instanceType: m6i.large, minSize: 1, maxSize: 3}}]\n  load:\n    - target: {{kind: \
         Deployment, name: ai-model-deployment}}\n      cpu: {{step: {{initial: 500m, steps: [{{at: 1h, to: 6}}]}}}}\n{expectations}"
    );
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

/// Exit code, standard output and standard error.
fn check(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("windtunnel").expect("the binary is built with the tests");
    let output = command.current_dir(folder).arg("check").args(arguments).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_holds_passes_and_what_does_not_fails_with_figure_and_instant() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = scenario(
        &folder,
        "  expect:\n    - cost.total_usd < 20\n    - max_over_time(nodes) <= 3\n    - nodes <= 1 at 30m\n",
    );
    let (code, out, _) = check(folder.path(), &[&good]);
    assert_eq!(code, 0, "{out}");
    assert_eq!(out.matches('✓').count(), 3, "{out}");

    let bad = scenario(&folder, "  expect:\n    - cost.total_usd < 20\n    - nodes.peak < 2\n    - pods_pending < 1\n");
    let (code, out, _) = check(folder.path(), &[&bad]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("✗ nodes.peak < 2") && out.contains("first exceeded at 1 h"), "{out}");
    assert!(out.contains("✓ cost.total_usd < 20"), "{out}");
}

#[test]
fn nothing_to_check_and_unknown_names_are_wrong_input_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, _, err) = check(folder.path(), &[&scenario(&folder, "")]);
    assert_eq!(code, 2);
    assert!(err.contains("nothing to check"), "{err}");

    let misspelt = scenario(&folder, "  expect:\n    - pod_wait_secnds.p99 < 3m\n    - pods_pendng < 3\n");
    let (code, _, err) = check(folder.path(), &[&misspelt]);
    assert_eq!(code, 2);
    assert!(
        err.contains("did you mean `pod_wait_seconds.p99`?") && err.contains("did you mean `pods_pending`?"),
        "{err}"
    );
    assert!(err.contains("gate.yaml:12:") && err.contains("gate.yaml:13:"), "{err}");
    let absent = scenario(&folder, "  expect: [cost.by_node_group.genral < 5]\n");
    let (code, _, err) = check(folder.path(), &[&absent]);
    assert!(code == 2 && err.contains("did you mean `general`?"), "{err}");
}

#[test]
fn a_figure_that_is_absent_or_null_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let absent = "  expect:\n    - training.wait_seconds.p99 < 5m\n    - utilization.gpu.used < 1\n";
    let (code, out, _) = check(folder.path(), &[&scenario(&folder, absent)]);
    assert_eq!(code, 1, "{out}");
    assert_eq!(out.matches("no value").count(), 2, "{out}");
}

#[test]
fn a_break_must_last_as_long_as_for_says() {
    let folder = tempfile::tempdir().expect("a folder");
    // The load steps up at 1h and stays: more than one node from then on.
    let lasting = "  expect:\n    - nodes <= 1 for 30m\n    - nodes <= 1 for 3h\n";
    let (code, out, _) = check(folder.path(), &[&scenario(&folder, lasting)]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("✗ nodes <= 1 for 30m") && out.contains("✓ nodes <= 1 for 3h"), "{out}");
}

#[test]
fn decisions_are_counted_per_object_and_window() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "  expect:\n    - {name: calm, decisions: {controller: horizontal-pod-autoscaler, count: directionChanges, perObject: \
                 true, per: 1h}, max: 4}\n    - {name: never scales, decisions: {controller: horizontal-pod-autoscaler}, max: \
                 0}\n    - {name: typo, decisions: {controller: horizontal-pod-autoscaler, object: hpa/*}, min: 1}\n";
    let (code, out, _) = check(folder.path(), &[&scenario(&folder, rules)]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("✓ calm") && out.contains("✗ never scales") && out.contains("✓ typo"), "{out}");
    let unknown = scenario(&folder, "  expect:\n    - {decisions: {controller: cluster-autoscalr}, max: 0}\n");
    let (code, _, err) = check(folder.path(), &[&unknown]);
    assert_eq!(code, 2);
    assert!(err.contains("did you mean `cluster-autoscaler`?"), "{err}");
}

#[test]
fn tests_run_with_their_settings_and_seeds_are_tallied() {
    let folder = tempfile::tempdir().expect("a folder");
    let tests = "  expect: [pods.failed == 0]\n  tests:\n    - name: one node\n      set: {nodeGroups.general.maxSize: 1}\n      \
                 seeds: 4\n      expect:\n        - nodes.peak == 1\n        - {metric: nodes.peak, min: 2, inSeeds: 1}\n";
    let (code, out, _) = check(folder.path(), &[&scenario(&folder, tests)]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("gate / one node"), "{out}");
    assert!(out.contains("✓ nodes.peak == 1    holds in 4 of 4 seeds, at least 4 asked; 1"), "{out}");
    assert!(out.contains("✗ nodes.peak >= 2    holds in 0 of 4 seeds, at least 1 asked; 1"), "{out}");
    let (_, alone, _) = check(folder.path(), &[&scenario(&folder, tests), "--jobs", "1"]);
    assert_eq!(out, alone, "the number of threads changes nothing");
}

#[test]
fn a_baseline_is_kept_and_a_dearer_change_fails_against_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = scenario(&folder, "  expect:\n    - {metric: cost.total_usd, within: 5%}\n");
    let (code, _, err) = check(folder.path(), &[&path]);
    assert!(code == 2 && err.contains("give --baseline NAME"), "{err}");
    let (code, _, err) = check(folder.path(), &[&path, "--baseline", "main"]);
    assert!(code == 2 && err.contains("--save-baseline main"), "{err}");
    let (code, _, err) = check(folder.path(), &[&path, "--seeds", "5", "--save-baseline", "main"]);
    assert_eq!(code, 0, "{err}");
    let (code, out, _) = check(folder.path(), &[&path, "--seeds", "5", "--baseline", "main"]);
    assert_eq!(code, 0, "{out}");
    let dearer = ["--set", "nodeGroups.general.minSize=3"];
    let (code, out, _) = check(folder.path(), &[&path, "--seeds", "5", "--baseline", "main", dearer[0], dearer[1]]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("baseline") && out.contains("95 %") && out.contains("5 seeds"), "{out}");
}

#[test]
fn junit_markdown_and_annotations_say_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = scenario(
        &folder,
        "  expect:\n    - {name: \"a <b> | c\", metric: nodes.peak, max: 1}\n    - cost.total_usd < 20\n",
    );
    let files = ["--junit", "junit.xml", "--markdown", "comment.md", "--github"];
    let (code, out, _) = check(folder.path(), &[&[path.as_str()], &files[..]].concat());
    assert_eq!(code, 1);
    assert!(out.contains("::error file=") && out.contains("line=12::a <b> | c: got 2"), "{out}");
    let junit = fs::read_to_string(folder.path().join("junit.xml")).expect("written");
    assert!(junit.contains("tests=\"2\" failures=\"1\""), "{junit}");
    assert!(junit.contains("name=\"a &lt;b&gt; | c\"") && junit.contains("want a &lt;b&gt; | c"), "{junit}");
    let again = check(folder.path(), &[&[path.as_str()], &files[..]].concat());
    assert_eq!(again.0, 1, "our own files are replaced: {}", again.2);
    fs::write(folder.path().join("junit.xml"), "mine").expect("written");
    let (code, _, err) = check(folder.path(), &[path.as_str(), "--junit", "junit.xml"]);
    assert!(code == 2 && err.contains("windtunnel did not write it"), "{err}");
    let (code, _, err) = check(folder.path(), &[path.as_str(), "--junit", &path]);
    assert!(code == 2 && err.contains("is an input"), "{err}");
    let markdown = fs::read_to_string(folder.path().join("comment.md")).expect("written");
    assert!(
        markdown.contains("\n### ✗ 1 of 2 expectations failed") && markdown.contains("`a <b> \\| c`"),
        "{markdown}"
    );
}

#[test]
fn run_judges_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = scenario(&folder, "  expect: [nodes.peak < 2]\n");
    let mut command = Command::cargo_bin("windtunnel").expect("the binary is built with the tests");
    let output = command.current_dir(folder.path()).args(["run", &path]).output().expect("it runs");
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("✗ nodes.peak < 2"), "{out}");
    assert!(folder.path().join("results/gate/summary.json").exists(), "the results are written all the same");
}

/// A column that no run of the scenario could have is a wrong name, as a figure is.
#[test]
fn a_column_of_what_the_scenario_does_not_have_is_wrong_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let columns = "  expect:\n    - replicas.ai-model-deployment < 9\n    - max_over_time(nodes.genral) < 9\n    - \
                   backlog.default/none < 1\n    - hpa_metric.default/ai-model-hpa.memory < 90\n    - nodes.peek < 3\n";
    let (code, _, err) = check(folder.path(), &[&scenario(&folder, columns)]);
    assert_eq!(code, 2, "{err}");
    for near in ["default/ai-model-deployment", "general", "default/ai-model-hpa.cpu", "nodes.peak"] {
        assert!(err.contains(&format!("`{near}`")), "{near}: {err}");
    }
    assert!(err.contains("gate.yaml:12:") && err.contains("gate.yaml:15:"), "{err}");
}

#[test]
fn what_an_hpa_read_and_its_limits_are_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let columns = "  expect:\n    - max_over_time(hpa_metric.default/ai-model-hpa.cpu) > 50\n    - \
                   hpa_target.default/ai-model-hpa.cpu == 50\n    - last_over_time(hpa_at_max_replicas.default/ai-model-hpa) == 1\n    - \
                   hpa_max_replicas.default/ai-model-hpa == 5\n    - hpa_desired_replicas.default/ai-model-hpa <= 4\n";
    let (code, out, _) =
        check(folder.path(), &[&scenario(&folder, columns), "--set", "load[0].cpu.step.steps[0].to=20"]);
    assert_eq!(code, 1, "{out}");
    assert_eq!(out.matches('✓').count(), 4, "{out}");
    // The decision that is one too many is the HPA's.
    assert!(out.contains("✗ hpa_desired_replicas.default/ai-model-hpa <= 4"), "{out}");
    assert!(out.contains("horizontal-pod-autoscaler hpa/default/ai-model-hpa"), "{out}");
}

#[test]
fn a_failure_names_the_decision_that_it_hangs_on_and_a_null_what_was_not_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = scenario(
        &folder,
        "  expect:\n    - nodes.peak < 2\n    - scaling.hpa_changes < 1\n    - pod_wait_seconds.p99 < 10s\n",
    );
    let (code, out, _) = check(folder.path(), &[&path, "--junit", "junit.xml", "--markdown", "comment.md"]);
    assert_eq!(code, 1, "{out}");
    assert_eq!(out.matches("    decision: ").count(), 3, "{out}");
    let junit = fs::read_to_string(folder.path().join("junit.xml")).expect("written");
    assert!(junit.contains("decision: ") && junit.contains("cluster-autoscaler nodegroup/general 1 to 2: "), "{junit}");
    let markdown = fs::read_to_string(folder.path().join("comment.md")).expect("written");
    assert!(markdown.contains("<br>decision: "), "{markdown}");
    let (code, out, _) = check(folder.path(), &[&path, "--set", "nodeGroups.general.maxSize=1"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("pod_wait_seconds.p99 < 10s") && out.contains("were not over when last seen"), "{out}");
}

#[test]
fn a_test_that_repeats_an_expectation_has_it_judged_once_and_durations_read_as_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let tests = "  expect: [pod_wait_seconds.p99 < 5m, {metric: nodes, max: 3, at: 2h}]\n  tests:\n    - name: again\n      set: \
                 {nodeGroups.general.maxSize: 2}\n      expect: [pod_wait_seconds.p99 < 5m]\n";
    let (code, out, _) = check(folder.path(), &[&scenario(&folder, tests)]);
    assert_eq!(code, 0, "{out}");
    assert_eq!(out.matches("pod_wait_seconds.p99 < 5m").count(), 2, "once each: {out}");
    assert!(out.contains("nodes <= 3 at 2h ") && !out.contains("0m0s"), "{out}");
}

/// A reason that did not occur is not in the summary, and nothing was paid or waited for it.
#[test]
fn a_reason_that_did_not_occur_counts_as_zero() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = scenario(
        &folder,
        "  expect:\n    - explain.idle.local_storage.usd == 0\n    - explain.wait.quota.pods == 0\n    - {metric: explain.wait.quota.pod_seconds, within: 5%}\n",
    );
    assert_eq!(check(folder.path(), &[&path, "--save-baseline", "main"]).0, 0);
    let (code, out, _) = check(folder.path(), &[&path, "--baseline", "main"]);
    assert_eq!(code, 0, "{out}");
    let mut command = Command::cargo_bin("windtunnel").expect("the binary is built with the tests");
    command
        .current_dir(folder.path())
        .args(["run", &path, "-q", "--no-plots", "--out", "o"])
        .output()
        .expect("it runs");
    let summary = fs::read_to_string(folder.path().join("o/summary.json")).expect("written");
    assert!(!summary.contains("local_storage") && summary.contains("above_threshold"), "{summary}");
}

/// What is no baseline is told so, and one of another version is used with a word.
#[test]
fn a_baseline_that_is_damaged_old_or_of_two_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = scenario(&folder, "  expect:\n    - {metric: cost.total_usd, within: 5%}\n");
    assert_eq!(check(folder.path(), &[&path, "--seeds", "3", "--save-baseline", "main"]).0, 0);
    let text = fs::read_to_string(folder.path().join("baselines/main.json")).expect("written");
    let whole: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let kept = |name: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let mut changed = whole.clone();
        change(&mut changed);
        fs::write(folder.path().join(format!("baselines/{name}.json")), changed.to_string()).expect("written");
        check(folder.path(), &[&path, "--seeds", "3", "--baseline", name])
    };
    let (code, _, err) =
        kept("short", &|json| json["suites"]["gate"]["figures"]["cost.total_usd"] = serde_json::json!([1.0]));
    assert!(code == 2 && err.contains("is no baseline") && err.contains("save it anew"), "{err}");
    let (code, _, err) = kept("none", &|json| *json = serde_json::json!({}));
    assert!(code == 2 && err.contains("is no baseline"), "{err}");
    let (code, _, err) = kept("old", &|json| json["windtunnel_version"] = "0.0.1".into());
    assert!(code == 0 && err.contains("was saved by windtunnel 0.0.1"), "{err}");
    let (code, out, _) = kept("other", &|json| json["suites"]["gate"]["seeds"] = serde_json::json!([100, 101, 102]));
    assert!(code == 1 && out.contains("(it has 3 seeds from 100 to 102)"), "{out}");
    fs::copy(&path, folder.path().join("copy.yaml")).expect("copied");
    let (code, _, err) = check(folder.path(), &[&path, "copy.yaml", "--baseline", "main"]);
    assert!(code == 2 && err.contains("two scenarios are called gate"), "{err}");
    let (code, _, err) = check(folder.path(), &[&path, "--baseline", "main", "--junit", "a", "--markdown", "./a"]);
    assert!(code == 2 && err.contains("named for two results"), "{err}");
}

/// A test's settings are the scenario's text: what is wrong with them is told at their line, by `validate` too.
#[test]
fn a_mistake_in_a_test_s_settings_is_told_at_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let tests = "  expect: [pods.failed == 0]\n  tests:\n    - name: big\n      set: {nodeGroups.genral.maxSize: 9}\n    - name: \
                 odd\n      set: {nodeGroups.general.maxSize: x}\n";
    let path = scenario(&folder, tests);
    let validated =
        Command::cargo_bin("windtunnel").expect("built").args(["validate", &path]).output().expect("it runs");
    let (code, _, err) = check(folder.path(), &[&path]);
    for (code, err) in
        [(code, err), (validated.status.code().unwrap_or(-1), String::from_utf8_lossy(&validated.stderr).into_owned())]
    {
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("gate.yaml:14:12") && err.contains("did you mean `general`?"), "{err}");
        assert!(err.contains("gate.yaml:16:12") && err.contains("in nodeGroups.general.maxSize=\"x\""), "{err}");
    }
}

/// Decisions about nothing are none, and a limit on them would hold for ever.
#[test]
fn decisions_about_what_the_scenario_does_not_have_are_wrong_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = |objects: &[&str]| {
        let rule = |object: &&str| format!("    - {{decisions: {{object: {object}}}, max: 99}}\n");
        scenario(&folder, &format!("  expect:\n{}", objects.iter().map(rule).collect::<String>()))
    };
    let wrong =
        ["hpa/default/ai-model-hp", "nodegroup/genral", "hpas/default/x", "node/a/b", "hpa/prod/*", "deployment/x"];
    let (code, _, err) = check(folder.path(), &[&rules(&wrong)]);
    assert_eq!(code, 2, "{err}");
    for told in ["`hpa/default/ai-model-hpa`", "`nodegroup/general`", "did you mean `hpa`?", "node/NAME"] {
        assert!(err.contains(told), "{told}: {err}");
    }
    assert_eq!(err.matches("--> ").count(), wrong.len(), "{err}");
    let right = [
        "hpa/default/ai-model-hpa",
        "hpa/ai-model-hpa",
        "pod/web-1",
        "'hpa/*'",
        "nodegroup/general",
        "'node/*'",
        "node/general-1",
        "'*'",
        "pod/default/x-1",
    ];
    let (code, out, err) = check(folder.path(), &[&rules(&right)]);
    assert_eq!(code, 0, "{out}{err}");
}
