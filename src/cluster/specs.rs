//! The interned specs of a cluster: pods' templates, nodes' shapes and resource names.

use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{NodeShape, NodeShapeId, PodSpec, PodSpecId, ResourceId, ResourceNames, resource};

/// Grows only; ids stay valid for as long as the cluster lives.
#[derive(Clone, Debug, Default)]
pub struct Specs {
    pub resources: ResourceNames,
    pods: Vec<Arc<PodSpec>>,
    pod_ids: FxHashMap<Arc<PodSpec>, PodSpecId>,
    shapes: Vec<Arc<NodeShape>>,
    shape_ids: FxHashMap<Arc<NodeShape>, NodeShapeId>,
    any_required_anti_affinity: bool,
    any_pod_affinity: bool,
    any_images: bool,
}

impl Specs {
    /// Derives the effective requests and gives equal specs the same id.
    pub fn intern_pod(&mut self, mut spec: PodSpec) -> PodSpecId {
        spec.derive();
        self.any_required_anti_affinity |= !spec.affinity.pod_anti.required.is_empty();
        self.any_pod_affinity |= spec.has_pod_affinity();
        intern(spec, &mut self.pods, &mut self.pod_ids, PodSpecId::new)
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

    /// Whether any spec has required anti-affinity to pods, so that nobody looks for it in vain.
    pub fn any_required_anti_affinity(&self) -> bool {
        self.any_required_anti_affinity
    }

    /// Whether any spec has affinity or anti-affinity to pods, required or preferred.
    pub fn any_pod_affinity(&self) -> bool {
        self.any_pod_affinity
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
