//! Format `pollux`: jobs with measured step times by placement and measured convergence, as the artifact of "Pollux"
//! (OSDI 2021) has them.
//!
//! Jobs: `job`, `arrival_s` (ascending), `model`, `num_gpus`, `batch_size` (of all GPUs). A job's work is the run of its
//! model to its last measured epoch. Throughputs: `model`, `placement` (GPUs on each node, `-` between; empty where only
//! the counts are known), `nodes`, `gpus`, `batch_per_gpu`, `step_seconds`, `sync_seconds`. Convergence: `model`,
//! `batch_size`, `epoch` (from 1), `iteration`, `progress`, `grad_sqr`, `grad_var`.

use std::collections::BTreeMap;
use std::io::Read;

use super::arrivals::Arrivals;
use super::csv::MOST_GPUS_OF_A_JOB;
use super::gavel::at_least_one;
use super::table::{Column, Names, Row, Table};
use super::{ImportError, Inputs, Listed, Options, Trace};
use crate::load::training::{BatchLimits, Gradient, ModelProfile, Profiles, StepTime, StepTimes, TrainingJobRow};

/// What the artifact's models take, where their tables do not tell: base and largest batch, the fewest and the most samples
/// of a GPU, the most GPUs.
const LIMITS: &[(&str, BatchLimits)] = &[
    ("bert", BatchLimits { base: 12, most: 384, per_gpu: (4, 12), gpus: MOST_GPUS_OF_A_JOB as u32 }),
    ("cifar10", BatchLimits { base: 128, most: 4096, per_gpu: (32, 1024), gpus: MOST_GPUS_OF_A_JOB as u32 }),
    ("deepspeech2", BatchLimits { base: 20, most: 640, per_gpu: (10, 80), gpus: MOST_GPUS_OF_A_JOB as u32 }),
    ("imagenet", BatchLimits { base: 200, most: 12800, per_gpu: (20, 200), gpus: MOST_GPUS_OF_A_JOB as u32 }),
    ("ncf", BatchLimits { base: 256, most: 32768, per_gpu: (32, 32768), gpus: 1 }),
    ("yolov3", BatchLimits { base: 8, most: 512, per_gpu: (4, 8), gpus: MOST_GPUS_OF_A_JOB as u32 }),
];

/// Most epochs of a model.
const MOST_EPOCHS: i64 = 100_000;
/// Most samples of a batch.
const MOST_BATCH: i64 = 1 << 30;
/// Most nodes of a measured placement.
const MOST_NODES: usize = 4096;

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    let mut trace = Trace::default();
    let options = &inputs.options;
    if let (Some(throughputs), Some(convergence)) = (inputs.throughputs, inputs.convergence) {
        let times = trace.notes.and(read_step_times(throughputs.reader, throughputs.file, options)?);
        let measured = trace.notes.and(read_convergence(convergence.reader, convergence.file, &times, options)?);
        for (model, of) in measured {
            let step_times = times.get(&model).cloned().unwrap_or_default();
            let limits = limits(&model, &step_times, of.keys());
            let profile = ModelProfile::new(limits, step_times, of).map_err(|problem| ImportError::Unreadable {
                file: convergence.file.to_owned(),
                problem: format!("{model}: {problem}"),
            })?;
            trace.profiles.0.insert(model, profile);
        }
    }
    if let Some(jobs) = inputs.jobs {
        trace.jobs = trace.notes.of(read_jobs(jobs.reader, jobs.file, &trace.profiles, options)?);
    }
    Ok(trace)
}

fn limits<'a>(model: &str, times: &StepTimes, batches: impl Iterator<Item = &'a u32> + Clone) -> BatchLimits {
    if let Some((_, known)) = LIMITS.iter().find(|(known, _)| *known == model) {
        return *known;
    }
    let (base, most) = (batches.clone().min().copied().unwrap_or(1), batches.max().copied().unwrap_or(1));
    BatchLimits { base, most, per_gpu: times.samples(), gpus: MOST_GPUS_OF_A_JOB as u32 }
}

fn read_jobs(
    reader: &mut dyn Read,
    file: &str,
    profiles: &Profiles,
    options: &Options,
) -> Result<Listed<TrainingJobRow>, ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let (name, model) = (table.column("job")?, table.column("model")?);
    let mut arrivals = Arrivals::of(&table, "arrival_s", options)?;
    let (gpus, batch) = (table.column("num_gpus")?, table.column("batch_size")?);
    let (mut names, mut jobs) = (Names::default(), Vec::new());
    table.each(|row| {
        let arrival = arrivals.next(row)?;
        let of = row.text(model)?;
        let limits =
            profiles.get(of).map_err(|problem| row.refuse(model, format!("a measured model ({problem})")))?.limits;
        let batch_size = at_least_one(row, batch, MOST_BATCH)? as u32;
        if !(limits.base..=limits.most).contains(&batch_size) {
            return Err(row.refuse(batch, format!("from {} to {}, what {of} takes", limits.base, limits.most)));
        }
        let num_gpus = at_least_one(row, gpus, MOST_GPUS_OF_A_JOB)? as u32;
        if num_gpus > batch_size {
            return Err(row.refuse(gpus, format!("up to {batch_size}, a sample each")));
        }
        jobs.push(TrainingJobRow {
            name: names.fresh(row, name)?.as_ref().to_owned(),
            arrival,
            model: of.to_owned(),
            batch_size: Some(batch_size),
            num_gpus,
            total_steps: 1,
            course: Vec::new(),
            duration: None,
            queue: String::new(),
            team: String::new(),
            priority: 0,
        });
        Ok(())
    })?;
    let notes = arrivals.settle(&mut jobs, |job| job.arrival, |job, at| job.arrival = at);
    Ok(Listed { notes: table.notes(notes), rows: jobs })
}

/// Rows by placement, and rows by counts alone.
#[derive(Default)]
struct Rows {
    placed: Vec<(Vec<u32>, u32, StepTime)>,
    counted: Vec<(u32, u32, u32, StepTime)>,
}

fn read_step_times(
    reader: &mut dyn Read,
    file: &str,
    options: &Options,
) -> Result<(BTreeMap<String, StepTimes>, Vec<String>), ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let (model, placement, nodes) = (table.column("model")?, table.column("placement")?, table.column("nodes")?);
    let (gpus, samples) = (table.column("gpus")?, table.column("batch_per_gpu")?);
    let (step, sync) = (table.column("step_seconds")?, table.column("sync_seconds")?);
    let mut rows: BTreeMap<String, Rows> = BTreeMap::new();
    table.each(|row| {
        let of = rows.entry(row.text(model)?.to_owned()).or_default();
        let time = StepTime { step: row.number(step)?, sync: row.number(sync)? };
        if time.step <= 0.0 {
            return Err(row.refuse(step, "more than 0 seconds"));
        }
        if time.sync > time.step {
            return Err(row.refuse(sync, "a part of the step"));
        }
        let of_a_gpu = at_least_one(row, samples, MOST_BATCH)? as u32;
        let counts =
            (at_least_one(row, nodes, MOST_NODES as i64)? as u32, at_least_one(row, gpus, MOST_GPUS_OF_A_JOB)? as u32);
        if row.is_empty(placement) {
            of.counted.push((counts.0, counts.1, of_a_gpu, time));
            return Ok(());
        }
        let by_node = gpus_by_node(row, placement)?;
        if (by_node.len() as u32, by_node.iter().sum()) != counts {
            return Err(row.refuse(placement, format!("{} GPUs on {} nodes", counts.1, counts.0)));
        }
        of.placed.push((by_node, of_a_gpu, time));
        Ok(())
    })?;
    let times = rows.into_iter().map(|(model, rows)| (model, StepTimes::new(rows.placed, rows.counted))).collect();
    Ok((times, table.notes(Vec::new())))
}

fn gpus_by_node(row: &Row<'_>, column: Column) -> Result<Vec<u32>, ImportError> {
    let text = row.text(column)?;
    let gpus: Option<Vec<u32>> = text
        .split('-')
        .map(|part| part.parse().ok().filter(|gpus| (1..=MOST_GPUS_OF_A_JOB as u32).contains(gpus)))
        .collect();
    gpus.filter(|gpus| gpus.len() <= MOST_NODES).ok_or_else(|| row.refuse(column, "GPUs by node such as 4-2"))
}

/// By batch size, progress and gradients of each epoch.
type Measured = BTreeMap<u32, Vec<(f64, Gradient)>>;

fn read_convergence(
    reader: &mut dyn Read,
    file: &str,
    times: &BTreeMap<String, StepTimes>,
    options: &Options,
) -> Result<(BTreeMap<String, Measured>, Vec<String>), ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let (model, batch, epoch) = (table.column("model")?, table.column("batch_size")?, table.column("epoch")?);
    let (iteration, progress) = (table.column("iteration")?, table.column("progress")?);
    let (sqr, var) = (table.column("grad_sqr")?, table.column("grad_var")?);
    let mut measured: BTreeMap<String, Measured> = BTreeMap::new();
    table.each(|row| {
        let name = row.text(model)?;
        if !times.contains_key(name) {
            return Err(row.refuse(model, "a model with measured step times"));
        }
        let size = at_least_one(row, batch, MOST_BATCH)? as u32;
        let of = measured.entry(name.to_owned()).or_default().entry(size).or_default();
        if at_least_one(row, epoch, MOST_EPOCHS)? != of.len() as i64 + 1 {
            return Err(row.refuse(epoch, format!("{}, the next of this batch size", of.len() + 1)));
        }
        let gradient = Gradient { steps: row.number(iteration)?, sqr: row.number(sqr)?, var: row.number(var)? };
        if gradient.sqr + gradient.var <= 0.0 {
            return Err(row.refuse(var, "signal and noise that are not both zero"));
        }
        of.push((row.number(progress)?, gradient));
        Ok(())
    })?;
    Ok((measured, table.notes(Vec::new())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::import::Source;

    const JOBS: &str = include_str!("../../../data/pollux/jobs-1.csv");
    const THROUGHPUT: &str = include_str!("../../../data/pollux/throughput.csv");
    const CONVERGENCE: &str = include_str!("../../../data/pollux/convergence.csv");

    fn read_all(jobs: &str, throughputs: &str, convergence: &str) -> Result<Trace, String> {
        let [mut jobs, mut throughputs, mut convergence] = [jobs, throughputs, convergence].map(str::as_bytes);
        let jobs = Some(Source { reader: &mut jobs, file: "jobs.csv" });
        let throughputs = Some(Source { reader: &mut throughputs, file: "throughput.csv" });
        let convergence = Some(Source { reader: &mut convergence, file: "convergence.csv" });
        read(Inputs { jobs, throughputs, convergence, ..Inputs::default() }).map_err(|error| error.to_string())
    }

    #[test]
    fn the_published_list_is_read_whole_and_its_work_is_as_published() {
        let trace = read_all(JOBS, THROUGHPUT, CONVERGENCE).unwrap();
        assert_eq!((trace.jobs.len(), trace.profiles.0.len()), (160, 6));
        let work = |model: &str| {
            let epochs = trace.profiles.get(model).unwrap().epochs();
            (epochs.count(), epochs.total() as f64 / 1e6)
        };
        assert_eq!((work("bert"), work("ncf"), work("deepspeech2")), ((2, 14_774.0), (10, 194_174.0), (80, 28_536.0)));
        assert_eq!((work("cifar10").0, work("imagenet").0, work("yolov3").0), (100, 90, 50));
        assert!((work("cifar10").1 - 39_062.9).abs() < 0.05 && (work("imagenet").1 - 576_525.6).abs() < 0.05);
    }

    #[test]
    fn a_bad_row_names_its_place() {
        let times = "model,placement,nodes,gpus,batch_per_gpu,step_seconds,sync_seconds\nm,1,1,1,4,0.5,0.1\n";
        let epochs =
            "model,batch_size,epoch,iteration,progress,metric,grad_sqr,grad_var\nm,4,1,10,10,0,1,1\nm,8,1,6,10,0,1,1\n";
        let jobs = "job,arrival_s,model,num_gpus,batch_size\n";
        assert_eq!(read_all(&format!("{jobs}a,0,m,1,4\n"), times, epochs).unwrap().jobs.len(), 1);
        for (row, parts) in [
            ("a,0,n,1,4", &["jobs.csv:2:5", "model \"n\" was not measured"][..]),
            ("a,0,m,1,9", &["jobs.csv:2:9", "from 4 to 8"]),
            ("a,0,m,5,4", &["jobs.csv:2:7", "up to 4"]),
            ("a,5,m,1,4\nb,2026-01-01,m,1,4", &["jobs.csv:3:3", "the same form"]),
        ] {
            let error = read_all(&format!("{jobs}{row}\n"), times, epochs).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{row}: {error}");
        }
        for (row, parts) in [
            ("m,1-x,2,2,4,1,0", &["throughput.csv:3:3", "such as 4-2"][..]),
            ("m,1-2,2,2,4,1,0", &["throughput.csv:3:3", "2 GPUs on 2 nodes"]),
            ("m,1,1,1,4,0,0", &["step_seconds", "more than 0"]),
            ("m,1,1,1,4,1,2", &["sync_seconds", "part of the step"]),
        ] {
            let error = read_all(jobs, &format!("{times}{row}\n"), epochs).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{row}: {error}");
        }
        for (row, parts) in [
            ("m,4,3,1,1,0,1,1", &["convergence.csv:4:5", "2, the next"][..]),
            ("x,4,1,1,1,0,1,1", &["convergence.csv:4:1", "measured step times"]),
            ("m,16,1,1,1,0,0,0", &["grad_var", "not both zero"]),
            ("m,4,2,1,9,0,1,1", &["m: ", "epochs"]),
        ] {
            let error = read_all(jobs, times, &format!("{epochs}{row}\n")).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{row}: {error}");
        }
    }
}
