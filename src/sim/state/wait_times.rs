//! Waits by workload and reason.

use std::collections::BTreeMap;

use crate::cluster::{PodSpec, WorkloadId};
use crate::sim::explanation::Mechanism;
use crate::sim::state::idle::Account;
use crate::units::SimTime;

/// Why a pod without a node waits now.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct WaitRun {
    pub(in crate::sim) reason: Mechanism,
    pub(in crate::sim) account: Account,
    pub(in crate::sim) since: SimTime,
    /// Reasons that it has waited for, one bit each.
    pub(in crate::sim) seen: u32,
}

const _: () = assert!(Mechanism::ALL.len() <= u32::BITS as usize);

impl WaitRun {
    pub fn reason(&self) -> Mechanism {
        self.reason
    }

    pub fn begin(spec: &PodSpec, workload: WorkloadId, now: SimTime) -> WaitRun {
        let reason = if spec.node_name.is_some() {
            Mechanism::NamedNode
        } else if !spec.scheduling_gates.is_empty() {
            Mechanism::Gated
        } else if spec.is_held_back() {
            Mechanism::OtherScheduler
        } else {
            Mechanism::Scheduler
        };
        WaitRun { reason, account: Account::Workload(workload), since: now, seen: 0 }
    }
}

/// Waits by reason and account.
#[derive(Debug, Default)]
pub(in crate::sim) struct WaitBook {
    /// Pods × nanoseconds.
    pub(in crate::sim) sums: BTreeMap<(Mechanism, Account), i128>,
    /// Pods, and when the first began to wait.
    pub(in crate::sim) reasons: BTreeMap<Mechanism, (u64, SimTime)>,
}

impl WaitBook {
    pub(in crate::sim) fn add(
        &mut self,
        run: &mut WaitRun,
        reason: Mechanism,
        account: Account,
        from: SimTime,
        to: SimTime,
    ) {
        let span = (to - from).nanos();
        if span <= 0 {
            return;
        }
        *self.sums.entry((reason, account)).or_default() += i128::from(span);
        let (pods, first) = self.reasons.entry(reason).or_insert((0, from));
        *first = from.min(*first);
        let bit = 1 << reason as u32;
        *pods += u64::from(run.seen & bit == 0);
        run.seen |= bit;
    }
}
