//! Who comes first: in a queue, in a cycle, among those to be preempted.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Refusal;
use super::super::fields::{Fields, object};
use super::input::Question;
use crate::scenario::manifest::kueue as manifest;
use crate::training::admission::kueue::entry_order::{Turn, classic_order};
use crate::training::admission::kueue::names::Names;
use crate::training::admission::kueue::objects::{Policy, QueueingStrategy};
use crate::training::admission::kueue::preemption::fair_order::TargetOrder;
use crate::training::admission::kueue::preemption::{candidate_order as compare, may_preempt};
use crate::training::admission::kueue::queues::{Requeue, place_of};
use crate::training::admission::kueue::workload::{Workload, WorkloadId};
use crate::units::not_one_of;

fn keys(question: &Question, ids: &[WorkloadId]) -> Value {
    ids.iter().map(|id| Value::from(&*question.kueue.workload(*id).key)).collect()
}

/// The head of the only ClusterQueue.
pub fn queue_order(question: &Question) -> Result<Value, Refusal> {
    let kueue = &question.kueue;
    let waiting = kueue.ids().filter(|id| kueue.workload(*id).is_pending());
    let head = waiting.min_by_key(|id| place_of(*id, kueue.workload(*id), &kueue.options));
    Ok(json!({"head": head.map(|id| kueue.workload(id).key.to_string())}))
}

/// The entries of a cycle in their order, without fair sharing.
pub fn entry_order(question: &Question, fields: &Fields<'_>) -> Result<Value, Refusal> {
    let mut names = Names::default();
    let mut entries: Vec<(Workload, u32, bool)> = Vec::new();
    for (path, value) in fields.list("entries")? {
        let entry = Fields::new(value, path, &["workload", "borrowingLevel", "preemptor"])?;
        let at = entry.at("workload");
        let raw: manifest::RawWorkload = object(entry.required("workload")?, &at)?;
        let workload = manifest::workload(&raw, &mut names).map_err(|error| error.within(at))?;
        let level = entry.count("borrowingLevel")?.unwrap_or(0) as u32;
        entries.push((workload, level, entry.flag("preemptor")?.unwrap_or(false)));
    }
    entries.sort_by(|a, b| {
        let turn = |entry: &'_ (Workload, u32, bool)| (entry.1, entry.2);
        let ((a_level, a_preempts), (b_level, b_preempts)) = (turn(a), turn(b));
        classic_order(
            Turn { workload: &a.0, level: a_level, preemptor: a_preempts },
            Turn { workload: &b.0, level: b_level, preemptor: b_preempts },
            &question.kueue.options,
        )
    });
    Ok(json!({"order": entries.iter().map(|(workload, ..)| workload.key.to_string()).collect::<Vec<_>>()}))
}

/// All workloads in the order in which they would be preempted.
pub fn candidate_order(question: &Question, fields: &Fields<'_>) -> Result<Value, Refusal> {
    let own = fields.required_text("preemptor_cluster_queue")?;
    let mut ids: Vec<WorkloadId> = question.kueue.ids().collect();
    sort(question, &mut ids, own);
    Ok(json!({"order": keys(question, &ids)}))
}

fn sort(question: &Question, ids: &mut [WorkloadId], own: &str) {
    let side = |id: WorkloadId| {
        let workload = question.kueue.workload(id);
        (workload, workload.admission.as_ref().map_or("", |admission| &*admission.cluster_queue))
    };
    ids.sort_by(|a, b| compare(side(*a), side(*b), own, question.now, &question.kueue.options));
}

/// From which ClusterQueues fair sharing would preempt, step by step.
pub fn target_order(question: &Question, fields: &Fields<'_>) -> Result<Value, Refusal> {
    let own = question.cluster_queue(fields, "preemptor_cluster_queue")?;
    let mut candidates = Vec::new();
    for (path, value) in fields.list("candidate_cluster_queues")? {
        let name = value.as_str().ok_or_else(|| Refusal::new(path.as_str(), "expected the name of a ClusterQueue"))?;
        let queue = question.queue_named(&path, name)?;
        candidates.extend(question.kueue.cache.members(queue));
    }
    let mut drops = Vec::new();
    for (path, value) in fields.list("actions")? {
        match value.as_str() {
            Some("take") => drops.push(false),
            Some("drop") => drops.push(true),
            other => return Err(Refusal::new(path, not_one_of(other.unwrap_or_default(), &["take", "drop"]))),
        }
    }
    let snapshot = question.kueue.snapshot();
    let mut order = TargetOrder::new(&snapshot, own, &candidates, question.now);
    let mut steps: Vec<String> = Vec::new();
    while let Some(queue) = order.next(&snapshot) {
        if drops.get(steps.len()).copied().unwrap_or(false) {
            order.drop(queue);
        } else {
            order.take(queue);
        }
        steps.push(question.kueue.cache.queue(queue).name.to_string());
    }
    Ok(json!({"order": steps}))
}

/// Whether a policy lets one workload preempt another.
pub fn policy(question: &Question, fields: &Fields<'_>) -> Result<Value, Refusal> {
    let known = [
        ("Never", Policy::Never),
        ("LowerPriority", Policy::LowerPriority),
        ("LowerOrNewerEqualPriority", Policy::LowerOrNewerEqualPriority),
        ("Any", Policy::Any),
    ];
    let name = fields.required_text("policy")?;
    let Some((_, policy)) = known.iter().find(|(other, _)| *other == name) else {
        return Err(Refusal::new(fields.at("policy"), not_one_of(name, &known.map(|(name, _)| name))));
    };
    let workload = |field: &str| Ok::<_, Refusal>(question.kueue.workload(question.workload(fields, field)?));
    let (preemptor, candidate) = (workload("preemptor")?, workload("candidate")?);
    Ok(json!({"may_preempt": may_preempt(preemptor, candidate, *policy, &question.kueue.options)}))
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Tried(BTreeMap<String, i32>);

/// Where a head goes after a cycle.
pub fn requeue(fields: &Fields<'_>) -> Result<Value, Refusal> {
    let strategy = match fields.required_text("queueingStrategy")? {
        "StrictFIFO" => QueueingStrategy::StrictFifo,
        "BestEffortFIFO" => QueueingStrategy::BestEffortFifo,
        other => {
            let problem = not_one_of(other, &["StrictFIFO", "BestEffortFIFO"]);
            return Err(Refusal::new(fields.at("queueingStrategy"), problem));
        }
    };
    let name = fields.required_text("reason")?;
    let Some((_, why)) = Requeue::NAMES.iter().find(|(other, _)| *other == name) else {
        return Err(Refusal::new(fields.at("reason"), not_one_of(name, &Requeue::NAMES.map(|(name, _)| name))));
    };
    let tried: Vec<Tried> = fields.items("lastTriedFlavorIdx")?;
    let flavors_left = tried.iter().any(|set| set.0.values().any(|index| *index != -1));
    let inadmissible = !why.is_immediate(strategy) && !flavors_left;
    Ok(json!({"inadmissible": inadmissible, "sticky": why.is_sticky(strategy)}))
}
