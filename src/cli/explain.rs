//! `windtunnel explain`: fields of a scenario at the prompt, as `kubectl explain` has them.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::Outcome;
use crate::reference::{Field, look_up};
use crate::scenario::spec::{API_VERSION, KIND};

/// Describe fields of a scenario
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel explain
  windtunnel explain nodeGroups.provisioning
  windtunnel explain autoscaling.clusterAutoscaler --recursive")]
pub struct Arguments {
    /// The field, as --set writes its path [default: all of `spec`]
    #[arg(default_value = "", hide_default_value = true)]
    path: String,
    /// List the names and types of everything below
    #[arg(long)]
    recursive: bool,
}

/// Columns of the text.
const WIDTH: usize = 100;

pub fn run(arguments: &Arguments) -> Outcome {
    let found = look_up(arguments.path.trim().trim_end_matches('.'))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{KIND} {API_VERSION}\n")?;
    let field = &found.field;
    let path = if found.path.is_empty() { "spec" } else { &found.path };
    writeln!(out, "FIELD: {path} <{}>{}", field.kind, if field.is_required { ", required" } else { "" })?;
    if let Some(default) = &field.default {
        writeln!(out, "DEFAULT: {default}")?;
    }
    if !field.doc.is_empty() {
        writeln!(out)?;
        paragraphs(&mut out, &field.doc, "  ")?;
    }
    if field.fields.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let of = match (field.is_choice, field.is_list, field.takes_any_key) {
        (true, ..) => "ONE OF",
        (_, true, _) => "FIELDS of each item",
        (_, _, true) => "FIELDS of each value",
        _ => "FIELDS",
    };
    writeln!(out, "\n{of}:")?;
    if arguments.recursive {
        tree(&mut out, field, 1)?;
    } else {
        for below in &field.fields {
            writeln!(out, "  {}", title(below))?;
            paragraphs(&mut out, below.first_paragraph(), "      ")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn title(field: &Field) -> String {
    let required = if field.is_required { ", required" } else { "" };
    let default = field.default.as_ref().map(|default| format!(", default {default}")).unwrap_or_default();
    format!("{} <{}>{required}{default}", field.name, field.kind)
}

fn tree(out: &mut impl Write, field: &Field, depth: usize) -> io::Result<()> {
    for below in &field.fields {
        writeln!(
            out,
            "{}{} <{}>{}",
            "  ".repeat(depth),
            below.name,
            below.kind,
            if below.is_required { " required" } else { "" }
        )?;
        tree(out, below, depth + 1)?;
    }
    Ok(())
}

/// Words in lines of [`WIDTH`]; a blank line and a list item begin a new one.
fn paragraphs(out: &mut impl Write, text: &str, indent: &str) -> io::Result<()> {
    for (index, paragraph) in text.split("\n\n").enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let mut line = indent.to_owned();
        for word in paragraph.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > indent.len() {
                writeln!(out, "{line}")?;
                line = indent.to_owned();
            }
            if line.len() > indent.len() {
                line.push(' ');
            }
            line += word;
        }
        if line.len() > indent.len() {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}
