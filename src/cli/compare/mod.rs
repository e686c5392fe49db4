//! `windtunnel compare`: is the difference real?

mod made;
mod page;
mod sides;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rayon::prelude::*;

use super::changes::{self, Changes, threads};
use super::exit_code::{self, Failure};
use super::format::Format;
use super::{Outcome, outputs, progress};
use crate::check::percentage;
use crate::compare::{self, Comparison, LOOKS, Question, Side, SideRun, Verdict};
use crate::record::writer::single::{self, Comment, FileTerms};
use crate::report::table::columns;
use crate::scenario::Scenario;
use crate::scenario::spec::Amount;
use crate::sim::Stopped;
use sides::{Entry, Source, bad};

/// Seeds where nobody says how many.
const SEEDS: u32 = 10;

/// Compare ways to run, seed by seed: what differs, how sure that is, and why
#[derive(Args)]
#[command(
    after_help = "The first side is the baseline. A side is a scenario (or one value of a path that --set names several times), a folder of results (of `run`, or of `sweep`: \
FOLDER#LABEL picks a configuration), a sweep, or a folder of scenarios, which is compared file by file.

Examples:
  windtunnel compare main.yaml pr.yaml --seeds 30
  windtunnel compare scenario.yaml --variant 'patient: autoscaling.clusterAutoscaler.scaleDownUnneededTime=30m'
  windtunnel compare scenario.yaml --variant nodeGroups.general.maxSize=5 --until-precise 2%
  windtunnel compare scenario.yaml --set kubernetesVersion=1.33 --set kubernetesVersion=1.37
  windtunnel compare results/a results/b --metric cost.total_usd --metric pod_wait_seconds.p99
  windtunnel compare sweep.yaml --format json
  windtunnel compare main/ pr/ --export-markdown comment.md"
)]
pub struct Arguments {
    /// Scenarios (`-`: standard input), folders of results, sweeps, or folders of scenarios
    #[arg(required = true, value_name = "SIDE")]
    sides: Vec<String>,
    /// The first side with these settings: [NAME: ]PATH=VALUE[; PATH=VALUE…]
    #[arg(long = "variant", value_name = "SETTINGS")]
    variants: Vec<String>,
    #[command(flatten)]
    changes: Changes,
    /// A figure of summary.json to compare; the first is what the answer is about [default: cost, node hours, waits, …]
    #[arg(long = "metric", value_name = "NAME")]
    metrics: Vec<String>,
    /// Run under this many seeds, from --seed up [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    seeds: Option<u32>,
    /// First seed [default: the first scenario's]
    #[arg(long)]
    seed: Option<u64>,
    /// How often all intervals together shall hold the true differences
    #[arg(long, value_name = "PERCENT", default_value = "95%")]
    level: String,
    /// Add seeds until the first metric (or every --metric) is settled: different, or a difference of so much would have been found
    #[arg(long, value_name = "PERCENT")]
    until_precise: Option<String>,
    /// No more seeds than these with --until-precise
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "until_precise", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    max_seeds: u32,
    /// Exit with 1 where a metric of a variant is worse
    #[arg(long)]
    fail_on_worse: bool,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = threads)]
    jobs: Option<NonZeroUsize>,
    /// Write the comparison as Markdown, for a pull-request comment
    #[arg(long, value_name = "FILE", alias = "markdown")]
    export_markdown: Option<PathBuf>,
    /// Write the comparison as JSON, as --format json prints it
    #[arg(long, value_name = "FILE")]
    export_json: Option<PathBuf>,
    /// Write the comparison as CSV, one row a metric
    #[arg(long, value_name = "FILE", alias = "csv")]
    export_csv: Option<PathBuf>,
    /// Write the comparison as a page that opens without a network
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replace files that windtunnel did not write
    #[arg(long)]
    force: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print no warnings and no progress, and of the table only the answer
    #[arg(long, short)]
    quiet: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let level = part(&arguments.level, "--level", 0.5..1.0)?;
    let precision =
        arguments.until_precise.as_deref().map(|text| part(text, "--until-precise", 1e-6..1.0)).transpose()?;
    let asked: Result<Vec<String>, String> = arguments.metrics.iter().map(|text| compare::read_metric(text)).collect();
    let mut asked = asked.map_err(bad)?;
    // Asked twice is compared once.
    let mut seen = std::collections::BTreeSet::new();
    asked.retain(|metric| seen.insert(metric.clone()));
    changes::at_most_one_from_stdin(&arguments.sides)?;
    let mut changes = arguments.changes.clone();
    // One scenario and one setting with several values: those are the sides.
    let alternatives = match (&arguments.sides[..], &arguments.variants[..]) {
        ([_], []) => changes.take_alternatives(),
        _ => Vec::new(),
    };
    let overrides = changes.read()?;
    let sides::Read { entries, matchups, mut inputs, notes } = match &alternatives[..] {
        [] => sides::read(&arguments.sides, &arguments.variants, &overrides, arguments.quiet)?,
        values => sides::alternatives(&arguments.sides[0], values, &overrides, arguments.quiet)?,
    };
    inputs.extend(arguments.changes.files().iter().cloned());
    let written = [&arguments.export_markdown, &arguments.export_json, &arguments.export_csv, &arguments.html];
    outputs::none_twice(written.map(|path| path.as_deref()))?;
    for path in written.into_iter().flatten() {
        single::may_write(path, terms(path, &inputs, arguments.force))?;
    }
    let mut runs = Runs::new(entries, arguments)?;
    let mut looked = 1;
    let mut comparison = loop {
        let sides = runs.sides()?;
        let metrics = if asked.is_empty() { compare::metrics_of(&sides) } else { asked.clone() };
        missing(&asked, &sides)?;
        let decisive: Vec<String> =
            if asked.is_empty() { metrics.iter().take(1).cloned().collect() } else { asked.clone() };
        let looks = if precision.is_some() { LOOKS } else { 1 };
        let question = Question { metrics, level, precision: precision.unwrap_or(0.02), looks };
        let comparison = compare::compare(&sides, &matchups, &question);
        let most = arguments.max_seeds as usize;
        let next = precision.and_then(|_| compare::next_look(&comparison, &decisive, looked, most));
        match next.filter(|_| runs.can_grow()) {
            Some(pairs) => runs.seeds = pairs as u64,
            None => break comparison,
        }
        looked += 1;
    };
    comparison.notes.extend(runs.left_out());
    comparison.notes.extend(notes);
    write_files(&comparison, arguments, &inputs)?;
    print(&comparison, arguments)?;
    let is_worse = comparison.comparisons.iter().any(|row| row.verdict == Verdict::Worse);
    Ok(if arguments.fail_on_worse && is_worse { exit_code::EXPECTATION_FAILED.into() } else { ExitCode::SUCCESS })
}

/// A part of one, as `95%` or `0.95`.
fn part(text: &str, option: &str, range: std::ops::Range<f64>) -> Result<f64, Failure> {
    let number = percentage(&Amount::Text(text.to_owned())).or_else(|| text.parse().ok());
    number.filter(|number| range.contains(number)).ok_or_else(|| {
        let (low, high) = (range.start * 100.0, range.end * 100.0);
        // A range from next to nothing on is "above 0%".
        let (from, example) = if low < 0.1 { ("above 0%".to_owned(), "2%") } else { (format!("from {low}%"), "95%") };
        bad(format!("{option}: {text:?} is no percentage {from} and below {high}%, such as {example}"))
    })
}

/// A metric that was asked for and that no run has would be a silent "can't tell".
fn missing(asked: &[String], sides: &[Side]) -> Result<(), Failure> {
    let has = |name: &String| sides.iter().flat_map(|side| &side.runs).any(|run| run.has(name));
    match asked.iter().find(|name| !has(name)) {
        Some(name) => Err(bad(format!("no run has the metric {name}: nothing in these scenarios makes it"))),
        None => Ok(()),
    }
}

/// Every side's runs so far, and how to make more.
struct Runs<'a> {
    entries: Vec<Entry>,
    made: Vec<Vec<SideRun>>,
    /// First seed, and how many.
    first: u64,
    seeds: u64,
    /// Those that results on disk have, where there are some.
    fixed: Option<Vec<u64>>,
    threads: rayon::ThreadPool,
    arguments: &'a Arguments,
}

impl<'a> Runs<'a> {
    fn new(entries: Vec<Entry>, arguments: &'a Arguments) -> Result<Runs<'a>, Failure> {
        let fixed = fixed_seeds(&entries, arguments)?;
        let of_scenario = entries.iter().find_map(|entry| match &entry.source {
            Source::Scenario(scenario) => Some(scenario.seed),
            Source::Made(_) => None,
        });
        let first = arguments.seed.or(of_scenario).unwrap_or(1);
        let threads =
            rayon::ThreadPoolBuilder::new().num_threads(arguments.jobs.map_or(0, NonZeroUsize::get)).build()?;
        let made = entries
            .iter()
            .map(|entry| match &entry.source {
                Source::Made(runs) => runs.clone(),
                Source::Scenario(_) => Vec::new(),
            })
            .collect();
        let seeds = u64::from(arguments.seeds.unwrap_or(SEEDS));
        Ok(Runs { entries, made, first, seeds, fixed, threads, arguments })
    }

    fn can_grow(&self) -> bool {
        self.fixed.is_none()
    }

    /// Runs on disk that have no partner of the same seed.
    fn left_out(&self) -> Vec<String> {
        let wanted = self.wanted();
        let mut notes = Vec::new();
        for entry in &self.entries {
            let Source::Made(runs) = &entry.source else { continue };
            let alone: Vec<u64> = runs.iter().map(|run| run.seed).filter(|seed| !wanted.contains(seed)).collect();
            if !alone.is_empty() {
                notes.push(format!("left out of {}, for others have no such runs: {}", entry.name, seed_list(&alone)));
            }
        }
        notes
    }

    fn wanted(&self) -> Vec<u64> {
        let counted = || (0..self.seeds).map(|index| self.first.wrapping_add(index)).collect();
        self.fixed.clone().unwrap_or_else(counted)
    }

    /// Runs what is not yet run, in parallel; the outcome does not depend on the number of threads.
    fn sides(&mut self) -> Result<Vec<Side>, Failure> {
        let wanted = self.wanted();
        let mut jobs: Vec<(usize, u64, &Scenario)> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let Source::Scenario(scenario) = &entry.source else { continue };
            let is_new = |seed: &&u64| !self.made[index].iter().any(|run| run.seed == **seed);
            jobs.extend(wanted.iter().filter(is_new).map(|seed| (index, *seed, &**scenario)));
        }
        let bar = progress::bar(jobs.len() as u64, "runs", self.arguments.quiet);
        let one = |(index, seed, scenario): (usize, u64, &Scenario)| {
            let run = compare::run_one(scenario, seed);
            bar.inc(1);
            Ok((index, run?))
        };
        let ran: Result<Vec<(usize, SideRun)>, Stopped> =
            self.threads.install(|| jobs.into_par_iter().with_max_len(1).map(one).collect());
        bar.finish_and_clear();
        for (index, run) in ran? {
            self.made[index].push(run);
        }
        let side = |(entry, runs): (&Entry, &Vec<SideRun>)| {
            let mut runs: Vec<SideRun> = runs.iter().filter(|run| wanted.contains(&run.seed)).cloned().collect();
            runs.sort_by_key(|run| run.seed);
            Side { name: entry.name.clone(), runs }
        };
        Ok(self.entries.iter().zip(&self.made).map(side).collect())
    }
}

/// The seeds that all results on disk have; none where every side is run here.
fn fixed_seeds(entries: &[Entry], arguments: &Arguments) -> Result<Option<Vec<u64>>, Failure> {
    let mut shared: Option<Vec<u64>> = None;
    let mut names = Vec::new();
    for entry in entries {
        let Source::Made(runs) = &entry.source else { continue };
        let seeds: Vec<u64> = runs.iter().map(|run| run.seed).collect();
        names.push(format!("{} has {}", entry.name, seed_list(&seeds)));
        shared = Some(match shared {
            None => seeds,
            Some(shared) => shared.into_iter().filter(|seed| seeds.contains(seed)).collect(),
        });
    }
    let Some(mut shared) = shared else { return Ok(None) };
    if shared.is_empty() {
        return Err(bad(format!("no seed in common, so nothing to pair: {}", names.join(", "))));
    }
    if arguments.seeds.is_some() || arguments.seed.is_some() || arguments.until_precise.is_some() {
        let have = entries.iter().any(|entry| matches!(entry.source, Source::Scenario(_)));
        let what = if have { "the scenarios are run under theirs" } else { "they can't grow" };
        return Err(bad(format!(
            "results on disk have the seeds that they have ({what}); leave --seeds, --seed and --until-precise out"
        )));
    }
    shared.sort_unstable();
    Ok(Some(shared))
}

/// "seed 4", "seeds 1 to 10", "seeds 1, 4, 9, …".
fn seed_list(seeds: &[u64]) -> String {
    match seeds {
        [one] => format!("seed {one}"),
        [first, .., last] if last.wrapping_sub(*first) as usize == seeds.len() - 1 => {
            format!("seeds {first} to {last}")
        }
        _ => {
            let shown: Vec<String> = seeds.iter().take(5).map(u64::to_string).collect();
            format!("seeds {}{}", shown.join(", "), if seeds.len() > 5 { ", …" } else { "" })
        }
    }
}

/// JSON and CSV bear no mark of ours: what such a file is, its form tells.
fn terms<'a>(path: &Path, inputs: &'a [PathBuf], force: bool) -> FileTerms<'a> {
    let is_ours = || {
        let text = std::fs::read_to_string(path).ok()?;
        let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
        let is_json = json.is_some_and(|value| value["comparisons"].is_array() && value["interval_level"].is_number());
        Some(is_json || text.starts_with("variant,baseline,metric,pairs,"))
    };
    FileTerms { inputs, force: force || is_ours() == Some(true) }
}

fn json(comparison: &Comparison) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(comparison)? + "\n")
}

fn write_files(comparison: &Comparison, arguments: &Arguments, inputs: &[PathBuf]) -> Result<(), Failure> {
    if let Some(path) = &arguments.export_markdown {
        single::write(path, &compare::markdown(comparison), Comment::Markdown, terms(path, inputs, arguments.force))?;
    }
    if let Some(path) = &arguments.html {
        single::write(path, &page::text(comparison)?, Comment::Xml, terms(path, inputs, arguments.force))?;
    }
    if let Some(path) = &arguments.export_json {
        single::write(path, &json(comparison)?, Comment::None, terms(path, inputs, arguments.force))?;
    }
    if let Some(path) = &arguments.export_csv {
        let text = String::from_utf8(compare::csv(comparison))?;
        single::write(path, &text, Comment::None, terms(path, inputs, arguments.force))?;
    }
    Ok(())
}

fn print(comparison: &Comparison, arguments: &Arguments) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match arguments.format {
        Format::Json => write!(out, "{}", json(comparison)?)?,
        Format::Table if arguments.quiet => writeln!(out, "{}", comparison.answer)?,
        Format::Table => write!(out, "{}", compare::table(comparison, columns))?,
    }
    Ok(())
}
