//! `windtunnel import`: checks a trace and writes a scenario that replays it.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Outcome, import_cluster, import_pulumi};
use crate::cost::Catalogue;
use crate::record::writer::single::{self, Comment, FileTerms};
use crate::scenario::import::{self, Inputs, Source, Trace};
use crate::units::{SimDuration, SimTime};

/// Check a trace and write a scenario that replays it
#[derive(Args)]
#[command(after_help = formats(), subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    of_a_cluster: Option<OfACluster>,
    /// Format of the trace
    #[arg(required = true)]
    format: Option<String>,
    /// Table of pods
    #[arg(long, value_name = "FILE")]
    pods: Option<PathBuf>,
    /// Table of nodes
    #[arg(long, value_name = "FILE")]
    nodes: Option<PathBuf>,
    /// Table of training jobs
    #[arg(long, value_name = "FILE")]
    jobs: Option<PathBuf>,
    /// Table of measured training speeds
    #[arg(long, value_name = "FILE")]
    throughputs: Option<PathBuf>,
    /// Table of measured convergence
    #[arg(long, value_name = "FILE")]
    convergence: Option<PathBuf>,
    /// Run the trace on node groups of these instance types that scale from zero, in place of its nodes
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    autoscale: Vec<String>,
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
}

fn formats() -> String {
    let lines = import::FORMATS.iter().map(|format| {
        let flag = |(name, required): &(&str, bool)| {
            if *required { format!("--{name} FILE") } else { format!("[--{name} FILE]") }
        };
        let inputs: Vec<String> = format.inputs.iter().map(flag).collect();
        format!("  {:<6} {} ({})", format.name, format.about, inputs.join(" "))
    });
    format!(
        "Formats:\n{}\n\nExamples:\n  windtunnel import csv --pods pods.csv --nodes nodes.csv -o replay.yaml\n  windtunnel import \
         openb --pods data/openb-2023/openb_pod_list_default.csv --autoscale g5.48xlarge,m6i.8xlarge -o openb.yaml\n  windtunnel import gavel \
         --jobs data/gavel/jobs-0e4a51.csv --throughputs data/gavel/throughputs.csv --autoscale p3.8xlarge -o training.yaml\n\nThe columns of each format are in \
         docs/reference/import.md.",
        lines.collect::<Vec<_>>().join("\n")
    )
}

/// Most nodes of a group that the trace says nothing about.
const DEFAULT_MAX_SIZE: u32 = 1000;

pub fn run(arguments: &Arguments) -> Outcome {
    match &arguments.of_a_cluster {
        Some(OfACluster::Cluster(arguments)) => return import_cluster::run(arguments),
        Some(OfACluster::Pulumi(arguments)) => return import_pulumi::run(arguments),
        None => {}
    }
    let (Some(format), Some(output)) = (&arguments.format, &arguments.output) else {
        return Err(anyhow::anyhow!("a format and --output are needed").into());
    };
    let format = import::format(format)?;
    let inputs = [&arguments.pods, &arguments.nodes, &arguments.jobs, &arguments.throughputs, &arguments.convergence];
    let inputs: Vec<PathBuf> = inputs.into_iter().flatten().cloned().collect();
    let terms = FileTerms { inputs: &inputs, force: arguments.force };
    single::may_write(output, terms)?;
    let trace = read(arguments, format)?;
    for name in &arguments.autoscale {
        Catalogue::builtin().get(name).context("--autoscale")?;
    }
    if arguments.autoscale.is_empty() && trace.nodes.is_empty() {
        let hint = if format.inputs.iter().any(|input| input.0 == "nodes") { "--nodes FILE or " } else { "" };
        return Err(anyhow::anyhow!("the trace needs nodes to run on: give {hint}--autoscale TYPE,…").into());
    }
    let text = scenario(arguments, format, output, &trace)?;
    single::write(output, &text, Comment::Yaml, terms)?;
    let mut out = io::stdout().lock();
    let counts = [
        (trace.pods.len(), "pods"),
        (trace.nodes.iter().map(|node| node.count as usize).sum(), "nodes"),
        (trace.jobs.len(), "training jobs"),
    ];
    let counts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    writeln!(out, "{}: {}", output.display(), counts.join(", "))?;
    Ok(ExitCode::SUCCESS)
}

fn read(arguments: &Arguments, format: &import::Format) -> anyhow::Result<Trace> {
    type Given = Option<(BufReader<File>, String)>;
    let open = |path: &Option<PathBuf>| -> anyhow::Result<Given> {
        let Some(path) = path else { return Ok(None) };
        let file = File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
        Ok(Some((BufReader::new(file), path.display().to_string())))
    };
    let (mut pods, mut nodes) = (open(&arguments.pods)?, open(&arguments.nodes)?);
    let (mut jobs, mut throughputs) = (open(&arguments.jobs)?, open(&arguments.throughputs)?);
    let mut convergence = open(&arguments.convergence)?;
    fn source(given: &mut Option<(BufReader<File>, String)>) -> Option<Source<'_>> {
        given.as_mut().map(|(reader, file)| Source { reader, file })
    }
    let inputs = Inputs {
        pods: source(&mut pods),
        nodes: source(&mut nodes),
        jobs: source(&mut jobs),
        throughputs: source(&mut throughputs),
        convergence: source(&mut convergence),
    };
    Ok(format.read(inputs)?)
}

/// The written document: only what differs from the defaults.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Serialize)]
struct Metadata {
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    description: String,
    duration: SimDuration,
    sample_interval: SimDuration,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<Replay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Jobs>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    node_groups: Vec<Group>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replay {
    format: String,
    pods: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<String>,
}

#[derive(Serialize)]
struct Jobs {
    format: String,
    jobs: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    throughputs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    convergence: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    instance_type: String,
    min_size: u32,
    max_size: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shared_gpus: bool,
}

fn scenario(arguments: &Arguments, of: &import::Format, output: &Path, trace: &Trace) -> anyhow::Result<String> {
    let folder = output.parent().unwrap_or(Path::new(""));
    let path = |path: &Option<PathBuf>| path.as_deref().map(|path| relative(path, folder)).transpose();
    let format = of.name.to_owned();
    let replay = match path(&arguments.pods)? {
        Some(pods) => {
            let nodes = if arguments.autoscale.is_empty() { path(&arguments.nodes)? } else { None };
            Some(Replay { format: format.clone(), pods, nodes })
        }
        None => None,
    };
    let (throughputs, convergence) = (path(&arguments.throughputs)?, path(&arguments.convergence)?);
    let jobs = path(&arguments.jobs)?.map(|jobs| Jobs { format, jobs, throughputs, convergence });
    let stem = output.file_stem().and_then(|stem| stem.to_str()).unwrap_or("imported");
    let duration = duration(trace);
    let document = Document {
        api_version: crate::scenario::spec::API_VERSION,
        kind: crate::scenario::spec::KIND,
        metadata: Metadata { name: plain_name(stem) },
        spec: Spec {
            description: format!("A {} trace, written by windtunnel import.", of.name),
            duration,
            sample_interval: sample_interval(duration),
            replay,
            jobs,
            node_groups: groups(&arguments.autoscale, trace),
        },
    };
    serde_saphyr::to_string(&document).context("the scenario can't be written as YAML")
}

fn groups(types: &[String], trace: &Trace) -> Vec<Group> {
    let nodes: u32 = trace.nodes.iter().map(|node| node.count).sum();
    let shares_gpus = trace.pods.iter().any(|pod| pod.gpus > 0);
    let group = |name: &String| Group {
        name: name.to_lowercase().replace(['.', '_'], "-"),
        instance_type: name.clone(),
        min_size: 0,
        max_size: if nodes > 0 { nodes } else { DEFAULT_MAX_SIZE },
        shared_gpus: shares_gpus && Catalogue::builtin().get(name).is_ok_and(|instance| instance.gpus() > 0),
    };
    types.iter().map(group).collect()
}

/// Until the last pod has ended or the last job has come, and a tenth of that for waiting, in whole hours.
fn duration(trace: &Trace) -> SimDuration {
    let pods = trace.pods.iter().map(|pod| pod.arrival + pod.duration.unwrap_or_default());
    let last = pods.chain(trace.jobs.iter().map(|job| job.arrival)).max().unwrap_or_default();
    let seconds = last.since(SimTime::ZERO).mul_f64(1.1).as_secs_f64();
    SimDuration::from_secs(((seconds / 3600.0).ceil().max(1.0) as i64).saturating_mul(3600))
}

/// A round interval that gives a few thousand samples.
fn sample_interval(duration: SimDuration) -> SimDuration {
    let choices = [1, 5, 15, 60, 360].map(SimDuration::from_mins);
    choices.into_iter().find(|interval| duration.nanos() / interval.nanos() <= 5_000).unwrap_or(choices[4])
}

/// Results go to a folder of the scenario's name.
fn plain_name(stem: &str) -> String {
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    name.trim_start_matches('.').to_owned()
}

/// `file` as seen from `folder`, with `/` between its parts.
fn relative(file: &Path, folder: &Path) -> anyhow::Result<String> {
    let absolute = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path.canonicalize().with_context(|| format!("{} can't be found", path.display()))
    };
    let (file, folder) = (absolute(file)?, absolute(folder)?);
    let common = file.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(common).map(|_| "..".to_owned());
    let down = file.components().skip(common).map(|part| match part {
        Component::Normal(name) => name.to_string_lossy().into_owned(),
        other => other.as_os_str().to_string_lossy().into_owned(),
    });
    Ok(up.chain(down).collect::<Vec<_>>().join("/"))
}
