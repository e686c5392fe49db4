//! `windtunnel import`: checks a trace and writes a scenario that replays it.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::import_files::Files;
use super::{Outcome, import_cluster, import_prometheus, import_pulumi, import_scenario, import_sktrace};
use crate::cost::Catalogue;
use crate::record::writer::single::{self, Comment, FileTerms};
use crate::scenario::import::{self, ArrivalsSpec, Inputs, Options, Source, Trace};
use crate::units::SimDuration;

/// Check a trace and write a scenario that replays it
#[derive(Args)]
#[command(after_help = formats(), subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    of_a_cluster: Option<OfACluster>,
    /// Format of the trace
    #[arg(required = true)]
    format: Option<String>,
    #[command(flatten)]
    pub(super) files: Files,
    /// Run the trace on node groups of these instance types that scale from zero, in place of its nodes
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    pub(super) autoscale: Vec<String>,
    /// For a list without times: its pods come one after the other, so far apart
    #[arg(long, value_name = "DURATION")]
    every: Option<SimDuration>,
    /// With --every: that is a mean, and gaps are random (exponential)
    #[arg(long, requires = "every")]
    poisson: bool,
    /// With --every: how long each pod runs once started
    #[arg(long, requires = "every", value_name = "DURATION")]
    lasting: Option<SimDuration>,
    /// Leave out rows that can't be read, and say how many
    #[arg(long)]
    skip_bad_rows: bool,
    /// The scenario to write
    #[arg(long, short, value_name = "SCENARIO", required = true)]
    output: Option<PathBuf>,
    /// Replace a file that import did not write, or that was changed since
    #[arg(long)]
    force: bool,
}

/// What holds objects of a cluster rather than a trace.
#[derive(Subcommand)]
enum OfACluster {
    Cluster(import_cluster::Arguments),
    Pulumi(import_pulumi::Arguments),
    Sktrace(import_sktrace::Arguments),
    Prometheus(import_prometheus::Arguments),
}

fn formats() -> String {
    let lines = import::FORMATS.iter().map(|format| {
        let flag = |(name, required): &(&str, bool)| {
            let files = if *name == "availability" { "FILE…" } else { "FILE" };
            if *required { format!("--{name} {files}") } else { format!("[--{name} {files}]") }
        };
        let inputs: Vec<String> = format.inputs.iter().map(flag).collect();
        format!("  {:<9} {} ({})", format.name, format.about, inputs.join(" "))
    });
    format!(
        "Formats:\n{}\n\nExamples:\n  windtunnel import csv --pods pods.csv --nodes nodes.csv -o replay.yaml\n  windtunnel import \
         openb --pods data/openb-2023/openb_pod_list_default.csv --autoscale g5.48xlarge,m6i.8xlarge -o openb.yaml\n  windtunnel import gavel \
         --jobs data/gavel/jobs-0e4a51.csv --throughputs data/gavel/throughputs.csv --autoscale p3.8xlarge -o training.yaml\n  windtunnel import \
         azure-llm --requests data/azure-llm-2023/conversation.csv --autoscale g6.xlarge -o chat.yaml\n  windtunnel import swf --pods data/swf-example/jobs.swf \
         --nodes data/swf-example/jobs.swf -o hpc.yaml\n\nThe columns of each format are in docs/reference/import.md.",
        lines.collect::<Vec<_>>().join("\n")
    )
}

pub fn run(arguments: &Arguments) -> Outcome {
    match &arguments.of_a_cluster {
        Some(OfACluster::Cluster(arguments)) => return import_cluster::run(arguments),
        Some(OfACluster::Pulumi(arguments)) => return import_pulumi::run(arguments),
        Some(OfACluster::Sktrace(arguments)) => return import_sktrace::run(arguments),
        Some(OfACluster::Prometheus(arguments)) => return import_prometheus::run(arguments),
        None => {}
    }
    let (Some(format), Some(output)) = (&arguments.format, &arguments.output) else {
        return Err(anyhow::anyhow!("a format and --output are needed").into());
    };
    let format = import::format(format)?;
    let mut files = arguments.files.clone();
    let inputs: Vec<PathBuf> = files.named().map(|(_, path)| path.clone()).filter(|path| !is_stdin(path)).collect();
    let terms = FileTerms { inputs: &inputs, force: arguments.force };
    single::may_write(output, terms)?;
    for name in &arguments.autoscale {
        Catalogue::builtin().get(name).context("--autoscale")?;
    }
    let options = options(arguments)?;
    keep_stdin(&mut files, output, terms)?;
    let trace = read(&files, format, &options)?;
    if arguments.autoscale.is_empty() && trace.nodes.is_empty() {
        let hint = if format.inputs.iter().any(|input| input.0 == "nodes") { "--nodes FILE or " } else { "" };
        return Err(anyhow::anyhow!("the trace needs nodes to run on: give {hint}--autoscale TYPE,…").into());
    }
    let of =
        import_scenario::Imported { files: &files, autoscale: &arguments.autoscale, format, options, trace: &trace };
    let text = of.scenario(output)?;
    single::write(output, &text, Comment::Yaml, terms)?;
    let mut err = io::stderr().lock();
    for note in &trace.notes.0 {
        writeln!(err, "note: {note}")?;
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}: {}", output.display(), of.counts())?;
    Ok(ExitCode::SUCCESS)
}

fn options(arguments: &Arguments) -> anyhow::Result<Options> {
    let arrivals = arguments.every.map(|every| ArrivalsSpec {
        every,
        poisson: arguments.poisson,
        lasting: arguments.lasting,
        seed: 1,
    });
    anyhow::ensure!(arrivals.is_none_or(|arrivals| arrivals.every > SimDuration::ZERO), "--every must be above 0");
    Ok(Options { skip_bad_rows: arguments.skip_bad_rows, arrivals })
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A scenario names its tables; what came by standard input is kept beside it.
fn keep_stdin(files: &mut Files, output: &Path, terms: FileTerms<'_>) -> anyhow::Result<()> {
    let mut read: Option<&'static str> = None;
    for (name, path) in files.named().filter(|(_, path)| is_stdin(path)) {
        if let Some(before) = read {
            anyhow::bail!("--{before} and --{name} both name standard input, which can be read once");
        }
        read = Some(name);
        let mut input = io::stdin().lock();
        let (text, _) = import::read_text(&mut input as &mut dyn Read, "standard input")?;
        let kept = output.with_extension(format!("{name}.csv"));
        single::write(&kept, &text, Comment::Yaml, terms)?;
        writeln!(io::stderr(), "note: standard input is kept as {}", kept.display())?;
        *path = kept;
    }
    Ok(())
}

fn read(files: &Files, format: &import::Format, options: &Options) -> anyhow::Result<Trace> {
    let mut files = files.clone();
    let mut opened = Vec::new();
    for (name, path) in files.named() {
        let file = File::open(&*path).with_context(|| format!("{} can't be read", path.display()))?;
        opened.push((name, BufReader::new(file), path.display().to_string()));
    }
    let mut inputs = Inputs { options: options.clone(), ..Inputs::default() };
    for (name, reader, file) in &mut opened {
        inputs.give(name, Source { reader, file });
    }
    Ok(format.read(inputs)?)
}
