//! Format `csv`: Windtunnel's own tables.
//!
//! Pods: `name`, `arrival_s` (ascending), `duration_s` (empty: runs to the end), `cpu_milli`, `memory_bytes`, and
//! optionally `gpus`, `gpu_milli` (share of one device; implies one GPU), `gpu_model` (models allowed, `|` between),
//! `priority`, `workload`. Nodes: `name`, `cpu_milli`, `memory_bytes`, and optionally `gpus`, `gpu_model`, `count`.
//! Other columns are ignored.

use std::io::Read;
use std::sync::Arc;

use super::table::{Column, Interner, Names, Row, Table};
use super::{ImportError, Inputs, Trace, TraceNode, TracePod, read_nodes_and_pods};
use crate::units::{Bytes, GpuMilli, Millicores, SimTime};

/// Most GPUs that a node or a pod may have: enough for any machine, and a guard against shifted columns.
pub(super) const MOST_GPUS: i64 = 1024;
/// Most GPUs of a job.
pub(super) const MOST_GPUS_OF_A_JOB: i64 = 65_536;

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    read_nodes_and_pods(inputs, |reader, file| read_nodes(reader, file), |reader, file| read_pods(reader, file))
}

fn read_pods(reader: impl Read, file: &str) -> Result<Vec<TracePod>, ImportError> {
    let mut table = Table::open(reader, file)?;
    let (name, arrival, duration) = (table.column("name")?, table.column("arrival_s")?, table.column("duration_s")?);
    let (cpu, memory) = (table.column("cpu_milli")?, table.column("memory_bytes")?);
    let (gpus, gpu_milli, gpu_model) =
        (table.optional("gpus"), table.optional("gpu_milli"), table.optional("gpu_model"));
    let (priority, workload) = (table.optional("priority"), table.optional("workload"));

    let (mut names, mut workloads, mut models) = (Names::default(), Interner::default(), GpuModels::default());
    let (mut pods, mut latest) = (Vec::new(), SimTime::ZERO);
    while let Some(row) = table.next()? {
        latest = row.seconds_from(arrival, latest)?;
        let (gpus, gpu_milli) = gpu_request(&row, gpus, gpu_milli)?;
        pods.push(TracePod {
            name: names.fresh(&row, name)?,
            arrival: latest,
            duration: if row.is_empty(duration) { None } else { Some(row.seconds(duration)?.since(SimTime::ZERO)) },
            cpu: Millicores(row.integer(cpu, i64::MAX)?),
            memory: Bytes(row.integer(memory, i64::MAX)?),
            gpus,
            gpu_milli,
            gpu_models: models.of(&row, gpu_model)?,
            priority: priority_of(&row, priority)?,
            qos: None,
            workload: match workload {
                Some(column) if !row.is_empty(column) => Some(workloads.get(row.name(column)?)),
                _ => None,
            },
        });
    }
    Ok(pods)
}

fn read_nodes(reader: impl Read, file: &str) -> Result<Vec<TraceNode>, ImportError> {
    let mut table = Table::open(reader, file)?;
    let (name, cpu, memory) = (table.column("name")?, table.column("cpu_milli")?, table.column("memory_bytes")?);
    let (gpus, gpu_model, count) = (table.optional("gpus"), table.optional("gpu_model"), table.optional("count"));
    let (mut names, mut models, mut nodes) = (Names::default(), Interner::default(), Vec::new());
    while let Some(row) = table.next()? {
        let copies = row.integer_or(count, 1_000_000, 1)?;
        if let (0, Some(column)) = (copies, count) {
            return Err(row.refuse(column, "at least one node"));
        }
        nodes.push(TraceNode {
            name: names.fresh(&row, name)?,
            cpu: Millicores(row.integer(cpu, i64::MAX)?),
            memory: Bytes(row.integer(memory, i64::MAX)?),
            gpus: row.integer_or(gpus, MOST_GPUS, 0)? as u32,
            gpu_model: match gpu_model {
                Some(column) if !row.is_empty(column) => Some(models.get(row.text(column)?)),
                _ => None,
            },
            count: copies as u32,
        });
    }
    Ok(nodes)
}

/// Devices and the share of each: a share alone asks for one device, devices alone are whole ones.
pub(super) fn gpu_request(
    row: &Row<'_>,
    gpus: Option<Column>,
    gpu_milli: Option<Column>,
) -> Result<(u32, GpuMilli), ImportError> {
    let share = row.integer_or(gpu_milli, 1000, -1)?;
    let count = row.integer_or(gpus, MOST_GPUS, i64::from(share > 0))?;
    match (count, share, gpu_milli) {
        (0, ..=0, _) => Ok((0, GpuMilli::ZERO)),
        (_, -1, _) | (_, 1000, _) if count > 0 => Ok((count as u32, GpuMilli(1000))),
        (1, 1.., _) => Ok((1, GpuMilli(share))),
        (0, _, Some(column)) => Err(row.refuse(column, "0, for a pod without GPUs")),
        (1, _, Some(column)) => Err(row.refuse(column, "from 1 to 1000, for a pod with a GPU")),
        (_, _, Some(column)) => Err(row.refuse(column, "1000, for several GPUs are whole ones")),
        (_, _, None) => Ok((count as u32, GpuMilli(1000))),
    }
}

/// A priority may be negative, as in Kubernetes.
fn priority_of(row: &Row<'_>, column: Option<Column>) -> Result<i32, ImportError> {
    let Some(column) = column.filter(|column| !row.is_empty(*column)) else { return Ok(0) };
    row.text(column)?.parse().map_err(|_| row.refuse(column, "a whole number that fits 32 bits"))
}

/// Lists of GPU models, `|` between, each list held once.
#[derive(Default)]
pub(super) struct GpuModels {
    lists: rustc_hash::FxHashMap<Box<str>, Arc<[Arc<str>]>>,
    models: Interner,
    any: Option<Arc<[Arc<str>]>>,
}

impl GpuModels {
    pub fn of(&mut self, row: &Row<'_>, column: Option<Column>) -> Result<Arc<[Arc<str>]>, ImportError> {
        let Some(column) = column.filter(|column| !row.is_empty(*column)) else {
            return Ok(self.any.get_or_insert_with(|| Arc::from([])).clone());
        };
        let text = row.text(column)?;
        if let Some(known) = self.lists.get(text) {
            return Ok(known.clone());
        }
        let names = text.split('|').map(str::trim);
        let list: Arc<[Arc<str>]> = names.filter(|name| !name.is_empty()).map(|name| self.models.get(name)).collect();
        if list.is_empty() {
            return Err(row.refuse(column, "GPU models with | between them, or nothing for any"));
        }
        self.lists.insert(text.into(), list.clone());
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SimDuration;

    fn pods(text: &str) -> Result<Vec<TracePod>, String> {
        read_pods(text.as_bytes(), "pods.csv").map_err(|error| error.to_string())
    }

    const HEADER: &str = "name,arrival_s,duration_s,cpu_milli,memory_bytes";

    #[test]
    fn pods_are_read_with_and_without_the_optional_columns() {
        let plain = pods(&format!("{HEADER}\npod_0,0.500,10.250,500,1024\npod_1,2,,1000,2048\n")).unwrap();
        assert_eq!(plain[0].arrival, SimTime::from_nanos(500_000_000));
        assert_eq!(plain[0].duration, Some(SimDuration::from_millis(10_250)));
        assert_eq!((plain[1].duration, plain[1].gpus, plain[1].priority), (None, 0, 0));

        let full = "memory_bytes,cpu_milli,duration_s,arrival_s,name,gpus,gpu_milli,gpu_model,priority,workload,extra\n\
            1,1,1,0,a,1,250,T4|V100,-5,w,x\n1,1,1,0,b,8,,,,w,\n1,1,1,0,c,,300,,,,\n1,1,1,0,d,0,0,,,,\n";
        let full = pods(full).unwrap();
        assert_eq!((full[0].gpus, full[0].gpu_milli, full[0].priority), (1, GpuMilli(250), -5));
        assert_eq!(full[0].gpu_models.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["T4", "V100"]);
        assert_eq!((full[1].gpus, full[1].gpu_milli), (8, GpuMilli(1000)));
        assert_eq!((full[2].gpus, full[2].gpu_milli), (1, GpuMilli(300)));
        assert_eq!((full[3].gpus, full[3].gpu_milli), (0, GpuMilli(0)));
        assert_eq!(full[0].workload, full[1].workload);
    }

    #[test]
    fn a_bad_table_names_file_line_column_and_what_was_expected() {
        for (text, parts) in [
            (String::new(), &["pods.csv", "no header"][..]),
            (
                "name,arrival,duration_s,cpu_milli,memory_bytes\n".into(),
                &["pods.csv:1", "arrival_s", "did you mean \"arrival\""],
            ),
            (format!("{HEADER},name\n"), &["two columns", "name"]),
            (format!("{HEADER}\na,0,1,1\n"), &["pods.csv:2", "4 fields", "expected 5"]),
            (format!("{HEADER}\na,0,1,1,1\nb,x,1,1,1\n"), &["pods.csv:3:3", "arrival_s", "\"x\"", "seconds"]),
            (format!("{HEADER}\na,5,1,1,1\nb,4,1,1,1\n"), &["pods.csv:3:3", "not before the row above (5)"]),
            (format!("{HEADER}\na,5,-1,1,1\n"), &["pods.csv:2:5", "duration_s", "zero or more"]),
            (format!("{HEADER}\na,5,1,-7,1\n"), &["pods.csv:2:7", "cpu_milli", "whole number"]),
            (format!("{HEADER}\na,5,1,7,99999999999999999999\n"), &["memory_bytes", "whole number"]),
            (format!("{HEADER}\na,5,1,1,1\na,6,1,1,1\n"), &["pods.csv:3:1", "no row above"]),
            (format!("{HEADER}\n,5,1,1,1\n"), &["name", "some text"]),
            (format!("{HEADER}\n=1+1,5,1,1,1\n"), &["pods.csv:2:1", "begin with ="]),
            (format!("{HEADER}\na\u{1b}[31m,5,1,1,1\n"), &["pods.csv:2:1", "control characters"]),
            (format!("{HEADER},workload\na,5,1,1,1,@w\n"), &["workload", "begin with ="]),
            (format!("{HEADER},gpus,gpu_milli\na,5,1,1,1,2,500\n"), &["gpu_milli", "whole ones"]),
            (format!("{HEADER},gpus,gpu_milli\na,5,1,1,1,1,1001\n"), &["gpu_milli", "up to 1000"]),
            (format!("{HEADER},gpus,gpu_milli\na,5,1,1,1,1,0\n"), &["gpu_milli", "from 1 to 1000"]),
            (format!("{HEADER},gpus,gpu_milli\na,5,1,1,1,0,500\n"), &["gpu_milli", "without GPUs"]),
            (format!("{HEADER},gpu_model\na,5,1,1,1,|\n"), &["gpu_model", "GPU models"]),
            (format!("{HEADER},priority\na,5,1,1,1,high\n"), &["priority", "32 bits"]),
        ] {
            let error = pods(&text).expect_err(&text);
            for part in parts {
                assert!(error.contains(part), "{text:?}: {error}");
            }
        }
    }

    #[test]
    fn nodes_may_stand_for_many() {
        let nodes = read_nodes(
            "name,cpu_milli,memory_bytes,gpus,gpu_model,count\nn,64000,10,8,V100,12\nm,1,1,,,\n".as_bytes(),
            "nodes.csv",
        )
        .unwrap();
        assert_eq!((nodes[0].count, nodes[0].gpus, nodes[0].gpu_model.as_deref()), (12, 8, Some("V100")));
        assert_eq!((nodes[1].count, nodes[1].gpus, nodes[1].gpu_model.as_deref()), (1, 0, None));
        let error = read_nodes("name,cpu_milli,memory_bytes,count\nn,1,1,0\n".as_bytes(), "nodes.csv").unwrap_err();
        assert_eq!(error.place(), Some(("nodes.csv", Some(2), Some(7))));
    }

    #[test]
    fn what_is_not_utf8_is_refused() {
        let mut text = format!("{HEADER}\n").into_bytes();
        text.extend(b"\xff\xfe,0,1,1,1\n");
        assert!(read_pods(&text[..], "pods.csv").unwrap_err().to_string().contains("UTF-8"));
    }
}
