//! Where the training jobs' GPU time went, by the size of the job: what was kept, what each cause of badput took, and what
//! they waited.

use std::collections::BTreeMap;

use super::{Across, Bar, Color, Figure, Key, Look, Panel, Row, Run};
use crate::record::jobs::size_class;
use crate::sim::TrainingRow;

/// Causes from the left to the right: what was kept, what held GPUs in vain, what waited without.
const CAUSES: [(&str, Color, bool); 10] = [
    ("goodput", Color::GREEN, false),
    ("checkpoint", Color::PURPLE, false),
    ("load", Color::SKY, false),
    ("image", Color::BLUE, false),
    ("straggler", Color::ORANGE, false),
    ("turn", Color::ORANGE, true),
    ("lost", Color::VERMILLION, false),
    ("detect", Color::VERMILLION, true),
    ("provision", Color::BLUE, true),
    ("queue", Color::GRAY, true),
];

/// GPU hours of a job by cause: of the GPUs that it asks for.
fn hours(job: &TrainingRow) -> BTreeMap<&'static str, f64> {
    let all = [("goodput", job.times.goodput)].into_iter().chain(job.times.badput());
    all.map(|(cause, time)| (cause, f64::from(job.gpus) * time.as_secs_f64() / 3600.0)).collect()
}

/// `None` where nothing trains.
pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let jobs = &run.outcome.training;
    if jobs.is_empty() {
        return None;
    }
    let mut classes: BTreeMap<u32, (&'static str, usize, BTreeMap<&'static str, f64>)> = BTreeMap::new();
    for job in jobs {
        let (order, name) = size_class(job.gpus);
        let (_, count, sums) = classes.entry(order).or_insert_with(|| (name, 0, BTreeMap::new()));
        *count += 1;
        for (cause, hours) in hours(job) {
            *sums.entry(cause).or_default() += hours;
        }
    }
    let mut figure = run.figure("Training: goodput and badput by size of job");
    figure.across = Across::GpuHours;
    figure.at.clear();
    let row = |(name, count, sums): &(&str, usize, BTreeMap<&str, f64>)| {
        let (mut bars, mut told, mut from) = (Vec::new(), Vec::new(), 0.0);
        for (cause, color, hatched) in CAUSES {
            let amount = sums.get(cause).copied().unwrap_or(0.0);
            if amount > 0.0 {
                bars.push(Bar { from, to: from + amount, look: Look { color, hatched } });
                told.push(format!("{cause} {amount:.1}"));
                from += amount;
            }
        }
        let gpus = if *name == "1" { "GPU" } else { "GPUs" };
        Row { label: format!("{name} {gpus} ({count})"), bars, told: told.join("; ") }
    };
    let rows = classes.values().map(row).collect();
    let seen = |cause: &str| classes.values().any(|(_, _, sums)| sums.get(cause).is_some_and(|hours| *hours > 0.0));
    let key = CAUSES.into_iter().filter(|(cause, _, _)| seen(cause));
    let key = key.map(|(cause, color, hatched)| Key { label: cause.to_owned(), look: Look { color, hatched } });
    figure.panels = vec![Panel::of_rows("", rows, key.collect())];
    Some(figure)
}
