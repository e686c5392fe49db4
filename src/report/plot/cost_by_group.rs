//! What each node group cost, by how its capacity was paid, with what of it no pod held.

use std::collections::BTreeMap;

use super::{Across, Bar, Color, Figure, Key, Look, Panel, Row, Run};
use crate::cost::CapacityType;
use crate::report::cost_shares::{self, Share};

/// Groups shown, those that cost most.
const SHOWN: usize = 24;

/// `None` where no node has a price.
pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let shares = cost_shares::of(run.outcome);
    if shares.is_empty() {
        return None;
    }
    let mut figure = run.figure("Cost by node group and capacity type");
    figure.across = Across::Usd;
    figure.at.clear();
    let mut kinds: Vec<CapacityType> = shares.iter().map(|share| share.capacity_type).collect();
    kinds.sort();
    kinds.dedup();
    let mut by_group: BTreeMap<&str, Vec<&Share>> = BTreeMap::new();
    for share in &shares {
        by_group.entry(&share.group).or_default().push(share);
    }
    let mut groups: Vec<(&str, Vec<&Share>)> = by_group.into_iter().collect();
    let total = |shares: &[&Share]| shares.iter().map(|share| share.cost).sum::<f64>();
    groups.sort_by(|a, b| total(&b.1).total_cmp(&total(&a.1)));
    if groups.len() > SHOWN {
        figure.subtitle += &format!(", the {SHOWN} groups of {} that cost most", groups.len());
    }
    let rows = groups.iter().take(SHOWN).map(|(group, shares)| row(group, shares)).collect();
    let look = |kind: CapacityType, hatched| Look { color: color(kind), hatched };
    let mut key: Vec<Key> = kinds
        .iter()
        .map(|kind| Key { label: format!("{}, held by pods", kind.name()), look: look(*kind, false) })
        .collect();
    key.extend(kinds.iter().map(|kind| Key { label: format!("{}, idle", kind.name()), look: look(*kind, true) }));
    figure.panels = vec![Panel::of_rows("", rows, key)];
    Some(figure)
}

fn row(group: &str, shares: &[&Share]) -> Row {
    let mut bars = Vec::new();
    let mut from = 0.0;
    for hatched in [false, true] {
        for share in shares {
            // Where pods use more than their node's price covers, nothing is idle.
            let idle = share.idle.clamp(0.0, share.cost.max(0.0));
            let amount = if hatched { idle } else { share.cost - idle };
            if amount > 0.0 {
                let look = Look { color: color(share.capacity_type), hatched };
                bars.push(Bar { from, to: from + amount, look });
                from += amount;
            }
        }
    }
    let told = shares
        .iter()
        .map(|share| format!("{} {:.2} USD, {:.2} of it idle", share.capacity_type.name(), share.cost, share.idle));
    Row { label: group.to_owned(), bars, told: told.collect::<Vec<_>>().join("; ") }
}

fn color(capacity_type: CapacityType) -> Color {
    match capacity_type {
        CapacityType::OnDemand => Color::BLUE,
        CapacityType::Spot => Color::ORANGE,
        CapacityType::Reserved => Color::GREEN,
    }
}
