//! How much of a node's free GPUs the pods that are typical of a cluster could not use, and what a pod on it changes.
//!
//! "Beware of Fragmentation" (USENIX ATC 2023), as hkust-adsl/kubernetes-scheduler-simulator (8f3d641) works it out.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::score::gpu::{Ask, Room};
use crate::cluster::{PodSpec, SelectorOperator, Specs, WHOLE_GPU, label};
use crate::units::Millicores;

/// A kind of pod, and how many of it there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TypicalPodSpec {
    pub cpu: Millicores,
    /// GPUs; 0 for a pod without.
    #[serde(default)]
    pub gpus: u16,
    /// Thousandths of each GPU, 1 to 1000. Default: 1000.
    #[serde(default = "whole")]
    pub gpu_milli: u16,
    /// GPU models that it may run on. Default: any.
    #[serde(default)]
    pub gpu_models: Vec<String>,
    /// How many of them there are. Default: 1.
    #[serde(default = "one")]
    pub count: u32,
}

const fn whole() -> u16 {
    WHOLE_GPU
}

const fn one() -> u32 {
    1
}

/// A kind of pod and its share of all.
#[derive(Clone, Debug, PartialEq)]
pub struct TypicalPod {
    ask: Ask,
    models: Vec<String>,
    share: f64,
}

/// Kinds are taken, the most frequent first, until they cover so much of all pods, in percent.
const COVERED_PERCENT: u64 = 95;

/// The kinds that cover 95 % of these pods; memory does not matter to them.
pub fn typical_pods<'a>(specs: &Specs, pods: impl Iterator<Item = (&'a PodSpec, u32)>) -> Vec<TypicalPod> {
    typical(pods.map(|(pod, count)| {
        let ask = Ask::of_pod(pod, specs.whole_gpus(pod));
        (ask, models_of(pod), count)
    }))
}

/// As [`typical_pods`], of kinds that were written down.
pub fn stated_pods(stated: &[TypicalPodSpec]) -> Vec<TypicalPod> {
    typical(stated.iter().map(|kind| {
        let cpu = if kind.cpu == Millicores(0) { 100 } else { kind.cpu.0 };
        let ask = Ask { cpu, gpus: i64::from(kind.gpus), milli: kind.gpu_milli };
        (ask, kind.gpu_models.clone(), kind.count)
    }))
}

fn typical(pods: impl Iterator<Item = (Ask, Vec<String>, u32)>) -> Vec<TypicalPod> {
    let mut kinds: BTreeMap<(i64, u16, i64, Vec<String>), u64> = BTreeMap::new();
    for (ask, mut models, count) in pods {
        models.sort();
        let milli = if ask.gpus == 0 { 0 } else { ask.milli };
        *kinds.entry((ask.cpu, milli, ask.gpus, models)).or_default() += u64::from(count);
    }
    let all: u64 = kinds.values().sum();
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|((cpu, milli, gpus, _), count)| Reverse((*count, *cpu, *milli, *gpus)));
    let (mut covered, mut taken) = (0, Vec::new());
    for kind in kinds {
        if covered * 100 >= all * COVERED_PERCENT {
            break;
        }
        covered += kind.1;
        taken.push(kind);
    }
    let share = |count| count as f64 / covered.max(1) as f64;
    let typical =
        |((cpu, milli, gpus, models), count)| TypicalPod { ask: Ask { cpu, gpus, milli }, models, share: share(count) };
    taken.into_iter().map(typical).collect()
}

/// The GPU models that a pod's required affinity or node selector names.
fn models_of(pod: &PodSpec) -> Vec<String> {
    let is_model = |key: &str| label::ACCELERATORS.contains(&key);
    let selected = pod.node_selector.iter().filter(|(key, _)| is_model(key)).map(|(_, model)| model.clone());
    let terms = pod.affinity.node.required.iter().flatten().flat_map(|term| &term.match_expressions);
    let allowed =
        terms.filter(|requirement| is_model(&requirement.key) && requirement.operator == SelectorOperator::In);
    selected.chain(allowed.flat_map(|requirement| requirement.values.iter().cloned())).collect()
}

/// Thousandths of GPUs that are free on a node and of no use to a typical pod, on average over these.
pub fn fragments(room: &Room<'_>, typical: &[TypicalPod]) -> f64 {
    let all = room.total();
    if all == 0 {
        return 0.0;
    }
    typical.iter().map(|pod| pod.share * fragment(room, pod, all) as f64).sum()
}

fn fragment(room: &Room<'_>, pod: &TypicalPod, all: i64) -> i64 {
    let TypicalPod { ask, models, .. } = pod;
    let allowed = models.is_empty() || room.model.is_some_and(|model| models.iter().any(|allowed| allowed == model));
    if ask.gpus == 0 || !allowed || ask.cpu > room.cpu {
        return all;
    }
    let (mut enough, mut too_little) = (0, 0);
    for left in &room.gpus {
        if *left >= ask.milli { enough += 1 } else { too_little += i64::from(*left) }
    }
    if enough < ask.gpus { all } else { too_little }
}

/// What a pod does to a node's fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gradient {
    /// 0 to 100; above 50 where fragments become fewer.
    pub score: i64,
    /// The GPU that a pod with a part of one should take; `None` for others.
    pub device: Option<usize>,
}

/// A node's score for a pod: the higher, the fewer of its free GPUs become useless to typical pods by it.
pub fn gradient(ask: Ask, room: &Room<'_>, typical: &[TypicalPod]) -> Gradient {
    let before = fragments(room, typical);
    let score = |after: &Room<'_>| {
        let fewer = (before - fragments(after, typical)) / f64::from(WHOLE_GPU);
        (100.0 / (1.0 + (-fewer).exp())) as i64
    };
    if !ask.is_part() {
        return Gradient { score: room.with(ask).map_or(0, |after| score(&after)), device: None };
    }
    let mut best = Gradient { score: 0, device: None };
    for (index, left) in room.gpus.iter().enumerate() {
        // One that has as much left as an earlier one is no better.
        if *left < ask.milli || room.gpus[..index].contains(left) {
            continue;
        }
        let score = score(&room.with_part(ask, index));
        if best.device.is_none() || score > best.score {
            best = Gradient { score, device: Some(index) };
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::score::gpu::room;
    use super::*;

    fn kind(cpu: i64, gpus: u16, gpu_milli: u16, count: u32) -> TypicalPodSpec {
        TypicalPodSpec { cpu: Millicores(cpu), gpus, gpu_milli, gpu_models: Vec::new(), count }
    }

    #[test]
    fn the_most_frequent_kinds_cover_ninety_five_percent() {
        let kinds = stated_pods(&[kind(1000, 1, 500, 60), kind(2000, 1, 1000, 35), kind(3000, 8, 1000, 5)]);
        assert_eq!(kinds.len(), 2);
        assert!((kinds[0].share - 60.0 / 95.0).abs() < 1e-12);
    }

    #[test]
    fn what_no_typical_pod_can_use_is_a_fragment() {
        let typical = stated_pods(&[kind(4000, 1, 500, 1)]);
        assert_eq!(fragments(&room(8000, &[1000, 400, 600]), &typical), 400.0);
        assert_eq!(fragments(&room(3000, &[1000, 400, 600]), &typical), 2000.0);
        let without = stated_pods(&[kind(1000, 0, 1000, 1)]);
        assert_eq!(fragments(&room(8000, &[1000, 400]), &without), 1400.0);
        let two = stated_pods(&[kind(1000, 2, 1000, 1)]);
        assert_eq!(fragments(&room(8000, &[1000, 400]), &two), 1400.0);
        assert_eq!(fragments(&room(8000, &[1000, 1000, 400]), &two), 400.0);
    }

    #[test]
    fn a_model_that_is_not_allowed_makes_all_of_it_a_fragment() {
        let allowed = TypicalPodSpec { gpu_models: vec!["T4".into()], ..kind(1000, 1, 1000, 1) };
        let typical = stated_pods(&[allowed]);
        let node = Room { model: Some("T4"), ..room(8000, &[1000, 200]) };
        assert_eq!(fragments(&node, &typical), 200.0);
        assert_eq!(fragments(&Room { model: Some("A10"), ..node }, &typical), 1200.0);
    }

    #[test]
    fn a_part_goes_where_it_leaves_most_to_others() {
        let typical = stated_pods(&[kind(1000, 1, 1000, 1)]);
        let ask = Ask { cpu: 1000, gpus: 1, milli: 500 };
        // On the free GPU 500 become a fragment; on the other one 500 are one no longer.
        let chosen = gradient(ask, &room(8000, &[1000, 500]), &typical);
        assert_eq!(chosen, Gradient { score: 62, device: Some(1) });
        // A whole GPU: nothing changes for fragments, so sigmoid of zero.
        let whole = Ask { cpu: 1000, gpus: 1, milli: 1000 };
        assert_eq!(gradient(whole, &room(8000, &[1000, 500]), &typical), Gradient { score: 50, device: None });
    }
}
