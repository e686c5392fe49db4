//! A disk that fails at the n-th thing that is done to it, for every n of a command: what stands there afterwards is the
//! old result or the new one, whole, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::Parser;

use super::{Arguments, dispatch};
use crate::record::writer::disk::faults::failing_at;

/// Every file below a folder; what differs from run to run is left out.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                open.push(path);
            } else if name.ends_with("/.windtunnel-runs.jsonl") {
                // What an interrupted sweep goes on from is no part of a result.
            } else if name.ends_with("engine.json") {
                found.insert(name, Vec::new());
            } else {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

fn put_back(folder: &Path, old: &BTreeMap<String, Vec<u8>>, engine: &[u8]) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).unwrap();
    for (name, bytes) in old {
        fs::create_dir_all(Path::new(name).parent().unwrap()).unwrap();
        fs::write(name, if name.ends_with("engine.json") { engine } else { bytes }).unwrap();
    }
}

fn succeeds(line: &[&str]) -> bool {
    let arguments = Arguments::try_parse_from(["windtunnel"].iter().chain(line)).expect("a line that can be typed");
    dispatch(arguments).is_ok_and(|code| code == std::process::ExitCode::SUCCESS)
}

/// Files whose presence says that the others are complete.
const OWNERS: [&str; 2] = ["/summary.json", "/sweep.json"];

/// `first` makes the old result in `folder`, `second` the new one.
fn every_fault(folder: &Path, first: &[&str], second: &[&str]) {
    let engine = br#"{"events_per_second": 1}"#;
    fs::create_dir_all(folder).unwrap();
    assert!(succeeds(first), "{first:?}");
    let old = files(folder);
    put_back(folder, &old, engine);
    let (fine, steps) = failing_at(None, false, || succeeds(second));
    assert!(fine && steps >= 4, "{second:?} in {steps} steps");
    let new = files(folder);
    assert_ne!(old, new);
    let mut failed = 0;
    for for_good in [false, true] {
        for step in 0..steps {
            put_back(folder, &old, engine);
            let (fine, _) = failing_at(Some(step), for_good, || succeeds(second));
            failed += u32::from(!fine);
            let found = files(folder);
            let is_whole = found == new || !fine && found == old;
            // A disk that is gone while results are put in place: the next command finishes it.
            let left = found.keys().any(|name| name.contains(".windtunnel-new"));
            assert!(is_whole || left && for_good, "step {step} of {steps}: {:?}", found.keys());
            if left {
                let shown = |files: &BTreeMap<String, Vec<u8>>| -> BTreeMap<String, Vec<u8>> {
                    let is_ours = |name: &str| name.contains(".windtunnel");
                    files.iter().filter(|(name, _)| !is_ours(name)).map(|(n, b)| (n.clone(), b.clone())).collect()
                };
                let looks_complete = shown(&found).keys().any(|name| OWNERS.iter().any(|owner| name.ends_with(owner)));
                let is_complete = [&old, &new].iter().any(|whole| shown(whole) == shown(&found));
                assert!(is_complete || !looks_complete, "step {step}: it looks complete and is not");
                assert!(succeeds(second));
                assert_eq!(files(folder), new, "step {step}");
            }
        }
    }
    assert!(failed >= 4, "{failed} of {steps} faults were told");
}

const SCENARIO: &str = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: s}\nspec:\n  duration: 10m\n  \
    nodes: [{name: n, instanceType: m6i.large}]\n  expect: [\"nodes.peak < 9\"]\n";
const SWEEP: &str = "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {name: w}\nspec:\n  scenario: s.yaml\n  \
    parameters: [{path: duration, values: [5m, 10m]}]\n";

/// A folder with the inputs, and paths in it as text.
fn with_inputs(test: impl Fn(&dyn Fn(&str) -> String)) {
    let work = tempfile::tempdir().unwrap();
    fs::write(work.path().join("s.yaml"), SCENARIO).unwrap();
    fs::write(work.path().join("w.yaml"), SWEEP).unwrap();
    test(&|name| work.path().join(name).to_string_lossy().into_owned());
}

#[test]
fn a_run_leaves_the_old_result_or_the_new_one() {
    with_inputs(|at| {
        let (file, out) = (at("s.yaml"), at("out/run"));
        let line = |seed: &'static str| {
            ["run", &file, "--out", &out, "--no-plots", "-q", "--force", "--seed", seed].map(str::to_owned)
        };
        let (first, second) = (line("1"), line("2"));
        every_fault(Path::new(&out), &first.each_ref().map(String::as_str), &second.each_ref().map(String::as_str));
    });
}

#[test]
fn a_sweep_leaves_the_old_result_or_the_new_one() {
    with_inputs(|at| {
        let (file, out) = (at("w.yaml"), at("out/sweep"));
        let first = ["sweep", &file, "--out", &out, "-q", "--force", "--jobs", "1"];
        let second = [&first[..], &["--set", "seed=9"]].concat();
        every_fault(Path::new(&out), &first, &second);
    });
}

#[test]
fn a_baseline_is_the_old_one_or_the_new_one() {
    with_inputs(|at| {
        let (file, folder) = (at("s.yaml"), at("baselines"));
        let first = ["check", &file, "-q", "--save-baseline", "main", "--baseline-dir", &folder];
        let second = [&first[..], &["--set", "duration=20m"]].concat();
        every_fault(Path::new(&folder), &first, &second);
    });
}
