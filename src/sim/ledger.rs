//! The books of a run: what the cluster offers, what is requested and used, and what it costs, integrated exactly.

use super::records::{Integrals, PodCounts, Usage};
use crate::cluster::{NodeShape, PodSpec, ResourceId, Resources};
use crate::units::{Bytes, GpuMilli, Millicores, SimTime, Usd, UsdPerHour};

/// Totals of this instant and their integrals up to [`Ledger::advance`]'s last call.
#[derive(Debug, Default)]
pub struct Ledger {
    at: SimTime,
    pub nodes: u32,
    pub nodes_ready: u32,
    pub nodes_upcoming: u32,
    pub pods: PodCounts,
    allocatable: [i64; 3],
    requested: [i64; 3],
    used: [i64; 3],
    integrals: Integrals,
    /// Sum of the prices of instances that are being billed.
    rate: UsdPerHour,
    final_rate: Option<UsdPerHour>,
    /// What closed bills come to.
    closed: Usd,
    /// Σ price × start over open bills, in nano-dollars an hour × nanoseconds.
    open_offset: i128,
}

impl Ledger {
    /// Integrates up to `now`. To be called before any total changes.
    #[inline]
    pub fn advance(&mut self, now: SimTime) {
        let span = now.nanos() - self.at.nanos();
        if span == 0 {
            return;
        }
        self.at = now;
        let span = i128::from(span);
        self.integrals.nodes += i128::from(self.nodes) * span;
        for resource in 0..3 {
            self.integrals.allocatable[resource] += i128::from(self.allocatable[resource]) * span;
            self.integrals.requested[resource] += i128::from(self.requested[resource]) * span;
            self.integrals.used[resource] += i128::from(self.used[resource]) * span;
        }
    }

    pub fn add_allocatable(&mut self, amount: Usage, sign: i64) {
        add(&mut self.allocatable, amount, sign);
    }

    pub fn add_requested(&mut self, amount: Usage, sign: i64) {
        add(&mut self.requested, amount, sign);
    }

    pub fn add_used(&mut self, amount: Usage, sign: i64) {
        add(&mut self.used, amount, sign);
    }

    pub fn allocatable(&self) -> Usage {
        usage(self.allocatable)
    }

    pub fn requested(&self) -> Usage {
        usage(self.requested)
    }

    pub fn used(&self) -> Usage {
        usage(self.used)
    }

    pub fn integrals(&self) -> Integrals {
        self.integrals
    }

    pub fn open_bill(&mut self, price: UsdPerHour, from: SimTime) {
        self.rate = self.rate + price;
        self.open_offset += i128::from(price.nanos()) * i128::from(from.nanos());
    }

    /// `billed` is what the whole bill comes to, minimum included.
    pub fn close_bill(&mut self, price: UsdPerHour, from: SimTime, billed: Usd) {
        self.rate = self.rate - price;
        self.open_offset -= i128::from(price.nanos()) * i128::from(from.nanos());
        self.closed += billed;
    }

    /// The prices of everything that is being billed; after the end of the run, what they were at it.
    pub fn rate(&self) -> UsdPerHour {
        self.final_rate.unwrap_or(self.rate)
    }

    /// The run is over and its bills are closed; `rate` is what held up to then.
    pub fn end_at_rate(&mut self, rate: UsdPerHour) {
        self.final_rate = Some(rate);
    }

    /// Closed bills and what the open ones have run up by `now`.
    pub fn cost(&self, now: SimTime) -> Usd {
        let open = i128::from(self.rate.nanos()) * i128::from(now.nanos()) - self.open_offset;
        self.closed + Usd::from_nanos((open / (3_600 * 1_000_000_000)) as i64)
    }
}

fn add(totals: &mut [i64; 3], amount: Usage, sign: i64) {
    totals[0] += sign * amount.cpu.get();
    totals[1] += sign * amount.memory.get();
    totals[2] += sign * amount.gpu.get();
}

fn usage([cpu, memory, gpu]: [i64; 3]) -> Usage {
    Usage { cpu: Millicores(cpu), memory: Bytes(memory), gpu: GpuMilli(gpu) }
}

/// What a pod of this spec requests, GPUs in thousandths (`gpu`: the id of `nvidia.com/gpu`).
pub fn requested_by(spec: &PodSpec, gpu: Option<ResourceId>) -> Usage {
    Usage { cpu: spec.requests.cpu, memory: spec.requests.memory, gpu: GpuMilli(spec.gpu_milli(gpu)) }
}

/// What a node of this shape offers to pods, shared devices included.
pub fn offered_by(shape: &NodeShape, gpu: Option<ResourceId>) -> Usage {
    amounts(&shape.allocatable, shape.shared_gpus, gpu)
}

/// What the machine has, the part that the system keeps included.
pub fn capacity_of(shape: &NodeShape, gpu: Option<ResourceId>) -> Usage {
    amounts(&shape.capacity, shape.shared_gpus, gpu)
}

fn amounts(resources: &Resources, shared_gpus: u16, gpu: Option<ResourceId>) -> Usage {
    let devices = gpu.map_or(0, |id| resources.extended(id)).max(i64::from(shared_gpus));
    Usage { cpu: resources.cpu, memory: resources.memory, gpu: GpuMilli(devices * 1000) }
}
