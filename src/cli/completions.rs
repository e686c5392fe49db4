//! `windtunnel completions`: completion scripts for shells.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Outcome;

/// Print a completion script for a shell
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel completions bash > windtunnel.bash   # then `source windtunnel.bash`, in ~/.bashrc for good
  windtunnel completions zsh > _windtunnel        # in a folder of $fpath
  windtunnel completions fish > windtunnel.fish   # in ~/.config/fish/completions")]
pub struct Arguments {
    /// The shell that reads the script
    shell: Shell,
}

pub fn run(arguments: &Arguments) -> Outcome {
    // Written to memory first, since the generator panics where its output goes away.
    let mut script = Vec::new();
    let mut command = super::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "windtunnel", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
