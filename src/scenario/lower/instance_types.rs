//! Instance types that the scenario adds to the catalogue, or says something else of.

use super::Lowering;
use crate::cost::{GpuShape, InstanceType};
use crate::scenario::spec::{InstanceTypeSpec, ScenarioSpec};
use crate::units::{Bytes, Millicores, UsdPerHour};

impl Lowering<'_> {
    /// Comes before all that names an instance type.
    pub(super) fn own_instance_types(&mut self, spec: &ScenarioSpec) {
        let mut own = Vec::new();
        for (name, stated) in &spec.instance_types {
            own.extend(self.own_instance_type(name, stated));
        }
        if !own.is_empty() {
            self.own_types = own.iter().map(|instance| instance.name.clone()).collect();
            self.catalogue = self.catalogue.with(own).into();
        }
    }

    fn own_instance_type(&mut self, name: &str, stated: &InstanceTypeSpec) -> Option<InstanceType> {
        let path = format!("instanceTypes.{name}");
        let known = self.catalogue.get(name).ok().map(|known| (**known).clone());
        let mut instance = match known {
            Some(known) => known,
            None if stated.cpu.is_none() || stated.memory.is_none() => {
                let message = format!("{name} is not in the catalogue, so its cpu and memory are needed");
                self.error(&path, message).hint = Some(format!("{name}: {{cpu: 4, memory: 16Gi, pricePerHour: 0.2}}"));
                return None;
            }
            None => InstanceType {
                cloud: "own".to_owned(),
                name: name.to_owned(),
                vcpus: Millicores::ZERO,
                memory: Bytes::ZERO,
                arch: "amd64".to_owned(),
                gpu: None,
                on_demand: None,
                spot: None,
                reserved_1y: None,
                reserved_3y: None,
                interruptions_per_hour: None,
                local_storage: None,
                network_mbps: None,
                cpu_manufacturer: None,
                hypervisor: None,
            },
        };
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) || name.is_empty() || name.len() > 63 {
            let message = format!("{name:?} is no name: letters, digits, -, _ and . are taken, 63 at most");
            self.error(&path, message);
            return None;
        }
        let mut holds = true;
        let mut set = |field: &str, amount: Option<i64>, least: i64| -> Option<i64> {
            let amount = amount?;
            if amount < least {
                self.error(&format!("{path}.{field}"), "must be above 0");
                holds = false;
            }
            Some(amount)
        };
        if let Some(cpu) = set("cpu", stated.cpu.map(|cpu| cpu.milli_value()), 1) {
            instance.vcpus = Millicores(cpu);
        }
        if let Some(memory) = set("memory", stated.memory.map(|memory| memory.value()), 1) {
            instance.memory = Bytes(memory);
        }
        if let Some(rate) = stated.interruptions_per_hour {
            if !(0.0..=3600.0).contains(&rate) {
                let message = format!("{rate} is not a rate from 0 to 3600 an hour");
                self.error(&format!("{path}.interruptionsPerHour"), message);
                holds = false;
            }
            instance.interruptions_per_hour = Some(rate);
        }
        if let Some(cloud) = &stated.cloud {
            instance.cloud.clone_from(cloud);
        }
        if let Some(arch) = &stated.arch {
            if !["amd64", "arm64"].contains(&arch.as_str()) {
                self.error(&format!("{path}.arch"), format!("{arch} is neither amd64 nor arm64"));
                holds = false;
            }
            instance.arch.clone_from(arch);
        }
        holds &= self.own_gpus(&mut instance, stated, &path);
        let price = |stated: Option<UsdPerHour>, known| stated.or(known);
        instance.on_demand = price(stated.price_per_hour, instance.on_demand);
        instance.spot = price(stated.spot_price, instance.spot);
        holds.then_some(instance)
    }

    fn own_gpus(&mut self, instance: &mut InstanceType, stated: &InstanceTypeSpec, path: &str) -> bool {
        let is_any = stated.gpus.is_some() || stated.gpu_model.is_some() || stated.gpu_memory.is_some();
        if !is_any {
            return true;
        }
        let known = instance.gpu.clone();
        let count = stated.gpus.or(known.as_ref().map(|gpu| gpu.count)).unwrap_or(1);
        if count == 0 {
            instance.gpu = None;
            return true;
        }
        let model = stated.gpu_model.clone().or(known.as_ref().map(|gpu| gpu.model.clone()));
        let Some(model) = model.filter(|model| !model.is_empty() && !model.contains(char::is_whitespace)) else {
            self.error(&format!("{path}.gpuModel"), "GPUs need a model, a word such as H100");
            return false;
        };
        if count > 1024 {
            self.error(&format!("{path}.gpus"), format!("{count} GPUs are more than 1024"));
            return false;
        }
        let memory = stated.gpu_memory.map(|memory| Bytes(memory.value()));
        instance.gpu = Some(GpuShape {
            model,
            count,
            memory: memory.or(known.as_ref().map(|gpu| gpu.memory)).unwrap_or(Bytes::ZERO),
            nvlink_domain: known.and_then(|gpu| gpu.nvlink_domain),
        });
        true
    }
}
