//! The compact form of component cases: pods, targets, rules and logs with ages instead of instants.

use serde_json::Value;

use super::super::super::Refusal;
use super::super::super::fields::Fields;
use crate::autoscaler::hpa::{
    Behavior, ContainerRequest, EventLog, HpaFlags, MetricError, MetricIdentifier, MetricSelector, MetricSpec,
    ObjectReference, PodRequests, PodState, PolicyType, Reading, ReadyCondition, ReadyStatus, Recommendation,
    RequestError, Requests, ResourceTarget, Sample, ScaleEvent, ScalingPolicy, ScalingRules, SelectPolicy, Tolerances,
    ValueTarget, pod_request,
};
use crate::cluster::PodPhase;
use crate::units::{SimDuration, SimTime};

/// "Now" in every component case.
pub(super) const NOW: SimTime = SimTime::ZERO;

/// An age in seconds (whole or not) as the instant it was at.
fn age(fields: &Fields<'_>, name: &str) -> Result<Option<SimTime>, Refusal> {
    Ok(seconds(fields, name)?.map(|age| NOW - age))
}

fn seconds(fields: &Fields<'_>, name: &str) -> Result<Option<SimDuration>, Refusal> {
    let Some(number) = fields.number(name)? else { return Ok(None) };
    Ok(Some(match fields.get(name).and_then(Value::as_i64) {
        Some(whole) => SimDuration::from_secs(whole),
        None => SimDuration::from_secs_f64(number),
    }))
}

pub(super) fn integers(fields: &Fields<'_>, name: &str) -> Result<Vec<i64>, Refusal> {
    let integer = |(path, value): (String, &Value)| {
        value.as_i64().ok_or_else(|| Refusal::new(path, format!("expected a 64-bit integer, found {value}")))
    };
    fields.list(name)?.into_iter().map(integer).collect()
}

/// `config` into the flags; absent fields keep theirs.
pub(super) fn config(fields: &Fields<'_>, flags: &mut HpaFlags) -> Result<(), Refusal> {
    let Some(value) = fields.get("config") else { return Ok(()) };
    let known = ["cpu_initialization_period_s", "initial_readiness_delay_s"];
    let config = Fields::new(value, fields.at("config"), &known)?;
    if let Some(period) = seconds(&config, "cpu_initialization_period_s")? {
        flags.cpu_initialization_period = period;
    }
    if let Some(delay) = seconds(&config, "initial_readiness_delay_s")? {
        flags.initial_readiness_delay = delay;
    }
    Ok(())
}

pub(super) fn tolerance(fields: &Fields<'_>, flags: &HpaFlags) -> Result<Tolerances, Refusal> {
    let mut tolerances = Tolerances { scale_up: flags.tolerance, scale_down: flags.tolerance };
    let Some(value) = fields.get("tolerance") else { return Ok(tolerances) };
    let pair = Fields::new(value, fields.at("tolerance"), &["scale_up", "scale_down"])?;
    tolerances.scale_up = pair.number("scale_up")?.unwrap_or(tolerances.scale_up);
    tolerances.scale_down = pair.number("scale_down")?.unwrap_or(tolerances.scale_down);
    Ok(tolerances)
}

/// One pod of a case.
pub(super) struct PodCase {
    pub name: String,
    pub state: PodState,
    containers: Vec<ContainerCase>,
    sampled_at: SimTime,
    window: SimDuration,
}

struct ContainerCase {
    name: String,
    request: Option<i64>,
    usage: Option<i64>,
}

impl PodCase {
    /// The pod's sample, or that of one container; `None` where a container lacks one.
    pub(super) fn sample(&self, container: Option<&str>) -> Option<Sample> {
        let value = self
            .containers
            .iter()
            .filter(|case| container.is_none_or(|wanted| case.name == wanted))
            .map(|case| case.usage)
            .try_fold(None, |sum: Option<i64>, usage| usage.map(|usage| Some(sum.unwrap_or(0).wrapping_add(usage))))
            .flatten()?;
        Some(Sample { value, timestamp: self.sampled_at, window: self.window })
    }

    fn request(&self, container: Option<&str>) -> Result<i64, RequestError> {
        let containers: Vec<ContainerRequest<'_>> =
            self.containers.iter().map(|case| ContainerRequest { name: &case.name, request: case.request }).collect();
        pod_request(
            &PodRequests { containers: &containers, ..PodRequests::default() },
            container,
            &HpaFlags::default().versioned,
        )
    }
}

pub(super) fn pods(fields: &Fields<'_>) -> Result<Vec<PodCase>, Refusal> {
    let mut pods = Vec::new();
    for (index, (path, value)) in fields.list("pods")?.into_iter().enumerate() {
        pods.push(pod(value, path, index)?);
    }
    Ok(pods)
}

fn pod(value: &Value, path: String, index: usize) -> Result<PodCase, Refusal> {
    let known = [
        "name",
        "phase",
        "ready",
        "start_age_s",
        "ready_transition_age_s",
        "deleting",
        "request_milli",
        "usage_milli",
        "metric_age_s",
        "metric_window_s",
        "containers",
    ];
    let fields = Fields::new(value, path, &known)?;
    let phase = match fields.text("phase")?.unwrap_or("Running") {
        "Running" => PodPhase::Running,
        "Pending" => PodPhase::Pending,
        "Succeeded" => PodPhase::Succeeded,
        "Failed" => PodPhase::Failed,
        other => {
            let problem = format!("{other:?} is not one of Running, Pending, Succeeded, Failed");
            return Err(Refusal::new(fields.at("phase"), problem));
        }
    };
    let last_transition = age(&fields, "ready_transition_age_s")?.unwrap_or(SimTime::MIN);
    let ready = fields.flag("ready")?.map(|ready| ReadyCondition {
        status: if ready { ReadyStatus::True } else { ReadyStatus::False },
        last_transition,
    });
    let mut containers = Vec::new();
    for (path, item) in fields.list("containers")? {
        let item = Fields::new(item, path, &["name", "request_milli", "usage_milli"])?;
        containers.push(ContainerCase {
            name: item.required_text("name")?.to_owned(),
            request: item.integer("request_milli")?,
            usage: item.integer("usage_milli")?,
        });
    }
    if fields.get("containers").is_none() {
        // Whole-pod amounts are those of a single container.
        let (request, usage) = (fields.integer("request_milli")?, fields.integer("usage_milli")?);
        containers.push(ContainerCase { name: String::new(), request, usage });
    }
    Ok(PodCase {
        name: fields.text("name")?.map_or_else(|| format!("p{index}"), str::to_owned),
        state: PodState {
            phase: Some(phase),
            deleting: fields.flag("deleting")?.unwrap_or(false),
            ready,
            start: age(&fields, "start_age_s")?,
        },
        containers,
        sampled_at: age(&fields, "metric_age_s")?.unwrap_or(NOW),
        window: seconds(&fields, "metric_window_s")?.unwrap_or(SimDuration::ZERO),
    })
}

pub(super) fn target_fields<'a>(fields: &Fields<'a>) -> Result<Fields<'a>, Refusal> {
    let known = ["type", "resource", "container", "percent", "average_milli", "value_milli"];
    Fields::new(fields.required("target")?, fields.at("target"), &known)
}

/// The metric that a case's `target` (and, in `reconcile`, its `resource`) describes.
pub(super) fn metric_source(
    source_type: &str,
    target: &Fields<'_>,
    resource: Option<&str>,
) -> Result<MetricSpec, Refusal> {
    let positive = |name: &str| -> Result<i64, Refusal> {
        let amount = target.required_integer(name)?;
        if amount < 1 { Err(Refusal::new(target.at(name), format!("{amount} is not positive"))) } else { Ok(amount) }
    };
    let target_type = target.required_text("type")?;
    let refuse = |allowed: &str| {
        Err(Refusal::new(target.at("type"), format!("{target_type:?} does not fit here; use {allowed}")))
    };
    let resource = target.text("resource")?.or(resource);
    let resource_metric = |wanted: ResourceTarget| -> Result<MetricSpec, Refusal> {
        let resource = resource.unwrap_or("cpu").to_owned();
        Ok(match target.text("container")? {
            Some(container) => {
                MetricSpec::ContainerResource { resource, container: container.to_owned(), target: wanted }
            }
            None => MetricSpec::Resource { resource, target: wanted },
        })
    };
    let metric = MetricIdentifier { name: "metric".into(), selector: MetricSelector::All };
    match (source_type, target_type) {
        ("Resource" | "ContainerResource", "Utilization") => {
            let percent = positive("percent")?;
            let percent = i32::try_from(percent)
                .map_err(|_| Refusal::new(target.at("percent"), format!("{percent} does not fit 32 bits")))?;
            resource_metric(ResourceTarget::Utilization(percent))
        }
        ("Resource" | "ContainerResource", "AverageValue") => {
            resource_metric(ResourceTarget::AverageValue(positive("average_milli")?))
        }
        ("Resource" | "ContainerResource", _) => refuse("Utilization or AverageValue"),
        // An average target that names a resource is a resource metric, with its readiness rules.
        ("Pods", "AverageValue") if resource.is_some() => {
            resource_metric(ResourceTarget::AverageValue(positive("average_milli")?))
        }
        ("Pods", "AverageValue") => Ok(MetricSpec::Pods { metric, average_value: positive("average_milli")? }),
        ("Pods", _) => refuse("AverageValue"),
        (_, "Value" | "AverageValue") => {
            let target = match target_type {
                "Value" => ValueTarget::Value(positive("value_milli")?),
                _ => ValueTarget::AverageValue(positive("average_milli")?),
            };
            Ok(match source_type {
                "Object" => MetricSpec::Object { described_object: ObjectReference::default(), metric, target },
                _ => MetricSpec::External { metric, target },
            })
        }
        _ => refuse("Value or AverageValue"),
    }
}

/// One metric of a case with what its API would have answered.
pub(super) struct MetricCase {
    pub source: MetricSpec,
    samples: Vec<Option<Sample>>,
    foreign: Vec<i64>,
    values: Vec<i64>,
    requests: Result<Vec<i64>, RequestError>,
    /// The metrics API knows some of the pods.
    has_items: bool,
    failure: Option<MetricError>,
}

impl MetricCase {
    pub(super) fn new(
        source: MetricSpec,
        pods: &[PodCase],
        foreign: Vec<i64>,
        values: Vec<i64>,
        unavailable: bool,
    ) -> MetricCase {
        let container = match &source {
            MetricSpec::ContainerResource { container, .. } => Some(container.as_str()),
            _ => None,
        };
        let samples = pods.iter().map(|pod| pod.sample(container)).collect();
        let requests = pods
            .iter()
            .enumerate()
            .map(|(index, pod)| pod.request(container).map_err(|error| error.of_pod(index)))
            .collect();
        let failure = unavailable.then_some(MetricError::Unavailable);
        let has_items =
            !foreign.is_empty() || pods.iter().any(|pod| pod.containers.iter().any(|case| case.usage.is_some()));
        MetricCase { source, samples, foreign, values, requests, has_items, failure }
    }

    pub(super) fn reading(&self) -> Reading<'_> {
        let per_pod = !matches!(self.source, MetricSpec::Object { .. } | MetricSpec::External { .. });
        let nothing = match per_pod {
            // A metrics API without a single sample is one that fails.
            true => !self.has_items,
            false => self.values.is_empty(),
        };
        if let Some(failure) = self.failure.or(nothing.then_some(MetricError::Unavailable)) {
            return Reading::Failed(failure);
        }
        if !per_pod {
            return Reading::Values(&self.values);
        }
        let requests = match &self.requests {
            Ok(requests) => Requests::PerPod(requests),
            Err(error) => Requests::Failed(*error),
        };
        Reading::PerPod { samples: &self.samples, foreign: &self.foreign, requests }
    }
}

/// `recommendations`; `None` where it is null or absent.
pub(super) fn recommendations(fields: &Fields<'_>) -> Result<Option<Vec<Recommendation>>, Refusal> {
    if fields.get("recommendations").is_none() {
        return Ok(None);
    }
    let mut log = Vec::new();
    for (path, item) in fields.list("recommendations")? {
        let item = Fields::new(item, path, &["age_s", "replicas"])?;
        let time = age(&item, "age_s")?.ok_or_else(|| Refusal::new(item.at("age_s"), "missing"))?;
        log.push(Recommendation { time, replicas: item.required_count("replicas")? });
    }
    Ok(Some(log))
}

pub(super) fn event_log(fields: &Fields<'_>, name: &str) -> Result<EventLog, Refusal> {
    let mut log = Vec::new();
    for (path, item) in fields.list(name)? {
        let item = Fields::new(item, path, &["age_s", "change", "outdated"])?;
        let time = age(&item, "age_s")?.ok_or_else(|| Refusal::new(item.at("age_s"), "missing"))?;
        let outdated = item.flag("outdated")?.unwrap_or(false);
        log.push(ScaleEvent { time, change: item.required_count("change")?, outdated });
    }
    Ok(EventLog(log))
}

/// `{scale_up?, scale_down?}` with the defaults of what is missing.
pub(super) fn scaling_rules_pair(value: Option<&Value>, path: &str) -> Result<Behavior, Refusal> {
    let Some(value) = value else { return Ok(Behavior::defaulted()) };
    let sides = Fields::new(value, path, &["scale_up", "scale_down"])?;
    Ok(Behavior {
        scale_up: rules(sides.get("scale_up"), &sides.at("scale_up"), ScalingRules::default_up())?,
        scale_down: rules(sides.get("scale_down"), &sides.at("scale_down"), ScalingRules::default_down())?,
    })
}

pub(super) fn rules(value: Option<&Value>, path: &str, mut rules: ScalingRules) -> Result<ScalingRules, Refusal> {
    let Some(value) = value else { return Ok(rules) };
    let fields = Fields::new(value, path, &["stabilization_window_s", "select_policy", "policies"])?;
    if let Some(window) = fields.count("stabilization_window_s")? {
        rules.stabilization_window_seconds = Some(window);
    }
    if let Some(select) = fields.text("select_policy")? {
        rules.select_policy = match select {
            "Max" => SelectPolicy::Max,
            "Min" => SelectPolicy::Min,
            "Disabled" => SelectPolicy::Disabled,
            other => {
                let problem = format!("{other:?} is not one of Max, Min, Disabled");
                return Err(Refusal::new(fields.at("select_policy"), problem));
            }
        };
    }
    if fields.get("policies").is_some() {
        rules.policies.clear();
        for (path, item) in fields.list("policies")? {
            let item = Fields::new(item, path, &["type", "value", "period_s"])?;
            let policy = match item.required_text("type")? {
                "Pods" => PolicyType::Pods,
                "Percent" => PolicyType::Percent,
                other => {
                    return Err(Refusal::new(item.at("type"), format!("{other:?} is not one of Pods, Percent")));
                }
            };
            let (value, period_seconds) = (item.required_count("value")?, item.required_count("period_s")?);
            rules.policies.push(ScalingPolicy { policy, value, period_seconds });
        }
    }
    Ok(rules)
}
