//! Who pays what: the bills of machines, reserved capacity, commitments, and the share that each pod owes of its node.
//!
//! A machine's bill is a row of stretches at one price each: there is more than one only where a reservation comes free
//! and covers a machine that was paid on demand until then. What a pod owes is worked out when its bill is closed or its
//! node's price changes; in between it only adds up what it holds.

use super::entities::Instance;
use super::ledger::capacity_of;
use super::records::Usage;
use super::state::bills::Slots;
use super::world::World;
use crate::cluster::{NodeShapeId, PodId};
use crate::cost::{CapacityType, Cover, NodeCapacity, cost_of};
use crate::units::{SimTime, UsdPerHour};

impl World<'_> {
    // Machines

    /// Reserved capacity is paid from the start, whether a machine stands or not.
    pub(super) fn start_bills(&mut self) {
        for slots in self.bills.reservations.iter().flatten() {
            self.cluster.open_bill(slots.terms.rate(), self.now);
        }
    }

    /// A machine's bill begins: in a reserved slot where its group has one free, else at its own price.
    pub(super) fn open_bill(&mut self, instance: u32) {
        if let Some(slots) = self.slots_of(instance) {
            if slots.taken < slots.terms.nodes {
                return self.take_slot(instance);
            }
            slots.beyond.push_back(instance);
            let price = slots.terms.on_demand_price;
            let record = &mut self.instances[instance as usize];
            (record.price, record.capacity_type) = (price, CapacityType::OnDemand);
        }
        self.instances[instance as usize].billed_from = self.now;
        self.count_rate(instance, 1);
    }

    /// The bill ends with the machine.
    pub(super) fn close_bill(&mut self, instance: u32) {
        if self.instances[instance as usize].removed.is_some() {
            return;
        }
        self.close_stretch(instance);
        // Pods may still be bound to a machine that stopped unasked; from now on nobody pays for them.
        self.settle_pods_of(instance);
        let record = &mut self.instances[instance as usize];
        record.removed = Some(self.now);
        if self.is_in_slot(instance) {
            self.free_slot(instance);
        }
    }

    /// The run is over: all that is open is paid up to now. Machines stay.
    pub(super) fn end_bills(&mut self) {
        for instance in 0..self.instances.len() as u32 {
            if self.instances[instance as usize].removed.is_none() {
                self.close_stretch(instance);
            }
        }
        for slots in self.bills.reservations.iter().flatten() {
            self.cluster.close_bill(slots.terms.rate(), SimTime::ZERO, slots.fee, self.now);
        }
    }

    fn slots_of(&mut self, instance: u32) -> Option<&mut Slots> {
        let group = self.instances[instance as usize].group?;
        self.bills.reservations[group as usize].as_mut()
    }

    pub(super) fn is_in_slot(&self, instance: u32) -> bool {
        let record = &self.instances[instance as usize];
        let has_slots = record.group.is_some_and(|group| self.bills.reservations[group as usize].is_some());
        has_slots && record.capacity_type == CapacityType::Reserved
    }

    fn take_slot(&mut self, instance: u32) {
        let now = self.now;
        let Some(slots) = self.slots_of(instance) else { return };
        slots.taken += 1;
        let price = slots.terms.price;
        let record = &mut self.instances[instance as usize];
        (record.price, record.capacity_type, record.billed_from) = (price, CapacityType::Reserved, now);
    }

    /// The machine that has been paid on demand for longest moves into the slot, as a discount that floats does.
    fn free_slot(&mut self, instance: u32) {
        let Some(slots) = self.slots_of(instance) else { return };
        slots.taken -= 1;
        while let Some(next) = self.slots_of(instance).and_then(|slots| slots.beyond.pop_front()) {
            if self.instances[next as usize].removed.is_none() {
                self.settle_pods_of(next);
                self.close_stretch(next);
                return self.take_slot(next);
            }
        }
    }

    /// Pays for a machine since its price last changed.
    fn close_stretch(&mut self, instance: u32) {
        self.book_idle(instance);
        let now = self.now;
        let record = &self.instances[instance as usize];
        let (price, from, is_spot) = (record.price, record.billed_from, record.capacity_type == CapacityType::Spot);
        let is_in_slot = self.is_in_slot(instance);
        // A slot is paid whole; of it this is the part that was used.
        let span = if is_in_slot { now - from } else { self.scenario.billing.billed(from, now) };
        let cost = price.over(span);
        if is_in_slot {
            self.slots_of(instance).expect("it is in one").used += cost;
        } else {
            let sum = if is_spot { &mut self.bills.spot } else { &mut self.bills.on_demand };
            *sum += cost;
            self.cluster.close_bill(price, from, cost, now);
            self.commitments_see(instance, -1);
        }
        let parts = self.price_parts(&self.instances[instance as usize]);
        let record = &mut self.instances[instance as usize];
        record.cost += cost;
        // Rounding falls to the last resource that has a part of the price.
        let last = parts.iter().rposition(|part| *part > UsdPerHour::ZERO).unwrap_or(0);
        let mut rest = cost;
        for (owed, price) in record.costs.iter_mut().zip(&parts[..last]) {
            let part = price.over(span);
            *owed += part;
            rest -= part;
        }
        record.costs[last] += rest;
        self.book_billed_beyond(instance, cost - price.over(now - from));
    }

    fn count_rate(&mut self, instance: u32, sign: i128) {
        self.cluster.open_bill(self.instances[instance as usize].price, self.now);
        self.commitments_see(instance, sign);
    }

    /// Commitments cover what is paid on demand.
    fn commitments_see(&mut self, instance: u32, sign: i128) {
        let record = &self.instances[instance as usize];
        if record.capacity_type == CapacityType::OnDemand {
            let cover = self.cover_of(record);
            self.bills.commitments.change_rate(cover, record.price, sign, self.now);
        }
    }

    fn cover_of(&self, instance: &Instance) -> Cover {
        if self.scenario.commitments.is_empty() {
            return Cover::default();
        }
        let group = instance.group.map(|group| &*self.scenario.node_groups[group as usize].name);
        self.bills.commitments.cover(group.unwrap_or(crate::scenario::FIXED), &instance.instance_type)
    }

    pub(super) fn price_parts(&self, instance: &Instance) -> [UsdPerHour; 3] {
        self.scenario.attribution_prices.split(instance.price, &self.node_capacity(instance.shape))
    }

    pub(super) fn node_capacity(&self, shape: NodeShapeId) -> NodeCapacity {
        let Usage { cpu, memory, gpu } = capacity_of(self.cluster.specs.shape(shape), self.cluster.specs.nvidia_gpu());
        NodeCapacity { cpu, memory, gpu }
    }

    // Pods

    /// From now on the pod holds the larger of what it requested and what it uses; it has a node.
    #[inline]
    pub(super) fn hold(&mut self, pod: PodId) {
        let run = &mut self.pods[pod.index()];
        run.holding.change(larger(run.requested, run.used), self.now);
    }

    /// The pod holds nothing any more; what it owes is booked.
    pub(super) fn let_go(&mut self, pod: PodId) {
        self.settle_pod(pod);
        self.pods[pod.index()].holding.change([0; 3], self.now);
    }

    /// Books what the pod owes up to now, at its node's price.
    pub(super) fn settle_pod(&mut self, pod: PodId) {
        let Some(node) = self.cluster.pod(pod).node else { return };
        if let Some((load, _)) = self.together_with(pod) {
            self.make_up_books(load);
        }
        let instance = self.instance_of[node.index()] as usize;
        let held = self.pods[pod.index()].holding.take(self.now);
        let is_billed = self.instances[instance].removed.is_none();
        let parts = if is_billed { self.price_parts(&self.instances[instance]) } else { [UsdPerHour::ZERO; 3] };
        let capacity = self.node_capacity(self.instances[instance].shape);
        let capacities = [capacity.cpu.get(), capacity.memory.get(), capacity.gpu.get()];
        let run = &mut self.pods[pod.index()];
        let workload = &mut self.workloads[run.workload.index()];
        for resource in 0..3 {
            let cost = cost_of(parts[resource], held[resource], capacities[resource]);
            run.costs[resource] += cost;
            workload.costs[resource] += cost;
            workload.held[resource] += held[resource];
            self.instances[instance].pods_costs[resource] += cost;
        }
    }

    fn settle_pods_of(&mut self, instance: u32) {
        let Some(node) = self.instances[instance as usize].node else { return };
        for pod in self.pods_on(node) {
            self.settle_pod(pod);
        }
    }
}

/// Of each resource, as `[cpu, memory, gpu]`.
pub(super) fn larger(requested: Usage, used: Usage) -> [i64; 3] {
    [requested.cpu.max(used.cpu).get(), requested.memory.max(used.memory).get(), requested.gpu.max(used.gpu).get()]
}
