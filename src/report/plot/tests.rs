//! Every plot, drawn from a made-up run.

use super::{Figure, PLOTS, Run};
use crate::record::{Provenance, Recorder, fixture};
use crate::sim::Outcome;

fn figures(record: &Recorder, outcome: &Outcome) -> Vec<Figure> {
    let outcome = &Outcome { start_epoch_seconds: Some(1_767_571_200), ..outcome.clone() };
    let run = Run { record, outcome, provenance: &Provenance::here() };
    PLOTS.iter().filter_map(|plot| (plot.figure)(&run)).collect()
}

#[test]
fn every_plot_of_a_full_run_draws_with_labels_on_its_axes() {
    let (record, outcome) = fixture::run(1_440);
    let figures = figures(&record, &outcome);
    assert_eq!(figures.len(), PLOTS.len());
    for figure in figures {
        let svg = figure.svg().unwrap();
        for text in [figure.title.as_str(), "made-up, seed 7", "windtunnel 0.", "12:00", "UTC, from 2026-01-05 00:00"] {
            assert!(svg.contains(text), "{}: no {text:?}", figure.title);
        }
        for panel in &figure.panels {
            assert!(svg.contains(&panel.label), "{}: no {:?}", figure.title, panel.label);
            assert!(panel.series.iter().all(|series| svg.contains(&series.label)));
        }
        assert!(!svg.contains("NaN") && svg.ends_with("</svg>\n"));
        assert!(figure.png().unwrap().starts_with(b"\x89PNG"));
    }
}

#[test]
fn a_run_without_services_training_or_prices_has_only_the_other_plots() {
    let mut outcome = fixture::run(1).1;
    outcome.training.clear();
    let titles: Vec<String> = figures(&Recorder::default(), &outcome).into_iter().map(|figure| figure.title).collect();
    assert_eq!(titles, ["Utilization", "Nodes and replicas", "Pending pods"]);
}

#[test]
fn a_run_without_a_single_sample_still_draws() {
    for figure in figures(&Recorder::default(), &fixture::run(1).1) {
        assert!(figure.svg().unwrap().contains(&figure.title));
    }
}

#[test]
fn a_hundred_thousand_samples_are_thinned_to_a_small_file() {
    let (record, outcome) = fixture::run(100_000);
    for figure in figures(&record, &outcome) {
        let length = figure.svg().unwrap().len();
        assert!(length < 1_000_000, "{}: {length} bytes", figure.title);
    }
}
