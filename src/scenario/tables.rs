//! Tables beside a scenario, read once however often the scenario is lowered.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::diagnostic::Diagnostic;
use super::digest::Digests;
use super::globs;
use super::import::{self, ImportError, Inputs, Listed, LoggedRequest, Only, Options, Source, Trace};
use super::rules::{RuleGroup, groups_of};
use super::source::read_source;
use crate::load::pattern::SeriesPoint;

/// What is wrong, and with which input (`pods`, `nodes`, `jobs`, `throughputs`, `series`).
#[derive(Clone, Debug)]
pub struct TableError {
    pub input: &'static str,
    pub error: ImportError,
}

/// Rules with what is to be said of them, or why their file can't be read.
type ReadRules = Result<Arc<(Vec<RuleGroup>, Vec<Diagnostic>)>, String>;

/// Boxed, for errors of tables are large.
type Read<T> = Result<Arc<T>, Box<TableError>>;

/// Traces and series by the paths that the scenario names them with.
#[derive(Debug, Default)]
pub struct Tables {
    folder: PathBuf,
    digests: Arc<Digests>,
    traces: Mutex<HashMap<TraceKey, Read<Trace>>>,
    series: Mutex<HashMap<[String; 3], Read<Listed<SeriesPoint>>>>,
    rules: Mutex<HashMap<String, ReadRules>>,
}

/// Format, each input with its path, and how it is read.
type TraceKey = (String, Vec<(&'static str, String)>, Options);

impl Tables {
    /// Paths are relative to `folder`; what is read is added to `digests`.
    pub fn new(folder: PathBuf, digests: Arc<Digests>) -> Tables {
        Tables { folder, digests, ..Tables::default() }
    }

    /// A trace of pods, and of nodes where they are named.
    pub fn trace(&self, format: &str, pods: &str, nodes: Option<&str>, options: Options) -> Read<Trace> {
        let mut inputs = vec![("pods", pods.to_owned())];
        inputs.extend(nodes.map(|nodes| ("nodes", nodes.to_owned())));
        self.read(format, inputs, options)
    }

    /// A trace of jobs with what was measured of them: speeds and convergence.
    pub fn jobs(&self, format: &str, jobs: &str, measured: [Option<&str>; 2], options: Options) -> Read<Trace> {
        let mut inputs = vec![("jobs", jobs.to_owned())];
        let named = ["throughputs", "convergence"].into_iter().zip(measured);
        inputs.extend(named.filter_map(|(input, path)| Some((input, path?.to_owned()))));
        self.read(format, inputs, options)
    }

    fn read(&self, format: &str, inputs: Vec<(&'static str, String)>, options: Options) -> Read<Trace> {
        let mut traces = self.traces.lock().expect("no reader panics while it holds the lock");
        let key = (format.to_owned(), inputs, options);
        if let Some(known) = traces.get(&key) {
            return known.clone();
        }
        let read = self.read_trace(format, &key.1, &key.2).map(Arc::new);
        traces.insert(key, read.clone());
        read
    }

    fn read_trace(
        &self,
        format: &str,
        inputs: &[(&'static str, String)],
        options: &Options,
    ) -> Result<Trace, Box<TableError>> {
        let mut files = Vec::with_capacity(inputs.len());
        for (input, path) in inputs {
            let name = self.name(path);
            let file = File::open(&name).map_err(|error| unreadable(input, &name, &error))?;
            files.push((*input, BufReader::new(Digests::watch(file)), name));
        }
        let mut given = Inputs { options: options.clone(), ..Inputs::default() };
        for (input, reader, name) in &mut files {
            given.give(input, Source { reader, file: name });
        }
        let first = inputs[0].0;
        let trace = import::format(format).and_then(|format| format.read(given)).map_err(|error| refused(first, error));
        for ((_, path), (_, reader, _)) in inputs.iter().zip(files) {
            self.digests.read(path, reader.into_inner());
        }
        trace
    }

    /// A demand series: `value` over `time`, both columns of a CSV file.
    pub fn series(&self, path: &str, time: &str, value: &str) -> Read<Listed<SeriesPoint>> {
        let mut known = self.series.lock().expect("no reader panics while it holds the lock");
        let key = [path, time, value].map(str::to_owned);
        known.entry(key).or_insert_with(|| self.read_series(path, time, value)).clone()
    }

    fn read_series(&self, path: &str, time: &str, value: &str) -> Read<Listed<SeriesPoint>> {
        let name = self.name(path);
        let file = File::open(&name).map_err(|error| unreadable("series", &name, &error))?;
        let mut reader = BufReader::new(Digests::watch(file));
        let points = import::read_series(&mut reader, &name, time, value);
        self.digests.read(path, reader.into_inner());
        points.map(Arc::new).map_err(|error| refused("series", error))
    }

    /// A log of requests by its column of times and the weights of its columns.
    pub fn requests(
        &self,
        path: &str,
        time: &str,
        size: &BTreeMap<String, f64>,
        only: &Only,
    ) -> Read<Listed<LoggedRequest>> {
        let name = self.name(path);
        let file = File::open(&name).map_err(|error| unreadable("requestLog", &name, &error))?;
        let mut reader = BufReader::new(Digests::watch(file));
        let weights: Vec<(&str, f64)> = size.iter().map(|(column, weight)| (&**column, *weight)).collect();
        let requests = import::read_requests(&mut reader, &name, time, &weights, only);
        self.digests.read(path, reader.into_inner());
        requests.map(Arc::new).map_err(|error| refused("requestLog", error))
    }

    /// A file of Prometheus rules.
    pub fn rules(&self, path: &str) -> ReadRules {
        let mut known = self.rules.lock().expect("no reader panics while it holds the lock");
        known.entry(path.to_owned()).or_insert_with(|| self.read_rules(path)).clone()
    }

    fn read_rules(&self, path: &str) -> ReadRules {
        let source = Arc::new(read_source(&self.folder.join(path))?);
        self.digests.add(path, source.text.as_bytes());
        let mut diagnostics = Vec::new();
        let groups = groups_of(&self.folder.join(path), &source, &mut diagnostics);
        Ok(Arc::new((groups, diagnostics)))
    }

    /// The files of a path that may be a pattern, as written from the scenario's folder.
    ///
    /// # Errors
    /// There is none.
    pub fn files(&self, path: &str) -> Result<Vec<String>, String> {
        let found = globs::files(&self.folder.join(path)).map_err(|problem| format!("{path:?}: {problem}"))?;
        let from_here = |file: &PathBuf| file.strip_prefix(&self.folder).unwrap_or(file).display().to_string();
        Ok(found.iter().map(from_here).collect())
    }

    fn name(&self, path: &str) -> String {
        self.folder.join(path).display().to_string()
    }
}

fn refused(input: &'static str, error: ImportError) -> Box<TableError> {
    Box::new(TableError { input, error })
}

fn unreadable(input: &'static str, name: &str, error: &std::io::Error) -> Box<TableError> {
    refused(input, ImportError::Unreadable { file: name.to_owned(), problem: format!("it can't be read: {error}") })
}
