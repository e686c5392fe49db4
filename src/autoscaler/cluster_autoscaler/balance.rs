//! Groups that are alike, and how one increase is shared among them (`processors/nodegroupset`).

use super::Options;
use super::template::Template;
use crate::cluster::{Labels, NodeShape, Resources, Specs, label};
use crate::units::{Bytes, Millicores};

/// Tolerances of the comparison.
#[derive(Clone, Copy, Debug)]
pub struct DifferenceRatios {
    pub memory_capacity: f64,
    pub allocatable: f64,
    pub free: f64,
}

/// Labels that may differ between alike groups, whatever the cloud.
const IGNORED_LABELS: [&str; 10] = [
    label::HOSTNAME,
    label::ZONE,
    label::REGION,
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "beta.kubernetes.io/fluentd-ds-ready",
    "kops.k8s.io/instancegroup",
    label::NODE_GROUP,
    "topology.ebs.csi.aws.com/zone",
    "topology.gke.io/zone",
];

/// How groups are compared.
pub struct Comparator<'a> {
    pub ratios: DifferenceRatios,
    pub ignored_labels: &'a [String],
    /// Where not empty, these labels alone are compared.
    pub labels: &'a [String],
}

impl<'a> Comparator<'a> {
    pub fn new(options: &'a Options) -> Comparator<'a> {
        Comparator {
            ratios: DifferenceRatios {
                memory_capacity: options.memory_difference_ratio,
                allocatable: options.max_allocatable_difference_ratio,
                free: options.max_free_difference_ratio,
            },
            ignored_labels: &options.balancing_ignore_label,
            labels: &options.balancing_label,
        }
    }

    /// Would nodes of the two templates pass for one group's?
    pub fn are_similar(&self, specs: &Specs, a: &Template, b: &Template) -> bool {
        let (first, second) = (specs.shape(a.shape), specs.shape(b.shape));
        if !self.labels.is_empty() {
            // A label that neither has makes them unlike, too.
            let is_shared =
                |key: &String| first.labels.get(key).is_some_and(|value| second.labels.get(key) == Some(value));
            return self.labels.iter().all(is_shared);
        }
        self.have_equal_capacity(first, second)
            && self.are_close(&first.allocatable, &second.allocatable, self.ratios.allocatable)
            && within(first.max_pods, second.max_pods, self.ratios.allocatable)
            && self.are_free_alike(specs, a, b)
            && self.have_equal_labels(&first.labels, &second.labels)
    }

    /// Everything but memory must be the same.
    fn have_equal_capacity(&self, a: &NodeShape, b: &NodeShape) -> bool {
        a.capacity.cpu == b.capacity.cpu
            && a.capacity.ephemeral_storage == b.capacity.ephemeral_storage
            && a.max_pods == b.max_pods
            && within(milli(a.capacity.memory), milli(b.capacity.memory), self.ratios.memory_capacity)
            && a.shared_gpus == b.shared_gpus
            && a.capacity.iter_extended().eq(b.capacity.iter_extended())
    }

    fn are_close(&self, a: &Resources, b: &Resources, ratio: f64) -> bool {
        within(a.cpu.get(), b.cpu.get(), ratio)
            && within(milli(a.memory), milli(b.memory), ratio)
            && within(milli(a.ephemeral_storage), milli(b.ephemeral_storage), ratio)
            && a.iter_extended().map(|(id, _)| id).eq(b.iter_extended().map(|(id, _)| id))
            && a.iter_extended().zip(b.iter_extended()).all(|((_, a), (_, b))| within(a * 1000, b * 1000, ratio))
    }

    fn are_free_alike(&self, specs: &Specs, a: &Template, b: &Template) -> bool {
        let (used_a, used_b) = (requested(specs, a), requested(specs, b));
        let (first, second) = (&specs.shape(a.shape).allocatable, &specs.shape(b.shape).allocatable);
        let basics = |of: &Resources, used: &Resources| {
            let free = of.minus(used);
            (free.cpu, free.memory, free.ephemeral_storage)
        };
        let (free_a, free_b) = (basics(first, &used_a), basics(second, &used_b));
        let ratio = self.ratios.free;
        let is_close = |a: (Millicores, Bytes, Bytes), b: (Millicores, Bytes, Bytes)| {
            within(a.0.get(), b.0.get(), ratio)
                && within(milli(a.1), milli(b.1), ratio)
                && within(milli(a.2), milli(b.2), ratio)
        };
        // Extended resources enter only where pods of the templates ask for them, and then for both.
        let asked = |used: &Resources| used.iter_extended().map(|(id, _)| id).collect::<Vec<_>>();
        is_close(free_a, free_b)
            && asked(&used_a) == asked(&used_b)
            && used_a.iter_extended().zip(used_b.iter_extended()).all(|((id, a), (_, b))| {
                within((first.extended(id) - a) * 1000, (second.extended(id) - b) * 1000, ratio)
            })
    }

    fn have_equal_labels(&self, a: &Labels, b: &Labels) -> bool {
        let counts = |(key, _): &(&String, &String)| {
            !IGNORED_LABELS.contains(&key.as_str()) && !self.ignored_labels.contains(key)
        };
        a.iter().filter(counts).eq(b.iter().filter(counts))
    }
}

fn milli(bytes: Bytes) -> i64 {
    bytes.get().saturating_mul(1000)
}

fn requested(specs: &Specs, template: &Template) -> Resources {
    let mut sum = Resources::default();
    for (_, spec) in &template.pods {
        sum += &specs.pod(*spec).requests;
    }
    sum
}

/// `larger - smaller <= larger * ratio`, in upstream's floating point.
fn within(a: i64, b: i64, ratio: f64) -> bool {
    let (larger, smaller) = ((a as f64).max(b as f64), (a as f64).min(b as f64));
    larger - smaller <= larger * ratio
}

/// A group that takes part in the sharing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The caller's number of the group.
    pub group: usize,
    pub size: i64,
    pub new_size: i64,
    pub max: i64,
}

/// Gives one node at a time to the smallest group with room. Groups that stay as they are do not come back.
///
/// Upstream's steps, so that ties fall alike: sort by size (chosen group first), walk over the groups of equal size,
/// and swap full ones out of the way.
pub fn distribute(groups: &[Share], new_nodes: i64) -> Vec<Share> {
    let mut shares: Vec<Share> = groups.iter().copied().filter(|group| group.size != group.max).collect();
    let room = |group: &Share| group.max.saturating_sub(group.size).max(0);
    let room = shares.iter().map(room).fold(0, i64::saturating_add);
    let mut left = new_nodes.min(room);
    shares.sort_by_key(|group| group.size);
    let (mut start, mut current) = (0, 0);
    while left > 0 {
        let at = current;
        if shares[at].new_size < shares[at].max {
            shares[at].new_size += 1;
            left -= 1;
        } else {
            shares.swap(start, at);
            start += 1;
        }
        // After a swap upstream still looks at the slot where the full group was.
        if current + 1 < shares.len() && shares[at].new_size > shares[current + 1].new_size {
            current += 1;
        } else {
            current = start;
        }
    }
    shares.retain(|group| group.new_size != group.size);
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(group: usize, size: i64, max: i64) -> Share {
        Share { group, size, new_size: size, max }
    }

    #[test]
    fn the_smallest_group_grows_first_and_full_ones_step_aside() {
        let sizes = |shares: Vec<Share>| {
            let mut sizes: Vec<(usize, i64)> = shares.iter().map(|s| (s.group, s.new_size)).collect();
            sizes.sort_unstable();
            sizes
        };
        let groups = [share(0, 1, 10), share(1, 3, 10), share(2, 5, 10), share(3, 5, 10)];
        assert_eq!(sizes(distribute(&groups, 4)), [(0, 4), (1, 4)]);
        assert_eq!(sizes(distribute(&groups, 10)), [(0, 6), (1, 6), (2, 6), (3, 6)]);
        assert_eq!(sizes(distribute(&[share(0, 1, 1), share(1, 1, 3)], 900)), [(1, 3)]);
        assert_eq!(sizes(distribute(&[share(0, 1, 2), share(1, 1, 3), share(2, 4, 9)], 5)), [(0, 2), (1, 3), (2, 6)]);
    }
}
