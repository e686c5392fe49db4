//! Whose cost it is: a node's cost shared out by what pods hold, the rest idle.
//!
//! As in OpenCost, a node's price is first split over CPU, memory and GPU in the proportion of a list price for each
//! (its `configs/default.json`, read at v1.110), and a pod then owes its share of each resource for as long as it holds
//! it. What it holds is the larger of what it requested and what it used, at every moment (`getContainerAllocation` in
//! `pkg/costmodel/costmodel.go`, which takes the larger once a minute). What is left of a resource's bill is idle, as
//! in `computeIdleAllocations` there: less than nothing where requests and use beyond requests together exceed the
//! node. Rows sum to the bill exactly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Bytes, GpuMilli, Millicores, SimTime, Usd, UsdPerHour};

/// Relative prices of resources; only their proportions matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AttributionPrices {
    /// Of a core for an hour. Default: 0.031611, OpenCost's.
    pub cpu: UsdPerHour,
    /// Of a GiB of memory for an hour. Default: 0.004237, OpenCost's.
    pub memory: UsdPerHour,
    /// Of a GPU for an hour. Default: 0.95, OpenCost's.
    pub gpu: UsdPerHour,
}

impl Default for AttributionPrices {
    fn default() -> AttributionPrices {
        AttributionPrices {
            cpu: UsdPerHour::from_nanos(31_611_000),
            memory: UsdPerHour::from_nanos(4_237_000),
            gpu: UsdPerHour::from_nanos(950_000_000),
        }
    }
}

/// What a node has; `[cpu, memory, gpu]` is the order of everything that is kept by resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeCapacity {
    pub cpu: Millicores,
    pub memory: Bytes,
    pub gpu: GpuMilli,
}

/// OpenCost's name for the row of what nobody holds.
pub const IDLE: &str = "__idle__";
/// The row of what commitments change in the bill: paid for them less what they covered.
pub const COMMITMENTS: &str = "__commitments__";

impl AttributionPrices {
    /// A node's price by resource. The parts sum to it exactly; a node whose resources all have the list price zero is
    /// split as if by its CPU alone.
    pub fn split(&self, price: UsdPerHour, node: &NodeCapacity) -> [UsdPerHour; 3] {
        const GIB: i128 = 1 << 30;
        let worth = |list: UsdPerHour, amount: i64| i128::from(list.nanos()) * i128::from(amount.max(0));
        let weights = [
            worth(self.cpu, node.cpu.get()).saturating_mul(GIB),
            worth(self.memory, node.memory.get()).saturating_mul(1000),
            worth(self.gpu, node.gpu.get()).saturating_mul(GIB),
        ];
        let whole = weights.iter().fold(0i128, |sum, weight| sum.saturating_add(*weight));
        if whole == 0 {
            return [price, UsdPerHour::ZERO, UsdPerHour::ZERO];
        }
        let mut parts = weights.map(|weight| scaled(price.nanos().into(), weight, whole));
        // What rounding left goes to the last resource that the node has.
        let rest = i128::from(price.nanos()) - parts.iter().sum::<i128>();
        let last = weights.iter().rposition(|weight| *weight > 0).unwrap_or(0);
        parts[last] += rest;
        parts.map(|part| UsdPerHour::from_nanos(part as i64))
    }
}

/// What `held` (amount × nanoseconds) of a resource comes to where `price` is paid for all of `capacity`; rounded down.
/// A resource that the node lacks costs nothing.
pub fn cost_of(price: UsdPerHour, held: i128, capacity: i64) -> Usd {
    const NANOS_PER_HOUR: i128 = 3_600 * 1_000_000_000;
    if capacity <= 0 {
        return Usd::ZERO;
    }
    let nanos = scaled(held, price.nanos().into(), i128::from(capacity) * NANOS_PER_HOUR);
    Usd::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// `amount × numerator / denominator`, none of them negative, rounded down. Where the product exceeds 128 bits the
/// fraction loses its lowest ones, which rounds down too.
fn scaled(amount: i128, numerator: i128, denominator: i128) -> i128 {
    if let Some(product) = amount.checked_mul(numerator) {
        return product / denominator;
    }
    let bits = |value: i128| 128 - value.leading_zeros();
    let shift = (bits(amount) + bits(numerator)).saturating_sub(126);
    let (large, small) = (amount.max(numerator), amount.min(numerator));
    (large >> shift).saturating_mul(small) / ((denominator >> shift) + 1)
}

/// What somebody holds of each resource over time: amounts of now, and amount × nanoseconds up to the last change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    amounts: [i64; 3],
    since: SimTime,
    sums: [i128; 3],
}

impl Holding {
    pub fn amounts(&self) -> [i64; 3] {
        self.amounts
    }

    /// From now on it is this much.
    #[inline]
    pub fn change(&mut self, amounts: [i64; 3], now: SimTime) {
        if amounts != self.amounts {
            self.integrate(now);
            self.amounts = amounts;
        }
    }

    /// What was held up to now, since this was last asked.
    pub fn take(&mut self, now: SimTime) -> [i128; 3] {
        self.integrate(now);
        std::mem::take(&mut self.sums)
    }

    /// What [`Holding::take`] would say.
    pub fn peek(&self, now: SimTime) -> [i128; 3] {
        let span = i128::from((now - self.since).nanos());
        std::array::from_fn(|resource| self.sums[resource] + i128::from(self.amounts[resource]) * span)
    }

    /// The first resource changed since `since`, and nobody told: it comes to `sum` (times nanoseconds) up to now, and is
    /// `amount` from now on.
    pub fn make_up(&mut self, sum: i128, amount: i64, since: SimTime, now: SimTime) {
        self.integrate(since);
        self.amounts[0] = 0;
        self.integrate(now);
        self.sums[0] += sum;
        self.amounts[0] = amount;
    }

    fn integrate(&mut self, now: SimTime) {
        let span = i128::from((now - self.since).nanos());
        for (sum, amount) in self.sums.iter_mut().zip(self.amounts) {
            *sum += i128::from(amount) * span;
        }
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::SimDuration;

    const HOUR: i128 = 3_600_000_000_000;
    const PRICE: UsdPerHour = UsdPerHour::from_nanos(12_240_000_000);

    fn node(gpus: i64) -> NodeCapacity {
        NodeCapacity { cpu: Millicores(32_000), memory: Bytes(244 << 30), gpu: GpuMilli(gpus * 1000) }
    }

    #[test]
    fn a_price_is_split_as_list_prices_are() {
        let whole = 32.0 * 0.031611 + 244.0 * 0.004237 + 4.0 * 0.95;
        let parts = AttributionPrices::default().split(PRICE, &node(4));
        for (part, list) in parts.iter().zip([32.0 * 0.031611, 244.0 * 0.004237, 4.0 * 0.95]) {
            assert!((part.as_f64() / (12.24 * list / whole) - 1.0).abs() < 1e-6, "{parts:?}");
        }
        assert_eq!(AttributionPrices::default().split(PRICE, &node(0))[2], UsdPerHour::ZERO);
        let none = AttributionPrices { cpu: UsdPerHour::ZERO, memory: UsdPerHour::ZERO, ..Default::default() };
        assert_eq!(none.split(PRICE, &node(0)), [PRICE, UsdPerHour::ZERO, UsdPerHour::ZERO]);
    }

    #[test]
    fn half_of_a_resource_for_two_hours_costs_its_price() {
        assert_eq!(cost_of(PRICE, 16_000 * 2 * HOUR, 32_000), Usd::from_nanos(12_240_000_000));
        assert_eq!(cost_of(PRICE, 16_000 * HOUR, 0), Usd::ZERO);
    }

    #[test]
    fn a_huge_node_does_not_overflow() {
        let price = UsdPerHour::from_f64(1e9).unwrap();
        let huge = NodeCapacity { cpu: Millicores(i64::MAX), memory: Bytes(i64::MAX), gpu: GpuMilli(i64::MAX) };
        let parts = AttributionPrices::default().split(price, &huge);
        assert_eq!(parts.iter().map(|part| part.nanos()).sum::<i64>(), price.nanos());
        let half = cost_of(price, i128::from(i64::MAX / 2) * HOUR, i64::MAX).as_f64();
        assert!((half / 5e8 - 1.0).abs() < 1e-6, "{half}");
    }

    #[test]
    fn a_holding_adds_up_whatever_changes_in_between() {
        let mut holding = Holding::default();
        holding.change([10, 0, 0], SimTime::from_secs(5));
        holding.change([10, 0, 0], SimTime::from_secs(6));
        holding.change([2, 7, 0], SimTime::from_secs(8));
        assert_eq!(holding.take(SimTime::from_secs(9)), [32_000_000_000, 7_000_000_000, 0]);
        assert_eq!(holding.take(SimTime::from_secs(10)), [2_000_000_000, 7_000_000_000, 0]);
    }

    proptest! {
        /// Pods that fit their node never owe more of a resource than the node's bill for it.
        #[test]
        fn what_pods_owe_stays_within_the_bill_of_each_resource(
            pods in proptest::collection::vec((1..400i64, 0..4_000i64, 0..30i64, 0..500i64, 0..100_000_000_000i64), 0..8),
            life in 100_000_000_000..500_000_000_000i64, price in 0..100_000_000_000i64,
        ) {
            let price = UsdPerHour::from_nanos(price);
            let parts = AttributionPrices::default().split(price, &node(4));
            prop_assert_eq!(parts.iter().map(|part| part.nanos()).sum::<i64>(), price.nanos());
            let capacities = [32_000, 244 << 30, 4_000];
            let mut owed = [Usd::ZERO; 3];
            for (_, cpu, gib, gpu, span) in &pods {
                for (resource, amount) in [*cpu, gib << 30, *gpu].into_iter().enumerate() {
                    let held = i128::from(amount) * i128::from(*span);
                    owed[resource] += cost_of(parts[resource], held, capacities[resource]);
                }
            }
            for resource in 0..3 {
                prop_assert!(owed[resource] <= parts[resource].over(SimDuration::from_nanos(life)));
            }
        }
    }

    /// Where the product needs more than 128 bits: at most the exact quotient, and near it.
    #[test]
    fn a_quotient_beyond_128_bits_is_rounded_down() {
        // 2^100 x 2^60 / (3 x 2^50) = 2^110 / 3.
        let exact = (1i128 << 110) / 3;
        let told = scaled(1 << 100, 1 << 60, 3 << 50);
        assert!(told <= exact && exact - told <= exact >> 10, "{told} {exact}");
        assert_eq!(scaled(10, 7, 3), 23);
        // A denominator that loses all but a bit of itself still divides.
        assert!(scaled(1 << 100, 1 << 60, 1 << 36) <= (1i128 << 124));
    }
}
