//! Where idle money goes: of every machine what it cost so far and no pod owes, booked on the reason that held meanwhile.
//!
//! Nothing is counted as time goes by. When a machine's reason changes, what became idle since the last change is the
//! difference of two totals, so the parts sum to the bill's idle rest to the last digit, whatever happened in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::explanation::{IdleReason, IdleRow};
use super::state::idle::{Account, of_group};
use super::world::World;
use crate::cluster::{ClusterView, NodeId};
use crate::cost::cost_of;
use crate::scenario::FIXED;
use crate::units::Usd;

impl World<'_> {
    /// From now on the machine is idle, as far as it is, for this reason.
    pub(super) fn set_idle(&mut self, instance: u32, reason: IdleReason, account: Account) {
        let run = &self.instances[instance as usize].idle;
        if (run.reason, run.account) != (reason, account) {
            self.book_idle(instance);
            let run = &mut self.instances[instance as usize].idle;
            (run.reason, run.account) = (reason, account);
        }
    }

    /// [`World::set_idle`] on the account of the machine's group.
    pub(super) fn set_idle_in_group(&mut self, instance: u32, reason: IdleReason) {
        let account = of_group(self.instances[instance as usize].group);
        self.set_idle(instance, reason, account);
    }

    /// The node works, and nobody has said yet why it stays.
    pub(super) fn set_idle_standing(&mut self, node: NodeId) {
        let instance = self.instance_of[node.index()];
        let of_pool = |group: u32| self.scenario.node_groups[group as usize].is_node_pool;
        let is_managed = self.instances[instance as usize].group.is_some_and(|group| {
            if of_pool(group) { self.scenario.karpenter.is_some() } else { self.scenario.cluster_autoscaler.is_some() }
        });
        let reason = if is_managed { IdleReason::NotLookedAt } else { IdleReason::NotAutoscaled };
        self.set_idle_in_group(instance, reason);
    }

    /// The node does not work any more; one that is on its way out stays so.
    pub(super) fn set_idle_down(&mut self, node: NodeId) {
        let instance = self.instance_of[node.index()];
        if self.instances[instance as usize].idle.reason != IdleReason::Removing {
            self.set_idle_in_group(instance, IdleReason::Down);
        }
    }

    /// Books what became idle since the last booking. To be called before the machine's way of being paid changes, and
    /// before a stretch of its bill is closed.
    pub(super) fn book_idle(&mut self, instance: u32) {
        let record = &self.instances[instance as usize];
        if record.removed.is_some() {
            return;
        }
        let so_far = self.idle_so_far(instance);
        let (reason, account) = match self.is_in_slot(instance) {
            true => (IdleReason::Reserved, of_group(record.group)),
            false => (record.idle.reason, record.idle.account),
        };
        let now = self.now;
        let run = &mut self.instances[instance as usize].idle;
        let (idle, span) = (so_far - run.booked, now - run.since);
        (run.booked, run.since) = (so_far, now);
        if idle != Usd::ZERO || span.nanos() > 0 {
            let (sum, time) = self.idle.sums.entry((reason, account)).or_default();
            *sum += idle;
            *time += i128::from(span.nanos());
        }
    }

    /// What the bill of a stretch that was just closed came to beyond the time that the machine stood.
    pub(super) fn book_billed_beyond(&mut self, instance: u32, beyond: Usd) {
        if beyond != Usd::ZERO {
            let run = &mut self.instances[instance as usize];
            run.idle.booked += beyond;
            let account = of_group(run.group);
            self.idle.sums.entry((IdleReason::BilledBeyondLife, account)).or_default().0 += beyond;
        }
    }

    /// What the machine has cost since its request less what its pods owe of that.
    fn idle_so_far(&self, instance: u32) -> Usd {
        let record = &self.instances[instance as usize];
        let mut idle = record.cost + record.price.over(self.now - record.billed_from);
        idle = record.pods_costs.iter().fold(idle, |idle, owed| idle - *owed);
        let Some(node) = record.node.and_then(|node| self.cluster.node(node)) else { return idle };
        if node.pods.is_empty() {
            return idle;
        }
        let parts = self.price_parts(record);
        let capacity = self.node_capacity(record.shape);
        let capacities = [capacity.cpu.get(), capacity.memory.get(), capacity.gpu.get()];
        for held in &node.pods {
            let unbooked = self.held_unbooked(held.pod);
            for resource in 0..3 {
                idle -= cost_of(parts[resource], unbooked[resource], capacities[resource]);
            }
        }
        idle
    }

    /// Ascending by reason and name. The bills are closed.
    pub(super) fn idle_rows(&self) -> Vec<IdleRow> {
        let mut rows: BTreeMap<(IdleReason, Arc<str>), (Usd, i128)> = BTreeMap::new();
        let machines = self.idle.sums.iter().map(|((reason, account), sums)| (*reason, *account, *sums));
        let unused = (0..self.groups.len()).map(|group| (group, self.bills.unused(group)));
        let unused = unused.filter(|(_, unused)| *unused != Usd::ZERO);
        let unused =
            unused.map(|(group, unused)| (IdleReason::ReservedUnused, Account::Group(group as u32), (unused, 0)));
        for (reason, account, (cost, time)) in machines.chain(unused) {
            let row = rows.entry((reason, self.account_name(account))).or_default();
            row.0 += cost;
            row.1 += time;
        }
        rows.into_iter().map(|((reason, by), (cost, node_time))| IdleRow { reason, by, cost, node_time }).collect()
    }

    pub(super) fn account_name(&self, account: Account) -> Arc<str> {
        match account {
            Account::Workload(workload) => Arc::clone(self.workload_key(workload)),
            Account::Group(group) => Arc::clone(&self.scenario.node_groups[group as usize].name),
            Account::Fixed => FIXED.into(),
            Account::Cluster => "cluster".into(),
        }
    }

    /// All that is idle is booked for some reason. For the audit.
    pub(super) fn audit_idle(&self) -> Result<(), String> {
        let mut idle = Usd::ZERO;
        for (instance, record) in self.instances.iter().enumerate() {
            if record.removed.is_some() {
                idle = record.pods_costs.iter().fold(idle + record.cost, |idle, owed| idle - *owed);
            } else {
                idle += record.idle.booked;
            }
            if record.removed.is_none() && record.idle.since == self.now {
                let so_far = self.idle_so_far(instance as u32);
                if record.idle.booked != so_far {
                    return Err(format!("{} has {so_far:?} idle, booked {:?}", record.name, record.idle.booked));
                }
            }
        }
        let booked: Usd = self.idle.sums.values().map(|(cost, _)| *cost).sum();
        if booked == idle { Ok(()) } else { Err(format!("{idle:?} is idle, booked by reason {booked:?}")) }
    }
}
