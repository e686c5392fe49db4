//! `windtunnel decide`: one controller, one moment, real Kubernetes objects.
//!
//! One file a controller turns the JSON envelope into the snapshot that its pure `decide` takes, and the decision back
//! into JSON. This file has what they share: reading one object or an array, and answering in the same order.

#[cfg(test)]
mod both_doors;
mod cluster_autoscaler;
mod component;
mod fields;
pub mod hpa;
mod karpenter;
mod kueue;
mod limits;
mod objects;
mod release;
mod schedule;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use thiserror::Error;

use super::{Outcome, exit_code};

/// Ask one controller what it would do now, and why
#[derive(Args)]
#[command(
    after_help = "The input is one JSON object: what `kubectl get -o json` and the metrics APIs print, under the keys that \
docs/hpa.md, docs/cluster-autoscaler.md, docs/karpenter.md and docs/scheduler.md name.

Examples:
  windtunnel decide hpa hpa.json
  jq -n --slurpfile hpa hpa.json --slurpfile pods pods.json '{hpa: $hpa[0], pods: $pods[0].items}' | windtunnel decide hpa -
  windtunnel decide schedule cluster.json --seed 7"
)]
pub struct Arguments {
    /// Which controller to ask
    controller: Controller,
    /// One input object or an array of them, as JSON; `-` reads standard input
    file: PathBuf,
    /// Seed of the draws where upstream draws at random
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// The controllers that can be asked.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Controller {
    ClusterAutoscaler,
    Hpa,
    Karpenter,
    Kueue,
    Schedule,
}

/// Why an input can't be judged: the field's path, and what is wrong with it.
#[derive(Clone, Debug, Error)]
#[error("{path}: {problem}")]
pub struct Refusal {
    pub path: String,
    pub problem: String,
}

/// Judges the inputs of a file and prints the answers.
pub fn run(arguments: &Arguments) -> Outcome {
    let text = read(&arguments.file)?;
    let input: Value =
        serde_json::from_str(&text).with_context(|| format!("{}: not JSON", arguments.file.display()))?;
    let judge = |input: &Value| answer(arguments.controller, input, arguments.seed);
    let mut out = io::stdout().lock();
    match input {
        Value::Array(inputs) => {
            let mut refused = 0;
            let answers: Vec<Value> = inputs
                .iter()
                .enumerate()
                .map(|(index, input)| {
                    judge(input).unwrap_or_else(|refusal| {
                        refused += 1;
                        eprintln!("error: input {index}: {refusal}");
                        json!({ "error": refusal.to_string() })
                    })
                })
                .collect();
            serde_json::to_writer_pretty(&mut out, &answers).map_err(io::Error::from)?;
            writeln!(out)?;
            Ok(if refused == 0 { ExitCode::SUCCESS } else { exit_code::BAD_INPUT.into() })
        }
        input => {
            // A lone refused input leaves standard output empty, so that a pipe never takes an error for a decision.
            let answer = judge(&input)?;
            serde_json::to_writer_pretty(&mut out, &answer).map_err(io::Error::from)?;
            writeln!(out)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What one controller would do with one input.
///
/// # Errors
/// The field that can't be judged, and why.
pub fn answer(controller: Controller, input: &Value, seed: u64) -> Result<Value, Refusal> {
    // The HPA's arithmetic is upstream's at any size, and held against it.
    if !matches!(controller, Controller::Hpa) {
        limits::integers_are_moderate(input)?;
    }
    match controller {
        Controller::ClusterAutoscaler => cluster_autoscaler::decide(input, seed),
        Controller::Hpa => hpa::decide(input),
        Controller::Karpenter => karpenter::decide(input),
        Controller::Kueue => kueue::decide(input),
        Controller::Schedule => schedule::decide(input, seed),
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).context("standard input can't be read")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))
}
