//! What the nodes cost: by the hour, by group and capacity type, and since the start.

use std::collections::BTreeMap;

use super::{Color, Figure, Panel, Run, Series, Shape, number};
use crate::scenario::FIXED;
use crate::units::SimTime;

/// `None` where no node has a price.
pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let rate = run.values(|row| row.cost_rate.as_f64());
    let sum = run.values(|row| row.cost.as_f64());
    let total = sum.iter().copied().fold(0.0, f64::max);
    if total == 0.0 && rate.iter().all(|rate| *rate == 0.0) {
        return None;
    }
    let mut figure = run.figure("Cost");
    let label = format!("since the start (total {})", number(total, 2));
    let mut by_kind = Panel::new("Rate (USD per hour)", stacked(run));
    let top = by_kind.stacked().pop().unwrap_or_else(|| vec![0.0; rate.len()]);
    let differs = |(sum, rate): (&f64, &f64)| (sum - rate).abs() > 0.005 * rate.max(1e-9);
    // Reservations and commitments are billed whatever stands, and spot prices move.
    if top.iter().zip(&rate).any(differs) {
        by_kind.series.push(Series::new("all that is billed", Color::BLACK, Shape::Step, rate));
    }
    figure.panels = vec![by_kind, Panel::new("Sum (USD)", vec![Series::new(label, Color::GREEN, Shape::Line, sum)])];
    Some(figure)
}

/// Kinds of nodes with a colour of their own; of more, those that cost least share one.
const KINDS: usize = 6;

/// The nodes' prices by group and capacity type, those that cost most at the foot. A node counts with the mean of its
/// bill over its life, so that spot prices that moved are evened out.
fn stacked(run: &Run<'_>) -> Vec<Series> {
    let outcome = run.outcome;
    let end = SimTime::ZERO + outcome.simulated;
    let rows = run.record.rows();
    // USD an hour that come and go at a sample, by kind.
    let mut kinds: BTreeMap<(&str, &str), (f64, Vec<f64>)> = BTreeMap::new();
    for node in &outcome.nodes {
        let (from, to) = (node.requested.max(SimTime::ZERO), node.removed.unwrap_or(end).min(end));
        let hours = (to - from).as_secs_f64() / 3600.0;
        if hours <= 0.0 || rows.is_empty() {
            continue;
        }
        let group = if node.group.is_empty() { FIXED } else { &*node.group };
        let kind = kinds.entry((group, node.capacity_type.name())).or_insert_with(|| (0.0, vec![0.0; rows.len() + 1]));
        let rate = node.cost.as_f64() / hours;
        kind.0 += node.cost.as_f64();
        kind.1[rows.partition_point(|row| row.at < from)] += rate;
        // At the last sample everything still stands.
        let gone = if node.removed.is_some() { rows.partition_point(|row| row.at < to) } else { rows.len() };
        kind.1[gone] -= rate;
    }
    let mut kinds: Vec<_> = kinds.into_iter().filter(|(_, kind)| kind.0 > 0.0).collect();
    kinds.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then(a.0.cmp(&b.0)));
    let summed = |steps: &[f64]| {
        let mut sum = 0.0f64;
        let mut add = |step: &f64| {
            sum += step;
            // What is left of rounding where all have gone.
            if sum.abs() < 1e-9 { 0.0 } else { sum }
        };
        steps[..rows.len()].iter().map(&mut add).collect::<Vec<f64>>()
    };
    let mut series: Vec<Series> = Vec::new();
    for (index, ((group, kind), (cost, steps))) in kinds.iter().enumerate() {
        if index < KINDS {
            let label = format!("{group}, {kind} ({} USD)", number(*cost, 2));
            series.push(Series::new(label, Color::CYCLE[index], Shape::Stack, summed(steps)));
        } else if let Some(last) = series.get_mut(KINDS) {
            last.values.iter_mut().zip(summed(steps)).for_each(|(sum, value)| *sum += value);
        } else {
            let label = format!("{} others", kinds.len() - KINDS);
            series.push(Series::new(label, Color::GRAY, Shape::Stack, summed(steps)));
        }
    }
    series
}
