//! The answer in one sentence.

use super::amounts::{count_of, percent, percent_plain};
use super::outcome::{Comparison, MetricComparison, Question, VariantWork, Verdict};
use super::side::Side;
use crate::check::Unit;

/// Of more variants the best is named, the others are counted.
const MOST_CLAIMS: usize = 3;

/// What `comparison` found of the first metric, and what should not be missed beside it.
pub fn answer(comparison: &Comparison, question: &Question) -> String {
    let Some(metric) = question.metrics.first() else { return "There is nothing to compare.".to_owned() };
    if comparison.pairs == 0 {
        return "There is nothing to compare: the sides have no seed in common.".to_owned();
    }
    let of_metric = || comparison.comparisons.iter().filter(|row| row.metric == *metric);
    if of_metric().count() > MOST_CLAIMS {
        return of_many(&of_metric().collect::<Vec<_>>(), comparison);
    }
    let claims: Vec<String> = of_metric().map(|row| claim(row, comparison)).collect();
    match &claims[..] {
        [] => "There is nothing to compare.".to_owned(),
        [only] => format!("{only}."),
        several => format!("{}.", several.join("; ")),
    }
}

/// "X is 12 % cheaper than A: …; of the other 8, 2 are better too, 3 worse, 1 the same, 2 can't be told apart".
fn of_many(rows: &[&MetricComparison], comparison: &Comparison) -> String {
    let leaves_work = |row: &MetricComparison| {
        let is_it = |work: &&VariantWork| work.variant == row.variant && work.baseline == row.baseline;
        comparison.variants.iter().find(is_it).is_some_and(|work| work.unserved.is_some())
    };
    let (unserved, served): (Vec<&MetricComparison>, Vec<&MetricComparison>) =
        rows.iter().copied().partition(|row| leaves_work(row));
    let size = |row: &&MetricComparison| row.relative.map_or(0.0, f64::abs);
    let better = served.iter().copied().filter(|row| row.verdict == Verdict::Better);
    let best = better.max_by(|a, b| size(a).total_cmp(&size(b)).then(b.variant.cmp(&a.variant)));
    let others: Vec<&MetricComparison> =
        served.into_iter().filter(|row| best.is_none_or(|best| !std::ptr::eq(*row, best))).collect();
    let mut counted = Vec::new();
    let mut count = |what: &str, is: &dyn Fn(&MetricComparison) -> bool| {
        let many = others.iter().filter(|row| is(row)).count();
        if many > 0 {
            counted.push(format!("{many} {what}"));
        }
    };
    let verdict = |of: Verdict| move |row: &MetricComparison| !row.same_in_every_seed && row.verdict == of;
    count("better too", &verdict(Verdict::Better));
    for of in [Verdict::Worse, Verdict::Higher, Verdict::Lower] {
        count(of.words(), &verdict(of));
    }
    count("the same in every seed", &|row| row.same_in_every_seed);
    count("can't be told apart", &verdict(Verdict::CantTell));
    let rest = if counted.is_empty() { String::new() } else { format!(": {}", counted.join(", ")) };
    let metric = rows.first().map_or("", |row| row.metric.as_str());
    let mut text = match best {
        Some(best) => format!("{}; of the other {}{rest}", claim(best, comparison), others.len()),
        None if others.is_empty() => "no variant does all the work".to_owned(),
        None => format!("none of {} is really better in {metric}{rest}", others.len()),
    };
    if !unserved.is_empty() {
        let names: Vec<&str> = unserved.iter().take(2).map(|row| row.variant.as_str()).collect();
        let more = unserved.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let verb = if unserved.len() == 1 { "leaves" } else { "leave" };
        let take = if unserved.len() == 1 { "takes" } else { "take" };
        text += &format!("; {}{more} {verb} some unserved and {take} no part", names.join(" and "));
    }
    text + "."
}

fn claim(row: &MetricComparison, comparison: &Comparison) -> String {
    let MetricComparison { variant, baseline, metric, .. } = row;
    let work = comparison.variants.iter().find(|work| work.variant == *variant && work.baseline == *baseline);
    let unserved = work.and_then(|work| work.unserved.as_deref());
    let seeds = seeds(comparison.pairs);
    let mut text = if let (Some(mean), Some(before)) = (row.mean, row.baseline_mean) {
        let unit = Unit::of(metric);
        let values = format!("{} against {}", unit.show(mean), unit.show(before));
        match row.verdict {
            _ if row.same_in_every_seed => {
                let all = comparison
                    .comparisons
                    .iter()
                    .filter(|other| other.variant == *variant && other.baseline == *baseline);
                match all.clone().all(|other| other.same_in_every_seed) {
                    true => format!("{variant} and {baseline} are the same in every seed ({seeds})"),
                    false => format!(
                        "{variant} and {baseline} have the same {metric} in every seed: {} ({seeds})",
                        unit.show(mean)
                    ),
                }
            }
            Verdict::CantTell => {
                let whether = format!("can't tell whether {variant} is {} than {baseline}", degree(row));
                let by = row.relative.map(|relative| format!(", {}", percent(relative))).unwrap_or_default();
                let more = match (row.interval, row.more_seeds) {
                    _ if comparison.pairs == 1 => "one seed says nothing of chance, give --seeds 10".to_owned(),
                    ([Some(_), Some(_)], Some(more)) => {
                        format!(
                            "{} more seeds would settle a difference of {}",
                            count(more),
                            percent_plain(comparison.precision)
                        )
                    }
                    ([None, _], _) => "a few equal differences prove nothing, give more seeds".to_owned(),
                    (_, None) => {
                        format!("a difference of {} would have been seen", percent_plain(comparison.precision))
                    }
                    _ => "give more seeds".to_owned(),
                };
                format!("{whether}: {values}{by}{}; {more}", interval(row, comparison))
            }
            verdict => {
                let by = row.relative.map(|relative| percent(relative.abs()).trim_start_matches('+').to_owned());
                let by = by.unwrap_or_else(|| unit.show((mean - before).abs()));
                let sense = match verdict {
                    _ if metric.starts_with("cost.") => String::new(),
                    verdict => format!(" ({})", verdict.words()),
                };
                let exact = if row.interval[0] == row.interval[1] {
                    ", by the same in every seed".to_owned()
                } else {
                    interval(row, comparison)
                };
                format!("{variant} is {by} {} than {baseline}{sense}: {values}{exact}", degree(row))
            }
        }
    } else {
        null(row)
    };
    if let Some(other) = opposite(row, comparison) {
        text += &format!(", but {other}");
    }
    if let Some(unserved) = unserved {
        text += &format!("; {variant} {unserved}");
    }
    text
}

/// "cheaper", "dearer"; "lower in nodes.node_hours".
fn degree(row: &MetricComparison) -> String {
    let is_lower = row.difference.is_some_and(|difference| difference < 0.0);
    match (row.metric.starts_with("cost."), is_lower) {
        (true, true) if row.metric == "cost.total_usd" => "cheaper".to_owned(),
        (true, false) if row.metric == "cost.total_usd" => "dearer".to_owned(),
        (_, true) => format!("lower in {}", row.metric),
        (_, false) => format!("higher in {}", row.metric),
    }
}

/// ", -5.1 % to +0.9 % at 95 % in 10 seeds", of the baseline where that is not zero.
fn interval(row: &MetricComparison, comparison: &Comparison) -> String {
    let (level, seeds) = (percent_plain(comparison.level), seeds(comparison.pairs));
    let [Some(low), Some(high)] = row.interval else { return format!(" ({seeds})") };
    let (low, high) = match row.baseline_mean {
        Some(before) if before != 0.0 => (percent(low / before.abs()), percent(high / before.abs())),
        _ => (Unit::of(&row.metric).show(low), Unit::of(&row.metric).show(high)),
    };
    format!(" ({level} interval of the difference: {low} to {high}, {seeds})")
}

/// What a run could not tell is named, not left out.
fn null(row: &MetricComparison) -> String {
    let MetricComparison { variant, baseline, metric, null_runs: [now, before], .. } = row;
    let side = |name: &str, runs: usize| format!("{} of {name}", count_of(runs as u64, "run"));
    let which = match (now, before) {
        (now, 0) => side(variant, *now),
        (0, before) => side(baseline, *before),
        (now, before) => format!("{} and {}", side(variant, *now), side(baseline, *before)),
    };
    format!(
        "can't tell whether {variant} or {baseline} is better in {metric}: it is null in {which}, where it can't be told (waits that were not over, or nothing to measure)"
    )
}

/// The other metric that is most against what the first says.
fn opposite(row: &MetricComparison, comparison: &Comparison) -> Option<String> {
    let against = match row.verdict {
        Verdict::Better => Verdict::Worse,
        Verdict::Worse => Verdict::Better,
        _ => return None,
    };
    let others = comparison
        .comparisons
        .iter()
        .filter(|other| other.variant == row.variant && other.baseline == row.baseline && other.verdict == against);
    let size = |other: &&MetricComparison| other.relative.map_or(f64::INFINITY, f64::abs);
    let other = others.max_by(|a, b| size(a).total_cmp(&size(b)))?;
    let unit = Unit::of(&other.metric);
    let by = other.relative.map(|relative| format!("{} ", percent(relative))).unwrap_or_default();
    let values = format!("{} against {}", unit.show(other.mean?), unit.show(other.baseline_mean?));
    Some(format!("{} is {by}({}): {values}", other.metric, against.words()))
}

/// Work that the variant leaves undone, in words; `None` where it serves all.
pub fn unserved(variant: &Side, baseline: &Side) -> Option<String> {
    let mut parts = Vec::new();
    for (figure, noun) in [("pods.unserved", "pod"), ("training.never_started", "training job")] {
        let [now, before] = [variant, baseline].map(|side| side.mean(figure));
        if now > 0.0 {
            let noun = if now == 1.0 { noun.to_owned() } else { format!("{noun}s") };
            let [now, before] =
                [now, before].map(|mean| if mean >= 0.05 { (mean * 10.0).round() / 10.0 } else { mean });
            parts.push(format!("{now} {noun} unserved ({}: {before})", baseline.name));
        }
    }
    let services = variant.runs.first().into_iter().flat_map(|run| &run.figures);
    let dropped = services.filter_map(|figure| {
        let service = figure.name.strip_prefix("services.")?.strip_suffix(".dropped_fraction")?;
        let [now, before] = [variant, baseline].map(|side| side.mean(&figure.name));
        (now > 0.0).then(|| {
            format!(
                "{} of the demand on {service} unserved ({}: {})",
                percent_plain(now),
                baseline.name,
                percent_plain(before)
            )
        })
    });
    parts.extend(dropped);
    (!parts.is_empty()).then(|| format!("leaves {}", parts.join(" and ")))
}

fn seeds(pairs: usize) -> String {
    count_of(pairs as u64, "seed")
}

fn count(amount: u64) -> String {
    if amount >= 10_000 { "over 10,000".to_owned() } else { amount.to_string() }
}
