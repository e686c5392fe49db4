//! Why two sides differ: where the money and the waits differ by reason, group and workload, and which decisions.

use std::collections::BTreeSet;

use serde::Serialize;

use super::amounts::percent_plain;
use super::side::Side;
use crate::check::Unit;
use crate::cost::IDLE;
use crate::sim::{IdleReason, Mechanism};

/// Lines of each kind that are told, the largest first.
const MOST: usize = 3;
/// A smaller share of the difference explains nothing.
const LEAST_SHARE: f64 = 0.05;
/// A larger one neither: others make up for it, and the whole is small beside its parts.
const MOST_SHARE: f64 = 2.0;

/// One reason for a difference.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    pub variant: String,
    pub baseline: String,
    /// What it explains: `cost`, `wait`, `nodes` or `decisions`.
    pub of: &'static str,
    /// The figure or the kind of decision.
    pub what: String,
    /// Means over the seeds, variant less baseline.
    pub difference: f64,
    /// Of the whole difference; of decisions there is no whole, and of one that is small beside its parts none is told.
    pub share: Option<f64>,
    /// For people.
    pub text: String,
}

/// A family of figures that add up to another.
struct Family {
    of: &'static str,
    whole: &'static str,
    /// Around the part's own name.
    start: &'static str,
    end: &'static str,
    /// "idle money because of", "spent on".
    words: &'static str,
    /// Behind an amount.
    sum: &'static str,
}

const FAMILIES: &[Family] = &[
    Family { of: "cost", whole: "cost.total_usd", start: "explain.idle.", end: ".usd", words: "idle, ", sum: "" },
    Family { of: "cost", whole: "cost.total_usd", start: "cost.by_node_group.", end: "", words: "nodes of ", sum: "" },
    Family {
        of: "cost",
        whole: "cost.total_usd",
        start: "cost.by_capacity_type.",
        end: "",
        words: "capacity: ",
        sum: "",
    },
    Family {
        of: "cost",
        whole: "cost.total_usd",
        start: "cost.by_workload.",
        end: ".totalCost",
        words: "owed by ",
        sum: "",
    },
    Family {
        of: "wait",
        whole: "",
        start: "explain.wait.",
        end: ".pod_seconds",
        words: "pods waited for ",
        sum: " in all",
    },
];

impl Family {
    /// The part's own name; `None` where `figure` is of another family.
    fn part<'f>(&self, figure: &'f str) -> Option<&'f str> {
        let part = figure.strip_prefix(self.start)?.strip_suffix(self.end)?;
        // `explain.idle.REASON.by.NAME` is a part of a part.
        let is_of_part = self.start.starts_with("explain.") && part.contains('.');
        (!part.is_empty() && !is_of_part).then_some(part)
    }
}

/// What differs most between two sides of equal seeds. Nothing where the sides do not differ.
pub fn reasons(variant: &Side, baseline: &Side, metrics: &[String]) -> Vec<Why> {
    let names: BTreeSet<&str> = [variant, baseline]
        .iter()
        .flat_map(|side| &side.runs)
        .flat_map(|run| &run.figures)
        .map(|f| f.name.as_str())
        .collect();
    let difference = |name: &str| variant.mean(name) - baseline.mean(name);
    let why = |of, what: &str, difference, share, text| Why {
        variant: variant.name.clone(),
        baseline: baseline.name.clone(),
        of,
        what: what.to_owned(),
        difference,
        share,
        text,
    };
    let mut told = Vec::new();
    let nodes = difference("nodes.mean");
    if nodes.is_finite() && nodes.abs() >= 0.05 {
        let [now, before] = [variant, baseline].map(|side| side.mean("nodes.mean"));
        let more = if nodes > 0.0 { "more" } else { "fewer" };
        let text = format!("{:.1} nodes {more} on average ({now:.1} against {before:.1})", nodes.abs());
        told.push(why("nodes", "nodes.mean", nodes, None, text));
    }
    let has_reasons = names.iter().any(|name| name.starts_with("explain.idle."));
    for family in FAMILIES {
        // Where idle money has reasons, "owed by __idle__" says less.
        let parts = names.iter().filter_map(|name| Some((*name, family.part(name)?)));
        let mut parts: Vec<(f64, &str, &str)> = parts
            .filter(|(_, part)| !(has_reasons && family.start == "cost.by_workload." && *part == IDLE))
            .map(|(name, part)| (difference(name), name, part))
            .filter(|(amount, ..)| amount.is_finite() && *amount != 0.0)
            .collect();
        let whole = match family.whole {
            "" => parts.iter().map(|(amount, ..)| amount).sum(),
            whole => difference(whole),
        };
        // A single group explains nothing.
        if parts.len() < 2 && family.start == "cost.by_node_group." || !is_asked(metrics, family.of) || whole == 0.0 {
            continue;
        }
        if family.start == "cost.by_capacity_type." && parts.len() < 2 {
            continue;
        }
        parts.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()).then(a.1.cmp(b.1)));
        for (amount, name, part) in parts.into_iter().take(MOST) {
            let share = amount / whole;
            if !share.is_finite() || share.abs() < LEAST_SHARE {
                continue;
            }
            let on = account(&names, name, family, &difference);
            let size = Unit::of(if family.of == "cost" { "usd" } else { "seconds" }).show(amount.abs());
            let more = if amount > 0.0 { "more" } else { "less" };
            let share = Some(share).filter(|share| share.abs() <= MOST_SHARE);
            let of_all = share.map_or_else(
                || "which others make up for".to_owned(),
                |share| format!("{} of the difference", percent_plain(share)),
            );
            let text = format!("{}{}{on}: {size} {more}{}, {of_all}", family.words, shown(family, part), family.sum);
            told.push(why(family.of, name, amount, share, text));
        }
    }
    told.extend(decisions(variant, baseline).into_iter().map(|(amount, kind)| {
        let more = if amount > 0.0 { "more" } else { "fewer" };
        why("decisions", kind, amount, None, format!("{} {more} a run: {kind}", (amount.abs() * 10.0).round() / 10.0))
    }));
    told
}

/// Reasons in their own words; names as they are.
fn shown<'p>(family: &Family, part: &'p str) -> &'p str {
    let words = match family.start {
        "explain.idle." => IdleReason::ALL.iter().find(|reason| reason.id() == part).map(|reason| reason.words()),
        "explain.wait." => Mechanism::ALL.iter().find(|reason| reason.id() == part).map(|reason| reason.words()),
        _ if part == IDLE => Some("nobody (idle)"),
        _ => None,
    };
    words.unwrap_or(part)
}

/// Waits matter where a wait is asked about, or nothing of money is.
fn is_asked(metrics: &[String], of: &str) -> bool {
    let asks = |word: &str| metrics.iter().any(|metric| metric.contains(word));
    match of {
        "wait" => asks("wait") || asks("startup"),
        _ => asks("cost") || asks("nodes"),
    }
}

/// " [default/checkout]": whose part of the reason differs most.
fn account(names: &BTreeSet<&str>, name: &str, family: &Family, difference: &impl Fn(&str) -> f64) -> String {
    if !family.start.starts_with("explain.") {
        return String::new();
    }
    let Some(reason) = name.strip_suffix(family.end) else { return String::new() };
    let start = format!("{reason}.by.");
    let accounts = names.iter().filter_map(|other| Some((difference(other).abs(), other.strip_prefix(&start)?)));
    let most = accounts.filter(|(amount, _)| amount.is_finite()).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)));
    most.map(|(_, account)| format!(" [{account}]")).unwrap_or_default()
}

/// The kinds of decisions whose number differs most, a run.
fn decisions<'s>(variant: &'s Side, baseline: &'s Side) -> Vec<(f64, &'s str)> {
    let kinds: BTreeSet<&str> =
        [variant, baseline].iter().flat_map(|side| &side.runs).flat_map(|run| run.decisions.kinds()).collect();
    let mean = |side: &Side, kind: &str| {
        side.runs.iter().map(|run| run.decisions.count(kind) as f64).sum::<f64>() / side.runs.len() as f64
    };
    // A side whose decisions are not known would seem to make none.
    if [variant, baseline].iter().any(|side| side.runs.iter().all(|run| run.decisions.kinds().next().is_none())) {
        return Vec::new();
    }
    let mut differing: Vec<(f64, &str)> =
        kinds.into_iter().map(|kind| (mean(variant, kind) - mean(baseline, kind), kind)).collect();
    differing.retain(|(amount, _)| amount.abs() >= 0.05);
    differing.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()).then(a.1.cmp(b.1)));
    differing.truncate(MOST);
    differing
}
