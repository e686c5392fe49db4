//! Format `openb`: Alibaba's production GPU cluster of 2023 (`cluster-trace-gpu-v2023`).
//!
//! Nodes: `sn`, `cpu_milli`, `memory_mib`, `gpu`, `model`. Pods: `name`, `cpu_milli`, `memory_mib`, `num_gpu`,
//! `gpu_milli`, `gpu_spec`, `qos`, `pod_phase`, `creation_time`, `deletion_time`, `scheduled_time`, and read so:
//!
//! - A pod arrives at its creation. It runs from its scheduling to its deletion, so that the wait for a node is the
//!   simulation's to find, not the trace's.
//! - A pod that never got a node (phase `Pending`) runs, where it gets one now, from its creation to its deletion:
//!   nothing else is known of how long it would have.
//! - A pod still `Running` whose deletion is the last instant of the trace (or is empty) was there when the recording
//!   ended: it runs on to the end of the simulation. The phase alone does not decide this, for most pods whose last
//!   known phase is `Running` have a deletion days or months before that.
//! - A pod without GPUs has `gpu_milli` 0; with several, each is a whole one.

use std::io::Read;

use super::csv::{GpuModels, MOST_GPUS, gpu_request};
use super::table::{Column, Interner, Names, Row, Table};
use super::{ImportError, Inputs, Qos, Trace, TraceNode, TracePod, read_nodes_and_pods};
use crate::units::{Bytes, Millicores, SimTime};

const MIB: i64 = 1 << 20;

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    read_nodes_and_pods(inputs, |reader, file| read_nodes(reader, file), |reader, file| read_pods(reader, file))
}

fn read_nodes(reader: impl Read, file: &str) -> Result<Vec<TraceNode>, ImportError> {
    let mut table = Table::open(reader, file)?;
    let (name, cpu, memory) = (table.column("sn")?, table.column("cpu_milli")?, table.column("memory_mib")?);
    let (gpus, model) = (table.column("gpu")?, table.column("model")?);
    let (mut names, mut models, mut nodes) = (Names::default(), Interner::default(), Vec::new());
    while let Some(row) = table.next()? {
        nodes.push(TraceNode {
            name: names.fresh(&row, name)?,
            cpu: Millicores(row.integer(cpu, i64::MAX)?),
            memory: mebibytes(&row, memory)?,
            gpus: row.integer(gpus, MOST_GPUS)? as u32,
            gpu_model: if row.is_empty(model) { None } else { Some(models.get(row.text(model)?)) },
            count: 1,
        });
    }
    Ok(nodes)
}

fn read_pods(reader: impl Read, file: &str) -> Result<Vec<TracePod>, ImportError> {
    let mut table = Table::open(reader, file)?;
    let (name, cpu, memory) = (table.column("name")?, table.column("cpu_milli")?, table.column("memory_mib")?);
    let (gpus, gpu_milli) = (Some(table.column("num_gpu")?), Some(table.column("gpu_milli")?));
    let (gpu_spec, qos, phase) = (table.column("gpu_spec")?, table.column("qos")?, table.column("pod_phase")?);
    let (creation, deletion) = (table.column("creation_time")?, table.column("deletion_time")?);
    let scheduling = table.column("scheduled_time")?;

    let (mut names, mut models) = (Names::default(), GpuModels::default());
    let (mut pods, mut latest, mut trace_end) = (Vec::new(), SimTime::ZERO, SimTime::ZERO);
    // Pods that ran when last seen, by index, with their deletion: which of them run on is known at the end.
    let mut running: Vec<(usize, SimTime)> = Vec::new();
    while let Some(row) = table.next()? {
        latest = row.seconds_from(creation, latest)?;
        let started = if row.is_empty(scheduling) { latest } else { not_before(&row, scheduling, latest, "creation")? };
        let deleted = if row.is_empty(deletion) { None } else { Some(not_before(&row, deletion, started, "start")?) };
        let (gpus, gpu_milli) = gpu_request(&row, gpus, gpu_milli)?;
        trace_end = trace_end.max(deleted.unwrap_or(started));
        if let (Some(deleted), b"Running") = (deleted, row.bytes(phase)) {
            running.push((pods.len(), deleted));
        }
        pods.push(TracePod {
            name: names.fresh(&row, name)?,
            arrival: latest,
            duration: deleted.map(|deleted| deleted.since(started)),
            cpu: Millicores(row.integer(cpu, i64::MAX)?),
            memory: mebibytes(&row, memory)?,
            gpus,
            gpu_milli,
            gpu_models: models.of(&row, Some(gpu_spec))?,
            priority: 0,
            qos: Some(qos_of(&row, qos)?),
            workload: None,
        });
    }
    for (index, deleted) in running {
        if deleted == trace_end {
            pods[index].duration = None;
        }
    }
    Ok(pods)
}

fn not_before(row: &Row<'_>, column: Column, earliest: SimTime, what: &str) -> Result<SimTime, ImportError> {
    let time = row.seconds(column)?;
    if time < earliest {
        return Err(row.refuse(column, format!("a time not before the pod's {what} ({})", earliest.as_secs_f64())));
    }
    Ok(time)
}

fn mebibytes(row: &Row<'_>, column: Column) -> Result<Bytes, ImportError> {
    Ok(Bytes(row.integer(column, i64::MAX / MIB)? * MIB))
}

fn qos_of(row: &Row<'_>, column: Column) -> Result<Qos, ImportError> {
    Ok(match row.bytes(column) {
        b"LS" => Qos::LatencySensitive,
        b"BE" => Qos::BestEffort,
        b"Guaranteed" => Qos::Guaranteed,
        b"Burstable" => Qos::Burstable,
        _ => return Err(row.refuse(column, "LS, BE, Burstable or Guaranteed")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SimDuration;

    const NODES: &str = include_str!("../../../data/openb-2023/openb_node_list_all_node.csv");
    const PODS: &str = include_str!("../../../data/openb-2023/openb_pod_list_default.csv");
    const HEADER: &str =
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time";

    #[test]
    fn the_published_lists_are_read_whole() {
        let nodes = read_nodes(NODES.as_bytes(), "nodes.csv").unwrap();
        assert_eq!((nodes.len(), nodes.iter().map(|node| node.gpus).sum::<u32>()), (1_523, 6_212));
        let pods = read_pods(PODS.as_bytes(), "pods.csv").unwrap();
        assert_eq!(pods.len(), 8_152);
        assert_eq!(pods.iter().filter(|pod| pod.gpus == 0).count(), 1_088);
        assert_eq!(pods.iter().filter(|pod| pod.duration.is_none()).count(), 34);
        assert_eq!(pods.iter().filter(|pod| pod.qos == Some(Qos::BestEffort)).count(), 3_398);
        assert_eq!(pods[0].duration, Some(SimDuration::from_secs(12_537_496)));
        assert!(pods.windows(2).all(|pair| pair[0].arrival <= pair[1].arrival));
    }

    #[test]
    fn a_pods_run_is_counted_from_its_scheduling_or_else_its_creation() {
        let rows = "a,1000,1,1,500,V100M16|V100M32,LS,Failed,10,100,30\nb,1,1,0,0,,BE,Pending,20,50,\n\
            c,1,1,2,1000,,BE,Running,20,90,20\nd,1,1,0,0,,BE,Running,25,100,25\n";
        let pods = read_pods(format!("{HEADER}\n{rows}").as_bytes(), "pods.csv").unwrap();
        let durations: Vec<_> = pods.iter().map(|pod| pod.duration.map(|d| d.as_secs_f64())).collect();
        assert_eq!(durations, [Some(70.0), Some(30.0), Some(70.0), None]);
        assert_eq!((pods[0].memory, pods[0].gpu_models.len()), (Bytes(MIB), 2));
    }

    #[test]
    fn a_bad_row_names_its_place() {
        for (row, parts) in [
            ("a,1,1,0,0,,XX,Failed,10,100,30", &["pods.csv:2:", "qos", "LS, BE"][..]),
            ("a,1,1,0,0,,LS,Failed,10,100,5", &["scheduled_time", "not before the pod's creation (10)"]),
            ("a,1,1,0,0,,LS,Failed,10,20,30", &["deletion_time", "not before the pod's start (30)"]),
            ("a,1,9999999999999,0,0,,LS,Failed,10,20,10", &["memory_mib", "whole number"]),
        ] {
            let error = read_pods(format!("{HEADER}\n{row}\n").as_bytes(), "pods.csv").unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{row}: {error}");
        }
        let without_times = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1,1,0,0\n";
        assert!(read_pods(without_times.as_bytes(), "pods.csv").is_err());
    }
}
