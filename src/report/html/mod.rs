//! The page of a run: one file that opens anywhere, without a network.
//!
//! What is to be read stands in the page as text; what is to be looked into (lines over time, decisions, jobs) stands in
//! it as JSON, and `assets/report/*.js` draws it with uPlot, which is part of the page. A section is a file here. The
//! page says what of the run it leaves out to stay small ([`MOST_BYTES`]).

mod alerts;
mod charts;
mod comparison;
mod configurations;
mod cost;
mod decisions;
mod escape;
mod explain;
mod jobs;
mod key_figures;
mod numbers;
mod provenance;
mod search;
mod services;
mod sweep;
#[cfg(test)]
mod tests;
mod waits;

use serde::Serialize;

use super::plot::{Figure, Run};
use crate::record::Summary;
use charts::Charts;
pub use comparison::{ComparisonPage, Tone, page as comparison_page};
use decisions::Decisions;
use escape::{escape, fill, script_json};
use jobs::Jobs;
pub use search::{SearchPage, SearchRow, page as search_page};
pub use sweep::{Measure, SweepPage, SweepRow, page as sweep_page};

/// What a page is made from.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    pub run: Run<'a>,
    pub summary: &'a Summary,
    /// The run's plots by name, in their order.
    pub figures: &'a [(&'static str, Figure)],
    /// What the scenario expects of itself, judged.
    pub expectations: &'a [Judged],
    /// What the scenario asks for and the run did not model, and other warnings.
    pub warnings: &'a [String],
    /// The scenario's own file.
    pub scenario: Option<&'a str>,
}

/// An expectation with its verdict.
#[derive(Clone, Debug)]
pub struct Judged {
    pub name: String,
    pub holds: bool,
    /// What was got, and why it does not hold.
    pub detail: String,
}

/// No page is larger.
pub const MOST_BYTES: usize = 5_000_000;

/// How much of a run a page shows.
#[derive(Clone, Copy, Debug)]
struct Budget {
    /// Samples of each plot.
    samples: usize,
    decisions: usize,
    jobs: usize,
    /// Rows of a table.
    rows: usize,
    /// Bytes of the scenario's text.
    text: usize,
}

impl Budget {
    const FIRST: Budget = Budget { samples: 4_000, decisions: 12_000, jobs: 250, rows: 60, text: 200_000 };

    fn halved(self) -> Budget {
        let Budget { samples, decisions, jobs, rows, text } = self;
        Budget { samples: samples / 2, decisions: decisions / 2, jobs: jobs / 2, rows: rows / 2, text: text / 2 }
    }
}

/// The page of a run, at most [`MOST_BYTES`] long: of what is more, less is shown, and that is said.
pub fn page(page: &Page<'_>) -> String {
    let mut budget = Budget::FIRST;
    loop {
        let text = within(page, budget);
        if text.len() <= MOST_BYTES || budget.samples == 0 {
            return text;
        }
        budget = budget.halved();
    }
}

/// What the page's program reads.
#[derive(Serialize)]
struct Data<'a> {
    /// Seconds since the Unix epoch of the run's zero, where the scenario states it.
    start: Option<i64>,
    /// Seconds.
    duration: f64,
    charts: Charts<'a>,
    decisions: Decisions<'a>,
    jobs: Jobs<'a>,
}

const HTML: &str = include_str!("../../../assets/report/page.html");
const CSS: [&str; 2] =
    [include_str!("../../../assets/uplot/uPlot.min.css"), include_str!("../../../assets/report/page.css")];
const SCRIPTS: [&str; 7] = [
    include_str!("../../../assets/uplot/uPlot.iife.min.js"),
    include_str!("../../../assets/report/form.js"),
    include_str!("../../../assets/report/view.js"),
    include_str!("../../../assets/report/charts.js"),
    include_str!("../../../assets/report/decisions.js"),
    include_str!("../../../assets/report/jobs.js"),
    include_str!("../../../assets/report/page.js"),
];

fn within(page: &Page<'_>, budget: Budget) -> String {
    let run = &page.run;
    let charts = Charts::of(page.figures, budget.samples);
    let decisions = Decisions::of(run.record, budget.decisions);
    let jobs = Jobs::of(run.outcome, budget.jobs);
    let thinned: Vec<String> = [charts.thinned(), decisions.thinned(), jobs.thinned()].into_iter().flatten().collect();
    let data = Data {
        start: run.outcome.start_epoch_seconds,
        duration: run.outcome.simulated.as_secs_f64(),
        charts,
        decisions,
        jobs,
    };
    let mut css = CSS.concat();
    css += &numbers::bar_widths();
    fill(
        HTML,
        &[
            ("title", &escape(&run.outcome.scenario)),
            ("css", &css),
            ("verdict", &key_figures::verdict(page.expectations)),
            ("lead", &key_figures::lead(page)),
            ("expectations", &key_figures::expectations(page.expectations)),
            ("figures", &key_figures::figures(page.summary)),
            ("explain", &explain::section(page.summary, budget.rows)),
            ("unserved", &waits::unserved(page.summary, budget.rows)),
            ("warnings", &key_figures::warnings(page.warnings)),
            ("thinned", &key_figures::list("Left out to keep this page small", &thinned)),
            ("alerts", &alerts::section(page, budget.rows)),
            ("cost", &cost::section(run.outcome, page.summary, budget.rows)),
            ("waits", &waits::section(page.summary)),
            ("services", &services::section(page.summary, budget.rows)),
            ("jobs", &jobs::section(run.outcome, budget.jobs)),
            ("provenance", &provenance::section(page, budget.text)),
            ("data", &script_json(&data)),
            ("script", &SCRIPTS.join("\n")),
        ],
    )
}
