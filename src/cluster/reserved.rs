//! What a node keeps back for itself: capacity less the system's share is what pods can have.
//!
//! The defaults are those of Amazon EKS's node images (`amazon-eks-ami`, `files/bootstrap.sh`): CPU in bands of the
//! cores, memory by the number of pods. Each can be overridden, as the kubelet's own flags can.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NodeShape;
use crate::units::{Bytes, Millicores};

const MIB: i64 = 1 << 20;

/// The kubelet's reservations, under the names of its configuration file; what is left out takes its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ReservedOptions {
    /// For the kubelet and the container runtime. Default: of CPU 6 % of the first core, 1 % of the second, 0.5 % of
    /// the next two and 0.25 % of the others; of memory 255Mi and 11Mi for each of `maxPods`.
    pub kube_reserved: ReservedResources,
    /// For the operating system. Default: nothing.
    pub system_reserved: ReservedResources,
    /// Free resources at which the kubelet evicts.
    pub eviction_hard: EvictionHard,
    /// Most pods on a node. Default: 110.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pods: Option<u32>,
}

/// An amount of CPU and memory that pods cannot have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ReservedResources {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Millicores>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
}

/// Hard eviction thresholds, by upstream's names of the signals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvictionHard {
    /// Default: 100Mi.
    #[serde(rename = "memory.available", skip_serializing_if = "Option::is_none")]
    pub memory_available: Option<Bytes>,
}

/// What pods on a node can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocatable {
    pub cpu: Millicores,
    pub memory: Bytes,
    pub pods: u32,
}

impl ReservedOptions {
    /// Nothing is kept back: for nodes whose stated size is what pods can have, as in a trace.
    pub fn none() -> ReservedOptions {
        ReservedOptions {
            kube_reserved: ReservedResources { cpu: Some(Millicores::ZERO), memory: Some(Bytes::ZERO) },
            eviction_hard: EvictionHard { memory_available: Some(Bytes::ZERO) },
            ..ReservedOptions::default()
        }
    }

    pub fn max_pods(&self) -> u32 {
        self.max_pods.unwrap_or(NodeShape::DEFAULT_MAX_PODS as u32)
    }

    /// Free memory at which the kubelet evicts.
    pub fn eviction_hard_memory(&self) -> Bytes {
        self.eviction_hard.memory_available.unwrap_or(Bytes(100 * MIB))
    }

    /// Capacity less what is reserved; zero where more is reserved than there is.
    pub fn allocatable(&self, cpu: Millicores, memory: Bytes) -> Allocatable {
        let default_memory = Bytes((255 + 11 * i64::from(self.max_pods())) * MIB);
        let kube_cpu = self.kube_reserved.cpu.unwrap_or_else(|| eks_reserved_cpu(cpu));
        let kube_memory = self.kube_reserved.memory.unwrap_or(default_memory);
        let system = &self.system_reserved;
        let (system_cpu, system_memory) = (system.cpu.unwrap_or_default(), system.memory.unwrap_or_default());
        Allocatable {
            cpu: (cpu - kube_cpu - system_cpu).max(Millicores::ZERO),
            memory: (memory - kube_memory - system_memory - self.eviction_hard_memory()).max(Bytes::ZERO),
            pods: self.max_pods(),
        }
    }
}

/// EKS's bands, in millicores rounded down as its script does.
fn eks_reserved_cpu(capacity: Millicores) -> Millicores {
    // (band's start and end in millicores, reserved per 10,000)
    let bands = [(0, 1_000, 600), (1_000, 2_000, 100), (2_000, 4_000, 50), (4_000, i64::MAX, 25)];
    let reserved = bands.iter().map(|(start, end, share)| {
        let within = i128::from(capacity.get().clamp(*start, *end) - start);
        (within * share / 10_000) as i64
    });
    Millicores(reserved.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_eks() {
        let options = ReservedOptions::default();
        for (cores, reserved) in [(1, 60), (2, 70), (4, 80), (8, 90), (16, 110), (96, 310)] {
            assert_eq!(eks_reserved_cpu(Millicores(cores * 1000)), Millicores(reserved), "{cores} cores");
        }
        let allocatable = options.allocatable(Millicores(4_000), Bytes(16 << 30));
        assert_eq!(
            allocatable,
            Allocatable { cpu: Millicores(3_920), memory: Bytes((16_384 - 1_465 - 100) * MIB), pods: 110 }
        );
    }

    #[test]
    fn reservations_can_be_overridden_and_never_go_below_zero() {
        let whole = ReservedOptions::none().allocatable(Millicores(100), Bytes(7));
        assert_eq!((whole.cpu, whole.memory), (Millicores(100), Bytes(7)));
        let tiny = ReservedOptions::default().allocatable(Millicores(10), Bytes(10));
        assert_eq!((tiny.cpu, tiny.memory), (Millicores(10), Bytes::ZERO));
        let options: ReservedOptions =
            serde_saphyr::from_str("{systemReserved: {cpu: 1}, evictionHard: {memory.available: 1Gi}, maxPods: 58}")
                .unwrap();
        let allocatable = options.allocatable(Millicores(4_000), Bytes(16 << 30));
        assert_eq!((allocatable.cpu, allocatable.pods), (Millicores(2_920), 58));
        assert_eq!(allocatable.memory, Bytes((16_384 - 255 - 11 * 58 - 1_024) * MIB));
    }
}
