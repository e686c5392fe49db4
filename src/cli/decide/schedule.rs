//! `windtunnel decide schedule`: where would kube-scheduler put this pod now, and why there?
//!
//! Scores are normalized (0 to 100) times the plugin's weight, plugins that upstream would skip for the pod are left
//! out, and `total` is their sum. Ties are broken by one draw under `--seed` over `candidates`. Preemption's dry run
//! starts at the first node, where upstream draws its start.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::release::{envelope, not_modelled};
use super::{Refusal, objects};
use crate::cluster::{ClusterView, DisruptionBudget, NodeId, PodId};
use crate::scenario::manifest::{LoadedCluster, ManifestError, PriorityClasses, live_pod, scheduler_options};
use crate::scheduler::filter::Rejection;
use crate::scheduler::score::{ScoreTable, Scoring, candidates};
use crate::scheduler::{
    Cycle, Hopeless, Memory, NoPreemption, PreemptionAttempt, Profile, Selection, VersionedBehaviour, feasible_nodes,
    schedule,
};
use crate::units::{SimTime, random};

const FIELDS: &[&str] = &[
    "now",
    "pods",
    "nodes",
    "scheduled",
    "configuration",
    "profile",
    "scheduler",
    "podDisruptionBudgets",
    "priorityClasses",
];

/// Judges one pending pod.
pub fn decide(input: &Value, seed: u64) -> Result<Value, Refusal> {
    let mut question = Question::read(input)?;
    if let Some(reason) = question.not_scheduled() {
        return Ok(json!({"node": null, "candidates": [], "scores": {}, "filtered": {}, "reasons": [reason]}));
    }
    let cluster = std::mem::take(&mut question.cluster);
    let view: &dyn ClusterView = &cluster.state;
    let cycle = Cycle::for_pod(view, question.pod);
    let name = |node: NodeId| view.node(node).map_or_else(String::new, |node| node.name.to_string());

    let feasible = feasible_nodes(view, &cycle, &question.profile, &mut question.memory.clone());
    let mut rng = random::stream(seed, "schedule", 0);
    let selected = schedule(view, &cycle, &question.profile, &mut question.memory, &mut rng);
    // Upstream does not score a lone feasible node; its scores are worked out here only to be shown.
    let scoring = Scoring::new(view, &cycle, &question.profile.settings, &candidates(&feasible.nodes));
    let scores = ScoreTable::new(view, &scoring, &question.profile.scores, feasible.nodes);

    let mut decision = Map::new();
    let mut reasons = std::mem::take(&mut question.notes);
    decision.insert("node".into(), selected.as_ref().map_or(Value::Null, |selection| name(selection.node).into()));
    let tied = selected.as_ref().map_or(&[][..], |selection| &selection.tied);
    decision.insert("candidates".into(), tied.iter().map(|node| name(*node)).collect());
    decision.insert("scores".into(), scores_by_node(&scores, name));
    decision.insert("filtered".into(), filtered_by_node(&feasible.rejected, &cycle, name));
    match selected {
        Ok(selection) => reasons.push(why_selected(&selection, &scores, name)),
        Err(rejected) => {
            reasons.push(why_nowhere(&rejected, &cycle));
            let attempt = PreemptionAttempt {
                view,
                cycle: &cycle,
                profile: &question.profile,
                nominations: &question.memory.nominations,
                rejected: &rejected,
                budgets: &question.budgets,
                now: question.now,
                offset: 0,
            };
            match attempt.run() {
                Ok(preemption) => {
                    let victims: Vec<String> =
                        preemption.victims.iter().map(|pod| view.pod_info(*pod).name.to_string()).collect();
                    reasons.push(format!(
                        "preemption: {} would be evicted from {}, breaking {} disruption budgets",
                        victims.join(", "),
                        name(preemption.node),
                        preemption.pdb_violations,
                    ));
                    decision.insert(
                        "preemption".into(),
                        json!({
                            "node": name(preemption.node),
                            "victims": victims,
                            "pdbViolations": preemption.pdb_violations,
                        }),
                    );
                }
                Err(why) => reasons.extend(why_no_preemption(&why, &cycle, name)),
            }
        }
    }
    decision.insert("reasons".into(), reasons.into());
    Ok(Value::Object(decision))
}

/// An input, read.
struct Question {
    cluster: LoadedCluster,
    pod: PodId,
    profile: Profile,
    memory: Memory,
    budgets: Vec<DisruptionBudget>,
    /// Without one, later than any start: pods that have not started are the youngest.
    now: SimTime,
    /// Why the pod would not even be tried.
    held_back: Option<String>,
    notes: Vec<String>,
}

impl Question {
    fn read(input: &Value) -> Result<Question, Refusal> {
        let (envelope, release) = envelope(input, FIELDS)?;
        let priorities = objects::priority_classes(&envelope)?;
        let mut cluster = LoadedCluster::default();
        objects::nodes(&envelope, &mut cluster)?;
        let (mut memory, mut notes) = (Memory::default(), not_modelled(&release));
        for (index, raw) in envelope.items::<Pod>("scheduled")?.iter().enumerate() {
            let within = |error: ManifestError| error.within(format!("scheduled[{index}]"));
            let id = cluster.add_pod(raw, &priorities).map_err(within)?;
            let (_, pod) = cluster.pods.last().expect("just added");
            let info = cluster.state.pod(id);
            match (info.node, info.nominated_node) {
                _ if info.is_terminal() => {}
                (Some(_), _) => {}
                (None, Some(nominated)) if pod.node_name.is_none() => memory.nominations.add(id, nominated),
                _ => match &pod.node_name {
                    Some(node) => notes.push(format!("pod {} runs on {node}, which is not listed: left out", pod.name)),
                    None => {
                        let problem = "the pod is on no node and nominated to none";
                        return Err(within(ManifestError::new("spec.nodeName", problem)).into());
                    }
                },
            }
        }
        let pods = envelope.items::<Pod>("pods")?;
        let [raw] = &pods[..] else {
            return Err(Refusal::new("pods", format!("exactly one pending pod is expected, not {}", pods.len())));
        };
        let scheduler_name = raw.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref());
        let mut profile = read_profile(&envelope, scheduler_name.unwrap_or("default-scheduler"))?;
        profile.settings.options.versioned = VersionedBehaviour::of(&release);
        let budgets = objects::disruption_budgets(&envelope)?;
        let (pod, held_back) = add_pending(&mut cluster, raw, &priorities).map_err(|error| error.within("pods[0]"))?;
        let now = envelope.instant("now")?.unwrap_or(SimTime::MAX);
        Ok(Question { cluster, pod, profile, memory, budgets, now, held_back, notes })
    }

    fn not_scheduled(&self) -> Option<&str> {
        self.held_back.as_deref()
    }
}

/// The pod keeps `spec.nodeName` as a constraint, and holds no room.
fn add_pending(
    cluster: &mut LoadedCluster,
    raw: &Pod,
    priorities: &PriorityClasses,
) -> Result<(PodId, Option<String>), ManifestError> {
    let mut pod = live_pod(raw, priorities, &mut cluster.state.specs.resources)?;
    let held_back = if pod.deletion.is_some() {
        Some(format!("pod {} is being deleted", pod.name))
    } else if !pod.spec.scheduling_gates.is_empty() {
        Some(format!("pod {} waits for its scheduling gates: {}", pod.name, pod.spec.scheduling_gates.join(", ")))
    } else {
        None
    };
    pod.spec.node_name = pod.node_name.take();
    let nominated = pod.nominated_node_name.as_ref().and_then(|name| cluster.node_ids.get(name)).copied();
    let spec = cluster.state.specs.intern_pod(pod.spec.clone());
    let id = cluster.state.add_pod(pod.info(spec, None, nominated));
    Ok((id, held_back))
}

/// The configuration goes by one of three names.
fn read_profile(envelope: &Fields<'_>, scheduler_name: &str) -> Result<Profile, Refusal> {
    let given: Vec<_> = ["configuration", "profile", "scheduler"]
        .iter()
        .filter_map(|field| envelope.get(field).map(|raw| (*field, raw)))
        .collect();
    match given[..] {
        [] => Ok(Profile::default()),
        [(field, raw)] => {
            let options = scheduler_options(raw, scheduler_name).map_err(|error| error.within(field))?;
            Profile::new(options).map_err(|error| Refusal::new(field, error.to_string()))
        }
        [_, (second, _), ..] => Err(Refusal::new(second, "one configuration is enough")),
    }
}

fn scores_by_node(scores: &ScoreTable, name: impl Fn(NodeId) -> String) -> Value {
    let of = |index: usize| {
        let mut of_node: Map<String, Value> =
            scores.plugins.iter().map(|plugin| (plugin.name.to_owned(), plugin.weighted[index].into())).collect();
        of_node.insert("total".into(), scores.totals[index].into());
        Value::Object(of_node)
    };
    scores.nodes.iter().enumerate().map(|(index, node)| (name(*node), of(index))).collect::<Map<_, _>>().into()
}

fn filtered_by_node(rejected: &[(NodeId, Rejection)], cycle: &Cycle<'_>, name: impl Fn(NodeId) -> String) -> Value {
    let entry = |rejection: &Rejection| json!({"plugin": rejection.plugin, "reason": rejection.reason.display(cycle.specs).to_string()});
    rejected.iter().map(|(node, rejection)| (name(*node), entry(rejection))).collect::<Map<_, _>>().into()
}

fn why_selected(selection: &Selection, scores: &ScoreTable, name: impl Fn(NodeId) -> String) -> String {
    let node = name(selection.node);
    if selection.scores.is_none() {
        return format!("{node} is the only feasible node");
    }
    let total = scores.totals.iter().max().copied().unwrap_or(0);
    match selection.tied.len() {
        1 => format!("{node} has the highest score of {} feasible nodes: {total}", scores.nodes.len()),
        tied => format!("{node} was drawn from the {tied} nodes with the highest score, {total}"),
    }
}

/// As upstream's event: how many nodes refused for each reason.
fn why_nowhere(rejected: &[(NodeId, Rejection)], cycle: &Cycle<'_>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, rejection) in rejected {
        let text = format!("{}: {}", rejection.plugin, rejection.reason.display(cycle.specs));
        *counts.entry(text).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(text, count)| format!("{count} {text}")).collect();
    let nodes = rejected.len();
    if nodes == 0 { "there are no nodes".into() } else { format!("0 of {nodes} nodes fit: {}", counts.join("; ")) }
}

fn why_no_preemption(why: &NoPreemption, cycle: &Cycle<'_>, name: impl Fn(NodeId) -> String) -> Vec<String> {
    let text = match why {
        NoPreemption::Disabled => "preemption: switched off".to_owned(),
        NoPreemption::Never => "preemption: the pod's preemptionPolicy is Never".to_owned(),
        NoPreemption::VictimsTerminating(node) => {
            format!("preemption: pods of lower priority are still leaving {}", name(*node))
        }
        NoPreemption::NoCandidate(nodes) => {
            let of_node = |(node, hopeless): &(NodeId, Hopeless)| {
                let why = match hopeless {
                    Hopeless::Unresolvable => "evicting pods would not help".to_owned(),
                    Hopeless::NoLowerPriorityPods => "no pods of lower priority".to_owned(),
                    Hopeless::Refused(rejection) => {
                        let reason = rejection.reason.display(cycle.specs);
                        format!("even without pods of lower priority, {}: {reason}", rejection.plugin)
                    }
                };
                format!("preemption on {}: {why}", name(*node))
            };
            return nodes.iter().map(of_node).collect();
        }
    };
    vec![text]
}
