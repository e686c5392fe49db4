//! The page and the plot of a search, from what it found.

use super::{Asked, text};
use crate::check::Unit;
use crate::cli::sweep::{OpenSweep, axis_label, interval, table};
use crate::optimize::{Entrant, Found, Problem};
use crate::record::SweepProvenance;
use crate::report::html::{self, SearchPage, SearchRow};
use crate::report::plot::{self, Tradeoff};
use crate::sweep::{Results, Sweep};

/// The objective against the figure of the first condition, a point a configuration; `None` without a condition, or
/// where no run has its figure.
pub fn plot(
    sweep: &Sweep,
    results: &Results,
    found: &Found,
    problem: &Problem,
    made_from: &SweepProvenance,
) -> Option<Tradeoff> {
    let condition = problem.conditions.first()?;
    let names = table::setting_names(sweep);
    let is_told = |entrant: &&Entrant| entrant.figures.first().is_some_and(|figure| figure.mean.is_some());
    found.all.iter().find(is_told)?;
    let is_of_front = |index: usize| found.front.iter().any(|entrant| entrant.configuration == index);
    let mut entrants: Vec<&Entrant> = found.all.iter().collect();
    entrants.sort_by_key(|entrant| entrant.configuration);
    let points = entrants.into_iter().map(|entrant| {
        let index = entrant.configuration;
        plot::Configuration {
            label: entrant.label.clone(),
            settings: names
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .zip(table::settings(sweep, index, &names))
                .collect(),
            is_served: entrant.holds,
            x: interval(results, index, &condition.metric),
            y: interval(results, index, &found.metric),
            unbeaten: is_of_front(index),
        }
    });
    Some(Tradeoff {
        title: format!("{} against {}", found.metric, condition.metric),
        subtitle: format!(
            "{}: {} of {} configurations were run; ringed and joined: the front; ×: breaks a condition",
            sweep.name, found.configurations_run, found.configurations
        ),
        made_by: made_from.line(),
        x_label: axis_label(&condition.metric),
        y_label: axis_label(&found.metric),
        configurations: points.collect(),
    })
}

pub fn text(
    open: &OpenSweep,
    found: &Found,
    asked: &Asked<'_>,
    made_from: &SweepProvenance,
    plot: Option<&str>,
) -> String {
    let sweep = &open.sweep;
    let names = table::setting_names(sweep);
    let unit = Unit::of(&found.metric);
    let row = |entrant: &Entrant| {
        let is_best = found.best.as_ref().is_some_and(|best| best.configuration == entrant.configuration);
        let is_of_front = found.front.iter().any(|other| other.configuration == entrant.configuration);
        let objective = entrant.objective.map_or("null".to_owned(), |objective| unit.show(objective));
        let mut figures = vec![(entrant.objective.unwrap_or(f64::NAN), objective)];
        figures.extend(
            entrant.figures.iter().map(|figure| (figure.mean.unwrap_or(f64::NAN), text::condition(entrant, figure))),
        );
        SearchRow {
            mark: match (is_best, is_of_front) {
                (true, _) => "best",
                (false, true) => "front",
                (false, false) => "",
            },
            is_best,
            settings: table::settings(sweep, entrant.configuration, &names),
            figures,
            seeds: entrant.seeds,
        }
    };
    let mut figures = vec![found.metric.clone()];
    figures.extend(asked.problem.conditions.iter().map(|condition| condition.text.clone()));
    html::search_page(&SearchPage {
        name: &sweep.name,
        answer: &found.answer,
        lines: text::lines(found),
        aim: if asked.problem.is_maximized { "to be largest" } else { "to be smallest" },
        plot,
        parameters: names.iter().map(|(name, _)| (*name).to_owned()).collect(),
        figures,
        rows: found.all.iter().map(row).collect(),
        facts: vec![
            ("sweep", sweep.name.clone()),
            ("scenario", sweep.scenario.display().to_string()),
            ("budget", format!("{} runs", asked.budget)),
            ("seed of the search", asked.seed.to_string()),
            ("windtunnel", made_from.windtunnel_version.clone()),
            ("hash of all inputs", made_from.sweep_hash.clone()),
        ],
        file: open.text(),
    })
}
