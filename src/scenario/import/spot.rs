//! Format `spot`: what a cloud had of spot machines, and the fleets that ran on them.
//!
//! - `--availability`: series as SkyPilot's spot-traces publish them, `{"metadata": {"gap_seconds": 300}, "data": [4, 3,
//!   0, …]}`: how many instances could be had (or were held) at each tick. A file is a zone, which its name begins with.
//! - `--nodes`, `--pods`: the node list and the job list of Alibaba's `cluster-trace-v2026-spot-gpu`. They say nothing of
//!   memory, so nodes have what any pod asks for: none.

use std::io::Read;

use serde::Deserialize;

use super::arrivals::Arrivals;
use super::csv::MOST_GPUS;
use super::table::{Interner, Names, Table};
use super::{Availability, ImportError, Inputs, Listed, Options, Source, Trace, TraceNode, TracePod, opened};
use crate::units::{Bytes, GpuMilli, Millicores, Quantity, SimDuration};

/// Of one job: its pods are made one by one.
const MOST_WORKERS: i64 = 100_000;

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    let mut trace = Trace::default();
    for source in inputs.availability {
        trace.availability.push(read_availability(source)?);
    }
    if let Some(source) = inputs.nodes {
        let options = Options { arrivals: None, ..inputs.options.clone() };
        trace.nodes = trace.notes.of(read_nodes(source.reader, source.file, &options)?);
    }
    if let Some(source) = inputs.pods {
        trace.pods = trace.notes.of(read_pods(source.reader, source.file, &inputs.options)?);
    }
    if trace.availability.is_empty() && trace.nodes.is_empty() && trace.pods.is_empty() {
        return Err(ImportError::MissingInput { format: "spot", input: "availability" });
    }
    Ok(trace)
}

#[derive(Deserialize)]
struct Published {
    metadata: Metadata,
    data: Vec<u32>,
}

#[derive(Deserialize)]
struct Metadata {
    gap_seconds: f64,
}

fn read_availability(source: Source<'_>) -> Result<Availability, ImportError> {
    let unreadable = |problem: String| ImportError::Unreadable { file: source.file.to_owned(), problem };
    let (text, _) = opened::text(source.reader, source.file)?;
    let published: Published = serde_json::from_str(&text).map_err(|error| ImportError::BadText {
        file: source.file.to_owned(),
        line: error.line().max(1) as u64,
        column: error.column().max(1),
        problem: format!(
            "{}; a series is {{\"metadata\": {{\"gap_seconds\": 300}}, \"data\": [4, 3, …]}}",
            plain(&error)
        ),
    })?;
    let gap = published.metadata.gap_seconds;
    if !(1.0..=1e9).contains(&gap) {
        return Err(unreadable(format!("gap_seconds is {gap}; expected 1 or more")));
    }
    if published.data.is_empty() {
        return Err(unreadable("`data` is empty".to_owned()));
    }
    let stem = source.file.rsplit(['/', '\\']).next().unwrap_or(source.file);
    let stem = stem.split('.').next().unwrap_or(stem);
    let zone = stem.split('_').next().unwrap_or(stem);
    Ok(Availability { zone: zone.into(), gap: SimDuration::from_secs_f64(gap), instances: published.data })
}

/// Without the place, which stands before it.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

fn read_nodes(reader: &mut dyn Read, file: &str, options: &Options) -> Result<Listed<TraceNode>, ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let (name, model) = (table.column("node_name")?, table.column("gpu_model")?);
    let (gpus, cpu) = (table.column("gpu_capacity_num")?, table.column("cpu_num")?);
    let (mut names, mut models, mut nodes) = (Names::default(), Interner::default(), Vec::new());
    table.each(|row| {
        let name = names.fresh(row, name)?;
        // The list numbers its nodes; a node's name is no number.
        let name = if name.bytes().all(|byte| byte.is_ascii_digit()) { format!("node-{name}").into() } else { name };
        nodes.push(TraceNode {
            name,
            cpu: Millicores(row.quantity(cpu, 1000, Quantity::milli_value)?),
            memory: Bytes::ZERO,
            gpus: row.integer(gpus, MOST_GPUS)? as u32,
            gpu_model: if row.is_empty(model) { None } else { Some(models.get(row.text(model)?)) },
            count: 1,
        });
        Ok(())
    })?;
    let notes = vec!["the list has no memory: its nodes have none, as its jobs ask for none".to_owned()];
    Ok(Listed { notes: table.notes(notes), rows: nodes })
}

fn read_pods(reader: &mut dyn Read, file: &str, options: &Options) -> Result<Listed<TracePod>, ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let (name, model, workers) = (table.column("job_name")?, table.column("gpu_model")?, table.column("worker_num")?);
    let (cpu, gpus) = (table.column("cpu_request")?, table.column("gpu_request")?);
    let (duration, kind) = (table.column("duration")?, table.column("job_type")?);
    let organization = table.optional("organization");
    let mut arrivals = Arrivals::of(&table, "submit_time", options)?;
    let (mut names, mut teams, mut models) = (Names::default(), Interner::default(), super::csv::GpuModels::default());
    let (mut pods, mut gangs) = (Vec::new(), 0usize);
    table.each(|row| {
        let arrival = arrivals.next(row)?;
        let share = row.quantity(gpus, 1000, Quantity::milli_value)?;
        let (gpus, gpu_milli) = match share {
            0 => (0, GpuMilli::ZERO),
            1..1000 => (1, GpuMilli(share)),
            share if share % 1000 == 0 && share / 1000 <= MOST_GPUS => ((share / 1000) as u32, GpuMilli(1000)),
            _ => return Err(row.refuse(gpus, format!("whole GPUs up to {MOST_GPUS}, or a fraction of one"))),
        };
        let workers = row.integer(workers, MOST_WORKERS)?;
        let priority = match row.bytes(kind) {
            b"HP" => 1000,
            b"Spot" => 0,
            _ => return Err(row.refuse(kind, "HP or Spot")),
        };
        let pod = TracePod {
            arrival,
            duration: Some(row.duration(duration)?),
            cpu: Millicores(row.quantity(cpu, 1000, Quantity::milli_value)?),
            memory: Bytes::ZERO,
            gpus,
            gpu_milli,
            gpu_models: models.of(row, Some(model))?,
            priority,
            qos: None,
            workload: match organization {
                Some(column) if !row.is_empty(column) => {
                    Some(teams.get(&format!("organization-{}", row.name(column)?)))
                }
                _ => None,
            },
            alone_on_node: false,
            name: names.fresh(row, name)?,
        };
        gangs += usize::from(workers > 1);
        let name = pod.name.clone();
        for worker in 0..workers {
            pods.push(TracePod { name: format!("job-{name}-{worker}").into(), ..pod.clone() });
        }
        Ok(())
    })?;
    let mut notes = arrivals.settle(&mut pods, |pod| pod.arrival, |pod, at| pod.arrival = at);
    if gangs > 0 {
        notes.push(format!("the workers of {gangs} jobs are pods that start one by one, not as a gang"));
    }
    Ok(Listed { notes: table.notes(notes), rows: pods })
}

#[cfg(test)]
mod tests {
    use super::super::format;
    use super::*;

    fn availability(text: &str) -> Result<Availability, String> {
        let mut reader = text.as_bytes();
        let source = Source { reader: &mut reader, file: "x/us-west-2c_v100_1.json" };
        read_availability(source).map_err(|error| error.to_string())
    }

    #[test]
    fn a_published_series_is_a_zone() {
        let read = availability(r#"{"metadata": {"gap_seconds": 300, "start": "x"}, "data": [4, 3, 0]}"#).unwrap();
        assert_eq!((&*read.zone, read.gap, read.instances), ("us-west-2c", SimDuration::from_mins(5), vec![4, 3, 0]));
    }

    #[test]
    fn a_bad_series_names_its_place() {
        for (text, parts) in [
            ("{\"metadata\": {\"gap_seconds\": 300},\n \"data\": [4, -1]}", &["us-west-2c_v100_1.json:2:15", "-1"][..]),
            (r#"{"data": [4]}"#, &["metadata"]),
            (r#"{"metadata": {"gap_seconds": 0}, "data": [4]}"#, &["gap_seconds is 0"]),
            (r#"{"metadata": {"gap_seconds": 300}, "data": []}"#, &["`data` is empty"]),
        ] {
            let error = availability(text).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{text}: {error}");
        }
    }

    #[test]
    fn the_fleets_lists_are_nodes_and_pods() {
        let (nodes, pods) = (
            "gpu_model,gpu_capacity_num,cpu_num,node_name\nGPU-series-1,4,192,0\nA10,1,128,2\n",
            "job_name,organization,gpu_model,cpu_request,gpu_request,worker_num,submit_time,duration,job_type\n\
             7,13,A10,20,1,1,0,100,HP\n8,57,A10,15,0.5,2,60,50,Spot\n",
        );
        let (mut nodes, mut pods) = (nodes.as_bytes(), pods.as_bytes());
        let nodes = Some(Source { reader: &mut nodes, file: "n.csv" });
        let pods = Some(Source { reader: &mut pods, file: "j.csv" });
        let trace = format("spot").unwrap().read(Inputs { nodes, pods, ..Inputs::default() }).unwrap();
        assert_eq!(
            (&*trace.nodes[0].name, trace.nodes[0].gpus, trace.nodes[1].cpu),
            ("node-0", 4, Millicores(128_000))
        );
        let told: Vec<_> = trace.pods.iter().map(|pod| (&*pod.name, pod.priority, pod.gpu_milli.get())).collect();
        assert_eq!(told, [("job-7-0", 1000, 1000), ("job-8-0", 0, 500), ("job-8-1", 0, 500)]);
        assert!(trace.notes.0.iter().any(|note| note.contains("workers of 1 jobs")));
        let error = format("spot").unwrap().read(Inputs::default()).unwrap_err().to_string();
        assert!(error.contains("--availability"), "{error}");
    }
}
