//! How many nodes of each pool may be disrupted now.
//!
//! Follows `BuildDisruptionBudgetMapping` in `pkg/controllers/disruption/helpers.go` (kubernetes-sigs/karpenter
//! 22664681).

use crate::autoscaler::karpenter::Snapshot;
use crate::autoscaler::karpenter::node_pool::{Budget, DisruptionReason};
use crate::cluster::ClusterView;
use crate::units::SimTime;

/// By position of the pool: what its budgets allow for `reason`, less the nodes that are not ready or on their way out.
pub fn allowed_disruptions(snapshot: &Snapshot<'_>, reason: DisruptionReason) -> Vec<usize> {
    let pools = snapshot.pools;
    let mut nodes = vec![0usize; pools.len()];
    let mut disrupting = vec![0usize; pools.len()];
    for claim in snapshot.claims {
        let node = claim.node.and_then(|node| snapshot.cluster.node(node));
        let Some(node) = node.filter(|_| claim.initialized.is_some() && !claim.instance_terminating) else { continue };
        let Some(pool) = pools.iter().position(|pool| pool.name == claim.node_pool) else { continue };
        nodes[pool] += 1;
        disrupting[pool] += usize::from(!node.ready || claim.is_marked_for_deletion());
    }
    pools
        .iter()
        .zip(nodes.into_iter().zip(disrupting))
        .map(|(pool, (nodes, disrupting))| {
            pool.allowed_disruptions(nodes, reason, snapshot.now, snapshot.epoch_seconds)
                .unwrap_or(i32::MAX as usize)
                .saturating_sub(disrupting)
        })
        .collect()
}

impl Budget {
    /// When the budget's window next opens or closes after `now`; `None`: never.
    pub fn next_boundary(&self, now: SimTime, epoch_seconds: i64) -> Option<SimTime> {
        let (cron, duration) = self.window.as_ref()?;
        let wall = epoch_seconds.saturating_add(now.nanos().div_euclid(1_000_000_000));
        let length = (duration.nanos() / 1_000_000_000).max(0);
        let opens = cron.next_after(wall);
        // Overlapping windows are one: it closes after the last hit before now.
        let mut closes = None;
        let mut hit = cron.next_after(wall.saturating_sub(length));
        while let Some(at) = hit.filter(|at| *at <= wall) {
            closes = Some(at + length);
            hit = cron.next_after(at);
        }
        let at = |seconds: i64| SimTime::from_secs(seconds.saturating_sub(epoch_seconds));
        [opens, closes].into_iter().flatten().map(at).filter(|at| *at > now).min()
    }
}
