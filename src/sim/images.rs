//! Image pulls: an image is on a node when its pull has ended, and whoever needs it meanwhile waits for that same pull.
//!
//! A kubelet starts a pod's containers one after the other, init containers first, and asks for an image when its turn
//! has come (`pkg/kubelet/kuberuntime/kuberuntime_manager.go`). Pulls of a node are served in the order in which they
//! were asked for, one at a time by default (`pkg/kubelet/images/puller.go`, 1.33); where there are more, they share the
//! node's rate. A pull that has begun goes on though its pod is gone; one that has not is dropped.

use std::sync::Arc;

use super::event::Event;
use super::state::images::{NANOS, Pull};
use super::world::World;
use crate::cluster::{ClusterView, NodeId, PodId, PodPhase, PodSpec, image_with_tag};
use crate::scenario::KubeletOptions;

impl World<'_> {
    /// The pod's next image that is not there is asked for; with the last one its containers start.
    pub(super) fn pull_or_start(&mut self, pod: PodId, node: NodeId) {
        if let Some(image) = self.next_missing_image(pod, node) {
            self.pods[pod.index()].awaited_image = Some(image);
            let instance = self.instance_of[node.index()];
            self.instances[instance as usize].images.ask(image);
            return self.go_on_pulling(instance);
        }
        let start = self.draw(&self.scenario.kubelet.container_start, "container-start", pod);
        let generation = self.pods[pod.index()].generation;
        self.events.push(self.now + start, Event::PodStarts { pod, generation });
    }

    fn next_missing_image(&mut self, pod: PodId, node: NodeId) -> Option<u32> {
        let kubelet = &self.scenario.kubelet;
        if kubelet.image_sizes.is_empty() || kubelet.image_pull_rate.get() <= 0 {
            return None;
        }
        let spec = self.cluster.pod(pod).spec;
        if self.image_lists.len() <= spec.index() {
            self.image_lists.resize(spec.index() + 1, None);
        }
        let list = self.image_lists[spec.index()]
            .get_or_insert_with(|| image_list(self.cluster.specs.pod(spec), kubelet))
            .clone();
        let there = self.pods[pod.index()].images_there as usize;
        let images = &self.instance_of_node(node).images;
        let missing = list[there..].iter().position(|image| !images.has(*image));
        self.pods[pod.index()].images_there = (there + missing.unwrap_or(list.len() - there)) as u32;
        missing.map(|index| list[there + index])
    }

    /// Begins what may begin, and plans the next end.
    fn go_on_pulling(&mut self, instance: u32) {
        let rate = self.scenario.kubelet.image_pull_rate.get();
        let at_once = self.scenario.kubelet.parallel_pulls.max(1) as usize;
        let mut ended = self.instances[instance as usize].images.advance(self.now, rate);
        while self.instances[instance as usize].images.pulling.len() < at_once {
            let Some(image) = self.instances[instance as usize].images.waiting.pop_front() else { break };
            if self.pods_awaiting(instance, image).is_empty() {
                continue;
            }
            let size = self.scenario.kubelet.image_sizes[image as usize].1.get();
            let images = &mut self.instances[instance as usize].images;
            if size <= 0 {
                images.present.push(image);
                ended.push(image);
            } else {
                images.pulling.push(Pull { image, left: i128::from(size) * NANOS });
            }
        }
        let images = &mut self.instances[instance as usize].images;
        images.generation += 1;
        let generation = images.generation;
        if let Some(end) = images.next_end(rate) {
            self.events.push(end, Event::ImagePulled { instance, generation });
        }
        for image in ended {
            for pod in self.pods_awaiting(instance, image) {
                let Some(node) = self.cluster.pod(pod).node else { continue };
                self.pods[pod.index()].awaited_image = None;
                self.pull_or_start(pod, node);
            }
        }
    }

    pub(super) fn image_pulled(&mut self, instance: u32, generation: u32) {
        let record = &self.instances[instance as usize];
        let is_there = record.node.is_some_and(|node| self.cluster.node(node).is_some());
        if is_there && record.stopped.is_none() && record.images.generation == generation {
            self.go_on_pulling(instance);
        }
    }

    /// Pods of the machine whose next container waits for the image, in the order of their binding.
    fn pods_awaiting(&self, instance: u32, image: u32) -> Vec<PodId> {
        let node = self.instances[instance as usize].node.and_then(|node| self.cluster.node(node));
        let waits = |pod: &PodId| {
            let info = self.cluster.pod(*pod);
            self.pods[pod.index()].awaited_image == Some(image)
                && info.phase == PodPhase::Pending
                && info.deletion.is_none()
        };
        node.map_or_else(Vec::new, |node| node.pods.iter().map(|held| held.pod).filter(waits).collect())
    }
}

/// The images of known size that a pod needs, in the order in which its containers start.
fn image_list(spec: &PodSpec, kubelet: &KubeletOptions) -> Arc<[u32]> {
    let containers = spec.init_containers.iter().map(|init| &init.container).chain(&spec.containers);
    let index = |image: String| kubelet.image_sizes.iter().position(|(name, _)| **name == *image);
    containers.filter_map(|container| index(image_with_tag(&container.image))).map(|index| index as u32).collect()
}
