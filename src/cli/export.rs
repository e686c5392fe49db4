//! `windtunnel export`: results of a run in the form of other tools.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::Outcome;
use crate::record::writer::perfetto::{self, Counter, Decided, Nanos, NodeSpan, PodSpan, Trace};
use crate::record::writer::single::{self, FileTerms};
use crate::units::{SimDuration, SimTime};

/// Write the results of a run in the form of another tool
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel export perfetto results/ai-model-training -o run.json.gz
  windtunnel export perfetto results/ai-model-training --from 6h --to 8h -o morning.json")]
pub struct Arguments {
    #[command(subcommand)]
    form: Form,
}

#[derive(Subcommand)]
enum Form {
    Perfetto(Perfetto),
}

/// Nodes as tracks, pods as slices, decisions as instants, and counters: a file for Perfetto's UI
#[derive(Args)]
#[command(after_help = "Open it at ui.perfetto.dev or in chrome://tracing.")]
struct Perfetto {
    /// Folder of the results
    results: PathBuf,
    /// The file to write; compressed where it ends in .gz
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Leave out what ended before this time of the run
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    from: SimDuration,
    /// Leave out what began after this time of the run
    #[arg(long, value_name = "DURATION")]
    to: Option<SimDuration>,
    /// Replace the file where there is one
    #[arg(long)]
    force: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let Form::Perfetto(perfetto) = &arguments.form;
    perfetto.run()
}

/// What browsers open without trouble.
const MANY_EVENTS: usize = 2_000_000;

impl Perfetto {
    fn run(&self) -> Outcome {
        let tables = ["nodes.csv", "pods.csv", "decisions.csv", "timeseries.csv"];
        let inputs: Vec<PathBuf> =
            tables.iter().chain(&["summary.json"]).map(|table| self.results.join(table)).collect();
        // JSON bears no mark that says who wrote it.
        let terms = FileTerms { inputs: &inputs, force: self.force };
        single::may_write(&self.output, terms)?;
        let trace = self.trace()?;
        let is_packed = self.output.extension().is_some_and(|extension| extension == "gz");
        single::stream(&self.output, terms, |out| {
            let mut out = BufWriter::with_capacity(1 << 20, out);
            if is_packed {
                let mut packed = GzEncoder::new(&mut out, Compression::fast());
                perfetto::write(&trace, &mut packed)?;
                packed.finish()?;
            } else {
                perfetto::write(&trace, &mut out)?;
            }
            out.flush()
        })?;
        let points: usize = trace.counters.iter().map(|counter| counter.points.len()).sum();
        let (nodes, pods, decisions) = (trace.nodes.len(), trace.pods.len(), trace.decisions.len());
        if 2 * (nodes + pods) + decisions + points > MANY_EVENTS {
            writeln!(io::stderr(), "note: a browser may not open so much; cut it by --from and --to")?;
        }
        writeln!(io::stdout(), "{}: {nodes} nodes, {pods} pods, {decisions} decisions", self.output.display())?;
        Ok(ExitCode::SUCCESS)
    }

    fn trace(&self) -> anyhow::Result<Trace> {
        let end = self.end()?;
        let span = (self.from.nanos(), self.to.map_or(end, |to| to.nanos().min(end)));
        anyhow::ensure!(
            span.0 < span.1,
            "--from {} is not before the end at {}",
            self.from,
            SimTime::from_nanos(span.1)
        );
        let mut trace = Trace::default();
        let mut known: HashMap<String, usize> = HashMap::new();
        let is_shown = |from: Nanos, to: Nanos| from <= span.1 && to >= span.0;
        self.rows("nodes.csv", |row| {
            let requested = row.time("requested_time")?.or(row.time("created_time")?).unwrap_or(0);
            let end = row.time("removed_time")?.or(row.time("deleted_time")?).unwrap_or(end);
            if is_shown(requested, end) {
                let name = row.text("node").to_owned();
                known.insert(name.clone(), trace.nodes.len());
                let about =
                    row.about(&["node_group", "instance_type", "zone", "capacity_type", "hourly_cost_usd", "reason"]);
                trace.nodes.push(NodeSpan { name, about, requested, ready: row.time("ready_time")?, end });
            }
            Ok(())
        })?;
        self.rows("pods.csv", |row| {
            let Some(bound) = row.time("scheduled_time")? else { return Ok(()) };
            let end = row.time("completion_time")?.unwrap_or(end);
            let (Some(node), true) = (known.get(row.text("node")), is_shown(bound, end)) else { return Ok(()) };
            trace.pods.push(PodSpan {
                name: format!("{}/{}", row.text("namespace"), row.text("pod")),
                workload: row.text("workload").to_owned(),
                node: *node,
                bound,
                ready: row.time("ready_time")?,
                end,
                about: row.about(&[
                    "phase",
                    "reason",
                    "wait_seconds",
                    "cpu_requested_cores",
                    "memory_requested_bytes",
                    "gpu_requested",
                    "cost_usd",
                ]),
            });
            Ok(())
        })?;
        self.rows("decisions.csv", |row| {
            let Some(at) = row.time("time")?.filter(|at| is_shown(*at, *at)) else { return Ok(()) };
            let (controller, object) = (row.text("controller").to_owned(), row.text("object").to_owned());
            trace.decisions.push(Decided { at, controller, object, about: row.about(&["from", "to", "reason"]) });
            Ok(())
        })?;
        const COUNTERS: [&str; 6] =
            ["nodes", "pods_pending", "pods_running", "cpu_requested_cores", "gpu_requested", "hourly_cost_usd"];
        let mut counters: Vec<Counter> =
            COUNTERS.iter().map(|name| Counter { name: (*name).to_owned(), points: Vec::new() }).collect();
        self.rows("timeseries.csv", |row| {
            let Some(at) = row.time("time")?.filter(|at| is_shown(*at, *at)) else { return Ok(()) };
            for counter in &mut counters {
                if let Ok(value) = row.text(&counter.name).parse() {
                    counter.points.push((at, value));
                }
            }
            Ok(())
        })?;
        trace.counters = counters;
        Ok(trace)
    }

    /// When the run ended.
    fn end(&self) -> anyhow::Result<Nanos> {
        let path = self.results.join("summary.json");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{} can't be read; give a folder that `windtunnel run` wrote", path.display()))?;
        let summary: Value = serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?;
        let seconds = summary["simulated_seconds"].as_f64();
        let seconds = seconds.with_context(|| format!("{} has no simulated_seconds", path.display()))?;
        Ok(SimTime::from_secs_f64(seconds).nanos())
    }

    fn rows(&self, table: &str, mut take: impl FnMut(&Row<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let path = self.results.join(table);
        let file = File::open(&path).with_context(|| format!("{} can't be read", path.display()))?;
        let mut reader = csv::Reader::from_reader(file);
        let header = reader.headers().with_context(|| format!("{} is no table", path.display()))?.clone();
        let columns: HashMap<&str, usize> = header.iter().enumerate().map(|(at, name)| (name, at)).collect();
        for record in reader.records() {
            let record = record.with_context(|| format!("{} can't be read", path.display()))?;
            take(&Row { columns: &columns, record: &record, path: &path })?;
        }
        Ok(())
    }
}

struct Row<'r> {
    columns: &'r HashMap<&'r str, usize>,
    record: &'r csv::StringRecord,
    path: &'r Path,
}

impl Row<'_> {
    /// Empty where there is no such column.
    fn text(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|at| self.record.get(*at)).unwrap_or_default()
    }

    fn time(&self, column: &str) -> anyhow::Result<Option<Nanos>> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        let seconds: f64 = text.parse().with_context(|| {
            let line = self.record.position().map_or(0, csv::Position::line);
            format!("{}:{line}: {column} is {text:?}; expected seconds", self.path.display())
        })?;
        Ok(Some((seconds * 1e9).round() as Nanos))
    }

    /// Those cells that hold something.
    fn about(&self, columns: &[&str]) -> Value {
        let cell = |column: &&str| {
            let text = self.text(column);
            let value = text.parse::<f64>().ok().filter(|number| number.is_finite()).map_or(json!(text), |n| json!(n));
            (!text.is_empty()).then(|| ((*column).to_owned(), value))
        };
        Value::Object(columns.iter().filter_map(cell).collect())
    }
}
