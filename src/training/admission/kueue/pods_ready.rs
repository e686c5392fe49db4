//! `waitForPodsReady`: how long an admitted workload may take until its pods are ready, and how long it then waits.
//!
//! Kueue (0.20): `admittedNotReadyWorkload` and `triggerDeactivationOrBackoffRequeue` of
//! `pkg/controller/core/workload_controller.go`, `UpdateRequeueState` of `pkg/workload/workload.go`.

use super::workload::Workload;
use crate::units::{SimDuration, SimTime};

/// Whether Kueue waits for the pods of a workload, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitForPodsReady {
    pub timeout: SimDuration,
    pub recovery_timeout: Option<SimDuration>,
    pub block_admission: bool,
    pub backoff_base: SimDuration,
    pub backoff_max: SimDuration,
    pub backoff_limit: Option<u32>,
}

impl WaitForPodsReady {
    pub fn new(timeout: SimDuration, recovery_timeout: Option<SimDuration>) -> WaitForPodsReady {
        WaitForPodsReady {
            timeout,
            recovery_timeout,
            block_admission: false,
            backoff_base: SimDuration::from_secs(60),
            backoff_max: SimDuration::from_secs(3600),
            backoff_limit: None,
        }
    }

    /// How long the `n`-th wait lasts (from 1): doubling, up to the most. Upstream adds up to a ten-thousandth at random.
    pub fn backoff(&self, n: u32) -> SimDuration {
        doubled(self.backoff_base, n, self.backoff_max)
    }
}

/// `base` doubled `n` - 1 times, at most `most`.
pub fn doubled(base: SimDuration, n: u32, most: SimDuration) -> SimDuration {
    let factor = 1_i64.checked_shl(n.saturating_sub(1)).filter(|factor| *factor > 0).unwrap_or(i64::MAX);
    SimDuration::from_nanos(base.nanos().saturating_mul(factor)).min(most)
}

/// What a workload's clock runs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    WaitForStart,
    WaitForRecovery,
}

impl Counting {
    pub fn name(self) -> &'static str {
        match self {
            Counting::WaitForStart => "WaitForStart",
            Counting::WaitForRecovery => "WaitForRecovery",
        }
    }
}

/// What an admitted workload is being waited for, and for how much longer; `None` where no clock runs.
pub fn counting(
    workload: &Workload,
    options: Option<&WaitForPodsReady>,
    now: SimTime,
) -> Option<(Counting, SimDuration)> {
    let options = options?;
    let admitted = workload.admitted?;
    let left = |timeout: SimDuration, since: SimTime| {
        SimDuration::from_nanos((timeout.nanos() - now.since(since).nanos()).max(0))
    };
    match &workload.pods_ready {
        Some(state) if state.ready => None,
        Some(state) if &*state.reason == "WaitForRecovery" => {
            Some((Counting::WaitForRecovery, left(options.recovery_timeout?, state.at)))
        }
        Some(state) if !matches!(&*state.reason, "WaitForStart" | "PodsReady") => None,
        _ => Some((Counting::WaitForStart, left(options.timeout, admitted))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most() {
        let options = WaitForPodsReady::new(SimDuration::from_secs(300), None);
        let waits: Vec<i64> = [1, 2, 6, 7, 70].map(|n| options.backoff(n).nanos() / 1_000_000_000).to_vec();
        assert_eq!(waits, [60, 120, 1920, 3600, 3600]);
    }
}
