//! Training jobs: how many wait, run and are done, and the GPUs that running jobs hold.

use super::{Color, Figure, Panel, Run, Series, Shape};
use crate::units::SimTime;

/// `None` where nothing trains.
pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let jobs = &run.outcome.training;
    if jobs.is_empty() {
        return None;
    }
    let arrived = counted(run, jobs.iter().map(|job| (Some(job.arrival), 1)));
    let started = counted(run, jobs.iter().map(|job| (job.started, 1)));
    let finished = counted(run, jobs.iter().map(|job| (job.finished, 1)));
    let held = difference(
        &counted(run, jobs.iter().map(|job| (job.started, job.gpus))),
        &counted(run, jobs.iter().map(|job| (job.finished, job.gpus))),
    );
    let mut figure = run.figure("Training jobs");
    let now = vec![
        Series::new("running", Color::BLUE, Shape::Area, difference(&started, &finished)),
        Series::new("waiting", Color::VERMILLION, Shape::Step, difference(&arrived, &started)),
    ];
    let so_far = vec![
        Series::new("arrived", Color::GRAY, Shape::Area, arrived),
        Series::new("completed", Color::GREEN, Shape::Step, finished),
    ];
    let gpus = run.values(|row| row.allocatable.gpu.get() as f64 / 1e3);
    let gpus = vec![
        Series::new("allocatable", Color::GRAY, Shape::Area, gpus),
        Series::new("of started jobs", Color::BLUE, Shape::Step, held),
    ];
    figure.panels = vec![Panel::whole("Jobs", now), Panel::whole("Jobs so far", so_far), Panel::whole("GPUs", gpus)];
    Some(figure)
}

/// The sum of what has happened up to each sample.
fn counted(run: &Run<'_>, events: impl Iterator<Item = (Option<SimTime>, u32)>) -> Vec<f64> {
    let mut events: Vec<(SimTime, u32)> = events.filter_map(|(at, amount)| Some((at?, amount))).collect();
    events.sort_unstable();
    let mut ahead = events.into_iter().peekable();
    let mut sum = 0.0;
    run.values(|row| {
        while let Some((_, amount)) = ahead.next_if(|(at, _)| *at <= row.at) {
            sum += f64::from(amount);
        }
        sum
    })
}

fn difference(more: &[f64], less: &[f64]) -> Vec<f64> {
    more.iter().zip(less).map(|(more, less)| more - less).collect()
}
