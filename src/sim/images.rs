//! Image pulls: an image is on a node when its pull has ended, and whoever needs it meanwhile waits for that same pull.
//!
//! A kubelet starts a pod's containers one after the other, init containers first, and asks for an image when its turn
//! has come (`pkg/kubelet/kuberuntime/kuberuntime_manager.go`). Pulls of a node are served in the order in which they
//! were asked for, one at a time by default (`pkg/kubelet/images/puller.go`, 1.33); where there are more, they share the
//! node's rate. A pull that has begun goes on though its pod is gone; one that has not is dropped.

use std::collections::VecDeque;
use std::sync::Arc;

use super::event::Event;
use super::world::World;
use crate::cluster::{ClusterView, NodeId, PodId, PodPhase, PodSpec, image_with_tag};
use crate::scenario::KubeletOptions;
use crate::units::{Bytes, SimDuration, SimTime};

/// Images of one machine, by index in [`KubeletOptions::image_sizes`].
#[derive(Clone, Debug, Default)]
pub(super) struct NodeImages {
    present: Vec<u32>,
    pulling: Vec<Pull>,
    /// Asked for and not begun, first come first served.
    waiting: VecDeque<u32>,
    /// Up to here `pulling` has come as far as it says.
    at: SimTime,
    /// Voids the end that was planned for an older state.
    generation: u32,
}

/// A pull on its way.
#[derive(Clone, Copy, Debug)]
struct Pull {
    image: u32,
    /// What is left, in bytes × nanoseconds a second.
    left: i128,
}

const NANOS: i128 = 1_000_000_000;

impl NodeImages {
    /// Images that the machine's node object says it has.
    pub fn known(names: &[(String, Bytes)], kubelet: &KubeletOptions) -> NodeImages {
        let has = |image: &str| names.binary_search_by(|(name, _)| name.as_str().cmp(image)).is_ok();
        let sizes = kubelet.image_sizes.iter().enumerate();
        let present = sizes.filter(|(_, (name, _))| has(name)).map(|(index, _)| index as u32).collect();
        NodeImages { present, ..NodeImages::default() }
    }

    fn has(&self, image: u32) -> bool {
        self.present.contains(&image)
    }

    /// Asks for an image; a second asking changes nothing.
    fn ask(&mut self, image: u32) {
        if !self.waiting.contains(&image) && !self.pulling.iter().any(|pull| pull.image == image) {
            self.waiting.push_back(image);
        }
    }

    /// Takes note of how far the pulls have come by `now`; those that ended are returned.
    fn advance(&mut self, now: SimTime, rate: i64) -> Vec<u32> {
        let span = i128::from((now - self.at).nanos());
        self.at = now;
        let share = i128::from(rate) * span / (self.pulling.len().max(1) as i128);
        let mut ended = Vec::new();
        self.pulling.retain_mut(|pull| {
            pull.left -= share;
            if pull.left <= 0 {
                ended.push(pull.image);
            }
            pull.left > 0
        });
        self.present.extend(&ended);
        ended
    }

    /// When the next pull ends at the earliest.
    fn next_end(&self, rate: i64) -> Option<SimTime> {
        let shortest = self.pulling.iter().map(|pull| pull.left).min()?;
        let rate = i128::from(rate);
        let span = (shortest * self.pulling.len() as i128 + rate - 1) / rate;
        Some(self.at + SimDuration::from_nanos(i64::try_from(span).unwrap_or(i64::MAX / 4)))
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulls_at_the_same_time_share_the_rate() {
        let mut images = NodeImages::default();
        for (image, bytes) in [(0, 100), (1, 300)] {
            images.pulling.push(Pull { image, left: bytes * NANOS });
        }
        // 10 bytes a second: 5 for each until 20 s, then 10 for the other's last 200.
        assert_eq!(images.next_end(10), Some(SimTime::from_secs(20)));
        assert_eq!(images.advance(SimTime::from_secs(20), 10), [0]);
        assert_eq!(images.next_end(10), Some(SimTime::from_secs(40)));
        assert_eq!(images.advance(SimTime::from_secs(40), 10), [1]);
        assert_eq!((images.present, images.pulling.len()), (vec![0, 1], 0));
    }

    #[test]
    fn an_image_is_asked_for_once() {
        let mut images = NodeImages::default();
        images.ask(3);
        images.ask(3);
        images.pulling.push(Pull { image: 4, left: 1 });
        images.ask(4);
        assert_eq!(images.waiting, [3]);
    }
}
