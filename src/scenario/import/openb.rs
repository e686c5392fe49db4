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

use super::arrivals::Arrivals;
use super::csv::{GpuModels, MOST_GPUS, bytes, gpu_request, millicores};
use super::table::{Column, Interner, Names, Row, Table};
use super::{ImportError, Inputs, Listed, Options, Qos, Trace, TraceNode, TracePod, read_nodes_and_pods};
use crate::units::SimTime;

const MIB: i64 = 1 << 20;

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    read_nodes_and_pods(inputs, read_nodes, read_pods)
}

fn read_nodes(reader: &mut dyn Read, file: &str, options: &Options) -> Result<Listed<TraceNode>, ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let (name, cpu, memory) = (table.column("sn")?, table.column("cpu_milli")?, table.column("memory_mib")?);
    let (gpus, model) = (table.column("gpu")?, table.column("model")?);
    let (mut names, mut models, mut nodes) = (Names::default(), Interner::default(), Vec::new());
    table.each(|row| {
        nodes.push(TraceNode {
            cpu: millicores(row, cpu)?,
            memory: bytes(row, memory, MIB)?,
            gpus: row.integer(gpus, MOST_GPUS)? as u32,
            gpu_model: if row.is_empty(model) { None } else { Some(models.get(row.text(model)?)) },
            count: 1,
            name: names.fresh(row, name)?,
        });
        Ok(())
    })?;
    Ok(Listed { notes: table.notes(Vec::new()), rows: nodes })
}

/// When a pod began and ended, where its list says.
struct Times {
    deletion: Column,
    scheduling: Column,
}

fn read_pods(reader: &mut dyn Read, file: &str, options: &Options) -> Result<Listed<TracePod>, ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let (name, cpu, memory) = (table.column("name")?, table.column("cpu_milli")?, table.column("memory_mib")?);
    let (gpus, gpu_milli) = (Some(table.column("num_gpu")?), Some(table.column("gpu_milli")?));
    // Some published lists stop here.
    let (gpu_spec, qos, phase) = (table.optional("gpu_spec"), table.optional("qos"), table.optional("pod_phase"));
    let mut arrivals = Arrivals::of(&table, "creation_time", options)?;
    let times = match arrivals.are_listed() {
        true => Some(Times { deletion: table.column("deletion_time")?, scheduling: table.column("scheduled_time")? }),
        false => None,
    };

    let (mut names, mut models) = (Names::default(), GpuModels::default());
    let (mut pods, mut trace_end) = (Vec::new(), SimTime::ZERO);
    // Pods that ran when last seen, by index, with their deletion: which of them run on is known at the end.
    let mut running: Vec<(usize, SimTime)> = Vec::new();
    table.each(|row| {
        let arrival = arrivals.next(row)?;
        let mut duration = arrivals.lasting();
        let mut deletion = None;
        if let Some(times) = &times {
            let mut not_before = |column: Column, earliest: SimTime, what: &str| -> Result<SimTime, ImportError> {
                let time = arrivals.time(row, column)?;
                if time < earliest {
                    let expected = format!("a time not before the pod's {what} ({})", earliest.as_secs_f64());
                    return Err(row.refuse(column, expected));
                }
                Ok(time)
            };
            let (scheduling, column) = (times.scheduling, times.deletion);
            let started = if row.is_empty(scheduling) { arrival } else { not_before(scheduling, arrival, "creation")? };
            deletion = if row.is_empty(column) { None } else { Some(not_before(column, started, "start")?) };
            duration = deletion.map(|deleted| deleted.since(started));
            trace_end = trace_end.max(deletion.unwrap_or(started));
        }
        let (gpus, gpu_milli) = gpu_request(row, gpus, gpu_milli)?;
        let pod = TracePod {
            arrival,
            duration,
            cpu: millicores(row, cpu)?,
            memory: bytes(row, memory, MIB)?,
            gpus,
            gpu_milli,
            gpu_models: models.of(row, gpu_spec)?,
            priority: 0,
            qos: qos.map(|qos| qos_of(row, qos)).transpose()?,
            workload: None,
            alone_on_node: false,
            name: names.fresh(row, name)?,
        };
        if let (Some(deleted), Some(b"Running")) = (deletion, phase.map(|phase| row.bytes(phase))) {
            running.push((pods.len(), deleted));
        }
        pods.push(pod);
        Ok(())
    })?;
    for (index, deleted) in running {
        if deleted == trace_end {
            pods[index].duration = None;
        }
    }
    let notes = arrivals.settle(&mut pods, |pod| pod.arrival, |pod, at| pod.arrival = at);
    Ok(Listed { notes: table.notes(notes), rows: pods })
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
    use crate::scenario::import::ArrivalsSpec;
    use crate::units::{Bytes, SimDuration};

    const NODES: &str = include_str!("../../../data/openb-2023/openb_node_list_all_node.csv");
    const PODS: &str = include_str!("../../../data/openb-2023/openb_pod_list_default.csv");
    const HEADER: &str =
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time";

    fn pods_of(text: &str) -> Result<Vec<TracePod>, String> {
        let read = read_pods(&mut text.as_bytes(), "pods.csv", &Options::default());
        read.map(|listed| listed.rows).map_err(|error| error.to_string())
    }

    #[test]
    fn the_published_lists_are_read_whole() {
        let nodes = read_nodes(&mut NODES.as_bytes(), "nodes.csv", &Options::default()).unwrap().rows;
        assert_eq!((nodes.len(), nodes.iter().map(|node| node.gpus).sum::<u32>()), (1_523, 6_212));
        let pods = pods_of(PODS).unwrap();
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
        let pods = pods_of(&format!("{HEADER}\n{rows}")).unwrap();
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
            ("a,1,9999999999999,0,0,,LS,Failed,10,20,10", &["memory_mib", "a number of zero or more"]),
        ] {
            let error = pods_of(&format!("{HEADER}\n{row}\n")).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{row}: {error}");
        }
    }

    #[test]
    fn a_list_without_times_says_so_and_takes_arrivals() {
        let list = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1,1,0,0\nb,1,1,1,500\n";
        let error = pods_of(list).unwrap_err();
        assert!(error.contains("the list has no times") && error.contains("--every"), "{error}");
        let every = SimDuration::from_secs(10);
        let arrivals = Some(ArrivalsSpec { every, poisson: false, lasting: None, seed: 1 });
        let options = Options { arrivals, ..Options::default() };
        let pods = read_pods(&mut list.as_bytes(), "pods.csv", &options).unwrap().rows;
        assert_eq!((pods[1].arrival, pods[1].duration, pods[1].qos), (SimTime::from_secs(10), None, None));
    }
}
