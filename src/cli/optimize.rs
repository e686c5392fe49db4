//! `windtunnel optimize`: the best setting of a space under conditions.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use clap::Args;
use rayon::prelude::*;

use super::changes::Changes;
use super::exit_code::Failure;
use super::format::Format;
use super::sweep::OpenSweep;
use super::{Outcome, diagnostics, progress};
use crate::check::{Expectation, Subject, Unit};
use crate::compare::read_metric;
use crate::optimize::{Condition, Entrant, Found, Problem, Trial, Tried, search};
use crate::record::{Summary, figures};
use crate::report::table::columns;
use crate::scenario::spec::ExpectationSpec;
use crate::sim;

/// Find the best setting of a space under conditions, with a part of the runs that trying all would take
#[derive(Args)]
#[command(
    after_help = "The space is a sweep file (`windtunnel sweep` of the same file tries all of it). What is wanted stands in its
`optimize:`, or is given here. See docs/optimize.md.

Examples:
  windtunnel optimize scenarios/sweeps/gpu-plan.yaml --budget 20
  windtunnel optimize plan.yaml --budget 200 --seed 7
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
    /// Threads [default: one a core]
    #[arg(long, value_name = "N")]
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
    let first = open.load(&sweep.configurations[sweep.baseline], &own).map_err(|mistakes| {
        diagnostics::show(&mistakes);
        Failure::Reported
    })?;
    let seeds = sweep.seeds_or(first.seed);
    let problem = Problem::of(sweep, &metric, is_maximized, conditions, seeds);
    let all = problem.labels.len() * problem.seeds.len();
    let of_file = sweep.objective.as_ref().and_then(|objective| objective.budget).map(|budget| budget as usize);
    let budget = arguments.budget.map(NonZeroUsize::get).or(of_file).unwrap_or((all / 10).max(LEAST_BUDGET));
    let threads = rayon::ThreadPoolBuilder::new().num_threads(arguments.jobs.map_or(0, NonZeroUsize::get)).build()?;
    let bar = progress::bar(budget.min(all) as u64, "runs", arguments.quiet);
    let invalid: Mutex<BTreeMap<usize, String>> = Mutex::default();
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
        let outcome = sim::run(&scenario, trial.seed, &mut ());
        let figures = figures(&Summary::of(&outcome));
        let value =
            |name: &str| figures.iter().find(|figure| figure.name == name).map_or(f64::NAN, |figure| figure.value);
        bar.inc(u64::from(trial.horizon == 1.0));
        Some(Tried {
            objective: value(&problem.metric),
            figures: problem.conditions.iter().map(|condition| value(&condition.metric)).collect(),
        })
    };
    // In the order of the trials, whatever the threads.
    let run = |trials: &[Trial]| threads.install(|| trials.par_iter().with_max_len(1).map(one).collect());
    let found = search(&problem, budget, arguments.seed, run);
    bar.finish_and_clear();
    if found.configurations_run == 0 {
        let told = invalid.into_inner().ok().and_then(|invalid| invalid.into_values().next()).unwrap_or_default();
        return Err(bad(&arguments.space, &format!("no configuration is a valid scenario: {told}")));
    }
    if !found.ranking.iter().any(|entrant| entrant.objective.is_some()) {
        return Err(bad(
            &arguments.space,
            &format!("no run has the metric {metric}: nothing in its scenario makes it"),
        ));
    }
    let mut out = io::stdout().lock();
    match arguments.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?,
        Format::Table if arguments.quiet => writeln!(out, "{}", found.answer)?,
        Format::Table => write!(out, "{}", text(&found))?,
    }
    Ok(ExitCode::SUCCESS)
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

/// The answer, the best and the front, what binds, and what it took.
fn text(found: &Found) -> String {
    let unit = Unit::of(&found.metric);
    let mut header = vec![String::new(), "configuration".to_owned(), found.metric.clone(), "seeds".to_owned()];
    let conditions = found.ranking.first().map(|entrant| &entrant.figures).into_iter().flatten();
    header.extend(conditions.map(|figure| figure.condition.clone()));
    let row = |mark: &str, entrant: &Entrant| {
        let objective = entrant.objective.map_or("null".to_owned(), |objective| unit.show(objective));
        let mut row = vec![mark.to_owned(), entrant.label.clone(), objective, entrant.seeds.to_string()];
        row.extend(entrant.figures.iter().map(|figure| {
            let value = figure.mean.map_or("null".to_owned(), |mean| Unit::of(&figure.condition).show(mean));
            let broken = if figure.holds { "" } else { " ✗" };
            match figure.holding_seeds {
                all if all == entrant.seeds || !figure.holds => format!("{value}{broken}"),
                some => format!("{value} (in {some} of {} seeds)", entrant.seeds),
            }
        }));
        row
    };
    let mut rows: Vec<Vec<String>> = found
        .ranking
        .iter()
        .enumerate()
        .map(|(rank, entrant)| row(if rank == 0 && entrant.holds { "best" } else { "" }, entrant))
        .collect();
    let is_told = |entrant: &Entrant| found.ranking.iter().any(|other| other.configuration == entrant.configuration);
    rows.extend(found.front.iter().filter(|entrant| !is_told(entrant)).take(5).map(|entrant| row("front", entrant)));
    let mut text = format!("{}\n\n{}", found.answer, columns(&header, &rows, 2));
    if let Some(runner_up) = &found.runner_up
        && let [Some(low), Some(high)] = runner_up.interval
    {
        text += &format!(
            "next less best: {} (95 % interval {} to {}, {} seeds, paired)\n",
            unit.show(runner_up.difference),
            unit.show(low),
            unit.show(high),
            runner_up.pairs
        );
    }
    if let Some(binding) = &found.binding {
        let at = binding
            .mean
            .map(|mean| format!(" (the best has {})", Unit::of(&binding.condition).show(mean)))
            .unwrap_or_default();
        let without = binding.without.as_ref().and_then(|entrant| {
            let objective = unit.show(entrant.objective?);
            Some(format!("; without it {} would do: {objective}", entrant.label))
        });
        text += &format!("what binds: {}{at}{}\n", binding.condition, without.unwrap_or_default());
    }
    let how = if found.is_exhaustive { "all of" } else { "of" };
    text += &format!(
        "{} runs (worth {:.0} whole ones); {} {how} {} configurations; all would take {} runs\n",
        found.runs, found.runs_equivalent, found.configurations_run, found.configurations, found.runs_of_all
    );
    if found.invalid > 0 {
        text += &format!("{} configurations are no valid scenarios and were passed over\n", found.invalid);
    }
    text
}
