//! When each training job waited and ran (a Gantt chart).

use super::axis::number;
use super::{Bar, Color, Figure, Key, Look, Panel, Row, Run};
use crate::sim::TrainingRow;
use crate::units::{SimTime, spoken};

/// Jobs shown; of more, those that took longest, in order of arrival.
const SHOWN: usize = 60;

const WAITS: Look = Look { color: Color::ORANGE, hatched: true };
const RUNS: Look = Look { color: Color::BLUE, hatched: false };

/// `None` where nothing trains.
pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let jobs = &run.outcome.training;
    if jobs.is_empty() {
        return None;
    }
    let end = SimTime::ZERO + run.outcome.simulated;
    let mut figure = run.figure("Jobs: waiting and training");
    if jobs.len() > SHOWN {
        let all = number(jobs.len() as f64, 0);
        figure.subtitle += &format!(", the {SHOWN} of {all} that waited or trained longest");
    }
    figure.at.clear();
    let key = vec![
        Key { label: "waits for its first start".to_owned(), look: WAITS },
        Key { label: "from its first start to its end, interruptions included".to_owned(), look: RUNS },
    ];
    let rows = longest(jobs, end, SHOWN).into_iter().map(|index| row(&jobs[index], end)).collect();
    figure.panels = vec![Panel::of_rows("", rows, key)];
    Some(figure)
}

/// The `most` jobs that waited or ran longest, half by each, in order of arrival.
pub fn longest(jobs: &[TrainingRow], end: SimTime, most: usize) -> Vec<usize> {
    if jobs.len() <= most {
        return (0..jobs.len()).collect();
    }
    let waited = |job: &TrainingRow| job.started.unwrap_or(end) - job.arrival;
    let took = |job: &TrainingRow| job.finished.unwrap_or(end) - job.arrival;
    let mut is_shown = vec![false; jobs.len()];
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    // Of those that waited as long, such as not at all, the ones that took longer.
    order.sort_by_key(|index| std::cmp::Reverse((waited(&jobs[*index]), took(&jobs[*index]))));
    order[..most / 2].iter().for_each(|index| is_shown[*index] = true);
    order.sort_by_key(|index| std::cmp::Reverse(took(&jobs[*index])));
    let rest: Vec<usize> = order.into_iter().filter(|index| !is_shown[*index]).take(most - most / 2).collect();
    rest.into_iter().for_each(|index| is_shown[index] = true);
    (0..jobs.len()).filter(|index| is_shown[*index]).collect()
}

fn row(job: &TrainingRow, end: SimTime) -> Row {
    let (arrival, started) = (job.arrival.as_secs_f64(), job.started.unwrap_or(end).as_secs_f64());
    let finished = job.finished.unwrap_or(end).as_secs_f64();
    let mut bars = vec![Bar { from: arrival, to: started, look: WAITS }];
    if job.started.is_some() {
        bars.push(Bar { from: started, to: finished, look: RUNS });
    }
    bars.retain(|bar| bar.to > bar.from);
    Row { label: job.name.to_string(), bars, told: told(job, end) }
}

/// "ResNet-50 on 4 GPUs: waited 12 m, then took 3 h, interrupted 2 times".
pub fn told(job: &TrainingRow, end: SimTime) -> String {
    let waited = spoken((job.started.unwrap_or(end) - job.arrival).as_secs_f64());
    let gpus = if job.gpus == 1 { "1 GPU".to_owned() } else { format!("{} GPUs", job.gpus) };
    let mut text = format!("{} on {gpus}: ", job.model);
    text += &match (job.started, job.finished) {
        (None, _) => format!("waits {waited} and has not started"),
        (Some(started), None) => {
            let so_far = spoken((end - started).as_secs_f64());
            format!("waited {waited}, trains for {so_far} and is not done")
        }
        (Some(started), Some(finished)) => {
            format!("waited {waited}, then took {}", spoken((finished - started).as_secs_f64()))
        }
    };
    match job.interruptions {
        0 => {}
        1 => text += ", interrupted once",
        more => text += &format!(", interrupted {more} times"),
    }
    text
}
