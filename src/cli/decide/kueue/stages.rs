//! One step of a cycle by itself: flavors, targets, amounts.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use super::super::Refusal;
use super::super::fields::Fields;
use super::input::Question;
use super::show::amounts;
use crate::training::admission::kueue::amount::Amount;
use crate::training::admission::kueue::cycle::reserve;
use crate::training::admission::kueue::flavors::{Assigner, Mode, Possibility};
use crate::training::admission::kueue::names::{Fr, Names};
use crate::training::admission::kueue::partial::reduce;
use crate::training::admission::kueue::pods_ready::{WaitForPodsReady, counting};
use crate::training::admission::kueue::preemption::Search;
use crate::training::admission::kueue::queues::may_return;
use crate::training::admission::kueue::share::Share;
use crate::training::admission::kueue::workload::add_to;
use crate::units::{Quantity, SimDuration, not_one_of};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenSet {
    name: String,
    count: i32,
    flavors: BTreeMap<String, GivenFlavor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenFlavor {
    flavor: String,
    mode: String,
}

fn mode(name: &str, path: &str) -> Result<Mode, Refusal> {
    match name {
        "NoFit" => Ok(Mode::NoFit),
        "Preempt" => Ok(Mode::Preempt),
        "Fit" => Ok(Mode::Fit),
        other => Err(Refusal::new(path, not_one_of(other, &["Fit", "Preempt", "NoFit"]))),
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::NoFit => "NoFit",
        Mode::Preempt => "Preempt",
        Mode::DeferredFit => "DeferredFit",
        Mode::Fit => "Fit",
    }
}

fn pair(names: &Names, flavor: &str, resource: &str) -> Option<Fr> {
    names.known_pair(names.known_flavor(flavor)?, names.known_resource(resource)?)
}

/// The search for targets alone, for flavors that are given.
pub fn preempt(question: &Question, fields: &Fields<'_>) -> Result<Value, Refusal> {
    let kueue = &question.kueue;
    let preemptor = question.workload(fields, "preemptor")?;
    let queue = question.queue_of(preemptor)?;
    let names = &kueue.cache.names;
    let requested = kueue.workload(preemptor).requested(&kueue.options);
    let (mut request, mut contested) = (Vec::new(), Vec::new());
    let given: Vec<GivenSet> = fields.items("assignment")?;
    for (index, set) in given.iter().enumerate() {
        let path = format!("{}[{index}]", fields.at("assignment"));
        let Some(of_set) = requested.iter().find(|other| *other.name == *set.name) else {
            return Err(Refusal::new(format!("{path}.name"), format!("the workload has no pod set {}", set.name)));
        };
        let mut asked = of_set.scaled(set.count).requests;
        if let Some(pods) = names.known_resource("pods").filter(|_| set.flavors.contains_key("pods")) {
            asked.push((pods, i64::from(set.count)));
        }
        for (resource, flavor) in &set.flavors {
            let path = format!("{path}.flavors.{resource}");
            let Some(pair) = pair(names, &flavor.flavor, resource) else {
                let problem = format!("no ClusterQueue has {resource} in flavor {}", flavor.flavor);
                return Err(Refusal::new(path, problem));
            };
            let amount = asked.iter().find(|(id, _)| **names.resource_name(*id) == **resource).map_or(0, |(_, n)| *n);
            if amount != 0 {
                add_to(&mut request, pair, Amount(amount));
            }
            if mode(&flavor.mode, &format!("{path}.mode"))? == Mode::Preempt && !contested.contains(&pair) {
                contested.push(pair);
            }
        }
    }
    request.sort_unstable_by_key(|(pair, _)| *pair);
    contested.sort_unstable();
    let search = Search { preemptor, queue, request, contested, now: question.now };
    let targets = search.targets(&mut kueue.snapshot());
    let is_evicted =
        |target: &&crate::training::admission::kueue::preemption::Target| kueue.workload(target.workload).is_evicted();
    let preempts: Vec<Value> = targets
        .iter()
        .filter(|target| !is_evicted(target))
        .map(|target| json!({"workload": *kueue.workload(target.workload).key, "reason": target.reason.name()}))
        .collect();
    Ok(json!({"preempt": preempts, "already_evicted_targets": targets.iter().filter(is_evicted).count()}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Simulated {
    flavor: String,
    resource: String,
    possibility: String,
    borrow_after: u32,
}

/// The search for flavors alone; what preemption could do is given.
pub fn assign(question: &Question, fields: &Fields<'_>) -> Result<Value, Refusal> {
    let kueue = &question.kueue;
    let id = question.workload(fields, "workload")?;
    let queue = question.queue_of(id)?;
    let names = &kueue.cache.names;
    let mut answers: BTreeMap<Fr, (Possibility, u32)> = BTreeMap::new();
    for (index, given) in fields.items::<Simulated>("simulated")?.into_iter().enumerate() {
        let possibility = match given.possibility.as_str() {
            "NoCandidates" => Possibility::NoCandidates,
            "Preempt" => Possibility::Preempt,
            "Reclaim" => Possibility::Reclaim,
            other => {
                let path = format!("{}[{index}].possibility", fields.at("simulated"));
                return Err(Refusal::new(path, not_one_of(other, &["NoCandidates", "Preempt", "Reclaim"])));
            }
        };
        if let Some(pair) = pair(names, &given.flavor, &given.resource) {
            answers.insert(pair, (possibility, given.borrow_after));
        }
    }
    let workload = kueue.workload(id);
    let requested = workload.requested(&kueue.options);
    let assigner = Assigner { workload, queue, requested: &requested, progress: None, nominated: None };
    let assignment = assigner.assign(&mut kueue.snapshot(), None, &mut |_, pair, _| {
        answers.get(&pair).copied().unwrap_or((Possibility::Preempt, 0))
    });
    let pod_sets: Vec<Value> = assignment
        .pod_sets
        .iter()
        .map(|set| {
            let flavors: Map<String, Value> = set
                .flavors
                .iter()
                .map(|(resource, flavor)| {
                    let shown = json!({
                        "flavor": **names.flavor_name(flavor.flavor),
                        "mode": mode_name(flavor.mode),
                        "triedIdx": flavor.tried,
                    });
                    (names.resource_name(*resource).to_string(), shown)
                })
                .collect();
            json!({"name": *set.name, "count": set.count, "flavors": flavors})
        })
        .collect();
    Ok(json!({
        "mode": mode_name(assignment.mode()),
        "podSets": pod_sets,
        "borrowingLevel": assignment.level,
        "usage": amounts(&assignment.usage, names),
        "reason": assignment.waiting.name(),
        "message": assignment.message(names),
    }))
}

/// What each ClusterQueue could take now, and in an empty cluster.
pub fn available(question: &Question) -> Result<Value, Refusal> {
    let cache = &question.kueue.cache;
    let (mut available, mut potential) = (Map::new(), Map::new());
    for (node, state) in cache.queues() {
        let pairs = || (0..cache.names.pairs() as u32).map(Fr).filter(|pair| cache.books.tree.lists(node, *pair));
        let now: Vec<(Fr, Amount)> = pairs().map(|pair| (pair, cache.books.available(node, pair))).collect();
        let most: Vec<(Fr, Amount)> = pairs().map(|pair| (pair, cache.books.tree.potential(node, pair))).collect();
        available.insert(state.name.to_string(), amounts(&now, &cache.names));
        potential.insert(state.name.to_string(), amounts(&most, &cache.names));
    }
    Ok(json!({"available": available, "potential": potential}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenAmount {
    flavor: String,
    resource: String,
    amount: String,
}

fn given_amounts(given: &[GivenAmount], path: &str, names: &Names) -> Result<Vec<(Fr, Amount)>, Refusal> {
    let mut found = Vec::new();
    for (index, given) in given.iter().enumerate() {
        let quantity = Quantity::parse_non_negative(&given.amount)
            .map_err(|error| Refusal::new(format!("{path}[{index}].amount"), error.to_string()))?;
        let amount = if given.resource == "cpu" { quantity.milli_value() } else { quantity.value() };
        if let Some(pair) = pair(names, &given.flavor, &given.resource) {
            add_to(&mut found, pair, Amount(amount));
        }
    }
    Ok(found)
}

/// Every ClusterQueue's and cohort's dominant resource share.
pub fn share(question: &Question, fields: &Fields<'_>) -> Result<Value, Refusal> {
    let cache = &question.kueue.cache;
    let given: Vec<GivenAmount> = fields.items("added_request")?;
    let more = given_amounts(&given, &fields.at("added_request"), &cache.names)?;
    let tree = &cache.books.tree;
    let show = |id| {
        let node = tree.node(id);
        let share = Share::of(&cache.books, &cache.names, id, &more);
        let weighted = share.weighted();
        let weighted = if weighted.is_infinite() { json!("inf") } else { json!(weighted.ceil() as i64) };
        json!({
            "name": *node.name,
            "kind": if node.is_queue { "ClusterQueue" } else { "Cohort" },
            "weightedShare": weighted,
            "resource": *share.resource,
            "borrowing": share.borrows,
        })
    };
    Ok(json!({"shares": tree.ids().map(show).collect::<Vec<_>>()}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GivenAssignment {
    mode: String,
    borrowing_level: u32,
    usage: Vec<GivenAmount>,
}

/// What a workload without targets keeps from others.
pub fn reserved(question: &Question, fields: &Fields<'_>) -> Result<Value, Refusal> {
    let queue = question.cluster_queue(fields, "cluster_queue")?;
    let path = fields.at("assignment");
    let given: GivenAssignment = fields.optional("assignment")?.ok_or_else(|| Refusal::new(path.clone(), "missing"))?;
    let names = &question.kueue.cache.names;
    let usage = given_amounts(&given.usage, &format!("{path}.usage"), names)?;
    let mode = mode(&given.mode, &format!("{path}.mode"))?;
    let kept = reserve(&question.kueue.snapshot(), queue, mode, given.borrowing_level, &usage);
    Ok(json!({"reserved": amounts(&kept, names)}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sizes {
    #[serde(rename = "name")]
    _name: Option<String>,
    count: i32,
    min_count: Option<i32>,
}

/// The largest size of all pod sets together that is not above a limit.
pub fn reduced(fields: &Fields<'_>) -> Result<Value, Refusal> {
    let sets: Vec<Sizes> = fields.items("podSets")?;
    let limit = fields.required_integer("countLimit")?;
    for (index, set) in sets.iter().enumerate() {
        if set.count < 0 || set.min_count.is_some_and(|min| min < 0) {
            let path = format!("{}[{index}]", fields.at("podSets"));
            return Err(Refusal::new(path, "counts must not be negative"));
        }
    }
    let full: Vec<i32> = sets.iter().map(|set| set.count).collect();
    let spare: Vec<i32> = sets.iter().map(|set| (set.count - set.min_count.unwrap_or(set.count)).max(0)).collect();
    let mut last = 0;
    let found = reduce(&full, &spare, |counts| {
        let count: i64 = counts.iter().map(|count| i64::from(*count)).sum();
        (count <= limit).then(|| last = count)
    });
    Ok(json!({"found": found.is_some(), "count": last}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Timeouts {
    #[serde(default)]
    timeout_s: f64,
    #[serde(rename = "recoveryTimeout_s")]
    recovery_timeout_s: Option<f64>,
}

/// What an admitted workload's clock runs for.
pub fn pods_ready(question: &Question, fields: &Fields<'_>) -> Result<Value, Refusal> {
    let options = fields.optional::<Timeouts>("waitForPodsReady")?.map(|given| {
        let recovery = given.recovery_timeout_s.map(SimDuration::from_secs_f64);
        WaitForPodsReady::new(SimDuration::from_secs_f64(given.timeout_s), recovery)
    });
    let counting = counting(question.only_workload()?, options.as_ref(), question.now);
    let (name, left) = counting.map_or(("", 0.0), |(what, left)| (what.name(), left.as_secs_f64()));
    let left = if left.fract() == 0.0 { json!(left as i64) } else { json!(left) };
    Ok(json!({"counting_for": name, "seconds_left": left}))
}

/// Whether a workload may be tried again.
pub fn backoff_over(question: &Question) -> Result<Value, Refusal> {
    Ok(json!({"may_return": may_return(question.only_workload()?, question.now)}))
}
