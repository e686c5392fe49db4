//! Format `pai`: mini-batch times of the workers of one job, as Alibaba published them (cluster-trace-gpu-v2020,
//! `mini-batch-time`).
//!
//! `worker`, `gpu_percent` (of one GPU), `time` (of the job's clock; taken as seconds, for no unit is given), `batch_time_norm` (any
//! unit). A synchronous gang is as fast as its slowest worker: the file becomes one job that takes as long as it did, and
//! between two samples makes steps at the speed of the slowest, where one step a second is the median worker's speed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use super::gavel::at_least_one;
use super::table::Table;
use super::{ImportError, Inputs, Listed, Options, Trace};
use crate::load::training::{Stretch, TrainingJobRow};
use crate::units::SimTime;

/// Most workers of a job.
const MOST_WORKERS: i64 = 100_000;
/// The latest second.
const LATEST: i64 = 1_000_000_000;

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    let mut trace = Trace::default();
    if let Some(jobs) = inputs.jobs {
        trace.jobs = trace.notes.of(read_job(jobs.reader, jobs.file, &inputs.options)?);
    }
    Ok(trace)
}

fn read_job(reader: &mut dyn Read, file: &str, options: &Options) -> Result<Listed<TrainingJobRow>, ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let (worker, gpu) = (table.column("worker")?, table.column("gpu_percent")?);
    let (time, batch) = (table.column("time")?, table.column("batch_time_norm")?);
    let mut slowest: BTreeMap<i64, f64> = BTreeMap::new();
    let (mut workers, mut all, mut latest) = (BTreeSet::new(), Vec::new(), 0);
    table.each(|row| {
        workers.insert(row.integer(worker, MOST_WORKERS)?);
        at_least_one(row, gpu, 10_000)?;
        let at = row.integer(time, LATEST)?;
        if at < latest {
            return Err(row.refuse(time, format!("a time that is not before the row above ({latest})")));
        }
        latest = at;
        let took = row.number(batch)?;
        if took <= 0.0 {
            return Err(row.refuse(batch, "more than 0"));
        }
        all.push(took);
        let of_all = slowest.entry(at).or_default();
        *of_all = of_all.max(took);
        Ok(())
    })?;
    all.sort_by(f64::total_cmp);
    let unreadable = |problem: &str| ImportError::Unreadable { file: file.to_owned(), problem: problem.to_owned() };
    let median = *all.get(all.len() / 2).ok_or_else(|| unreadable("there are no mini-batches"))?;
    let times: Vec<(&i64, &f64)> = slowest.iter().collect();
    let span = |from: i64, to: i64| (to - from) as f64;
    // The last sample stands for as long as the one before.
    let last = times.windows(2).last().map_or(1.0, |pair| span(*pair[0].0, *pair[1].0));
    let stretch = |index: usize| {
        let (at, took) = times[index];
        let seconds = times.get(index + 1).map_or(last, |next| span(*at, *next.0));
        Stretch { seconds, speed: median / took }
    };
    let course: Vec<Stretch> = (0..times.len()).map(stretch).collect();
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let name = if !stem.is_empty() && stem.chars().all(is_plain) && !stem.starts_with('-') { stem } else { "job" };
    let job = TrainingJobRow {
        name: name.to_owned(),
        arrival: SimTime::ZERO,
        model: String::new(),
        batch_size: None,
        num_gpus: workers.len() as u32,
        total_steps: 1,
        duration: None,
        course,
        queue: String::new(),
        team: String::new(),
        priority: 0,
    };
    Ok(Listed { notes: table.notes(Vec::new()), rows: vec![job] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::import::Source;

    const JOB: &str = include_str!("../../../data/pai-minibatch-2020/job-1.csv");

    fn read(text: &str) -> Result<Trace, String> {
        let mut jobs = text.as_bytes();
        let jobs = Some(Source { reader: &mut jobs, file: "x/job-1.csv" });
        super::read(Inputs { jobs, ..Inputs::default() }).map_err(|error| error.to_string())
    }

    #[test]
    fn a_job_takes_as_long_as_it_did_at_the_speed_of_its_slowest_worker() {
        let job = &read(JOB).unwrap().jobs[0];
        assert_eq!((&*job.name, job.num_gpus, job.course.len()), ("job-1", 10, 300));
        assert!((job.course.iter().map(|stretch| stretch.seconds).sum::<f64>() - 2_996.0).abs() < 4.0);
        // Somebody is always slower than the median worker: by a tenth in the mean.
        let mean = job.course.iter().map(|stretch| stretch.speed).sum::<f64>() / 300.0;
        assert!((mean - 0.896).abs() < 0.001, "{mean}");
        let small = read("worker,gpu_percent,time,batch_time_norm\n0,25,5,100\n1,25,5,200\n0,25,15,100\n1,25,15,100\n")
            .unwrap();
        let course = [Stretch { seconds: 10.0, speed: 0.5 }, Stretch { seconds: 10.0, speed: 1.0 }];
        assert_eq!(small.jobs[0].course, course);
    }

    #[test]
    fn a_bad_row_names_its_place() {
        let header = "worker,gpu_percent,time,batch_time_norm\n";
        for (rows, parts) in [
            ("0,25,5,0\n", &["job-1.csv:2:8", "more than 0"][..]),
            ("0,25,5,1\n0,25,4,1\n", &["job-1.csv:3:6", "row above (5)"]),
            ("0,0,5,1\n", &["gpu_percent", "1 or more"]),
            ("", &["no row under the header"]),
        ] {
            let error = read(&format!("{header}{rows}")).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{rows}: {error}");
        }
    }
}
