//! Format `gavel`: training jobs and the measured throughputs that they run by (the form of `data/gavel`).
//!
//! Jobs: `job`, `arrival_s` (ascending), `model`, `batch_size` (empty where the model has one setting), `num_gpus`,
//! `total_steps`. Throughputs: `model`, `batch_size`, `gpu`, `num_gpus`, `consolidated` (`true` or `false`),
//! `steps_per_second` (0: does not run there). A job whose model and batch size were never measured is refused here,
//! where its line can be named.

use std::io::Read;

use super::arrivals::Arrivals;
use super::csv::MOST_GPUS_OF_A_JOB;
use super::table::{Column, Names, Row, Table};
use super::{ImportError, Inputs, Listed, Options, Trace};
use crate::load::training::{ThroughputRow, ThroughputTable, TrainingJobRow};

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    let mut trace = Trace::default();
    let mut speeds = ThroughputTable::default();
    if let Some(throughputs) = inputs.throughputs {
        trace.throughputs = trace.notes.of(read_throughputs(throughputs.reader, throughputs.file, &inputs.options)?);
        speeds = ThroughputTable::from_rows(trace.throughputs.iter().cloned()).map_err(|error| {
            ImportError::Unreadable { file: throughputs.file.to_owned(), problem: error.to_string() }
        })?;
    }
    if let Some(jobs) = inputs.jobs {
        trace.jobs = trace.notes.of(read_jobs(jobs.reader, jobs.file, &speeds, &inputs.options)?);
    }
    Ok(trace)
}

fn read_jobs(
    reader: &mut dyn Read,
    file: &str,
    speeds: &ThroughputTable,
    options: &Options,
) -> Result<Listed<TrainingJobRow>, ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let (name, model) = (table.column("job")?, table.column("model")?);
    let mut arrivals = Arrivals::of(&table, "arrival_s", options)?;
    let (batch, gpus, steps) = (table.column("batch_size")?, table.column("num_gpus")?, table.column("total_steps")?);
    let (mut names, mut jobs) = (Names::default(), Vec::new());
    table.each(|row| {
        let job = TrainingJobRow {
            arrival: arrivals.next(row)?,
            model: row.text(model)?.to_owned(),
            batch_size: batch_size(row, batch)?,
            num_gpus: at_least_one(row, gpus, MOST_GPUS_OF_A_JOB)? as u32,
            total_steps: at_least_one(row, steps, i64::MAX / 1_000_000)? as u64,
            course: Vec::new(),
            duration: None,
            queue: String::new(),
            team: String::new(),
            priority: 0,
            name: names.fresh(row, name)?.as_ref().to_owned(),
        };
        if let Err(error) = speeds.knows(&job.model, job.batch_size) {
            return Err(row.refuse(model, format!("a measured model and batch size ({error})")));
        }
        jobs.push(job);
        Ok(())
    })?;
    let notes = arrivals.settle(&mut jobs, |job| job.arrival, |job, at| job.arrival = at);
    Ok(Listed { notes: table.notes(notes), rows: jobs })
}

fn read_throughputs(
    reader: &mut dyn Read,
    file: &str,
    options: &Options,
) -> Result<Listed<ThroughputRow>, ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let (model, batch, gpu) = (table.column("model")?, table.column("batch_size")?, table.column("gpu")?);
    let (gpus, consolidated) = (table.column("num_gpus")?, table.column("consolidated")?);
    let speed = table.column("steps_per_second")?;
    let mut rows = Vec::new();
    table.each(|row| {
        rows.push(ThroughputRow {
            model: row.text(model)?.to_owned(),
            batch_size: batch_size(row, batch)?,
            gpu: row.text(gpu)?.to_owned(),
            num_gpus: at_least_one(row, gpus, MOST_GPUS_OF_A_JOB)? as u32,
            consolidated: match row.bytes(consolidated) {
                b"true" => true,
                b"false" => false,
                _ => return Err(row.refuse(consolidated, "true or false")),
            },
            steps_per_second: row.number(speed)?,
        });
        Ok(())
    })?;
    Ok(Listed { notes: table.notes(Vec::new()), rows })
}

fn batch_size(row: &Row<'_>, column: Column) -> Result<Option<u32>, ImportError> {
    if row.is_empty(column) {
        return Ok(None);
    }
    at_least_one(row, column, u32::MAX.into()).map(|size| Some(size as u32))
}

pub(super) fn at_least_one(row: &Row<'_>, column: Column, most: i64) -> Result<i64, ImportError> {
    match row.integer(column, most)? {
        0 => Err(row.refuse(column, "1 or more")),
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::training::{BeyondMeasured, Configuration};
    use crate::scenario::import::Source;

    const JOBS: &str = include_str!("../../../data/gavel/jobs-0e4a51.csv");
    const THROUGHPUTS: &str = include_str!("../../../data/gavel/throughputs.csv");

    fn read_both(jobs: &str, throughputs: &str) -> Result<Trace, String> {
        let (mut jobs, mut throughputs) = (jobs.as_bytes(), throughputs.as_bytes());
        let jobs = Some(Source { reader: &mut jobs, file: "jobs.csv" });
        let throughputs = Some(Source { reader: &mut throughputs, file: "throughputs.csv" });
        read(Inputs { jobs, throughputs, ..Inputs::default() }).map_err(|error| error.to_string())
    }

    #[test]
    fn the_published_jobs_are_read_whole_and_all_have_a_measured_speed() {
        let trace = read_both(JOBS, THROUGHPUTS).unwrap();
        assert_eq!((trace.jobs.len(), trace.throughputs.len()), (1_181, 492));
        let table = ThroughputTable::from_rows(trace.throughputs).unwrap();
        for job in &trace.jobs {
            let (model, batch_size, num_gpus) = (job.model.as_str(), job.batch_size, job.num_gpus);
            let at = Configuration { model, batch_size, gpu: "V100", num_gpus, consolidated: true };
            assert!(table.step_rate(&at, BeyondMeasured::Linear).unwrap().is_some(), "{job:?}");
        }
        let resnet = |num_gpus, gpu| {
            let at = Configuration { model: "ResNet-50", batch_size: Some(128), gpu, num_gpus, consolidated: true };
            table.step_rate(&at, BeyondMeasured::Linear).unwrap()
        };
        assert_eq!(resnet(4, "K80"), None);
        assert!(resnet(4, "V100").is_some());
    }

    #[test]
    fn the_measured_oddities_are_kept() {
        let table = ThroughputTable::from_rows(read_both(JOBS, THROUGHPUTS).unwrap().throughputs).unwrap();
        let speed = |num_gpus, consolidated| {
            let at = Configuration { model: "LM", batch_size: Some(20), gpu: "V100", num_gpus, consolidated };
            table.step_rate(&at, BeyondMeasured::Linear).unwrap().unwrap().as_f64()
        };
        assert!(speed(4, true) < speed(2, true) && speed(2, false) < speed(1, true));
        assert!((speed(2, false) - 30.4).abs() < 0.1 && (speed(8, true) - 497.0).abs() < 1.0);
    }

    #[test]
    fn a_bad_row_names_its_place() {
        let header = "job,arrival_s,model,batch_size,num_gpus,total_steps";
        let speeds = "model,batch_size,gpu,num_gpus,consolidated,steps_per_second\nLM,20,V100,1,true,64.7\n";
        for (row, parts) in [
            ("a,0,lm,20,1,10", &["jobs.csv:2:5", "did you mean \"LM\""][..]),
            ("a,0,LM,21,1,10", &["jobs.csv:2:5", "batch size 20"]),
            ("a,0,LM,20,0,10", &["num_gpus", "1 or more"]),
            ("a,0,LM,20,1,1.5", &["total_steps", "whole number"]),
            ("a,9,LM,20,1,1\nb,2026-01-01,LM,20,1,1", &["jobs.csv:3:3", "the same form"]),
        ] {
            let error = read_both(&format!("{header}\n{row}\n"), speeds).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{row}: {error}");
        }
        let error = read_both(header, &format!("{speeds}LM,20,V100,1,yes,1\n")).unwrap_err();
        assert!(error.contains("throughputs.csv:3") && error.contains("true or false"), "{error}");
        let error = read_both(header, &format!("{speeds}LM,20,V100,1,true,1\n")).unwrap_err();
        assert!(error.contains("two different speeds"), "{error}");
    }
}
