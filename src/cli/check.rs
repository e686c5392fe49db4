//! `windtunnel check`: runs scenarios and judges what they expect of themselves.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use rayon::prelude::*;

use super::changes::{self, Changes, threads};
use super::exit_code::{self, Failure};
use super::format::Format;
use super::{Outcome, diagnostics, outputs, progress};
use crate::check::{
    self, Baseline, BaselineSuite, Expectation, Plan, Run, SeedVerdict, Suite, Tally, Verdict, junit, markdown,
};
use crate::monitoring;
use crate::record::writer::single::{self, Comment, FileTerms};
use crate::record::{Figure, Recorder, RuleFailure, VERSION, figures};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::{Override, Scenario, ScenarioFiles, names_results};
use crate::sim::Stopped;

/// Run scenarios and judge their expectations (exit code 1 when one fails)
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel check scenarios/ai-model-training.yaml
  windtunnel check scenarios/ai-model-training.yaml --junit junit.xml --markdown c.md
  windtunnel check gate.yaml --seeds 5 --save-baseline main
  windtunnel check gate.yaml --seeds 5 --baseline main")]
pub struct Arguments {
    /// Scenario files; `-` is standard input
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    changes: Changes,
    /// Run under this many seeds, from --seed up
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    seeds: Option<u32>,
    /// First seed [default: the scenario's]
    #[arg(long)]
    seed: Option<u64>,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = threads)]
    jobs: Option<NonZeroUsize>,
    /// Keep the figures under this name
    #[arg(long, value_name = "NAME", conflicts_with = "baseline")]
    save_baseline: Option<String>,
    /// Judge `within` against the figures kept under this name
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Folder of baselines
    #[arg(long, value_name = "DIR", default_value = "baselines")]
    baseline_dir: PathBuf,
    /// Replace files that windtunnel did not write
    #[arg(long)]
    force: bool,
    /// Fail too where a comparison with the baseline can't be settled with these seeds
    #[arg(long)]
    strict: bool,
    /// Write the results as JUnit XML (`time`: simulated seconds)
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the results as Markdown for a pull-request comment
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Print GitHub annotations for what fails
    #[arg(long)]
    github: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print nothing but failures
    #[arg(long, short)]
    quiet: bool,
}

/// A scenario under one plan, ready to run.
struct Prepared {
    name: String,
    scenario: Scenario,
    plan: Plan,
    seeds: Vec<u64>,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let overrides = arguments.changes.read()?;
    changes::at_most_one_from_stdin(&arguments.scenarios)?;
    let mut prepared = Vec::new();
    let mut inputs = Vec::new();
    for path in &arguments.scenarios {
        inputs.push(prepare(path, &overrides, arguments, &mut prepared)?);
    }
    let baseline = arguments.baseline.as_deref().map(|name| read_baseline(arguments, name)).transpose()?;
    let inputs: Vec<PathBuf> = inputs.into_iter().flatten().chain(arguments.changes.files().to_vec()).collect();
    let writes = Outputs { arguments, inputs: &inputs };
    outputs::none_twice([arguments.junit.as_deref(), arguments.markdown.as_deref()])?;
    writes.may_write()?;
    if let Some(problem) = baseline_problem(arguments, baseline.as_ref(), &prepared) {
        return Err(Failure::BadInput(anyhow::anyhow!(problem)));
    }
    let ran = run_all(&prepared, arguments)?;
    diagnostics::show(&failures_of(&ran));
    if let Some(name) = &arguments.save_baseline {
        let text = serde_json::to_string_pretty(&baseline_of(&prepared, &ran))?;
        let folder = &arguments.baseline_dir;
        std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        writes.write(&baseline_file(arguments, name)?, &format!("{text}\n"), Comment::None)?;
    }
    let suites: Vec<Suite> =
        prepared.iter().zip(&ran).map(|(prepared, runs)| suite(prepared, runs, baseline.as_ref(), arguments)).collect();
    if let Some(path) = &arguments.junit {
        writes.write(path, &junit::xml(&suites)?, Comment::Xml)?;
    }
    if let Some(path) = &arguments.markdown {
        writes.write(path, &markdown::text(&suites), Comment::Markdown)?;
    }
    print(&suites, arguments)?;
    let failed: usize = suites.iter().map(Suite::failed).sum();
    Ok(if failed == 0 { ExitCode::SUCCESS } else { exit_code::EXPECTATION_FAILED.into() })
}

/// Rules that failed, each told once, however quiet the command is.
fn failures_of(ran: &[Judged]) -> Vec<Diagnostic> {
    let mut told: Vec<String> = Vec::new();
    for failure in ran.iter().flat_map(|judged| &judged.failures) {
        let text = failure.to_string();
        if !told.contains(&text) {
            told.push(text);
        }
    }
    told.into_iter().map(Diagnostic::note).collect()
}

fn prepare(
    path: &Path,
    overrides: &[Override],
    arguments: &Arguments,
    prepared: &mut Vec<Prepared>,
) -> Result<Vec<PathBuf>, Failure> {
    let reported = |mistakes: Vec<_>| {
        diagnostics::show(&mistakes);
        Failure::Reported
    };
    let files = changes::open(path)?;
    let loaded = files.load(overrides).map_err(reported)?;
    if !arguments.quiet {
        diagnostics::show(&loaded.warnings);
    }
    diagnostics::of_rules(&loaded.scenario, arguments.quiet).map_err(reported)?;
    let plans = check::plans(&loaded.scenario).map_err(reported)?;
    if plans.is_empty() {
        let problem = format!("{}: nothing to check: the scenario has no `expect:` and no `tests:`", path.display());
        return Err(Failure::BadInput(anyhow::anyhow!(problem)));
    }
    // Every test is read before any mistake is told: all at once.
    let scenarios: Vec<Result<Scenario, Vec<Diagnostic>>> =
        plans.iter().map(|plan| scenario_of(plan, &files, &loaded.scenario, overrides)).collect();
    let mistakes: Vec<Diagnostic> =
        scenarios.iter().filter_map(|read| read.as_ref().err()).flatten().cloned().collect();
    if !mistakes.is_empty() {
        return Err(reported(mistakes));
    }
    for (plan, scenario) in plans.into_iter().zip(scenarios.into_iter().flatten()) {
        let first = arguments.seed.unwrap_or(scenario.seed);
        let count = arguments.seeds.or(plan.seeds).unwrap_or(1);
        let seeds = (0..u64::from(count)).map(|index| first.wrapping_add(index)).collect();
        let name = match &plan.test {
            Some(test) => format!("{} / {test}", scenario.name),
            None => scenario.name.clone(),
        };
        prepared.push(Prepared { name, scenario, plan, seeds });
    }
    Ok(files.inputs())
}

/// The scenario as a plan has it: as it is, or with a test's settings. What is wrong with these is told where they stand.
///
/// # Errors
/// Every mistake of the test's settings.
pub fn scenario_of(
    plan: &Plan,
    files: &ScenarioFiles,
    as_it_is: &Scenario,
    overrides: &[Override],
) -> Result<Scenario, Vec<Diagnostic>> {
    if plan.overrides.is_empty() {
        return Ok(as_it_is.clone());
    }
    let located = |mistakes: Vec<Diagnostic>| {
        let place = plan.place.as_ref();
        mistakes
            .into_iter()
            .map(|mistake| diagnostics::located(mistake, &plan.overrides, |_| place))
            .collect::<Vec<_>>()
    };
    let mut all = overrides.to_vec();
    for text in &plan.overrides {
        all.push(Override::parse(text).map_err(located)?);
    }
    Ok(files.load(&all).map_err(located)?.scenario)
}

/// The files that were asked for: none takes the place of an input, or of a file that we did not write.
struct Outputs<'a> {
    arguments: &'a Arguments,
    inputs: &'a [PathBuf],
}

impl Outputs<'_> {
    /// To be asked before anything runs.
    fn may_write(&self) -> Result<(), Failure> {
        let baseline = self.arguments.save_baseline.as_deref().map(|name| baseline_file(self.arguments, name));
        let baseline = baseline.transpose()?;
        for path in [&self.arguments.junit, &self.arguments.markdown, &baseline].into_iter().flatten() {
            single::may_write(path, self.terms(path))?;
        }
        Ok(())
    }

    fn write(&self, path: &Path, text: &str, comment: Comment) -> Result<(), Failure> {
        Ok(single::write(path, text, comment, self.terms(path))?)
    }

    /// A baseline bears no mark, but is known by its form.
    fn terms(&self, path: &Path) -> FileTerms<'_> {
        let is_baseline = || {
            let text = std::fs::read_to_string(path).ok()?;
            serde_json::from_str::<Baseline>(&text).ok()
        };
        FileTerms { inputs: self.inputs, force: self.arguments.force || is_baseline().is_some() }
    }
}

/// What the runs of a plan left, seed by seed.
#[derive(Default)]
struct Judged {
    verdicts: Vec<(u64, Vec<Verdict>)>,
    figures: Vec<(u64, Vec<Figure>)>,
    /// Rules that failed under the first seed where some did.
    failures: Vec<RuleFailure>,
}

/// One run: what was judged, what it was judged by, and rules that failed.
type JudgedRun = (Vec<Verdict>, Vec<Figure>, Vec<RuleFailure>);

/// Every plan under its seeds, in parallel; the results do not depend on the number of threads.
fn run_all(prepared: &[Prepared], arguments: &Arguments) -> Result<Vec<Judged>, Failure> {
    let runs: Vec<(usize, u64)> = prepared
        .iter()
        .enumerate()
        .flat_map(|(index, prepared)| prepared.seeds.iter().map(move |seed| (index, *seed)))
        .collect();
    let bar = progress::bar(runs.len() as u64, "runs", arguments.quiet);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(arguments.jobs.map_or(0, NonZeroUsize::get)).build()?;
    let judged: Result<Vec<(usize, u64, JudgedRun)>, Stopped> = threads.install(|| {
        let one = |(index, seed): (usize, u64)| {
            let Prepared { scenario, plan, .. } = &prepared[index];
            let judged = judge_one(scenario, &plan.expectations, seed)?;
            bar.inc(1);
            Ok((index, seed, judged))
        };
        runs.into_par_iter().with_max_len(1).map(one).collect()
    });
    bar.finish_and_clear();
    let mut by_plan: Vec<Judged> = prepared.iter().map(|_| Judged::default()).collect();
    for (index, seed, (verdicts, figures, failures)) in judged? {
        let judged = &mut by_plan[index];
        judged.verdicts.push((seed, verdicts));
        judged.figures.push((seed, figures));
        if judged.failures.is_empty() {
            judged.failures = failures;
        }
    }
    Ok(by_plan)
}

fn judge_one(scenario: &Scenario, expectations: &[Expectation], seed: u64) -> Result<JudgedRun, Stopped> {
    let mut record = Recorder::new(scenario, false);
    let (outcome, alerts) = monitoring::simulate(scenario, seed, &mut record);
    if let Some(stopped) = &outcome.stopped {
        return Err(stopped.clone());
    }
    let summary = alerts.summary(&outcome);
    let figures = figures(&summary);
    let run = Run { summary: &summary, figures: &figures, record: &record, outcome: &outcome };
    let verdicts = check::judge(expectations, &run);
    Ok((verdicts, figures, summary.rule_failures))
}

fn suite(prepared: &Prepared, runs: &Judged, baseline: Option<&Baseline>, arguments: &Arguments) -> Suite {
    let of_baseline = baseline.and_then(|baseline| baseline.suites.get(&prepared.name));
    let mut tallies = Vec::new();
    for (index, expectation) in prepared.plan.expectations.iter().enumerate() {
        if !expectation.bounds.is_empty() {
            let verdict =
                |(seed, verdicts): &(u64, Vec<Verdict>)| SeedVerdict { seed: *seed, verdict: verdicts[index].clone() };
            tallies.push(Tally::of(expectation, &runs.verdicts.iter().map(verdict).collect::<Vec<_>>()));
        }
        if let Some(of_baseline) = of_baseline
            && let Some(mut tally) = check::judge_baseline(expectation, &runs.figures, of_baseline)
        {
            tally.passed &= !(arguments.strict && tally.is_unsettled);
            tallies.push(tally);
        }
    }
    let simulated_seconds = prepared.scenario.duration.as_secs_f64() * prepared.seeds.len() as f64;
    Suite { name: prepared.name.clone(), seeds: prepared.seeds.clone(), simulated_seconds, tallies }
}

fn baseline_file(arguments: &Arguments, name: &str) -> Result<PathBuf, Failure> {
    if !names_results(name) {
        let problem = format!("{name:?} can't name a baseline; use letters, digits, dots, dashes and underscores");
        return Err(Failure::BadInput(anyhow::anyhow!(problem)));
    }
    Ok(arguments.baseline_dir.join(format!("{name}.json")))
}

fn read_baseline(arguments: &Arguments, name: &str) -> Result<Baseline, Failure> {
    let path = baseline_file(arguments, name)?;
    let hint = || format!("can't read the baseline {}; make it with `--save-baseline {name}`", path.display());
    let text = std::fs::read_to_string(&path).with_context(hint)?;
    let baseline = Baseline::read(&text)
        .map_err(|problem| Failure::BadInput(anyhow::anyhow!("{} is no baseline: {problem}", path.display())))?;
    if baseline.windtunnel_version != VERSION && !arguments.quiet {
        let told = format!(
            "the baseline {name} was saved by windtunnel {}, and this is {VERSION}: what differs may be the program's doing",
            baseline.windtunnel_version
        );
        diagnostics::show(&[Diagnostic::note(told)]);
    }
    Ok(baseline)
}

/// Expectations without a baseline to hold them against, and a baseline that nobody asks for, would pass in silence.
fn baseline_problem(arguments: &Arguments, baseline: Option<&Baseline>, prepared: &[Prepared]) -> Option<String> {
    let names: Vec<&str> = prepared.iter().map(|prepared| prepared.name.as_str()).collect();
    let is_twice = |name: &&&str| names.iter().filter(|other| other == name).count() > 1;
    let uses_one = arguments.save_baseline.is_some() || baseline.is_some();
    if let Some(name) = names.iter().find(is_twice).filter(|_| uses_one) {
        return Some(format!("two scenarios are called {name}, and a baseline keeps figures by that name; rename one"));
    }
    if arguments.save_baseline.is_some() {
        return None;
    }
    let asks = |prepared: &Prepared| prepared.plan.expectations.iter().any(|e| e.of_baseline.is_some());
    match baseline {
        None => {
            let asking = prepared.iter().find(|prepared| asks(prepared))?;
            Some(format!("{}: `within` without `equals` needs a baseline: give --baseline NAME", asking.name))
        }
        Some(_) if !prepared.iter().any(asks) => {
            Some("nothing uses the baseline: give an expectation `within: 5%` without `equals`".to_owned())
        }
        Some(baseline) => {
            let missing = prepared.iter().find(|p| asks(p) && !baseline.suites.contains_key(&p.name))?;
            Some(format!("the baseline has no figures of {}; save it anew", missing.name))
        }
    }
}

fn baseline_of(prepared: &[Prepared], ran: &[Judged]) -> Baseline {
    let suite = |(prepared, runs): (&Prepared, &Judged)| (prepared.name.clone(), BaselineSuite::of(&runs.figures));
    Baseline { windtunnel_version: VERSION.to_owned(), suites: prepared.iter().zip(ran).map(suite).collect() }
}

fn print(suites: &[Suite], arguments: &Arguments) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if arguments.format == Format::Json {
        writeln!(out, "{:#}", json(suites))?;
    } else {
        for suite in suites {
            show(suite, arguments.quiet, &mut out)?;
        }
    }
    if arguments.github {
        for tally in suites.iter().flat_map(|suite| &suite.tallies).filter(|tally| !tally.passed) {
            let decision =
                tally.decision.as_deref().map(|decision| format!("; decision: {decision}")).unwrap_or_default();
            let message = escaped(&format!("{}: {}{decision}", tally.name, tally.detail), false);
            writeln!(out, "::error file={},line={}::{message}", escaped(&tally.file, true), tally.line.max(1))?;
        }
    }
    Ok(())
}

/// A line an expectation: `✓ cost.total_usd < 20   3.59 USD`.
pub fn show(suite: &Suite, only_failures: bool, out: &mut impl Write) -> io::Result<()> {
    let shown: Vec<&Tally> = suite.tallies.iter().filter(|tally| !(only_failures && tally.passed)).collect();
    if shown.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", suite.name)?;
    let width = shown.iter().map(|tally| tally.name.chars().count()).max().unwrap_or(0);
    for tally in shown {
        let mark = match (tally.passed, tally.is_unsettled) {
            (true, false) => '✓',
            (true, true) => '?',
            (false, _) => '✗',
        };
        writeln!(out, "  {mark} {:width$}   {}", tally.name, tally.detail)?;
        if let Some(decision) = &tally.decision {
            writeln!(out, "    decision: {decision}")?;
        }
    }
    Ok(())
}

fn json(suites: &[Suite]) -> serde_json::Value {
    let tally = |tally: &Tally| {
        serde_json::json!({
            "name": tally.name,
            "passed": tally.passed,
            "settled": !tally.is_unsettled,
            "detail": tally.detail,
            "decision": tally.decision,
            "holding": tally.needed.holding,
            "asked": tally.needed.asked,
            "seeds": tally.needed.of,
            "file": tally.file,
            "line": tally.line,
        })
    };
    let suite = |suite: &Suite| {
        let expectations: Vec<_> = suite.tallies.iter().map(tally).collect();
        serde_json::json!({"name": suite.name, "seeds": suite.seeds, "expectations": expectations})
    };
    let failed: usize = suites.iter().map(Suite::failed).sum();
    serde_json::json!({"passed": failed == 0, "suites": suites.iter().map(suite).collect::<Vec<_>>()})
}

/// GitHub's escapes of a workflow command's text or property.
fn escaped(text: &str, is_property: bool) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    if is_property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
}
