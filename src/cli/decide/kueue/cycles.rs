//! Whole cycles.

use serde_json::{Map, Value, json};

use super::super::Refusal;
use super::super::fields::Fields;
use super::input::Question;
use super::show::pod_sets;
use crate::training::admission::kueue::controller::CycleReport;
use crate::training::admission::kueue::workload::WorkloadId;

/// One cycle; `in_words` adds what stands in each workload's way.
pub fn schedule(mut question: Question, in_words: bool) -> Result<Value, Refusal> {
    let report = question.kueue.cycle(question.now);
    let mut answer = outcome(&question, &report);
    let key = |id: WorkloadId| question.kueue.workload(id).key.to_string();
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys
    };
    let queues = &question.kueue.queues;
    answer.insert("inadmissible".into(), sorted(queues.parked().map(|(_, id)| key(id)).collect()).into());
    answer.insert("left".into(), sorted(queues.waiting().map(|(_, id)| key(id)).collect()).into());
    let skipped: Map<String, Value> = report
        .skipped
        .iter()
        .map(|(queue, count)| (question.kueue.cache.queue(*queue).name.to_string(), Value::from(*count)))
        .collect();
    answer.insert("skipped_preemptions".into(), skipped.into());
    if in_words {
        let said = report.waiting.iter().filter(|(_, _, message)| !message.is_empty());
        let messages: Map<String, Value> =
            said.map(|(id, _, message)| (key(*id), Value::from(message.as_str()))).collect();
        answer.insert("messages".into(), messages.into());
        let inactive: Map<String, Value> = question
            .kueue
            .cache
            .queues()
            .filter_map(|(_, state)| Some((state.name.to_string(), Value::from(state.inactive.clone()?))))
            .collect();
        answer.insert("inactive".into(), inactive.into());
    }
    Ok(answer.into())
}

/// Two cycles at the same instant, with workloads deleted in between.
pub fn two_cycles(mut question: Question, fields: &Fields<'_>) -> Result<Value, Refusal> {
    let now = question.now;
    let first = question.kueue.cycle(now);
    let first = outcome(&question, &first);
    for (path, value) in fields.list("delete_between")? {
        let id = value.as_str().and_then(|key| question.find(key));
        let Some(id) = id else { return Err(Refusal::new(path, "expected the namespace/name of a workload")) };
        let woken = question.kueue.finish(id);
        question.kueue.wake(&woken, now);
    }
    question.kueue.cycle(now);
    let kueue = &question.kueue;
    let holding: Vec<Value> = kueue
        .ids()
        .filter(|id| kueue.cache.holder(*id).is_some())
        .filter_map(|id| {
            let admission = kueue.workload(id).admission.as_ref()?;
            Some(json!({
                "workload": *kueue.workload(id).key,
                "clusterQueue": *admission.cluster_queue,
                "podSets": pod_sets(admission, &kueue.cache.names),
            }))
        })
        .collect();
    Ok(json!({"first": first, "holding_after_second": holding}))
}

fn outcome(question: &Question, report: &CycleReport) -> Map<String, Value> {
    let kueue = &question.kueue;
    let admitted: Vec<Value> = report
        .admitted
        .iter()
        .filter_map(|(id, ready)| {
            let workload = kueue.workload(*id);
            let admission = workload.admission.as_ref()?;
            Some(json!({
                "workload": *workload.key,
                "clusterQueue": *admission.cluster_queue,
                "podSets": pod_sets(admission, &kueue.cache.names),
                "admitted": ready,
            }))
        })
        .collect();
    let preempted: Vec<Value> = report
        .preempted
        .iter()
        .map(|(victim, reason, preemptor)| {
            json!({
                "workload": *kueue.workload(*victim).key,
                "reason": reason.name(),
                "preemptor": *kueue.workload(*preemptor).key,
            })
        })
        .collect();
    let reasons: Map<String, Value> = report
        .waiting
        .iter()
        .map(|(id, waiting, _)| {
            // Before the gate there was one reason for all.
            let reason = if kueue.options.gates.observability { waiting.name() } else { "Pending" };
            (kueue.workload(*id).key.to_string(), Value::from(reason))
        })
        .collect();
    let mut answer = Map::new();
    answer.insert("admit".into(), admitted.into());
    answer.insert("preempt".into(), preempted.into());
    answer.insert("reasons".into(), reasons.into());
    answer
}
