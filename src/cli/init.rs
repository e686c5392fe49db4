//! `windtunnel init`: a commented scenario to begin with.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::Outcome;

/// Write a commented scenario to begin with
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel init
  windtunnel init gpus.yaml --example training
  windtunnel init - --example inference")]
pub struct Arguments {
    /// The file to write; `-` is standard output
    #[arg(default_value = "scenario.yaml")]
    file: PathBuf,
    /// What it is about
    #[arg(long, value_enum, default_value_t)]
    example: Example,
}

/// The scenarios to begin with, each a file that is compiled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Example {
    /// A Deployment with an HPA on nodes that the Cluster Autoscaler adds
    #[default]
    Service,
    /// A GPU service under requests, with a queue and latencies
    Inference,
    /// Jobs on GPU nodes from zero, spot beside on demand
    Training,
    /// A Deployment on nodes that Karpenter provisions
    Karpenter,
}

impl Example {
    const fn text(self) -> &'static str {
        match self {
            Example::Service => include_str!("init/service.yaml"),
            Example::Inference => include_str!("init/inference.yaml"),
            Example::Training => include_str!("init/training.yaml"),
            Example::Karpenter => include_str!("init/karpenter.yaml"),
        }
    }
}

pub fn run(arguments: &Arguments) -> Outcome {
    let text = arguments.example.text();
    if arguments.file.as_os_str() == "-" {
        io::stdout().lock().write_all(text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let name = arguments.file.display();
    let mut file = match OpenOptions::new().write(true).create_new(true).open(&arguments.file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(anyhow::anyhow!("{name} is there already and is left as it is; give another name").into());
        }
        opened => opened.with_context(|| format!("can't write {name}"))?,
    };
    file.write_all(text.as_bytes()).with_context(|| format!("can't write {name}"))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{name} is written. Next:")?;
    writeln!(out, "  windtunnel run {name}       # what it costs, and how long pods wait")?;
    writeln!(out, "  windtunnel check {name}     # whether what it expects holds")?;
    Ok(ExitCode::SUCCESS)
}
