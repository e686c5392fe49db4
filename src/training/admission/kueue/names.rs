//! Numbers for names: resources, flavors, and the pairs of both in which quota is counted.

use std::sync::Arc;

use rustc_hash::FxHashMap;

/// A resource by name, such as `cpu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceIx(pub u32);

/// A ResourceFlavor by name, whether its object exists or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlavorId(pub u32);

/// A resource in a flavor, in which quota is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fr(pub u32);

/// The names that somebody spoke of.
#[derive(Clone, Debug, Default)]
pub struct Names {
    resources: Vec<Arc<str>>,
    flavors: Vec<Arc<str>>,
    pairs: Vec<(FlavorId, ResourceIx)>,
    resource_ids: FxHashMap<Arc<str>, ResourceIx>,
    flavor_ids: FxHashMap<Arc<str>, FlavorId>,
    pair_ids: FxHashMap<(FlavorId, ResourceIx), Fr>,
}

impl Names {
    pub fn resource(&mut self, name: &str) -> ResourceIx {
        if let Some(id) = self.resource_ids.get(name) {
            return *id;
        }
        let id = ResourceIx(self.resources.len() as u32);
        let name: Arc<str> = name.into();
        self.resources.push(Arc::clone(&name));
        self.resource_ids.insert(name, id);
        id
    }

    pub fn flavor(&mut self, name: &str) -> FlavorId {
        if let Some(id) = self.flavor_ids.get(name) {
            return *id;
        }
        let id = FlavorId(self.flavors.len() as u32);
        let name: Arc<str> = name.into();
        self.flavors.push(Arc::clone(&name));
        self.flavor_ids.insert(name, id);
        id
    }

    pub fn pair(&mut self, flavor: FlavorId, resource: ResourceIx) -> Fr {
        if let Some(id) = self.pair_ids.get(&(flavor, resource)) {
            return *id;
        }
        let id = Fr(self.pairs.len() as u32);
        self.pairs.push((flavor, resource));
        self.pair_ids.insert((flavor, resource), id);
        id
    }

    pub fn known_resource(&self, name: &str) -> Option<ResourceIx> {
        self.resource_ids.get(name).copied()
    }

    pub fn known_flavor(&self, name: &str) -> Option<FlavorId> {
        self.flavor_ids.get(name).copied()
    }

    pub fn known_pair(&self, flavor: FlavorId, resource: ResourceIx) -> Option<Fr> {
        self.pair_ids.get(&(flavor, resource)).copied()
    }

    pub fn resource_name(&self, resource: ResourceIx) -> &Arc<str> {
        &self.resources[resource.0 as usize]
    }

    pub fn flavor_name(&self, flavor: FlavorId) -> &Arc<str> {
        &self.flavors[flavor.0 as usize]
    }

    pub fn parts(&self, pair: Fr) -> (FlavorId, ResourceIx) {
        self.pairs[pair.0 as usize]
    }

    pub fn flavors(&self) -> usize {
        self.flavors.len()
    }

    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// Requests are gone through in this order: by the 64-bit FNV-1a hash of the resource's name, as upstream keeps
    /// them (`pkg/resources/slice_requests.go`). It decides which of several failures is met first.
    pub fn order(&self, resource: ResourceIx) -> (u64, &str) {
        let name = self.resource_name(resource);
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        (hash, name)
    }
}
