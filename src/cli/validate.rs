//! `windtunnel validate`: every mistake of scenarios and sweeps, without running them.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::changes::{self, Changes};
use super::exit_code::Failure;
use super::sweep::{OpenSweep, open_sweep};
use super::{Outcome, diagnostics};
use crate::check;
use crate::scenario::Override;

/// Check scenarios and sweeps without running them
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel validate scenarios/ai-model-training.yaml --set nodeGroups.general.maxSize=5
  windtunnel validate scenarios/hpa/*.yaml
  windtunnel validate - < scenarios/hpa/flapping.yaml")]
pub struct Arguments {
    /// Scenario and sweep files, `-` is standard input; every configuration of a sweep is checked
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    changes: Changes,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let overrides = arguments.changes.read()?;
    changes::at_most_one_from_stdin(&arguments.scenarios)?;
    let mut out = io::stdout().lock();
    let mut are_valid = true;
    for path in &arguments.scenarios {
        let sweep = match open_sweep(path) {
            Ok(sweep) => sweep,
            Err(mistakes) => {
                diagnostics::show(&mistakes);
                are_valid = false;
                continue;
            }
        };
        if let Some(sweep) = sweep {
            match validate_sweep(&sweep, &overrides) {
                Ok(()) => writeln!(out, "{}: ok, {} configurations", path.display(), sweep.sweep.configurations.len())?,
                Err(wrong) => {
                    writeln!(
                        out,
                        "{}: {wrong} of {} configurations are no valid scenarios",
                        path.display(),
                        sweep.sweep.configurations.len()
                    )?;
                    are_valid = false;
                }
            }
            continue;
        }
        let Ok(files) = changes::open(path) else {
            are_valid = false;
            continue;
        };
        match files.load(&overrides) {
            Ok(loaded) => {
                diagnostics::show(&loaded.warnings);
                let of_tests = |plans: Vec<check::Plan>| {
                    let read = |plan| super::check::scenario_of(plan, &files, &loaded.scenario, &overrides).err();
                    let mistakes: Vec<_> = plans.iter().filter_map(read).flatten().collect();
                    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
                };
                let of_rules = diagnostics::of_rules(&loaded.scenario, false);
                match of_rules.and_then(|()| check::plans(&loaded.scenario)).and_then(of_tests) {
                    Ok(()) => writeln!(out, "{}: ok", path.display())?,
                    Err(mistakes) => {
                        diagnostics::show(&mistakes);
                        are_valid = false;
                    }
                }
            }
            Err(mistakes) => {
                diagnostics::show(&mistakes);
                are_valid = false;
            }
        }
    }
    if are_valid { Ok(ExitCode::SUCCESS) } else { Err(Failure::Reported) }
}

/// Every configuration; the mistakes of the first few that have some are shown. `Err`: how many have.
fn validate_sweep(sweep: &OpenSweep, overrides: &[Override]) -> Result<(), usize> {
    /// More would tell the same again.
    const MOST_SHOWN: usize = 3;
    let mut wrong = 0;
    for configuration in &sweep.sweep.configurations {
        let checked = sweep.load(configuration, overrides).and_then(|scenario| check::plans(&scenario).map(|_| ()));
        if let Err(mistakes) = checked {
            wrong += 1;
            if wrong <= MOST_SHOWN {
                diagnostics::show(&mistakes);
            }
        }
    }
    if wrong == 0 { Ok(()) } else { Err(wrong) }
}

/// Overrides as typed; mistakes are shown.
pub fn read_overrides(texts: &[String]) -> Result<Vec<Override>, Failure> {
    let read: Vec<_> = texts.iter().map(|text| Override::parse(text)).collect();
    let mistakes: Vec<_> = read.iter().filter_map(|read| read.as_ref().err()).flatten().cloned().collect();
    if !mistakes.is_empty() {
        diagnostics::show(&mistakes);
        return Err(Failure::Reported);
    }
    Ok(read.into_iter().flatten().collect())
}
