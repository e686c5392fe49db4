//! What the nodes cost: by the hour, and since the start.

use super::{Color, Figure, Panel, Run, Series, Shape};

/// `None` where no node has a price.
pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let rate = run.values(|row| row.cost_rate.as_f64());
    let sum = run.values(|row| row.cost.as_f64());
    let total = sum.iter().copied().fold(0.0, f64::max);
    if total == 0.0 && rate.iter().all(|rate| *rate == 0.0) {
        return None;
    }
    let mut figure = run.figure("Cost");
    let label = format!("since the start (total {total:.2})");
    figure.panels = vec![
        Panel::new("Rate (USD per hour)", vec![Series::new("all billed nodes", Color::BLUE, Shape::Area, rate)]),
        Panel::new("Sum (USD)", vec![Series::new(label, Color::GREEN, Shape::Line, sum)]),
    ];
    Some(figure)
}
