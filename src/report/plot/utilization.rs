//! What pods request and use of what the nodes have, a panel a resource.

use super::{Color, Figure, Panel, Run, Series, Shape};
use crate::record::SampleRow;
use crate::sim::Usage;

const TIB: f64 = (1u64 << 40) as f64;
const GIB: f64 = (1u64 << 30) as f64;

pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let mut figure = run.figure("Utilization");
    figure.panels.push(panel(run, 0, "CPU (cores)", |usage| usage.cpu.get() as f64 / 1e3));
    let most = run.record.rows().iter().map(|row| row.allocatable.memory.get()).max().unwrap_or(0) as f64;
    let (unit, name) = if most >= 4.0 * TIB { (TIB, "TiB") } else { (GIB, "GiB") };
    figure.panels.push(panel(run, 1, &format!("Memory ({name})"), |usage| usage.memory.get() as f64 / unit));
    if run.record.rows().iter().any(|row| row.allocatable.gpu.get() > 0) {
        figure.panels.push(panel(run, 2, "GPUs", |usage| usage.gpu.get() as f64 / 1e3));
    }
    figure.panels.push(percent(run, "Requested (% of allocatable)", |row| &row.requested));
    figure.panels.push(percent(run, "Used (% of allocatable)", |row| &row.used));
    Some(figure)
}

/// One of a usage's amounts.
type Amount = fn(&Usage) -> i64;

/// Of all resources that the cluster has, at each instant; nothing where there are no nodes.
fn percent(run: &Run<'_>, label: &str, usage: fn(&SampleRow) -> &Usage) -> Panel {
    let resources: [(&str, Color, Amount); 3] = [
        ("CPU", Color::BLUE, |usage| usage.cpu.get()),
        ("memory", Color::GREEN, |usage| usage.memory.get()),
        ("GPU", Color::PURPLE, |usage| usage.gpu.get()),
    ];
    let share = |row: &SampleRow, amount: Amount| match amount(&row.allocatable) {
        whole if whole > 0 => 100.0 * amount(usage(row)) as f64 / whole as f64,
        _ => f64::NAN,
    };
    let mut series: Vec<Series> = resources
        .into_iter()
        .map(|(name, color, amount)| Series::new(name, color, Shape::Step, run.values(|row| share(row, amount))))
        .filter(|series| series.values.iter().any(|value| value.is_finite()))
        .collect();
    let panel = Panel::new(label, series.clone());
    // Far below it, the line would only take room.
    if panel.top() >= 50.0 {
        series.push(Series::limit("100 %", Color::GRAY, 100.0, run.record.rows().len()));
    }
    Panel::new(label, series)
}

fn panel(run: &Run<'_>, resource: usize, label: &str, amount: impl Fn(&Usage) -> f64) -> Panel {
    let series = |usage: fn(&SampleRow) -> &Usage| run.values(|row| amount(usage(row)));
    // The run's mean, weighted by time, as in the summary.
    let hours = run.record.rows().last().map(|row| row.hours).unwrap_or_default();
    let mean = |name: &str, used: f64| match hours.allocatable[resource] {
        whole if whole > 0.0 => format!("{name} (mean {:.0} %)", 100.0 * used / whole),
        _ => name.to_owned(),
    };
    let series = vec![
        Series::new("allocatable", Color::GRAY, Shape::Area, series(|row| &row.allocatable)),
        Series::new(
            mean("requested", hours.requested[resource]),
            Color::BLUE,
            Shape::Step,
            series(|row| &row.requested),
        ),
        Series::new(mean("used", hours.used[resource]), Color::VERMILLION, Shape::Step, series(|row| &row.used)),
    ];
    Panel::new(label, series)
}
