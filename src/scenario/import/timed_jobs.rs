//! Formats `philly` and `timed`: jobs that are known by how long they took.
//!
//! `arrival_s`, `duration_s`, `num_gpus`; and, where there are such columns, `job` (else they are called after their
//! row), `queue` or `virtual_cluster`, `team`, `model` and `priority`. Rows need not be sorted.

use std::io::Read;

use super::arrivals::Arrivals;
use super::csv::MOST_GPUS_OF_A_JOB;
use super::gavel::at_least_one;
use super::table::{Names, Table};
use super::{ImportError, Inputs, Listed, Options, Trace};
use crate::load::training::TrainingJobRow;
use crate::units::SimDuration;

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    let mut trace = Trace::default();
    if let Some(jobs) = inputs.jobs {
        trace.jobs = trace.notes.of(read_jobs(jobs.reader, jobs.file, &inputs.options)?);
    }
    Ok(trace)
}

fn read_jobs(reader: &mut dyn Read, file: &str, options: &Options) -> Result<Listed<TrainingJobRow>, ImportError> {
    let mut table = Table::open(reader, file, options)?;
    let mut arrivals = Arrivals::of(&table, "arrival_s", options)?;
    let duration = table.column("duration_s")?;
    let gpus = table.column("num_gpus")?;
    let (name, model) = (table.optional("job"), table.optional("model"));
    let queue = table.optional("queue").or_else(|| table.optional("virtual_cluster"));
    let (priority, team) = (table.optional("priority"), table.optional("team"));
    let (mut names, mut jobs) = (Names::default(), Vec::new());
    let mut row_number = 0;
    table.each(|row| {
        let number = row_number;
        row_number += 1;
        let took = row.duration(duration)?;
        if took <= SimDuration::ZERO {
            return Err(row.refuse(duration, "more than 0 seconds"));
        }
        jobs.push(TrainingJobRow {
            name: match name {
                Some(name) => names.fresh(row, name)?.as_ref().to_owned(),
                None => format!("job-{number}"),
            },
            arrival: arrivals.next(row)?,
            model: model.map_or(Ok(""), |model| row.text(model))?.to_owned(),
            batch_size: None,
            num_gpus: at_least_one(row, gpus, MOST_GPUS_OF_A_JOB)? as u32,
            total_steps: 1,
            course: Vec::new(),
            duration: Some(took),
            queue: queue.filter(|queue| !row.is_empty(*queue)).map_or(Ok(""), |queue| row.name(queue))?.to_owned(),
            team: team.filter(|team| !row.is_empty(*team)).map_or(Ok(""), |team| row.name(team))?.to_owned(),
            priority: row.integer_or(priority, i64::from(i32::MAX), 0)? as i32,
        });
        Ok(())
    })?;
    let notes = arrivals.settle(&mut jobs, |job| job.arrival, |job, at| job.arrival = at);
    Ok(Listed { notes: table.notes(notes), rows: jobs })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::import::Source;
    use crate::units::SimTime;

    fn read(text: &str) -> Result<Vec<TrainingJobRow>, String> {
        let mut jobs = text.as_bytes();
        let jobs = Some(Source { reader: &mut jobs, file: "jobs.csv" });
        super::read(Inputs { jobs, ..Inputs::default() }).map(|trace| trace.jobs).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_jobs_of_a_duration() {
        let jobs = read("arrival_s,duration_s,num_gpus,virtual_cluster\n7,2.5,8,b\n3,60,1,\n").unwrap();
        let told: Vec<_> = jobs.iter().map(|job| (&*job.name, job.arrival, job.num_gpus, &*job.queue)).collect();
        assert_eq!(told, [("job-1", SimTime::from_secs(3), 1, ""), ("job-0", SimTime::from_secs(7), 8, "b")]);
        assert_eq!(jobs[1].duration, Some(SimDuration::from_millis(2_500)));
        let named = read("job,arrival_s,duration_s,num_gpus,queue,priority\na,0,1,1,red,7\n").unwrap();
        assert_eq!((&*named[0].name, &*named[0].queue, named[0].priority), ("a", "red", 7));
    }

    #[test]
    fn a_bad_row_names_its_place() {
        let header = "arrival_s,duration_s,num_gpus";
        for (row, parts) in [
            ("0,0,1", &["jobs.csv:2:3", "more than 0"][..]),
            ("0,1,0", &["jobs.csv:2:5", "1 or more"]),
            ("x,1,1", &["jobs.csv:2:1", "seconds"]),
        ] {
            let error = read(&format!("{header}\n{row}\n")).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{row}: {error}");
        }
        assert!(read("arrival_s,num_gpus\n0,1\n").unwrap_err().contains("duration_s"));
    }
}
