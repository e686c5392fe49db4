//! Trace readers: from published or a user's own CSV tables to typed rows.
//!
//! One file a format, registered in [`FORMATS`]; `windtunnel import` and scenarios that name a trace read through
//! here. A reader gets open inputs and their names for its errors and opens nothing itself; every mistake names
//! file, line, column and what was expected there. A new format is its file, a line in the table, and a sample with
//! a bad row as its test.

mod arrivals;
mod azure_llm;
mod clock;
mod columns;
mod csv;
mod dlrm;
mod error;
mod gavel;
mod genai;
mod numbers;
mod openb;
mod opened;
mod pai;
mod pollux;
mod requests;
mod samples;
mod series;
mod spot;
mod swf;
mod table;
mod timed_jobs;

use std::io::Read;
use std::sync::Arc;

pub use arrivals::ArrivalsSpec;
pub use columns::InputColumn;
pub use error::ImportError;
pub use requests::{LoggedRequest, Only, RequestTrace, read_requests};
pub use samples::{SampleSeries, labels_of, read_samples, sum_of};
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
    /// A log of requests.
    pub requests: Option<RequestTrace>,
    /// Spot machines that could be had, by zone.
    pub availability: Vec<Availability>,
    /// What should be known of how the files were read.
    pub notes: Notes,
}

/// How many instances a zone had at each tick of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    pub zone: Arc<str>,
    /// From one tick to the next.
    pub gap: SimDuration,
    pub instances: Vec<u32>,
}

/// What should be known of how files were read, a sentence each, with the file's name before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes(pub Vec<String>);

impl Notes {
    /// What was read, with its notes, which are added to these.
    fn and<T>(&mut self, (read, notes): (T, Vec<String>)) -> T {
        self.0.extend(notes);
        read
    }

    /// The rows of a list, whose notes are added to these.
    fn of<T>(&mut self, listed: Listed<T>) -> Vec<T> {
        self.0.extend(listed.notes);
        listed.rows
    }
}

/// What one file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    pub rows: Vec<T>,
    /// As [`Notes`].
    pub notes: Vec<String>,
}

/// How files are read, whatever their format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// Leave out rows that can't be read, and say how many, in place of an error.
    pub skip_bad_rows: bool,
    /// For lists that say nothing of when pods come.
    pub arrivals: Option<ArrivalsSpec>,
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
    /// Whether no node may hold two pods of its workload.
    pub alone_on_node: bool,
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

impl<'a> Inputs<'a> {
    /// Puts an input in its place by the flag that names it.
    pub fn give(&mut self, input: &str, source: Source<'a>) {
        match input {
            "pods" => self.pods = Some(source),
            "nodes" => self.nodes = Some(source),
            "jobs" => self.jobs = Some(source),
            "throughputs" => self.throughputs = Some(source),
            "requests" => self.requests = Some(source),
            "convergence" => self.convergence = Some(source),
            _ => self.availability.push(source),
        }
    }
}

/// All of an input as text, unpacked, and what should be known of how it was stored.
///
/// # Errors
/// What can't be read or is no text.
pub fn read_text(reader: &mut dyn Read, file: &str) -> Result<(String, Vec<String>), ImportError> {
    opened::text(reader, file)
}

/// All of an input as bytes, unpacked.
///
/// # Errors
/// What can't be read.
pub fn read_bytes(reader: &mut dyn Read, file: &str) -> Result<Vec<u8>, ImportError> {
    opened::bytes(reader, file)
}

/// The text of a file as the readers here see it, unpacked; for showing a line of it.
pub fn text_of(path: &std::path::Path) -> Option<String> {
    let file = std::fs::File::open(path).ok()?;
    opened::text(file, "").ok().map(|(text, _)| text)
}

/// The inputs of an import, as far as the user gave them.
#[derive(Default)]
pub struct Inputs<'a> {
    pub pods: Option<Source<'a>>,
    pub nodes: Option<Source<'a>>,
    pub jobs: Option<Source<'a>>,
    pub throughputs: Option<Source<'a>>,
    pub requests: Option<Source<'a>>,
    pub availability: Vec<Source<'a>>,
    pub options: Options,
    pub convergence: Option<Source<'a>>,
}

/// Reads one table of a trace, under the name that its errors give it.
type TableReader<T> = fn(&mut dyn Read, &str, &Options) -> Result<Listed<T>, ImportError>;

/// A trace of nodes and pods, each from the input that was given for it.
fn read_nodes_and_pods(
    inputs: Inputs<'_>,
    nodes: TableReader<TraceNode>,
    pods: TableReader<TracePod>,
) -> Result<Trace, ImportError> {
    let mut trace = Trace::default();
    if let Some(source) = inputs.nodes {
        // Arrivals are those of pods.
        let options = Options { arrivals: None, ..inputs.options.clone() };
        trace.nodes = trace.notes.of(nodes(source.reader, source.file, &options)?);
    }
    if let Some(source) = inputs.pods {
        trace.pods = trace.notes.of(pods(source.reader, source.file, &inputs.options)?);
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
        name: "azure-llm",
        about: "requests to Azure's LLM services, of 2023 and 2024",
        inputs: &[("requests", true)],
        columns: &[("requests", columns::AZURE_LLM)],
        read: azure_llm::read,
    },
    Format {
        name: "genai",
        about: "requests for images of Alibaba's GenTD26 (cluster-trace-v2026-GenAI)",
        inputs: &[("requests", true)],
        columns: &[("requests", columns::GENAI)],
        read: genai::read,
    },
    Format {
        name: "dlrm",
        about: "instances of recommendation services (Alibaba's cluster-trace-gpu-v2025)",
        inputs: &[("pods", true)],
        columns: &[("pods", columns::DLRM)],
        read: dlrm::read,
    },
    Format {
        name: "spot",
        about: "availability of spot machines by zone (SkyPilot's spot-traces), or the fleet of Alibaba's cluster-trace-v2026-spot-gpu",
        inputs: &[("availability", false), ("nodes", false), ("pods", false)],
        columns: &[("nodes", columns::SPOT_NODES), ("pods", columns::SPOT_PODS)],
        read: spot::read,
    },
    Format {
        name: "swf",
        about: "Standard Workload Format of the Parallel Workloads Archive; as --nodes the same file gives the machine of its header",
        inputs: &[("pods", true), ("nodes", false)],
        columns: &[],
        read: swf::read,
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
            ("requests", inputs.requests.is_some()),
            ("availability", !inputs.availability.is_empty()),
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
