//! The interned specs of a cluster: pods' templates, nodes' shapes and resource names.

use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::relations::Relations;
use super::{NodeShape, NodeShapeId, PodSpec, PodSpecId, ResourceId, ResourceNames, resource};

/// Grows only; ids stay valid for as long as the cluster lives.
#[derive(Clone, Debug, Default)]
pub struct Specs {
    pub resources: ResourceNames,
    pods: Vec<Arc<PodSpec>>,
    pod_ids: FxHashMap<Arc<PodSpec>, PodSpecId>,
    shapes: Vec<Arc<NodeShape>>,
    shape_ids: FxHashMap<Arc<NodeShape>, NodeShapeId>,
    relations: Arc<Relations>,
    any_required_anti_affinity: bool,
    any_images: bool,
}

impl Specs {
    /// Derives the effective requests and gives equal specs the same id.
    pub fn intern_pod(&mut self, mut spec: PodSpec) -> PodSpecId {
        spec.derive();
        self.any_required_anti_affinity |= !spec.affinity.pod_anti.required.is_empty();
        let known = self.pods.len();
        let id = intern(spec, &mut self.pods, &mut self.pod_ids, PodSpecId::new);
        if self.pods.len() > known {
            let pods = &self.pods;
            Arc::make_mut(&mut self.relations).add(id, |other| &pods[other.index()]);
        }
        id
    }

    pub fn intern_shape(&mut self, mut shape: NodeShape) -> NodeShapeId {
        shape.derive();
        self.any_images |= !shape.images.is_empty();
        intern(shape, &mut self.shapes, &mut self.shape_ids, NodeShapeId::new)
    }

    pub fn pod(&self, id: PodSpecId) -> &PodSpec {
        &self.pods[id.index()]
    }

    pub fn shape(&self, id: NodeShapeId) -> &NodeShape {
        &self.shapes[id.index()]
    }

    /// In the order of their ids.
    pub fn pods(&self) -> impl Iterator<Item = &PodSpec> {
        self.pods.iter().map(|spec| &**spec)
    }

    /// In the order of their ids.
    pub fn shapes(&self) -> impl Iterator<Item = &NodeShape> {
        self.shapes.iter().map(|shape| &**shape)
    }

    pub fn pod_count(&self) -> usize {
        self.pods.len()
    }

    /// Specs that a spread constraint or affinity term of this one selects, or of which one selects it, or that share
    /// its controller; ascending.
    pub fn related(&self, id: PodSpecId) -> &[PodSpecId] {
        self.relations.of(id)
    }

    /// Whether this spec or a related one states affinity or anti-affinity to pods, required or preferred.
    pub fn touched_by_affinity(&self, id: PodSpecId) -> bool {
        self.relations.has_affinity(id)
    }

    /// Grows each time that a spec without relations gets one through another that comes later.
    pub(super) fn late_relations(&self) -> u32 {
        self.relations.late()
    }

    /// Whether any spec has required anti-affinity to pods, so that nobody looks for it in vain.
    pub fn any_required_anti_affinity(&self) -> bool {
        self.any_required_anti_affinity
    }

    /// Whether any shape names the images on its nodes.
    pub fn any_images(&self) -> bool {
        self.any_images
    }

    /// The id of `nvidia.com/gpu`, where any object mentions it.
    pub fn nvidia_gpu(&self) -> Option<ResourceId> {
        self.resources.get(resource::NVIDIA_GPU)
    }

    /// Whole GPUs (`nvidia.com/gpu`) that pods of this spec request.
    pub fn whole_gpus(&self, spec: &PodSpec) -> i64 {
        self.nvidia_gpu().map_or(0, |id| spec.requests.extended(id))
    }
}

fn intern<T: Eq + Hash, Id: Copy>(
    value: T,
    arena: &mut Vec<Arc<T>>,
    ids: &mut FxHashMap<Arc<T>, Id>,
    id: impl Fn(usize) -> Id,
) -> Id {
    if let Some(known) = ids.get(&value) {
        return *known;
    }
    let value = Arc::new(value);
    let new = id(arena.len());
    arena.push(Arc::clone(&value));
    ids.insert(value, new);
    new
}
