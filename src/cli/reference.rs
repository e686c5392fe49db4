//! `windtunnel reference`: writes the pages below `docs/reference`, for whoever changed a type.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::Outcome;
use crate::reference::PAGES;

/// Write the reference pages, in Markdown
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel reference docs/reference")]
pub struct Arguments {
    /// Folder of the pages
    folder: PathBuf,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    for page in PAGES {
        let path = folder.join(page.file);
        std::fs::write(&path, (page.text)()).with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
