//! What the arguments of `compare` name.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::made;
use crate::cli::changes;
use crate::cli::diagnostics;
use crate::cli::exit_code::Failure;
use crate::cli::sweep::{OpenSweep, open_sweep};
use crate::cli::validate::read_overrides;
use crate::compare::{Matchup, SideRun};
use crate::scenario::diagnostic::{Diagnostic, suggestion};
use crate::scenario::{Override, Scenario};

/// A side before it is run.
pub struct Entry {
    pub name: String,
    /// Its name is that of a file or folder.
    pub is_path: bool,
    pub source: Source,
}

pub enum Source {
    Scenario(Box<Scenario>),
    /// Already run.
    Made(Vec<SideRun>),
}

/// What is compared with what.
pub struct Read {
    pub entries: Vec<Entry>,
    pub matchups: Vec<Matchup>,
    pub inputs: Vec<PathBuf>,
    pub notes: Vec<String>,
}

pub fn read(sides: &[String], variants: &[String], overrides: &[Override], quiet: bool) -> Result<Read, Failure> {
    let folders: Vec<&Path> = sides.iter().map(Path::new).collect();
    if variants.is_empty() && folders.len() > 1 && folders.iter().all(|folder| is_folder_of_scenarios(folder)) {
        return folders_of_scenarios(&folders, overrides, quiet);
    }
    let mut read = Read { entries: Vec::new(), matchups: Vec::new(), inputs: Vec::new(), notes: Vec::new() };
    for (index, side) in sides.iter().enumerate() {
        one(side, overrides, quiet, &mut read)?;
        if index == 0 {
            for text in variants {
                let entry = variant(side, text, overrides, quiet)?;
                read.entries.push(entry);
            }
        }
    }
    if read.entries.len() < 2 {
        return Err(bad(format!(
            "{} is one side and has nothing to be compared with; name another, or give --variant PATH=VALUE",
            sides[0]
        )));
    }
    distinguish(&mut read.entries);
    read.matchups = against_the_first(read.entries.len());
    Ok(read)
}

/// One scenario under each of several settings, the first of them the baseline.
pub fn alternatives(side: &str, settings: &[String], overrides: &[Override], quiet: bool) -> Result<Read, Failure> {
    let variants: Result<Vec<Entry>, Failure> =
        settings.iter().map(|setting| variant(side, setting, overrides, quiet)).collect();
    let inputs = if changes::is_stdin(Path::new(side)) { Vec::new() } else { changes::open(Path::new(side))?.inputs() };
    let matchups = against_the_first(settings.len());
    Ok(Read { entries: variants?, matchups, inputs, notes: Vec::new() })
}

/// One argument: a side, or all configurations of a sweep.
fn one(text: &str, overrides: &[Override], quiet: bool, read: &mut Read) -> Result<(), Failure> {
    let (path, label) = match text.rsplit_once('#') {
        Some((path, label)) if !Path::new(text).exists() => (path, Some(label)),
        _ => (text, None),
    };
    let path = Path::new(path);
    let name = side_name(path);
    let made_side = |name: String, is_path, runs: Vec<SideRun>| Entry { name, is_path, source: Source::Made(runs) };
    let several = if path.is_dir() {
        if path.join("summary.json").is_file() {
            let run = made::run(&path.join("summary.json"), &mut read.inputs)?;
            vec![made_side(name, true, vec![run])]
        } else if path.join("runs.csv").is_file() {
            let configurations = made::sweep(path, &mut read.inputs)?;
            configurations.into_iter().map(|(label, runs)| made_side(label, false, runs)).collect()
        } else if let Some(runs) = made::runs_below(path, &mut read.inputs)? {
            vec![made_side(name, true, runs)]
        } else {
            return Err(bad(format!(
                "{} holds no results: no summary.json, no runs.csv, and no folder with a summary.json{}",
                path.display(),
                if is_folder_of_scenarios(path) {
                    "; its scenarios are compared with those of another folder"
                } else {
                    ""
                }
            )));
        }
    } else if path.extension().is_some_and(|extension| extension == "json") {
        let run = made::run(path, &mut read.inputs)?;
        vec![made_side(name, true, vec![run])]
    } else if let Some(sweep) = sweep_of(path)? {
        let entries = configurations(&sweep, overrides, &mut read.notes)?;
        read.inputs.extend(sweep.inputs());
        entries
    } else {
        let (scenario, inputs) = load(path, overrides, quiet)?;
        read.inputs.extend(inputs);
        vec![Entry { name, is_path: true, source: Source::Scenario(Box::new(scenario)) }]
    };
    match label {
        None => read.entries.extend(several),
        Some(label) => {
            let known: Vec<String> = several.iter().map(|entry| entry.name.clone()).collect();
            let found = several.into_iter().find(|entry| entry.name == label).ok_or_else(|| {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let hint = suggestion(label, &known).map(|hint| format!("; {hint}")).unwrap_or_default();
                anyhow!("{} has no configuration {label:?}{hint}", path.display())
            })?;
            read.entries.push(found);
        }
    }
    Ok(())
}

/// Notes about configurations that are left out; of more, the number.
const MOST_NOTES: usize = 5;

/// Those of a sweep that are valid, its baseline first; the others are named.
fn configurations(sweep: &OpenSweep, overrides: &[Override], notes: &mut Vec<String>) -> Result<Vec<Entry>, Failure> {
    let all = &sweep.sweep.configurations;
    let baseline = &all[sweep.sweep.baseline];
    let others = all.iter().enumerate().filter(|(index, _)| *index != sweep.sweep.baseline).map(|(_, one)| one);
    let mut entries = Vec::new();
    let (mut first_mistakes, mut left_out) = (None, 0);
    for configuration in std::iter::once(baseline).chain(others) {
        let name = configuration.label.clone();
        match sweep.load(configuration, overrides) {
            Ok(scenario) => entries.push(Entry { name, is_path: false, source: Source::Scenario(Box::new(scenario)) }),
            Err(mistakes) => {
                let told = mistakes.iter().find(|mistake| mistake.is_error()).map(Diagnostic::to_string);
                if left_out < MOST_NOTES {
                    notes.push(format!("{name} is no valid scenario and is left out: {}", told.unwrap_or_default()));
                }
                left_out += 1;
                first_mistakes.get_or_insert(mistakes);
            }
        }
    }
    if left_out > MOST_NOTES {
        notes.push(format!("{} more are no valid scenarios and are left out", left_out - MOST_NOTES));
    }
    match first_mistakes {
        Some(mistakes) if entries.is_empty() => Err(reported(mistakes)),
        _ => Ok(entries),
    }
}

/// A sweep, where the file is one; standard input holds a scenario.
fn sweep_of(path: &Path) -> Result<Option<OpenSweep>, Failure> {
    if changes::is_stdin(path) { Ok(None) } else { open_sweep(path).map_err(reported) }
}

fn reported(mistakes: Vec<Diagnostic>) -> Failure {
    diagnostics::show(&mistakes);
    Failure::Reported
}

fn load(path: &Path, overrides: &[Override], quiet: bool) -> Result<(Scenario, Vec<PathBuf>), Failure> {
    let files = changes::open(path)?;
    let loaded = files.load(overrides).map_err(reported)?;
    if !quiet {
        diagnostics::show(&loaded.warnings);
    }
    Ok((loaded.scenario, files.inputs()))
}

/// `[NAME: ]PATH=VALUE[; PATH=VALUE…]` applied to the first side.
fn variant(side: &str, text: &str, overrides: &[Override], quiet: bool) -> Result<Entry, Failure> {
    let path = Path::new(side);
    if path.is_dir() || path.extension().is_some_and(|extension| extension == "json") {
        return Err(bad(format!("--variant {text}: {side} has been run already; give its scenario")));
    }
    let before_value = text.split('=').next().unwrap_or(text);
    let (name, settings) = match before_value.split_once(": ") {
        Some((name, _)) => (name.trim().to_owned(), &text[name.len() + 2..]),
        None => (text.trim().to_owned(), text),
    };
    let settings: Vec<String> =
        settings.split(';').map(str::trim).filter(|setting| !setting.is_empty()).map(str::to_owned).collect();
    if settings.is_empty() || name.is_empty() {
        return Err(bad(format!("--variant {text:?} has no setting; write NAME: PATH=VALUE")));
    }
    let mut all = overrides.to_vec();
    all.extend(read_overrides(&settings)?);
    let (scenario, _) = load(path, &all, quiet)?;
    Ok(Entry { name, is_path: false, source: Source::Scenario(Box::new(scenario)) })
}

/// As given, without what says nothing.
fn side_name(path: &Path) -> String {
    if changes::is_stdin(path) {
        return "standard input".to_owned();
    }
    let text = path.to_string_lossy();
    let text = text.trim_end_matches('/');
    [".yaml", ".yml", "/summary.json"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text).to_owned()
}

/// The last part of a path where that tells the sides apart; two sides of one name get a number.
fn distinguish(entries: &mut [Entry]) {
    let last = |entry: &Entry| match entry.is_path {
        true => entry.name.rsplit('/').next().unwrap_or(&entry.name).to_owned(),
        false => entry.name.clone(),
    };
    let short: Vec<String> = entries.iter().map(last).collect();
    for (index, entry) in entries.iter_mut().enumerate() {
        if short.iter().filter(|other| **other == short[index]).count() == 1 {
            entry.name.clone_from(&short[index]);
        }
    }
    for index in 1..entries.len() {
        let name = entries[index].name.clone();
        let before = entries[..index].iter().filter(|other| other.name == name).count();
        if before > 0 {
            entries[index].name = format!("{name} ({})", before + 1);
        }
    }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The scenario files of a folder, by their names, ascending.
fn scenarios_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_file() && is_yaml(path)).collect();
    names.retain(|path| {
        std::fs::read_to_string(path).is_ok_and(|text| text.lines().any(|line| line.trim_end() == "kind: Scenario"))
    });
    names.sort();
    names
}

fn is_folder_of_scenarios(folder: &Path) -> bool {
    folder.is_dir()
        && !folder.join("summary.json").exists()
        && !folder.join("runs.csv").exists()
        && !scenarios_in(folder).is_empty()
}

/// Each scenario of the first folder against that of the same name in each of the others.
fn folders_of_scenarios(folders: &[&Path], overrides: &[Override], quiet: bool) -> Result<Read, Failure> {
    let mut read = Read { entries: Vec::new(), matchups: Vec::new(), inputs: Vec::new(), notes: Vec::new() };
    for file in scenarios_in(folders[0]) {
        let Some(name) = file.file_name() else { continue };
        let others: Vec<PathBuf> =
            folders[1..].iter().map(|folder| folder.join(name)).filter(|path| path.is_file()).collect();
        if others.is_empty() {
            read.notes.push(format!("{} stands in {} only", name.to_string_lossy(), folders[0].display()));
            continue;
        }
        let baseline = read.entries.len();
        for path in std::iter::once(&file).chain(&others) {
            let (scenario, inputs) = load(path, overrides, quiet)?;
            read.inputs.extend(inputs);
            let (name, source) = (side_name(path), Source::Scenario(Box::new(scenario)));
            read.entries.push(Entry { name, is_path: true, source });
        }
        read.matchups.extend((baseline + 1..read.entries.len()).map(|variant| Matchup { baseline, variant }));
    }
    for folder in &folders[1..] {
        for file in scenarios_in(folder) {
            let Some(name) = file.file_name() else { continue };
            if !folders[0].join(name).is_file() {
                read.notes.push(format!("{} stands in {} only", name.to_string_lossy(), folder.display()));
            }
        }
    }
    if read.matchups.is_empty() {
        return Err(bad("the folders have no scenario of the same name"));
    }
    Ok(read)
}

/// The first side against each of the others.
fn against_the_first(sides: usize) -> Vec<Matchup> {
    (1..sides).map(|variant| Matchup { baseline: 0, variant }).collect()
}

/// Input that is refused.
pub fn bad(problem: impl std::fmt::Display) -> Failure {
    Failure::BadInput(anyhow!("{problem}"))
}
