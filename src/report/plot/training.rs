//! Training jobs: how many wait, run and are done, and the GPUs that running jobs hold.

use super::{Color, Count, Figure, Panel, Run, Series, Shape};

/// `None` where nothing trains.
pub fn figure(run: &Run<'_>) -> Option<Figure> {
    if run.outcome.training.is_empty() {
        return None;
    }
    let mut figure = run.figure("Training jobs");
    let running = Count { value: |row| row.training.running, extent: |row| row.extents.jobs_running };
    let waiting = Count { value: |row| row.training.waiting, extent: |row| row.extents.jobs_waiting };
    let now = vec![
        run.count("running", Color::BLUE, Shape::Area, running),
        run.count("waiting, interrupted ones too", Color::VERMILLION, Shape::Step, waiting),
    ];
    let arrived = run.values(|row| f64::from(row.training.arrived));
    let completed = run.values(|row| f64::from(row.training.completed));
    let so_far = vec![
        Series::new("arrived", Color::GRAY, Shape::Area, arrived),
        Series::new("completed", Color::GREEN, Shape::Step, completed),
    ];
    let allocatable = run.values(|row| row.allocatable.gpu.get() as f64 / 1e3);
    let held = run.values(|row| f64::from(row.training.gpus));
    let gpus = vec![
        Series::new("allocatable, of ready nodes", Color::GRAY, Shape::Area, allocatable),
        Series::new("of running jobs", Color::BLUE, Shape::Step, held),
    ];
    figure.panels = vec![Panel::whole("Jobs", now), Panel::whole("Jobs so far", so_far), Panel::whole("GPUs", gpus)];
    Some(figure)
}
