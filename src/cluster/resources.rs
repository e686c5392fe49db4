//! Resource vectors: CPU, memory, ephemeral storage and any number of extended resources.

use std::ops::{AddAssign, SubAssign};

use smallvec::SmallVec;

use super::ResourceId;
use crate::units::{Bytes, Millicores};

/// Names of well-known resources.
pub mod resource {
    /// Cores.
    pub const CPU: &str = "cpu";
    /// Memory in bytes.
    pub const MEMORY: &str = "memory";
    /// The node's disk in bytes.
    pub const EPHEMERAL_STORAGE: &str = "ephemeral-storage";
    /// Slots for pods.
    pub const PODS: &str = "pods";
    /// NVIDIA's devices.
    pub const NVIDIA_GPU: &str = "nvidia.com/gpu";
}

/// Amounts by resource. An extended resource that is absent counts as zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resources {
    pub cpu: Millicores,
    pub memory: Bytes,
    pub ephemeral_storage: Bytes,
    /// Sorted by id, whole units; zero amounts are kept where they were stated.
    extended: SmallVec<[(ResourceId, i64); 1]>,
}

/// A resource that a request exceeds, and by how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortfall {
    Cpu(Millicores),
    Memory(Bytes),
    EphemeralStorage(Bytes),
    Extended(ResourceId, i64),
}

impl Resources {
    pub fn new(cpu: Millicores, memory: Bytes) -> Resources {
        Resources { cpu, memory, ..Resources::default() }
    }

    /// The amount of an extended resource; zero where absent.
    pub fn extended(&self, id: ResourceId) -> i64 {
        self.extended.iter().find(|(other, _)| *other == id).map_or(0, |(_, amount)| *amount)
    }

    /// True where the resource was stated, be it as zero.
    pub fn has_extended(&self, id: ResourceId) -> bool {
        self.extended.iter().any(|(other, _)| *other == id)
    }

    pub fn set_extended(&mut self, id: ResourceId, amount: i64) {
        match self.extended.binary_search_by_key(&id, |(other, _)| *other) {
            Ok(at) => self.extended[at].1 = amount,
            Err(at) => self.extended.insert(at, (id, amount)),
        }
    }

    /// Extended resources in the order of their ids.
    pub fn iter_extended(&self) -> impl Iterator<Item = (ResourceId, i64)> + '_ {
        self.extended.iter().copied()
    }

    pub fn is_zero(&self) -> bool {
        self.cpu == Millicores::ZERO
            && self.memory == Bytes::ZERO
            && self.ephemeral_storage == Bytes::ZERO
            && self.extended.iter().all(|(_, amount)| *amount == 0)
    }

    /// The larger amount of each resource, as Kubernetes takes it over init and ordinary containers.
    pub fn max(&self, other: &Resources) -> Resources {
        let mut most = self.clone();
        most.cpu = most.cpu.max(other.cpu);
        most.memory = most.memory.max(other.memory);
        most.ephemeral_storage = most.ephemeral_storage.max(other.ephemeral_storage);
        for (id, amount) in other.iter_extended() {
            most.set_extended(id, most.extended(id).max(amount));
        }
        most
    }

    /// Every resource that `request` asks for beyond `self` (what is free), in upstream's order. A zero request of a
    /// resource fits even where that resource is over-committed, as in upstream's NodeResourcesFit.
    pub fn shortfalls<'a>(&'a self, request: &'a Resources) -> impl Iterator<Item = Shortfall> + 'a {
        let cpu =
            (request.cpu > Millicores::ZERO && request.cpu > self.cpu).then(|| Shortfall::Cpu(request.cpu - self.cpu));
        let memory = (request.memory > Bytes::ZERO && request.memory > self.memory)
            .then(|| Shortfall::Memory(request.memory - self.memory));
        let storage = (request.ephemeral_storage > Bytes::ZERO && request.ephemeral_storage > self.ephemeral_storage)
            .then(|| Shortfall::EphemeralStorage(request.ephemeral_storage - self.ephemeral_storage));
        let extended = request.iter_extended().filter_map(|(id, amount)| {
            let free = self.extended(id);
            (amount > 0 && amount > free).then(|| Shortfall::Extended(id, amount - free))
        });
        cpu.into_iter().chain(memory).chain(storage).chain(extended)
    }

    /// `self - other`, resource by resource; may be negative where a node is over-committed.
    /// Takes from `other` what is zero here.
    pub fn fill_in(&mut self, other: &Resources) {
        if self.cpu == Millicores::ZERO {
            self.cpu = other.cpu;
        }
        if self.memory == Bytes::ZERO {
            self.memory = other.memory;
        }
        if self.ephemeral_storage == Bytes::ZERO {
            self.ephemeral_storage = other.ephemeral_storage;
        }
        for (id, amount) in other.iter_extended() {
            if self.extended(id) == 0 {
                self.set_extended(id, amount);
            }
        }
    }

    pub fn minus(&self, other: &Resources) -> Resources {
        let mut rest = self.clone();
        rest -= other;
        rest
    }
}

impl AddAssign<&Resources> for Resources {
    fn add_assign(&mut self, other: &Resources) {
        self.cpu += other.cpu;
        self.memory += other.memory;
        self.ephemeral_storage += other.ephemeral_storage;
        for (id, amount) in other.iter_extended() {
            self.set_extended(id, self.extended(id).saturating_add(amount));
        }
    }
}

impl SubAssign<&Resources> for Resources {
    fn sub_assign(&mut self, other: &Resources) {
        self.cpu -= other.cpu;
        self.memory -= other.memory;
        self.ephemeral_storage -= other.ephemeral_storage;
        for (id, amount) in other.iter_extended() {
            self.set_extended(id, self.extended(id).saturating_sub(amount));
        }
    }
}

/// The names behind [`ResourceId`]s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceNames {
    names: Vec<String>,
}

impl ResourceNames {
    /// The id of `name`, given at its first mention.
    pub fn intern(&mut self, name: &str) -> ResourceId {
        self.get(name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            ResourceId::new(self.names.len() - 1)
        })
    }

    pub fn get(&self, name: &str) -> Option<ResourceId> {
        self.names.iter().position(|other| other == name).map(ResourceId::new)
    }

    pub fn name(&self, id: ResourceId) -> &str {
        &self.names[id.index()]
    }

    /// Sets `amount` of the resource called `name` in `resources`: milli-units for `cpu`, whole units otherwise.
    pub fn set(&mut self, resources: &mut Resources, name: &str, amount: crate::units::Quantity) {
        match name {
            resource::CPU => resources.cpu = Millicores::from_quantity(amount),
            resource::MEMORY => resources.memory = Bytes::from_quantity(amount),
            resource::EPHEMERAL_STORAGE => resources.ephemeral_storage = Bytes::from_quantity(amount),
            _ => resources.set_extended(self.intern(name), amount.value()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_exceeds_what_is_free_names_each_shortfall() {
        let mut names = ResourceNames::default();
        let gpu = names.intern(resource::NVIDIA_GPU);
        let mut free = Resources::new(Millicores(500), Bytes(100));
        free.set_extended(gpu, 1);
        let mut request = Resources::new(Millicores(700), Bytes(100));
        request.set_extended(gpu, 2);
        let shortfalls: Vec<_> = free.shortfalls(&request).collect();
        assert_eq!(shortfalls, [Shortfall::Cpu(Millicores(200)), Shortfall::Extended(gpu, 1)]);
    }

    #[test]
    fn a_zero_request_fits_an_overcommitted_node() {
        let free = Resources::new(Millicores(-5), Bytes(-1));
        assert_eq!(free.shortfalls(&Resources::default()).count(), 0);
    }
}
