//! Trace readers: from published or a user's own CSV tables to typed rows.
//!
//! One file a format, registered in [`FORMATS`]; `windtunnel import` and scenarios that name a trace read through
//! here. A reader gets open inputs and their names for its errors and opens nothing itself; every mistake names
//! file, line, column and what was expected there. A new format is its file, a line in the table, and a sample with
//! a bad row as its test.

mod columns;
mod csv;
mod error;
mod gavel;
mod openb;
mod pai;
mod pollux;
mod requests;
mod series;
mod table;
mod timed_jobs;

use std::io::Read;
use std::sync::Arc;

pub use columns::InputColumn;
pub use error::ImportError;
pub use requests::{LoggedRequest, read_requests};
pub use series::read_series;

use crate::load::training::{Profiles, ThroughputRow, TrainingJobRow};
use crate::units::{Bytes, GpuMilli, Millicores, SimDuration, SimTime, nearest};

/// What a trace holds. Lists are empty where the format or its inputs have none of a kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// In the order of the file.
    pub nodes: Vec<TraceNode>,
    /// In ascending order of arrival.
    pub pods: Vec<TracePod>,
    /// Training jobs, in ascending order of arrival.
    pub jobs: Vec<TrainingJobRow>,
    /// Their measured speeds.
    pub throughputs: Vec<ThroughputRow>,
    /// What was measured of their models, where that is more than one speed.
    pub profiles: Profiles,
}

/// One node, or several alike.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceNode {
    pub name: Arc<str>,
    pub cpu: Millicores,
    pub memory: Bytes,
    pub gpus: u32,
    /// `None` where there is no GPU or its model is not said.
    pub gpu_model: Option<Arc<str>>,
    /// How many nodes the row stands for; at least 1.
    pub count: u32,
}

/// One pod.
#[derive(Clone, Debug, PartialEq)]
pub struct TracePod {
    pub name: Arc<str>,
    pub arrival: SimTime,
    /// How long it runs once started; `None`: to the end of the simulation.
    pub duration: Option<SimDuration>,
    pub cpu: Millicores,
    pub memory: Bytes,
    /// Devices it asks for.
    pub gpus: u32,
    /// Share of each of those devices: below 1,000 only where it asks for one.
    pub gpu_milli: GpuMilli,
    /// GPU models it may run on; empty: any.
    pub gpu_models: Arc<[Arc<str>]>,
    pub priority: i32,
    pub qos: Option<Qos>,
    /// What it belongs to, where the trace says so.
    pub workload: Option<Arc<str>>,
}

/// A quality-of-service class as a trace states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qos {
    /// Alibaba's LS.
    LatencySensitive,
    Guaranteed,
    Burstable,
    /// Also Alibaba's BE.
    BestEffort,
}

/// An open input and the name that errors give it.
pub struct Source<'a> {
    pub reader: &'a mut dyn Read,
    pub file: &'a str,
}

/// The inputs of an import, as far as the user gave them.
#[derive(Default)]
pub struct Inputs<'a> {
    pub pods: Option<Source<'a>>,
    pub nodes: Option<Source<'a>>,
    pub jobs: Option<Source<'a>>,
    pub throughputs: Option<Source<'a>>,
    pub convergence: Option<Source<'a>>,
}

/// Reads one table of a trace, under the name that its errors give it.
type TableReader<T> = fn(&mut dyn Read, &str) -> Result<Vec<T>, ImportError>;

/// A trace of nodes and pods, each from the input that was given for it.
fn read_nodes_and_pods(
    inputs: Inputs<'_>,
    nodes: TableReader<TraceNode>,
    pods: TableReader<TracePod>,
) -> Result<Trace, ImportError> {
    let mut trace = Trace::default();
    if let Some(source) = inputs.nodes {
        trace.nodes = nodes(source.reader, source.file)?;
    }
    if let Some(source) = inputs.pods {
        trace.pods = pods(source.reader, source.file)?;
    }
    Ok(trace)
}

/// A trace format that can be read.
pub struct Format {
    pub name: &'static str,
    /// One line for the command's help.
    pub about: &'static str,
    /// Inputs that it takes, by flag, and whether each is required.
    pub inputs: &'static [(&'static str, bool)],
    /// The columns that each input has, by flag; a test holds them against the readers.
    pub columns: &'static [(&'static str, &'static [InputColumn])],
    read: fn(Inputs<'_>) -> Result<Trace, ImportError>,
}

/// The formats, in the order in which help lists them.
pub const FORMATS: &[Format] = &[
    Format {
        name: "csv",
        about: "Windtunnel's own tables of pods and nodes",
        inputs: &[("pods", true), ("nodes", false)],
        columns: &[("pods", columns::CSV_PODS), ("nodes", columns::CSV_NODES)],
        read: csv::read,
    },
    Format {
        name: "openb",
        about: "Alibaba's GPU cluster trace of 2023 (cluster-trace-gpu-v2023)",
        inputs: &[("pods", true), ("nodes", false)],
        columns: &[("pods", columns::OPENB_PODS), ("nodes", columns::OPENB_NODES)],
        read: openb::read,
    },
    Format {
        name: "gavel",
        about: "training jobs and measured throughputs in the form of data/gavel",
        inputs: &[("jobs", true), ("throughputs", true)],
        columns: &[("jobs", columns::GAVEL_JOBS), ("throughputs", columns::GAVEL_THROUGHPUTS)],
        read: gavel::read,
    },
    Format {
        name: "philly",
        about: "jobs of Microsoft's Philly cluster, or any jobs by their duration",
        inputs: &[("jobs", true)],
        columns: &[("jobs", columns::TIMED_JOBS)],
        read: timed_jobs::read,
    },
    Format {
        name: "pai",
        about: "mini-batch times of the workers of one job (cluster-trace-gpu-v2020), at the pace of the slowest",
        inputs: &[("jobs", true)],
        columns: &[("jobs", columns::PAI_JOBS)],
        read: pai::read,
    },
    Format {
        name: "pollux",
        about: "training jobs with measured step times by placement and convergence, in the form of data/pollux",
        inputs: &[("jobs", true), ("throughputs", true), ("convergence", true)],
        columns: &[
            ("jobs", columns::POLLUX_JOBS),
            ("throughputs", columns::POLLUX_THROUGHPUTS),
            ("convergence", columns::POLLUX_CONVERGENCE),
        ],
        read: pollux::read,
    },
];

/// The format of this name.
///
/// # Errors
/// An unknown name, with the nearest known one.
pub fn format(name: &str) -> Result<&'static Format, ImportError> {
    FORMATS.iter().find(|format| format.name == name).ok_or_else(|| {
        let nearest = nearest(name, FORMATS.iter().map(|known| known.name));
        let known = FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
        ImportError::UnknownFormat { name: name.to_owned(), nearest, known }
    })
}

impl Format {
    /// Reads all inputs.
    ///
    /// # Errors
    /// A required input that is missing, one that the format does not take, or the first mistake in a file.
    pub fn read(&self, inputs: Inputs<'_>) -> Result<Trace, ImportError> {
        let given = [
            ("pods", inputs.pods.is_some()),
            ("nodes", inputs.nodes.is_some()),
            ("jobs", inputs.jobs.is_some()),
            ("throughputs", inputs.throughputs.is_some()),
            ("convergence", inputs.convergence.is_some()),
        ];
        for (input, given) in given {
            match self.inputs.iter().find(|known| known.0 == input) {
                Some((_, true)) if !given => return Err(ImportError::MissingInput { format: self.name, input }),
                None if given => return Err(ImportError::UnusedInput { format: self.name, input }),
                _ => {}
            }
        }
        (self.read)(inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_format_names_the_nearest() {
        let error = format("opneb").err().unwrap().to_string();
        assert!(error.contains("did you mean \"openb\"") && error.contains("csv, openb, gavel"), "{error}");
    }

    #[test]
    fn inputs_that_lack_or_do_not_belong_are_refused() {
        let error = format("csv").unwrap().read(Inputs::default()).unwrap_err().to_string();
        assert!(error.contains("--pods"), "{error}");
        let (mut pods, mut jobs) = (&b""[..], &b""[..]);
        let pods = Some(Source { reader: &mut pods, file: "pods.csv" });
        let jobs = Some(Source { reader: &mut jobs, file: "jobs.csv" });
        let error = format("csv").unwrap().read(Inputs { pods, jobs, ..Inputs::default() }).unwrap_err().to_string();
        assert!(error.contains("--jobs"), "{error}");
    }
}
