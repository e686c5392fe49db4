//! Whose cost it is: a node's cost shared out by what pods requested, the rest idle.
//!
//! As in OpenCost, a node's price is first split over CPU, memory and GPU in the proportion of a list price for each
//! (its `configs/default.json`, read at v1.110), and a pod then owes its share of each resource for as long as it
//! holds it. Shares are rounded down to a billionth of a dollar and what is left of the node's bill is idle, so the
//! rows always sum to the bill exactly. The caller passes what a pod requests, or, as OpenCost does, the larger of
//! that and what it used.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Bytes, GpuMilli, Millicores, SimDuration, Usd, UsdPerHour};

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

/// A node as attribution sees it: its price and its capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeShape {
    pub price: UsdPerHour,
    pub cpu: Millicores,
    pub memory: Bytes,
    pub gpu: GpuMilli,
}

/// What a pod holds of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceShare {
    pub cpu: Millicores,
    pub memory: Bytes,
    pub gpu: GpuMilli,
}

impl AttributionPrices {
    /// What a pod that holds `share` of `node` owes an hour, rounded down. Never more than the node's price for a
    /// share within its capacity; several pods that together fit the node never owe more than it costs.
    pub fn rate(&self, node: &NodeShape, share: &ResourceShare) -> UsdPerHour {
        let whole = self.weight(node.cpu, node.memory, node.gpu);
        if whole == 0 {
            return UsdPerHour::ZERO;
        }
        // A resource that the node lacks costs nothing on it.
        let held = self.weight(
            if node.cpu.get() > 0 { share.cpu } else { Millicores::ZERO },
            if node.memory.get() > 0 { share.memory } else { Bytes::ZERO },
            if node.gpu.get() > 0 { share.gpu } else { GpuMilli::ZERO },
        );
        // For any real node the product fits 128 bits; for an absurd one the weights lose their lowest bits, in the
        // node's favour.
        let bits = |value: i128| 128 - value.leading_zeros();
        let shift = (bits(whole.max(held)) + bits(node.price.nanos().into())).saturating_sub(126);
        let (held, whole) = (held >> shift, (whole >> shift) + i128::from(shift > 0));
        UsdPerHour::from_nanos(i64::try_from(i128::from(node.price.nanos()) * held / whole).unwrap_or(i64::MAX))
    }

    /// List value of these amounts, in billionths of a dollar per hour times 1,000 × 2³⁰ (so that nothing is rounded).
    fn weight(&self, cpu: Millicores, memory: Bytes, gpu: GpuMilli) -> i128 {
        const GIB: i128 = 1 << 30;
        let part = |price: UsdPerHour, amount: i64| i128::from(price.nanos()) * i128::from(amount.max(0));
        let cores_and_gpus = part(self.cpu, cpu.get()) + part(self.gpu, gpu.get());
        cores_and_gpus.saturating_mul(GIB).saturating_add(part(self.memory, memory.get()).saturating_mul(1000))
    }
}

/// The books of a run: bills by node group, shares by workload, and the idle rest.
///
/// Keys are the caller's ids. Rows come out in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    by_workload: BTreeMap<u32, Usd>,
    by_node_group: BTreeMap<u32, Usd>,
    billed: Usd,
    attributed: Usd,
}

impl Attribution {
    /// OpenCost's name for the row of what nobody requested.
    pub const IDLE: &str = "__idle__";

    /// A pod of `workload` held a share that owes `rate` for `span`. Returns what was booked.
    pub fn charge(&mut self, workload: u32, rate: UsdPerHour, span: SimDuration) -> Usd {
        let cost = rate.over(span);
        *self.by_workload.entry(workload).or_default() += cost;
        self.attributed += cost;
        cost
    }

    /// A node of `node_group` was billed `cost` in all.
    pub fn bill(&mut self, node_group: u32, cost: Usd) {
        *self.by_node_group.entry(node_group).or_default() += cost;
        self.billed += cost;
    }

    pub fn total(&self) -> Usd {
        self.billed
    }

    /// What was billed and nobody requested.
    pub fn idle(&self) -> Usd {
        self.billed - self.attributed
    }

    pub fn by_workload(&self) -> impl Iterator<Item = (u32, Usd)> + '_ {
        self.by_workload.iter().map(|(workload, cost)| (*workload, *cost))
    }

    pub fn by_node_group(&self) -> impl Iterator<Item = (u32, Usd)> + '_ {
        self.by_node_group.iter().map(|(group, cost)| (*group, *cost))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cost::Billing;
    use crate::units::SimTime;

    fn node(gpus: i64) -> NodeShape {
        let price = UsdPerHour::from_nanos(12_240_000_000);
        NodeShape { price, cpu: Millicores(32_000), memory: Bytes(244 << 30), gpu: GpuMilli(gpus * 1000) }
    }

    fn share(cpu: i64, gib: i64, gpu: i64) -> ResourceShare {
        ResourceShare { cpu: Millicores(cpu), memory: Bytes(gib << 30), gpu: GpuMilli(gpu) }
    }

    #[test]
    fn a_pod_that_holds_the_whole_node_owes_its_whole_price() {
        let prices = AttributionPrices::default();
        assert_eq!(prices.rate(&node(4), &share(32_000, 244, 4_000)), node(4).price);
        assert_eq!(prices.rate(&node(4), &share(0, 0, 0)), UsdPerHour::ZERO);
    }

    #[test]
    fn a_gpu_weighs_as_its_list_price_does() {
        let rate = AttributionPrices::default().rate(&node(4), &share(0, 0, 1_000)).as_f64();
        let whole = 32.0 * 0.031611 + 244.0 * 0.004237 + 4.0 * 0.95;
        assert!((rate / (12.24 * 0.95 / whole) - 1.0).abs() < 1e-6, "{rate}");
        assert_eq!(AttributionPrices::default().rate(&node(0), &share(0, 0, 1_000)), UsdPerHour::ZERO);
    }

    #[test]
    fn a_huge_node_does_not_overflow() {
        let price = UsdPerHour::from_f64(1e9).unwrap();
        let huge = NodeShape { price, cpu: Millicores(i64::MAX), memory: Bytes(i64::MAX), gpu: GpuMilli(i64::MAX) };
        let half =
            ResourceShare { cpu: Millicores(i64::MAX / 2), memory: Bytes(i64::MAX / 2), gpu: GpuMilli(i64::MAX / 2) };
        let rate = AttributionPrices::default().rate(&huge, &half).as_f64();
        assert!((rate / 5e8 - 1.0).abs() < 1e-6, "{rate}");
    }

    proptest! {
        #[test]
        fn workloads_and_idle_sum_to_the_bill_exactly_and_idle_is_never_negative(
            pods in proptest::collection::vec((0..8u32, 1..400i64, 0..4_000i64, 0..30i64, 0..500i64, 0..100_000_000_000i64), 0..8),
            life in 100_000_000_000..500_000_000_000i64, price in 0..100_000_000_000i64,
        ) {
            let node = NodeShape { price: UsdPerHour::from_nanos(price), ..node(4) };
            let mut books = Attribution::default();
            for (workload, _, cpu, gib, gpu, span) in &pods {
                let rate = AttributionPrices::default().rate(&node, &share(*cpu, *gib, *gpu));
                books.charge(*workload, rate, SimDuration::from_nanos(*span));
            }
            let bill = Billing::default().cost(node.price, SimTime::ZERO, SimTime::from_nanos(life));
            books.bill(0, bill);
            let attributed: Usd = books.by_workload().map(|row| row.1).sum();
            prop_assert_eq!(attributed + books.idle(), bill);
            prop_assert_eq!(books.by_node_group().map(|row| row.1).sum::<Usd>(), books.total());
            prop_assert!(books.idle() >= Usd::ZERO);
        }
    }
}
