//! What a monitoring system would read of the controllers themselves: what they hold to be so, and what they have done.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::exposed::Exposed;
use super::state::tallies::{Lasted, Lasting, Tally};
use crate::autoscaler::cluster_autoscaler::UnremovableReason;
use crate::cluster::Resources;
use crate::training::admission::kueue::amount::Amount;
use crate::training::admission::kueue::names::Fr;
use crate::units::SimTime;

/// The Cluster Autoscaler after its last loop.
#[derive(Clone, Debug)]
pub struct ExposedAutoscaler {
    pub unneeded: usize,
    pub unremovable: BTreeMap<UnremovableReason, u32>,
    pub in_cooldown: bool,
    pub last_loop: SimTime,
    pub last_scale_up: SimTime,
    pub last_scale_down: SimTime,
    /// By group, in the order of [`Exposed::groups`]; `None` where it is of Karpenter's.
    pub backed_off: Vec<Option<bool>>,
}

/// A pool of Karpenter's.
#[derive(Clone, Debug)]
pub struct ExposedPool {
    pub name: Arc<str>,
    /// By resource in base units.
    pub limits: Vec<(String, f64)>,
    /// Capacity of its nodes, those that are on their way among them, and how many.
    pub usage: Resources,
    pub nodes: usize,
}

/// A ClusterQueue of Kueue's.
#[derive(Clone, Debug)]
pub struct ExposedQueue {
    pub name: Arc<str>,
    pub cohort: Arc<str>,
    pub is_active: bool,
    /// Jobs that may be tried, and those that wait until something changes.
    pub pending: usize,
    pub inadmissible: usize,
    /// Jobs that hold quota, and those of them that are admitted.
    pub reserving: usize,
    pub admitted: usize,
    pub quotas: Vec<ExposedQuota>,
}

/// Of a resource in a flavor, in base units; infinite without a limit.
#[derive(Clone, Debug)]
pub struct ExposedQuota {
    pub flavor: Arc<str>,
    pub resource: Arc<str>,
    pub nominal: f64,
    pub borrowing_limit: f64,
    pub lending_limit: f64,
    pub used: f64,
}

impl Exposed<'_> {
    pub fn tallies(&self) -> impl Iterator<Item = (&Tally, u64)> {
        self.world.tallies.happened.iter().map(|(tally, times)| (tally, *times))
    }

    /// How often a thing happened.
    pub fn tally(&self, tally: &Tally) -> u64 {
        self.world.tallies.happened.get(tally).copied().unwrap_or(0)
    }

    pub fn lasted(&self) -> impl Iterator<Item = (&Lasting, &Lasted)> {
        self.world.tallies.lasted.iter()
    }

    pub fn cluster_autoscaler(&self) -> Option<ExposedAutoscaler> {
        let run = self.world.cluster_autoscaler.as_ref()?;
        let (state, found) = (&run.state, &run.found);
        let backed_off = self.world.scenario.node_groups.iter().map(|group| {
            let until = state.backoff.entry(group.id.index()).map(|entry| entry.until);
            (!group.is_node_pool).then_some(until.is_some_and(|until| until > self.world.now))
        });
        Some(ExposedAutoscaler {
            unneeded: state.unneeded.len(),
            unremovable: found.unremovable.clone(),
            in_cooldown: found.in_cooldown,
            last_loop: run.last_loop,
            last_scale_up: state.stamps.last_scale_up,
            last_scale_down: state.stamps.last_scale_down_delete,
            backed_off: backed_off.collect(),
        })
    }

    /// Karpenter's pools in their order.
    pub fn pools(&self) -> Vec<ExposedPool> {
        let (Some(spec), Some(run)) = (&self.world.scenario.karpenter, &self.world.karpenter) else {
            return Vec::new();
        };
        let of_pool = |pool: &Arc<str>| {
            let claims = run.claims.iter().filter(move |claim| claim.node_pool == *pool);
            let mut usage = Resources::default();
            let mut nodes = 0;
            for claim in claims {
                usage += &self.world.cluster.specs.shape(claim.shape).capacity;
                nodes += 1;
            }
            (usage, nodes)
        };
        spec.node_pools
            .iter()
            .map(|pool| {
                let (usage, nodes) = of_pool(&pool.name);
                let limits =
                    pool.limits.iter().map(|(name, limit)| (name.clone(), limit.milli_value() as f64 / 1000.0));
                ExposedPool { name: Arc::clone(&pool.name), limits: limits.collect(), usage, nodes }
            })
            .collect()
    }

    /// Kueue's ClusterQueues by name.
    pub fn cluster_queues(&self) -> Vec<ExposedQueue> {
        let Some(kueue) = &self.world.kueue else { return Vec::new() };
        let state = &kueue.state;
        let (cache, names, tree) = (&state.cache, &state.cache.names, &state.cache.books.tree);
        let base = |amount: Amount, resource: &str| match amount.is_unlimited() {
            true => f64::INFINITY,
            false if resource == "cpu" => amount.0 as f64 / 1000.0,
            false => amount.0 as f64,
        };
        cache
            .queues()
            .map(|(node, queue)| {
                let (pending, inadmissible) = state.queues.lengths(node);
                let holders = cache.members(node);
                let admitted = holders.iter().filter(|id| state.workload(**id).admitted.is_some()).count();
                let pairs = (0..names.pairs() as u32).map(Fr).filter(|pair| tree.lists(node, *pair));
                let quotas = pairs.map(|pair| {
                    let (flavor, resource) = names.parts(pair);
                    let resource = names.resource_name(resource);
                    let quota = tree.quota(node, pair);
                    let limit = |limit: Option<Amount>| limit.map_or(f64::INFINITY, |limit| base(limit, resource));
                    ExposedQuota {
                        flavor: Arc::clone(names.flavor_name(flavor)),
                        resource: Arc::clone(resource),
                        nominal: base(quota.nominal, resource),
                        borrowing_limit: limit(quota.borrowing_limit),
                        lending_limit: limit(quota.lending_limit),
                        used: base(cache.books.used(node, pair), resource),
                    }
                });
                let parent = tree.node(node).parent.map(|parent| Arc::clone(&tree.node(parent).name));
                ExposedQueue {
                    name: Arc::clone(&queue.name),
                    cohort: parent.unwrap_or_else(|| "".into()),
                    is_active: queue.inactive.is_none(),
                    pending,
                    inadmissible,
                    reserving: holders.len(),
                    admitted,
                    quotas: quotas.collect(),
                }
            })
            .collect()
    }
}
