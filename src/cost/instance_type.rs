//! A machine that a cloud rents out: its shape, what it costs where that is known, how often spot machines are lost.

use super::CapacityType;
use crate::units::{Bytes, Millicores, UsdPerHour};

/// A machine that a cloud rents out. What is not known is `None`, never a guess.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceType {
    /// `aws`, `gcp` or `azure`, or what a scenario says.
    pub cloud: String,
    pub name: String,
    pub vcpus: Millicores,
    pub memory: Bytes,
    /// As the label `kubernetes.io/arch` has it: `amd64` or `arm64`.
    pub arch: String,
    /// Its accelerators, GPUs or others.
    pub gpu: Option<GpuShape>,
    /// Linux, on demand.
    pub on_demand: Option<UsdPerHour>,
    pub spot: Option<UsdPerHour>,
    /// Under a commitment of one year and of three, without payment beforehand.
    pub reserved_1y: Option<UsdPerHour>,
    pub reserved_3y: Option<UsdPerHour>,
    /// Interruptions of one spot machine an hour.
    pub interruptions_per_hour: Option<f64>,
    /// Disks of the machine itself (instance store, local SSD), all together.
    pub local_storage: Option<Bytes>,
    /// What its network gives for long, in millions of bits a second.
    pub network_mbps: Option<u64>,
    /// `intel`, `amd`, `aws`, … as the label of AWS's Karpenter provider has it.
    pub cpu_manufacturer: Option<String>,
    /// `nitro` or `xen`, of AWS.
    pub hypervisor: Option<String>,
}

/// The accelerators of an instance type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuShape {
    /// Such as `V100`; without white space, for it becomes a label's value.
    pub model: String,
    pub count: u32,
    /// Nominal memory of one device.
    pub memory: Bytes,
    /// Devices that NVLink (or its like) joins, on this machine or, where that is more, on several.
    pub nvlink_domain: Option<u32>,
}

impl GpuShape {
    /// The resource that the vendor's device plugin makes of the devices.
    pub fn resource(&self) -> &'static str {
        let is_of = |names: &[&str]| names.iter().any(|name| self.model.starts_with(name));
        if is_of(&["MI"]) {
            "amd.com/gpu"
        } else if is_of(&["TPU"]) {
            "google.com/tpu"
        } else if is_of(&["Trainium", "Inferentia"]) {
            "aws.amazon.com/neuron"
        } else {
            crate::cluster::resource::NVIDIA_GPU
        }
    }

    pub fn is_nvidia(&self) -> bool {
        self.resource() == crate::cluster::resource::NVIDIA_GPU
    }
}

impl InstanceType {
    /// The list price under a capacity type: reserved capacity has no list price of its own here and costs as on
    /// demand unless the scenario says otherwise. `None` where it is not known.
    pub fn price(&self, capacity_type: CapacityType) -> Option<UsdPerHour> {
        match capacity_type {
            CapacityType::OnDemand | CapacityType::Reserved => self.on_demand,
            CapacityType::Spot => self.spot,
        }
    }

    /// NVIDIA's, which alone can be shared here.
    pub fn gpus(&self) -> u32 {
        self.gpu.as_ref().filter(|gpu| gpu.is_nvidia()).map_or(0, |gpu| gpu.count)
    }
}
