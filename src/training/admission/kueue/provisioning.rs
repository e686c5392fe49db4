//! The admission check that asks the cluster autoscaler for room: what becomes of it with its ProvisioningRequest, and of
//! the workload with its checks.
//!
//! Kueue (0.20): `syncCheckStates` of `pkg/controller/admissionchecks/provisioning/controller.go`,
//! `pkg/workload/admissionchecks.go`, `pkg/controller/core/workload_controller.go`.

use super::pods_ready::doubled;
use super::workload::CheckStatus;
use crate::units::SimDuration;

/// What the autoscaler says of a ProvisioningRequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Nothing yet, or that it is at work.
    Pending,
    Provisioned,
    Failed,
    /// What was provisioned is no longer kept for it.
    BookingExpired,
    CapacityRevoked,
}

impl Request {
    pub const NAMES: [(&str, Request); 5] = [
        ("Pending", Request::Pending),
        ("Provisioned", Request::Provisioned),
        ("Failed", Request::Failed),
        ("BookingExpired", Request::BookingExpired),
        ("CapacityRevoked", Request::CapacityRevoked),
    ];
}

/// `retryStrategy` of a `ProvisioningRequestConfig`, with the API's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryStrategy {
    pub limit: u32,
    pub base: SimDuration,
    pub most: SimDuration,
}

impl Default for RetryStrategy {
    fn default() -> RetryStrategy {
        RetryStrategy { limit: 3, base: SimDuration::from_secs(60), most: SimDuration::from_secs(1800) }
    }
}

/// The check's state before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    pub status: CheckStatus,
    /// How often it was tried again.
    pub retries: u32,
    /// Whether the workload was admitted: its pods may be at work.
    pub admitted: bool,
}

/// What becomes of the check, and how long the workload then waits. `attempt` counts requests from 1.
pub fn check_after(
    request: Request,
    attempt: u32,
    before: Before,
    strategy: RetryStrategy,
) -> (CheckStatus, Option<SimDuration>) {
    let again_or_rejected = || {
        if attempt > strategy.limit {
            return (CheckStatus::Rejected, None);
        }
        // An old request is no reason to try once more.
        if attempt <= before.retries {
            return (before.status, None);
        }
        (CheckStatus::Retry, Some(doubled(strategy.base, before.retries + 1, strategy.most)))
    };
    match request {
        Request::Pending => (CheckStatus::Pending, None),
        Request::Provisioned => (CheckStatus::Ready, None),
        Request::Failed => again_or_rejected(),
        // Its pods run on what was provisioned.
        Request::BookingExpired if before.admitted => (before.status, None),
        Request::BookingExpired => again_or_rejected(),
        Request::CapacityRevoked => (CheckStatus::Rejected, None),
    }
}

/// What a workload's checks do to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    Waits,
    /// It may start.
    Admitted,
    /// It gives its quota back and comes again after its back-off.
    EvictedForRetry,
    /// It gives its quota back for good.
    Deactivated,
}

/// Of all checks of a workload with quota together.
pub fn consequence(checks: &[CheckStatus]) -> Consequence {
    let any = |status| checks.contains(&status);
    if any(CheckStatus::Rejected) {
        return Consequence::Deactivated;
    }
    if any(CheckStatus::Retry) {
        return Consequence::EvictedForRetry;
    }
    if any(CheckStatus::Pending) { Consequence::Waits } else { Consequence::Admitted }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Before = Before { status: CheckStatus::Pending, retries: 0, admitted: false };

    #[test]
    fn failures_are_tried_again_later_each_time_until_the_limit() {
        let after = |attempt, retries| {
            check_after(Request::Failed, attempt, Before { retries, ..FRESH }, RetryStrategy::default())
        };
        let wait = |seconds| (CheckStatus::Retry, Some(SimDuration::from_secs(seconds)));
        assert_eq!([after(1, 0), after(2, 1), after(3, 2)], [wait(60), wait(120), wait(240)]);
        assert_eq!(after(4, 3), (CheckStatus::Rejected, None));
        assert_eq!(after(1, 1), (CheckStatus::Pending, None), "an old request says nothing new");
    }

    #[test]
    fn a_booking_that_expires_counts_only_before_admission() {
        let strategy = RetryStrategy::default();
        let running = Before { status: CheckStatus::Ready, admitted: true, ..FRESH };
        assert_eq!(check_after(Request::BookingExpired, 1, running, strategy).0, CheckStatus::Ready);
        assert_eq!(check_after(Request::BookingExpired, 1, FRESH, strategy).0, CheckStatus::Retry);
        assert_eq!(check_after(Request::CapacityRevoked, 1, running, strategy).0, CheckStatus::Rejected);
    }
}
