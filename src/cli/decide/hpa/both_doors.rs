//! The cases of whole syncs through the other door as well: a run that stands at that moment must decide and remember
//! what `decide` does. What the simulation can't bring about is named, case by case.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::compact_as_whole;
use super::moment::Moment;
use super::whole_sync::Question;
use crate::autoscaler::hpa::{
    Decision, Memory, MetricSpec, Observed, Observer, PodState, ReadyStatus, Samples, SelectorState,
};
use crate::cluster::{Container, PodPhase, PodSpec, PodSpecId, WorkloadId, resource};
use crate::load::SignalSpec;
use crate::scenario::manifest::admit_autoscaler;
use crate::scenario::{
    ExternalMetric, ExternalSource, GpuUsage, Hpa, Owner, Scenario, UsageModel, Workload, WorkloadKind,
};
use crate::sim::moment::{GivenPod, Moment as Standing, sync_at};
use crate::units::{Distribution, Quantity, SimDuration};

/// Why a case can't be brought about in a run.
type Inexpressible = &'static str;

/// What a sync decided, and what the controller remembers then.
type Synced = (Decision, Memory);

/// What `decide` and what a run makes of an input.
fn both(input: &Value) -> Result<(Synced, Synced), Inexpressible> {
    let question = Question::read(input).map_err(|_| "the input is refused")?;
    admit_autoscaler(&question.spec).map_err(|_| NOT_ADMITTED)?;
    let (scenario, standing, elsewhere) = standing(&question)?;
    let ran = sync_at(&scenario, &standing, elsewhere);
    let Question { now, spec, flags, mut memory, moment, .. } = question;
    let decision = Observer::default().sync(now, &moment.scale, &moment, &spec, &flags, &mut memory);
    Ok(((decision, memory), ran))
}

fn standing(question: &Question) -> Result<(Scenario, Standing, PodSpecId), Inexpressible> {
    let Question { now, spec, flags, memory, moment, .. } = question;
    if moment.scale.selector != SelectorState::Valid {
        return Err(SELECTOR);
    }
    let mut spec = spec.clone();
    let mut scenario = Scenario { hpa_flags: *flags, ..Scenario::default() };
    let namespace = moment.namespace.clone().unwrap_or_else(|| "default".to_owned());
    let mut pods = Vec::new();
    for index in 0..moment.pods() {
        let own = PodSpec { namespace: namespace.clone(), ..moment.spec(index).clone() };
        let state = moment.state(index);
        check_state(&state)?;
        pods.push(GivenPod {
            name: moment.pod_name(index),
            spec: scenario.specs.intern_pod(own),
            state,
            cpu: None,
            memory: None,
            requests_per_second: None,
        });
    }
    let elsewhere = scenario.specs.intern_pod(PodSpec { namespace: "elsewhere".to_owned(), ..PodSpec::default() });
    for metric in &mut spec.metrics {
        give(metric, moment, &mut pods, &mut scenario)?;
    }
    let id = WorkloadId(0);
    let kind = WorkloadKind::Replicated {
        owner: Owner::Deployment,
        replicas: 0,
        spec: elsewhere,
        selector: moment.selector.clone(),
        ordered: false,
        readiness_delay: Distribution::constant(SimDuration::ZERO),
        update: Default::default(),
    };
    let usage = UsageModel { cpu: 0.0, memory: 0.0, gpu: GpuUsage(0.0) };
    let namespace = Arc::from(namespace.as_str());
    scenario.workloads.push(Workload { id, name: Arc::from("web"), namespace, kind, usage, volumes: Vec::new() });
    scenario.hpas.push(Hpa { name: Arc::from("web"), target: id, spec, scaled_to_zero: false });
    let standing = Standing {
        now: *now,
        spec_replicas: moment.scale.spec_replicas,
        status_replicas: moment.scale.status_replicas,
        pods,
        memory: memory.clone(),
    };
    Ok((scenario, standing, elsewhere))
}

/// A kubelet that has taken up a pod has written both its start and its condition.
fn check_state(state: &PodState) -> Result<(), Inexpressible> {
    if state.phase != Some(PodPhase::Running) {
        return Ok(());
    }
    match (state.start, state.ready) {
        (Some(_), Some(ready)) if ready.status != ReadyStatus::Unknown => Ok(()),
        _ => Err(NO_START),
    }
}

/// Gives the pods, or the metrics APIs, what the case has of one metric.
fn give(
    metric: &mut MetricSpec,
    moment: &Moment,
    pods: &mut [GivenPod],
    scenario: &mut Scenario,
) -> Result<(), Inexpressible> {
    let per_pod =
        |found: Samples, known: usize| match (found.foreign.is_empty(), found.of_pods.iter().flatten().count()) {
            (false, _) => Err(FOREIGN),
            (true, samples) if samples < known => Err(TOGETHER),
            _ => Ok(found.of_pods),
        };
    match metric {
        MetricSpec::Resource { resource, .. } => {
            let mut found = Samples::default();
            if moment.resource(resource, None, &mut found).is_ok() {
                for (pod, sample) in pods.iter_mut().zip(per_pod(found, moment.pods_with_metrics())?) {
                    *slot(pod, resource)? = sample;
                }
            }
        }
        MetricSpec::ContainerResource { resource, container, .. } => {
            let mut found = Samples::default();
            if moment.resource(resource, Some(container), &mut found).is_ok() {
                let samples = per_pod(found, moment.pods_with_metrics())?;
                for (index, (pod, sample)) in pods.iter_mut().zip(samples).enumerate() {
                    let whole = sample.map(|mut sample| {
                        sample.value = whole_of(moment.spec(index), resource, container, sample.value);
                        sample
                    });
                    let slot = slot(pod, resource)?;
                    if slot.is_some_and(|other| Some(other) != whole) {
                        return Err("a container's use is its part of the pod's by requests");
                    }
                    *slot = whole;
                }
            }
        }
        MetricSpec::Pods { metric, .. } => {
            let mut found = Samples::default();
            if moment.per_pod(metric, &mut found).is_ok() {
                for (pod, sample) in pods.iter_mut().zip(per_pod(found, 0)?) {
                    let value = sample.map(|sample| sample.value);
                    if pod.requests_per_second.replace(value.unwrap_or(0)).is_some() || value.is_none() {
                        pod.requests_per_second = value;
                    }
                }
            }
            // Any name will do, as long as pods export it.
            metric.name = "requests_per_second".to_owned();
        }
        MetricSpec::Object { metric, described_object, .. } => {
            let mut values = Vec::new();
            if moment.object(described_object, metric, &mut values).is_ok() {
                let object = (Arc::from(described_object.kind.as_str()), Arc::from(described_object.name.as_str()));
                scenario.external_metrics.push(series(&metric.name, Some(object), Default::default(), values[0])?);
            }
        }
        MetricSpec::External { metric, .. } => {
            for known in &moment.apis.external {
                if known.name == metric.name {
                    scenario.external_metrics.push(series(&known.name, None, known.labels.clone(), known.value)?);
                }
            }
        }
        MetricSpec::Unknown { .. } => {}
    }
    Ok(())
}

fn slot<'a>(
    pod: &'a mut GivenPod,
    name: &str,
) -> Result<&'a mut Option<crate::autoscaler::hpa::Sample>, Inexpressible> {
    match name {
        resource::CPU => Ok(&mut pod.cpu),
        resource::MEMORY => Ok(&mut pod.memory),
        _ => Err("metrics-server knows CPU and memory"),
    }
}

/// A pod's use of which the container's part by requests is `value`.
fn whole_of(spec: &PodSpec, name: &str, container: &str, value: i64) -> i64 {
    let request = |container: &Container| match name {
        resource::CPU => container.requests.cpu.get(),
        _ => container.requests.memory.get(),
    };
    let running = || spec.running();
    let part = running().find(|other| other.name == container).map_or(0, request);
    let whole: i64 = running().map(request).sum();
    match part {
        0 => value * running().count() as i64,
        part => (value * whole + part - 1) / part,
    }
}

fn series(
    name: &str,
    object: Option<(Arc<str>, Arc<str>)>,
    labels: crate::cluster::Labels,
    value: i64,
) -> Result<ExternalMetric, Inexpressible> {
    if !(0..=1 << 50).contains(&value) {
        return Err(NO_NEGATIVE);
    }
    let signal = SignalSpec { constant: Some(Quantity::from_milli(value)), ..SignalSpec::default() };
    let source = ExternalSource::Signal { signal: Box::new(signal), entity: 0 };
    Ok(ExternalMetric { name: Arc::from(name), labels, object, source })
}

const TOGETHER: Inexpressible = "a pod's containers have samples together, of all resources";
const NOT_ADMITTED: Inexpressible = "the API server refuses the object";
const FOREIGN: Inexpressible = "metrics-server knows the pods of the cluster only";
const SELECTOR: Inexpressible = "a workload of a scenario has a selector, and it was checked";
const NO_START: Inexpressible = "a running pod has a start, and is Ready or not";

const NO_NEGATIVE: Inexpressible = "a signal is neither negative nor beyond what a float holds";
const A_STEP: Inexpressible = "a step within a sync";

/// What a run can't bring about, case by case.
const NOT_IN_A_RUN: [(&str, Inexpressible); 14] = [
    ("a container that no pod's metrics have fails the metric", TOGETHER),
    ("scale up with one invalid metric", NOT_ADMITTED),
    ("superfluous metrics", FOREIGN),
    ("no pods", FOREIGN),
    ("selector missing", SELECTOR),
    ("selector unparsable", SELECTOR),
    ("only an invalid metric source type", NOT_ADMITTED),
    ("no scale down where one metric is invalid", NOT_ADMITTED),
    ("scale down to zero where the minimum is zero", NOT_ADMITTED),
    ("a pod whose metrics lack the container is missing, the metric goes on", TOGETHER),
    ("on the way down the pod without the container's sample is taken to use its request", TOGETHER),
    ("no pod has a sample of the container: nothing to compute from", TOGETHER),
    ("Object with value and averageValue: the controller goes by the type", NO_START),
    ("Object with value and averageValue, type AverageValue", NO_START),
];

#[test]
fn a_run_that_stands_at_the_moment_of_a_case_decides_as_decide_does() {
    let (agreed, left) = through_both("hpa_sync");
    let left: Vec<(&str, &str)> = left.iter().map(|(name, why)| (name.as_str(), *why)).collect();
    assert_eq!(left, NOT_IN_A_RUN);
    assert!(agreed >= 30, "{agreed}");
}

#[test]
fn a_run_follows_the_version_as_decide_does() {
    let (agreed, left) = through_both("hpa_versions");
    assert!(agreed >= 20, "{agreed}, not expressed: {left:?}");
}

/// The cases of a folder: how many a run decides as `decide` does, and which it can't express.
fn through_both(folder: &str) -> (usize, Vec<(String, Inexpressible)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut agreed, mut differ, mut left) = (0, Vec::new(), Vec::new());
    for file in files {
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for case in cases {
            let name = case["name"].as_str().unwrap().to_owned();
            match both(&case["input"]) {
                Ok((decided, ran)) if decided == ran => agreed += 1,
                Ok((decided, ran)) => differ.push(format!("{name}:\n  decide {decided:?}\n  run    {ran:?}")),
                Err(why) => left.push((name, why)),
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    (agreed, left)
}

/// Component cases of whole syncs, and of one metric, through both doors; the count is the one that the case expects.
#[test]
fn a_run_decides_compact_cases_as_they_expect_where_a_whole_sync_can_express_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/hpa");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut agreed, mut differ) = (0, Vec::new());
    let mut left: BTreeMap<Inexpressible, usize> = BTreeMap::new();
    for file in files {
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for case in cases {
            let kind = case["input"]["kind"].as_str().unwrap().to_owned();
            if !compact_as_whole::KINDS.contains(&kind.as_str()) {
                *left.entry(A_STEP).or_default() += 1;
                continue;
            }
            match compact_as_whole::whole(&case["input"]).and_then(|input| both(&input)) {
                Ok((decided, ran)) if decided == ran && is_expected(&kind, &ran.0, &case["expect"]) => agreed += 1,
                Ok((decided, ran)) => {
                    differ.push(format!("{}: {}\n  decide {decided:?}\n  run    {ran:?}", case["name"], case["expect"]))
                }
                Err(why) => *left.entry(why).or_default() += 1,
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    let expected = BTreeMap::from([
        (NO_START, 5),
        (NO_NEGATIVE, 1),
        (FOREIGN, 2),
        (NOT_ADMITTED, 1),
        // `grouping`, `requests`, `clamp`, `behavior`, `behavior_limit`, `stabilization…`, `event_log`.
        (A_STEP, 53),
    ]);
    assert_eq!((agreed, left), (51, expected));
}

/// A whole pass expects the count, the others what their one metric proposes.
fn is_expected(kind: &str, decision: &Decision, expect: &Value) -> bool {
    if kind == "reconcile" {
        return decision.desired_replicas == expect["replicas"];
    }
    match decision.metrics[0].result {
        Ok(proposal) => proposal.replicas == expect["replicas"],
        Err(error) => error.code() == expect["error"],
    }
}
