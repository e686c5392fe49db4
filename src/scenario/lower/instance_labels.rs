//! Labels of instance types that NodePools and pods select by (karpenter-provider-aws, `pkg/providers/instancetype/types.go`).

use crate::cluster::{Labels, label};
use crate::cost::InstanceType;

/// The well-known labels of an instance type; for AWS those that its provider adds, which NodePools select by.
pub(super) fn labels(instance: &InstanceType) -> Labels {
    let mut labels =
        Labels::from([(label::ARCH.to_owned(), instance.arch.clone()), (label::OS.to_owned(), "linux".to_owned())]);
    let mut put = |key: &str, value: String| labels.insert(key.to_owned(), value);
    if let Some(gpu) = instance.gpu.as_ref().filter(|gpu| gpu.is_nvidia()) {
        put(label::GPU_PRODUCT, gpu.model.clone());
    }
    if instance.cloud == "aws"
        && let Some((family, size)) = instance.name.split_once('.')
    {
        let letters = family.find(|c: char| c.is_ascii_digit()).unwrap_or(family.len());
        let generation: String = family[letters..].chars().take_while(char::is_ascii_digit).collect();
        put("karpenter.k8s.aws/instance-category", family[..letters].to_owned());
        put("karpenter.k8s.aws/instance-family", family.to_owned());
        put("karpenter.k8s.aws/instance-generation", generation);
        put("karpenter.k8s.aws/instance-size", size.to_owned());
        put("karpenter.k8s.aws/instance-capability-flex", family.contains("-flex").to_string());
        put("karpenter.k8s.aws/instance-cpu", (instance.vcpus.get() / 1000).to_string());
        put("karpenter.k8s.aws/instance-memory", (instance.memory.get() >> 20).to_string());
        for (key, value) in [
            ("instance-hypervisor", instance.hypervisor.clone()),
            ("instance-cpu-manufacturer", instance.cpu_manufacturer.clone()),
            ("instance-local-nvme", instance.local_storage.map(|bytes| (bytes.get() / 1_000_000_000).to_string())),
            ("instance-network-bandwidth", instance.network_mbps.map(|mbps| mbps.to_string())),
        ] {
            if let Some(value) = value {
                put(&format!("karpenter.k8s.aws/{key}"), value);
            }
        }
        if let Some(gpu) = instance.gpu.as_ref().filter(|gpu| !gpu.is_nvidia()) {
            put("karpenter.k8s.aws/instance-accelerator-name", gpu.model.to_lowercase());
            put("karpenter.k8s.aws/instance-accelerator-count", gpu.count.to_string());
            put("karpenter.k8s.aws/instance-accelerator-manufacturer", "aws".to_owned());
        }
        if let Some(gpu) = instance.gpu.as_ref().filter(|gpu| gpu.is_nvidia()) {
            put("karpenter.k8s.aws/instance-gpu-name", gpu.model.to_lowercase());
            put("karpenter.k8s.aws/instance-gpu-count", gpu.count.to_string());
            put("karpenter.k8s.aws/instance-gpu-manufacturer", "nvidia".to_owned());
            put("karpenter.k8s.aws/instance-gpu-memory", (gpu.memory.get() >> 20).to_string());
        }
    }
    labels
}

/// Labels that tell of a part: a type without that part is known to lack them, so that no requirement but `DoesNotExist` and
/// `NotIn` is met.
const OF_PARTS: [&str; 8] = [
    "karpenter.k8s.aws/instance-accelerator-count",
    "karpenter.k8s.aws/instance-accelerator-manufacturer",
    "karpenter.k8s.aws/instance-accelerator-name",
    "karpenter.k8s.aws/instance-gpu-count",
    "karpenter.k8s.aws/instance-gpu-manufacturer",
    "karpenter.k8s.aws/instance-gpu-memory",
    "karpenter.k8s.aws/instance-gpu-name",
    "karpenter.k8s.aws/instance-local-nvme",
];

/// Labels that nodes of the type are known not to have.
pub(super) fn absent_labels(instance: &InstanceType, labels: &Labels) -> Vec<&'static str> {
    let is_of_aws = instance.cloud == "aws" && instance.name.contains('.');
    OF_PARTS.into_iter().filter(|key| is_of_aws && !labels.contains_key(*key)).collect()
}
