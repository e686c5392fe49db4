//! Idle money so far, by machine and by account.

use std::collections::BTreeMap;

use crate::cluster::WorkloadId;
use crate::sim::explanation::IdleReason;
use crate::units::{SimTime, Usd};

/// On whose account: the one that stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sim) enum Account {
    Workload(WorkloadId),
    Group(u32),
    /// Nodes of no group.
    Fixed,
    /// A limit of the whole cluster.
    Cluster,
}

/// Why a machine's idle part is idle now, and what was booked of it.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct IdleRun {
    pub(in crate::sim) reason: IdleReason,
    pub(in crate::sim) account: Account,
    pub(in crate::sim) since: SimTime,
    pub(in crate::sim) booked: Usd,
}

impl IdleRun {
    /// Of a machine that was asked for now.
    pub fn booting(group: Option<u32>, now: SimTime) -> IdleRun {
        IdleRun { reason: IdleReason::Booting, account: of_group(group), since: now, booked: Usd::ZERO }
    }
}

/// Idle money and machine time (nanoseconds) by reason and account.
#[derive(Debug, Default)]
pub(in crate::sim) struct IdleBook {
    pub(in crate::sim) sums: BTreeMap<(IdleReason, Account), (Usd, i128)>,
}

pub(in crate::sim) fn of_group(group: Option<u32>) -> Account {
    group.map_or(Account::Fixed, Account::Group)
}
