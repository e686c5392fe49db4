//! What part of all pods, and of all training jobs, had waited no longer than so long.

use super::axis::number;
use super::{Across, Color, Figure, Panel, Run, Series, Shape};
use crate::record::{Seen, ended_within, waits};

/// Points of a curve.
const MOST_POINTS: usize = 800;

/// `None` where nothing waited, for there was nothing.
pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let outcome = run.outcome;
    let sets: [(&str, Color, Vec<Seen>); 4] = [
        ("pod until bound", Color::BLUE, outcome.pods.iter().map(|pod| waits::of_pod(pod, outcome)).collect()),
        ("pod until Ready", Color::GREEN, outcome.pods.iter().map(|pod| waits::startup_of_pod(pod, outcome)).collect()),
        (
            "job until it trains",
            Color::VERMILLION,
            outcome.training.iter().map(|job| waits::of_job(job, outcome)).collect(),
        ),
        (
            "job until it is done",
            Color::PURPLE,
            outcome.training.iter().map(|job| waits::completion_of_job(job, outcome)).collect(),
        ),
    ];
    let curves: Vec<Curve> = sets.into_iter().filter_map(|(label, color, seen)| curve(label, color, &seen)).collect();
    if curves.is_empty() {
        return None;
    }
    let mut at: Vec<f64> = curves.iter().flat_map(|curve| curve.points.iter().map(|(at, _)| *at)).collect();
    at.push(0.0);
    at.sort_by(f64::total_cmp);
    at.dedup();
    let mut figure = run.figure("How long they waited");
    let censored = curves.iter().any(|curve| curve.censored > 0);
    if censored {
        figure.subtitle += "; a curve ends where no more is known: the others had not ended";
    }
    figure.across = Across::Durations;
    let series = curves.iter().map(|curve| curve.series(&at)).collect();
    figure.at = at;
    figure.panels = vec![Panel::new("Waited no longer (% of all)", series)];
    Some(figure)
}

struct Curve {
    label: String,
    color: Color,
    censored: usize,
    /// Seconds, and percent that had ended by then.
    points: Vec<(f64, f64)>,
    /// Up to here it is known, in seconds.
    end: f64,
}

fn curve(label: &str, color: Color, seen: &[Seen]) -> Option<Curve> {
    let longest = seen.iter().map(|one| one.lasted).max()?;
    let censored = seen.iter().filter(|one| one.is_censored).count();
    let open = if censored > 0 { format!(", {} not over", number(censored as f64, 0)) } else { String::new() };
    let label = format!("{label} (n = {}{open})", number(seen.len() as f64, 0));
    let points: Vec<(f64, f64)> = ended_within(seen.iter().copied());
    // Evenly by rank, the last one too.
    let step = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    let kept = points.iter().enumerate().filter(|(index, _)| index % step == 0 || *index == last);
    let points = kept.map(|(_, (at, part))| (*at, 100.0 * part)).collect();
    Some(Curve { label, color, censored, points, end: longest.as_secs_f64() })
}

impl Curve {
    fn series(&self, at: &[f64]) -> Series {
        let mut next = 0;
        let mut part = 0.0;
        let values = at.iter().map(|at| {
            while let Some(&(_, reached)) = self.points.get(next).filter(|(point, _)| point <= at) {
                (next, part) = (next + 1, reached);
            }
            // Complete, it stays so; else nothing is known beyond the longest.
            if *at <= self.end || self.censored == 0 { part } else { f64::NAN }
        });
        Series::new(self.label.clone(), self.color, Shape::Step, values.collect())
    }
}
