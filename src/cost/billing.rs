//! From a node's life to money: per second, with a minimum, from the boot request to the removal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{SimDuration, SimTime, Usd, UsdPerHour};

/// How a node is bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CapacityType {
    /// At the list price, for as long as it stands.
    #[default]
    OnDemand,
    /// Cheaper, and the cloud may take it back.
    Spot,
    /// Paid for whether it stands or not.
    Reserved,
}

impl CapacityType {
    /// Karpenter's name, which is also ours in scenarios and outputs.
    pub const fn name(self) -> &'static str {
        match self {
            CapacityType::OnDemand => "on-demand",
            CapacityType::Spot => "spot",
            CapacityType::Reserved => "reserved",
        }
    }
}

/// The rules of a cloud's bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Billing {
    /// The least that a node is billed for once requested. Default: 60s, as AWS and GCP bill Linux.
    pub minimum: SimDuration,
    /// Time is billed in whole multiples of this, rounded up; 0s: to the nanosecond. Default: 1s.
    pub granularity: SimDuration,
}

impl Default for Billing {
    fn default() -> Billing {
        Billing { minimum: SimDuration::from_secs(60), granularity: SimDuration::from_secs(1) }
    }
}

impl Billing {
    /// The time billed for a node requested at `from` and removed at `to`.
    pub fn billed(&self, from: SimTime, to: SimTime) -> SimDuration {
        let life = to.since(from).max(SimDuration::ZERO).nanos();
        let unit = self.granularity.nanos().max(1);
        let rounded = (i128::from(life) + i128::from(unit) - 1) / i128::from(unit) * i128::from(unit);
        SimDuration::from_nanos(i64::try_from(rounded).unwrap_or(i64::MAX)).max(self.minimum)
    }

    /// What a node costs over its whole life.
    pub fn cost(&self, price: UsdPerHour, from: SimTime, to: SimTime) -> Usd {
        price.over(self.billed(from, to))
    }

    /// What has fallen due by `now` for a node requested at `from` that still stands: the same rules, so the sum over
    /// time meets [`cost`](Self::cost) at the removal.
    pub fn accrued(&self, price: UsdPerHour, from: SimTime, now: SimTime) -> Usd {
        if now < from { Usd::ZERO } else { self.cost(price, from, now) }
    }

    /// What reserved capacity for `nodes` nodes costs over `span`, used or not: it is paid for as time goes by, so that
    /// neither a minimum nor a granularity applies.
    pub fn reserved_cost(price: UsdPerHour, nodes: u32, span: SimDuration) -> Usd {
        let one = price.over(span);
        Usd::from_nanos(one.nanos().saturating_mul(i64::from(nodes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: UsdPerHour = UsdPerHour::from_nanos(3_600_000_000_000);

    fn billed(from_millis: i64, to_millis: i64) -> f64 {
        let at = |millis: i64| SimTime::ZERO + SimDuration::from_millis(millis);
        Billing::default().cost(PRICE, at(from_millis), at(to_millis)).as_f64()
    }

    #[test]
    fn a_node_is_billed_by_the_second_with_a_minute_at_least() {
        assert_eq!(billed(0, 0), 60.0);
        assert_eq!(billed(1_500, 31_500), 60.0);
        assert_eq!(billed(0, 60_001), 61.0);
        assert_eq!(billed(500, 7_200_500), 7_200.0);
        assert_eq!(billed(0, 7_200_001), 7_201.0);
    }

    #[test]
    fn what_accrues_never_falls_and_meets_the_bill() {
        let (billing, from) = (Billing::default(), SimTime::from_secs(10));
        let accrued: Vec<Usd> = (0..200).map(|s| billing.accrued(PRICE, from, SimTime::from_secs(s))).collect();
        assert!(accrued.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(accrued[0], Usd::ZERO);
        assert_eq!(accrued[199], billing.cost(PRICE, from, SimTime::from_secs(199)));
    }

    #[test]
    fn capacity_types_are_written_as_karpenter_writes_them() {
        for kind in [CapacityType::OnDemand, CapacityType::Spot, CapacityType::Reserved] {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("{:?}", kind.name()));
        }
    }

    #[test]
    fn reserved_capacity_costs_whether_used_or_not() {
        let cost = Billing::reserved_cost(PRICE, 3, SimDuration::from_secs(100));
        assert_eq!(cost, Usd::from_nanos(300_000_000_000));
    }
}
