//! `windtunnel compare`: its statistics against SciPy's answers, and the command as its users call it.

pub mod command;
mod real_runs;

use serde::Deserialize;
use windtunnel::compare::{Terms, judge_pairs};

/// What `reference.py` printed.
#[derive(Deserialize)]
struct Reference {
    made_by: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    level: f64,
    comparisons: usize,
    pairs: Vec<(f64, f64)>,
    difference: f64,
    low: f64,
    high: f64,
    p: f64,
    ratio: Option<f64>,
    ratio_margin: Option<f64>,
    pairs_needed: u64,
}

#[test]
fn intervals_verdicts_and_the_seeds_asked_for_are_scipys() {
    let reference: Reference = serde_json::from_str(include_str!("reference.json")).expect("stored data");
    assert!(reference.made_by.starts_with("SciPy") && reference.cases.len() > 100);
    for case in &reference.cases {
        let Case { name, level, comparisons, pairs, .. } = case;
        let terms =
            Terms { level: *level, comparisons: *comparisons, looks: 1, precision: 0.02, is_deterministic: false };
        let judged = judge_pairs(pairs, &terms).expect("numbers");
        let what = format!("{name}, {} pairs, {level} of {comparisons}: {judged:?}", pairs.len());
        let scale = 1.0 + case.low.abs().max(case.high.abs());
        let is_near = |ours: f64, theirs: f64| (ours - theirs).abs() <= 1e-7 * scale;
        assert!(is_near(judged.difference, case.difference), "{what}");
        assert!(is_near(judged.low, case.low) && is_near(judged.high, case.high), "{what}: {} {}", case.low, case.high);
        assert_eq!(judged.is_real, case.p < 1.0 - terms.interval_level(), "{what}: p = {}", case.p);
        match (judged.ratio, case.ratio.zip(case.ratio_margin)) {
            (None, None) => {}
            (Some((ratio, margin)), Some((theirs, spread))) => {
                assert!((ratio - theirs).abs() < 1e-9 && (margin - spread).abs() <= 1e-7 * (1.0 + spread), "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
        let asked = judged.pairs_needed.expect("their spread is known");
        let is_rounding = (asked as f64 - case.pairs_needed as f64).abs() <= 1.0;
        assert!(is_rounding, "{what}: {asked} against {}", case.pairs_needed);
    }
}
