//! Results that are on disk already: folders of `run` and of `sweep`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::compare::{DecisionTally, SideRun};
use crate::record::{Figure, read_figures};

/// The run that `summary.json` tells of, and the decisions beside it.
pub fn run(summary: &Path, inputs: &mut Vec<PathBuf>) -> Result<SideRun> {
    let text = std::fs::read_to_string(summary).with_context(|| format!("can't read {}", summary.display()))?;
    let is_no_summary = || format!("{} is no summary of a run", summary.display());
    let value: Value = serde_json::from_str(&text).with_context(is_no_summary)?;
    let seed = value["seed"].as_u64().with_context(is_no_summary)?;
    let figures = read_figures(&text).with_context(is_no_summary)?;
    if !figures.iter().any(|figure| figure.name == "simulated_seconds") {
        bail!(is_no_summary());
    }
    inputs.push(summary.to_owned());
    let table = summary.with_file_name("decisions.csv");
    let decisions = if table.is_file() { decisions(&table)? } else { DecisionTally::default() };
    Ok(SideRun { seed, figures, decisions })
}

fn decisions(path: &Path) -> Result<DecisionTally> {
    let mut tally = DecisionTally::default();
    let unreadable = || format!("can't read {}", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(unreadable)?;
    let header = reader.headers().with_context(unreadable)?.clone();
    let column = |name: &str| {
        header.iter().position(|other| other == name).ok_or_else(|| anyhow!("{} has no column {name}", path.display()))
    };
    let columns = [column("controller")?, column("object")?, column("from")?, column("to")?, column("reason")?];
    for row in reader.records() {
        let row = row.with_context(unreadable)?;
        let [controller, object, from, to, reason] = columns.map(|at| row.get(at).unwrap_or_default());
        tally.add(controller, object, from, to, reason);
    }
    Ok(tally)
}

/// The runs of one scenario under several seeds: `FOLDER/*/summary.json`. `None` where there is none.
pub fn runs_below(folder: &Path, inputs: &mut Vec<PathBuf>) -> Result<Option<Vec<SideRun>>> {
    let mut summaries: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("can't read {}", folder.display()))?
        .flatten()
        .map(|entry| entry.path().join("summary.json"))
        .filter(|path| path.is_file())
        .collect();
    summaries.sort();
    if summaries.is_empty() {
        return Ok(None);
    }
    let mut runs: Vec<SideRun> = Vec::new();
    for summary in summaries {
        let run = run(&summary, inputs)?;
        if runs.iter().any(|other| other.seed == run.seed) {
            bail!("{} holds two runs with seed {}: they are not one policy's", folder.display(), run.seed);
        }
        runs.push(run);
    }
    Ok(Some(runs))
}

/// Every configuration of a sweep's folder, with its label.
pub fn sweep(folder: &Path, inputs: &mut Vec<PathBuf>) -> Result<Vec<(String, Vec<SideRun>)>> {
    let path = folder.join("runs.csv");
    let unreadable = || format!("can't read {}", path.display());
    let mut reader = csv::Reader::from_path(&path).with_context(unreadable)?;
    let header = reader.headers().with_context(unreadable)?.clone();
    let seed_at = header
        .iter()
        .position(|name| name == "seed")
        .with_context(|| format!("{} has no column seed", path.display()))?;
    let labels = labels(folder);
    let mut configurations: Vec<(Vec<String>, Vec<SideRun>)> = Vec::new();
    for row in reader.records() {
        let row = row.with_context(unreadable)?;
        // A configuration that is no valid scenario has a row without a seed.
        if row.get(seed_at).is_some_and(str::is_empty) {
            continue;
        }
        let settings: Vec<String> = row.iter().take(seed_at).map(str::to_owned).collect();
        let seed = row
            .get(seed_at)
            .and_then(|text| text.parse().ok())
            .with_context(|| format!("{}: a seed is no number", path.display()))?;
        let figures =
            header.iter().zip(row.iter()).skip(seed_at + 1).filter(|(name, cell)| !cell.is_empty() && *name != "error");
        let figure = |(name, cell): (&str, &str)| Figure {
            name: name.to_owned(),
            value: cell.parse().unwrap_or(f64::NAN),
            is_whole: !cell.contains('.'),
        };
        let run = SideRun { seed, figures: figures.map(figure).collect(), decisions: DecisionTally::default() };
        match configurations.iter_mut().find(|(other, _)| *other == settings) {
            Some((_, runs)) => runs.push(run),
            None => configurations.push((settings, vec![run])),
        }
    }
    inputs.push(path);
    let short = |name: &str| name.trim_start_matches("param.").rsplit(['.', '/']).next().unwrap_or(name).to_owned();
    let named = |index: usize, settings: &[String]| match labels.get(index) {
        Some(label) => label.clone(),
        None => {
            let parts = header.iter().zip(settings).map(|(name, value)| format!("{} {value}", short(name)));
            parts.collect::<Vec<_>>().join(", ")
        }
    };
    Ok(configurations
        .into_iter()
        .enumerate()
        .map(|(index, (settings, runs))| (named(index, &settings), runs))
        .collect())
}

/// As `sweep.json` has them, or `optimize.json`, those with runs in the order of the runs; none of an older version's.
fn labels(folder: &Path) -> Vec<String> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let text = read("sweep.json").or_else(|| read("optimize.json")).unwrap_or_default();
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    let configurations = value["configurations"].as_array().cloned().unwrap_or_default();
    let ran = configurations.iter().filter(|one| one["runs"].as_u64() != Some(0));
    ran.map_while(|one| one["label"].as_str().map(str::to_owned)).collect()
}
