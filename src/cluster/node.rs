//! Nodes: what nodes of one kind share ([`NodeShape`]) and what each one's pods make of it ([`NodeState`]).

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Labels, NodeGroupId, NodeShapeId, PodId, PodSpec, PodSpecId, Resources, Taint, label};
use crate::units::{Bytes, Millicores};

/// What nodes of one kind have in common. The hostname label is a node's own and not part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeShape {
    /// Without [`label::HOSTNAME`], which every node answers with its name (or with [`NodeState::hostname`]).
    pub labels: Labels,
    pub annotations: Labels,
    pub taints: Vec<Taint>,
    pub capacity: Resources,
    pub allocatable: Resources,
    /// Pod slots (kubelet's `--max-pods`, default 110).
    pub max_pods: i64,
    /// Devices that [`GpuShare`](super::GpuShare) requests can be placed on; 0 where GPUs are not shared.
    pub shared_gpus: u16,
    pub group: Option<NodeGroupId>,
    /// Value of the first of [`label::ACCELERATORS`] among the labels; derived when the shape is interned.
    pub accelerator: Option<String>,
    /// Images that are on the nodes, by name with tag, sorted (`status.images`; only the ImageLocality score reads it).
    pub images: Vec<(String, Bytes)>,
}

impl NodeShape {
    /// The kubelet's `--max-pods` where nothing states a node's pod slots.
    pub const DEFAULT_MAX_PODS: i64 = 110;

    pub(super) fn derive(&mut self) {
        self.accelerator = label::ACCELERATORS.iter().find_map(|key| self.labels.get(*key)).cloned();
    }
}

/// A pod that holds room on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodOnNode {
    pub pod: PodId,
    pub spec: PodSpecId,
    /// Bit `i`: the pod holds (a share of) device `i`.
    pub gpu_devices: u16,
}

/// One node and what its pods hold of it.
#[derive(Clone, Debug)]
pub struct NodeState {
    pub name: Arc<str>,
    pub shape: NodeShapeId,
    /// The hostname label where it differs from the name.
    pub hostname: Option<Arc<str>>,
    /// A node object without the hostname label, which a kubelet always sets.
    pub lacks_hostname: bool,
    /// Taints beyond the shape's: cordon, autoscalers' marks, `not-ready`.
    pub extra_taints: SmallVec<[Taint; 1]>,
    /// `spec.unschedulable` (cordoned).
    pub unschedulable: bool,
    pub ready: bool,
    /// Its deletion has begun (`metadata.deletionTimestamp`) and something still holds it.
    pub deleting: bool,
    /// Sum of the pods' effective requests.
    pub requested: Resources,
    /// Sum of the pods' requests with the scheduler's defaults.
    pub nonzero_requested: (Millicores, Bytes),
    pub pods: Vec<PodOnNode>,
    /// Thousandths in use of each shared device.
    pub gpu_used: SmallVec<[u16; 8]>,
    /// At least as many as `pods` that are being deleted; zero says that there is none.
    pub terminating_pods: u32,
    /// How many of `pods` have required anti-affinity (so that others need not look).
    pub pods_with_required_anti_affinity: u32,
}

/// Devices are thousandths; a whole one is this many.
pub const WHOLE_GPU: u16 = 1000;

impl NodeState {
    pub fn new(name: Arc<str>, shape_id: NodeShapeId, shape: &NodeShape) -> NodeState {
        NodeState {
            name,
            shape: shape_id,
            hostname: None,
            lacks_hostname: false,
            extra_taints: SmallVec::new(),
            unschedulable: false,
            ready: true,
            deleting: false,
            requested: Resources::default(),
            nonzero_requested: Default::default(),
            pods: Vec::new(),
            gpu_used: SmallVec::from_elem(0, usize::from(shape.shared_gpus)),
            terminating_pods: 0,
            pods_with_required_anti_affinity: 0,
        }
    }

    pub fn hostname(&self) -> &str {
        self.hostname.as_deref().unwrap_or(&self.name)
    }

    /// The devices that a pod of `spec` would take: for a share the fullest device that still holds it, for whole
    /// devices the first unused ones. `None` where they don't suffice.
    pub fn pick_gpu_devices(&self, whole: i64, spec: &PodSpec) -> Option<u16> {
        let share = spec.gpu_share;
        if self.gpu_used.is_empty() {
            return share.is_none().then_some(0);
        }
        let (count, milli) = match share {
            Some(share) => (i64::from(share.count), share.milli),
            None => (whole, WHOLE_GPU),
        };
        if count == 0 {
            return Some(0);
        }
        if milli < WHOLE_GPU && count == 1 {
            let fits = |used: &u16| used + milli <= WHOLE_GPU;
            let (device, _) = self
                .gpu_used
                .iter()
                .enumerate()
                .filter(|(_, used)| fits(used))
                .max_by_key(|(device, used)| (**used, std::cmp::Reverse(*device)))?;
            return Some(1 << device);
        }
        let mut devices = 0u16;
        let mut left = count;
        for (device, used) in self.gpu_used.iter().enumerate() {
            if left > 0 && used + milli <= WHOLE_GPU {
                devices |= 1 << device;
                left -= 1;
            }
        }
        (left == 0).then_some(devices)
    }

    /// Books a pod; the caller has made sure that it fits, or wants it there all the same.
    pub fn add_pod(&mut self, pod: PodId, spec_id: PodSpecId, spec: &PodSpec, whole_gpus: i64) {
        let gpu_devices = self.pick_gpu_devices(whole_gpus, spec).unwrap_or(0);
        self.add_pod_on(pod, spec_id, spec, gpu_devices);
    }

    /// As [`NodeState::add_pod`], on these devices.
    pub fn add_pod_on(&mut self, pod: PodId, spec_id: PodSpecId, spec: &PodSpec, gpu_devices: u16) {
        self.pods.push(PodOnNode { pod, spec: spec_id, gpu_devices });
        self.requested += &spec.requests;
        self.nonzero_requested.0 += spec.nonzero_requests.0;
        self.nonzero_requested.1 += spec.nonzero_requests.1;
        self.book_devices(gpu_devices, spec, |used, milli| *used += milli);
        self.pods_with_required_anti_affinity += u32::from(!spec.affinity.pod_anti.required.is_empty());
    }

    /// Releases a pod; false where the node does not hold it. Keeps the order of the others, as upstream's lists do
    /// not, but ours must: the order of pods on a node can reach a decision.
    pub fn remove_pod(&mut self, pod: PodId, spec: &PodSpec) -> bool {
        let Some(at) = self.pods.iter().position(|held| held.pod == pod) else { return false };
        let held = self.pods.remove(at);
        self.requested -= &spec.requests;
        self.nonzero_requested.0 -= spec.nonzero_requests.0;
        self.nonzero_requested.1 -= spec.nonzero_requests.1;
        self.book_devices(held.gpu_devices, spec, |used, milli| *used -= milli);
        self.pods_with_required_anti_affinity -= u32::from(!spec.affinity.pod_anti.required.is_empty());
        true
    }

    fn book_devices(&mut self, devices: u16, spec: &PodSpec, book: impl Fn(&mut u16, u16)) {
        let milli = spec.gpu_share.map_or(WHOLE_GPU, |share| share.milli);
        for (device, used) in self.gpu_used.iter_mut().enumerate() {
            if devices & (1 << device) != 0 {
                book(used, milli);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::GpuShare;
    use super::*;

    #[test]
    fn a_share_goes_to_the_fullest_device_that_holds_it() {
        let shape = NodeShape { shared_gpus: 3, ..NodeShape::default() };
        let mut node = NodeState::new("n".into(), NodeShapeId(0), &shape);
        node.gpu_used.copy_from_slice(&[0, 600, 700]);
        let share = |milli| PodSpec { gpu_share: Some(GpuShare { count: 1, milli }), ..PodSpec::default() };
        assert_eq!(node.pick_gpu_devices(0, &share(300)), Some(0b100));
        assert_eq!(node.pick_gpu_devices(0, &share(400)), Some(0b010));
        assert_eq!(node.pick_gpu_devices(0, &share(500)), Some(0b001));
        assert_eq!(node.pick_gpu_devices(2, &PodSpec::default()), None);
        assert_eq!(node.pick_gpu_devices(1, &PodSpec::default()), Some(0b001));
    }
}
