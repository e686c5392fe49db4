//! Decisions in words: the same for `decide` and for the rows of a run's `decisions.csv`.

use super::disruption::{Command, ForcefulReason, Refused};
use super::{Catalogue, CreateClaim, NodePool, Unplaced, launch};

impl CreateClaim {
    /// What the claim becomes, and out of how many types.
    pub fn explain(&self, catalogue: &Catalogue) -> String {
        let (pods, types) = (self.pods.len(), self.instance_types.len());
        let becomes = match launch(self, catalogue) {
            Some(launch) => {
                let instance_type = catalogue.get(launch.instance_type);
                let offering = &instance_type.offerings[launch.offering];
                format!(
                    "{} ({}, {}) at {:.4} USD an hour is the cheapest of {types} instance types",
                    instance_type.name,
                    offering.capacity_type.name(),
                    offering.zone,
                    launch.price.as_f64(),
                )
            }
            None => format!("the cloud has none of its {types} instance types now"),
        };
        format!("a node for {pods} pods: {becomes}")
    }
}

impl Unplaced {
    /// Why each pool can't make a node for the pod, and whatever else keeps it from a place.
    pub fn explain(&self, pools: &[NodePool]) -> String {
        let name = |pool: usize| pools.get(pool).map_or("", |pool| &*pool.name);
        let of_pools = self.pools.iter().map(|refusal| format!("{}: {}", name(refusal.pool), refusal.why));
        of_pools.chain(self.why.clone()).collect::<Vec<_>>().join("; ")
    }
}

impl Command {
    /// What is done, and what that saves.
    pub fn explain(&self) -> String {
        let nodes = count(self.nodes.len(), "node");
        let what = match self.replacements.len() {
            0 => format!("deletes {nodes}"),
            by => format!("replaces {nodes} by {by}"),
        };
        let savings = self.savings_per_hour;
        let pays = match format!("{:.4}", savings.abs()) {
            nothing if nothing == "0.0000" => "at the same price".to_owned(),
            usd if savings > 0.0 => format!("saves {usd} USD an hour"),
            usd => format!("costs {usd} USD an hour more"),
        };
        format!("{}: {what}, {pays}", self.method.name())
    }
}

impl Refused {
    pub fn explain(&self) -> String {
        format!("{}: {}", self.method.name(), self.why)
    }
}

impl ForcefulReason {
    /// `Expired`, as the claim's event has it.
    pub const fn name(self) -> &'static str {
        match self {
            ForcefulReason::Expired => "Expired",
            ForcefulReason::Interrupted => "Interrupted",
        }
    }

    pub const fn explain(self) -> &'static str {
        match self {
            ForcefulReason::Expired => "expireAfter has passed",
            ForcefulReason::Interrupted => "the cloud takes the instance back",
        }
    }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::super::disruption::Method;
    use super::*;
    use crate::autoscaler::karpenter::PoolRefusal;
    use crate::cluster::PodId;

    #[test]
    fn a_command_says_what_it_does_and_what_that_saves_or_costs() {
        let command = |method, savings_per_hour| Command {
            method,
            nodes: Vec::new(),
            replacements: Vec::new(),
            savings_per_hour,
            nominated: Vec::new(),
        };
        let said = |method, savings: f64| command(method, savings).explain();
        assert_eq!(said(Method::Emptiness, 0.25), "emptiness: deletes 0 nodes, saves 0.2500 USD an hour");
        assert_eq!(said(Method::Drift, -0.01), "drift: deletes 0 nodes, costs 0.0100 USD an hour more");
        assert_eq!(said(Method::Drift, -1e-12), "drift: deletes 0 nodes, at the same price");
    }

    #[test]
    fn a_pod_without_a_place_has_every_pools_word() {
        let refusal = |pool, why: &str| PoolRefusal { pool, why: why.to_owned(), is_limit: false };
        let unplaced = Unplaced {
            pod: PodId::new(0),
            pools: vec![refusal(0, "too small"), refusal(1, "too dear")],
            why: Some("and late".to_owned()),
            waits_for_node: false,
        };
        let pools = [NodePool::named("a"), NodePool::named("b")];
        assert_eq!(unplaced.explain(&pools), "a: too small; b: too dear; and late");
    }
}
