//! The training jobs of a page: bars from arrival to end, and the same as a table.

use serde::Serialize;

use super::escape::name;
use crate::report::plot::{longest_jobs, number, told_job};
use crate::sim::Outcome;
use crate::units::{SimTime, spoken};

#[derive(Serialize)]
pub struct Jobs<'a> {
    rows: Vec<Job<'a>>,
    #[serde(skip)]
    all: usize,
}

/// Instants in seconds; `null` where they never came.
#[derive(Serialize)]
struct Job<'a> {
    name: &'a str,
    arrival: f64,
    started: Option<f64>,
    finished: Option<f64>,
    told: String,
}

impl<'a> Jobs<'a> {
    /// Of more than `most`, those that waited or took longest.
    pub fn of(outcome: &'a Outcome, most: usize) -> Jobs<'a> {
        let end = SimTime::ZERO + outcome.simulated;
        let rows = longest_jobs(&outcome.training, end, most).into_iter().map(|index| {
            let job = &outcome.training[index];
            Job {
                name: &job.name,
                arrival: job.arrival.as_secs_f64(),
                started: job.started.map(SimTime::as_secs_f64),
                finished: job.finished.map(SimTime::as_secs_f64),
                told: told_job(job, end),
            }
        });
        Jobs { rows: rows.collect(), all: outcome.training.len() }
    }

    /// What is left out.
    pub fn thinned(&self) -> Option<String> {
        let (shown, all) = (number(self.rows.len() as f64, 0), number(self.all as f64, 0));
        (self.rows.len() < self.all)
            .then(|| format!("{shown} of {all} training jobs are shown: those that waited or took longest."))
    }
}

/// Empty where nothing trains.
pub fn section(outcome: &Outcome, most: usize) -> String {
    if outcome.training.is_empty() {
        return String::new();
    }
    let end = SimTime::ZERO + outcome.simulated;
    let shown = longest_jobs(&outcome.training, end, most);
    let rows: String = shown
        .iter()
        .map(|index| {
            let job = &outcome.training[*index];
            let since =
                |at: Option<SimTime>| at.map_or("–".to_owned(), |at| spoken((at - job.arrival).as_secs_f64()));
            format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                name(&job.name),
                name(&job.model),
                job.gpus,
                spoken(job.arrival.as_secs_f64()),
                since(job.started),
                since(job.finished),
                job.interruptions,
            )
        })
        .collect();
    format!(
        "<section id=\"jobs\" aria-labelledby=\"jobs-h\"><h2 id=\"jobs-h\">Training jobs</h2>\
         <p class=\"key\"><i class=\"swatch waits\"></i> waits for its first start \
         <i class=\"swatch runs\"></i> from its first start to its end, interruptions included</p>\
         <div id=\"gantt\"></div><details><summary>The same as a table</summary>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Training jobs as a table\"><table>\
         <thead><tr><th scope=\"col\">job</th><th scope=\"col\">model</th><th scope=\"col\" class=\"n\">GPUs</th>\
         <th scope=\"col\" class=\"n\">arrives after</th><th scope=\"col\" class=\"n\">first start after</th><th scope=\"col\" class=\"n\">done after</th>\
         <th scope=\"col\" class=\"n\">interruptions</th></tr></thead><tbody>{rows}</tbody></table></div></details></section>"
    )
}
