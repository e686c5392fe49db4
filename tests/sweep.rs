//! Sweeps as their users call them: one bad configuration, the table, the export, and files of another kind.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::compare::command::{SCENARIO, windtunnel};

fn folder(spec: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.yaml"), SCENARIO.replace("duration: 4h", "duration: 1h")).expect("written");
    let sweep =
        format!("apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {{name: s}}\nspec:\n  scenario: a.yaml\n{spec}");
    fs::write(folder.path().join("sweep.yaml"), sweep).expect("written");
    folder
}

/// Standard output and standard error.
fn ran(folder: &Path, arguments: &[&str], code: i32) -> (String, String) {
    let output = windtunnel(folder).args(arguments).assert().code(code).get_output().clone();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

#[test]
fn one_bad_configuration_is_a_row_with_its_error_and_the_others_go_on() {
    let folder = folder(
        "  parameters: [{path: nodeGroups.small.instanceType, values: [m6i.large, m6i.lrge, m6i.xlarge]}]\n  seeds: [1, 2, 3]\n",
    );
    let path = folder.path();
    let (table, _) = ran(path, &["sweep", "sweep.yaml", "--out", "o", "--export-markdown", "t.md"], 0);
    assert!(table.contains("not valid") && table.contains("instanceType m6i.lrge is no valid scenario"), "{table}");
    assert!(table.contains("against baseline") && table.contains("baseline\n"), "{table}");
    let markdown = fs::read_to_string(path.join("t.md")).expect("written");
    assert!(markdown.contains("not valid: ") && !markdown.contains("NaN"), "{markdown}");
    let text = fs::read_to_string(path.join("o/sweep.json")).expect("written");
    let sweep: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(sweep["configurations"][1]["runs"], 0);
    assert!(sweep["configurations"][1]["error"].as_str().is_some_and(|error| error.contains("m6i.lrge")), "{sweep:#}");
    let against = &sweep["configurations"][2]["against_baseline"]["cost.total_usd"];
    assert!(against["interval"][0].is_number() && against["verdict"].is_string(), "{against}");
    // Validation finds it before anything runs; where all are wrong nothing is run.
    let (told, errors) = ran(path, &["validate", "sweep.yaml"], 2);
    assert!(
        told.contains("1 of 3 configurations are no valid scenarios") && errors.contains("m6i.lrge"),
        "{told}{errors}"
    );
    let text = fs::read_to_string(path.join("sweep.yaml")).expect("there");
    fs::write(path.join("bad.yaml"), text.replace("m6i.large, m6i.lrge, m6i.xlarge", "m6i.lrge")).expect("written");
    let (_, errors) = ran(path, &["sweep", "bad.yaml", "--out", "b"], 2);
    assert!(errors.contains("no configuration is a valid scenario") && !path.join("b").exists(), "{errors}");
}

#[test]
fn every_mistake_of_a_sweep_is_drawn_at_its_place() {
    let folder = folder("  parametrs: [{path: seed, values: [1]}]\n  seeds: {frm: 1, count: 2}\n");
    for command in ["sweep", "validate", "optimize"] {
        let (_, errors) = ran(folder.path(), &[command, "sweep.yaml"], 2);
        assert!(errors.contains("did you mean `parameters`?") && errors.contains("did you mean `from`?"), "{errors}");
        assert!(errors.contains("--> sweep.yaml:6:3"), "{errors}");
    }
    let (_, errors) = ran(folder.path(), &["run", "sweep.yaml"], 2);
    assert!(errors.contains("use `windtunnel sweep sweep.yaml`"), "{errors}");
    let (_, errors) = ran(folder.path(), &["sweep", "a.yaml"], 2);
    assert!(errors.contains("this is no sweep") && errors.contains("windtunnel run"), "{errors}");
}

#[test]
fn variants_stand_under_their_labels() {
    let folder = folder(
        "  variants: [{label: as it is}, {label: two at least, set: {nodeGroups.small.minSize: 2}}]\n  baseline: two at least\n  seeds: [1, 2]\n",
    );
    let (table, _) = ran(folder.path(), &["sweep", "sweep.yaml", "--out", "o"], 0);
    assert!(table.lines().next().is_some_and(|header| header.contains("variant")), "{table}");
    let runs = fs::read_to_string(folder.path().join("o/runs.csv")).expect("written");
    assert!(runs.starts_with("label,param.nodeGroups.small.minSize,seed,"), "{runs}");
    assert!(runs.contains("\nas it is,,1,") && runs.contains("\ntwo at least,2,1,"), "{runs}");
}

#[test]
fn a_reason_is_a_column_where_it_occurs_and_zero_where_it_does_not() {
    let folder = folder("  parameters: [{path: nodeGroups.small.maxSize, values: [12, 2]}]\n  seeds: [1]\n");
    ran(folder.path(), &["sweep", "sweep.yaml", "--out", "o"], 0);
    let text = fs::read_to_string(folder.path().join("o/runs.csv")).expect("written");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let at = |name: &str| header.iter().position(|other| other == name);
    assert_eq!(at("explain.idle.local_storage.usd"), None, "nothing was kept for local storage");
    let full = at("explain.wait.group_at_maximum.pods").unwrap_or_else(|| panic!("{header:?}"));
    let cells: Vec<String> = reader.records().map(|row| row.expect("a row")[full].to_owned()).collect();
    assert_eq!(cells[0], "0");
    assert!(cells[1].parse::<u32>().expect("a count") > 0, "{cells:?}");
}

/// A mistake in a setting is told at its line of the sweep's file, and a name can't leave its cell.
#[test]
fn what_is_wrong_with_a_setting_stands_in_the_sweep_s_file() {
    let wrong = folder(
        "  variants: [{label: '<b>|x'}]\n  parameters:\n    - {path: nodeGroups.smal.maxSize, values: [1, 2]}\n",
    );
    for command in ["sweep", "validate", "compare"] {
        let (_, errors) = ran(wrong.path(), &[command, "sweep.yaml"], 2);
        assert!(errors.contains("sweep.yaml:8:14") && errors.contains("did you mean `small`?"), "{command}: {errors}");
    }
    let zipped = folder(
        "  variants: [{label: '<b>|x'}, {label: y}]\n  parameters:\n    - zip:\n        - {path: nodeGroups.small.maxSize, values: [3, 4]}\n        - {path: nodeGroups.small.minSize, values: [1, 9]}\n",
    );
    let (table, _) = ran(zipped.path(), &["sweep", "sweep.yaml", "--export-markdown", "t.md"], 0);
    assert!(table.contains("sweep.yaml:10:18: minSize 9 is above maxSize 4"), "{table}");
    let markdown = fs::read_to_string(zipped.path().join("t.md")).expect("written");
    assert!(markdown.contains("| &lt;b&gt;\\|x |") && !markdown.contains("<b>"), "{markdown}");
    let (_, errors) = ran(zipped.path(), &["sweep", "sweep.yaml", "--export-markdown", "a", "--html", "a"], 2);
    assert!(errors.contains("named for two results"), "{errors}");
    // What files of values said is part of what a result was made from.
    fs::write(zipped.path().join("v.yaml"), "duration: 30m\n").expect("written");
    ran(zipped.path(), &["sweep", "sweep.yaml", "--values", "v.yaml", "--out", "o"], 0);
    fs::write(zipped.path().join("v.yaml"), "duration: 40m\n").expect("written");
    let (_, errors) = ran(zipped.path(), &["sweep", "sweep.yaml", "--values", "v.yaml", "--out", "o"], 2);
    assert!(errors.contains("--force"), "{errors}");
}
