//! Where the pods of a pod set go in a topology: the level at which they fit, and the fewest or fullest domains below.
//!
//! Kueue (0.20): `findTopologyAssignment` of `pkg/cache/scheduler/tas_flavor_snapshot.go`. Not modelled: leaders that
//! share a group with workers, the replacement of failed nodes, preferred node affinity, balanced placement.

use std::cmp::Ordering;

use super::super::names::ResourceIx;
use super::super::workload::PodSet;
use super::domains::Domains;
use super::{TopologyAssignment, Want};

/// How many pods and whole slices a domain has room for, and later how many it gets.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    pods: i32,
    slices: i32,
}

struct Search<'d> {
    domains: &'d Domains,
    counts: Vec<Counts>,
    count: i32,
    /// Pods of a slice, and the level of its domain.
    size: i32,
    slice_level: usize,
    /// By level: the size of the slices within slices.
    inner: Vec<Option<i32>>,
    required: bool,
    unconstrained: bool,
    /// The domains with the least room come first.
    least_free: bool,
}

/// Gives all pods of a pod set their domains and takes their room, or says why that can't be. Without a request they go
/// anywhere, as in a ClusterQueue with topology flavors only. `mixed` is the gate `TASProfileMixed`.
pub fn place(domains: &mut Domains, set: &PodSet, pods: ResourceIx, mixed: bool) -> Result<TopologyAssignment, String> {
    let chosen = search(domains, set, pods, mixed)?;
    let last = domains.levels.len() - 1;
    let from = if domains.lowest_is_node() { last } else { 0 };
    let mut assignment = TopologyAssignment { levels: domains.levels[from..].to_vec(), domains: Vec::new() };
    for (domain, count) in chosen {
        domains.take(domain, set, pods, count);
        assignment.domains.push((domains.all[domain].values[from..].to_vec(), count));
    }
    Ok(assignment)
}

fn search(domains: &Domains, set: &PodSet, pods: ResourceIx, mixed: bool) -> Result<Vec<(usize, i32)>, String> {
    let Some(last) = domains.levels.len().checked_sub(1) else { return Err("the topology has no levels".into()) };
    let request = set.topology.clone().unwrap_or_default();
    let find = |name: &str| domains.level(name).ok_or_else(|| format!("the topology has no level {name}"));
    let (level, required, unconstrained) = match &request.want {
        Want::Required(name) => (find(name)?, true, false),
        Want::Preferred(name) => (find(name)?, false, false),
        Want::Nothing | Want::Unconstrained if !request.slices.is_empty() => (0, false, true),
        Want::Nothing | Want::Unconstrained => (last, false, true),
    };
    let (slice_level, size) = match request.slices.first() {
        Some((name, size)) if *size > 0 => (find(name)?, *size),
        Some(_) => return Err("slices need a size".into()),
        None => (last, 1),
    };
    if level > slice_level {
        return Err(format!("slices of level {} are wider than the pod set's level", domains.levels[slice_level]));
    }
    let mut inner = vec![None; last + 1];
    let (mut above, mut above_size) = (slice_level, size);
    for (name, size) in request.slices.iter().skip(1) {
        let at = find(name)?;
        if at <= above {
            return Err(format!("the inner slice level {name} must be lower than {}", domains.levels[above]));
        }
        if *size <= 0 || above_size % size != 0 {
            return Err(format!("an inner slice of {size} does not divide one of {above_size}"));
        }
        inner[above + 1..=at].fill(Some(*size));
        (above, above_size) = (at, *size);
    }
    let mut search = Search {
        domains,
        counts: vec![Counts::default(); domains.all.len()],
        count: set.count,
        size,
        slice_level,
        inner,
        required,
        unconstrained,
        least_free: unconstrained && mixed,
    };
    for root in &domains.by_level[0] {
        search.count_room(*root, 0, set, pods);
    }
    let (at, fitting) = search.level_that_fits(level)?;
    let leaves = search.go_down(at, fitting).ok_or("the room changed while it was divided")?;
    let mut chosen: Vec<(usize, i32)> =
        leaves.into_iter().map(|leaf| (leaf, search.counts[leaf].pods)).filter(|(_, count)| *count > 0).collect();
    chosen.sort_by(|a, b| domains.all[a.0].values.cmp(&domains.all[b.0].values));
    Ok(chosen)
}

impl Search<'_> {
    fn count_room(&mut self, domain: usize, level: usize, set: &PodSet, pods: ResourceIx) {
        let children = &self.domains.all[domain].children;
        let mut counts = Counts::default();
        if children.is_empty() {
            counts.pods = self.domains.room(domain, set, pods);
        }
        for child in children {
            self.count_room(*child, level + 1, set, pods);
            let of_child = self.counts[*child];
            // A child gives whole inner slices only.
            let whole = self.inner[level + 1].map_or(of_child.pods, |size| of_child.pods / size * size);
            counts.pods = counts.pods.saturating_add(whole);
            counts.slices = counts.slices.saturating_add(of_child.slices);
        }
        if level == self.slice_level {
            counts.slices = counts.pods / self.size;
        }
        self.counts[domain] = counts;
    }

    /// Best fit: the most slices first; least free: the fewest. Then fewer pods, then the values in order.
    fn sorted(&self, domains: &[usize]) -> Vec<usize> {
        let mut sorted = domains.to_vec();
        sorted.sort_by(|a, b| {
            let (x, y) = (self.counts[*a], self.counts[*b]);
            let by_slices = x.slices.cmp(&y.slices);
            let by_slices: Ordering = if self.least_free { by_slices } else { by_slices.reverse() };
            by_slices
                .then(x.pods.cmp(&y.pods))
                .then_with(|| self.domains.all[*a].values.cmp(&self.domains.all[*b].values))
        });
        sorted
    }

    /// The first of the domains with the least room that still holds `needed`; the first of all where none does.
    fn best_fit(&self, domains: &[usize], needed: i32, room: impl Fn(Counts) -> i32) -> usize {
        let holding = domains.iter().copied().filter(|domain| room(self.counts[*domain]) >= needed);
        holding.min_by_key(|domain| room(self.counts[*domain])).unwrap_or(domains[0])
    }

    /// The level, from `level` up, whose domains hold all slices, and those domains.
    fn level_that_fits(&self, level: usize) -> Result<(usize, Vec<usize>), String> {
        let slices = |counts: Counts| counts.slices;
        let sorted = self.sorted(&self.domains.by_level[level]);
        let Some(first) = sorted.first().copied() else {
            return Err(format!("no node has the level {}", self.domains.levels[level]));
        };
        let needed = self.count / self.size;
        let unit = if self.size == 1 { "pods" } else { "slices" };
        let refused = |fit: i32| Err(format!("the topology has room for {fit} of {needed} {unit}"));
        if self.least_free {
            if let Some(domain) = sorted.iter().find(|domain| self.counts[**domain].slices >= needed) {
                return Ok((level, vec![*domain]));
            }
        } else if self.counts[first].slices >= needed {
            return Ok((level, vec![self.best_fit(&sorted, needed, slices)]));
        }
        if self.required {
            return refused(self.counts[first].slices);
        }
        if level > 0 && !self.unconstrained {
            return self.level_that_fits(level - 1);
        }
        let (mut found, mut left) = (Vec::new(), needed);
        for index in 0..sorted.len() {
            if left <= 0 {
                break;
            }
            let holds_rest = !self.least_free && self.counts[sorted[index]].slices >= left;
            let domain = if holds_rest { self.best_fit(&sorted[index..], left, slices) } else { sorted[index] };
            left -= self.counts[domain].slices;
            found.push(domain);
        }
        if left > 0 { refused(needed - left) } else { Ok((level, found)) }
    }

    /// Divides the pods among domains, level by level, down to the leaves.
    fn go_down(&mut self, from: usize, fitting: Vec<usize>) -> Option<Vec<usize>> {
        let last = self.domains.levels.len() - 1;
        let children = |search: &Self, domain: usize| search.domains.all[domain].children.clone();
        let mut current = self.divide(fitting, self.count, self.size, true)?;
        let mut level = from;
        while level < last.min(self.slice_level) {
            let below: Vec<usize> = current.iter().flat_map(|domain| children(self, *domain)).collect();
            current = self.divide(self.sorted(&below), self.count, self.size, true)?;
            level += 1;
        }
        while level < last {
            let size = self.inner[level + 1].unwrap_or(1);
            let mut next = Vec::new();
            for domain in current {
                let below = self.sorted(&children(self, domain));
                if size > 1 {
                    for child in &below {
                        self.counts[*child].slices = self.counts[*child].pods / size;
                    }
                }
                next.extend(self.divide(below, self.counts[domain].pods, size, size > 1)?);
            }
            current = next;
            level += 1;
        }
        Some(current)
    }

    /// Fills domains in their order until all pods have one; the last is the one that fits best.
    fn divide(&mut self, domains: Vec<usize>, count: i32, size: i32, in_slices: bool) -> Option<Vec<usize>> {
        let room = |counts: Counts| if in_slices { counts.slices } else { counts.pods };
        let each = if in_slices { size } else { 1 };
        let (mut taken, mut left) = (Vec::new(), count / each);
        for index in 0..domains.len() {
            let mut domain = domains[index];
            if !self.least_free && room(self.counts[domain]) >= left {
                domain = self.best_fit(&domains[index..], left, room);
            }
            let part = room(self.counts[domain]).min(left);
            let is_last = room(self.counts[domain]) >= left;
            self.counts[domain].pods = part * each;
            if in_slices {
                self.counts[domain].slices = part;
            }
            taken.push(domain);
            if is_last {
                return Some(taken);
            }
            left -= part;
        }
        None
    }
}
