//! Karpenter: NodePools of the manifests, and the instance types that they choose among.

use std::sync::Arc;

use super::instance_labels::{absent_labels, labels};
use super::nodes::{DEFAULT_STARTUP, DEFAULT_ZONE, device_startup, of_root_disk, root_disk};
use super::{Lowering, shared};
use crate::autoscaler::cluster_autoscaler::GroupOptions;
use crate::autoscaler::karpenter::node_pool::NodePoolManifest;
use crate::autoscaler::karpenter::requirement::Requirement;
use crate::autoscaler::karpenter::{self, CapacityType, NodePool, Offering};
use crate::cluster::{Labels, NodeGroupId, NodeShape, Resources, label};
use crate::cost::{self, InstanceType};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::objects::{Object, Objects};
use crate::scenario::spec::{NodePoolsSpec, ScenarioSpec};
use crate::scenario::{CloudLimits, Karpenter, NodeGroup};
use crate::units::{Quantity, UsdPerHour};

/// Devices on one node that can be shared.
const MOST_SHARED_GPUS: u32 = 16;

/// An instance type on offer: its catalogue entry, Karpenter's form, labels of its nodes.
struct Offered {
    instance: Arc<InstanceType>,
    offered: karpenter::InstanceType,
    labels: Labels,
}

/// A node that Karpenter could launch, for judging what pods fit.
pub(super) struct Launchable {
    pub name: String,
    pub shape: NodeShape,
}

impl Lowering<'_> {
    pub(super) fn node_pools(&mut self, spec: &ScenarioSpec, objects: &Objects) {
        if objects.node_pools.is_empty() {
            for (field, is_stated) in [
                ("nodePools", spec.node_pools.is_some()),
                ("autoscaling.karpenter", spec.autoscaling.karpenter.is_some()),
            ] {
                if is_stated && self.objects_are_complete {
                    self.error(field, "the manifests hold no NodePool, so Karpenter has nothing to do").hint =
                        Some("add a karpenter.sh/v1 NodePool to the manifests".to_owned());
                }
            }
            return;
        }
        let offers = spec.node_pools.clone().unwrap_or_default();
        if !self.check_offers(&offers) {
            return;
        }
        let Some(types) = self.instance_types(&offers) else { return };
        let catalogue = karpenter::Catalogue::new(types.iter().map(|of| of.offered.clone()).collect());
        let (mut node_pools, mut groups) = (Vec::new(), Vec::new());
        for object in &objects.node_pools {
            let Some(pool) = self.node_pool(object) else { continue };
            let suiting: Vec<_> =
                types.iter().filter(|of| pool.requirements.intersects(of.offered.requirements()).is_ok()).collect();
            if suiting.is_empty() {
                let message =
                    format!("NodePool {} matches none of the {} instance types on offer", pool.name, types.len());
                let place = object.at("spec.template.spec.requirements");
                let diagnostic = match without_price(&pool, &types) {
                    Some((message, hint)) => Diagnostic::error(place, message).hint(hint),
                    None => Diagnostic::error(place, message)
                        .hint("loosen its requirements, or list instance types under `nodePools:`"),
                };
                self.push(diagnostic);
                continue;
            }
            if let Some((message, hint)) = never_as_spot(&pool, &suiting) {
                let place = object.at("spec.template.spec.requirements");
                self.push(Diagnostic::warning(place, message).hint(hint));
            }
            for key in unknown_labels(&pool, &types) {
                let message = format!("NodePool {} asks for {key}, which is known of no instance type", pool.name);
                let warning = Diagnostic::warning(object.at("spec.template.spec.requirements"), message);
                self.push(warning.hint("it is not looked at; name the types, or list them under `nodePools:`"));
            }
            for of in suiting {
                self.launchable.extend(launchable(&pool, &of.offered, &of.labels));
            }
            let id = NodeGroupId::new(self.scenario.node_groups.len());
            self.add_group(pool_group(id, &pool, &offers, &types), object.at("metadata.name"));
            node_pools.push(pool);
            groups.push(id);
        }
        let options = spec.autoscaling.karpenter.clone().unwrap_or_default();
        let stock_outs = self.offering_stock_outs(&offers, &catalogue);
        let launch_errors = self.launch_errors(&offers);
        self.scenario.karpenter = Some(Karpenter { options, node_pools, groups, catalogue, stock_outs, launch_errors });
    }

    fn check_offers(&mut self, offers: &NodePoolsSpec) -> bool {
        let before = self.diagnostics.len();
        if !(0.0..=1.0).contains(&offers.launch_failure_probability) {
            let message = format!("{} is not a chance from 0 to 1", offers.launch_failure_probability);
            self.error("nodePools.launchFailureProbability", message);
        }
        let rates = [
            ("interruptionsPerHour", offers.interruptions_per_hour.unwrap_or(0.0)),
            ("failuresPerHour", offers.failures_per_hour),
        ];
        for (field, rate) in rates {
            if !(0.0..=3600.0).contains(&rate) {
                self.error(&format!("nodePools.{field}"), format!("{rate} is not a rate from 0 to 3600 an hour"));
            }
        }
        for name in offers.prices.keys() {
            if let Err(error) = self.catalogue.clone().get(name) {
                self.error(&format!("nodePools.prices.{name}"), error.to_string());
            }
        }
        self.diagnostics.len() == before
    }

    /// The types on offer: catalogue entry, Karpenter's form, labels of their nodes.
    fn instance_types(&mut self, offers: &NodePoolsSpec) -> Option<Vec<Offered>> {
        let catalogue = self.catalogue.clone();
        let mut chosen = Vec::new();
        for (index, name) in offers.instance_types.iter().enumerate() {
            match catalogue.get(name) {
                Ok(_) if offers.instance_types[..index].contains(name) => {
                    self.error(&format!("nodePools.instanceTypes[{index}]"), format!("{name} is listed twice"));
                    return None;
                }
                Ok(instance) => chosen.push(instance.clone()),
                Err(error) => {
                    self.error(&format!("nodePools.instanceTypes[{index}]"), error.to_string());
                    return None;
                }
            }
        }
        if offers.instance_types.is_empty() {
            let is_own = |of: &InstanceType| self.own_types.contains(&of.name);
            let is_priced = |of: &InstanceType| {
                let stated = offers.prices.get(&of.name);
                let is_stated = stated.is_some_and(|prices| prices.on_demand.or(prices.spot).is_some());
                is_stated || of.on_demand.or(of.spot).is_some()
            };
            let all = catalogue.types().iter().filter(|of| (of.cloud == "aws" || is_own(of)) && is_priced(of));
            chosen = all.cloned().collect();
        }
        if let Some(discount) = offers.spot_discount.filter(|discount| !(*discount > 0.0 && *discount < 1.0)) {
            let message = format!("{discount} is not a fraction above 0 and below 1");
            self.error("nodePools.spotDiscount", message);
            return None;
        }
        Some(chosen.iter().map(|instance| self.instance_type(instance, offers)).collect())
    }

    fn instance_type(&mut self, instance: &Arc<InstanceType>, offers: &NodePoolsSpec) -> Offered {
        let mut capacity = Resources::new(instance.vcpus, instance.memory);
        capacity.ephemeral_storage = root_disk(Some(instance));
        if let Some(gpu) = &instance.gpu {
            let count = Quantity::from_value(i64::from(gpu.count));
            self.scenario.specs.resources.set(&mut capacity, gpu.resource(), count);
        }
        let kept = offers.reserved.allocatable(instance.vcpus, instance.memory);
        let mut allocatable = capacity.clone();
        (allocatable.cpu, allocatable.memory) = (kept.cpu, kept.memory);
        allocatable.ephemeral_storage = of_root_disk(capacity.ephemeral_storage);
        let stated = offers.prices.get(&instance.name).copied().unwrap_or_default();
        let on_demand = stated.on_demand.or(instance.on_demand);
        let default_zone = [DEFAULT_ZONE.to_owned()];
        let zones = if offers.zones.is_empty() { &default_zone[..] } else { &offers.zones };
        let mut offerings = Vec::new();
        for zone in zones {
            if let Some(on_demand) = on_demand {
                offerings.push(Offering::new(zone, CapacityType::OnDemand, on_demand));
            }
            if let Some(spot) = stated.spot.or(instance.spot).or_else(|| discounted(on_demand?, offers.spot_discount?))
            {
                offerings.push(Offering::new(zone, CapacityType::Spot, spot));
            }
        }
        let labels = labels(instance);
        let absent = absent_labels(instance, &labels);
        let slots = i64::from(kept.pods);
        let mut offered =
            karpenter::InstanceType::new(&instance.name, capacity, allocatable, slots, &labels, offerings);
        for key in absent {
            offered = offered.with_requirement(Requirement::does_not_exist(key));
        }
        if offers.shared_gpus {
            offered.shared_gpus = instance.gpus().min(MOST_SHARED_GPUS) as u16;
        }
        Offered { instance: Arc::clone(instance), offered, labels }
    }

    fn node_pool(&mut self, object: &Object<NodePoolManifest>) -> Option<NodePool> {
        match NodePool::from_manifest(&object.value) {
            Ok(pool) => Some(pool),
            Err(errors) => {
                for error in errors {
                    let message = format!("{}: {}", error.path, error.problem);
                    self.diagnostics.push(Diagnostic::error(object.at(&error.path), message));
                }
                None
            }
        }
    }
}

/// The group under which a pool's nodes are reported; Karpenter alone sizes it.
fn pool_group(id: NodeGroupId, pool: &NodePool, offers: &NodePoolsSpec, types: &[Offered]) -> NodeGroup {
    let published = types.iter().filter(|_| offers.interruptions_per_hour.is_none());
    let published = published.filter_map(|of| Some((shared(&of.instance.name), of.instance.interruptions_per_hour?)));
    NodeGroup {
        id,
        name: shared(&pool.name),
        instance_type: None,
        shapes: Vec::new(),
        min_size: 0,
        max_size: u32::MAX,
        initial_size: 0,
        price: UsdPerHour::ZERO,
        capacity_type: cost::CapacityType::OnDemand,
        priority: None,
        autoscaling: GroupOptions::default(),
        is_node_pool: true,
        provisioning: offers.provisioning,
        startup: offers.startup.unwrap_or(DEFAULT_STARTUP),
        device_startup: device_startup(offers.startup, offers.device_startup, 40),
        deprovisioning: offers.deprovisioning,
        limits: CloudLimits { failure_probability: offers.launch_failure_probability, ..CloudLimits::default() },
        interruptions_per_hour: offers.interruptions_per_hour.unwrap_or(0.06),
        interruptions_by_type: published.collect(),
        interruption_notice: offers.interruption_notice,
        interruption_handling: offers.interruption_handling,
        failures_per_hour: offers.failures_per_hour,
        failure_detection: offers.failure_detection,
    }
}

/// Some of these names, and how many more.
fn some_of(names: &[&str]) -> String {
    let shown = names[..names.len().min(3)].join(", ");
    if names.len() > 3 { format!("{shown} and {} more", names.len() - 3) } else { shown }
}

/// Where only a price is missing: which, and what to do.
fn without_price(pool: &NodePool, types: &[Offered]) -> Option<(String, String)> {
    let mut others = pool.requirements.clone();
    others.remove(label::CAPACITY_TYPE);
    let wanted = |name: &str| pool.requirements.allows(label::CAPACITY_TYPE, name);
    let bought = match (wanted("spot"), wanted("on-demand")) {
        (true, false) => "spot",
        (false, true) => "on-demand",
        _ => return None,
    };
    let is_suiting = |of: &&Offered| others.intersects(of.offered.requirements()).is_ok();
    let names: Vec<&str> = types.iter().filter(is_suiting).map(|of| of.instance.name.as_str()).collect();
    let first = names.first()?;
    let (field, message) = (if bought == "spot" { "spot" } else { "onDemand" }, some_of(&names));
    let message =
        format!("no {bought} price is known for {message}: give one, for NodePool {} buys nothing else", pool.name);
    Some((message, format!("nodePools: {{prices: {{{first}: {{{field}: 0.05}}}}}}, in US dollars an hour")))
}

/// A pool that may buy spot, of types none of which has a spot price.
fn never_as_spot(pool: &NodePool, suiting: &[&Offered]) -> Option<(String, String)> {
    if !pool.requirements.has(label::CAPACITY_TYPE) || !pool.requirements.allows(label::CAPACITY_TYPE, "spot") {
        return None;
    }
    let is_spot = |of: &&&Offered| of.offered.offerings.iter().any(|one| one.capacity_type == CapacityType::Spot);
    let without: Vec<&str> = suiting.iter().filter(|of| !is_spot(of)).map(|of| of.instance.name.as_str()).collect();
    let first = without.first()?;
    let message = format!(
        "no spot price is known for {} of the {} instance types that NodePool {} allows: it buys {} on demand alone",
        without.len(),
        suiting.len(),
        pool.name,
        some_of(&without)
    );
    let hint = format!(
        "give prices: nodePools: {{prices: {{{first}: {{spot: 0.05}}}}}}, in US dollars an hour, or what spot saves: nodePools: \
         {{spotDiscount: 0.6}}"
    );
    Some((message, hint))
}

/// What is left of a price, to the millionth of it. `None` where the discount is no fraction.
fn discounted(price: UsdPerHour, discount: f64) -> Option<UsdPerHour> {
    let saved = if discount > 0.0 && discount < 1.0 { (discount * 1e6).round() as i64 } else { return None };
    let left = i128::from(price.nanos()) * i128::from(1_000_000 - saved) / 1_000_000;
    i64::try_from(left).ok().map(UsdPerHour::from_nanos)
}

/// Labels of AWS that the pool asks for and nothing is known of.
fn unknown_labels<'p>(pool: &'p NodePool, types: &[Offered]) -> Vec<&'p str> {
    let of_aws = |key: &&str| key.starts_with("karpenter.k8s.aws/") || key.starts_with("topology.k8s.aws/");
    let is_known = |key: &str| types.iter().any(|of| of.offered.requirements().has(key));
    pool.requirements.iter().map(|requirement| &*requirement.key).filter(of_aws).filter(|key| !is_known(key)).collect()
}

/// A node for each way to buy the type that suits the pool.
fn launchable(pool: &NodePool, offered: &karpenter::InstanceType, labels: &Labels) -> Vec<Launchable> {
    let suiting = offered.offerings.iter().filter(|offering| offering.suits(&pool.requirements));
    let nodes = suiting.map(|offering| {
        let mut labels = labels.clone();
        labels.extend(pool.labels.clone());
        labels.insert(label::INSTANCE_TYPE.to_owned(), offered.name.to_string());
        labels.insert(label::ZONE.to_owned(), offering.zone.to_string());
        labels.insert(label::CAPACITY_TYPE.to_owned(), offering.capacity_type.name().to_owned());
        let shape = NodeShape {
            labels,
            taints: pool.taints.clone(),
            capacity: offered.capacity.clone(),
            allocatable: offered.allocatable.clone(),
            max_pods: offered.max_pods,
            shared_gpus: offered.shared_gpus,
            ..NodeShape::default()
        };
        Launchable { name: format!("NodePool {} with {}", pool.name, offered.name), shape }
    });
    nodes.collect()
}
