//! Format `dlrm`: instances of recommendation services (Alibaba's `cluster-trace-gpu-v2025`), each a pod.
//!
//! A service's instances of one role are a workload. Creations and deletions are what the real autoscaler did, so the
//! replica counts of a service are those of the trace. Those without a creation were there at the start. A pod runs from
//! its scheduling to its deletion, as in `openb`.

use std::io::Read;

use super::clock::Clock;
use super::csv::MOST_GPUS;
use super::table::{Interner, Names, Table};
use super::{ImportError, Inputs, Listed, Options, Trace, TracePod};
use crate::units::{Bytes, GpuMilli, Millicores, Quantity, SimTime};

const GIB: i64 = 1 << 30;

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    let mut trace = Trace::default();
    if let Some(source) = inputs.pods {
        trace.pods = trace.notes.of(read_pods(source.reader, source.file, &inputs.options)?);
    }
    Ok(trace)
}

fn read_pods(reader: &mut dyn Read, file: &str, options: &Options) -> Result<Listed<TracePod>, ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let (name, role, app) = (table.column("instance_sn")?, table.column("role")?, table.column("app_name")?);
    let (cpu, gpus, memory) =
        (table.column("cpu_request")?, table.column("gpu_request")?, table.column("memory_request")?);
    let (creation, deletion) = (table.column("creation_time")?, table.column("deletion_time")?);
    let scheduling = table.column("scheduled_time")?;
    let (rdma, disk) = (table.optional("rdma_request"), table.optional("disk_request"));
    let spread = table.optional("max_instance_per_node");
    if options.arrivals.is_some() {
        return Err(ImportError::HasTimes { file: file.to_owned(), column: "creation_time" });
    }
    let (mut names, mut workloads, mut clock) = (Names::default(), Interner::default(), Clock::default());
    let (mut pods, mut with_rdma, mut with_disk, mut limited) = (Vec::new(), 0usize, 0usize, 0usize);
    // Where there are dates, what has none was there at the earliest of them.
    let mut standing = Vec::new();
    table.each(|row| {
        let mut time = |column| -> Result<Option<SimTime>, ImportError> {
            if row.is_empty(column) {
                Ok(None)
            } else {
                clock.read(row, column).map(|at| Some(SimTime::from_nanos(at)))
            }
        };
        let (created, scheduled, deleted) = (time(creation)?, time(scheduling)?, time(deletion)?);
        let started = scheduled.or(created).unwrap_or(SimTime::ZERO);
        if let (Some(created), true) = (created, scheduled.is_some_and(|at| Some(at) < created)) {
            let expected = format!("a time not before the creation ({})", created.as_secs_f64());
            return Err(row.refuse(scheduling, expected));
        }
        if deleted.is_some_and(|deleted| deleted < started) {
            return Err(row.refuse(deletion, format!("a time not before the start ({})", started.as_secs_f64())));
        }
        let gpus = row.integer(gpus, MOST_GPUS)? as u32;
        let workload = match row.bytes(role) {
            b"CN" => format!("{}-cn", row.name(app)?),
            b"HN" => format!("{}-hn", row.name(app)?),
            _ => return Err(row.refuse(role, "CN or HN")),
        };
        let is_positive = |column: Option<_>| column.is_some_and(|column| row.number(column).is_ok_and(|n| n > 0.0));
        let most = spread.filter(|column| !row.is_empty(*column) && row.bytes(*column) != b"-1");
        let most = most.map(|column| row.integer(column, i64::from(u32::MAX))).transpose()?;
        let pod = TracePod {
            arrival: created.unwrap_or(SimTime::ZERO),
            duration: deleted.map(|deleted| deleted.since(started)),
            cpu: Millicores(row.quantity(cpu, 1000, Quantity::milli_value)?),
            memory: Bytes(row.quantity(memory, GIB, Quantity::value)?),
            gpus,
            gpu_milli: if gpus > 0 { GpuMilli(1000) } else { GpuMilli::ZERO },
            gpu_models: [].into(),
            priority: 0,
            qos: None,
            // Requests equal limits.
            workload: Some(workloads.get(&workload)),
            alone_on_node: most == Some(1),
            name: names.fresh(row, name)?,
        };
        with_rdma += usize::from(is_positive(rdma));
        with_disk += usize::from(is_positive(disk));
        limited += usize::from(most.is_some_and(|most| most > 1));
        if created.is_none() {
            standing.push(pods.len());
        }
        pods.push(pod);
        Ok(())
    })?;
    let earliest = pods.iter().enumerate().filter(|(at, _)| standing.binary_search(at).is_err());
    let earliest = earliest.map(|(_, pod)| pod.arrival).min().unwrap_or(SimTime::ZERO);
    let (zero, _) = clock.zero(earliest.nanos());
    if zero != 0 {
        for at in standing {
            let pod: &mut TracePod = &mut pods[at];
            pod.arrival = earliest;
            pod.duration = pod.duration.map(|ran| (SimTime::ZERO + ran).since(earliest));
        }
    }
    let mut notes = clock.settle(&mut pods, |pod| pod.arrival, |pod, at| pod.arrival = at);
    // Those that stood at the start come first in the file or not; that is no disorder of the trace.
    notes.retain(|note| !note.contains("not in order"));
    for (count, what) in [
        (with_rdma, "ask for RDMA, which no node here has: the request is left out"),
        (with_disk, "ask for disk, which is left out"),
        (limited, "have a limit of instances a node above 1 (max_instance_per_node), which is not modelled"),
    ] {
        if count > 0 {
            notes.push(format!("{count} of {} instances {what}", pods.len()));
        }
    }
    Ok(Listed { notes: table.notes(notes), rows: pods })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SimDuration;

    const HEADER: &str = "instance_sn,role,app_name,cpu_request,cpu_limit,gpu_request,gpu_limit,rdma_request,rdma_limit,\
        memory_request,memory_limit,disk_request,disk_limit,max_instance_per_node,creation_time,scheduled_time,deletion_time";

    fn read(rows: &str) -> Result<Listed<TracePod>, String> {
        let text = format!("{HEADER}\n{rows}");
        read_pods(&mut text.as_bytes(), "i.csv", &Options::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn instances_are_pods_of_a_workload_a_service_and_role() {
        let rows = "i0,HN,app_0,12,12,1,1,25,25,120.0,120.0,640,800,8,,,\n\
            i1,CN,app_0,0.5,0.5,0,0,0,0,1.5,1.5,0,0,1,100,160,460\ni2,CN,app_1,2,2,0,0,0,0,4,4,0,0,-1,50,50,\n";
        let listed = read(rows).unwrap();
        let told: Vec<_> = listed.rows.iter().map(|pod| (&*pod.name, pod.workload.as_deref(), pod.duration)).collect();
        let ran = Some(SimDuration::from_secs(300));
        assert_eq!(
            told,
            [("i0", Some("app_0-hn"), None), ("i2", Some("app_1-cn"), None), ("i1", Some("app_0-cn"), ran)]
        );
        assert_eq!((listed.rows[0].gpus, listed.rows[0].memory), (1, Bytes(120 << 30)));
        assert_eq!((listed.rows[2].cpu, listed.rows[2].alone_on_node), (Millicores(500), true));
        let notes = listed.notes.join("; ");
        assert!(
            notes.contains("1 of 3 instances ask for RDMA") && notes.contains("1 of 3 instances have a limit"),
            "{notes}"
        );
        assert!(!notes.contains("not in order"), "{notes}");
    }

    #[test]
    fn a_bad_row_names_its_place() {
        for (row, parts) in [
            ("i,XX,a,1,1,0,0,0,0,1,1,0,0,-1,,,", &["i.csv:2:3", "CN or HN"][..]),
            ("i,CN,a,1,1,0,0,0,0,1,1,0,0,-1,9,9,8", &["deletion_time", "not before the start (9)"]),
            ("i,CN,a,1,1,0,0,0,0,1,1,0,0,-1,9,8,", &["scheduled_time", "not before the creation (9)"]),
            ("i,CN,a,1,1,0.5,0,0,0,1,1,0,0,-1,,,", &["gpu_request", "whole number"]),
        ] {
            let error = read(&format!("{row}\n")).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{row}: {error}");
        }
    }
}
