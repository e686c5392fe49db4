//! The rules of the house, held by reading the sources: who may import whom, names, sizes, and what must not stand there.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms that a run is made in, as far as what it leaves behind.
const OF_A_RUN: &[&str] = &[
    "units",
    "release",
    "cluster",
    "controller",
    "cost",
    "load",
    "scheduler",
    "autoscaler",
    "training",
    "scenario",
    "sim",
    "record",
];

/// Each room with those that it may import beside itself; what stands higher in the table may use what stands lower,
/// as `cli > sweep, check, report > record > sim > scenario > load, scheduler, autoscaler, cost > cluster > units` has
/// it. The one exception: `autoscaler` uses the scheduler's filters, scores and snapshots, for the simulations of
/// scale-up and drain must place pods as the scheduler itself would. A room may import all of the first list and all of
/// the second.
const MAY_IMPORT: [(&str, &[&str], &[&str]); 21] = [
    ("units", &[], &[]),
    ("promql", &[], &[]),
    ("release", &[], &["units"]),
    ("cluster", &[], &["units"]),
    ("cost", &[], &["units", "cluster"]),
    ("controller", &[], &["units", "cluster"]),
    ("load", &[], &["units", "cluster"]),
    ("scheduler", &[], &["units", "release", "cluster"]),
    ("autoscaler", &[], &["units", "release", "cluster", "scheduler"]),
    ("training", &[], &["units", "cluster", "load", "scheduler"]),
    (
        "scenario",
        &[],
        &["units", "release", "cluster", "controller", "cost", "load", "scheduler", "autoscaler", "training"],
    ),
    (
        "sim",
        &[],
        &[
            "units",
            "release",
            "cluster",
            "controller",
            "cost",
            "load",
            "scheduler",
            "autoscaler",
            "training",
            "scenario",
        ],
    ),
    ("record", OF_A_RUN, &[]),
    ("report", OF_A_RUN, &[]),
    ("monitoring", OF_A_RUN, &["promql"]),
    ("check", OF_A_RUN, &[]),
    ("compare", OF_A_RUN, &["check", "monitoring"]),
    ("sweep", OF_A_RUN, &["report", "check", "compare", "monitoring"]),
    ("optimize", OF_A_RUN, &["check", "compare", "sweep"]),
    ("reference", OF_A_RUN, &["check", "report", "compare", "sweep"]),
    ("cli", OF_A_RUN, &["report", "check", "compare", "sweep", "optimize", "reference", "monitoring"]),
];

const LONGEST_FILE: usize = 600;
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "helpers", "helper", "common", "manager"];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` with this extension, and its text.
pub fn files(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    fn gather(folder: &Path, extension: &str, found: &mut Vec<(PathBuf, String)>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                gather(&path, extension, found);
            } else if path.extension().is_some_and(|other| other == extension) {
                let text = fs::read_to_string(&path).expect("a source is UTF-8");
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    gather(&root().join(folder), extension, &mut found);
    found.sort();
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    ["src", "tests", "benches"].iter().flat_map(|folder| files(folder, "rs")).collect()
}

/// The room of a file of `src/`; `None` for `main.rs` and `lib.rs`.
fn room(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root().join("src")).ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    (inside.components().count() > 1).then(|| first.to_owned())
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn at(path: &Path, line: usize) -> String {
    format!("{}:{}", path.strip_prefix(root()).unwrap_or(path).display(), line + 1)
}

/// Code lines of files that `which` picks, on which `is_wrong`.
fn lines(which: impl Fn(&Path) -> bool, is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let picked = sources().into_iter().filter(|(path, _)| which(path) && !path.ends_with("tests/house.rs"));
    picked
        .flat_map(|(path, text)| {
            let found = text.lines().enumerate().filter(|(_, line)| !is_comment(line) && is_wrong(line));
            found.map(|(number, line)| format!("{}: {}", at(&path, number), line.trim())).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn nobody_imports_upwards() {
    let mut wrong = Vec::new();
    let mut rooms = 0;
    for (path, text) in files("src", "rs") {
        let Some(room) = room(&path) else { continue };
        let Some((_, below, more)) = MAY_IMPORT.iter().find(|(name, ..)| *name == room) else {
            wrong.push(format!("{}: the room {room} is not in the table", at(&path, 0)));
            continue;
        };
        rooms += 1;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !is_comment(line)) {
            for used in line.split("crate::").skip(1).filter(|_| !line.contains("$crate::")) {
                let used: String = used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                let is_room = MAY_IMPORT.iter().any(|(name, ..)| *name == used);
                if is_room && used != room && !below.iter().chain(*more).any(|allowed| *allowed == used) {
                    wrong.push(format!("{}: {room} uses {used}: {}", at(&path, number), line.trim()));
                }
            }
        }
    }
    assert!(rooms > 100, "the sources were found");
    none(&wrong);
}

#[test]
fn names_say_something() {
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| {
            let parts = path.strip_prefix(root()).unwrap_or(path).with_extension("");
            parts.components().any(|part| EMPTY_NAMES.iter().any(|name| part.as_os_str() == *name))
        })
        .map(|(path, _)| at(&path, 0))
        .collect();
    none(&wrong);
    let is_empty_module = |line: &str| {
        let name = line.trim().trim_start_matches("pub ").strip_prefix("mod ");
        name.is_some_and(|name| EMPTY_NAMES.contains(&name.trim_end_matches([';', ' ', '{'])))
    };
    none(&lines(|_| true, is_empty_module));
}

#[test]
fn no_file_is_longer_than_a_reader_bears() {
    let long = sources().into_iter().filter(|(_, text)| text.lines().count() > LONGEST_FILE);
    none(&long.map(|(path, text)| format!("{}: {} lines", at(&path, 0), text.lines().count())).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_to_do_in_the_code() {
    let unfinished = ["todo!(", "unimplemented!(", "dbg!("];
    none(&lines(|_| true, |line| unfinished.iter().any(|word| line.contains(word))));
}

#[test]
fn only_the_command_line_prints() {
    let below_cli = |path: &Path| room(path).is_some_and(|room| room != "cli");
    let prints = ["println!(", "eprintln!(", "print!(", "eprint!(", "io::stdout(", "io::stderr("];
    none(&lines(below_cli, |line| prints.iter().any(|word| line.contains(word))));
}

#[test]
fn the_wall_clock_is_the_command_lines() {
    let below_cli = |path: &Path| room(path).is_some_and(|room| room != "cli" && room != "sweep");
    none(&lines(below_cli, |line| line.contains("Instant::now") || line.contains("SystemTime::now")));
}

#[test]
fn no_path_of_somebodys_machine_is_in_the_sources() {
    let machines = ["/work/", "/root/", "/home/", "C:\\\\"];
    none(&lines(|_| true, |line| machines.iter().any(|path| line.contains(path))));
    let documents = ["scenarios", "docs"].iter().flat_map(|folder| {
        ["yaml", "md", "csv"].into_iter().flat_map(|extension| files(folder, extension)).collect::<Vec<_>>()
    });
    let found = documents.filter(|(_, text)| machines.iter().any(|path| text.contains(path)));
    none(&found.map(|(path, _)| at(&path, 0)).collect::<Vec<_>>());
}

#[test]
fn every_file_says_what_it_is() {
    let silent = sources().into_iter().filter(|(path, text)| {
        !text.trim_start().starts_with("//!") && !path.ends_with("tests.rs") && room(path).is_some()
    });
    none(&silent.map(|(path, _)| at(&path, 0)).collect::<Vec<_>>());
}
