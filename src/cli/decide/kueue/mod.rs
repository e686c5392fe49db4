//! `windtunnel decide kueue`: whom would Kueue admit, preempt or keep waiting in its next cycle, and why?
//!
//! One whole cycle from the objects, or with `kind` one step of it by itself, in the form of Kueue's own table tests.

mod checks;
mod cycles;
mod input;
mod orders;
mod placement;
mod show;
mod stages;

use serde_json::Value;

use self::input::Question;
use super::Refusal;
use super::fields::Fields;
use crate::units::not_one_of;

/// Steps by name, and the fields that each has beside the common ones.
const KINDS: &[(&str, &[&str])] = &[
    ("schedule", &[]),
    ("schedule_fair", &[]),
    ("schedule_overlap", &[]),
    ("two_cycles", &["delete_between"]),
    ("preempt_classic", &["preemptor", "assignment"]),
    ("preempt_tree", &["preemptor", "assignment"]),
    ("preempt_fair", &["preemptor", "assignment"]),
    ("assign", &["workload", "simulated"]),
    ("available", &[]),
    ("share", &["added_request"]),
    ("queue_order", &[]),
    ("entry_order", &["entries"]),
    ("candidate_order", &["preemptor_cluster_queue"]),
    ("target_order", &["preemptor_cluster_queue", "candidate_cluster_queues", "actions"]),
    ("policy", &["preemptor", "candidate", "policy"]),
    ("reduce", &["podSets", "countLimit"]),
    ("reserve", &["cluster_queue", "assignment"]),
    ("requeue", &["queueingStrategy", "reason", "lastTriedFlavorIdx"]),
    ("pods_ready", &["waitForPodsReady"]),
    ("backoff_over", &[]),
    ("provisioning", &["request", "attempt", "retries", "state", "admitted", "retryStrategy", "otherChecks"]),
    ("topology", &["nodes", "levels", "nodeLabels", "podSets"]),
];

const COMMON: [&str; 5] = ["kind", "now", "options", "objects", "featureGates"];

pub fn decide(input: &Value) -> Result<Value, Refusal> {
    let open = Fields::open(input, "")?;
    let kind = open.text("kind")?;
    let own = match kind {
        None => &[][..],
        Some(kind) => match KINDS.iter().find(|(name, _)| *name == kind) {
            Some((_, fields)) => fields,
            None => {
                let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
                return Err(Refusal::new("kind", not_one_of(kind, &names)));
            }
        },
    };
    let fields = Fields::new(input, "", &[&COMMON[..], own].concat())?;
    let question = || Question::read(&fields);
    match kind {
        None => cycles::schedule(question()?, true),
        Some("schedule" | "schedule_fair" | "schedule_overlap") => cycles::schedule(question()?, false),
        Some("two_cycles") => cycles::two_cycles(question()?, &fields),
        Some("preempt_classic" | "preempt_tree" | "preempt_fair") => stages::preempt(&question()?, &fields),
        Some("assign") => stages::assign(&question()?, &fields),
        Some("available") => stages::available(&question()?),
        Some("share") => stages::share(&question()?, &fields),
        Some("reserve") => stages::reserved(&question()?, &fields),
        Some("queue_order") => orders::queue_order(&question()?),
        Some("entry_order") => orders::entry_order(&question()?, &fields),
        Some("candidate_order") => orders::candidate_order(&question()?, &fields),
        Some("target_order") => orders::target_order(&question()?, &fields),
        Some("policy") => orders::policy(&question()?, &fields),
        Some("reduce") => stages::reduced(&fields),
        Some("provisioning") => checks::provisioning(&fields),
        Some("topology") => placement::topology(&fields),
        Some("requeue") => orders::requeue(&fields),
        Some("pods_ready") => stages::pods_ready(&question()?, &fields),
        _ => stages::backoff_over(&question()?),
    }
}
