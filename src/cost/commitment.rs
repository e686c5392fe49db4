//! Savings plans and committed-use discounts: so many dollars an hour are paid in any case, and cover on-demand use at
//! a discount, hour by hour.
//!
//! In each hour (from the run's start) a commitment of `c` dollars covers on-demand use worth up to `c / (1 - discount)`
//! at list prices; what it does not cover is paid at list prices, and what of it nothing uses is lost. So AWS bills
//! Compute Savings Plans (the commitment counts in discounted dollars; GCP's flexible commitments come to the same).
//! Where several could cover the same use, those that stand first are used first.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::units::{SimTime, Usd, UsdPerHour};

const MILLION: i128 = 1_000_000;
const HOUR: i64 = 3_600 * 1_000_000_000;

/// More than these are not told apart.
pub const MOST_COMMITMENTS: usize = 32;

/// A commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    pub name: Arc<str>,
    /// Paid every hour, used or not.
    pub per_hour: UsdPerHour,
    /// Off the list price of what it covers, in millionths; below a million.
    pub discount: u32,
    /// Node groups whose nodes it covers, empty: all. `fixed` stands for the nodes outside every group.
    pub node_groups: Vec<Arc<str>>,
    /// Instance types that it covers, empty: all.
    pub instance_types: Vec<Arc<str>>,
}

impl Commitment {
    pub fn covers(&self, node_group: &str, instance_type: &str) -> bool {
        let among = |names: &[Arc<str>], name: &str| names.is_empty() || names.iter().any(|known| **known == *name);
        among(&self.node_groups, node_group) && among(&self.instance_types, instance_type)
    }

    /// What it covers in a span, at list prices, in nano-dollars an hour × nanoseconds.
    fn reach(&self, span: i64) -> i128 {
        let paid = i128::from(self.per_hour.nanos()) * i128::from(span);
        paid.saturating_mul(MILLION) / (MILLION - i128::from(self.discount))
    }
}

/// Those of all commitments that cover some use: a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cover(u32);

/// What a commitment came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitmentUse {
    pub paid: Usd,
    /// Worth of what it covered, at list prices.
    pub covered: Usd,
    /// Part of `paid` that covered nothing.
    pub unused: Usd,
}

/// Commitments at work on what on-demand nodes cost at every moment.
#[derive(Clone, Debug, Default)]
pub struct Commitments {
    terms: Vec<Commitment>,
    end: SimTime,
    at: SimTime,
    /// Prices of the on-demand nodes of now, by what covers them.
    rates: BTreeMap<Cover, i128>,
    /// What they have cost in the current hour, in nano-dollars an hour × nanoseconds.
    spent: BTreeMap<Cover, i128>,
    /// In the hours that are over, in the same unit, by commitment: paid and covered.
    paid: Vec<i128>,
    covered: Vec<i128>,
}

impl Commitments {
    /// The run lasts until `end`, and so does what is paid.
    pub fn new(terms: &[Commitment], end: SimTime) -> Commitments {
        let nothing = vec![0; terms.len()];
        Commitments { terms: terms.to_vec(), end, paid: nothing.clone(), covered: nothing, ..Commitments::default() }
    }

    pub fn terms(&self) -> &[Commitment] {
        &self.terms
    }

    /// What covers nodes of this group and type.
    pub fn cover(&self, node_group: &str, instance_type: &str) -> Cover {
        let bits = self.terms.iter().enumerate().filter(|(_, term)| term.covers(node_group, instance_type));
        Cover(bits.fold(0, |cover, (index, _)| cover | 1 << index))
    }

    /// On-demand nodes begin (`sign` 1) or cease (-1) to cost.
    pub fn change_rate(&mut self, cover: Cover, price: UsdPerHour, sign: i128, now: SimTime) {
        if cover == Cover::default() {
            return;
        }
        self.advance(now);
        *self.rates.entry(cover).or_default() += sign * i128::from(price.nanos());
    }

    /// What commitments add to the bill so far (less than nothing: they save): the hours that have begun are paid for.
    pub fn adjustment(&mut self, now: SimTime) -> Usd {
        self.advance(now);
        let uses = self.uses();
        uses.iter().map(|used| used.paid).sum::<Usd>() - uses.iter().map(|used| used.covered).sum::<Usd>()
    }

    /// Up to the last [`adjustment`](Self::adjustment), the current hour paid for whole.
    pub fn uses(&self) -> Vec<CommitmentUse> {
        let length = self.hour_length();
        let mut left = self.spent.clone();
        let row = |(index, term): (usize, &Commitment)| {
            let paid = self.paid[index] + i128::from(term.per_hour.nanos()) * i128::from(length);
            let covered = self.covered[index] + draw(index, term.reach(length), &mut left);
            let worth = covered * (MILLION - i128::from(term.discount)) / MILLION;
            CommitmentUse { paid: usd(paid), covered: usd(covered), unused: usd(paid - worth) }
        };
        self.terms.iter().enumerate().map(row).collect()
    }

    /// Where the current hour begins.
    fn hour_start(&self) -> i64 {
        self.at.nanos() / HOUR * HOUR
    }

    /// The last hour may be cut short.
    fn hour_length(&self) -> i64 {
        (self.end.nanos() - self.hour_start()).clamp(0, HOUR)
    }

    fn advance(&mut self, now: SimTime) {
        while self.at < now && !self.terms.is_empty() {
            let hour_end = self.hour_start() + HOUR;
            let until = now.nanos().min(hour_end);
            let span = i128::from(until - self.at.nanos());
            for (cover, rate) in &self.rates {
                *self.spent.entry(*cover).or_default() += rate * span;
            }
            if until == hour_end {
                let length = self.hour_length();
                for (index, term) in self.terms.iter().enumerate() {
                    self.paid[index] += i128::from(term.per_hour.nanos()) * i128::from(length);
                    self.covered[index] += draw(index, term.reach(length), &mut self.spent);
                }
                self.spent.clear();
            }
            self.at = SimTime::from_nanos(until);
        }
    }
}

/// Takes what commitment `index` covers, up to `reach`, out of what was spent.
fn draw(index: usize, reach: i128, spent: &mut BTreeMap<Cover, i128>) -> i128 {
    let mut left = reach;
    for (_, amount) in spent.iter_mut().filter(|(cover, _)| cover.0 & (1 << index) != 0) {
        let taken = left.min(*amount);
        *amount -= taken;
        left -= taken;
    }
    reach - left
}

fn usd(amount: i128) -> Usd {
    Usd::from_nanos(i64::try_from(amount / i128::from(HOUR)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(name: &str, dollars: f64, percent: u32, groups: &[&str]) -> Commitment {
        Commitment {
            name: name.into(),
            per_hour: UsdPerHour::from_f64(dollars).unwrap(),
            discount: percent * 10_000,
            node_groups: groups.iter().map(|group| Arc::from(*group)).collect(),
            instance_types: Vec::new(),
        }
    }

    fn at(hours: f64) -> SimTime {
        SimTime::from_secs((hours * 3600.0) as i64)
    }

    fn dollars(amount: f64) -> UsdPerHour {
        UsdPerHour::from_f64(amount).unwrap()
    }

    fn rounded(used: CommitmentUse) -> (f64, f64, f64) {
        let round = |amount: Usd| (amount.as_f64() * 1e6).round() / 1e6;
        (round(used.paid), round(used.covered), round(used.unused))
    }

    #[test]
    fn what_is_not_used_in_its_hour_is_lost() {
        // 6 dollars an hour at 40 % off reach 10 dollars of list prices. The first hour has 4, the second 15.
        let mut commitments = Commitments::new(&[term("plan", 6.0, 40, &[])], at(2.0));
        let cover = commitments.cover("general", "");
        commitments.change_rate(cover, dollars(4.0), 1, at(0.0));
        commitments.change_rate(cover, dollars(11.0), 1, at(1.0));
        let adjustment = commitments.adjustment(at(2.0));
        assert_eq!(rounded(commitments.uses()[0]), (12.0, 14.0, 3.6));
        assert_eq!(adjustment, Usd::from_nanos(-2_000_000_000));
    }

    #[test]
    fn within_an_hour_use_is_pooled() {
        // Nothing in the first half hour, 20 dollars an hour in the second: 10 dollars in the hour, all covered.
        let mut commitments = Commitments::new(&[term("plan", 6.0, 40, &[])], at(1.0));
        let cover = commitments.cover("general", "");
        commitments.change_rate(cover, dollars(20.0), 1, at(0.5));
        commitments.adjustment(at(1.0));
        assert_eq!(rounded(commitments.uses()[0]), (6.0, 10.0, 0.0));
    }

    #[test]
    fn an_hour_is_paid_when_it_begins_and_the_last_one_as_far_as_it_goes() {
        let mut commitments = Commitments::new(&[term("plan", 6.0, 40, &[])], at(1.5));
        assert_eq!(commitments.adjustment(at(0.0)).as_f64(), 6.0);
        assert_eq!(commitments.adjustment(at(0.9)).as_f64(), 6.0);
        assert_eq!(commitments.adjustment(at(1.0)).as_f64(), 9.0);
        assert_eq!(commitments.adjustment(at(1.5)).as_f64(), 9.0);
        assert_eq!(rounded(commitments.uses()[0]), (9.0, 0.0, 9.0));
    }

    #[test]
    fn the_first_that_covers_comes_first_and_none_covers_what_it_is_not_for() {
        let terms = [term("gpu", 5.0, 50, &["gpu"]), term("all", 3.0, 25, &[]), term("other", 1.0, 10, &["none"])];
        let mut commitments = Commitments::new(&terms, at(1.0));
        let (gpu, general) = (commitments.cover("gpu", "a"), commitments.cover("general", "b"));
        commitments.change_rate(gpu, dollars(12.0), 1, at(0.0));
        commitments.change_rate(general, dollars(1.0), 1, at(0.0));
        commitments.adjustment(at(1.0));
        let uses: Vec<_> = commitments.uses().into_iter().map(rounded).collect();
        // Of 12 dollars of GPUs the first covers 10; the second covers 1 of the others and 2 of the GPUs' rest.
        assert_eq!(uses, [(5.0, 10.0, 0.0), (3.0, 3.0, 0.75), (1.0, 0.0, 1.0)]);
    }

    #[test]
    fn what_the_bill_comes_to_never_falls() {
        let mut commitments = Commitments::new(&[term("plan", 2.0, 30, &[])], at(5.0));
        let cover = commitments.cover("general", "");
        let (mut before, mut list, mut rate) = (Usd::ZERO, 0i128, 0i128);
        for second in 0..18_000i64 {
            let now = SimTime::from_secs(second);
            list += rate * 1_000_000_000;
            if second % 977 == 0 {
                let sign = if second % 2 == 0 || rate == 0 { 1 } else { -1 };
                commitments.change_rate(cover, dollars(1.7), sign, now);
                rate += sign * 1_700_000_000;
            }
            let bill = usd(list) + commitments.adjustment(now);
            assert!(bill + Usd::from_nanos(2) >= before, "{bill} after {before} at {now}");
            before = bill;
        }
    }
}
