//! The page of a comparison.

use super::seed_list;
use crate::cli::exit_code::Failure;
use crate::compare::{self, Comparison, MetricComparison, Verdict};
use crate::record::VERSION;
use crate::report::html::{self, ComparisonPage, Tone};
use crate::report::plot::{Color, Difference, Intervals};

pub fn text(comparison: &Comparison) -> Result<String, Failure> {
    let (header, rows) = compare::cells(comparison);
    let several = comparison.variants.len() > 1;
    let names: Vec<String> =
        comparison.variants.iter().map(|work| format!("{} against {}", work.variant, work.baseline)).collect();
    let title = match &names[..] {
        [only] => only.clone(),
        _ => format!("{} comparisons", names.len()),
    };
    let tone = |row: &MetricComparison| match row.verdict {
        Verdict::Better => Tone::Good,
        Verdict::Worse => Tone::Bad,
        Verdict::CantTell | Verdict::Higher | Verdict::Lower => Tone::None,
    };
    let seeds = format!("{}, paired", seed_list(&comparison.seeds));
    let plot = Intervals {
        title: "Differences and their intervals".to_owned(),
        subtitle: format!("{title}, {seeds}"),
        made_by: format!("windtunnel {VERSION}"),
        rows: comparison.comparisons.iter().map(|row| difference(row, several)).collect(),
    };
    let why = comparison.variants.iter().map(|work| {
        let of_it = comparison.why.iter().filter(|why| why.variant == work.variant && why.baseline == work.baseline);
        (format!("Why {} differs from {}", work.variant, work.baseline), of_it.map(|why| why.text.as_str()).collect())
    });
    let why: Vec<(String, Vec<&str>)> = why.filter(|(_, lines): &(String, Vec<&str>)| !lines.is_empty()).collect();
    Ok(html::comparison_page(&ComparisonPage {
        title,
        answer: &compare::capitalized(&comparison.answer),
        plot: &plot.svg()?,
        header: &header,
        rows: &rows,
        tones: comparison.comparisons.iter().map(tone).collect(),
        text_columns: if several { 3 } else { 2 },
        legend: &compare::legend(comparison),
        why,
        notes: &comparison.notes,
        facts: vec![("compared", names.join("; ")), ("seeds", seeds), ("windtunnel", VERSION.to_owned())],
    }))
}

/// As a part of the baseline; NaN where that is zero or not known.
fn difference(row: &MetricComparison, several: bool) -> Difference {
    let of = |value: Option<f64>| match (value, row.baseline_mean) {
        (Some(value), Some(before)) if before != 0.0 => value / before.abs(),
        (Some(0.0), _) => 0.0,
        _ => f64::NAN,
    };
    let color = match row.verdict {
        Verdict::Better => Color::GREEN,
        Verdict::Worse => Color::VERMILLION,
        Verdict::CantTell | Verdict::Higher | Verdict::Lower => Color::GRAY,
    };
    let label = if several { format!("{}: {}", row.variant, row.metric) } else { row.metric.clone() };
    let [low, high] = row.interval.map(of);
    Difference { label, low, mean: of(row.difference), high, color }
}
