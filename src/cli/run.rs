//! `windtunnel run`: one simulation, its files, and a short table.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use super::changes::{self, Changes};
use super::exit_code::{self, Failure};
use super::format::Format;
use super::progress::Progress;
use super::{Outcome, check, cpu_time, diagnostics, exposition, memory};
use crate::check::{Expectation, Run, SeedVerdict, Suite, Tally, Verdict};
use crate::monitoring;
use crate::record::metrics::openmetrics::Tape;
use crate::record::metrics::remote_write::RemoteWrite;
use crate::record::metrics::{Exporter, Sink, Watched};
use crate::record::writer::single::{self, Comment, FileTerms};
use crate::record::writer::{OutputFolder, Terms, csv, json, tidy};
use crate::record::{Provenance, Recorder, Summary, figures};
use crate::report::plot::{self, Figure};
use crate::report::{html, table};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::{Loaded, Scenario};
use crate::sim;
use crate::units::SimDuration;

/// Simulate a scenario and write its cost and utilization
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel run scenarios/ai-model-training.yaml
  windtunnel run scenarios/ai-model-training.yaml --seed 7 --out results/seven
  windtunnel run scenarios/ai-model-training.yaml --set nodeGroups.general.maxSize=5 --out small
  windtunnel run - < scenarios/hpa/flapping.yaml")]
pub struct Arguments {
    /// Scenario file; `-` is standard input
    scenario: PathBuf,
    /// Folder for the results [default: results/NAME of the scenario]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed of all random draws [default: the scenario's]
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    changes: Changes,
    /// Write plots as PNG too
    #[arg(long, conflicts_with = "no_plots")]
    png: bool,
    /// Write no plots, and a report only where --html names its file
    #[arg(long)]
    no_plots: bool,
    /// File of the report, one page that opens without a network [default: report.html in the folder of the results]
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write timeseries_tidy.csv too: a row for each figure of an instant
    #[arg(long)]
    tidy: bool,
    /// File of the run's metrics as a live cluster exports them, OpenMetrics text; compressed where it ends in .gz
    #[arg(long, value_name = "FILE")]
    openmetrics: Option<PathBuf>,
    /// Server that takes the run's metrics by remote write, such as http://localhost:9090/api/v1/write
    #[arg(long, value_name = "URL")]
    remote_write: Option<String>,
    /// How often metrics are scraped [default: 15s]
    #[arg(long, value_name = "DURATION", value_parser = exposition::interval)]
    scrape_interval: Option<SimDuration>,
    /// Replace results in the folder that were made from something else (another scenario, setting, seed or version)
    #[arg(long)]
    force: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Record in decisions.csv why controllers did not act, too
    #[arg(long)]
    verbose_decisions: bool,
    /// Print no table, no warnings and no progress
    #[arg(long, short)]
    quiet: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let overrides = arguments.changes.read()?;
    let reported = |mistakes: Vec<Diagnostic>| {
        diagnostics::show(&mistakes);
        Failure::Reported
    };
    let files = changes::open(&arguments.scenario)?;
    let Loaded { scenario, warnings } = files.load(&overrides).map_err(reported)?;
    if !arguments.quiet {
        diagnostics::show(&warnings);
    }
    diagnostics::of_rules(&scenario, arguments.quiet).map_err(reported)?;
    let expectations = own_expectations(&scenario).map_err(reported)?;
    let seed = arguments.seed.unwrap_or(scenario.seed);
    let provenance = Provenance {
        scenario: scenario.name.clone(),
        scenario_hash: Some(files.hash()),
        set: arguments.changes.sets().to_vec(),
        values: arguments.changes.files().iter().map(|file| file.display().to_string()).collect(),
        seed,
        ..Provenance::here()
    };
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("results").join(&scenario.name));
    let inputs = [files.inputs(), arguments.changes.files().to_vec()].concat();
    let outputs = outputs(arguments);
    let terms = Terms { inputs: &inputs, outputs: &outputs, force: arguments.force };
    let file_terms = FileTerms { inputs: &inputs, force: arguments.force };
    if let Some(file) = &arguments.html {
        single::may_write(file, file_terms)?;
    }
    if let Some(file) = &arguments.openmetrics {
        exposition::may_write(file, file_terms)?;
    }
    let remote = arguments.remote_write.as_deref();
    let mut remote = remote.map(|url| RemoteWrite::new(url, scenario.start_epoch_seconds)).transpose()?;
    let folder = OutputFolder::prepare(&out, &provenance, terms)?;

    let mut recorder = Recorder::new(&scenario, arguments.verbose_decisions);
    let (started, cpu_before) = (Instant::now(), cpu_time::seconds());
    let mut tape = Tape::default();
    let mut monitor = exposition::monitor(&scenario);
    let mut sinks: Vec<&mut dyn Sink> = Vec::new();
    if arguments.openmetrics.is_some() {
        sinks.push(&mut tape);
    }
    if let Some(remote) = &mut remote {
        sinks.push(remote);
    }
    if let Some(monitor) = &mut monitor {
        sinks.push(monitor);
    }
    if sinks.is_empty() && arguments.scrape_interval.is_some() {
        let message = "--scrape-interval says how often metrics are scraped, and nothing asks for any: give --openmetrics or --remote-write";
        return Err(Failure::BadInput(anyhow::anyhow!(message)));
    }
    let interval = exposition::interval_of(&scenario, arguments.scrape_interval);
    if let Some(warning) =
        monitoring::too_seldom(interval).filter(|_| arguments.scrape_interval.is_some() && !arguments.quiet)
    {
        diagnostics::show(&[warning]);
    }
    let exporter = (!sinks.is_empty()).then(|| (Exporter::new(scenario.start_epoch_seconds, sinks), interval));
    let mut watched = Watched { inner: &mut recorder, exporter };
    let outcome = sim::run(&scenario, seed, &mut Progress::new(&mut watched, scenario.duration, arguments.quiet));
    drop(watched);
    if let Some(remote) = remote {
        remote.finish()?;
    }
    let alerts = monitor.map(|monitor| monitor.finish(outcome.simulated)).unwrap_or_default();
    if let Some(file) = &arguments.openmetrics {
        exposition::write(file, &mut tape, scenario.start_epoch_seconds, file_terms)?;
    }
    let wall_seconds = started.elapsed().as_secs_f64();
    let cpu_seconds = cpu_time::seconds().zip(cpu_before).map(|(after, before)| cpu_time::between(before, after));
    if let Some(stopped) = &outcome.stopped {
        return Err(stopped.clone().into());
    }

    let summary = Summary { provenance: provenance.clone(), ..alerts.summary(&outcome) };
    folder.write_parts("timeseries.csv", csv::timeseries_parts(&recorder))?;
    if arguments.tidy {
        folder.write("timeseries_tidy.csv", &tidy::tidy(&csv::timeseries(&recorder)))?;
    }
    folder.write("decisions.csv", &csv::decisions(&recorder))?;
    folder.write("pods.csv", &csv::pods(&outcome))?;
    folder.write("nodes.csv", &csv::nodes(&outcome))?;
    if !outcome.training.is_empty() {
        folder.write("jobs.csv", &csv::jobs(&outcome))?;
        folder.write("attempts.csv", &csv::attempts(&outcome))?;
    }
    if !alerts.figures.is_empty() {
        folder.write("alerts.csv", &csv::alerts(&alerts.episodes, outcome.start_epoch_seconds))?;
    }
    diagnostics::show(&exposition::failures(&alerts));
    let judged_figures = if expectations.is_empty() { Vec::new() } else { figures(&summary) };
    let held = Run {
        summary: &summary,
        figures: &judged_figures,
        record: &recorder,
        outcome: &outcome,
        alerts: &alerts.episodes,
    };
    let suite = judge(&expectations, &held);
    let run = plot::Run {
        scenario: &scenario,
        record: &recorder,
        outcome: &outcome,
        provenance: &provenance,
        alerts: &alerts.episodes,
    };
    let wants_figures = !arguments.no_plots || arguments.html.is_some();
    let figures = if wants_figures { plot::figures(&run) } else { Vec::new() };
    write_plots(&folder, &figures, arguments)?;
    let page = wants_figures.then(|| {
        let judged = suite.tallies.iter().map(judged).collect::<Vec<_>>();
        let warnings: Vec<String> = warnings.iter().map(|warning| warning.message.clone()).collect();
        let scenario = Some(files.text());
        html::page(&html::Page {
            run,
            summary: &summary,
            figures: &figures,
            expectations: &judged,
            warnings: &warnings,
            scenario,
        })
    });
    match (&page, &arguments.html) {
        (Some(page), None) => folder.write("report.html", page.as_bytes())?,
        (Some(page), Some(file)) => single::write(file, page, Comment::Xml, file_terms)?,
        (None, _) => {}
    }
    let peak_memory_bytes = memory::peak_bytes();
    let report = json::EngineReport {
        provenance: provenance.clone(),
        figures: outcome.figures,
        wall_seconds,
        cpu_seconds,
        peak_memory_bytes,
    };
    folder.write("engine.json", &json::engine(&report))?;
    folder.write("summary.json", &json::summary(&summary))?;
    folder.commit()?;

    if !arguments.quiet {
        let mut stdout = io::stdout().lock();
        match arguments.format {
            Format::Table => {
                write!(stdout, "{}", table::summary(&summary))?;
                check::show(&suite, false, &mut stdout)?;
                writeln!(stdout, "results in {}", out.display())?;
            }
            Format::Json => stdout.write_all(&json::summary(&summary))?,
        }
    } else if suite.failed() > 0 {
        check::show(&suite, true, &mut io::stderr().lock())?;
    }
    Ok(if suite.failed() == 0 { ExitCode::SUCCESS } else { exit_code::EXPECTATION_FAILED.into() })
}

/// A line of the page.
fn judged(tally: &Tally) -> html::Judged {
    let decision = tally.decision.as_deref().map(|decision| format!("; decision: {decision}")).unwrap_or_default();
    html::Judged { name: tally.name.clone(), holds: tally.passed, detail: tally.detail.clone() + &decision }
}

/// What the scenario expects of itself as it is; its tests are `check`'s.
fn own_expectations(scenario: &Scenario) -> Result<Vec<Expectation>, Vec<Diagnostic>> {
    let own = crate::check::plans(scenario)?.into_iter().find(|plan| plan.test.is_none());
    // What only a baseline bounds has none here.
    Ok(own.map_or_else(Vec::new, |plan| plan.expectations.into_iter().filter(|e| !e.bounds.is_empty()).collect()))
}

fn judge(expectations: &[Expectation], run: &Run<'_>) -> Suite {
    let seed = run.outcome.seed;
    let verdicts = crate::check::judge(expectations, run);
    let tally =
        |(expectation, verdict): (&Expectation, Verdict)| Tally::of(expectation, &[SeedVerdict { seed, verdict }]);
    Suite {
        name: "expectations".to_owned(),
        seeds: vec![seed],
        simulated_seconds: run.outcome.simulated.as_secs_f64(),
        tallies: expectations.iter().zip(verdicts).map(tally).collect(),
    }
}

/// Every file that the run may write.
fn outputs(arguments: &Arguments) -> Vec<String> {
    let tables = ["timeseries.csv", "decisions.csv", "pods.csv", "nodes.csv", "jobs.csv", "attempts.csv", "alerts.csv"];
    let always = tables.into_iter().chain(["engine.json", "summary.json"]).map(str::to_owned);
    let pictures = |extension: &'static str, wanted: bool| {
        plot::PLOTS.iter().filter(move |_| wanted).map(move |plot| format!("{}.{extension}", plot.name))
    };
    let svgs = pictures("svg", !arguments.no_plots);
    let page = (!arguments.no_plots && arguments.html.is_none()).then(|| "report.html".to_owned());
    let tidy = arguments.tidy.then(|| "timeseries_tidy.csv".to_owned());
    always.chain(tidy).chain(page).chain(svgs).chain(pictures("png", arguments.png)).collect()
}

fn write_plots(
    folder: &OutputFolder,
    figures: &[(&'static str, Figure)],
    arguments: &Arguments,
) -> Result<(), Failure> {
    for (name, figure) in figures.iter().filter(|_| !arguments.no_plots) {
        folder.write(&format!("{name}.svg"), figure.svg()?.as_bytes())?;
        if arguments.png {
            folder.write(&format!("{name}.png"), &figure.png()?)?;
        }
    }
    Ok(())
}
