//! How many new nodes some pods need: first-fit decreasing, on copies of a group's template (`estimator/`).

use super::equivalence::PodGroup;
use super::placement::{Cycles, schedule_on, schedule_on_first};
use super::template::Template;
use crate::cluster::{ClusterView, Fork, NodeId, NodeShape, PodId, PodSpec, PodSpecId, Specs, label};
use crate::scheduler::filter::{Reason, Rejection};

use std::sync::Arc;

/// What one estimate finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Nodes that got a pod.
    pub node_count: i64,
    pub pods: Vec<PodId>,
}

/// The smallest positive limit; a negative one forbids nodes, zero says nothing.
pub fn least_limit(limits: impl IntoIterator<Item = i64>) -> i64 {
    limits.into_iter().fold(0, |least, limit| {
        if least < 0 || limit < 0 {
            -1
        } else if limit > 0 && (least == 0 || least > limit) {
            limit
        } else {
            least
        }
    })
}

/// One estimate. The fork comes back as it was.
pub struct Estimator<'f, 'c, 't> {
    fork: &'f mut Fork<'c>,
    cycles: Cycles<'c>,
    template: &'t Template,
    /// From [`least_limit`].
    max_nodes: i64,
    name: &'t mut dyn FnMut(usize) -> Arc<str>,
    opened: i64,
    new_nodes: Vec<NodeId>,
    has_pods: Vec<bool>,
    /// Nodes beside the new ones that took a pod of a spread constraint; upstream counts them too.
    others_with_pods: Vec<NodeId>,
    /// Nodes counted by the fast path without being made.
    imagined: i64,
    cursor: usize,
    scheduled: Vec<PodId>,
}

impl<'f, 'c, 't> Estimator<'f, 'c, 't> {
    /// `name` gives new nodes names that no other node has.
    pub fn new(
        fork: &'f mut Fork<'c>,
        template: &'t Template,
        max_nodes: i64,
        name: &'t mut dyn FnMut(usize) -> Arc<str>,
    ) -> Estimator<'f, 'c, 't> {
        let mut cycles = Cycles::new(fork);
        template.pods.iter().for_each(|(_, spec)| cycles.note(&fork.base().specs, *spec));
        Estimator {
            fork,
            cycles,
            template,
            max_nodes,
            name,
            opened: 0,
            new_nodes: Vec::new(),
            has_pods: Vec::new(),
            others_with_pods: Vec::new(),
            imagined: 0,
            cursor: 0,
            scheduled: Vec::new(),
        }
    }

    /// Packs the groups, large pods first.
    pub fn estimate(mut self, groups: &[&PodGroup], fastpath: bool) -> Estimate {
        let specs: &'c Specs = self.fork.base().specs();
        let shape = specs.shape(self.template.shape);
        let mut order: Vec<&PodGroup> = groups.to_vec();
        let score = |group: &PodGroup| pod_score(specs.pod(group.spec), shape);
        order.sort_by(|a, b| score(b).total_cmp(&score(a)));
        let fastpath = fastpath && move_fastpath_group_last(specs, shape, &mut order);

        let start = self.fork.checkpoint();
        let mut new_nodes_available = true;
        let last = order.len().saturating_sub(1);
        for (index, group) in order.into_iter().enumerate() {
            let rest = self.on_opened_nodes(group);
            if new_nodes_available {
                let pods = &group.pods[rest..];
                new_nodes_available = if fastpath && index == last {
                    self.by_arithmetic(group.spec, pods)
                } else {
                    self.on_new_nodes(group.spec, pods)
                };
            }
        }
        self.fork.revert(start);
        let with_pods = self.has_pods.iter().filter(|has| **has).count() + self.others_with_pods.len();
        Estimate { node_count: with_pods as i64 + self.imagined, pods: self.scheduled }
    }

    /// First fit on the nodes opened so far, up to the first pod that fits none; returns how many were placed.
    fn on_opened_nodes(&mut self, group: &PodGroup) -> usize {
        let count = self.new_nodes.len();
        if count == 0 {
            return 0;
        }
        for (placed, pod) in group.pods.iter().enumerate() {
            let circle = (0..count).map(|step| self.new_nodes[(self.cursor + step) % count]);
            let found = schedule_on_first(self.fork, &mut self.cycles, *pod, group.spec, circle);
            let Some(node) = found else { return placed };
            // New nodes are the last of the fork, in the order in which they were opened.
            let index = node.index() - self.new_nodes[0].index();
            self.cursor = index + 1;
            self.track(*pod, index);
        }
        group.pods.len()
    }

    /// Fills the last node and opens others; false once no further node may be opened.
    fn on_new_nodes(&mut self, spec: PodSpecId, pods: &[PodId]) -> bool {
        for pod in pods {
            let mut found = false;
            if let Some(last) = self.new_nodes.len().checked_sub(1) {
                match schedule_on(self.fork, &mut self.cycles, *pod, spec, self.new_nodes[last]) {
                    Ok(()) => {
                        self.track(*pod, last);
                        found = true;
                    }
                    Err(rejection) => found = self.spread_elsewhere(*pod, spec, last, &rejection),
                }
            }
            if found {
                continue;
            }
            if self.has_pods.last() == Some(&false) {
                // The last node is empty and does not take the pod; neither would another.
                return true;
            }
            if !self.may_open() {
                return false;
            }
            let node = self.open();
            if schedule_on(self.fork, &mut self.cycles, *pod, spec, self.new_nodes[node]).is_err() {
                // Rarely, as with a zone's spread constraint, not even a new node helps.
                break;
            }
            self.track(*pod, node);
        }
        true
    }

    /// Upstream's way out for spread over hosts: a pod that skew keeps off the last node may go to any other node of
    /// the snapshot, an existing one too, and that node is then counted.
    fn spread_elsewhere(&mut self, pod: PodId, spec: PodSpecId, last: usize, rejection: &Rejection) -> bool {
        let pod_spec = self.fork.base().specs.pod(spec);
        let over_hosts =
            pod_spec.topology_spread_constraints.iter().any(|constraint| constraint.topology_key == label::HOSTNAME);
        if !over_hosts || !is_skew(rejection) {
            return false;
        }
        let last = self.new_nodes[last];
        let slots = self.fork.node_slots();
        let others = (0..slots).map(NodeId::new).filter(|id| *id != last);
        let found = schedule_on_first(self.fork, &mut self.cycles, pod, spec, others);
        let Some(node) = found else { return false };
        match self.new_nodes.iter().position(|new| *new == node) {
            Some(index) => self.track(pod, index),
            None => {
                if !self.others_with_pods.contains(&node) {
                    self.others_with_pods.push(node);
                }
                self.scheduled.push(pod);
            }
        }
        true
    }

    /// The fast path: fill one node, then multiply.
    fn by_arithmetic(&mut self, spec: PodSpecId, pods: &[PodId]) -> bool {
        if pods.is_empty() {
            return true;
        }
        if !self.may_open() {
            return false;
        }
        let node = self.open();
        let mut on_one = 0;
        while on_one < pods.len()
            && schedule_on(self.fork, &mut self.cycles, pods[on_one], spec, self.new_nodes[node]).is_ok()
        {
            self.track(pods[on_one], node);
            on_one += 1;
        }
        if on_one == 0 {
            return true;
        }
        for chunk in pods[on_one..].chunks(on_one) {
            if !self.may_open() {
                return false;
            }
            self.imagined += 1;
            self.scheduled.extend(chunk);
        }
        true
    }

    /// Asking takes one node off the limit, so it comes right before the node is opened.
    fn may_open(&mut self) -> bool {
        if self.max_nodes < 0 || (self.max_nodes > 0 && self.opened >= self.max_nodes) {
            return false;
        }
        self.opened += 1;
        true
    }

    fn open(&mut self) -> usize {
        let name = (self.name)(self.new_nodes.len());
        let node = self.template.add_to(self.fork, name);
        self.new_nodes.push(node);
        self.has_pods.push(false);
        self.new_nodes.len() - 1
    }

    fn track(&mut self, pod: PodId, node: usize) {
        self.has_pods[node] = true;
        self.scheduled.push(pod);
    }
}

/// The skew of a spread constraint spoke, not a missing topology label.
fn is_skew(rejection: &Rejection) -> bool {
    rejection.reason == Reason::SpreadSkew
}

/// How large a pod is for this node: CPU and memory fractions added. GPUs do not enter.
fn pod_score(pod: &PodSpec, shape: &NodeShape) -> f64 {
    let part = |request: i64, of: i64| if of > 0 { request as f64 / of as f64 } else { 0.0 };
    part(pod.requests.cpu.get(), shape.allocatable.cpu.get())
        + part(pod.requests.memory.get(), shape.allocatable.memory.get())
}

/// Puts the group that the fast path saves most on at the end; false where none is fit for it.
fn move_fastpath_group_last(specs: &Specs, shape: &NodeShape, order: &mut Vec<&PodGroup>) -> bool {
    let mut best = None;
    let mut most_saved = 0;
    for (index, group) in order.iter().enumerate() {
        let pod = specs.pod(group.spec);
        let saved = simulations_saved(pod, group.pods.len(), shape);
        if saved >= most_saved && is_fit_for_fastpath(pod) {
            best = Some(index);
            most_saved = saved;
        }
    }
    let Some(index) = best else { return false };
    let group = order.remove(index);
    order.push(group);
    true
}

fn simulations_saved(pod: &PodSpec, count: usize, shape: &NodeShape) -> usize {
    let keeps_apart = pod.affinity.pod_anti.required.iter().any(|term| {
        term.topology_key == label::HOSTNAME && term.selector.as_ref().is_some_and(|s| s.matches(&pod.labels))
    });
    let first = pod.containers.first().map(|container| &container.requests);
    let nodes_by = |request: Option<i64>, capacity: i64| {
        let request = request.unwrap_or(0) as f64;
        (count as f64 * request / capacity as f64).ceil() as usize
    };
    let nodes = (if keeps_apart { count } else { 0 })
        .max(nodes_by(first.map(|r| r.cpu.get()), shape.capacity.cpu.get()))
        .max(nodes_by(first.map(|r| r.memory.get()), shape.capacity.memory.get()));
    count.checked_div(nodes).map_or(0, |on_one| count - on_one)
}

fn is_fit_for_fastpath(pod: &PodSpec) -> bool {
    let apart_beyond_hosts = pod.affinity.pod_anti.required.iter().any(|term| term.topology_key != label::HOSTNAME);
    pod.topology_spread_constraints.is_empty() && !apart_beyond_hosts
}
