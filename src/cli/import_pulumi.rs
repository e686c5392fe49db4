//! `windtunnel import pulumi`: a stack of Pulumi, or a preview of one, made into a scenario.

use std::path::PathBuf;

use clap::Args;

use super::import_cluster::{finish, name_of, source, usage_of};
use super::{Outcome, diagnostics};
use crate::record::writer::single::{self, FileTerms};
use crate::scenario::dump::{self, Settings};
use crate::units::SimDuration;

/// Make a scenario of a Pulumi stack: its Kubernetes objects and node groups
#[derive(Args)]
#[command(after_help = "Examples:
  pulumi preview --json | windtunnel import pulumi - --autoscale m6i.large -o stack.yaml
  pulumi stack export > stack.json && windtunnel import pulumi stack.json -o stack.yaml

A recipe from a program to what it costs is in examples/pulumi/README.md.")]
pub struct Arguments {
    /// What `pulumi stack export` or `pulumi preview --json` printed; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The scenario to write
    #[arg(long, short, value_name = "SCENARIO")]
    output: PathBuf,
    /// How long the scenario lasts
    #[arg(long, default_value = "24h", value_name = "DURATION")]
    duration: SimDuration,
    /// Node groups of these instance types that scale from zero, beside those of the stack
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    autoscale: Vec<String>,
    /// What pods used: PodMetrics, or the JSON of a Prometheus range query of CPU by pod or workload
    #[arg(long, value_name = "FILE")]
    usage: Option<PathBuf>,
    /// Fail where anything is left out or would change the outcome
    #[arg(long)]
    strict: bool,
    /// Replace a file that import did not write, or that was changed since
    #[arg(long)]
    force: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let inputs: Vec<PathBuf> = std::iter::once(&arguments.file).chain(&arguments.usage).cloned().collect();
    let terms = FileTerms { inputs: &inputs, force: arguments.force };
    single::may_write(&arguments.output, terms)?;
    let settings = Settings::new(name_of(&arguments.output), arguments.duration, &arguments.autoscale)?;
    let source =
        source(&arguments.file).map_err(|problem| anyhow::anyhow!("{} {problem}", arguments.file.display()))?;
    let usage = usage_of(arguments.usage.as_deref())?;
    match dump::import_pulumi(source, usage, &settings) {
        Ok(imported) => finish(&imported, &[], &arguments.output, arguments.strict, terms),
        Err(mistakes) => {
            diagnostics::show(&mistakes);
            Err(anyhow::anyhow!("nothing was written").into())
        }
    }
}
