//! The page of a sweep: its plot, and a table of all configurations that can be sorted.

use std::fmt::Write;

use super::escape::{escape, fill, name};
use super::{CSS, configurations};
use crate::report::plot::number;
use crate::units::spoken;

/// What a page of a sweep is made from.
#[derive(Clone, Debug)]
pub struct SweepPage<'a> {
    pub name: &'a str,
    /// What was found, in a sentence.
    pub answer: String,
    /// Version, hashes, seeds: names and values.
    pub facts: Vec<(&'static str, String)>,
    /// Names of the parameters, then of the figures.
    pub parameters: Vec<String>,
    pub figures: Vec<String>,
    pub rows: Vec<SweepRow>,
    /// The plot, an SVG.
    pub plot: &'a str,
    /// The sweep's own file.
    pub file: &'a str,
}

/// One configuration over its seeds.
#[derive(Clone, Debug)]
pub struct SweepRow {
    pub settings: Vec<String>,
    pub figures: Vec<Measure>,
    /// No other is as good in both plotted figures and better in one.
    pub unbeaten: bool,
    /// Why it takes no part.
    pub problem: Option<String>,
}

/// The mean of a figure with its interval; NaN where it is not known.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    pub low: f64,
    pub mean: f64,
    pub high: f64,
    pub is_seconds: bool,
}

const HTML: &str = include_str!("../../../assets/report/sweep.html");

/// The page, at most [`MOST_BYTES`](super::MOST_BYTES) long: of more rows than fit the first stand in it, and that is said.
pub fn page(page: &SweepPage<'_>) -> String {
    configurations::within_bounds(page.rows.len(), |most| within(page, most))
}

fn within(page: &SweepPage<'_>, most: usize) -> String {
    let header = configurations::header("front", &page.parameters, &page.figures);
    let rows: String = page.rows.iter().take(most).enumerate().map(|(index, of)| row(index, of)).collect();
    let facts = configurations::facts(&page.facts);
    let left_out = configurations::left_out(page.rows.len(), most);
    fill(
        HTML,
        &[
            ("title", &escape(page.name)),
            ("css", CSS[1]),
            ("answer", &escape(&page.answer)),
            ("plot", page.plot),
            ("header", &header),
            ("rows", &rows),
            ("left_out", &left_out),
            ("facts", &facts),
            ("file", &escape(page.file)),
            ("script", configurations::SCRIPT),
        ],
    )
}

fn row(index: usize, of: &SweepRow) -> String {
    let mut text = String::from(if of.unbeaten { "<tr class=\"front\">" } else { "<tr>" });
    let mark = match (&of.problem, of.unbeaten) {
        (Some(problem), _) => format!("<span class=\"bad\">{}</span>", escape(problem)),
        (None, true) => "unbeaten".to_owned(),
        (None, false) => String::new(),
    };
    let _ = write!(text, "<td class=\"n\" data-v=\"{index}\">{}</td><td>{mark}</td>", index + 1);
    for setting in &of.settings {
        let _ = write!(text, "<td>{}</td>", name(setting));
    }
    for measure in &of.figures {
        let value = if measure.mean.is_finite() { measure.mean.to_string() } else { String::new() };
        let _ = write!(text, "<td class=\"n\" data-v=\"{value}\">{}</td>", shown(measure));
    }
    text + "</tr>"
}

/// The mean, and its interval where seeds differ.
fn shown(measure: &Measure) -> String {
    let Measure { low, mean, high, is_seconds } = *measure;
    let one = |value: f64| match is_seconds {
        true => spoken(value),
        false => number(value, if value.abs() < 100.0 && value != value.trunc() { 2 } else { 0 }),
    };
    match mean {
        mean if mean.is_nan() => "unknown".to_owned(),
        mean if low == high => one(mean),
        mean => format!("{}<small>{} to {}</small>", one(mean), one(low), one(high)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::MOST_BYTES;

    fn sweep(rows: usize) -> String {
        let measure = Measure { low: 100.0, mean: 212.0, high: 300.0, is_seconds: true };
        let unknown = Measure { low: f64::NAN, mean: f64::NAN, high: f64::NAN, is_seconds: false };
        let row = |index: usize| SweepRow {
            settings: vec![format!("<b>{index}")],
            figures: vec![measure, unknown],
            unbeaten: index == 0,
            problem: (index == 1).then(|| "3 pods unserved".to_owned()),
        };
        page(&SweepPage {
            name: "grid & more",
            answer: "1 of 2 configurations is unbeaten".to_owned(),
            facts: vec![("windtunnel", "0.1.0".to_owned())],
            parameters: vec!["</script>".to_owned()],
            figures: vec!["p99 wait".to_owned(), "cost (USD)".to_owned()],
            rows: (0..rows).map(row).collect(),
            plot: "<svg></svg>",
            file: "kind: Sweep # <i>",
        })
    }

    #[test]
    fn every_configuration_has_a_row_and_names_are_text() {
        let page = sweep(2);
        for text in [
            "grid &amp; more",
            "3 m 32 s<small>1 m 40 s to 5 m</small>",
            "unknown",
            "3 pods unserved",
            "unbeaten",
            "&lt;b&gt;1",
        ] {
            assert!(page.contains(text), "no {text:?}");
        }
        assert_eq!(page.matches("</script").count(), 1);
        assert!(!page.contains("{{") && !page.contains("left out"));
    }

    #[test]
    fn a_large_sweep_stays_under_the_cap() {
        let page = sweep(100_000);
        assert!(page.len() <= MOST_BYTES && page.contains("more configurations are left out"));
    }
}
