//! `windtunnel schema`: the JSON Schemas of the documents that we read.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::Outcome;
use crate::scenario::spec::ScenarioDocument;
use crate::sweep::SweepFile;

/// Print the JSON Schema of scenarios, for editors and for `scenario.schema.json`
#[derive(Args)]
#[command(after_help = "An editor with a YAML language server then completes and checks what is written.

Examples:
  windtunnel schema > scenario.schema.json
  windtunnel schema --sweep > sweep.schema.json")]
pub struct Arguments {
    /// That of sweep files (`windtunnel sweep`, `windtunnel optimize`) instead
    #[arg(long)]
    sweep: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let mut out = io::stdout().lock();
    let schema =
        if arguments.sweep { schemars::schema_for!(SweepFile) } else { schemars::schema_for!(ScenarioDocument) };
    serde_json::to_writer_pretty(&mut out, &schema).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(ExitCode::SUCCESS)
}
