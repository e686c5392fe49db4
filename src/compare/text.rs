//! A comparison as text: for the terminal, for a pull request, for a spreadsheet.

use super::amounts::{count_of, percent, percent_plain};
use super::outcome::{Comparison, MetricComparison, Verdict};
use crate::check::Unit;
use crate::check::markdown::cell;
use crate::record::Cells;

/// Reasons that are shown for each variant.
const MOST_REASONS: usize = 8;

/// The header of the rows, and the rows; where there is but one variant its name is not repeated.
pub fn cells(comparison: &Comparison) -> (Vec<String>, Vec<Vec<String>>) {
    let several = comparison.variants.len() > 1;
    let mut header: Vec<&str> = if several { vec!["variant"] } else { Vec::new() };
    header.extend(["metric", "verdict", "baseline", "mean", "difference", "interval", "times"]);
    let rows = comparison.comparisons.iter().map(|row| {
        let unit = Unit::of(&row.metric);
        let shown = |value: Option<f64>| value.map_or_else(|| "null".to_owned(), |value| unit.show(value));
        let part = |value: Option<f64>| match (value, row.baseline_mean) {
            (None, _) => None,
            (Some(value), Some(before)) if before != 0.0 => Some(percent(value / before.abs())),
            (Some(value), _) => Some(unit.show(value)),
        };
        let interval = match (part(row.interval[0]), part(row.interval[1])) {
            (Some(low), Some(high)) if low == high => "exact".to_owned(),
            (Some(low), Some(high)) => format!("{low} to {high}"),
            _ => "unknown".to_owned(),
        };
        let mut cells = if several { vec![row.variant.clone()] } else { Vec::new() };
        cells.extend([
            row.metric.clone(),
            verdict(row, comparison),
            shown(row.baseline_mean),
            shown(row.mean),
            part(row.difference).unwrap_or_else(|| "unknown".to_owned()),
            interval,
            times(row),
        ]);
        cells
    });
    (header.into_iter().map(str::to_owned).collect(), rows.collect())
}

/// "1.23 ± 0.04 dearer": how many times the baseline.
fn times(row: &MetricComparison) -> String {
    let Some([Some(ratio), margin]) = row.ratio else { return String::new() };
    let margin = margin.filter(|margin| *margin >= 0.005).map(|margin| format!(" ± {margin:.2}")).unwrap_or_default();
    let word = match (row.verdict, ratio > 1.0) {
        (Verdict::CantTell, _) => "",
        (_, true) if row.metric.starts_with("cost.") => " dearer",
        (_, false) if row.metric.starts_with("cost.") => " cheaper",
        (_, true) if row.metric.contains("seconds") => " longer",
        (_, false) if row.metric.contains("seconds") => " shorter",
        (_, true) => " more",
        (_, false) => " less",
    };
    format!("{ratio:.2}{margin}{word}")
}

fn verdict(row: &MetricComparison, comparison: &Comparison) -> String {
    match (row.verdict, row.more_seeds) {
        _ if row.is_null() && row.mean.is_none() => {
            let [now, before] = row.null_runs;
            format!("can't tell: null in {now} and {before} of {} runs", comparison.pairs)
        }
        _ if row.same_in_every_seed => "the same in every seed".to_owned(),
        (Verdict::CantTell, Some(more)) if more >= 10_000 => "can't tell (over 10,000 more seeds)".to_owned(),
        (Verdict::CantTell, Some(more)) => format!("can't tell ({more} more seeds)"),
        (verdict, _) => verdict.words().to_owned(),
    }
}

/// How the intervals are meant, in a line.
pub fn legend(comparison: &Comparison) -> String {
    let Comparison { level, comparisons, pairs, looks, precision, .. } = comparison;
    let looks = if *looks > 1 { format!(" and {looks} looks") } else { String::new() };
    let for_all = match comparisons.len() {
        1 if looks.is_empty() => String::new(),
        count => format!(", corrected for {count} comparisons{looks}"),
    };
    format!(
        "{}, paired; intervals hold the true difference at {}{for_all}; \"more seeds\" would show a difference of {}",
        count_of(*pairs as u64, "seed"),
        percent_plain(*level),
        percent_plain(*precision)
    )
}

/// The answer, the rows and the reasons. `columns` lays a table out: header, rows, columns of text at the left.
pub fn table(comparison: &Comparison, columns: impl Fn(&[String], &[Vec<String>], usize) -> String) -> String {
    let (header, rows) = cells(comparison);
    let mut text = capitalized(&comparison.answer);
    text += "\n\n";
    text += &columns(&header, &rows, if comparison.variants.len() > 1 { 3 } else { 2 });
    text += &legend(comparison);
    text += "\n";
    for work in &comparison.variants {
        let mut reasons =
            comparison.why.iter().filter(|why| why.variant == work.variant && why.baseline == work.baseline);
        let shown: Vec<&str> = reasons.by_ref().take(MOST_REASONS).map(|why| why.text.as_str()).collect();
        if !shown.is_empty() {
            text += &format!("\nwhy {} differs from {}\n", work.variant, work.baseline);
            shown.iter().for_each(|line| text += &format!("  {line}\n"));
        }
    }
    if !comparison.notes.is_empty() {
        text += "\n";
    }
    comparison.notes.iter().for_each(|note| text += &format!("note: {note}\n"));
    text
}

/// The same for a comment on a pull request.
pub fn markdown(comparison: &Comparison) -> String {
    let (header, rows) = cells(comparison);
    let escaped = |text: &String| cell(text);
    let line = |cells: &[String]| format!("| {} |\n", cells.iter().map(escaped).collect::<Vec<_>>().join(" | "));
    let mut text = format!("**{}**\n\n", escaped(&capitalized(&comparison.answer)));
    text += &line(&header);
    text += &format!("|{}\n", "---|".repeat(header.len()));
    rows.iter().for_each(|row| text += &line(row));
    text += &format!("\n{}\n", legend(comparison));
    if !comparison.why.is_empty() {
        text += "\n";
        for why in &comparison.why {
            text +=
                &format!("- {} against {}: {}\n", escaped(&why.variant), escaped(&why.baseline), escaped(&why.text));
        }
    }
    for note in &comparison.notes {
        text += &format!("\nNote: {}\n", escaped(note));
    }
    text
}

/// One row a comparison, numbers in full; what can't be told is empty.
pub fn csv(comparison: &Comparison) -> Vec<u8> {
    let mut out = Cells::with_capacity(200 * (comparison.comparisons.len() + 1));
    for name in [
        "variant",
        "baseline",
        "metric",
        "pairs",
        "mean",
        "baseline_mean",
        "difference",
        "interval_low",
        "interval_high",
        "relative",
        "ratio",
        "ratio_margin",
        "verdict",
        "more_seeds",
    ] {
        out.text(name);
    }
    out.end_row();
    for row in &comparison.comparisons {
        [&row.variant, &row.baseline, &row.metric].into_iter().for_each(|text| out.text(text));
        out.integer(comparison.pairs as u64);
        let [low, high] = row.interval;
        let [ratio, margin] = row.ratio.unwrap_or_default();
        for value in [row.mean, row.baseline_mean, row.difference, low, high, row.relative, ratio, margin] {
            out.float(value.unwrap_or(f64::NAN));
        }
        out.text(row.verdict.words());
        match row.more_seeds {
            Some(more) => out.integer(more),
            None => out.text(""),
        }
        out.end_row();
    }
    out.into_bytes()
}

/// The text with a capital letter at its start.
pub fn capitalized(text: &str) -> String {
    // Names stay as they are; only our own words begin a sentence.
    match text.strip_prefix("can't") {
        Some(rest) => format!("Can't{rest}"),
        None => text.to_owned(),
    }
}
