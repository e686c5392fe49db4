//! The cases of whole loops through the other door as well: a run that stands at that moment must decide what `decide`
//! does, and say it in the same words. What the simulation can't bring about is named and counted.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::question::Question;
use super::show::show;
use crate::autoscaler::cluster_autoscaler::{Decision, Owner, Owners as _, run_once};
use crate::cli::decide::both_doors::{allow, node_group, said, workload};
use crate::cluster::{ClusterView, Controller, WorkloadId};
use crate::scenario::{DaemonSet, Scenario};
use crate::sim::standing::{Looped, Standing, loop_at};
use crate::units::random;

/// Why a case can't be brought about in a run.
type Inexpressible = &'static str;

const REFUSED: Inexpressible = "the input is refused";
const COMPONENT: Inexpressible = "a step of the loop by itself";
const NO_TEMPLATE: Inexpressible = "a group of a scenario knows its nodes' shape";
const NO_PRICE: Inexpressible = "a group of a scenario has a price";
const TARGET: Inexpressible = "a scaling group has no more machines than its target";
const OWNER: Inexpressible = "a pod's controller is there as long as the pod";
const BUDGETS: Inexpressible = "a budget's status follows from its pods";
const NOMINATED: Inexpressible = "a pod is nominated to a node that is there";

fn standing(question: &Question) -> Result<(Scenario, Standing<'_>), Inexpressible> {
    let Question { cluster, groups, options, .. } = question;
    let state = &cluster.state;
    let is_nowhere = |id, name: &Option<String>| name.is_some() && state.pod(id).nominated_node.is_none();
    if cluster.pods.iter().any(|(id, live)| is_nowhere(*id, &live.nominated_node_name)) {
        return Err(NOMINATED);
    }
    let mut scenario = Scenario { specs: state.specs.clone(), ..Scenario::default() };
    scenario.cluster_autoscaler = Some(options.clone());
    scenario.disruption_budgets.clone_from(&question.budgets);
    scenario.daemon_sets =
        question.daemon_sets.iter().map(|spec| DaemonSet { workload: WorkloadId(0), spec: *spec }).collect();
    let mut targets = Vec::new();
    for group in groups {
        let of_nodes: Vec<_> = state.node_views().filter(|node| node.shape.group == Some(group.id)).collect();
        let shape = group.template.or_else(|| of_nodes.first().map(|node| node.state.shape)).ok_or(NO_TEMPLATE)?;
        if group.target_size < of_nodes.len() as i64 {
            return Err(TARGET);
        }
        if group.price.is_none() && options.expander.to_string().contains("price") {
            return Err(NO_PRICE);
        }
        targets.push(group.target_size as u32);
        let mut of_cloud = node_group(group.id, &group.name, shape);
        of_cloud.min_size = group.min_size as u32;
        of_cloud.max_size = group.max_size as u32;
        of_cloud.price = group.price.unwrap_or_default();
        of_cloud.priority = group.priority;
        of_cloud.autoscaling = group.options.clone();
        scenario.node_groups.push(of_cloud);
    }
    let mut workloads = vec![(0, 0)];
    scenario.workloads.push(workload(WorkloadId(0), "default", "pods", None));
    owners(question, &mut scenario, &mut workloads)?;
    allow(&question.budgets, state, &mut scenario, &mut workloads);
    let nodes = question.records.iter().map(|record| (record.created, record.ready_transition)).collect();
    Ok((scenario, Standing { now: question.now, cluster: state, nodes, targets, workloads }))
}

/// A scenario's controllers have the replica counts of the input's, and none is missing.
fn owners(question: &Question, scenario: &mut Scenario, workloads: &mut Vec<(u32, u32)>) -> Result<(), Inexpressible> {
    let mut known: Vec<(&str, &Controller)> = Vec::new();
    for (id, _) in &question.cluster.pods {
        let spec_id = question.cluster.state.pod(*id).spec;
        let spec = question.cluster.state.specs.pod(spec_id);
        let Some(controller) = &spec.controller else { continue };
        match question.owners.find(&spec.namespace, controller) {
            Owner::Missing => return Err(OWNER),
            Owner::Found { replicas: Some(replicas) } if !known.contains(&(&spec.namespace, controller)) => {
                known.push((&spec.namespace, controller));
                let id = WorkloadId::new(scenario.workloads.len());
                scenario.workloads.push(workload(id, &spec.namespace, &controller.name, Some(spec_id)));
                workloads.push((replicas as u32, 0));
            }
            Owner::Found { .. } => {}
        }
    }
    Ok(())
}

/// What both doors make of an input, as `decide` shows it, and what the run told.
fn both(input: &Value) -> Result<(Value, Value, Vec<String>), Inexpressible> {
    if input.get("kind").is_some() {
        return Err(COMPONENT);
    }
    let question = Question::read(input).map_err(|_| REFUSED)?;
    let (scenario, standing) = standing(&question)?;
    let rng = random::stream(0, "expander", 0);
    let Looped { decision, state, told, budgets } = loop_at(&scenario, &standing, question.state.clone(), rng.clone());
    if budgets != question.budgets {
        return Err(BUDGETS);
    }
    let snapshot = question.snapshot();
    let ran = show(&question, &snapshot, &decision, &state);
    let (mut memory, mut rng) = (question.state.clone(), rng);
    let decided: Decision = run_once(&snapshot, &question.options, &mut memory, &mut rng);
    let decided = show(&question, &snapshot, &decided, &memory);
    Ok((decided, ran, told.iter().map(said).collect()))
}

/// What `decide` says that a run has a row for: all but odd inputs, and what is given up, of which the run tells the
/// cloud's answer as well.
fn to_be_told(question: &Value) -> Vec<String> {
    let mut expected: Vec<String> =
        question["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap().to_owned()).collect();
    for unhelped in question["unschedulablePods"].as_array().unwrap() {
        let reasons = unhelped["reasons"].as_object().unwrap();
        let reasons: Vec<String> =
            reasons.iter().map(|(group, why)| format!("{group}: {}", why.as_str().unwrap())).collect();
        expected.push(format!("pod {}: {}", unhelped["pod"].as_str().unwrap(), reasons.join("; ")));
    }
    let is_apart = |said: &String| {
        said.contains(": target lowered by ")
            || said.contains("an instance is deleted")
            || said.contains("its group ")
            || said.contains("no Ready condition")
    };
    expected.retain(|said| !is_apart(said));
    expected.sort();
    expected
}

#[test]
fn a_run_that_stands_at_the_moment_of_a_case_decides_and_says_what_decide_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let in_folder = |name: &str| std::fs::read_dir(folder.join(name)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = in_folder("cluster_autoscaler_loop").chain(in_folder("cluster-autoscaler")).collect();
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
                Ok((decided, _, mut told)) => {
                    told.sort();
                    let expected = to_be_told(&decided);
                    if told == expected {
                        agreed += 1;
                    } else {
                        differ.push(format!("{name}:\n  decide says {expected:#?}\n  the run     {told:#?}"));
                    }
                }
            }
        }
    }
    assert!(differ.is_empty(), "{} differ\n{}", differ.len(), differ.join("\n"));
    let expected = BTreeMap::from([
        (REFUSED, 13),
        // The steps of `tests/conformance/cluster-autoscaler`, and one input that misspells its step.
        (COMPONENT, 100),
        (OWNER, 2),
        (NO_TEMPLATE, 1),
    ]);
    assert_eq!((agreed, left), (107, expected));
}
