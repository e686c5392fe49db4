//! `windtunnel import sktrace`: a trace of SimKube, made into a scenario.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::import_cluster::{Into, is_stdin};
use crate::scenario::dump;
use crate::scenario::import::read_bytes;

/// Make a scenario of a trace of SimKube (.sktrace): what was applied to a cluster, and when
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel import sktrace data/simkube-2024/cronjob.sktrace --autoscale m6i.xlarge -o trace.yaml

A trace has no nodes. What becomes of its objects and their changes is in docs/manifests.md.")]
pub struct Arguments {
    /// The trace, of SimKube 2 and later; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    into: Into,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let into = &arguments.into;
    let inputs = into.inputs(std::slice::from_ref(&arguments.file));
    let terms = into.terms(&inputs)?;
    let settings = into.settings_of_a_trace()?;
    let name = arguments.file.display().to_string();
    let bytes = if is_stdin(&arguments.file) {
        read_bytes(&mut io::stdin().lock(), "standard input")?
    } else {
        let mut file = File::open(&arguments.file).map_err(|error| anyhow::anyhow!("{name} can't be read: {error}"))?;
        read_bytes(&mut file, &name)?
    };
    let imported = dump::import_sktrace(&bytes, &name, into.usage()?, &settings);
    into.conclude(imported.map_err(|mistake| vec![*mistake]), terms)
}
