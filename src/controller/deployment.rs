//! The Deployment controller: which of its ReplicaSets gets how many pods (`pkg/controller/deployment`: `sync.go`,
//! `rolling.go`, `recreate.go`, 1.33).
//!
//! [`sync`] is one pass of the controller. Each pass changes what upstream's would; whoever applies the changes asks
//! again until there are none.

use super::{Strategy, UpdateOptions};

/// A ReplicaSet of the Deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaSet {
    /// `spec.replicas`.
    pub replicas: u32,
    /// `status.availableReplicas`.
    pub available: u32,
    /// Annotation `deployment.kubernetes.io/desired-replicas`: the Deployment's replicas when it was last scaled.
    pub desired: u32,
    /// Annotation `deployment.kubernetes.io/max-replicas`: those and the surge.
    pub max: u32,
}

/// What one pass looks at.
#[derive(Clone, Copy, Debug)]
pub struct Rollout<'a> {
    /// The Deployment's `spec.replicas`.
    pub replicas: u32,
    pub options: &'a UpdateOptions,
    /// Oldest first; never empty.
    pub sets: &'a [ReplicaSet],
    /// The one with the Deployment's template.
    pub new: usize,
    /// Pods of the others live on, be it terminating.
    pub old_pods_live: bool,
}

/// A ReplicaSet is to have so many pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaling {
    pub set: usize,
    pub replicas: u32,
    pub reason: String,
}

/// One pass: what is to be scaled, in that order. Empty where the Deployment is as it can be for now.
pub fn sync(rollout: &Rollout<'_>) -> Vec<Scaling> {
    let is_scaled = rollout.sets.iter().any(|set| set.replicas > 0 && set.desired != rollout.replicas);
    if rollout.options.paused || is_scaled {
        return rollout.scale();
    }
    match rollout.options.strategy {
        Strategy::Recreate => rollout.recreate(),
        _ => rollout.roll(),
    }
}

/// Every pod is of the new template and available, and as many as are wanted.
pub fn is_complete(rollout: &Rollout<'_>) -> bool {
    let new = rollout.sets[rollout.new];
    new.replicas == rollout.replicas && new.available == rollout.replicas && rollout.old_replicas() == 0
}

impl Rollout<'_> {
    /// The most pods that there may be at once.
    pub fn max_replicas(&self) -> u32 {
        self.replicas.saturating_add(self.surge())
    }

    fn surge(&self) -> u32 {
        self.options.strategy.fence_posts(self.replicas).0
    }

    fn max_unavailable(&self) -> u32 {
        if self.replicas == 0 { 0 } else { self.options.strategy.fence_posts(self.replicas).1.min(self.replicas) }
    }

    fn total(&self) -> u32 {
        self.sets.iter().map(|set| set.replicas).sum()
    }

    fn old_replicas(&self) -> u32 {
        self.total() - self.sets[self.new].replicas
    }

    /// Indexes of the older ReplicaSets with pods, oldest first.
    fn old_active(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.sets.len()).filter(|set| *set != self.new && self.sets[*set].replicas > 0)
    }

    fn to(&self, set: usize, replicas: u32, reason: impl Into<String>) -> Scaling {
        Scaling { set, replicas, reason: reason.into() }
    }

    // Scaling without a rollout going on (`sync.go`)

    fn scale(&self) -> Vec<Scaling> {
        let active: Vec<usize> = (0..self.sets.len()).filter(|set| self.sets[*set].replicas > 0).collect();
        if active.len() <= 1 {
            let set = active.first().copied().unwrap_or(self.new);
            let (reason, wanted) = ("the only ReplicaSet with pods takes them all", self.replicas);
            return if self.sets[set].replicas == wanted && self.sets[set].desired == wanted {
                Vec::new()
            } else {
                vec![self.to(set, wanted, reason)]
            };
        }
        let new = self.sets[self.new];
        // Desired and available: what is left of older ones has no part to play.
        if new.replicas == self.replicas && new.desired == self.replicas && new.available == self.replicas {
            return self.old_active().map(|set| self.to(set, 0, "the new ReplicaSet has all its pods")).collect();
        }
        if !matches!(self.options.strategy, Strategy::RollingUpdate { .. }) {
            return Vec::new();
        }
        self.scale_in_proportion(active)
    }

    /// Shares out what is to be added or taken over all ReplicaSets with pods, by their size.
    fn scale_in_proportion(&self, mut active: Vec<usize>) -> Vec<Scaling> {
        let allowed = if self.replicas > 0 { self.max_replicas() } else { 0 };
        let to_add = i64::from(allowed) - i64::from(self.total());
        // From the larger to the smaller; of equals the newer first on the way up, the older on the way down.
        active.sort_by_key(|set| {
            let size = std::cmp::Reverse(self.sets[*set].replicas);
            (size, if to_add > 0 { -(*set as i64) } else { *set as i64 })
        });
        let mut added = 0;
        let mut sizes: Vec<i64> = Vec::with_capacity(active.len());
        for set in &active {
            let share = self.proportion(*set, to_add, added);
            sizes.push(i64::from(self.sets[*set].replicas) + share);
            added += share;
        }
        if to_add != 0 {
            sizes[0] = (sizes[0] + to_add - added).max(0);
        }
        let reason = format!("scaled to {} in mid-rollout, in proportion: {allowed} pods at most", self.replicas);
        active
            .into_iter()
            .zip(sizes)
            .filter(|(set, size)| {
                *size != i64::from(self.sets[*set].replicas) || self.sets[*set].desired != self.replicas
            })
            .map(|(set, size)| self.to(set, size.max(0) as u32, reason.clone()))
            .collect()
    }

    /// A ReplicaSet's part of what is still to be added (`GetReplicaSetProportion`).
    fn proportion(&self, set: usize, to_add: i64, added: i64) -> i64 {
        if to_add == 0 || to_add == added {
            return 0;
        }
        let set = self.sets[set];
        let fraction = if self.replicas == 0 {
            -i64::from(set.replicas)
        } else {
            let before = if set.max == 0 { self.total() } else { set.max };
            let grown = f64::from(set.replicas) * f64::from(self.max_replicas()) / f64::from(before.max(1));
            grown.round() as i64 - i64::from(set.replicas)
        };
        let left = to_add - added;
        if to_add > 0 { fraction.min(left) } else { fraction.max(left) }
    }

    // Rolling update (`rolling.go`)

    fn roll(&self) -> Vec<Scaling> {
        if let Some(up) = self.scale_new() {
            return vec![up];
        }
        self.scale_down_old()
    }

    fn scale_new(&self) -> Option<Scaling> {
        let new = self.sets[self.new].replicas;
        if new >= self.replicas {
            return (new > self.replicas).then(|| self.to(self.new, self.replicas, "more than the Deployment wants"));
        }
        let room = self.max_replicas().saturating_sub(self.total());
        let more = room.min(self.replicas - new);
        (more > 0).then(|| {
            let (surge, total) = (self.surge(), self.total());
            let reason = format!("rolling update: {} pods and maxSurge {surge} at most, {total} stand", self.replicas);
            self.to(self.new, new + more, reason)
        })
    }

    fn scale_down_old(&self) -> Vec<Scaling> {
        let old: Vec<usize> = self.old_active().collect();
        let min_available = self.replicas - self.max_unavailable();
        let new = self.sets[self.new];
        let new_unavailable = new.replicas.saturating_sub(new.available);
        let most = i64::from(self.total()) - i64::from(min_available) - i64::from(new_unavailable);
        if old.is_empty() || most <= 0 {
            return Vec::new();
        }
        let mut left: Vec<u32> = self.sets.iter().map(|set| set.replicas).collect();
        let mut scalings = Vec::new();
        // Those that are not available hold nothing up, and would block the update for ever.
        let mut cleaned = 0;
        for set in &old {
            let unavailable = self.sets[*set].replicas.saturating_sub(self.sets[*set].available);
            let fewer = unavailable.min((most - cleaned).max(0) as u32);
            if fewer > 0 {
                cleaned += i64::from(fewer);
                left[*set] -= fewer;
                scalings.push(self.to(*set, left[*set], "rolling update: old pods that are not available go first"));
            }
        }
        let available: u32 = self.sets.iter().map(|set| set.available).sum();
        let mut spare = available.saturating_sub(min_available);
        for set in old {
            let fewer = left[set].min(spare);
            if fewer > 0 {
                spare -= fewer;
                left[set] -= fewer;
                let reason = format!(
                    "rolling update: {available} pods are available, {min_available} must be (maxUnavailable {})",
                    self.max_unavailable()
                );
                scalings.push(self.to(set, left[set], reason));
            }
        }
        scalings
    }

    // Recreate (`recreate.go`)

    fn recreate(&self) -> Vec<Scaling> {
        let down: Vec<Scaling> =
            self.old_active().map(|set| self.to(set, 0, "Recreate: old pods go before new ones are made")).collect();
        if !down.is_empty() || self.old_pods_live {
            return down;
        }
        let new = self.sets[self.new].replicas;
        if new == self.replicas {
            return Vec::new();
        }
        vec![self.to(self.new, self.replicas, "Recreate: the old pods are gone")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::IntOrPercent;

    fn rolling(max_surge: i32, max_unavailable: i32) -> UpdateOptions {
        let (max_surge, max_unavailable) = (IntOrPercent::Int(max_surge), IntOrPercent::Int(max_unavailable));
        UpdateOptions { strategy: Strategy::RollingUpdate { max_surge, max_unavailable }, ..UpdateOptions::default() }
    }

    /// `(spec.replicas, available)` of each; what was written when they were last scaled is the present.
    fn sync_of(replicas: u32, options: &UpdateOptions, sets: &[(u32, u32)]) -> Vec<(usize, u32)> {
        let max = replicas + options.strategy.fence_posts(replicas).0;
        let sets: Vec<ReplicaSet> = sets
            .iter()
            .map(|(size, available)| ReplicaSet { replicas: *size, available: *available, desired: replicas, max })
            .collect();
        let rollout = Rollout { replicas, options, sets: &sets, new: sets.len() - 1, old_pods_live: true };
        sync(&rollout).into_iter().map(|scaling| (scaling.set, scaling.replicas)).collect()
    }

    /// Upstream's own table of `TestDeploymentController_reconcileNewReplicaSet`: ten wanted.
    #[test]
    fn the_new_replica_set_grows_into_the_surge() {
        assert_eq!(sync_of(10, &rolling(0, 1), &[(0, 0), (9, 9)]), [(1, 10)]);
        assert_eq!(sync_of(10, &rolling(2, 0), &[(10, 10), (0, 0)]), [(1, 2)]);
        assert_eq!(sync_of(10, &rolling(2, 0), &[(5, 5), (0, 0)]), [(1, 7)]);
    }

    /// Cases of `TestDeploymentController_reconcileOldReplicaSets` (no surge left).
    #[test]
    fn old_replica_sets_shrink_as_far_as_availability_lets() {
        assert_eq!(sync_of(10, &rolling(0, 0), &[(10, 10), (0, 0)]), [(0, 9)], "both zero: one may be unavailable");
        assert_eq!(sync_of(10, &rolling(0, 2), &[(10, 10), (0, 0)]), [(0, 8)]);
        // Two old ones are not available: they go, and no more.
        assert_eq!(sync_of(10, &rolling(0, 2), &[(10, 8), (0, 0)]), [(0, 8)]);
        // As many new ones are not available as may be.
        assert_eq!(sync_of(10, &rolling(0, 2), &[(8, 8), (2, 0)]), []);
        assert_eq!(sync_of(10, &rolling(0, 2), &[(8, 8), (2, 1)]), [(0, 7)]);
    }

    /// Cases of `TestScale` in `deployment/sync_test.go`: sizes at the last scale were of another replica count.
    #[test]
    fn a_scale_in_mid_rollout_is_shared_in_proportion() {
        let scaled = |replicas: u32, before: (u32, u32), surge: i32, sets: &[u32]| {
            let options = rolling(surge, 0);
            let sets: Vec<ReplicaSet> = sets
                .iter()
                .map(|size| ReplicaSet { replicas: *size, available: 0, desired: before.0, max: before.1 })
                .collect();
            let rollout =
                Rollout { replicas, options: &options, sets: &sets, new: sets.len() - 1, old_pods_live: true };
            let mut sizes: Vec<u32> = sets.iter().map(|set| set.replicas).collect();
            for scaling in sync(&rollout) {
                sizes[scaling.set] = scaling.replicas;
            }
            sizes
        };
        assert_eq!(scaled(12, (10, 10), 0, &[5, 5]), [6, 6]);
        assert_eq!(scaled(6, (10, 10), 0, &[5, 5]), [3, 3]);
        // Leftovers go to the largest, which is the newest of equals on the way up.
        assert_eq!(scaled(20, (10, 10), 0, &[3, 3, 4]), [6, 6, 8]);
        // maxSurge 2: 10 + 2 became 20 + 2.
        assert_eq!(scaled(20, (10, 12), 2, &[6, 6]), [11, 11]);
        assert_eq!(scaled(0, (10, 10), 0, &[7, 3]), [0, 0]);
        assert_eq!(scaled(15, (10, 10), 0, &[0, 10]), [0, 15]);
    }

    #[test]
    fn a_recreation_waits_for_the_last_old_pod() {
        let options = UpdateOptions { strategy: Strategy::Recreate, ..UpdateOptions::default() };
        assert_eq!(sync_of(3, &options, &[(3, 3), (0, 0)]), [(0, 0)]);
        assert_eq!(sync_of(3, &options, &[(0, 0), (0, 0)]), []);
        let sets = [ReplicaSet { desired: 3, ..ReplicaSet::default() }; 2];
        let rollout = Rollout { replicas: 3, options: &options, sets: &sets, new: 1, old_pods_live: false };
        assert_eq!(sync(&rollout).len(), 1);
    }

    #[test]
    fn a_paused_deployment_is_scaled_and_not_rolled() {
        let options = UpdateOptions { paused: true, ..rolling(2, 0) };
        assert_eq!(sync_of(10, &options, &[(10, 10), (0, 0)]), []);
    }
}
