//! What each NodePool could launch: its requirements, the instance types that meet them, and what DaemonSets take there.
//!
//! Built once a snapshot. Follows `nodeclaimtemplate.go` and `buildDaemonOverheadGroups` in `scheduler.go` under
//! `pkg/controllers/provisioning/scheduling/` (kubernetes-sigs/karpenter 22664681).

use super::Snapshot;
use super::instance_type::{Catalogue, TypeIndex};
use super::node_pool::NodePool;
use super::options::MinValuesPolicy;
use super::requirement::{Operator, Requirement};
use super::requirements::{INITIALIZED, REGISTERED, Requirements};
use super::topology_group::{DomainGroup, first_untolerated};
use crate::cluster::{HostPort, PodSpec, Resources, Specs, TaintEffect};

/// A pool and the claims that it could make.
pub(super) struct Template<'a> {
    pub pool: &'a NodePool,
    /// Position in the snapshot's pools.
    pub pool_index: usize,
    pub requirements: Requirements,
    /// Instance types that meet the requirements and have an available offering, in the catalogue's order.
    pub types: Vec<TypeIndex>,
    overheads: Vec<Overhead>,
    /// By instance type of the catalogue: position in `overheads`.
    overhead_of: Vec<u32>,
}

/// What the DaemonSets that suit some instance types request there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Overhead {
    /// Positions in the snapshot's DaemonSets.
    daemons: Vec<usize>,
    pub requests: Resources,
    pub pods: i64,
    pub ports: Vec<HostPort>,
}

/// All templates, heaviest pool first; among equal weights the later name first, as upstream.
pub(super) struct Templates<'a> {
    pub templates: Vec<Template<'a>>,
    pub catalogue: &'a Catalogue,
    pools: &'a [NodePool],
    /// Pools that could launch nothing, and why.
    pub skipped: Vec<(usize, String)>,
}

impl<'a> Templates<'a> {
    pub fn new(snapshot: &Snapshot<'a>) -> Templates<'a> {
        let catalogue = snapshot.catalogue;
        let mut order: Vec<usize> = (0..snapshot.pools.len()).collect();
        order.sort_by(|a, b| {
            let (a, b) = (&snapshot.pools[*a], &snapshot.pools[*b]);
            (b.weight, &b.name).cmp(&(a.weight, &a.name))
        });
        let mut templates = Templates { templates: Vec::new(), catalogue, pools: snapshot.pools, skipped: Vec::new() };
        for pool_index in order {
            let pool = &snapshot.pools[pool_index];
            if pool.deleting {
                templates.skipped.push((pool_index, "it is being deleted".to_owned()));
                continue;
            }
            let mut requirements = pool.requirements.clone();
            requirements.add(Requirement::value(REGISTERED, "true"));
            requirements.add(Requirement::value(INITIALIZED, "true"));
            let types: Vec<TypeIndex> = (0..catalogue.types.len() as TypeIndex)
                .filter(|index| {
                    let instance_type = catalogue.get(*index);
                    instance_type.requirements().intersects(&requirements).is_ok()
                        && instance_type.available(&requirements).next().is_some()
                })
                .collect();
            if types.is_empty() {
                let why = "the pool's requirements leave no instance type with an available offering";
                templates.skipped.push((pool_index, why.to_owned()));
                continue;
            }
            let misses = catalogue.satisfies_min_values(&types, &requirements).err();
            if let Some(misses) = misses.filter(|_| snapshot.options.min_values_policy == MinValuesPolicy::Strict) {
                let keys: Vec<&str> = misses.iter().map(|(key, _)| &**key).collect();
                templates.skipped.push((pool_index, format!("minValues is not met for {}", keys.join(", "))));
                continue;
            }
            let mut template = Template {
                pool,
                pool_index,
                requirements,
                types,
                overheads: Vec::new(),
                overhead_of: vec![0; catalogue.types.len()],
            };
            template.add_overheads(snapshot);
            templates.templates.push(template);
        }
        templates
    }

    /// Every domain of a topology key in which some pool could have a node.
    pub fn domains_of(&self, key: &str) -> DomainGroup {
        let mut group = DomainGroup::default();
        for pool in self.pools {
            let of_pool = pool.requirements.get(key);
            for instance_type in &self.catalogue.types {
                let values = match (of_pool, instance_type.requirements().get(key)) {
                    (Some(of_pool), Some(of_type)) => of_pool.intersection(of_type),
                    (Some(only), None) | (None, Some(only)) => only.clone(),
                    (None, None) => continue,
                };
                values.values().for_each(|domain| group.insert(domain, &pool.taints));
            }
            if let Some(of_pool) = of_pool.filter(|of_pool| of_pool.operator() == Operator::In) {
                of_pool.values().for_each(|domain| group.insert(domain, &pool.taints));
            }
        }
        group
    }

    /// Whether some pool taints its nodes with `PreferNoSchedule`.
    pub fn prefer_no_schedule(pools: &[NodePool]) -> bool {
        pools.iter().flat_map(|pool| &pool.taints).any(|taint| taint.effect == TaintEffect::PreferNoSchedule)
    }
}

impl Template<'_> {
    pub fn overhead(&self, index: TypeIndex) -> &Overhead {
        &self.overheads[self.overhead_of[index as usize] as usize]
    }

    fn add_overheads(&mut self, snapshot: &Snapshot<'_>) {
        let specs = &snapshot.cluster.specs;
        for at in 0..self.types.len() {
            let index = self.types[at];
            let suits = |spec| self.suits_daemon(specs.pod(spec), index, snapshot.catalogue);
            let daemons: Vec<usize> =
                (0..snapshot.daemon_sets.len()).filter(|daemon| suits(snapshot.daemon_sets[*daemon])).collect();
            let known = self.overheads.iter().position(|overhead| overhead.daemons == daemons);
            let overhead = known.unwrap_or_else(|| {
                let overhead = overhead(daemons, snapshot, specs);
                self.overheads.push(overhead);
                self.overheads.len() - 1
            });
            self.overhead_of[index as usize] = overhead as u32;
        }
    }

    /// A DaemonSet's preferences do not matter, and neither do `PreferNoSchedule` taints.
    fn suits_daemon(&self, pod: &PodSpec, index: TypeIndex, catalogue: &Catalogue) -> bool {
        let hard: Vec<_> =
            self.pool.taints.iter().filter(|taint| taint.effect != TaintEffect::PreferNoSchedule).cloned().collect();
        if first_untolerated(&pod.tolerations, &hard).is_some() {
            return false;
        }
        let mut pod = pod.clone();
        loop {
            let strict = Requirements::strict(&pod);
            if self.requirements.is_compatible(&strict, catalogue.undefined())
                && catalogue.get(index).requirements().intersects(&strict).is_ok()
            {
                return true;
            }
            match &mut pod.affinity.node.required {
                Some(terms) if terms.len() > 1 => terms.remove(0),
                _ => return false,
            };
        }
    }
}

fn overhead(daemons: Vec<usize>, snapshot: &Snapshot<'_>, specs: &Specs) -> Overhead {
    let mut overhead = Overhead { pods: daemons.len() as i64, ..Overhead::default() };
    for daemon in &daemons {
        let pod = specs.pod(snapshot.daemon_sets[*daemon]);
        overhead.requests += &pod.requests;
        overhead.ports.extend(pod.host_ports().cloned());
    }
    overhead.daemons = daemons;
    overhead
}
