//! `windtunnel sweep`: a space of parameters times seeds, on all cores.

mod kept;
pub mod merge;
mod page;
pub mod table;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::changes::{self, Changes, threads};
use super::exit_code::Failure;
use super::format::Format;
use super::outputs::none_twice;
use super::{Outcome, diagnostics, progress};
use crate::check::paired_interval;
use crate::record::SweepProvenance;
use crate::record::writer::single::{self, Comment, FileTerms};
use crate::record::writer::{self, FolderError, OutputFolder, Terms};
use crate::report::plot::{self, Tradeoff, number};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::{Document, Override, Scenario, ScenarioFiles, kind_of};
use crate::sweep::{self, Configuration, Header, PlotSpec, Prepared, Ran, Results, Shard, Sweep};
use kept::Kept;

/// Of the plot's intervals.
const LEVEL: f64 = 0.95;

/// Simulate a space of parameters times seeds, each configuration against the baseline
#[derive(Args)]
#[command(
    after_help = "A sweep file lists parameters by path with their values, ranges or zips, named variants, constraints between
them, a sample in place of all combinations, seeds and a baseline: see docs/sweep.md and `windtunnel schema --sweep`.

Examples:
  windtunnel sweep scenarios/sweeps/hpa-target.yaml
  windtunnel sweep sweep.yaml --jobs 8 --export-markdown table.md
  windtunnel sweep sweep.yaml --resume
  for i in 0 1 2; do windtunnel sweep sweep.yaml --shard $i/3 --out shards; done && windtunnel merge shards/*.jsonl
  windtunnel sweep scenarios/sweeps/hpa-target.yaml --values small.yaml --set duration=6h --out results/six-hours
  windtunnel validate sweep.yaml
  windtunnel compare 'results/hpa-target#averageUtilization 50, scaleDownUnneededTime 10m' 'results/hpa-target#averageUtilization 70, scaleDownUnneededTime 10m'"
)]
pub struct Arguments {
    /// Sweep file; `-` is standard input
    sweep: PathBuf,
    #[command(flatten)]
    changes: Changes,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = threads)]
    jobs: Option<NonZeroUsize>,
    /// Go on with the runs that an interrupted call has left; without any, begin
    #[arg(long)]
    resume: bool,
    /// Only every N-th run, from the I-th on (0/N to N-1/N); the file `shard-I-of-N.jsonl` is for `windtunnel merge`
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    #[command(flatten)]
    rendering: Rendering,
}

/// What is made of a sweep's runs, and where it goes.
#[derive(Args)]
pub struct Rendering {
    /// Folder for the results [default: results/NAME of the sweep]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the plot as PNG too
    #[arg(long)]
    png: bool,
    /// Write a Markdown table of all configurations: cost, wait and utilization
    #[arg(long, value_name = "FILE")]
    export_markdown: Option<PathBuf>,
    /// File of the report, one page that opens without a network [default: report.html in the folder of the results]
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replace results in the folder that were made from something else (another sweep, scenario or version), and begin
    /// anew where runs were kept
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
    let own = arguments.changes.read()?;
    let open = OpenSweep::open(path).map_err(reported)?;
    let sweep = &open.sweep;
    let load = |configuration: &Configuration| open.load(configuration, &own).map_err(|mistakes| one_line(&mistakes));
    let prepared = sweep::prepare(sweep, load, arguments.jobs)?;
    let errors = prepared.errors();
    if errors.len() == sweep.configurations.len() {
        // The first stands for all of them.
        let mistakes = open.load(&sweep.configurations[0], &own).err().unwrap_or_default();
        diagnostics::show(&mistakes);
        return Err(Failure::BadInput(anyhow::anyhow!("{}: no configuration is a valid scenario", path.display())));
    }
    let made_from = open.provenance(&arguments.changes);
    let header = Header {
        made_from: made_from.clone(),
        shard: arguments.shard,
        runs: prepared.runs(),
        errors: errors.clone(),
        text: open.text().to_owned(),
    };
    let rendering = &arguments.rendering;
    if let Some(shard) = arguments.shard {
        return run_shard(arguments, shard, &header, &prepared);
    }
    let mut inputs = open.inputs();
    inputs.extend(arguments.changes.files().iter().cloned());
    let output = rendering.prepare(&made_from, &inputs)?;
    let terms = kept::Terms { resume: arguments.resume, force: rendering.force };
    let mut kept = Kept::open(output.folder.path().join(kept::HIDDEN), &header, terms)?;
    let runs = run_kept(&mut kept, &header, &prepared, rendering.quiet)?;
    let written = output.write(sweep, &Results::of_runs(errors, runs), &made_from, open.text())?;
    kept.remove();
    Ok(written)
}

/// The runs of a shard, into a file of its own.
fn run_shard(arguments: &Arguments, shard: Shard, header: &Header, prepared: &Prepared<'_>) -> Outcome {
    let rendering = &arguments.rendering;
    let asked = [
        ("--png", rendering.png),
        ("--export-markdown", rendering.export_markdown.is_some()),
        ("--html", rendering.html.is_some()),
        ("--format json", rendering.format == Format::Json),
    ];
    if let Some((option, _)) = asked.iter().find(|(_, asked)| *asked) {
        return Err(Failure::BadInput(anyhow::anyhow!(
            "a shard has no results of its own: give {option} to `windtunnel merge`"
        )));
    }
    let folder = rendering.folder(&header.made_from);
    let failed = |source| FolderError::Create { path: folder.clone(), source };
    fs::create_dir_all(&folder).map_err(failed)?;
    let file = folder.join(kept::shard_file(shard));
    let _lock = writer::lock(&file, &folder.join(format!(".{}.lock", kept::shard_file(shard))))?;
    let terms = kept::Terms { resume: arguments.resume, force: rendering.force };
    let mut kept = Kept::open(file.clone(), header, terms)?;
    let runs = run_kept(&mut kept, header, prepared, rendering.quiet)?;
    if !rendering.quiet {
        writeln!(
            io::stdout().lock(),
            "{} of {} runs in {}; `windtunnel merge {}/shard-*-of-{}.jsonl` joins all {} shards",
            runs.len(),
            header.runs,
            file.display(),
            folder.display(),
            shard.of,
            shard.of
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// All runs that are wanted: those that were kept, and the others, each of which is kept when it ends.
fn run_kept(
    kept: &mut Kept,
    header: &Header,
    prepared: &Prepared<'_>,
    quiet: bool,
) -> Result<BTreeMap<usize, Ran>, FolderError> {
    let mut runs = std::mem::take(&mut kept.ran);
    let bar = progress::bar(kept::runs_of(header) as u64, "runs", quiet);
    bar.set_position(runs.len() as u64);
    let wanted = |run: usize| !runs.contains_key(&run) && header.shard.is_none_or(|shard| shard.has(run));
    let more = prepared.run_some(wanted, |run, ran| {
        kept.keep(run, ran)?;
        bar.inc(1);
        Ok(())
    })?;
    runs.extend(more);
    bar.finish_and_clear();
    kept.sync()?;
    Ok(runs)
}

/// Where a sweep's results go, looked at before anything runs.
struct Output<'a> {
    rendering: &'a Rendering,
    inputs: &'a [PathBuf],
    folder: OutputFolder,
}

impl Rendering {
    fn folder(&self, made_from: &SweepProvenance) -> PathBuf {
        self.out.clone().unwrap_or_else(|| PathBuf::from("results").join(&made_from.sweep))
    }

    /// Nothing of the user's may be in the way.
    fn prepare<'a>(&'a self, made_from: &SweepProvenance, inputs: &'a [PathBuf]) -> Result<Output<'a>, Failure> {
        let outputs = self.outputs();
        let terms = Terms { inputs, outputs: &outputs, force: self.force };
        let folder = OutputFolder::prepare(&self.folder(made_from), made_from, terms)?;
        none_twice([self.export_markdown.as_deref(), self.html.as_deref()])?;
        for file in [&self.export_markdown, &self.html].into_iter().flatten() {
            single::may_write(file, FileTerms { inputs, force: self.force })?;
        }
        Ok(Output { rendering: self, inputs, folder })
    }

    /// Every file that the sweep may write into its folder.
    fn outputs(&self) -> Vec<String> {
        let picture = self.png.then_some("cost-against-wait.png");
        let page = self.html.is_none().then_some("report.html");
        let always = ["runs.csv", "cost-against-wait.svg", "sweep.json"];
        always.into_iter().chain(page).chain(picture).map(str::to_owned).collect()
    }
}

impl Output<'_> {
    fn write(self, sweep: &Sweep, results: &Results, made_from: &SweepProvenance, text: &str) -> Outcome {
        let Output { rendering, inputs, folder } = self;
        let file_terms = FileTerms { inputs, force: rendering.force };
        let out = folder.path().to_owned();
        folder.write("runs.csv", &results.csv(sweep))?;
        let tradeoff = tradeoff(sweep, results, made_from);
        let svg = tradeoff.svg()?;
        folder.write("cost-against-wait.svg", svg.as_bytes())?;
        if rendering.png {
            folder.write("cost-against-wait.png", &tradeoff.png()?)?;
        }
        let page = page::text(sweep, results, made_from, text, &svg);
        match &rendering.html {
            None => folder.write("report.html", page.as_bytes())?,
            Some(file) => single::write(file, &page, Comment::Xml, file_terms)?,
        }
        let summary = format!("{:#}\n", results.summary(sweep, made_from));
        folder.write("sweep.json", summary.as_bytes())?;
        folder.commit()?;
        if let Some(file) = &rendering.export_markdown {
            single::write(file, &table::markdown(sweep, results), Comment::Markdown, file_terms)?;
        }
        if !rendering.quiet {
            let mut stdout = io::stdout().lock();
            match rendering.format {
                Format::Table => {
                    write!(stdout, "{}", table::printed(sweep, results))?;
                    writeln!(stdout, "{} runs in {}", results.rows.len(), out.join("runs.csv").display())?;
                }
                Format::Json => write!(stdout, "{summary}")?,
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A sweep's file with the scenarios that it names.
pub struct OpenSweep {
    path: PathBuf,
    document: Document,
    pub sweep: Sweep,
    /// By their paths as written.
    files: BTreeMap<PathBuf, ScenarioFiles>,
}

/// Opens a sweep; `None` where the file is of another kind.
pub fn open_sweep(path: &Path) -> Result<Option<OpenSweep>, Vec<Diagnostic>> {
    if changes::is_stdin(path) {
        return match document(path)?.kind() {
            Some("Sweep") => OpenSweep::open(path).map(Some),
            _ => Ok(None),
        };
    }
    match kind_of(path).as_deref() {
        Some("Sweep") => OpenSweep::open(path).map(Some),
        _ => Ok(None),
    }
}

/// A file's one document, `-` from standard input.
fn document(path: &Path) -> Result<Document, Vec<Diagnostic>> {
    if !changes::is_stdin(path) {
        return Document::open(path);
    }
    let text = changes::read_text(path).map_err(|failure| {
        let mut problem = Vec::new();
        failure.report(&mut problem);
        vec![Diagnostic::without_text("<stdin>", String::from_utf8_lossy(&problem).trim().to_owned())]
    })?;
    Document::parse("<stdin>", &text)
}

impl OpenSweep {
    pub fn open(path: &Path) -> Result<OpenSweep, Vec<Diagnostic>> {
        let document = document(path)?;
        let sweep = Sweep::read(&document)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut files = BTreeMap::new();
        for configuration in &sweep.configurations {
            if let Entry::Vacant(slot) = files.entry(sweep.scenario_of(configuration)) {
                let opened = ScenarioFiles::open(&folder.join(slot.key()));
                slot.insert(opened?);
            }
        }
        Ok(OpenSweep { path: path.to_owned(), document, sweep, files })
    }

    /// The scenario of a configuration: `overrides` come first, the sweep's own settings after them.
    pub fn load(&self, configuration: &Configuration, overrides: &[Override]) -> Result<Scenario, Vec<Diagnostic>> {
        let mut all = overrides.to_vec();
        let settings: Vec<String> = configuration.overrides().collect();
        // At its place in the sweep's file.
        let place = |path: &str| sweep::place_of(&self.document, path);
        let located = |mistakes: Vec<Diagnostic>| {
            mistakes.into_iter().map(|mistake| diagnostics::located(mistake, &settings, place)).collect::<Vec<_>>()
        };
        for text in &settings {
            all.push(Override::parse(text).map_err(located)?);
        }
        Ok(self.files[&self.sweep.scenario_of(configuration)].load(&all).map_err(located)?.scenario)
    }

    /// The file's text.
    pub fn text(&self) -> &str {
        self.document.text()
    }

    /// Of results that are made from it with these changes.
    pub fn provenance(&self, changes: &Changes) -> SweepProvenance {
        let hashes = self.files.iter().map(|(path, files)| (&**path, files.hash()));
        let sets: String = changes.sets().iter().map(|set| format!("\n--set {set}")).collect();
        // A file that is gone by now was read before, and what it said is in the scenarios that were loaded.
        let text = |file: &PathBuf| std::fs::read_to_string(file).unwrap_or_default();
        let values = changes.files().iter().map(|file| format!("\n--values {}\n{}", file.display(), text(file)));
        let made_from = format!("{}{sets}{}", self.text(), values.collect::<String>());
        SweepProvenance::new(&self.sweep.name, &made_from, hashes)
    }

    /// Every file that was read so far.
    pub fn inputs(&self) -> Vec<PathBuf> {
        let read = self.files.values().flat_map(ScenarioFiles::inputs);
        std::iter::once(self.path.clone()).chain(read).collect()
    }
}

/// What is wrong with a configuration, for a row of a table.
fn one_line(mistakes: &[Diagnostic]) -> String {
    let errors: Vec<String> = mistakes.iter().filter(|mistake| mistake.is_error()).map(Diagnostic::to_string).collect();
    errors.join("; ")
}

fn reported(mistakes: Vec<Diagnostic>) -> Failure {
    diagnostics::show(&mistakes);
    Failure::Reported
}

fn tradeoff(sweep: &Sweep, results: &Results, made_from: &SweepProvenance) -> Tradeoff {
    let PlotSpec { x, y } = &sweep.plot;
    let configurations = &sweep.configurations;
    let front = results.front(sweep);
    let left_undone = results.left_undone(configurations.len());
    let names = table::setting_names(sweep);
    let range = |index: usize, name: &str| interval(results, index, name);
    let points = configurations.iter().enumerate().map(|(index, configuration)| plot::Configuration {
        label: match &left_undone[index] {
            None => configuration.label.clone(),
            Some(what) => format!("{}: {what}", configuration.label),
        },
        settings: names.iter().map(|(name, _)| (*name).to_owned()).zip(table::settings(sweep, index, &names)).collect(),
        is_served: left_undone[index].is_none(),
        x: range(index, x),
        y: range(index, y),
        unbeaten: front.contains(&index),
    });
    let seeds = results.rows.len() / configurations.len().max(1);
    Tradeoff {
        title: "Cost against wait".to_owned(),
        subtitle: format!(
            "{}: {} configurations, {seeds} seeds each{}; ringed and joined: no other is really better in both{}",
            sweep.name,
            configurations.len(),
            if seeds > 1 { " (bars: 95 % intervals of the means)" } else { "" },
            if left_undone.iter().any(Option::is_some) { "; ×: work left undone" } else { "" },
        ),
        made_by: made_from.line(),
        x_label: axis_label(x),
        y_label: axis_label(y),
        configurations: points.collect(),
    }
}

/// The mean of a figure over the seeds of a configuration, with the interval that its true mean is in; NaN where a run
/// lacks it.
pub fn interval(results: &Results, index: usize, name: &str) -> plot::Range {
    let values: Vec<f64> = results.of(index).iter().map(|row| row.figure(name)).collect();
    let known = if values.iter().any(|value| value.is_nan()) { None } else { paired_interval(&values, LEVEL) };
    let unknown = plot::Range { low: f64::NAN, mean: f64::NAN, high: f64::NAN };
    known.map_or(unknown, |known| match known.pairs {
        // One seed says nothing of the spread.
        1 => plot::Range { low: known.mean, mean: known.mean, high: known.mean },
        _ => plot::Range { low: known.low.max(0.0), mean: known.mean, high: known.high },
    })
}

/// The figure in words where it is one of the usual ones.
pub fn axis_label(figure: &str) -> String {
    match figure {
        "cost.total_usd" => "cost (USD)".to_owned(),
        "pod_wait_seconds.p99" => "pod wait, 99th percentile (s)".to_owned(),
        "pod_wait_seconds.mean" => "pod wait, mean (s)".to_owned(),
        other => other.to_owned(),
    }
}

/// "1 pod", "8 pods".
fn count(amount: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(amount as f64, 0), if amount == 1 { "" } else { "s" })
}
