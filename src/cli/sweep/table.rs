//! The rows of a sweep, for the terminal and for Markdown.

use super::count;
use crate::check::Unit;
use crate::check::markdown::cell;
use crate::compare::Verdict;
use crate::report::plot::number;
use crate::report::table;
use crate::sweep::{Averages, PlotSpec, Results, Sweep, plain, short_name};
use crate::units::spoken;

/// Rows of the printed table.
const MOST_ROWS: usize = 30;
/// Lines about one thing beside the table.
const MOST_LINES: usize = 10;

/// A row a configuration: a mark for the front, its settings, both figures and how they stand against the baseline.
pub fn printed(sweep: &Sweep, results: &Results) -> String {
    let PlotSpec { x, y } = &sweep.plot;
    let front = results.front(sweep);
    let all = sweep.configurations.len();
    let shown = shown(sweep, results, &front);
    let left_undone = results.left_undone(all);
    let names = setting_names(sweep);
    let mut header = vec![String::new()];
    header.extend(names.iter().map(|(name, _)| (*name).to_owned()));
    header.extend([y.clone(), "against baseline".to_owned(), x.clone(), "against baseline".to_owned(), String::new()]);
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|index| {
            let mut row = vec![if front.contains(index) { "*".to_owned() } else { String::new() }];
            row.extend(settings(sweep, *index, &names));
            for name in [y, x] {
                row.push(match results.error(*index) {
                    Some(_) => String::new(),
                    None => spread(name, results.averages(*index, name)),
                });
                row.push(against(sweep, results, *index, name));
            }
            row.push(note(sweep, results, *index, left_undone[*index].as_deref()));
            row
        })
        .collect();
    let mut text = table::columns(&header, &rows, 1 + names.len());
    if shown.len() < all {
        text += &format!("… and {} more, in runs.csv\n", all - shown.len());
    }
    text += &legend(sweep, results, &front);
    text += &unserved(sweep, results, &left_undone);
    text += &errors(sweep, results);
    text
}

/// All where they are few, in their order; else the baseline and the front, the best first.
fn shown(sweep: &Sweep, results: &Results, front: &[usize]) -> Vec<usize> {
    let all = sweep.configurations.len();
    if all <= MOST_ROWS {
        return (0..all).collect();
    }
    let mean = |index: usize| results.averages(index, &sweep.plot.y).mean;
    let mut best = front.to_vec();
    best.sort_by(|a, b| mean(*a).total_cmp(&mean(*b)).then(a.cmp(b)));
    let mut shown = vec![sweep.baseline];
    shown.extend(best.into_iter().filter(|index| *index != sweep.baseline));
    shown.truncate(MOST_ROWS);
    shown
}

/// Short names of all paths, with these.
pub fn setting_names(sweep: &Sweep) -> Vec<(&str, Option<&str>)> {
    let paths = sweep.space.paths();
    let owned: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    // A variant's settings stand under its label; its paths would fill the table.
    if sweep.has_variants && sweep.space.dimensions.len() == 1 {
        return vec![("variant", None)];
    }
    let label = sweep.has_variants.then_some(("variant", None));
    let named = paths.into_iter().map(|path| {
        let at = short_name(path, &owned).len();
        (&path[path.len() - at..], Some(path))
    });
    label.into_iter().chain(named).collect()
}

pub fn settings(sweep: &Sweep, index: usize, names: &[(&str, Option<&str>)]) -> Vec<String> {
    let configuration = &sweep.configurations[index];
    let cell = |(_, path): &(&str, Option<&str>)| match path {
        None => sweep.variant_label(configuration),
        Some(path) => configuration.value(path).map(plain).unwrap_or_default(),
    };
    names.iter().map(cell).collect()
}

/// "-12.1 % (-14.5 to -9.7)"; nothing for the baseline itself.
fn against(sweep: &Sweep, results: &Results, index: usize, name: &str) -> String {
    if index == sweep.baseline || results.error(index).is_some() {
        return String::new();
    }
    let Some(against) = results.against(sweep, index, sweep.baseline, name) else { return "unknown".to_owned() };
    let judged = against.judged;
    if judged.is_same {
        return "the same".to_owned();
    }
    if judged.baseline_mean == 0.0 {
        return "from 0".to_owned();
    }
    let part = |value: f64| 100.0 * value / judged.baseline_mean.abs();
    let short = |value: f64| format!("{value:+.1}");
    let difference = short(part(judged.difference));
    if !judged.low.is_finite() || judged.low == judged.high {
        return format!("{difference} %");
    }
    let doubt = if against.verdict == Verdict::CantTell { "?" } else { "" };
    format!("{difference} %{doubt} ({} to {})", short(part(judged.low)), short(part(judged.high)))
}

fn note(sweep: &Sweep, results: &Results, index: usize, left_undone: Option<&str>) -> String {
    if results.error(index).is_some() {
        return "not valid".to_owned();
    }
    let mut notes = Vec::new();
    if index == sweep.baseline {
        notes.push("baseline".to_owned());
    }
    match (left_undone, results.dropped(index)) {
        (Some(what), _) => notes.push(what.to_owned()),
        (None, dropped) if dropped >= 0.0005 => notes.push(format!("drops {} %", (dropped * 1000.0).round() / 10.0)),
        (None, _) => {}
    }
    notes.join(", ")
}

fn legend(sweep: &Sweep, results: &Results, front: &[usize]) -> String {
    let PlotSpec { x, y } = &sweep.plot;
    let seeds = sweep.configurations.iter().enumerate().map(|(index, _)| results.of(index).len()).max().unwrap_or(0);
    let mut text = match seeds {
        1 => format!("* no other is better in both {y} and {x}; one seed: differences may be chance\n"),
        seeds => format!(
            "* no other is really better in both {y} and {x} ({} of {}); {seeds} seeds, paired; brackets: intervals at 95 %, corrected for {} comparisons; ?: can't tell\n",
            front.len(),
            sweep.configurations.len(),
            results.terms(sweep).comparisons
        ),
    };
    if sweep.left_out > 0 {
        text += &format!("{} left out by constraints\n", count(sweep.left_out as u64, "combination"));
    }
    text
}

/// The configurations that take no part for work that they leave undone, the most pods first.
fn unserved(sweep: &Sweep, results: &Results, left_undone: &[Option<String>]) -> String {
    let configurations = &sweep.configurations;
    let of_each = left_undone.iter().enumerate();
    let mut left: Vec<(usize, &String)> = of_each.filter_map(|(index, what)| Some((index, what.as_ref()?))).collect();
    left.sort_by_key(|(index, _)| (std::cmp::Reverse(results.unserved(*index)), *index));
    let mut text = String::new();
    for (index, what) in left.iter().take(MOST_LINES) {
        let label = &configurations[*index].label;
        text += &format!("{label} leaves {what}: not compared\n");
    }
    let more = left.len().saturating_sub(MOST_LINES);
    if more > 0 {
        text += &format!("… and {more} more leave work undone\n");
    }
    if left.len() == configurations.len() {
        text += "no configuration serves all pods\n";
    }
    text
}

fn errors(sweep: &Sweep, results: &Results) -> String {
    let mut text = String::new();
    for (index, error) in results.errors.iter().take(MOST_LINES) {
        text += &format!("{} is no valid scenario and was not run: {error}\n", sweep.configurations[*index].label);
    }
    let more = results.errors.len().saturating_sub(MOST_LINES);
    if more > 0 {
        text += &format!("… and {more} more are no valid scenarios\n");
    }
    text
}

/// Figures of the exported table beside the plotted ones, with how they are called.
pub const EXPORTED: &[(&str, &str)] = &[
    ("cost.total_usd", "cost (USD)"),
    ("cost.idle_usd", "idle (USD)"),
    ("nodes.node_hours", "node hours"),
    ("pod_wait_seconds.mean", "mean wait"),
    ("pod_wait_seconds.p99", "p99 wait"),
    ("pods.unserved", "pods unserved"),
    ("utilization.cpu.requested", "CPU requested"),
    ("utilization.gpu.requested", "GPU requested"),
];

/// One row a configuration, in the order of the sweep: the plotted figures with their differences from the baseline,
/// then the usual ones that some run has; means over seeds, with the range where they differ.
pub fn markdown(sweep: &Sweep, results: &Results) -> String {
    let PlotSpec { x, y } = &sweep.plot;
    let front = results.front(sweep);
    let left_undone = results.left_undone(sweep.configurations.len());
    let names = setting_names(sweep);
    let has_any =
        |name: &str| (0..sweep.configurations.len()).any(|index| results.averages(index, name).mean.is_finite());
    let called = |name: &str| {
        EXPORTED.iter().find(|(figure, _)| *figure == name).map_or(name.to_owned(), |(_, called)| (*called).to_owned())
    };
    let others: Vec<&(&str, &str)> =
        EXPORTED.iter().filter(|(name, _)| name != y && name != x && has_any(name)).collect();
    let mut header: Vec<String> = vec!["front".to_owned()];
    header.extend(names.iter().map(|(name, _)| (*name).to_owned()));
    for name in [y, x] {
        header.extend([called(name), "against baseline".to_owned()]);
    }
    header.extend(others.iter().map(|(_, called)| (*called).to_owned()));
    header.push("note".to_owned());
    let line = |cells: &[String]| {
        // A star is the mark of the front.
        let cells: Vec<String> = cells.iter().map(|text| if text == "*" { text.clone() } else { cell(text) }).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(&header);
    text += &format!("|{}\n", "---|".repeat(header.len()));
    for (index, undone) in left_undone.iter().enumerate() {
        let mut cells = vec![if front.contains(&index) { "*".to_owned() } else { String::new() }];
        cells.extend(settings(sweep, index, &names));
        for name in [y, x] {
            cells.extend([spread(name, results.averages(index, name)), against(sweep, results, index, name)]);
        }
        cells.extend(others.iter().map(|(name, _)| spread(name, results.averages(index, name))));
        cells.push(match results.error(index) {
            Some(error) => format!("not valid: {error}"),
            None => note(sweep, results, index, undone.as_deref()),
        });
        text += &line(&cells);
    }
    text
}

/// The mean, and the range where seeds differ.
fn spread(name: &str, averages: Averages) -> String {
    let Averages { min, mean, max } = averages;
    if mean.is_nan() {
        return "unknown".to_owned();
    }
    let shown = |value: f64| match Unit::of(name) {
        Unit::Seconds => spoken(value),
        Unit::Usd | Unit::Plain => number(value, if value.abs() < 100.0 { 2 } else { 0 }),
    };
    if min == max { shown(mean) } else { format!("{} ({} to {})", shown(mean), shown(min), shown(max)) }
}
