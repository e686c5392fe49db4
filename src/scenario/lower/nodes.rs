//! Fixed nodes and node groups: shapes, sizes and prices.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::limits::MOST_NODES;
use super::{Lowering, instant, shared};
use crate::cluster::{
    Labels, NodeGroupId, NodeShape, NodeShapeId, ReservedOptions, Resources, Taint, TaintEffect, label, resource,
};
use crate::cost::{CapacityType, InstanceType};
use crate::scenario::spec::{NodeGroupSpec, NodeSpec, ScenarioSpec, TaintEffectSpec, TaintSpec};
use crate::scenario::{CloudLimits, FixedNode, NodeGroup, StockOut};
use crate::units::distribution::Uniform;
use crate::units::{Bytes, Distribution, Quantity, SimDuration, UsdPerHour};

/// The zone of nodes that state none.
pub(super) const DEFAULT_ZONE: &str = "zone-a";
/// Devices on one node that can be shared; the store keeps them as bits.
const MOST_SHARED_GPUS: i64 = 16;

/// What fixed nodes and groups have in common.
struct Machine<'a> {
    /// Path below `spec`.
    path: String,
    instance_type: Option<&'a str>,
    capacity: &'a BTreeMap<String, Quantity>,
    allocatable: &'a BTreeMap<String, Quantity>,
    reserved: Option<&'a ReservedOptions>,
    gpu_model: Option<&'a str>,
    shared_gpus: bool,
    labels: &'a BTreeMap<String, String>,
    taints: &'a [TaintSpec],
}

/// A machine resolved: its shape without zone and group, and its catalogue entry.
struct Resolved {
    shape: NodeShape,
    instance: Option<Arc<InstanceType>>,
}

impl Lowering<'_> {
    pub(super) fn fixed_nodes(&mut self, spec: &ScenarioSpec) {
        for (index, node) in spec.nodes.iter().enumerate() {
            let path = format!("nodes[{index}]");
            if let Some(shape) = self.fixed_node(node, &path) {
                self.add_fixed(node, shape, &path);
            }
        }
    }

    fn fixed_node(&mut self, node: &NodeSpec, path: &str) -> Option<(NodeShapeId, UsdPerHour)> {
        if node.count == 0 {
            let message = format!("0 nodes are not from 1 to {MOST_NODES}");
            self.error(&format!("{path}.count"), message);
            return None;
        }
        let machine = Machine {
            path: path.to_owned(),
            instance_type: node.instance_type.as_deref(),
            capacity: &node.capacity,
            allocatable: &node.allocatable,
            reserved: node.reserved.as_ref(),
            gpu_model: node.gpu_model.as_deref(),
            shared_gpus: node.shared_gpus,
            labels: &node.labels,
            taints: &node.taints,
        };
        let Resolved { mut shape, instance } = self.resolve(&machine)?;
        put_label(&mut shape.labels, label::ZONE, node.zone.as_deref().unwrap_or(DEFAULT_ZONE));
        label::add_deprecated(&mut shape.labels);
        let price = match (node.price_per_hour, &instance) {
            (Some(price), _) => price,
            (None, None) => UsdPerHour::ZERO,
            (None, Some(of)) => match of.on_demand {
                Some(price) => price,
                None => {
                    let message = format!("no on-demand price is known for {}: give one", of.name);
                    self.error(&format!("{path}.instanceType"), message).hint =
                        Some("add `pricePerHour:` in US dollars an hour".to_owned());
                    return None;
                }
            },
        };
        Some((self.scenario.specs.intern_shape(shape), price))
    }

    fn add_fixed(&mut self, node: &NodeSpec, (shape, price): (NodeShapeId, UsdPerHour), path: &str) {
        let place = self.at(&format!("{path}.name"));
        let instance_type = node.instance_type.as_deref().map(shared);
        for index in 0..node.count {
            let name = if node.count == 1 { node.name.clone() } else { format!("{}-{index}", node.name) };
            let instance_type = instance_type.clone();
            self.add_node(FixedNode { name: shared(&name), shape, instance_type, price }, place);
        }
    }

    pub(super) fn node_groups(&mut self, spec: &ScenarioSpec) {
        for (index, group) in spec.node_groups.iter().enumerate() {
            let path = format!("nodeGroups[{index}]");
            if let Some(group) = self.node_group(group, &path) {
                let place = self.at(&format!("{path}.name"));
                self.add_group(group, place);
            }
        }
    }

    fn node_group(&mut self, group: &NodeGroupSpec, path: &str) -> Option<NodeGroup> {
        let id = NodeGroupId::new(self.scenario.node_groups.len());
        let sizes_hold = self.check_sizes(group, path);
        let chances_hold = self.check_chances(group, path);
        let machine = Machine {
            path: path.to_owned(),
            instance_type: group.instance_type.as_deref(),
            capacity: &group.capacity,
            allocatable: &group.allocatable,
            reserved: group.reserved.as_ref(),
            gpu_model: group.gpu_model.as_deref(),
            shared_gpus: group.shared_gpus,
            labels: &group.labels,
            taints: &group.taints,
        };
        let Resolved { mut shape, instance } = self.resolve(&machine)?;
        let price = self.group_price(group, instance.as_deref(), path);
        self.reservation(id, group, price.unwrap_or_default(), instance.as_deref(), path);
        let stock_outs = self.stock_outs(group, path);
        if !sizes_hold || !chances_hold {
            return None;
        }
        shape.group = Some(id);
        put_label(&mut shape.labels, label::NODE_GROUP, &group.name);
        put_label(&mut shape.labels, label::CAPACITY_TYPE, group.capacity_type.name());
        let default_zone = [DEFAULT_ZONE.to_owned()];
        let zones = if group.zones.is_empty() { &default_zone[..] } else { &group.zones };
        let shapes = zones.iter().map(|zone| {
            let mut shape = shape.clone();
            put_label(&mut shape.labels, label::ZONE, zone);
            label::add_deprecated(&mut shape.labels);
            self.scenario.specs.intern_shape(shape)
        });
        let shapes = shapes.collect();
        let is_spot = group.capacity_type == CapacityType::Spot;
        let published = instance.as_ref().and_then(|instance| instance.interruptions_per_hour);
        Some(NodeGroup {
            id,
            name: shared(&group.name),
            instance_type: group.instance_type.as_deref().map(shared),
            shapes,
            min_size: group.min_size,
            max_size: group.max_size,
            initial_size: group.initial_size.unwrap_or(group.min_size),
            price: price?,
            capacity_type: group.capacity_type,
            priority: group.priority,
            autoscaling: group.autoscaling.clone(),
            is_node_pool: false,
            provisioning: group.provisioning,
            startup: group.startup.unwrap_or(DEFAULT_STARTUP),
            device_startup: device_startup(group.startup, group.device_startup, 300),
            deprovisioning: group.deprovisioning,
            limits: CloudLimits {
                quota: group.quota,
                stock_outs,
                failure_probability: group.launch_failure_probability,
            },
            interruptions_per_hour: group.interruptions_per_hour.unwrap_or(if is_spot {
                published.unwrap_or(0.06)
            } else {
                0.0
            }),
            interruptions_by_type: BTreeMap::new(),
            interruption_notice: group.interruption_notice,
            interruption_handling: group.interruption_handling,
            failures_per_hour: group.failures_per_hour,
            failure_detection: Some(group.failure_detection),
        })
    }

    fn check_sizes(&mut self, group: &NodeGroupSpec, path: &str) -> bool {
        let (min, max) = (group.min_size, group.max_size);
        if min > max {
            let message = format!("minSize {min} is above maxSize {max}");
            self.error(&format!("{path}.minSize"), message).hint = Some("lower minSize or raise maxSize".to_owned());
            return false;
        }
        if let Some(initial) = group.initial_size
            && !(min..=max).contains(&initial)
        {
            let message = format!("initialSize {initial} is not between minSize {min} and maxSize {max}");
            self.error(&format!("{path}.initialSize"), message);
            return false;
        }
        if let Some(at) = group.zones.iter().enumerate().position(|(at, zone)| group.zones[..at].contains(zone)) {
            self.error(&format!("{path}.zones[{at}]"), format!("zone {} is listed twice", group.zones[at]));
            return false;
        }
        true
    }

    fn check_chances(&mut self, group: &NodeGroupSpec, path: &str) -> bool {
        let mut holds = true;
        if !(0.0..=1.0).contains(&group.launch_failure_probability) {
            let message = format!("{} is not a chance from 0 to 1", group.launch_failure_probability);
            self.error(&format!("{path}.launchFailureProbability"), message);
            holds = false;
        }
        let rates = [
            ("interruptionsPerHour", group.interruptions_per_hour.unwrap_or(0.0)),
            ("failuresPerHour", group.failures_per_hour),
        ];
        for (field, rate) in rates {
            if !(0.0..=3600.0).contains(&rate) {
                let message = format!("{rate} is not a rate from 0 to 3600 an hour");
                self.error(&format!("{path}.{field}"), message);
                holds = false;
            }
        }
        if group.interruptions_per_hour.is_some_and(|rate| rate > 0.0) && group.capacity_type != CapacityType::Spot {
            let message = "only spot nodes are interrupted";
            self.error(&format!("{path}.interruptionsPerHour"), message).hint =
                Some("set capacityType: spot".to_owned());
            holds = false;
        }
        holds
    }

    fn group_price(
        &mut self,
        group: &NodeGroupSpec,
        instance: Option<&InstanceType>,
        path: &str,
    ) -> Option<UsdPerHour> {
        let (field, stated) = match group.capacity_type {
            CapacityType::Spot => ("spotPrice", group.spot_price),
            CapacityType::OnDemand | CapacityType::Reserved => ("pricePerHour", group.price_per_hour),
        };
        if let Some(price) = stated.or_else(|| instance.and_then(|instance| instance.price(group.capacity_type))) {
            return Some(price);
        }
        let what = match group.instance_type.as_deref() {
            Some(name) => {
                let bought = match group.capacity_type {
                    CapacityType::Spot => "spot",
                    CapacityType::OnDemand | CapacityType::Reserved => "on-demand",
                };
                format!("no {bought} price is known for {name}: give one")
            }
            None => "a group without an instance type has no list price".to_owned(),
        };
        self.error(path, what).hint = Some(format!("add `{field}:` in US dollars an hour"));
        None
    }

    fn stock_outs(&mut self, group: &NodeGroupSpec, path: &str) -> Vec<StockOut> {
        let mut spans = Vec::new();
        for (index, span) in group.stock_outs.iter().enumerate() {
            if span.to <= span.from {
                let message = format!("the stock-out ends ({}) before it begins ({})", span.to, span.from);
                self.error(&format!("{path}.stockOuts[{index}].to"), message);
                continue;
            }
            self.happens(&format!("{path}.stockOuts[{index}].from"), span.from);
            if span.interrupts && group.capacity_type != CapacityType::Spot {
                let message = "only spot nodes are taken back";
                self.error(&format!("{path}.stockOuts[{index}].interrupts"), message).hint =
                    Some("capacityType: spot".to_owned());
            }
            let (from, to) = (instant(span.from), instant(span.to));
            spans.push(StockOut { from, to, available: span.available, interrupts: span.interrupts });
        }
        spans.sort_unstable();
        if let Some(overlap) = spans.windows(2).find(|pair| pair[1].from < pair[0].to) {
            let message = format!("two stock-outs overlap at {}", overlap[1].from);
            self.error(&format!("{path}.stockOuts"), message);
        }
        spans
    }

    /// Capacity, allocatable, labels and taints; mistakes are told and give `None`.
    fn resolve(&mut self, machine: &Machine<'_>) -> Option<Resolved> {
        let path = &machine.path;
        let catalogue = self.catalogue.clone();
        let instance = match machine.instance_type.map(|name| catalogue.get(name)).transpose() {
            Ok(instance) => instance.cloned(),
            Err(error) => {
                self.error(&format!("{path}.instanceType"), error.to_string()).hint =
                    Some("or leave instanceType out and state capacity and pricePerHour".to_owned());
                return None;
            }
        };
        let names = &mut self.scenario.specs.resources;
        let mut capacity = Resources::default();
        let mut gpu_model = machine.gpu_model;
        if let Some(instance) = &instance {
            (capacity.cpu, capacity.memory) = (instance.vcpus, instance.memory);
            if let Some(gpu) = &instance.gpu {
                names.set(&mut capacity, gpu.resource(), Quantity::from_value(i64::from(gpu.count)));
                gpu_model = gpu_model.or(gpu.is_nvidia().then_some(&gpu.model));
            }
        }
        let mut max_pods = None;
        for (name, amount) in machine.capacity {
            match name.as_str() {
                resource::PODS => max_pods = Some(amount.value()),
                _ => names.set(&mut capacity, name, *amount),
            }
        }
        if !machine.capacity.contains_key(resource::EPHEMERAL_STORAGE) {
            capacity.ephemeral_storage = root_disk(instance.as_deref());
        }
        if capacity.cpu.get() == 0 || capacity.memory.get() == 0 {
            self.error(&format!("{path}.capacity"), "a node needs CPU and memory").hint =
                Some("add instanceType, or capacity: {cpu: 4, memory: 16Gi}".to_owned());
            return None;
        }
        let none = ReservedOptions { max_pods: None, ..ReservedOptions::none() };
        let default = ReservedOptions::default();
        let mut reserved = machine.reserved.unwrap_or(if instance.is_some() { &default } else { &none }).clone();
        if let Some(pods) = max_pods {
            reserved.max_pods = Some(u32::try_from(pods).unwrap_or(u32::MAX));
        }
        let pods_can_have = reserved.allocatable(capacity.cpu, capacity.memory);
        let mut allocatable = capacity.clone();
        (allocatable.cpu, allocatable.memory) = (pods_can_have.cpu, pods_can_have.memory);
        if reserved != none {
            allocatable.ephemeral_storage = of_root_disk(capacity.ephemeral_storage);
        }
        let mut slots = i64::from(pods_can_have.pods);
        for (name, amount) in machine.allocatable {
            match name.as_str() {
                resource::PODS => slots = amount.value(),
                _ => self.scenario.specs.resources.set(&mut allocatable, name, *amount),
            }
        }
        if let Some(over) = capacity.shortfalls(&allocatable).next() {
            let message = format!("allocatable is above the capacity ({over:?})");
            self.error(&format!("{path}.allocatable"), message);
            return None;
        }
        let gpus = self.scenario.specs.nvidia_gpu().map_or(0, |gpu| allocatable.extended(gpu));
        if machine.shared_gpus && !(1..=MOST_SHARED_GPUS).contains(&gpus) {
            let message = format!("{gpus} GPUs can't be shared: a node with shared GPUs has 1 to {MOST_SHARED_GPUS}");
            self.error(&format!("{path}.sharedGpus"), message);
            return None;
        }
        let mut labels: Labels = machine.labels.clone();
        put_label(&mut labels, label::OS, "linux");
        put_label(&mut labels, label::ARCH, instance.as_ref().map_or("amd64", |instance| &instance.arch));
        if let Some(name) = machine.instance_type {
            put_label(&mut labels, label::INSTANCE_TYPE, name);
        }
        if let Some(model) = gpu_model {
            put_label(&mut labels, label::GPU_PRODUCT, model);
        }
        let shape = NodeShape {
            labels,
            annotations: Labels::new(),
            taints: machine.taints.iter().map(taint).collect(),
            capacity,
            allocatable,
            max_pods: slots,
            shared_gpus: if machine.shared_gpus { gpus as u16 } else { 0 },
            group: None,
            accelerator: None,
            images: Vec::new(),
        };
        Some(Resolved { shape, instance })
    }
}

/// The disk that a machine boots from, where nobody states its size: managed node groups' and Karpenter's 20Gi on AWS,
/// GKE's 100 GB, AKS's 128Gi.
pub(super) fn root_disk(instance: Option<&InstanceType>) -> Bytes {
    match instance.map(|instance| instance.cloud.as_str()) {
        Some("gcp") => Bytes(100_000_000_000),
        Some("azure") => Bytes(128 << 30),
        _ => Bytes(20 << 30),
    }
}

/// What pods can have of it: less the kubelet's `nodefs.available` of 10 % and the gibibyte that EKS keeps back.
pub(super) fn of_root_disk(disk: Bytes) -> Bytes {
    Bytes((disk.get() - disk.get() / 10 - (1 << 30)).max(0))
}

/// What a user wrote wins.
fn put_label(labels: &mut Labels, key: &str, value: &str) {
    labels.entry(key.to_owned()).or_insert_with(|| value.to_owned());
}

fn taint(spec: &TaintSpec) -> Taint {
    let effect = match spec.effect {
        TaintEffectSpec::NoSchedule => TaintEffect::NoSchedule,
        TaintEffectSpec::PreferNoSchedule => TaintEffect::PreferNoSchedule,
        TaintEffectSpec::NoExecute => TaintEffect::NoExecute,
    };
    Taint { key: spec.key.clone(), value: spec.value.clone(), effect }
}

/// From registration to Ready (a guess).
pub(super) const DEFAULT_STARTUP: Distribution = Distribution::constant(SimDuration::from_secs(5));

/// Uniform from 20 s to `most` unless it is stated; a stated startup alone is all that there is.
pub(super) fn device_startup(startup: Option<Distribution>, stated: Option<Distribution>, most: i64) -> Distribution {
    let (min, max) = (SimDuration::from_secs(20), SimDuration::from_secs(most));
    match (stated, startup) {
        (Some(stated), _) => stated,
        (None, Some(_)) => Distribution::constant(SimDuration::ZERO),
        (None, None) => Distribution::Uniform(Uniform { min, max }),
    }
}
