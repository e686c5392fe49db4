//! The command line: one file per subcommand; errors leave through [`main`] as exit codes.

mod alerts;
mod changes;
mod check;
mod compare;
mod completions;
mod cpu_time;
pub mod decide;
mod diagnostics;
pub mod exit_code;
mod explain;
mod export;
mod exposition;
#[cfg(test)]
mod faults;
mod format;
mod import;
mod import_cluster;
mod import_files;
mod import_prometheus;
mod import_pulumi;
mod import_scenario;
mod import_sktrace;
mod init;
mod instance_types;
mod interrupt;
mod memory;
mod metrics;
mod optimize;
mod outputs;
mod progress;
mod reference;
mod run;
mod schema;
mod sweep;
mod validate;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit_code::Failure;

/// A wind tunnel for Kubernetes autoscaling.
#[derive(Parser)]
#[command(name = "windtunnel", version, about, after_help = exit_code::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Arguments),
    Check(check::Arguments),
    Alerts(alerts::Arguments),
    Compare(compare::Arguments),
    Sweep(sweep::Arguments),
    Merge(sweep::merge::Arguments),
    Optimize(optimize::Arguments),
    Validate(validate::Arguments),
    Schema(schema::Arguments),
    Import(import::Arguments),
    Init(init::Arguments),
    Explain(explain::Arguments),
    Export(export::Arguments),
    Metrics(metrics::Arguments),
    InstanceTypes(instance_types::Arguments),
    Decide(decide::Arguments),
    Completions(completions::Arguments),
    #[command(hide = true)]
    Reference(reference::Arguments),
}

/// Runs the program on the process's arguments and maps its outcome to an exit code.
pub fn main() -> ExitCode {
    exit_code::install_panic_hook();
    interrupt::install();
    match dispatch(Arguments::parse()) {
        Ok(code) => code,
        Err(failure) if failure.is_broken_pipe() => exit_code::FINE.into(),
        Err(failure) => {
            failure.report(&mut io::stderr());
            failure.exit_code()
        }
    }
}

fn dispatch(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Alerts(arguments) => alerts::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Merge(arguments) => sweep::merge::run(&arguments),
        Command::Optimize(arguments) => optimize::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Metrics(arguments) => metrics::run(&arguments),
        Command::InstanceTypes(arguments) => instance_types::run(&arguments),
        Command::Reference(arguments) => reference::run(&arguments),
        Command::Decide(arguments) => decide::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
    }
}

/// What a subcommand gives: the exit code it wants, or why it failed.
type Outcome = Result<ExitCode, Failure>;
