//! From sides to a comparison.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::direction::{Better, better};
use super::pairs::{Judged, Terms, judge_pairs};
use super::sentence;
use super::side::{Side, SideRun};
use super::why::{self, Why};

/// A side held against another, by their indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matchup {
    pub baseline: usize,
    pub variant: usize,
}

/// What is asked of the sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The first is what the answer is about.
    pub metrics: Vec<String>,
    /// Of all intervals together.
    pub level: f64,
    /// The smallest difference that matters, as a part of the baseline.
    pub precision: f64,
    /// How often the runs may be looked at while seeds are added; 1: once.
    pub looks: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Better,
    Worse,
    CantTell,
    /// Of a figure that is neither good nor bad.
    Higher,
    Lower,
}

impl Verdict {
    pub const fn words(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::CantTell => "can't tell",
            Verdict::Higher => "higher",
            Verdict::Lower => "lower",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.words())
    }
}

/// One metric of one variant against its baseline. `null` is what can't be told.
#[derive(Clone, Debug, Serialize)]
pub struct MetricComparison {
    pub variant: String,
    pub baseline: String,
    pub metric: String,
    pub mean: Option<f64>,
    pub baseline_mean: Option<f64>,
    pub difference: Option<f64>,
    /// Of the mean difference; `[null, null]` where the pairs say nothing of it.
    pub interval: [Option<f64>; 2],
    /// The difference as a part of the baseline.
    pub relative: Option<f64>,
    pub verdict: Verdict,
    /// Mean over mean, and the half width of its interval.
    pub ratio: Option<[Option<f64>; 2]>,
    pub same_in_every_seed: bool,
    /// How many pairs find a difference of the precision asked for in nine of ten such comparisons.
    pub pairs_needed: Option<u64>,
    /// Of these, those still to be run; only where the verdict is open.
    pub more_seeds: Option<u64>,
    /// Runs of the variant and of the baseline in which the figure is `null` or missing.
    pub null_runs: [usize; 2],
}

impl MetricComparison {
    /// True where some run has no value of it.
    pub fn is_null(&self) -> bool {
        self.null_runs != [0, 0]
    }
}

/// Work that a variant leaves undone: without it, its figures are not those of the same work.
#[derive(Clone, Debug, Serialize)]
pub struct VariantWork {
    pub variant: String,
    pub baseline: String,
    /// In words; `null` where all work was served.
    pub unserved: Option<String>,
}

/// The outcome; its serialized form is what `--format json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// In one sentence.
    pub answer: String,
    /// Of all intervals together.
    pub level: f64,
    /// Of each interval by itself, corrected for the number of comparisons and looks.
    pub interval_level: f64,
    pub pairs: usize,
    pub seeds: Vec<u64>,
    pub precision: f64,
    pub looks: usize,
    pub comparisons: Vec<MetricComparison>,
    pub variants: Vec<VariantWork>,
    pub why: Vec<Why>,
    /// What should be known of the runs: seeds left out, other durations.
    pub notes: Vec<String>,
}

/// Compares the sides of each matchup, which have runs under equal seeds.
pub fn compare(sides: &[Side], matchups: &[Matchup], question: &Question) -> Comparison {
    let mut notes = Vec::new();
    let shared = shared_seeds(sides, matchups, &mut notes);
    let first = matchups.first().map(|matchup| Terms {
        level: question.level,
        comparisons: question.metrics.len() * matchups.len(),
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
        for metric in &question.metrics {
            comparison.comparisons.push(row(&variant, &baseline, metric, &terms));
        }
        comparison.variants.push(VariantWork {
            variant: variant.name.clone(),
            baseline: baseline.name.clone(),
            unserved: sentence::unserved(&variant, &baseline),
        });
        comparison.why.extend(why::reasons(&variant, &baseline, &question.metrics));
        if let Some(note) = durations(&variant, &baseline) {
            comparison.notes.push(note);
        }
    }
    comparison.answer = sentence::answer(&comparison, question);
    comparison
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
