//! `windtunnel alerts`: which of one's Prometheus rules would have fired in a run, and when.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::changes::{self, Changes};
use super::exit_code::Failure;
use super::format::Format;
use super::progress::Progress;
use super::{Outcome, diagnostics, exposition};
use crate::monitoring::{self, Alerts, Notifications};
use crate::record::metrics::{Exporter, Watched};
use crate::record::writer::csv;
use crate::record::writer::single::{self, Comment, FileTerms};
use crate::report::table;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::{Alertmanager, Monitoring, RuleGroup, read_alertmanager, read_rules};
use crate::sim;
use crate::units::{SimDuration, SimTime, spoken};

/// Evaluate Prometheus rules on a run: which alerts fire, and when
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel alerts monitoring/rules/autoscaling.yaml scenarios/ai-model-training.yaml
  windtunnel alerts monitoring/rules/*.yaml scenarios/ai-model-training.yaml --out found --evaluation-interval 30s
  windtunnel alerts monitoring/rules/cost.yaml scenarios/ai-model-training.yaml --format json
  windtunnel alerts monitoring/rules/*.yaml scenarios/ai-model-training.yaml --alertmanager monitoring/alertmanager.yml
  windtunnel alerts --coverage monitoring/rules/*.yaml

Rules are files as Prometheus reads them (`groups:`) or PrometheusRule objects. Those of the scenario's own
`monitoring:` are evaluated too. The exit code is 0 whatever fires; to gate on alerts, expect them:
`alert(NAME) fires 0` under `expect:`.")]
pub struct Arguments {
    /// Rule files, then the scenario
    #[arg(required = true, value_name = "RULES… SCENARIO")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    changes: Changes,
    /// Seed of all random draws [default: the scenario's]
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for alerts.csv, every alert with its times; or that file, where the name ends in .csv
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace a file that stands there
    #[arg(long)]
    force: bool,
    /// Print, in place of running anything, a table (Markdown) of which alerts of the rule files can fire in a simulation and
    /// which can't for want of a metric; then no scenario is named
    #[arg(long, conflicts_with_all = ["Changes", "seed", "out", "alertmanager", "scrape_interval", "evaluation_interval"])]
    coverage: bool,
    /// How often metrics are scraped [default: the scenario's, or 15s]
    #[arg(long, value_name = "DURATION", value_parser = exposition::interval)]
    scrape_interval: Option<SimDuration>,
    /// How often groups are evaluated that state no interval [default: the scenario's, or 1m]
    #[arg(long, value_name = "DURATION", value_parser = exposition::interval)]
    evaluation_interval: Option<SimDuration>,
    /// Configuration of an Alertmanager, by whose grouping (of the root route) and inhibition rules notifications are counted
    #[arg(long, value_name = "FILE")]
    alertmanager: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

/// What can fire of these rule files.
fn coverage(files: &[PathBuf]) -> Outcome {
    let reported = |mistakes: Vec<Diagnostic>| {
        diagnostics::show(&mistakes);
        Failure::Reported
    };
    let (groups, mistakes): (Vec<_>, Vec<_>) = files.iter().map(|file| read_rules(file)).partition(Result::is_ok);
    let mistakes: Vec<Diagnostic> = mistakes.into_iter().filter_map(Result::err).flatten().collect();
    if !mistakes.is_empty() {
        return Err(reported(mistakes));
    }
    let groups: Vec<RuleGroup> = groups.into_iter().flatten().flatten().collect();
    let monitoring = Monitoring { groups: Arc::from(groups), ..Monitoring::default() };
    let covered = monitoring::coverage(&monitoring).map_err(reported)?;
    write!(io::stdout().lock(), "{}", monitoring::coverage_table(&covered))?;
    Ok(ExitCode::SUCCESS)
}

/// Alerts that are listed; alerts.csv has all.
const MOST_LISTED: usize = 40;

pub fn run(arguments: &Arguments) -> Outcome {
    let reported = |mistakes: Vec<Diagnostic>| {
        diagnostics::show(&mistakes);
        Failure::Reported
    };
    if arguments.coverage {
        return coverage(&arguments.files);
    }
    let overrides = arguments.changes.read()?;
    let [rule_files @ .., scenario_file] = &arguments.files[..] else { unreachable!("clap wants one at least") };
    let files = changes::open(scenario_file)?;
    let loaded = files.load(&overrides).map_err(reported)?;
    let mut scenario = loaded.scenario;
    let (groups, mistakes): (Vec<_>, Vec<_>) = rule_files.iter().map(|file| read_rules(file)).partition(Result::is_ok);
    let mistakes: Vec<Diagnostic> = mistakes.into_iter().filter_map(Result::err).flatten().collect();
    if !mistakes.is_empty() {
        return Err(reported(mistakes));
    }
    let mut monitoring = scenario.monitoring.take().unwrap_or_default();
    let given = groups.into_iter().flatten().flatten();
    let all: Vec<RuleGroup> = given.chain(monitoring.groups.iter().cloned()).collect();
    if all.is_empty() {
        let message = "there are no rules: name files of rules before the scenario, or give it a `monitoring:`";
        return Err(Failure::BadInput(anyhow::anyhow!(message)));
    }
    monitoring = Monitoring {
        groups: Arc::from(all),
        scrape_interval: arguments.scrape_interval.unwrap_or(monitoring.scrape_interval),
        evaluation_interval: arguments.evaluation_interval.unwrap_or(monitoring.evaluation_interval),
    };
    scenario.monitoring = Some(monitoring);
    if !arguments.quiet {
        diagnostics::show(&loaded.warnings);
    }
    diagnostics::of_rules(&scenario, arguments.quiet).map_err(reported)?;
    let alertmanager = arguments.alertmanager.as_deref().map(read_alertmanager).transpose().map_err(reported)?;
    let configuration: Vec<PathBuf> = arguments.alertmanager.iter().cloned().collect();
    let inputs = [files.inputs(), rule_files.to_vec(), configuration, arguments.changes.files().to_vec()].concat();
    let is_file = |out: &Path| out.extension().is_some_and(|extension| extension == "csv");
    let out = arguments.out.as_ref().map(|out| if is_file(out) { out.clone() } else { out.join("alerts.csv") });
    let is_ours = out.as_deref().is_some_and(begins_as_ours);
    let terms = FileTerms { inputs: &inputs, force: arguments.force || is_ours };
    if let Some(file) = &out {
        if let Some(folder) = file.parent().filter(|_| !arguments.out.as_deref().is_some_and(is_file)) {
            std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        }
        single::may_write(file, terms)?;
    }
    let seed = arguments.seed.unwrap_or(scenario.seed);
    let mut monitor = exposition::monitor(&scenario).expect("its rules were read");
    let interval = exposition::interval_of(&scenario, None);
    let exporter = Exporter::new(scenario.start_epoch_seconds, vec![&mut monitor]);
    let mut watched = Watched { inner: &mut (), exporter: Some((exporter, interval)) };
    let outcome = sim::run(&scenario, seed, &mut Progress::new(&mut watched, scenario.duration, arguments.quiet));
    drop(watched);
    let alerts = monitor.finish(outcome.simulated);
    let end = SimTime::ZERO + outcome.simulated;
    let sent = alertmanager.as_ref().map(|of| monitoring::notifications(&alerts.episodes, of, end));
    if let Some(file) = &out {
        let text = String::from_utf8(csv::alerts(&alerts.episodes, outcome.start_epoch_seconds))?;
        single::write(file, &text, Comment::None, terms)?;
    }
    diagnostics::show(&exposition::failures(&alerts));
    if !arguments.quiet {
        let mut stdout = io::stdout().lock();
        match arguments.format {
            Format::Table => {
                show(&alerts, &mut stdout)?;
                if let (Some(alertmanager), Some(sent)) = (&alertmanager, &sent) {
                    write!(stdout, "{}", told(alertmanager, sent))?;
                }
            }
            Format::Json => writeln!(stdout, "{:#}", json(&alerts, sent.as_ref()))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The file is a table of alerts, which bears no mark.
fn begins_as_ours(file: &Path) -> bool {
    let header = csv::alerts(&[], None);
    std::fs::read(file).is_ok_and(|text| text.starts_with(&header[..header.len().min(20)]))
}

/// A line a rule, and the alerts that fired.
fn show(alerts: &Alerts, out: &mut impl Write) -> io::Result<()> {
    let header = ["alert", "fired", "firing for", "first at", "flaps", "at once"].map(str::to_owned);
    let mut rules: Vec<_> = alerts.figures.iter().collect();
    rules.sort_by(|(a, x), (b, y)| (y.fired.cmp(&x.fired)).then(a.cmp(b)));
    let fired = rules.iter().filter(|(_, figures)| figures.fired > 0);
    let rows: Vec<Vec<String>> = fired
        .map(|(name, figures)| {
            vec![
                name.to_string(),
                figures.fired.to_string(),
                spoken(figures.firing_seconds),
                spoken(figures.first_seconds),
                figures.flaps.to_string(),
                figures.most_at_once.to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        writeln!(out, "{}", table::columns(&header, &rows, header.len()))?;
    }
    let quiet: Vec<&str> = rules.iter().filter(|(_, figures)| figures.fired == 0).map(|(name, _)| &***name).collect();
    match (rows.is_empty(), quiet.is_empty()) {
        (true, true) => writeln!(out, "the rules hold no alerts")?,
        (true, false) => writeln!(out, "none of {} alerts fired", quiet.len())?,
        (false, true) => {}
        (false, false) => writeln!(out, "{} alerts did not fire: {}\n", quiet.len(), quiet.join(", "))?,
    }
    let mut firing: Vec<_> = alerts.episodes.iter().filter(|episode| episode.firing.is_some()).collect();
    firing.sort_by_key(|episode| episode.firing);
    let at = |time: SimTime| spoken(time.since(SimTime::ZERO).as_secs_f64());
    for episode in firing.iter().take(MOST_LISTED) {
        let from = episode.firing.map(at).unwrap_or_default();
        let until = episode.resolved.map_or_else(|| "the end".to_owned(), at);
        writeln!(out, "{from} to {until}: {}{{{}}} {}", episode.alert, episode.labels, episode.summary)?;
    }
    if firing.len() > MOST_LISTED {
        writeln!(out, "… and {} more; --out DIR has all", firing.len() - MOST_LISTED)?;
    }
    Ok(())
}

/// "notifications  9, of 2 groups (by namespace): 4 resolved, …".
fn told(alertmanager: &Alertmanager, sent: &Notifications) -> String {
    let by = match &alertmanager.group_by {
        None => "each alert by itself".to_owned(),
        Some(labels) if labels.is_empty() => "all alerts together".to_owned(),
        Some(labels) => format!("by {}", labels.join(", ")),
    };
    let counted = |amount: u64, noun: &str| format!("{amount} {noun}{}", if amount == 1 { "" } else { "s" });
    let mut text = format!(
        "\nnotifications  {}, of {} ({by}): {} resolved, {} repeated; {} inhibited throughout\n",
        sent.sent,
        counted(sent.groups, "group"),
        sent.resolved,
        sent.repeated,
        counted(sent.inhibited, "alert")
    );
    if alertmanager.routes > 0 {
        text += &format!(
            "               the {} routes below the root are not followed: all is grouped and timed as the root says\n",
            alertmanager.routes
        );
    }
    text
}

fn json(alerts: &Alerts, sent: Option<&Notifications>) -> serde_json::Value {
    let seconds = |time: SimTime| time.since(SimTime::ZERO).as_secs_f64();
    let episodes = alerts.episodes.iter().map(|episode| {
        json!({
            "alert": &*episode.alert,
            "labels": episode.labels,
            "state": episode.state(),
            "pending": seconds(episode.pending),
            "firing": episode.firing.map(seconds),
            "resolved": episode.resolved.map(seconds),
            "value": episode.value,
            "summary": episode.summary,
        })
    });
    json!({
        "alerts": alerts.figures,
        "episodes": episodes.collect::<Vec<_>>(),
        "failures": alerts.failures,
        "notifications": sent.map(|sent| json!({
            "sent": sent.sent,
            "groups": sent.groups,
            "resolved": sent.resolved,
            "repeated": sent.repeated,
            "inhibited": sent.inhibited,
        })),
    })
}
