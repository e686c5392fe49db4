//! `windtunnel import pulumi`: a stack of Pulumi, or a preview of one, made into a scenario.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::import_cluster::{Into, source};
use crate::scenario::dump;

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
    #[command(flatten)]
    into: Into,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let into = &arguments.into;
    let inputs = into.inputs(std::slice::from_ref(&arguments.file));
    let terms = into.terms(&inputs)?;
    let settings = into.settings()?;
    let source =
        source(&arguments.file).map_err(|problem| anyhow::anyhow!("{} {problem}", arguments.file.display()))?;
    into.conclude(dump::import_pulumi(source, into.usage()?, &settings), terms)
}
