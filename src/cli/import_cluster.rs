//! `windtunnel import cluster`: a dump of a cluster, or manifests, made into a scenario.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::{Outcome, diagnostics, exit_code};
use crate::record::writer::single::{self, Comment, FileTerms};
use crate::scenario::diagnostic::{Diagnostic, Source};
use crate::scenario::dump::{self, Imported, Report, Settings, Usage};
use crate::scenario::import::read_text;
use crate::units::SimDuration;

/// Make a scenario of a cluster's objects, as kubectl, Helm or Kustomize print them
#[derive(Args)]
#[command(after_help = "Examples:
  kubectl get all,nodes,hpa,pdb,pc,cm,limits,sc,pvc -A -o yaml | windtunnel import cluster - -o cluster.yaml
  windtunnel import cluster rendered/ -o cluster.yaml --duration 7d
  helm template my-chart | windtunnel import cluster - nodes.json -o chart.yaml

What is read of each kind, and what that changes, is in docs/manifests.md.")]
pub struct Arguments {
    /// Files, folders (all .yaml, .yml and .json below them), patterns with * and ?, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    into: Into,
}

/// What is made of objects, and how strictly.
#[derive(Args)]
pub struct Into {
    /// The scenario to write
    #[arg(long, short, value_name = "SCENARIO")]
    output: PathBuf,
    /// How long the scenario lasts [default: 24h; of a SimKube trace as long as it does, and a tenth more]
    #[arg(long, value_name = "DURATION")]
    duration: Option<SimDuration>,
    /// Node groups of these instance types that scale from zero, beside those that are read
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    autoscale: Vec<String>,
    /// What pods used: PodMetrics, or the JSON of a Prometheus range query of CPU by pod or workload
    #[arg(long, value_name = "FILE")]
    usage: Option<PathBuf>,
    /// Fail where anything is left out or would change the outcome
    #[arg(long)]
    strict: bool,
    /// Replace a file that import did not write, or that was changed since
    #[arg(long)]
    force: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let files = files(&arguments.paths)?;
    let into = &arguments.into;
    let inputs = into.inputs(&files);
    let terms = into.terms(&inputs)?;
    let mut sources = Vec::new();
    let mut unreadable = Vec::new();
    for path in &files {
        match source(path) {
            Ok(source) => sources.push(source),
            Err(problem) => unreadable.push(Diagnostic::without_text(path.display().to_string(), problem)),
        }
    }
    let settings = into.settings()?;
    let imported = dump::import(sources, into.usage()?, &settings);
    into.finish(&imported, &unreadable, terms)
}

impl Into {
    /// What must not be written over.
    pub fn inputs(&self, files: &[PathBuf]) -> Vec<PathBuf> {
        files.iter().chain(&self.usage).filter(|path| !is_stdin(path)).cloned().collect()
    }

    /// Refuses at once where the output may not be written.
    pub fn terms<'i>(&self, inputs: &'i [PathBuf]) -> anyhow::Result<FileTerms<'i>> {
        let terms = FileTerms { inputs, force: self.force };
        single::may_write(&self.output, terms)?;
        Ok(terms)
    }

    pub fn settings(&self) -> anyhow::Result<Settings> {
        let duration = self.duration.unwrap_or(SimDuration::from_mins(24 * 60));
        Ok(Settings::new(name_of(&self.output), duration, &self.autoscale)?)
    }

    /// As [`settings`](Self::settings), for what lasts as long as it was recorded.
    pub fn settings_of_a_trace(&self) -> anyhow::Result<Settings> {
        let duration = self.duration.unwrap_or(SimDuration::MAX);
        Ok(Settings::new(name_of(&self.output), duration, &self.autoscale)?)
    }

    /// What a file tells of usage; nothing without one.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        let Some(path) = &self.usage else { return Ok(Usage::default()) };
        let source = source(path).map_err(|problem| anyhow::anyhow!("--usage {} {problem}", path.display()))?;
        Usage::read(&Arc::new(source)).map_err(|mistake| {
            diagnostics::show(&[*mistake]);
            anyhow::anyhow!("--usage {} can't be read; nothing was written", path.display())
        })
    }

    /// [`finish`](Self::finish), or what is wrong with the one file that was read.
    pub fn conclude(&self, imported: Result<Imported, Vec<Diagnostic>>, terms: FileTerms<'_>) -> Outcome {
        match imported {
            Ok(imported) => self.finish(&imported, &[], terms),
            Err(mistakes) => {
                diagnostics::show(&mistakes);
                Err(anyhow::anyhow!("nothing was written").into())
            }
        }
    }

    /// Writes the scenario and says what became of the objects.
    pub fn finish(&self, imported: &Imported, unreadable: &[Diagnostic], terms: FileTerms<'_>) -> Outcome {
        tell(imported, unreadable)?;
        if imported.counts.is_empty() {
            let hint = "nothing was written: no object of a kind that is simulated was found";
            return Err(anyhow::anyhow!(hint).into());
        }
        let is_whole = imported.as_they_are.is_empty()
            && imported.broken.is_empty()
            && unreadable.is_empty()
            && !imported.reports.iter().any(|report| report.changes);
        if self.strict && !is_whole {
            return Err(anyhow::anyhow!(
                "--strict: the above would be left out or changes the outcome; nothing was written"
            )
            .into());
        }
        single::write(&self.output, &imported.text, Comment::Yaml, terms)?;
        let mut out = io::stdout().lock();
        let counts: Vec<String> = imported.counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let running = match imported.running {
            0 => String::new(),
            running => format!("; {running} pods run where they ran"),
        };
        writeln!(out, "{}: {}{running}", self.output.display(), counts.join(", "))?;
        Ok(ExitCode::from(exit_code::FINE))
    }
}

/// Lines of a list that grows with the cluster.
const MOST_SHOWN: usize = 20;

fn tell(imported: &Imported, unreadable: &[Diagnostic]) -> anyhow::Result<()> {
    let mut out = io::stderr().lock();
    let section = |title: &str, wanted: &dyn Fn(&Report) -> bool, out: &mut io::StderrLock<'_>| -> io::Result<()> {
        let reports: Vec<&Report> = imported.reports.iter().filter(|report| wanted(report)).collect();
        if reports.is_empty() {
            return Ok(());
        }
        writeln!(out, "{title}")?;
        for report in reports {
            writeln!(out, "  {} {}: {} ({})", report.kind, report.count, report.meaning, report.place)?;
        }
        Ok(())
    };
    section("Not modelled, and it would change the outcome:", &|report| report.changes, &mut out)?;
    section("Taken otherwise than it is written:", &|report| !report.changes && !report.is_nothing, &mut out)?;
    let nothing: Vec<String> = imported
        .reports
        .iter()
        .filter(|report| report.is_nothing)
        .map(|report| match report.meaning.as_str() {
            "has no part in the simulation" => format!("{} {}", report.kind, report.count),
            meaning => format!("{} {} ({meaning})", report.kind, report.count),
        })
        .collect();
    if !nothing.is_empty() {
        writeln!(out, "Not in the scenario: {}", nothing.join(", "))?;
    }
    if !imported.as_they_are.is_empty() {
        writeln!(out, "Left as the cluster has them ({}):", imported.as_they_are.len())?;
        for warning in imported.as_they_are.iter().take(MOST_SHOWN) {
            writeln!(out, "  {warning}")?;
        }
    }
    let broken = imported.broken.len() + imported.more_broken + unreadable.len();
    if broken > 0 {
        writeln!(out, "Left out, for it can't be read ({broken}):")?;
    }
    drop(out);
    diagnostics::show(unreadable);
    diagnostics::show(&imported.broken);
    if imported.more_broken > 0 {
        writeln!(io::stderr(), "  … and {} more like these", imported.more_broken)?;
    }
    Ok(())
}

/// What a scenario is called by its file.
fn name_of(output: &Path) -> String {
    let stem = output.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "cluster".to_owned() } else { name.to_owned() }
}

pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

pub fn source(path: &Path) -> Result<Source, String> {
    let name = if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() };
    let read = match is_stdin(path) {
        true => read_text(&mut io::stdin().lock(), ""),
        false => {
            let mut file = fs::File::open(path).map_err(|error| format!("can't be read: {error}"))?;
            read_text(&mut file, "")
        }
    };
    match read {
        Ok((text, _)) => Ok(Source::new(name, text)),
        Err(error) => Err(error.to_string().trim_start_matches([':', ' ']).trim_start_matches("it ").to_owned()),
    }
}

/// Every file that the paths name, in their order and those of a folder by name.
fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if is_stdin(path) {
            anyhow::ensure!(!found.iter().any(|path: &PathBuf| is_stdin(path)), "standard input can be read once");
            found.push(path.clone());
        } else if path.is_dir() {
            let before = found.len();
            walk(path, &mut found)?;
            anyhow::ensure!(found.len() > before, "{} holds no .yaml, .yml or .json file", path.display());
        } else if !path.exists() && path.to_string_lossy().contains(['*', '?']) {
            let before = found.len();
            expand(path, &mut found)?;
            anyhow::ensure!(found.len() > before, "{} matches no file", path.display());
        } else {
            fs::metadata(path).with_context(|| format!("{} can't be read", path.display()))?;
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
    let mut entries: Vec<PathBuf> = read.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    entries.sort();
    Ok(entries)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| matches!(extension.to_str(), Some("yaml" | "yml" | "json")))
}

/// Links are not followed: a folder may lead to itself.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for path in entries(folder)? {
        let kind = fs::symlink_metadata(&path)?.file_type();
        if is_hidden(&path) {
            continue;
        }
        if kind.is_dir() {
            walk(&path, found)?;
        } else if is_manifest(&path) && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// A pattern: `*` and `?` within a name, `**` for folders of whatever depth.
fn expand(pattern: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let parts: Vec<String> = pattern.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let first_pattern = parts.iter().position(|part| part.contains(['*', '?'])).unwrap_or(parts.len());
    let base: PathBuf = parts[..first_pattern].iter().collect();
    let start = if base.as_os_str().is_empty() { PathBuf::from(".") } else { base };
    let mut all = Vec::new();
    descend(&start, &parts[first_pattern..], &mut all)?;
    all.sort();
    all.dedup();
    found.extend(all);
    Ok(())
}

fn descend(folder: &Path, parts: &[String], found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let Some((part, rest)) = parts.split_first() else { return Ok(()) };
    if part == "**" {
        descend(folder, rest, found)?;
    }
    if !folder.is_dir() {
        return Ok(());
    }
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_link = fs::symlink_metadata(&path)?.file_type().is_symlink();
        if part == "**" {
            if path.is_dir() && !is_link && !is_hidden(&path) {
                descend(&path, parts, found)?;
            }
        } else if matches(part, &name) {
            match rest.is_empty() {
                true if path.is_file() => found.push(path),
                true => {}
                false => descend(&path, rest, found)?,
            }
        }
    }
    Ok(())
}

fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_shells_do() {
        for (pattern, name, holds) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("a?c*", "abcd", true),
            ("*a*b*", "xaxxb", true),
            ("*a*b", "xaxxbx", false),
            ("", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), holds, "{pattern} {name}");
        }
    }
}
