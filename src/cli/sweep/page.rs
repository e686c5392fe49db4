//! The page of a sweep, from its results.

use super::table::{EXPORTED, setting_names, settings};
use super::{count, interval};
use crate::check::Unit;
use crate::record::SweepProvenance;
use crate::report::html::{self, Measure, SweepPage, SweepRow};
use crate::sweep::{PlotSpec, Results, Sweep};

/// `file` is the sweep's own text, `plot` its SVG.
pub fn text(sweep: &Sweep, results: &Results, made_from: &SweepProvenance, file: &str, plot: &str) -> String {
    let configurations = &sweep.configurations;
    let names = setting_names(sweep);
    let PlotSpec { x, y } = &sweep.plot;
    let unbeaten = results.front(sweep);
    let left_undone = results.left_undone(configurations.len());
    let mut figures: Vec<(&str, &str)> = EXPORTED.to_vec();
    for plotted in [x.as_str(), y.as_str()] {
        if figures.iter().all(|(figure, _)| *figure != plotted) {
            figures.insert(0, (plotted, plotted));
        }
    }
    let measure = |index: usize, name: &str| {
        let range = interval(results, index, name);
        let is_seconds = Unit::of(name) == Unit::Seconds;
        Measure { low: range.low, mean: range.mean, high: range.high, is_seconds }
    };
    let row = |index: usize| SweepRow {
        settings: settings(sweep, index, &names),
        figures: figures.iter().map(|(name, _)| measure(index, name)).collect(),
        unbeaten: unbeaten.contains(&index),
        problem: match results.error(index) {
            Some(error) => Some(format!("no valid scenario: {error}")),
            None => left_undone[index].clone(),
        },
    };
    let seeds = results.rows.len() / configurations.len().max(1);
    let answer = format!(
        "{} of {} are unbeaten in {y} and {x} together, under {} each.",
        unbeaten.len(),
        count(configurations.len() as u64, "configuration"),
        count(seeds as u64, "seed"),
    );
    html::sweep_page(&SweepPage {
        name: &sweep.name,
        answer,
        facts: vec![
            ("sweep", sweep.name.clone()),
            ("scenario", sweep.scenario.display().to_string()),
            ("windtunnel", made_from.windtunnel_version.clone()),
            ("hash of all inputs", made_from.sweep_hash.clone()),
        ],
        parameters: names.iter().map(|(name, _)| (*name).to_owned()).collect(),
        figures: figures.iter().map(|(_, label)| (*label).to_owned()).collect(),
        rows: (0..configurations.len()).map(row).collect(),
        plot,
        file,
    })
}
