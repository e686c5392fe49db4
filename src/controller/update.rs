//! How pods of an older template give way to those of a newer one.

use crate::cluster::IntOrPercent;
use crate::units::SimDuration;

/// What a Deployment or StatefulSet says about updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateOptions {
    pub strategy: Strategy,
    /// `minReadySeconds`: so long a pod must have been ready to count as available.
    pub min_ready: SimDuration,
    /// `paused`: no rollout goes on; scaling does.
    pub paused: bool,
    /// `progressDeadlineSeconds`; `None` where nobody waits for progress.
    pub progress_deadline: Option<SimDuration>,
}

impl Default for UpdateOptions {
    /// The API server's defaults of a Deployment (`pkg/apis/apps/v1/defaults.go`, 1.33).
    fn default() -> UpdateOptions {
        let quarter = IntOrPercent::Percent(25);
        UpdateOptions {
            strategy: Strategy::RollingUpdate { max_surge: quarter, max_unavailable: quarter },
            min_ready: SimDuration::ZERO,
            paused: false,
            progress_deadline: Some(SimDuration::from_secs(600)),
        }
    }
}

/// How pods of an old template give way to those of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// A Deployment's: new pods beyond the replicas by `max_surge`, old ones gone as far as `max_unavailable` lets.
    RollingUpdate { max_surge: IntOrPercent, max_unavailable: IntOrPercent },
    /// A Deployment's: every old pod goes before a new one is made.
    Recreate,
    /// A StatefulSet's: from the highest ordinal down to `partition`, one at a time, each when those before it are
    /// available.
    Ordinals { partition: u32 },
    /// A StatefulSet's: pods keep their template until somebody else ends them.
    OnDelete,
}

impl Strategy {
    /// `(maxSurge, maxUnavailable)` in pods: the one rounded up, the other down, and one may be unavailable where both
    /// come to nothing (`pkg/controller/deployment/util`, `ResolveFenceposts`, 1.33). Zero without a rolling update.
    pub fn fence_posts(&self, replicas: u32) -> (u32, u32) {
        let Strategy::RollingUpdate { max_surge, max_unavailable } = self else { return (0, 0) };
        let (surge, unavailable) =
            (amount(*max_surge, replicas, Rounding::Up), amount(*max_unavailable, replicas, Rounding::Down));
        if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rounding {
    Up,
    Down,
}

fn amount(value: IntOrPercent, of: u32, rounding: Rounding) -> u32 {
    match value {
        IntOrPercent::Int(count) => count.max(0).unsigned_abs(),
        IntOrPercent::Percent(percent) => {
            let hundredths = u64::from(of) * u64::from(percent.max(0).unsigned_abs());
            let rounded = if rounding == Rounding::Up { hundredths.div_ceil(100) } else { hundredths / 100 };
            u32::try_from(rounded).unwrap_or(u32::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surge_rounds_up_and_unavailable_rounds_down() {
        let rolling = |surge, unavailable| Strategy::RollingUpdate { max_surge: surge, max_unavailable: unavailable };
        let quarter = IntOrPercent::Percent(25);
        assert_eq!(rolling(quarter, quarter).fence_posts(10), (3, 2));
        assert_eq!(rolling(quarter, quarter).fence_posts(1), (1, 0));
        assert_eq!(rolling(IntOrPercent::Int(0), quarter).fence_posts(3), (0, 1));
        assert_eq!(rolling(IntOrPercent::Percent(0), IntOrPercent::Percent(10)).fence_posts(5), (0, 1));
        assert_eq!(rolling(IntOrPercent::Percent(100), IntOrPercent::Int(0)).fence_posts(7), (7, 0));
    }
}
