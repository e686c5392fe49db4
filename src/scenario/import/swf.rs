//! Format `swf`: the Standard Workload Format of the Parallel Workloads Archive.
//!
//! Eighteen fields a line with white space between, -1 where nothing is known; lines that begin with `;` are comments,
//! among them `MaxNodes` and `MaxProcs` of the machine. Times are seconds from the log's start. Read so:
//!
//! - A job arrives at its submit time and runs for its run time; one that never ran (cancelled before it started, run
//!   time below 0 or no processors) is left out and counted.
//! - It asks for its allocated processors, or else those requested, a core each, and for requested or else used memory,
//!   kilobytes a processor. It becomes a pod for each node's worth of processors: of the header's processors a node where
//!   given, else one pod. Those pods start one by one, not as a gang.
//! - Its workload is its queue. Given as `--nodes`, the file's header is the machine.

use std::io::{BufRead, BufReader, Read};

use super::clock::Clock;
use super::table::Interner;
use super::{ImportError, Inputs, Listed, Options, Trace, TraceNode, TracePod, opened};
use crate::units::{Bytes, GpuMilli, Millicores, SimDuration, SimTime};

const FIELDS: [&str; 18] = [
    "job number",
    "submit time",
    "wait time",
    "run time",
    "allocated processors",
    "average CPU time",
    "used memory",
    "requested processors",
    "requested time",
    "requested memory",
    "status",
    "user",
    "group",
    "executable",
    "queue",
    "partition",
    "preceding job",
    "think time",
];
/// Of one job, and of the machine.
const MOST_PROCESSORS: i64 = 100_000_000;
/// Pods of one job.
const MOST_PODS: i64 = 100_000;

/// What the header says of the machine.
#[derive(Default)]
struct Machine {
    nodes: Option<i64>,
    processors: Option<i64>,
}

impl Machine {
    fn per_node(&self) -> Option<i64> {
        let (nodes, processors) = (self.nodes?, self.processors?);
        (nodes > 0 && processors >= nodes).then(|| (processors + nodes - 1) / nodes)
    }

    fn comment(&mut self, text: &str) {
        let Some((key, value)) = text.split_once(':') else { return };
        let number = value.split_whitespace().next().and_then(|number| number.parse().ok());
        let number = number.filter(|number: &i64| (1..=MOST_PROCESSORS).contains(number));
        match key.trim() {
            "MaxNodes" => self.nodes = number,
            "MaxProcs" => self.processors = number,
            _ => {}
        }
    }
}

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    let mut trace = Trace::default();
    if let Some(source) = inputs.nodes {
        trace.nodes = trace.notes.of(read_nodes(source.reader, source.file)?);
    }
    if let Some(source) = inputs.pods {
        if inputs.options.arrivals.is_some() {
            return Err(ImportError::HasTimes { file: source.file.to_owned(), column: "submit time" });
        }
        trace.pods = trace.notes.of(read_pods(source.reader, source.file, &inputs.options)?);
    }
    Ok(trace)
}

/// Hands every line to `take` with its number; empty ones are passed over.
fn lines(
    reader: &mut dyn Read,
    file: &str,
    mut take: impl FnMut(u64, &str) -> Result<(), ImportError>,
) -> Result<Vec<String>, ImportError> {
    let unreadable = |problem: String| ImportError::Unreadable { file: file.to_owned(), problem };
    let opened = opened::open(reader, file)?;
    let mut reader = BufReader::new(opened.reader);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(|error| unreadable(error.to_string()))?;
        if read == 0 {
            return Ok(opened.notes);
        }
        number += 1;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_start_matches('\u{feff}').trim();
        if !text.is_empty() {
            take(number, text)?;
        }
    }
}

fn read_nodes(reader: &mut dyn Read, file: &str) -> Result<Listed<TraceNode>, ImportError> {
    let mut machine = Machine::default();
    lines(reader, file, |_, text| {
        if let Some(comment) = text.strip_prefix(';') {
            machine.comment(comment);
        }
        Ok(())
    })?;
    let (Some(nodes), Some(each)) = (machine.nodes, machine.per_node()) else {
        let problem = "its header does not say MaxNodes and MaxProcs; run the jobs on --autoscale TYPE,…".to_owned();
        return Err(ImportError::Unreadable { file: file.to_owned(), problem });
    };
    if nodes > 1_000_000 {
        let problem = format!("MaxNodes is {nodes}; expected at most 1000000");
        return Err(ImportError::Unreadable { file: file.to_owned(), problem });
    }
    let note = format!(
        "{file}: {nodes} nodes of {each} cores, as the header says; it has no memory, so a node has as much as fits"
    );
    let node = TraceNode {
        name: "node".into(),
        cpu: Millicores(each * 1000),
        // 1 PiB: memory shall not decide where nothing is known of it.
        memory: Bytes(1 << 50),
        gpus: 0,
        gpu_model: None,
        count: nodes as u32,
    };
    Ok(Listed { rows: vec![node], notes: vec![note] })
}

fn read_pods(reader: &mut dyn Read, file: &str, options: &Options) -> Result<Listed<TracePod>, ImportError> {
    let (mut machine, mut queues, mut pods) = (Machine::default(), Interner::default(), Vec::new());
    let (mut jobs, mut never_ran, mut bad, mut parallel) = (0usize, 0usize, 0usize, 0usize);
    let mut first_bad = None;
    let mut notes = lines(reader, file, |line, text| {
        if let Some(comment) = text.strip_prefix([';', '#']) {
            machine.comment(comment);
            return Ok(());
        }
        jobs += 1;
        match pods_of(line, text, file, &machine, &mut queues) {
            Ok(Some(of_the_job)) => {
                parallel += usize::from(of_the_job.len() > 1);
                pods.extend(of_the_job);
            }
            Ok(None) => never_ran += 1,
            Err(error) if options.skip_bad_rows => {
                bad += 1;
                first_bad.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    })?;
    if jobs == 0 {
        return Err(ImportError::Unreadable { file: file.to_owned(), problem: "no job in the log".to_owned() });
    }
    if let Some(error) = &first_bad {
        if bad == jobs {
            return Err(error.clone());
        }
        notes.push(format!("{bad} of {jobs} lines are bad and left out; the first: {error}"));
    }
    if never_ran > 0 {
        notes.push(format!("{never_ran} of {jobs} jobs never ran (no run time or no processors) and are left out"));
    }
    match machine.per_node() {
        Some(each) if parallel > 0 => notes.push(format!(
            "{parallel} jobs have more than one pod, of {each} processors each; they start one by one, not as a gang"
        )),
        None => notes.push("the header does not say how many processors a node has: a job is one pod".to_owned()),
        Some(_) => {}
    }
    notes.extend(Clock::default().settle(&mut pods, |pod: &TracePod| pod.arrival, |pod, at| pod.arrival = at));
    Ok(Listed { notes: notes.iter().map(|note| format!("{file}: {note}")).collect(), rows: pods })
}

/// A pod for each node's worth of processors; `None`: it never ran.
fn pods_of(
    line: u64,
    text: &str,
    file: &str,
    machine: &Machine,
    queues: &mut Interner,
) -> Result<Option<Vec<TracePod>>, ImportError> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    if fields.len() < FIELDS.len() {
        let (found, expected) = (fields.len(), FIELDS.len());
        return Err(ImportError::FieldCount { file: file.to_owned(), line, found, expected });
    }
    let refuse = |field: usize, expected: String| ImportError::BadValue {
        file: file.to_owned(),
        line,
        // Where the field begins in the line.
        column: fields[field].as_ptr() as usize - text.as_ptr() as usize + 1,
        name: FIELDS[field].to_owned(),
        found: fields[field].to_owned(),
        expected,
    };
    let number = |field: usize, most: i64| -> Result<i64, ImportError> {
        let parsed = fields[field].parse::<f64>().ok().filter(|number| number.is_finite());
        match parsed {
            Some(number) if number < 0.0 => Ok(-1),
            Some(number) if number <= most as f64 => Ok(number.round() as i64),
            _ => Err(refuse(field, format!("a number from -1 to {most}"))),
        }
    };
    let seconds = |field: usize| number(field, 9_000_000_000);
    let (job, submit, run) = (number(0, i64::MAX / 2)?, seconds(1)?, seconds(3)?);
    let (allocated, requested) = (number(4, MOST_PROCESSORS)?, number(7, MOST_PROCESSORS)?);
    let (used_memory, requested_memory) = (number(6, 1 << 40)?, number(9, 1 << 40)?);
    let queue = number(14, 1 << 31)?;
    if submit < 0 {
        return Err(refuse(1, "seconds from the log's start".to_owned()));
    }
    let processors = if allocated > 0 { allocated } else { requested };
    if run < 0 || processors <= 0 {
        return Ok(None);
    }
    let each = machine.per_node().unwrap_or(processors).max(1);
    let count = (processors + each - 1) / each;
    if count > MOST_PODS {
        return Err(refuse(4, format!("at most {MOST_PODS} nodes' worth of {each} processors")));
    }
    let kilobytes = if requested_memory > 0 { requested_memory } else { used_memory.max(0) };
    let workload = (queue >= 0).then(|| queues.get(&format!("queue-{queue}")));
    let pods = (0..count).map(|at| {
        let cores = each.min(processors - at * each);
        let name = if count == 1 { format!("job-{job}") } else { format!("job-{job}-{at}") };
        TracePod {
            name: name.into(),
            arrival: SimTime::from_secs(submit),
            duration: Some(SimDuration::from_secs(run)),
            cpu: Millicores(cores * 1000),
            memory: Bytes(kilobytes.saturating_mul(1024).saturating_mul(cores)),
            gpus: 0,
            gpu_milli: GpuMilli::ZERO,
            gpu_models: [].into(),
            priority: 0,
            qos: None,
            workload: workload.clone(),
            alone_on_node: false,
        }
    });
    Ok(Some(pods.collect()))
}

#[cfg(test)]
mod tests {
    use super::super::{Source, format};
    use super::*;

    fn read(text: &str, with_nodes: bool, skip_bad_rows: bool) -> Result<Trace, String> {
        let (mut pods, mut nodes) = (text.as_bytes(), text.as_bytes());
        let pods = Some(Source { reader: &mut pods, file: "log.swf" });
        let nodes = Some(Source { reader: &mut nodes, file: "log.swf" }).filter(|_| with_nodes);
        let options = Options { skip_bad_rows, ..Options::default() };
        let inputs = Inputs { pods, nodes, options, ..Inputs::default() };
        format("swf").unwrap().read(inputs).map_err(|error| error.to_string())
    }

    const HEADER: &str = "; Version: 2\n; Computer: test\n; MaxNodes: 4\n; MaxProcs: 32\n;\n";

    #[test]
    fn jobs_are_pods_of_a_nodes_worth_on_the_headers_machine() {
        let rows = "1 100 5 60 20 -1 1024 20 120 2048 1 3 1 -1 2 -1 -1 -1\n\
            2 50 -1 -1 -1 -1 -1 8 100 -1 5 3 1 -1 1 -1 -1 -1\n3 90 0 30 1 -1 -1 1 60 -1 1 4 1 -1 -1 -1 -1 -1\n";
        let trace = read(&format!("{HEADER}{rows}"), true, false).unwrap();
        assert_eq!((trace.nodes[0].count, trace.nodes[0].cpu), (4, Millicores(8_000)));
        let told: Vec<_> = trace.pods.iter().map(|pod| (&*pod.name, pod.cpu.get(), pod.arrival)).collect();
        let at = SimTime::from_secs;
        assert_eq!(
            told,
            [
                ("job-3", 1000, at(90)),
                ("job-1-0", 8000, at(100)),
                ("job-1-1", 8000, at(100)),
                ("job-1-2", 4000, at(100))
            ]
        );
        assert_eq!(
            (trace.pods[1].memory, trace.pods[1].workload.as_deref()),
            (Bytes(2048 * 1024 * 8), Some("queue-2"))
        );
        let notes = trace.notes.0.join("; ");
        for part in ["1 of 3 jobs never ran", "1 jobs have more than one pod", "not in order", "4 nodes of 8 cores"] {
            assert!(notes.contains(part), "{part}: {notes}");
        }
    }

    #[test]
    fn a_log_without_a_machine_says_so() {
        let row = "1 0 0 60 20 -1 -1 20 120 -1 1 3 1 -1 2 -1 -1 -1\n";
        let trace = read(row, false, false).unwrap();
        assert_eq!((trace.pods.len(), trace.pods[0].cpu), (1, Millicores(20_000)));
        assert!(trace.notes.0[0].contains("a job is one pod"));
        assert!(read(row, true, false).unwrap_err().contains("MaxNodes and MaxProcs"));
    }

    #[test]
    fn a_bad_line_names_its_place_or_is_counted() {
        let good = "1 0 0 60 2 -1 -1 2 120 -1 1 3 1 -1 2 -1 -1 -1\n";
        for (row, parts) in [
            ("1 0 0 60", &["log.swf:6", "4 fields", "expected 18"][..]),
            ("1 0 0 x 2 -1 -1 2 120 -1 1 3 1 -1 2 -1 -1 -1", &["log.swf:6:7", "run time"]),
            ("1 -5 0 1 2 -1 -1 2 120 -1 1 3 1 -1 2 -1 -1 -1", &["log.swf:6:3", "submit time"]),
        ] {
            let text = format!("{HEADER}{row}\n{good}");
            let error = read(&text, false, false).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{row}: {error}");
            let trace = read(&text, false, true).unwrap();
            assert_eq!(trace.pods.len(), 1);
            assert!(trace.notes.0[0].contains("1 of 2 lines are bad"), "{:?}", trace.notes);
        }
        assert!(read(HEADER, false, false).unwrap_err().contains("no job"));
    }
}
