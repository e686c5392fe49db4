//! From sides to a comparison.

use std::collections::BTreeSet;

use super::direction::{Better, better};
use super::outcome::{Comparison, Matchup, MetricComparison, Question, VariantWork, Verdict};
use super::pairs::{Judged, Terms, judge_pairs};
use super::renames::Renames;
use super::sentence;
use super::side::{Side, SideRun};
use super::why;

/// Compares the sides of each matchup, which have runs under equal seeds.
pub fn compare(sides: &[Side], matchups: &[Matchup], question: &Question) -> Comparison {
    let mut notes = Vec::new();
    let shared = shared_seeds(sides, matchups, &mut notes);
    let metrics = &told_once(sides, matchups, &question.metrics);
    let first = matchups.first().map(|matchup| Terms {
        level: question.level,
        comparisons: metrics.len() * matchups.len(),
        looks: question.looks,
        precision: question.precision,
        is_deterministic: sides[matchup.baseline].is_without_chance(),
    });
    let mut comparison = Comparison {
        answer: String::new(),
        level: question.level,
        interval_level: first.map_or(question.level, |terms| terms.interval_level()),
        pairs: shared.len(),
        seeds: shared.iter().copied().collect(),
        precision: question.precision,
        looks: question.looks,
        comparisons: Vec::new(),
        variants: Vec::new(),
        why: Vec::new(),
        notes,
    };
    for matchup in matchups {
        let (variant, baseline) = (&sides[matchup.variant], &sides[matchup.baseline]);
        let (variant, baseline) = (only(variant, &shared), only(baseline, &shared));
        let terms = Terms {
            is_deterministic: variant.is_without_chance() && baseline.is_without_chance(),
            ..first.expect("there is a matchup")
        };
        let renames = Renames::between(&variant, &baseline);
        comparison.notes.extend(renames.notes(&variant.name, &baseline.name));
        let alike = renames.in_words_of_the_baseline(&variant);
        for metric in metrics {
            // A service that goes by another name is held against its like.
            let own = if variant.runs.iter().any(|run| run.has(metric)) { &variant } else { &alike };
            comparison.comparisons.push(row(own, &baseline, metric, &terms));
        }
        comparison.variants.push(VariantWork {
            variant: variant.name.clone(),
            baseline: baseline.name.clone(),
            unserved: sentence::unserved(&variant, &baseline),
        });
        comparison.why.extend(why::reasons(&alike, &baseline, &question.metrics));
        if let Some(note) = durations(&variant, &baseline) {
            comparison.notes.push(note);
        }
    }
    comparison.answer = sentence::answer(&comparison, question);
    comparison
}

/// Without the figures of what goes by another name in the baseline, where those of that name are compared.
fn told_once(sides: &[Side], matchups: &[Matchup], metrics: &[String]) -> Vec<String> {
    let is_of = |side: usize, metric: &str| sides[side].runs.iter().any(|run| run.has(metric));
    let is_told = |metric: &String| {
        matchups.iter().all(|Matchup { baseline, variant }| {
            let renames = Renames::between(&sides[*variant], &sides[*baseline]);
            let like = renames.figure(metric);
            !is_of(*baseline, metric) && is_of(*variant, metric) && like != *metric && metrics.contains(&like)
        })
    };
    // Most sides have the same names.
    let is_plain = |metric: &String| !metric.starts_with("services.") || matchups.is_empty();
    metrics.iter().filter(|metric| is_plain(metric) || !is_told(metric)).cloned().collect()
}

/// The seeds that every side has runs of; others are named.
fn shared_seeds(sides: &[Side], matchups: &[Matchup], notes: &mut Vec<String>) -> BTreeSet<u64> {
    let used: BTreeSet<usize> = matchups.iter().flat_map(|matchup| [matchup.baseline, matchup.variant]).collect();
    let of = |side: &usize| -> BTreeSet<u64> { sides[*side].runs.iter().map(|run| run.seed).collect() };
    let mut shared = used.first().map(of).unwrap_or_default();
    for side in &used {
        shared = shared.intersection(&of(side)).copied().collect();
    }
    for side in &used {
        let left = sides[*side].runs.len() - shared.len();
        if left > 0 {
            notes.push(format!(
                "{left} runs of {} have no partner of the same seed and are left out",
                sides[*side].name
            ));
        }
    }
    shared
}

fn only(side: &Side, seeds: &BTreeSet<u64>) -> Side {
    let runs = side.runs.iter().filter(|run| seeds.contains(&run.seed));
    Side { name: side.name.clone(), runs: runs.cloned().collect() }
}

fn row(variant: &Side, baseline: &Side, metric: &str, terms: &Terms) -> MetricComparison {
    let value = |run: &SideRun| run.figure(metric);
    let pairs: Vec<(f64, f64)> = baseline.runs.iter().map(value).zip(variant.runs.iter().map(value)).collect();
    let nulls = |side: &Side| side.runs.iter().filter(|run| !value(run).is_finite()).count();
    let judged = judge_pairs(&pairs, terms);
    let is_null_in_both = pairs.iter().all(|(a, b)| a.is_nan() && b.is_nan());
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let of = |figure: fn(&Judged) -> f64| judged.as_ref().map(figure).and_then(finite);
    let verdict = judged.as_ref().map_or(Verdict::CantTell, |judged| verdict(metric, judged));
    let pairs_needed = judged.as_ref().and_then(|judged| judged.pairs_needed);
    let is_open = verdict == Verdict::CantTell;
    MetricComparison {
        variant: variant.name.clone(),
        baseline: baseline.name.clone(),
        metric: metric.to_owned(),
        mean: of(|judged| judged.mean),
        baseline_mean: of(|judged| judged.baseline_mean),
        difference: of(|judged| judged.difference),
        interval: [of(|judged| judged.low), of(|judged| judged.high)],
        relative: judged.as_ref().and_then(|judged| finite(judged.difference / judged.baseline_mean.abs())),
        verdict,
        ratio: judged.as_ref().and_then(|judged| judged.ratio).map(|(ratio, margin)| [finite(ratio), finite(margin)]),
        same_in_every_seed: judged.as_ref().map_or(is_null_in_both, |judged| judged.is_same),
        pairs_needed,
        more_seeds: pairs_needed
            .map(|needed| needed.saturating_sub(pairs.len() as u64))
            .filter(|more| is_open && *more > 0),
        null_runs: [nulls(variant), nulls(baseline)],
    }
}

/// The verdict on the figure `metric`.
pub fn verdict(metric: &str, judged: &Judged) -> Verdict {
    if !judged.is_real {
        return Verdict::CantTell;
    }
    match (better(metric).unwrap_or(Better::Neither), judged.difference > 0.0) {
        (Better::Lower, false) | (Better::Higher, true) => Verdict::Better,
        (Better::Lower, true) | (Better::Higher, false) => Verdict::Worse,
        (Better::Neither, true) => Verdict::Higher,
        (Better::Neither, false) => Verdict::Lower,
    }
}

/// Totals over unlike times are no comparison of policies.
fn durations(variant: &Side, baseline: &Side) -> Option<String> {
    let [now, before] = [variant, baseline].map(|side| side.mean("simulated_seconds"));
    (now != before && now.is_finite() && before.is_finite()).then(|| {
        let hours = |seconds: f64| format!("{} h", (seconds / 36.0).round() / 100.0);
        format!(
            "{} simulates {} and {} {}: their totals are not of the same time",
            variant.name,
            hours(now),
            baseline.name,
            hours(before)
        )
    })
}
