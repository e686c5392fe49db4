//! The cases through the other door as well: a run that stands at that moment must provision and disrupt as `decide`
//! does, and say it in the same words. What the simulation can't bring about is named and counted.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::input::Question;
use super::output::decision;
use super::{Judged, judge};
use crate::cli::decide::both_doors::{allow, node_group, workload};
use crate::cluster::{ClusterView, NodeGroupId, NodeShapeId, WorkloadId};
use crate::scenario::{DaemonSet, Karpenter, Scenario};
use crate::sim::DecisionRecord;
use crate::sim::standing::{Standing, pass_at};
use crate::units::SimTime;

/// Why a case can't be brought about in a run.
type Inexpressible = &'static str;

const REFUSED: Inexpressible = "the input is refused";
const NOMINATED: Inexpressible = "a pod is nominated to a node that is there";
const BUDGETS: Inexpressible = "a budget's status follows from its pods";

fn standing(question: &Question) -> (Scenario, Standing<'_>) {
    let state = &question.cluster.state;
    let mut scenario = Scenario { specs: state.specs.clone(), ..Scenario::default() };
    scenario.disruption_budgets.clone_from(&question.budgets);
    scenario.daemon_sets =
        question.daemon_sets.iter().map(|spec| DaemonSet { workload: WorkloadId(0), spec: *spec }).collect();
    for (index, pool) in question.pools.iter().enumerate() {
        let mut group = node_group(NodeGroupId::new(index), &pool.name, NodeShapeId(0));
        group.is_node_pool = true;
        scenario.node_groups.push(group);
    }
    scenario.karpenter = Some(Karpenter {
        options: question.options.clone(),
        node_pools: question.pools.clone(),
        groups: (0..question.pools.len()).map(NodeGroupId::new).collect(),
        catalogue: question.catalogue.clone(),
        stock_outs: Vec::new(),
        launch_errors: Default::default(),
    });
    let mut workloads = vec![(0, 0)];
    scenario.workloads.push(workload(WorkloadId(0), "default", "pods", None));
    allow(&question.budgets, state, &mut scenario, &mut workloads);
    let nodes = state.node_views().map(|view| question.cluster.nodes[view.id.index()].1.created);
    let nodes: Vec<(SimTime, SimTime)> = nodes.map(|created| (created, created)).collect();
    let targets = vec![0; scenario.node_groups.len()];
    (scenario, Standing { now: question.now, cluster: state, nodes, targets, workloads })
}

/// What both doors make of an input, as `decide` shows it, and what the run told.
fn both(input: &Value) -> Result<(Value, Value, Vec<DecisionRecord<'static>>), Inexpressible> {
    let question = Question::read(input).map_err(|_| REFUSED)?;
    let state = &question.cluster.state;
    let is_nowhere = |id, name: &Option<String>| name.is_some() && state.pod(id).nominated_node.is_none();
    if question.cluster.pods.iter().any(|(id, live)| is_nowhere(*id, &live.nominated_node_name)) {
        return Err(NOMINATED);
    }
    let (scenario, standing) = standing(&question);
    let ran = pass_at(&scenario, &standing, &question.claims, &question.interrupted);
    if ran.budgets != question.budgets {
        return Err(BUDGETS);
    }
    let snapshot = question.snapshot();
    let decided = judge(&snapshot, &question.interrupted);
    let ran_so = Judged {
        provisioning: ran.provisioning,
        disruption: ran.disruption,
        forced: ran.forced,
        waited: decided.waited,
    };
    Ok((decision(&question, &snapshot, &decided), decision(&question, &snapshot, &ran_so), ran.told))
}

/// Every row of the run is among what `decide` says, and the other way round.
fn check_words(decided: &Value, told: &[DecisionRecord<'_>]) -> Result<(), String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reasons: Vec<String> = decided["reasons"].as_array().into_iter().flatten().map(text).collect();
    let mut told_of_pods = BTreeMap::new();
    let mut rows: Vec<String> = Vec::new();
    for row in told {
        let (kind, name) = row.object.split_once('/').unwrap_or(("", &row.object));
        match (kind, &*row.to) {
            ("nodeclaim", "Launched") => {
                let pool = name.rsplit_once('-').map_or(name, |(pool, _)| pool);
                let why = row.reason.strip_prefix("pods unschedulable; ").unwrap_or(&row.reason);
                rows.push(format!("NodePool {pool}: {why}"));
            }
            ("nodepool", "OutOfStock") => rows.push(format!("NodePool {name}: {}", row.reason)),
            ("nodepool", _) => rows.push(format!("NodePool {name} is left out: {}", row.reason)),
            ("nodeclaim", _) => {
                if !reasons.iter().any(|reason| reason.contains(&*row.reason)) {
                    return Err(format!("the run alone says of {name}: {}", row.reason));
                }
            }
            _ => _ = told_of_pods.insert(name.rsplit('/').next().unwrap_or(name).to_owned(), row.reason.to_string()),
        }
    }
    if let Some(row) = rows.iter().find(|row| !reasons.contains(row)) {
        return Err(format!("the run alone says: {row}"));
    }
    let of_pools = |reason: &&String| reason.starts_with("NodePool ");
    if let Some(reason) = reasons.iter().filter(of_pools).find(|reason| !rows.contains(reason)) {
        return Err(format!("decide alone says: {reason}"));
    }
    let unplaced = decided["unschedulablePods"].as_array().map_or(&[][..], Vec::as_slice);
    for pod in unplaced {
        let name = text(&pod["pod"]);
        let Some(said) = told_of_pods.remove(&name) else { return Err(format!("the run says nothing of {name}")) };
        let pools = pod["nodePools"].as_object().into_iter().flatten();
        let parts = pools.map(|(pool, why)| format!("{pool}: {}", text(why))).chain(pod.get("reason").map(text));
        if let Some(part) = parts.into_iter().find(|part| !said.contains(part)) {
            return Err(format!("{name}: decide alone says {part:?}, the run {said:?}"));
        }
    }
    if told_of_pods.is_empty() { Ok(()) } else { Err(format!("the run alone says: {told_of_pods:?}")) }
}

#[test]
fn a_run_that_stands_at_the_moment_of_a_case_decides_and_says_what_decide_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/karpenter");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut agreed, mut differ) = (0, Vec::new());
    let mut left: BTreeMap<Inexpressible, usize> = BTreeMap::new();
    for file in files {
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for case in cases {
            let name = &case["name"];
            match both(&case["input"]) {
                Err(why) => *left.entry(why).or_default() += 1,
                Ok((decided, ran, _)) if decided != ran => {
                    differ.push(format!("{name}:\n  decide {decided}\n  run    {ran}"));
                }
                Ok((decided, _, told)) => match check_words(&decided, &told) {
                    Ok(()) => agreed += 1,
                    Err(why) => differ.push(format!("{name}: {why}\n  decide {}", decided["reasons"])),
                },
            }
        }
    }
    assert!(differ.is_empty(), "{} differ\n{}", differ.len(), differ.join("\n"));
    assert_eq!((agreed, left), (235, BTreeMap::from([(REFUSED, 26), (NOMINATED, 2)])));
}
