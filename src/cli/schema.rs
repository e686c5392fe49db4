//! `windtunnel schema`: the JSON Schema of the scenario document.

use std::io::{self, Write};
use std::process::ExitCode;

use super::Outcome;
use crate::scenario::spec::ScenarioDocument;

pub fn run() -> Outcome {
    let mut out = io::stdout().lock();
    let schema = schemars::schema_for!(ScenarioDocument);
    serde_json::to_writer_pretty(&mut out, &schema).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(ExitCode::SUCCESS)
}
