//! `windtunnel sweep`: a grid of parameters times seeds, on all cores.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::changes::{self, Changes};
use super::exit_code::Failure;
use super::format::Format;
use super::{Outcome, diagnostics, progress, sweep_page};
use crate::check::paired_interval;
use crate::record::SweepProvenance;
use crate::record::writer::single::{self, Comment, FileTerms};
use crate::record::writer::{OutputFolder, Terms};
use crate::report::plot::{self, Tradeoff, number};
use crate::report::table;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::{Override, Scenario, ScenarioFiles};
use crate::sweep::{self, Averages, Configuration, PlotSpec, Results, Sweep, SweepProblem, plain};

/// Of the plot's intervals.
const LEVEL: f64 = 0.95;

/// Rows of the printed table.
const BEST: usize = 10;

/// Simulate a grid of parameters times seeds
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel sweep scenarios/sweeps/hpa-target.yaml
  windtunnel sweep scenarios/sweeps/hpa-target.yaml --values small.yaml --set duration=6h --out results/six-hours")]
pub struct Arguments {
    /// Sweep file; `-` is standard input
    sweep: PathBuf,
    #[command(flatten)]
    changes: Changes,
    /// Folder for the results [default: results/NAME of the sweep]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Write the plot as PNG too
    #[arg(long)]
    png: bool,
    /// Write a Markdown table of all configurations: cost, wait and utilization
    #[arg(long, value_name = "FILE")]
    export_markdown: Option<PathBuf>,
    /// File of the report, one page that opens without a network [default: report.html in the folder of the results]
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replace results in the folder that were made from something else (another sweep, scenario or version)
    #[arg(long)]
    force: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print no table and no progress
    #[arg(long, short)]
    quiet: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let path = &arguments.sweep;
    let text = changes::read_text(path)?;
    let own = arguments.changes.read()?;
    let sweep = Sweep::parse(&text).with_context(|| path.display().to_string())?;
    let files = open_scenarios(path, &sweep).map_err(reported)?;
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("results").join(&sweep.name));
    let load = |configuration: &Configuration<'_>| {
        let overrides: Result<Vec<Override>, Vec<Diagnostic>> =
            configuration.overrides().map(|text| Override::parse(&text)).collect();
        // What the sweep varies wins over what holds for all of it.
        let all = [own.clone(), overrides?].concat();
        files[&scenario_of(&sweep, configuration)].load(&all).map(|loaded| loaded.scenario)
    };
    let prepared = sweep::prepare(&sweep, load, arguments.jobs).map_err(|problem| match problem {
        SweepProblem::Scenario { label, cause } => {
            diagnostics::show(&cause);
            Failure::BadInput(anyhow::anyhow!("{}: with {label} the scenario is not valid", path.display()))
        }
        SweepProblem::UnknownFigure { .. } | SweepProblem::Threads(_) => {
            Failure::BadInput(anyhow::anyhow!("{}: {problem}", path.display()))
        }
    })?;
    let sets: String = arguments.changes.sets().iter().map(|set| format!("\n--set {set}")).collect();
    let made_from = SweepProvenance::new(
        &sweep.name,
        &format!("{text}{sets}"),
        files.iter().map(|(path, files)| (&**path, files.hash())),
    );
    let mut inputs: Vec<PathBuf> = files.values().flat_map(ScenarioFiles::inputs).collect();
    inputs.push(path.clone());
    inputs.extend(arguments.changes.files().iter().cloned());
    let outputs = outputs(arguments);
    let folder =
        OutputFolder::prepare(&out, &made_from, Terms { inputs: &inputs, outputs: &outputs, force: arguments.force })?;
    let file_terms = FileTerms { inputs: &inputs, force: arguments.force };
    for file in [&arguments.export_markdown, &arguments.html].into_iter().flatten() {
        single::may_write(file, file_terms)?;
    }

    let runs = sweep.configurations().len() * sweep.seeds.as_ref().map_or(1, Vec::len);
    let bar = progress::bar(runs as u64, "runs", arguments.quiet);
    let results = prepared.run(|| bar.inc(1));
    bar.finish_and_clear();

    folder.write("runs.csv", &results.csv(&sweep))?;
    let tradeoff = tradeoff(&sweep, &results, &made_from);
    let svg = tradeoff.svg()?;
    folder.write("cost-against-wait.svg", svg.as_bytes())?;
    if arguments.png {
        folder.write("cost-against-wait.png", &tradeoff.png()?)?;
    }
    let page = sweep_page::text(&sweep, &results, &made_from, &text, &svg);
    match &arguments.html {
        None => folder.write("report.html", page.as_bytes())?,
        Some(file) => single::write(file, &page, Comment::Xml, file_terms)?,
    }
    let summary = format!("{:#}\n", results.summary(&sweep, &made_from));
    folder.write("sweep.json", summary.as_bytes())?;
    folder.commit()?;
    if let Some(file) = &arguments.export_markdown {
        single::write(file, &markdown(&sweep, &results), Comment::Markdown, file_terms)?;
    }
    if !arguments.quiet {
        let mut stdout = io::stdout().lock();
        match arguments.format {
            Format::Table => {
                write!(stdout, "{}", best(&sweep, &results))?;
                writeln!(stdout, "{} runs in {}", results.rows.len(), out.join("runs.csv").display())?;
            }
            Format::Json => write!(stdout, "{summary}")?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A sweep's file with the scenarios that it names.
pub struct OpenSweep {
    path: PathBuf,
    sweep: Sweep,
    files: BTreeMap<PathBuf, ScenarioFiles>,
}

/// Opens a sweep; `None` where the file is of another kind.
pub fn open_sweep(path: &Path) -> Result<Option<OpenSweep>, Vec<Diagnostic>> {
    let Ok(text) = std::fs::read_to_string(path) else { return Ok(None) };
    match Sweep::parse(&text) {
        Ok(sweep) => {
            let files = open_scenarios(path, &sweep)?;
            Ok(Some(OpenSweep { path: path.to_owned(), sweep, files }))
        }
        Err(_) if !text.lines().any(|line| line.trim_end() == "kind: Sweep") => Ok(None),
        Err(error) => Err(vec![Diagnostic::without_text(path.display().to_string(), error.to_string())]),
    }
}

impl OpenSweep {
    /// Every configuration with its label; `overrides` come first, the sweep's own settings after them.
    pub fn scenarios(&self, overrides: &[Override]) -> Result<Vec<(String, Scenario)>, Vec<Diagnostic>> {
        let configurations = self.sweep.configurations();
        let scenario = |configuration: &Configuration<'_>| {
            let mut all = overrides.to_vec();
            for text in configuration.overrides() {
                all.push(Override::parse(&text)?);
            }
            let loaded = self.files[&scenario_of(&self.sweep, configuration)].load(&all)?;
            Ok((self.sweep.label(configuration), loaded.scenario))
        };
        configurations.iter().map(scenario).collect()
    }

    pub fn inputs(&self) -> Vec<PathBuf> {
        let read = self.files.values().flat_map(ScenarioFiles::inputs);
        std::iter::once(self.path.clone()).chain(read).collect()
    }
}

/// Every file that the sweep may write into its folder.
fn outputs(arguments: &Arguments) -> Vec<String> {
    let picture = arguments.png.then_some("cost-against-wait.png");
    let page = arguments.html.is_none().then_some("report.html");
    ["runs.csv", "cost-against-wait.svg", "sweep.json"]
        .into_iter()
        .chain(page)
        .chain(picture)
        .map(str::to_owned)
        .collect()
}

/// The scenario of every configuration, each read once.
fn open_scenarios(path: &Path, sweep: &Sweep) -> Result<BTreeMap<PathBuf, ScenarioFiles>, Vec<Diagnostic>> {
    let mut files = BTreeMap::new();
    for configuration in sweep.configurations() {
        let scenario = scenario_of(sweep, &configuration);
        if let Entry::Vacant(slot) = files.entry(scenario) {
            let opened = ScenarioFiles::open(&path.parent().unwrap_or(Path::new("")).join(slot.key()));
            slot.insert(opened?);
        }
    }
    Ok(files)
}

fn scenario_of(sweep: &Sweep, configuration: &Configuration<'_>) -> PathBuf {
    configuration.scenario().unwrap_or_else(|| sweep.scenario.clone())
}

/// Figures of the exported table, with how they are shown.
pub(super) const EXPORTED: &[(&str, &str)] = &[
    ("cost.total_usd", "cost (USD)"),
    ("cost.idle_usd", "idle (USD)"),
    ("nodes.node_hours", "node hours"),
    ("pod_wait_seconds.mean", "mean wait (s)"),
    ("pod_wait_seconds.p99", "p99 wait (s)"),
    ("pods.unserved", "pods unserved"),
    ("utilization.cpu.requested", "CPU requested"),
    ("utilization.gpu.requested", "GPU requested"),
];

/// One row a configuration, in the order of the sweep; means over seeds, with the range where they differ.
fn markdown(sweep: &Sweep, results: &Results) -> String {
    let mut names: Vec<&str> = sweep.short_names();
    names.extend(EXPORTED.iter().map(|(_, label)| *label));
    let mut text = format!("| {} |\n|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for (index, configuration) in sweep.configurations().iter().enumerate() {
        let mut cells: Vec<String> = configuration.settings.iter().map(|(_, value)| plain(value)).collect();
        cells.extend(EXPORTED.iter().map(|(figure, _)| spread(results.averages(index, figure))));
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

fn reported(mistakes: Vec<Diagnostic>) -> Failure {
    diagnostics::show(&mistakes);
    Failure::Reported
}

fn tradeoff(sweep: &Sweep, results: &Results, made_from: &SweepProvenance) -> Tradeoff {
    let PlotSpec { x, y } = &sweep.plot;
    let configurations = sweep.configurations();
    let unbeaten = results.unbeaten(configurations.len(), x, y);
    let range = |index: usize, name: &str| interval(results, index, name);
    let points = configurations.iter().enumerate().map(|(index, configuration)| plot::Configuration {
        label: match results.unserved(index) {
            0 => sweep.label(configuration),
            pods => format!("{}: {} unserved", sweep.label(configuration), count(pods, "pod")),
        },
        settings: sweep
            .short_names()
            .into_iter()
            .zip(&configuration.settings)
            .map(|(name, (_, value))| (name.to_owned(), plain(value)))
            .collect(),
        is_served: results.unserved(index) == 0,
        x: range(index, x),
        y: range(index, y),
        unbeaten: unbeaten.contains(&index),
    });
    let seeds = results.rows.len() / configurations.len().max(1);
    Tradeoff {
        title: "Cost against wait".to_owned(),
        subtitle: format!(
            "{}: {} configurations, {seeds} seeds each{}; ringed and joined: no other is better in both{}",
            sweep.name,
            configurations.len(),
            if seeds > 1 { " (bars: 95 % intervals of the means)" } else { "" },
            if (0..configurations.len()).any(|index| results.unserved(index) > 0) { "; ×: pods unserved" } else { "" },
        ),
        made_by: made_from.line(),
        x_label: axis_label(x),
        y_label: axis_label(y),
        configurations: points.collect(),
    }
}

/// The mean of a figure over the seeds of a configuration, with the interval that its true mean is in; NaN where a run
/// lacks it.
pub(super) fn interval(results: &Results, index: usize, name: &str) -> plot::Range {
    let of_it = results.rows.iter().filter(|row| row.configuration == index);
    let values: Vec<f64> = of_it.map(|row| row.figure(name)).collect();
    let known = if values.iter().any(|value| value.is_nan()) { None } else { paired_interval(&values, LEVEL) };
    let unknown = plot::Range { low: f64::NAN, mean: f64::NAN, high: f64::NAN };
    known.map_or(unknown, |known| match known.pairs {
        // One seed says nothing of the spread.
        1 => plot::Range { low: known.mean, mean: known.mean, high: known.mean },
        _ => plot::Range { low: known.low.max(0.0), mean: known.mean, high: known.high },
    })
}

/// The figure in words where it is one of the usual ones.
fn axis_label(figure: &str) -> String {
    match figure {
        "cost.total_usd" => "cost (USD)".to_owned(),
        "pod_wait_seconds.p99" => "pod wait, 99th percentile (s)".to_owned(),
        "pod_wait_seconds.mean" => "pod wait, mean (s)".to_owned(),
        other => other.to_owned(),
    }
}

/// The unbeaten configurations, the cheapest first.
fn best(sweep: &Sweep, results: &Results) -> String {
    let PlotSpec { x, y } = &sweep.plot;
    let configurations = sweep.configurations();
    let mut unbeaten = results.unbeaten(configurations.len(), x, y);
    unbeaten.sort_by(|a, b| results.averages(*a, y).mean.total_cmp(&results.averages(*b, y).mean).then(a.cmp(b)));
    let mut header: Vec<String> = sweep.short_names().into_iter().map(str::to_owned).collect();
    header.extend([y.clone(), x.clone()]);
    let rows: Vec<Vec<String>> = unbeaten
        .iter()
        .take(BEST)
        .map(|index| {
            let mut row: Vec<String> = configurations[*index].settings.iter().map(|(_, value)| plain(value)).collect();
            row.extend([y, x].map(|name| spread(results.averages(*index, name))));
            row
        })
        .collect();
    let shown = rows.len();
    let mut text = unserved(sweep, results);
    text += &table::columns(&header, &rows, sweep.parameters.len());
    if unbeaten.len() > shown {
        text += &format!("… and {} more that no other configuration beats in both\n", unbeaten.len() - shown);
    }
    text
}

/// The configurations that take no part for pods that they leave unserved, the worst first.
fn unserved(sweep: &Sweep, results: &Results) -> String {
    let configurations = sweep.configurations();
    let mut left: Vec<(u64, usize)> = (0..configurations.len()).map(|index| (results.unserved(index), index)).collect();
    left.retain(|(pods, _)| *pods > 0);
    left.sort_by_key(|(pods, index)| (std::cmp::Reverse(*pods), *index));
    let mut text = String::new();
    for (pods, index) in left.iter().take(BEST) {
        let label = sweep.label(&configurations[*index]);
        text += &format!("{label} leaves {} unserved: not compared\n", count(*pods, "pod"));
    }
    let more = left.len().saturating_sub(BEST);
    if more > 0 {
        text += &format!("… and {more} more leave pods unserved\n");
    }
    if left.len() == configurations.len() {
        text += "no configuration serves all pods\n";
    }
    text
}

/// "1 pod", "8 pods".
pub(super) fn count(amount: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(amount as f64, 0), if amount == 1 { "" } else { "s" })
}

/// The mean, and the range where seeds differ.
fn spread(averages: Averages) -> String {
    let Averages { min, mean, max } = averages;
    if mean.is_nan() {
        return "unknown".to_owned();
    }
    let shown = |value: f64| number(value, if value.abs() < 100.0 { 2 } else { 0 });
    if min == max { shown(mean) } else { format!("{} ({} to {})", shown(mean), shown(min), shown(max)) }
}
