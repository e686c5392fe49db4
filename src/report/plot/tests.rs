//! Every plot, drawn from a made-up run.

use super::{Across, Figure, PLOTS, Run};
use crate::autoscaler::hpa::HpaSpec;
use crate::cluster::WorkloadId;
use crate::record::{Provenance, Recorder, fixture};
use crate::scenario::{GpuUsage, Hpa, Scenario, UsageModel, Workload, WorkloadKind};
use crate::sim::Outcome;

fn figures(record: &Recorder, outcome: &Outcome) -> Vec<Figure> {
    let outcome = &Outcome { start_epoch_seconds: Some(1_767_571_200), ..outcome.clone() };
    let (scenario, provenance) = (&scenario(), &Provenance::here());
    let alerts = fixture::alerts();
    let run = Run { scenario, record, outcome, provenance, alerts: &alerts };
    super::figures(&run).into_iter().map(|(_, figure)| figure).collect()
}

/// What the made-up run was a run of: an HPA on its workload.
fn scenario() -> Scenario {
    let (id, name, namespace) = (WorkloadId(0), "web".into(), "default".into());
    let usage = UsageModel { cpu: 0.5, memory: 0.5, gpu: GpuUsage(0.0) };
    let workload = Workload { id, name, namespace, kind: WorkloadKind::Replayed, usage, volumes: vec![] };
    let metrics = HpaSpec::default_metrics();
    let spec = HpaSpec { min_replicas: 2, max_replicas: 6, metrics, behavior: None };
    let hpa = Hpa { name: "web".into(), target: id, spec, scaled_to_zero: false };
    Scenario { workloads: vec![workload], hpas: vec![hpa], ..Scenario::default() }
}

#[test]
fn every_plot_of_a_full_run_draws_with_labels_on_its_axes() {
    let (record, outcome) = fixture::run(1_440);
    let figures = figures(&record, &outcome);
    assert_eq!(figures.len(), PLOTS.len());
    for figure in figures {
        let svg = figure.svg().unwrap();
        let of_time: &[&str] =
            if figure.across == Across::Time { &["12:00", "UTC, from 2026-01-05 00:00"] } else { &[] };
        let title = format!("<title>{}: made-up, seed 7", figure.title);
        let told = [title.as_str(), figure.title.as_str(), "windtunnel 0."];
        for text in told.iter().chain(of_time) {
            assert!(svg.contains(text), "{}: no {text:?}", figure.title);
        }
        for panel in &figure.panels {
            assert!(svg.contains(&panel.label), "{}: no {:?}", figure.title, panel.label);
            assert!(panel.series.iter().all(|series| svg.contains(&series.label)), "{}", panel.label);
            assert!(panel.rows.iter().all(|row| svg.contains(&row.label)));
            assert!(panel.key.iter().all(|key| svg.contains(&key.label)));
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
    assert_eq!(
        titles,
        [
            "Utilization",
            "Nodes and replicas",
            "Pending pods",
            "How long they waited",
            "Alerts: pending and firing",
            "Cost by node group and capacity type"
        ]
    );
}

#[test]
fn a_run_without_a_single_sample_still_draws() {
    for figure in figures(&Recorder::default(), &fixture::run(1).1) {
        assert!(figure.svg().unwrap().contains(&figure.title));
    }
}

#[test]
fn limits_are_drawn_and_one_far_above_is_told() {
    let (record, outcome) = fixture::run(60);
    let figures = figures(&record, &outcome);
    let svg = figures[1].svg().unwrap();
    assert!(svg.contains("minReplicas (2)") && svg.contains("maxReplicas (6)"), "{svg}");
    let limit = |value| super::Series::limit("most", super::Color::BLUE, value, 2);
    let line = super::Series::new("count", super::Color::GRAY, super::Shape::Step, vec![1.0, 4.0]);
    let top = |value| super::Panel::whole("", vec![line.clone(), limit(value)]).top();
    assert_eq!((top(3.0), top(8.0), top(100.0)), (4.0, 8.0, 4.0));
    let figure =
        Figure { panels: vec![super::Panel::whole("", vec![line.clone(), limit(100.0)])], ..figures[1].clone() };
    assert!(figure.svg().unwrap().contains("most: too high to show"));
}

#[test]
fn a_stack_has_the_sums_as_its_edges() {
    let stack = |values: &[f64]| super::Series::new("", super::Color::BLUE, super::Shape::Stack, values.to_vec());
    let panel = super::Panel::new("", vec![stack(&[1.0, 2.0]), stack(&[3.0, 0.5])]);
    assert_eq!(panel.stacked(), [[1.0, 2.0], [4.0, 2.5]]);
    assert_eq!(panel.top(), 4.0);
}

#[test]
fn a_hundred_thousand_samples_are_thinned_to_a_small_file() {
    let (record, outcome) = fixture::run(100_000);
    for figure in figures(&record, &outcome) {
        let length = figure.svg().unwrap().len();
        assert!(length < 1_000_000, "{}: {length} bytes", figure.title);
    }
}
