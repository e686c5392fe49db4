//! When a batch of pending pods closes: after an idle span without a new pod, or at its longest.
//!
//! Follows `pkg/controllers/provisioning/batcher.go` (kubernetes-sigs/karpenter 22664681).

use super::options::Options;
use crate::units::SimTime;

/// One batching window, open from its first pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batcher {
    /// First and last pod of the open window.
    window: Option<(SimTime, SimTime)>,
}

impl Batcher {
    /// A pod has become unschedulable (or a node began to be deleted): opens the window, or holds it open. Call it once
    /// for each pod; upstream tells a pod's later events apart and so must the caller.
    pub fn trigger(&mut self, now: SimTime) {
        let first = self.window.map_or(now, |(first, _)| first);
        self.window = Some((first, now));
    }

    /// When the open window will close if no other pod comes; `None`: no window is open.
    pub fn closes(&self, options: &Options) -> Option<SimTime> {
        let (first, last) = self.window?;
        Some((last + options.batch_idle_duration).min(first + options.batch_max_duration))
    }

    /// Closes the window if it is due; true: provision now.
    pub fn close(&mut self, now: SimTime, options: &Options) -> bool {
        let is_due = self.closes(options).is_some_and(|closes| closes <= now);
        if is_due {
            self.window = None;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_that_keep_coming_hold_a_window_open_for_ten_seconds() {
        let options = Options::default();
        let mut batcher = Batcher::default();
        assert_eq!(batcher.closes(&options), None);
        batcher.trigger(SimTime::ZERO);
        assert_eq!(batcher.closes(&options), Some(SimTime::from_secs(1)));
        for half in 1..20 {
            let now = SimTime::from_nanos(half * 500_000_000);
            assert!(!batcher.close(now, &options));
            batcher.trigger(now);
        }
        assert_eq!(batcher.closes(&options), Some(SimTime::from_secs(10)));
        assert!(batcher.close(SimTime::from_secs(10), &options));
        assert_eq!(batcher.closes(&options), None);
    }
}
