//! Format `csv`: Windtunnel's own tables.
//!
//! Pods: `name`, `arrival_s` (ascending), `duration_s` (empty: runs to the end), `cpu_milli`, `memory_bytes`, and
//! optionally `gpus`, `gpu_milli` (share of one device; implies one GPU), `gpu_model` (models allowed, `|` between),
//! `priority`, `workload`. Nodes: `name`, `cpu_milli`, `memory_bytes`, and optionally `gpus`, `gpu_model`, `count`.
//! Other columns are ignored.

use std::io::Read;
use std::sync::Arc;

use super::arrivals::Arrivals;
use super::table::{Column, Interner, Names, Row, Table};
use super::{ImportError, Inputs, Listed, Options, Trace, TraceNode, TracePod, read_nodes_and_pods};
use crate::units::{Bytes, GpuMilli, Millicores, Quantity};

/// Most GPUs that a node or a pod may have: enough for any machine, and a guard against shifted columns.
pub(super) const MOST_GPUS: i64 = 1024;
/// Most GPUs of a job.
pub(super) const MOST_GPUS_OF_A_JOB: i64 = 65_536;

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    read_nodes_and_pods(inputs, read_nodes, read_pods)
}

fn read_pods(reader: &mut dyn Read, file: &str, options: &Options) -> Result<Listed<TracePod>, ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let name = table.column("name")?;
    let mut arrivals = Arrivals::of(&table, "arrival_s", options)?;
    let duration = if arrivals.are_listed() { Some(table.column("duration_s")?) } else { table.optional("duration_s") };
    let (cpu, memory) = (table.column("cpu_milli")?, table.column("memory_bytes")?);
    let (gpus, gpu_milli, gpu_model) =
        (table.optional("gpus"), table.optional("gpu_milli"), table.optional("gpu_model"));
    let (priority, workload) = (table.optional("priority"), table.optional("workload"));

    let (mut names, mut workloads, mut models) = (Names::default(), Interner::default(), GpuModels::default());
    let mut pods = Vec::new();
    table.each(|row| {
        let arrival = arrivals.next(row)?;
        let (gpus, gpu_milli) = gpu_request(row, gpus, gpu_milli)?;
        pods.push(TracePod {
            arrival,
            duration: match duration {
                Some(duration) if !row.is_empty(duration) => Some(row.duration(duration)?),
                _ => arrivals.lasting(),
            },
            cpu: millicores(row, cpu)?,
            memory: bytes(row, memory, 1)?,
            gpus,
            gpu_milli,
            gpu_models: models.of(row, gpu_model)?,
            priority: priority_of(row, priority)?,
            qos: None,
            workload: match workload {
                Some(column) if !row.is_empty(column) => Some(workloads.get(row.name(column)?)),
                _ => None,
            },
            alone_on_node: false,
            name: names.fresh(row, name)?,
        });
        Ok(())
    })?;
    let notes = arrivals.settle(&mut pods, |pod| pod.arrival, |pod, at| pod.arrival = at);
    Ok(Listed { notes: table.notes(notes), rows: pods })
}

fn read_nodes(reader: &mut dyn Read, file: &str, options: &Options) -> Result<Listed<TraceNode>, ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let (name, cpu, memory) = (table.column("name")?, table.column("cpu_milli")?, table.column("memory_bytes")?);
    let (gpus, gpu_model, count) = (table.optional("gpus"), table.optional("gpu_model"), table.optional("count"));
    let (mut names, mut models, mut nodes) = (Names::default(), Interner::default(), Vec::new());
    table.each(|row| {
        let copies = row.integer_or(count, 1_000_000, 1)?;
        if let (0, Some(column)) = (copies, count) {
            return Err(row.refuse(column, "at least one node"));
        }
        nodes.push(TraceNode {
            cpu: millicores(row, cpu)?,
            memory: bytes(row, memory, 1)?,
            gpus: row.integer_or(gpus, MOST_GPUS, 0)? as u32,
            gpu_model: match gpu_model {
                Some(column) if !row.is_empty(column) => Some(models.get(row.text(column)?)),
                _ => None,
            },
            count: copies as u32,
            name: names.fresh(row, name)?,
        });
        Ok(())
    })?;
    Ok(Listed { notes: table.notes(Vec::new()), rows: nodes })
}

/// CPU in a column of thousandths of a core: `500`, `500.0`, `500m`.
pub(super) fn millicores(row: &Row<'_>, column: Column) -> Result<Millicores, ImportError> {
    row.quantity(column, 1, Quantity::milli_value).map(Millicores)
}

/// Memory in a column of units of so many bytes: `1048576`, `1.5e9`, `4Gi`.
pub(super) fn bytes(row: &Row<'_>, column: Column, unit: i64) -> Result<Bytes, ImportError> {
    row.quantity(column, unit, Quantity::value).map(Bytes)
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
    use crate::scenario::import::ArrivalsSpec;
    use crate::units::{SimDuration, SimTime};

    fn pods(text: &str) -> Result<Vec<TracePod>, String> {
        let read = read_pods(&mut text.as_bytes(), "pods.csv", &Options::default());
        read.map(|listed| listed.rows).map_err(|error| error.to_string())
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
            (format!("{HEADER}\na,5,1,1,1\nb,1772323200,1,1,1\n"), &["pods.csv:3:3", "the same form"]),
            (format!("{HEADER}\na,01/02/2026,1,1,1\n"), &["pods.csv:2:3", "a Unix time or a date"]),
            (format!("{HEADER}\na,5,1,0.5,1\n"), &["pods.csv:2:7", "500m"]),
            (format!("{HEADER}\na,5,1,1,4gb\n"), &["pods.csv:2:9", "4Gi"]),
            (format!("{HEADER}\n"), &["pods.csv", "no row under the header"]),
            ("name,cpu_milli,memory_bytes\na,1,1\n".into(), &["the list has no times", "--every", "arrival_s"]),
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
    fn times_of_the_calendar_count_from_the_earliest_and_rows_come_in_order() {
        for (later, earlier, what) in [
            ("2026-03-01T00:00:02Z", "2026-03-01T00:00:00Z", "dates"),
            ("1772323202", "1772323200.5", "Unix seconds"),
            ("1772323202000", "1772323200500", "Unix milliseconds"),
            ("1772323202000000", "1772323200500000", "Unix microseconds"),
            ("1772323202000000000", "1772323200500000000", "Unix nanoseconds"),
        ] {
            let text = format!("{HEADER}\nb,{later},1,1,1\na,{earlier},1,1,1\n");
            let listed = read_pods(&mut text.as_bytes(), "pods.csv", &Options::default()).unwrap();
            let names: Vec<&str> = listed.rows.iter().map(|pod| &*pod.name).collect();
            assert_eq!((names, listed.rows[0].arrival), (vec!["a", "b"], SimTime::ZERO), "{what}");
            let gap = if what == "dates" { 2_000 } else { 1_500 };
            assert_eq!(listed.rows[1].arrival.since(SimTime::ZERO), SimDuration::from_millis(gap));
            let told = listed.notes.join("; ");
            assert!(told.contains(&format!("times are {what}")) && told.contains("not in order"), "{told}");
        }
    }

    #[test]
    fn quantities_are_taken_as_kubernetes_writes_them() {
        let rows = "a,0,90s,500m,4Gi\nb,0,1h30m,500.0,1.5e9\nc,0,,1e3,128Mi\n";
        let pods = pods(&format!("{HEADER}\n{rows}")).unwrap();
        let told: Vec<_> = pods.iter().map(|pod| (pod.cpu.get(), pod.memory.get(), pod.duration)).collect();
        let (minutes, seconds) = (SimDuration::from_mins, SimDuration::from_secs);
        let expected =
            [(500, 4 << 30, Some(seconds(90))), (500, 1_500_000_000, Some(minutes(90))), (1000, 128 << 20, None)];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_list_without_times_gets_them_by_an_option() {
        let every = SimDuration::from_secs(30);
        let (lasting, seed) = (Some(SimDuration::from_mins(5)), 1);
        let read = |poisson: bool, text: &str| {
            let arrivals = Some(ArrivalsSpec { every, poisson, lasting, seed });
            let options = Options { arrivals, ..Options::default() };
            read_pods(&mut text.as_bytes(), "pods.csv", &options).map(|listed| listed.rows)
        };
        let rows: String = (0..200).map(|row| format!("p{row},1,1\n")).collect();
        let list = format!("name,cpu_milli,memory_bytes\n{rows}");
        let even = read(false, &list).unwrap();
        assert_eq!((even[199].arrival, even[3].duration), (SimTime::from_secs(199 * 30), lasting));
        let drawn = read(true, &list).unwrap();
        assert_eq!(drawn, read(true, &list).unwrap());
        let mean = drawn[199].arrival.as_secs_f64() / 199.0;
        assert!((20.0..40.0).contains(&mean) && drawn[1].arrival != even[1].arrival, "{mean}");
        let error = read(false, &format!("{HEADER}\na,0,1,1,1\n")).unwrap_err().to_string();
        assert!(error.contains("times of its own") && error.contains("arrival_s"), "{error}");
    }

    #[test]
    fn nodes_may_stand_for_many() {
        let nodes = |text: &str| read_nodes(&mut text.as_bytes(), "nodes.csv", &Options::default());
        let of = |text: &str| nodes(text).map(|listed| listed.rows);
        let nodes = of("name,cpu_milli,memory_bytes,gpus,gpu_model,count\nn,64000,10,8,V100,12\nm,1,1,,,\n").unwrap();
        assert_eq!((nodes[0].count, nodes[0].gpus, nodes[0].gpu_model.as_deref()), (12, 8, Some("V100")));
        assert_eq!((nodes[1].count, nodes[1].gpus, nodes[1].gpu_model.as_deref()), (1, 0, None));
        let error = of("name,cpu_milli,memory_bytes,count\nn,1,1,0\n").unwrap_err();
        assert_eq!(error.place(), Some(("nodes.csv", Some(2), Some(7))));
    }

    #[test]
    fn what_is_not_utf8_is_refused() {
        let mut text = format!("{HEADER}\n").into_bytes();
        text.extend(b"\xff\xfe,0,1,1,1\n");
        let read = read_pods(&mut &text[..], "pods.csv", &Options::default());
        assert!(read.unwrap_err().to_string().contains("UTF-8"));
    }
}
