//! One pod, classes of nodes in place of nodes: the choice of [`schedule`](super::schedule) at the price of what differs.
//!
//! Nodes of one class differ for a pod only by the pods on them that its constraints or terms select, or whose terms
//! select it. The nodes that hold such pods are set apart and asked one by one; one of the others answers for the rest
//! of its class. Tests hold the choice equal to that over all nodes.

use super::class_index::StandIn;
use super::filter::{self, Scope};
use super::score::{Candidate, Score, Scoring};
use super::spread::default_selector;
use super::{ClassIndex, Cycle, Profile};
use crate::cluster::{ClusterState, ClusterView, NodeId, NodeView, PodSpec, PodSpecId, Specs, label};

/// How a pod of some spec can be placed by classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByClass {
    /// No other pod has a say: every class answers for its nodes.
    Whole,
    /// Nodes that hold certain pods are set apart.
    Apart,
    /// Not at all: every node has to be asked.
    No,
}

impl ByClass {
    /// `soft_taints_per_node`: the most `PreferNoSchedule` taints that one node may come to bear.
    pub fn of(specs: &Specs, spec: PodSpecId, profile: &Profile, soft_taints_per_node: usize) -> ByClass {
        let pod = specs.pod(spec);
        let must_ask_each = profile.scores.iter().any(|(score, _)| score.tells_alike_nodes_apart());
        let is_possible = !must_ask_each
            && profile.settings.options.percentage_of_nodes_to_score.is_none()
            && !specs.any_images()
            && soft_taints_per_node <= 1
            && !pod.names_hosts()
            && pod.host_ports().next().is_none();
        match is_possible {
            false => ByClass::No,
            true if is_for_itself(specs, spec, profile) => ByClass::Whole,
            true => ByClass::Apart,
        }
    }
}

fn is_for_itself(specs: &Specs, spec: PodSpecId, profile: &Profile) -> bool {
    let pod = specs.pod(spec);
    !profile.scores.iter().any(|(score, _)| score.ranks_nodes())
        && pod.topology_spread_constraints.is_empty()
        && pod.affinity.node.preferred.is_empty()
        && !specs.touched_by_affinity(spec)
        && default_selector(pod, profile.settings.options.default_spread_constraints).is_none()
}

/// The node that the pod of `cycle` goes to, or `None` where none is feasible. `pick` draws one of so many tied nodes,
/// counted in the order of their ids, and is asked only where there are two or more.
pub fn choose(
    cluster: &ClusterState,
    classes: &mut ClassIndex,
    cycle: &Cycle<'_>,
    profile: &Profile,
    how: ByClass,
    pick: impl FnOnce(usize) -> usize,
) -> Option<NodeId> {
    let alone = Scoring::alone(cycle, &profile.settings);
    let judge = |node| judge_alone(profile, &alone, &cluster.node_view(node).expect("a class's member exists"));
    if how == ByClass::Whole {
        let best = classes.best(cycle.spec, judge);
        return match best.count() {
            0 => None,
            1 => Some(best.nth(0)),
            tied => Some(best.nth(pick(tied))),
        };
    }
    let apart = set_apart(cluster, cycle.spec, profile);
    let mut stand_ins = classes.stand_ins(cycle.spec, &apart, judge);
    let views = |stand_in: &StandIn| cluster.node_view(stand_in.node).expect("a class's member exists");
    let filters = || profile.filters.iter().filter(|filter| filter.scope() == Scope::Cluster && filter.applies(cycle));
    stand_ins.retain(|stand_in| filters().all(|filter| filter.filter(cycle, &views(stand_in)).is_ok()));
    let scores = match stand_ins[..] {
        [] => return None,
        // Upstream does not score a lone node, nor does it matter here.
        [_] => vec![0],
        _ => score_together(cluster, cycle, profile, &stand_ins),
    };
    let highest = scores.iter().max()?;
    let tied = stand_ins.iter().zip(&scores).filter(|(_, score)| *score == highest).map(|(stand_in, _)| *stand_in);
    let best = classes.all_of(tied, &apart);
    match best.count() {
        1 => Some(best.nth(0)),
        tied => Some(best.nth(pick(tied))),
    }
}

/// Whether making room could help a pod that no node takes: some node refuses it for lack of that alone.
pub fn wants_room(cluster: &ClusterState, classes: &ClassIndex, cycle: &Cycle<'_>, profile: &Profile) -> bool {
    let apart = set_apart(cluster, cycle.spec, profile);
    classes.representatives(&apart).any(|node| refuses_for_room(cluster, cycle, profile, node))
}

/// Whether the node would take the pod if others left it.
pub fn refuses_for_room(cluster: &ClusterState, cycle: &Cycle<'_>, profile: &Profile, node: NodeId) -> bool {
    let refusal = cluster.node_view(node).map(|node| filter::run(&profile.filters, cycle, &node));
    refusal.is_some_and(|fits| fits.is_err_and(|refusal| !refusal.reason.is_unresolvable()))
}

/// Nodes, ascending, that hold a pod which matters to a node by itself and not only to its zone.
fn set_apart(cluster: &ClusterState, spec: PodSpecId, profile: &Profile) -> Vec<NodeId> {
    let specs = &cluster.specs;
    let pod = specs.pod(spec);
    let is_host = |key: &str| key == label::HOSTNAME;
    let by_host = |other: &PodSpec| other.pod_affinity_terms().any(|term| is_host(&term.topology_key));
    let hosts_matter = default_selector(pod, profile.settings.options.default_spread_constraints).is_some()
        || pod.topology_spread_constraints.iter().any(|constraint| is_host(&constraint.topology_key))
        || by_host(pod)
        || (specs.touched_by_affinity(spec) && specs.related(spec).iter().any(|other| by_host(specs.pod(*other))));
    let mut apart = Vec::new();
    if hosts_matter {
        cluster.visit_related(spec, &mut |_, node, _| apart.push(node.id));
        apart.sort_unstable();
        apart.dedup();
    }
    apart
}

/// The score of a node by itself, or `None` where it refuses the pod whatever other nodes hold. Plugins that normalize
/// over nodes give 0 or one other raw value here, so that the result is the same as if it were normalized with them.
fn judge_alone(profile: &Profile, scoring: &Scoring<'_>, node: &NodeView<'_>) -> Option<i32> {
    let filters = profile.filters.iter().filter(|filter| filter.scope() != Scope::Cluster);
    for filter in filters {
        filter.filter(scoring.cycle, node).ok()?;
    }
    let mut total = 0;
    for (plugin, weight) in plugins(profile, scoring).filter(|(plugin, _)| plugin.stands_alone()) {
        let mut score = [plugin.score(scoring, node)];
        plugin.normalize(&mut score);
        total += score[0] * weight;
    }
    Some(i32::try_from(total).unwrap_or(i32::MAX))
}

/// Total scores: what each says for itself, and the plugins that look at all of them.
fn score_together(cluster: &ClusterState, cycle: &Cycle<'_>, profile: &Profile, stand_ins: &[StandIn]) -> Vec<i64> {
    let candidates: Vec<Candidate> =
        stand_ins.iter().map(|stand_in| Candidate { node: stand_in.node, nodes: stand_in.nodes() }).collect();
    let scoring = Scoring::new(cluster, cycle, &profile.settings, &candidates);
    let mut totals: Vec<i64> = stand_ins.iter().map(|stand_in| i64::from(stand_in.score)).collect();
    let mut scores = Vec::with_capacity(totals.len());
    for (plugin, weight) in plugins(profile, &scoring).filter(|(plugin, _)| !plugin.stands_alone()) {
        scores.clear();
        scores.extend(candidates.iter().map(|candidate| {
            plugin.score(&scoring, &cluster.node_view(candidate.node).expect("a class's member exists"))
        }));
        plugin.normalize(&mut scores);
        totals.iter_mut().zip(&scores).for_each(|(total, score)| *total += score * weight);
    }
    totals
}

fn plugins<'a>(profile: &'a Profile, scoring: &'a Scoring<'_>) -> impl Iterator<Item = (&'static dyn Score, i64)> + 'a {
    profile.scores.iter().copied().filter(move |(plugin, _)| plugin.applies(scoring))
}
