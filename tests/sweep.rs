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

const SPACE: &str = "  parameters: [{path: nodeGroups.small.instanceType, values: [m6i.large, m6i.xlarge]}, {path: duration, values: [1h, 2h, 3h]}]\n  seeds: {from: 1, count: 5}\n";

/// Every file of the results, by name; the hidden ones are nobody's to see.
fn results(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).expect("a file")))
        .collect();
    files.sort();
    files
}

/// Cut off after any run, in the middle of a line or between two: the rest is run, and the results are the same bytes.
#[test]
fn a_sweep_that_was_cut_off_goes_on_to_the_same_bytes() {
    let folder = folder(SPACE);
    let path = folder.path();
    ran(path, &["sweep", "sweep.yaml", "--out", "whole", "-q"], 0);
    let whole = results(&path.join("whole"));
    // What a kill leaves: the file of a shard that is all of it has the same lines.
    ran(path, &["sweep", "sweep.yaml", "--shard", "0/1", "--out", "s", "-q"], 0);
    let journal = fs::read_to_string(path.join("s/shard-0-of-1.jsonl"))
        .expect("written")
        .replace("\"shard\":{\"index\":0,\"of\":1}", "\"shard\":null");
    let ends: Vec<usize> = journal.match_indices('\n').map(|(at, _)| at + 1).collect();
    let last = ends.len() - 1;
    for cut in [ends[0], ends[1], ends[4], ends[9] + 25, ends[last - 1] - 1, ends[last]] {
        let out = format!("cut-{cut}");
        fs::create_dir(path.join(&out)).expect("a folder");
        fs::write(path.join(&out).join(".windtunnel-runs.jsonl"), &journal[..cut]).expect("written");
        let is_run = |line: &&str| line.starts_with("{\"run\":") && line.ends_with('\n');
        let kept = journal[..cut].split_inclusive('\n').filter(is_run).count();
        if (1..30).contains(&kept) {
            let (_, told) = ran(path, &["sweep", "sweep.yaml", "--out", &out, "-q"], 2);
            assert!(told.contains("of 30 runs; --resume goes on with them, --force begins anew"), "{told}");
        }
        ran(path, &["sweep", "sweep.yaml", "--out", &out, "-q", "--resume", "--jobs", "2"], 0);
        assert_eq!(results(&path.join(&out)), whole, "{cut}");
    }
    // Of other inputs it is of no use.
    fs::create_dir(path.join("other")).expect("a folder");
    let other = journal.replace("sha256:", "sha256:0");
    fs::write(path.join("other/.windtunnel-runs.jsonl"), other).expect("written");
    ran(path, &["sweep", "sweep.yaml", "--out", "other", "-q"], 0);
    assert_eq!(results(&path.join("other")), whole);
}

#[cfg(unix)]
#[test]
fn what_a_signal_or_a_kill_leaves_is_gone_on_with() {
    let folder = folder(&SPACE.replace("1h, 2h, 3h", "2h, 3h, 4h"));
    let path = folder.path();
    ran(path, &["sweep", "sweep.yaml", "--out", "whole", "-q"], 0);
    for signal in ["INT", "KILL"] {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_windtunnel"))
            .args(["sweep", "sweep.yaml", "--out", signal, "-q", "--jobs", "1"])
            .current_dir(path)
            .spawn()
            .expect("it starts");
        let journal = path.join(signal).join(".windtunnel-runs.jsonl");
        // Some runs are kept; where all were done in the meantime there is nothing to go on with, which is as well.
        let lines = || fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
        while lines() < 5 && child.try_wait().expect("its state").is_none() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let kill = std::process::Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(kill.is_ok());
        child.wait().expect("it ends");
        ran(path, &["sweep", "sweep.yaml", "--out", signal, "-q", "--resume"], 0);
        assert_eq!(results(&path.join(signal)), results(&path.join("whole")));
        assert!(!journal.exists());
    }
}

#[test]
fn shards_merge_to_the_bytes_of_one_call() {
    let folder = folder(
        "  parameters: [{path: nodeGroups.small.instanceType, values: [m6i.large, m6i.lrge, m6i.xlarge]}]\n  seeds: {from: 1, count: 7}\n",
    );
    let path = folder.path();
    ran(path, &["sweep", "sweep.yaml", "--out", "whole", "--set", "duration=30m", "--export-markdown", "whole.md"], 0);
    for index in 0..3 {
        let (told, _) = ran(
            path,
            &["sweep", "sweep.yaml", "--out", "s", "--set", "duration=30m", "--shard", &format!("{index}/3")],
            0,
        );
        assert!(told.contains("of 14 runs in s/shard-"), "{told}");
    }
    let shard = |index: u32| format!("s/shard-{index}-of-3.jsonl");
    let (_, told) = ran(path, &["merge", &shard(0), &shard(2), "--out", "m"], 2);
    assert!(told.contains("9 of 14 runs are there; what is missing is of shard 1/3"), "{told}");
    // The scenario is no longer needed.
    fs::remove_file(path.join("a.yaml")).expect("it was there");
    ran(path, &["merge", &shard(2), &shard(0), &shard(1), "--out", "m", "--export-markdown", "m.md"], 0);
    assert_eq!(results(&path.join("m")), results(&path.join("whole")));
    assert_eq!(fs::read(path.join("m.md")).unwrap(), fs::read(path.join("whole.md")).unwrap());
}

#[test]
fn shards_of_different_sweeps_and_wrong_ones_are_refused() {
    let folder = folder("  parameters: [{path: duration, values: [10m, 20m]}]\n");
    let path = folder.path();
    ran(path, &["sweep", "sweep.yaml", "--out", "s", "--shard", "0/2", "-q"], 0);
    let (_, told) = ran(path, &["sweep", "sweep.yaml", "--out", "s", "--shard", "0/2", "-q", "--set", "seed=7"], 2);
    assert!(told.contains("made from something else; --force begins anew"), "{told}");
    ran(path, &["sweep", "sweep.yaml", "--out", "t", "--shard", "1/2", "-q", "--set", "seed=7"], 0);
    let (_, told) = ran(path, &["merge", "s/shard-0-of-2.jsonl", "t/shard-1-of-2.jsonl"], 2);
    assert!(told.contains("are not of one sweep"), "{told}");
    for (arguments, wanted) in [
        (&["sweep", "sweep.yaml", "--shard", "2/2"][..], "0/2 to 1/2"),
        (&["sweep", "sweep.yaml", "--shard", "0/2", "--png"], "give --png to `windtunnel merge`"),
        (&["merge", "sweep.yaml"], "no journal of a sweep's runs"),
        (&["merge", "none.jsonl"], "can't read none.jsonl"),
        (&["merge"], "SHARD"),
    ] {
        let (_, told) = ran(path, arguments, 2);
        assert!(told.contains(wanted), "{arguments:?}: {told}");
    }
}
