//! `windtunnel merge`: the results of a sweep from the files of its shards.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;

use super::{Rendering, reported};
use crate::cli::Outcome;
use crate::cli::exit_code::Failure;
use crate::scenario::Document;
use crate::sweep::{Journal, Results, Sweep};

/// Join the shards of a sweep: the same results, to the byte, as from one call
#[derive(Args)]
#[command(
    after_help = "Each file is that of a `windtunnel sweep SWEEP --shard I/N`, made from the same files and settings; no scenario
is needed any more.

Examples:
  windtunnel sweep sweep.yaml --shard 0/1 --out shards -q && windtunnel merge shards/*.jsonl
  windtunnel sweep sweep.yaml --shard 0/1 --out one -q && windtunnel merge one/*.jsonl --export-markdown table.md"
)]
pub struct Arguments {
    /// Files of shards
    #[arg(required = true, value_name = "SHARD")]
    shards: Vec<PathBuf>,
    #[command(flatten)]
    rendering: Rendering,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let mut first: Option<(PathBuf, Journal)> = None;
    let mut runs = BTreeMap::new();
    for path in &arguments.shards {
        let text = fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
        let (mut journal, _) = Journal::read(&text).with_context(|| path.display().to_string())?;
        runs.append(&mut journal.ran);
        match &first {
            None => first = Some((path.clone(), journal)),
            Some((other, of)) if of.header.made_from != journal.header.made_from => {
                return Err(refused(format!(
                    "{} and {} are not of one sweep: other files, settings or another version",
                    other.display(),
                    path.display()
                )));
            }
            Some(_) => {}
        }
    }
    let Some((path, Journal { header, .. })) = first else { return Err(refused("no shard is given".to_owned())) };
    if runs.len() < header.runs {
        let missing: BTreeSet<String> = (0..header.runs)
            .filter(|run| !runs.contains_key(run))
            .map(|run| {
                header
                    .shard
                    .map_or("the sweep".to_owned(), |shard| format!("shard {}/{}", run % shard.of as usize, shard.of))
            })
            .collect();
        let named: Vec<&str> = missing.iter().take(MOST_NAMED).map(String::as_str).collect();
        let more = missing.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return Err(refused(format!(
            "{} of {} runs are there; what is missing is of {}{more}",
            runs.len(),
            header.runs,
            named.join(", ")
        )));
    }
    let document = Document::parse(&path.display().to_string(), &header.text).map_err(reported)?;
    let sweep = Sweep::read(&document).map_err(reported)?;
    let results = Results::of_runs(header.errors.clone(), runs);
    let prepared = arguments.rendering.prepare(&header.made_from, &arguments.shards)?;
    prepared.write(&sweep, &results, &header.made_from, &header.text)
}

/// Shards that a message names.
const MOST_NAMED: usize = 5;

fn refused(why: String) -> Failure {
    Failure::BadInput(anyhow!(why))
}
