//! `windtunnel optimize`: the best setting of a space under conditions.

mod page;
mod text;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use clap::Args;
use rayon::prelude::*;

use super::changes::Changes;
use super::changes::threads;
use super::exit_code::Failure;
use super::format::Format;
use super::sweep::OpenSweep;
use super::{Outcome, diagnostics, progress};
use crate::check::{Expectation, Subject};
use crate::compare::read_metric;
use crate::monitoring;
use crate::optimize::{Condition, Entrant, Found, Problem, Trial, Tried, search};
use crate::record::writer::single::{self, Comment, FileTerms};
use crate::record::writer::{OutputFolder, Terms};
use crate::record::{SweepProvenance, figures, value_of};
use crate::scenario::Override;
use crate::scenario::spec::ExpectationSpec;
use crate::sweep::{Results, Row};

/// Find the best setting of a space under conditions, with a part of the runs that trying all would take
#[derive(Args)]
#[command(
    after_help = "The space is a sweep file (`windtunnel sweep` of the same file tries all of it). What is wanted stands in its
`optimize:`, or is given here. Results go to results/NAME-optimize: the runs, what was found, and a report. See
docs/optimize.md.

Examples:
  windtunnel optimize scenarios/sweeps/gpu-plan.yaml --budget 20
  windtunnel optimize plan.yaml --budget 200 --seed 7 --out results/plan --html plan.html
  windtunnel optimize sweep.yaml --minimize cost.total_usd --subject-to 'pod_wait_seconds.p99 < 3m' --subject-to 'pods.never_scheduled == 0'"
)]
pub struct Arguments {
    /// Sweep file; `-` is standard input
    space: PathBuf,
    #[command(flatten)]
    changes: Changes,
    /// A figure of summary.json to make small [default: that of the file]
    #[arg(long, value_name = "METRIC", conflicts_with = "maximize")]
    minimize: Option<String>,
    /// A figure of summary.json to make large
    #[arg(long, value_name = "METRIC")]
    maximize: Option<String>,
    /// A condition on a figure, such as 'pod_wait_seconds.p99 < 3m' [default: those of the file]
    #[arg(long, value_name = "CONDITION")]
    subject_to: Vec<String>,
    /// Runs that it may take [default: that of the file, or a tenth of all]
    #[arg(long, value_name = "RUNS")]
    budget: Option<NonZeroUsize>,
    /// Of the search's own draws
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for the results [default: results/NAME-optimize, NAME being the sweep's]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// File of the report, one page that opens without a network [default: report.html in the folder of the results]
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replace results in the folder that were made from something else (another sweep, scenario or version)
    #[arg(long)]
    force: bool,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = threads)]
    jobs: Option<NonZeroUsize>,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print no progress, and of the table only the answer
    #[arg(long, short)]
    quiet: bool,
}

/// Fewer runs than these are not worth a search.
const LEAST_BUDGET: usize = 10;

pub fn run(arguments: &Arguments) -> Outcome {
    let open = OpenSweep::open(&arguments.space).map_err(|mistakes| {
        diagnostics::show(&mistakes);
        Failure::Reported
    })?;
    let own = arguments.changes.read()?;
    let sweep = &open.sweep;
    if sweep.space.size().is_none() {
        return Err(bad(&arguments.space, "a range without `step` or `count` has no configurations to choose from"));
    }
    let (metric, is_maximized, conditions) = wanted(arguments, &open)?;
    let seeds = match &sweep.seeds {
        Some(seeds) => seeds.clone(),
        None => vec![own_seed(&open, &own)?],
    };
    let problem = Problem::of(sweep, &metric, is_maximized, conditions, seeds);
    let all = problem.labels.len() * problem.seeds.len();
    let of_file = sweep.objective.as_ref().and_then(|objective| objective.budget).map(|budget| budget as usize);
    let budget = arguments.budget.map(NonZeroUsize::get).or(of_file).unwrap_or((all / 10).max(LEAST_BUDGET));
    let output = Output::prepare(arguments, &open)?;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(arguments.jobs.map_or(0, NonZeroUsize::get)).build()?;
    let bar = progress::bar(budget.min(all) as u64, "runs", arguments.quiet);
    let invalid: Mutex<BTreeMap<usize, String>> = Mutex::default();
    let rows: Mutex<BTreeMap<(usize, u64), Row>> = Mutex::default();
    let one = |trial: &Trial| -> Option<Tried> {
        let mut scenario = match open.load(&sweep.configurations[trial.configuration], &own) {
            Ok(scenario) => scenario,
            Err(mistakes) => {
                let told = mistakes.first().map(ToString::to_string).unwrap_or_default();
                invalid.lock().expect("no reader panics while it holds the lock").insert(trial.configuration, told);
                return None;
            }
        };
        scenario.duration = scenario.duration.mul_f64(trial.horizon);
        let (outcome, alerts) = monitoring::simulate(&scenario, trial.seed, &mut ());
        if let Some(stopped) = &outcome.stopped {
            let mut invalid = invalid.lock().expect("no reader panics while it holds the lock");
            invalid.insert(trial.configuration, stopped.to_string());
            return None;
        }
        let figures = figures(&alerts.summary(&outcome));
        let value = |name: &str| value_of(&figures, name).unwrap_or(f64::NAN);
        let tried = Tried {
            objective: value(&problem.metric),
            figures: problem.conditions.iter().map(|condition| value(&condition.metric)).collect(),
        };
        if trial.horizon == 1.0 {
            bar.inc(1);
            let row = Row { configuration: trial.configuration, seed: trial.seed, figures };
            let mut rows = rows.lock().expect("no writer panics while it holds the lock");
            rows.insert((trial.configuration, trial.seed), row);
        }
        Some(tried)
    };
    // In the order of the trials, whatever the threads.
    let run = |trials: &[Trial]| threads.install(|| trials.par_iter().with_max_len(1).map(one).collect());
    let found = search(&problem, budget, arguments.seed, run);
    bar.finish_and_clear();
    let errors: Vec<(usize, String)> = invalid.into_inner().unwrap_or_default().into_iter().collect();
    if found.configurations_run == 0 {
        let told = errors.first().map(|(_, told)| told.as_str()).unwrap_or_default();
        return Err(bad(&arguments.space, &format!("no configuration is a valid scenario: {told}")));
    }
    if !found.ranking.iter().any(|entrant| entrant.objective.is_some()) {
        return Err(bad(
            &arguments.space,
            &format!("no run has the metric {metric}: nothing in its scenario makes it"),
        ));
    }
    let rows = rows.into_inner().unwrap_or_default().into_values().collect();
    let asked = Asked { budget, seed: arguments.seed, problem: &problem };
    let folder = output.write(&open, &found, &Results { rows, errors }, &asked)?;
    let mut out = io::stdout().lock();
    match arguments.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?,
        Format::Table if arguments.quiet => writeln!(out, "{}", found.answer)?,
        Format::Table => {
            write!(out, "{}", text::table(&found))?;
            writeln!(out, "results in {}", folder.display())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What was asked of the search.
struct Asked<'a> {
    budget: usize,
    /// Of the search's own draws.
    seed: u64,
    problem: &'a Problem,
}

/// The scenario's own seed, of the first configuration that is valid.
fn own_seed(open: &OpenSweep, overrides: &[Override]) -> Result<u64, Failure> {
    let sweep = &open.sweep;
    let others = sweep.configurations.iter();
    let mut first_mistakes = None;
    for configuration in std::iter::once(&sweep.configurations[sweep.baseline]).chain(others) {
        match open.load(configuration, overrides) {
            Ok(scenario) => return Ok(scenario.seed),
            Err(mistakes) => {
                first_mistakes.get_or_insert(mistakes);
            }
        }
    }
    diagnostics::show(&first_mistakes.unwrap_or_default());
    Err(Failure::Reported)
}

/// Where the results go; asked for before anything runs.
struct Output<'a> {
    arguments: &'a Arguments,
    path: PathBuf,
    folder: OutputFolder,
    made_from: SweepProvenance,
    inputs: Vec<PathBuf>,
}

const FILES: [&str; 3] = ["runs.csv", "optimize.json", "objective-against-condition.svg"];

impl<'a> Output<'a> {
    fn prepare(arguments: &'a Arguments, open: &OpenSweep) -> Result<Output<'a>, Failure> {
        let name = format!("{}-optimize", open.sweep.name);
        let path = arguments.out.clone().unwrap_or_else(|| PathBuf::from("results").join(name));
        let made_from = open.provenance(&arguments.changes);
        let mut inputs = open.inputs();
        inputs.extend(arguments.changes.files().iter().cloned());
        let page = arguments.html.is_none().then_some("report.html");
        let outputs: Vec<String> = FILES.into_iter().chain(page).map(str::to_owned).collect();
        let terms = Terms { inputs: &inputs, outputs: &outputs, force: arguments.force };
        let folder = OutputFolder::prepare(&path, &made_from, terms)?;
        if let Some(file) = &arguments.html {
            single::may_write(file, FileTerms { inputs: &inputs, force: arguments.force })?;
        }
        Ok(Output { arguments, path, folder, made_from, inputs })
    }

    /// Every run, what was found, the plot and the page; gives the folder.
    fn write(self, open: &OpenSweep, found: &Found, results: &Results, asked: &Asked<'_>) -> Result<PathBuf, Failure> {
        let Output { arguments, path, folder, made_from, inputs } = self;
        folder.write("runs.csv", &results.csv(&open.sweep))?;
        let plot = page::plot(&open.sweep, results, found, asked.problem, &made_from);
        let svg = plot.map(|plot| plot.svg()).transpose()?;
        if let Some(svg) = &svg {
            folder.write("objective-against-condition.svg", svg.as_bytes())?;
        }
        let page = page::text(open, found, asked, &made_from, svg.as_deref());
        match &arguments.html {
            None => folder.write("report.html", page.as_bytes())?,
            Some(file) => {
                single::write(file, &page, Comment::Xml, FileTerms { inputs: &inputs, force: arguments.force })?;
            }
        }
        let aim = if asked.problem.is_maximized { "maximize" } else { "minimize" };
        let conditions: Vec<&str> = asked.problem.conditions.iter().map(|condition| condition.text.as_str()).collect();
        let mut json = serde_json::to_value(&made_from)?;
        json[aim] = found.metric.clone().into();
        json["subject_to"] = conditions.into();
        json["budget"] = asked.budget.into();
        json["search_seed"] = asked.seed.into();
        json["found"] = serde_json::to_value(found)?;
        // As sweep.json has them, in the order of runs.csv.
        let mut ran: Vec<&Entrant> = found.all.iter().collect();
        ran.sort_by_key(|entrant| entrant.configuration);
        let entry = |entrant: &&Entrant| serde_json::json!({"label": entrant.label, "runs": entrant.seeds});
        json["configurations"] = ran.iter().map(entry).collect();
        folder.write("optimize.json", format!("{json:#}\n").as_bytes())?;
        folder.commit()?;
        Ok(path)
    }
}

fn bad(path: &Path, problem: &str) -> Failure {
    Failure::BadInput(anyhow::anyhow!("{}: {problem}", path.display()))
}

/// What the command line says, else what the file says.
fn wanted(arguments: &Arguments, open: &OpenSweep) -> Result<(String, bool, Vec<Condition>), Failure> {
    let of_file = open.sweep.objective.as_ref();
    let (metric, is_maximized) = match (&arguments.minimize, &arguments.maximize, of_file) {
        (Some(metric), _, _) => (read_metric(metric).map_err(|problem| bad(&arguments.space, &problem))?, false),
        (_, Some(metric), _) => (read_metric(metric).map_err(|problem| bad(&arguments.space, &problem))?, true),
        (_, _, Some(objective)) => (objective.metric.clone(), objective.is_maximized),
        _ => {
            let problem = "nothing to look for: give the file `optimize: {minimize: cost.total_usd, subjectTo: […]}`, or --minimize METRIC";
            return Err(bad(&arguments.space, problem));
        }
    };
    let mut conditions: Vec<Expectation> = Vec::new();
    for text in &arguments.subject_to {
        match Expectation::compile(&ExpectationSpec::Short(text.clone())) {
            Ok(condition) if matches!(condition.subject, Subject::Figure { .. }) => conditions.push(condition),
            Ok(_) => {
                return Err(bad(
                    &arguments.space,
                    &format!("--subject-to {text:?} is about a time series; a figure of summary.json is wanted"),
                ));
            }
            Err(misread) => {
                let hint = misread.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                return Err(bad(&arguments.space, &format!("--subject-to {text:?}: {}{hint}", misread.message)));
            }
        }
    }
    if arguments.subject_to.is_empty() {
        conditions = of_file.map(|objective| objective.conditions.clone()).unwrap_or_default();
    }
    Ok((metric, is_maximized, conditions.iter().filter_map(Condition::of).collect()))
}
