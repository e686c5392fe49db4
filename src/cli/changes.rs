//! What a command may change in a scenario before it is read: files of values and single settings; and where the
//! scenario comes from, a file or standard input.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context;
use clap::Args;

use super::diagnostics;
use super::exit_code::Failure;
use crate::scenario::{Override, ScenarioFiles};

/// The path that stands for standard input.
const STDIN: &str = "-";

#[derive(Args, Clone, Debug, Default)]
pub struct Changes {
    /// Merge the values of a YAML file into the scenario; may be given several times, and later ones win
    ///
    /// Paths start where those of --set do, so `nodeGroups:` and `autoscaling:` stand at the top. Mappings are merged,
    /// lists and plain values replaced, `null` takes a field away. `manifests: {KIND/NAME: …}` changes an object.
    #[arg(long, value_name = "FILE")]
    values: Vec<PathBuf>,
    /// Change a value of the scenario, such as nodeGroups.general.maxSize=5; wins over --values
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Pods that a run may make, live and ended (about a kilobyte each); sets `maxPods` of the scenario
    #[arg(long, value_name = "N")]
    max_pods: Option<u64>,
}

impl Changes {
    /// Every change in its order, files of values first. Mistakes are shown, all of them.
    pub fn read(&self) -> Result<Vec<Override>, Failure> {
        let of_files = self.values.iter().map(|file| Override::values(file));
        let max_pods = self.max_pods.map(|count| format!("maxPods={count}"));
        let read: Vec<_> = of_files
            .chain(max_pods.iter().chain(&self.sets).map(|text| Override::parse(text).map(|one| vec![one])))
            .collect();
        let mistakes: Vec<_> = read.iter().filter_map(|read| read.as_ref().err()).flatten().cloned().collect();
        if !mistakes.is_empty() {
            diagnostics::show(&mistakes);
            return Err(Failure::Reported);
        }
        Ok(read.into_iter().flatten().flatten().collect())
    }

    /// The `--set`s as given.
    pub fn sets(&self) -> &[String] {
        &self.sets
    }

    /// Takes out the `--set`s of a path that is set to several values; none where no path is. Of several such paths the
    /// first one's are taken.
    pub fn take_alternatives(&mut self) -> Vec<String> {
        let path = |set: &str| set.split('=').next().unwrap_or(set).trim().to_owned();
        let is_repeated = |set: &&String| self.sets.iter().any(|other| other != *set && path(other) == path(set));
        let Some(repeated) = self.sets.iter().find(is_repeated).map(|set| path(set)) else { return Vec::new() };
        let (mut taken, rest): (Vec<_>, Vec<_>) = self.sets.drain(..).partition(|set| path(set) == repeated);
        self.sets = rest;
        taken.dedup();
        taken
    }

    /// The files of values.
    pub fn files(&self) -> &[PathBuf] {
        &self.values
    }
}

/// The most threads that can be asked for: beyond the cores of any machine.
const MOST_THREADS: usize = 1024;

/// Reads `--jobs`.
pub fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let count: NonZeroUsize = text.parse().map_err(|_| format!("it is not a whole number from 1 to {MOST_THREADS}"))?;
    if count.get() <= MOST_THREADS { Ok(count) } else { Err(format!("{MOST_THREADS} threads at most")) }
}

/// True for `-`.
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// Opens a scenario, `-` from standard input; mistakes are shown.
pub fn open(path: &Path) -> Result<ScenarioFiles, Failure> {
    let opened = if is_stdin(path) {
        ScenarioFiles::of_text("<stdin>", read_stdin()?.to_owned())
    } else {
        ScenarioFiles::open(path)
    };
    opened.map_err(|mistakes| {
        diagnostics::show(&mistakes);
        Failure::Reported
    })
}

/// The text of a file that is no scenario, `-` from standard input.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    if is_stdin(path) {
        return Ok(read_stdin()?.to_owned());
    }
    Ok(std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?)
}

/// Standard input has one end: two scenarios can't both come from it.
pub fn at_most_one_from_stdin<P: AsRef<Path>>(paths: &[P]) -> Result<(), Failure> {
    let count = paths.iter().filter(|path| is_stdin(path.as_ref())).count();
    if count > 1 {
        return Err(Failure::BadInput(anyhow::anyhow!(
            "`-` is given {count} times; standard input holds one scenario"
        )));
    }
    Ok(())
}

/// All of standard input, the same each time that it is asked for.
fn read_stdin() -> Result<&'static str, Failure> {
    static TEXT: OnceLock<String> = OnceLock::new();
    if let Some(text) = TEXT.get() {
        return Ok(text);
    }
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| anyhow::anyhow!("standard input can't be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        anyhow::anyhow!("standard input is not text (byte {at} is not UTF-8)")
    })?;
    Ok(TEXT.get_or_init(|| text))
}
