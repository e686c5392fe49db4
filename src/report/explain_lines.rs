//! A run's explanation in a few lines of its table: where idle money is, what pods waited for, HPAs at their maximum.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::plot::number;
use crate::record::{Explain, Summary};
use crate::units::spoken;

/// Reasons that a line lists; `summary.json` has all.
const MOST_REASONS: usize = 3;
/// Reasons with a smaller share are left to `summary.json`, unless they are the first.
const LEAST_SHARE: f64 = 0.01;

/// What there is to be told, each line with its name.
pub fn lines(summary: &Summary) -> Vec<(&'static str, String)> {
    let explain = &summary.explain;
    let lines = [
        ("idle because", idle(explain)),
        ("waited for", waits(explain)),
        ("at maximum", at_maximum(explain, summary.simulated_seconds)),
    ];
    lines.into_iter().filter_map(|(name, line)| Some((name, line?))).collect()
}

fn idle(explain: &Explain) -> Option<String> {
    let total: f64 = explain.idle.iter().map(|(_, figures)| figures.usd.max(0.0)).sum();
    let reasons = explain.idle.iter().map(|(reason, figures)| (figures.usd, (reason.words(), &figures.by)));
    let shown = ranked(total, reasons.collect())?;
    Some(
        shown
            .iter()
            .map(|(share, (words, by))| format!("{}: {words}{}", percent(*share), on(by)))
            .collect::<Vec<_>>()
            .join("; "),
    )
}

fn waits(explain: &Explain) -> Option<String> {
    let total: f64 = explain.wait.iter().map(|(_, figures)| figures.pod_seconds).sum();
    let reasons = explain.wait.iter().map(|(reason, figures)| (figures.pod_seconds, (reason.words(), figures)));
    let shown = ranked(total, reasons.collect())?;
    let one = |(share, (words, figures)): &(f64, (&str, &crate::record::WaitFigures))| {
        let pods =
            if figures.pods == 1 { "1 pod".to_owned() } else { format!("{} pods", number(figures.pods as f64, 0)) };
        let since = figures.since_seconds.map(|at| format!(", first after {}", spoken(at))).unwrap_or_default();
        format!("{}: {words}{} ({pods}{since})", percent(*share), on(&figures.by))
    };
    Some(shown.iter().map(one).collect::<Vec<_>>().join("; "))
}

fn at_maximum(explain: &Explain, simulated: f64) -> Option<String> {
    let mut stood: Vec<(&Arc<str>, f64)> =
        explain.at_max_replicas_seconds.iter().map(|(name, seconds)| (name, *seconds)).collect();
    stood.retain(|(_, seconds)| *seconds > 0.0);
    stood.sort_by(|a, b| b.1.total_cmp(&a.1));
    let more = stood.len().saturating_sub(MOST_REASONS);
    let shown = stood.iter().take(MOST_REASONS);
    let shown = shown.map(|(name, seconds)| format!("{name} {} ({})", spoken(*seconds), percent(seconds / simulated)));
    let mut shown: Vec<String> = shown.collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    (!shown.is_empty()).then(|| format!("HPA of {} at its maxReplicas", shown.join(", ")))
}

/// The largest amounts with their share of `total`, largest first.
fn ranked<T>(total: f64, amounts: Vec<(f64, T)>) -> Option<Vec<(f64, T)>> {
    let mut amounts: Vec<(f64, T)> = amounts.into_iter().filter(|(amount, _)| *amount > 0.0).collect();
    amounts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let amounts: Vec<(f64, T)> = amounts
        .into_iter()
        .map(|(amount, of)| (amount / total, of))
        .enumerate()
        .filter(|(rank, (share, _))| *rank == 0 || *rank < MOST_REASONS && *share >= LEAST_SHARE)
        .map(|(_, row)| row)
        .collect();
    (!amounts.is_empty()).then_some(amounts)
}

/// " of default/checkout", " of general and 2 more": the accounts of a reason, the largest first.
fn on(by: &BTreeMap<Arc<str>, f64>) -> String {
    let Some((name, _)) = by.iter().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0))) else {
        return String::new();
    };
    match by.len() - 1 {
        0 => format!(" [{name}]"),
        more => format!(" [{name} and {more} more]"),
    }
}

fn percent(share: f64) -> String {
    format!("{} %", number(100.0 * share, usize::from(share < 0.1)))
}
