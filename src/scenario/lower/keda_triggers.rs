//! KEDA's triggers: what each type calls its threshold, and where its value comes from here.
//!
//! A source outside the cluster is a series of `metrics.series` of the trigger's name (or that of its queue, topic,
//! query, …); failing that, what the target's load reports: the length of its queue, or requests per second.

use super::keda::Written;
use super::{Lowering, shared};
use crate::autoscaler::hpa::{MetricIdentifier, MetricSelector, MetricSpec, ResourceTarget, ValueTarget};
use crate::autoscaler::keda::{Activity, CronWindow, CronWindowError, Trigger};
use crate::cluster::{LabelSelector, Labels, WorkloadId, resource};
use crate::load::ServiceMetric;
use crate::scenario::diagnostic::{Diagnostic, suggestion};
use crate::scenario::spec::{TriggerMetricType, TriggerSpec};
use crate::scenario::{Demand, ExternalMetric, ExternalSource};
use crate::units::Quantity;

/// The label by which the HPA asks KEDA's metrics server for an object's metrics.
const OBJECT_LABEL: &str = "scaledobject.keda.sh/name";

/// What a source counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// Things that wait.
    Waiting,
    /// Things per second.
    Rate,
}

/// A type of trigger (`pkg/scalers` of KEDA 2.x).
struct Source {
    name: &'static str,
    /// The field of its threshold, then older names of it.
    thresholds: &'static [&'static str],
    default: Option<i64>,
    activation: &'static str,
    /// Fields that tell one source from another.
    names: &'static [&'static str],
    counts: Counts,
}

const fn source(
    name: &'static str,
    thresholds: &'static [&'static str],
    default: Option<i64>,
    activation: &'static str,
    names: &'static [&'static str],
    counts: Counts,
) -> Source {
    Source { name, thresholds, default, activation, names, counts }
}

use Counts::{Rate, Waiting};

const SOURCES: [Source; 20] = [
    source("prometheus", &["threshold"], None, "activationThreshold", &["metricName", "query"], Rate),
    source("rabbitmq", &["value", "queueLength"], None, "activationValue", &["queueName"], Waiting),
    source("kafka", &["lagThreshold"], Some(10), "activationLagThreshold", &["topic", "consumerGroup"], Waiting),
    source("apache-kafka", &["lagThreshold"], Some(10), "activationLagThreshold", &["topic", "consumerGroup"], Waiting),
    source("aws-sqs-queue", &["queueLength"], Some(5), "activationQueueLength", &["queueURL"], Waiting),
    source("aws-kinesis-stream", &["shardCount"], Some(2), "activationShardCount", &["streamName"], Waiting),
    source("aws-cloudwatch", &["targetMetricValue"], None, "activationTargetMetricValue", &["metricName"], Rate),
    source("azure-queue", &["queueLength"], Some(5), "activationQueueLength", &["queueName"], Waiting),
    source(
        "azure-servicebus",
        &["messageCount"],
        Some(5),
        "activationMessageCount",
        &["queueName", "topicName"],
        Waiting,
    ),
    source(
        "gcp-pubsub",
        &["value", "subscriptionSize"],
        Some(10),
        "activationValue",
        &["subscriptionName", "topicName"],
        Waiting,
    ),
    source("redis", &["listLength"], Some(5), "activationListLength", &["listName"], Waiting),
    source(
        "redis-streams",
        &["pendingEntriesCount", "lagCount", "streamLength"],
        Some(5),
        "activationLagCount",
        &["stream"],
        Waiting,
    ),
    source("nats-jetstream", &["lagThreshold"], Some(10), "activationLagThreshold", &["stream", "consumer"], Waiting),
    source("pulsar", &["msgBacklogThreshold"], Some(10), "activationMsgBacklogThreshold", &["topic"], Waiting),
    source("postgresql", &["targetQueryValue"], None, "activationTargetQueryValue", &["query"], Waiting),
    source("mysql", &["queryValue"], None, "activationQueryValue", &["query"], Waiting),
    source("mssql", &["targetValue"], None, "activationTargetValue", &["query"], Waiting),
    source("datadog", &["targetValue", "queryValue"], None, "activationQueryValue", &["query"], Rate),
    source("metrics-api", &["targetValue"], None, "activationTargetValue", &["url"], Rate),
    source("external", &["threshold"], None, "activationThreshold", &["scalerAddress"], Waiting),
];

/// A trigger, and the index of the external series that it reads, where it reads one.
type Lowered = Option<(Trigger, Option<u32>)>;

impl Lowering<'_> {
    pub(super) fn trigger(&mut self, written: &Written<'_>, target: WorkloadId, index: usize) -> Lowered {
        let trigger = &written.spec.triggers[index];
        let path = format!("triggers[{index}]");
        match trigger.source.as_deref() {
            None => self.plain_trigger(written, trigger, target, &path),
            Some("cron") => self.cron_trigger(written, trigger, index, &path),
            Some(name @ (resource::CPU | resource::MEMORY)) => self.resource_trigger(written, trigger, name, &path),
            Some(name) => match SOURCES.iter().find(|source| source.name == name) {
                Some(source) => self.source_trigger(written, trigger, target, source, index, &path),
                None => {
                    let mut known = vec!["cron", "cpu", "memory"];
                    known.extend(SOURCES.iter().map(|source| source.name));
                    let message = format!("a trigger of type `{name}` is not known here");
                    let hint = suggestion(name, &known);
                    self.push(Diagnostic::error(&written.at(&format!("{path}.type")), message).maybe_hint(hint));
                    None
                }
            },
        }
    }

    fn refuse(&mut self, written: &Written<'_>, path: &str, message: impl Into<String>) -> Lowered {
        self.push(Diagnostic::error(&written.at(path), message));
        None
    }

    /// By the name of a metric, with `threshold`.
    fn plain_trigger(
        &mut self,
        written: &Written<'_>,
        trigger: &TriggerSpec,
        target: WorkloadId,
        path: &str,
    ) -> Lowered {
        let Some(name) = &trigger.name else {
            return self.refuse(written, path, "a trigger needs a `type` (or the `name` of a metric, and a threshold)");
        };
        let Some(threshold) = trigger.threshold.map(Quantity::milli_value).filter(|threshold| *threshold > 0) else {
            return self.refuse(written, &format!("{path}.threshold"), "a trigger needs a threshold above zero");
        };
        let activation = trigger.activation_threshold.unwrap_or_default().milli_value();
        let series = match self.external_series(&[name]) {
            Some(series) => series,
            None if ServiceMetric::named(name).is_none() => {
                let external: Vec<String> = self.external_names();
                let known: Vec<&str> =
                    ServiceMetric::NAMES.into_iter().chain(external.iter().map(String::as_str)).collect();
                let message = format!("no load and no series of metrics.series reports a metric `{name}`");
                let place = written.at(&format!("{path}.name"));
                self.push(Diagnostic::error(&place, message).maybe_hint(suggestion(name, &known)));
                return None;
            }
            None => {
                let metric = ServiceMetric::named(name)?;
                self.loads_series(written, target, metric, name, &format!("{path}.name"))?
            }
        };
        self.external_trigger(written, trigger, series, threshold, activation, path)
    }

    fn cron_trigger(&mut self, written: &Written<'_>, trigger: &TriggerSpec, index: usize, path: &str) -> Lowered {
        let mut texts = [""; 4];
        for (text, field) in texts.iter_mut().zip(["timezone", "start", "end", "desiredReplicas"]) {
            match trigger.metadata.get(field) {
                Some(value) if !value.0.is_empty() => *text = &value.0,
                _ => {
                    let message = format!("a cron trigger needs `{field}`");
                    return self.refuse(written, &format!("{path}.metadata"), message);
                }
            }
        }
        self.check_metadata(written, trigger, &["timezone", "start", "end", "desiredReplicas"], path);
        let [timezone, start, end, replicas] = texts;
        let Ok(replicas) = replicas.parse::<u32>() else {
            let message = format!("{replicas:?} is not a number of replicas");
            return self.refuse(written, &format!("{path}.metadata.desiredReplicas"), message);
        };
        let window = match CronWindow::new(timezone, start, end, replicas) {
            Ok(window) => window,
            Err(error) => {
                let field = match error {
                    CronWindowError::UnknownZone(_) => "timezone",
                    CronWindowError::Start(_) => "start",
                    CronWindowError::End(_) => "end",
                };
                return self.refuse(written, &format!("{path}.metadata.{field}"), error.to_string());
            }
        };
        let name = format!("s{index}-cron-{}-{}-{}", timezone.replace('/', "-"), squeezed(start), squeezed(end));
        let source = ExternalSource::Cron(Box::new(window.clone()));
        let series = self.own_series(written, &name, source);
        let target = ValueTarget::AverageValue(1000);
        let metric = self.metric_of(series, target);
        Some((Trigger { metric, activity: Activity::Within(window) }, Some(series)))
    }

    fn resource_trigger(&mut self, written: &Written<'_>, trigger: &TriggerSpec, name: &str, path: &str) -> Lowered {
        self.check_metadata(written, trigger, &["value", "type", "containerName"], path);
        let text = |field: &str| trigger.metadata.get(field).map(|text| text.0.as_str());
        let Some(value) = text("value") else {
            return self.refuse(written, &format!("{path}.metadata"), format!("a {name} trigger needs `value`"));
        };
        // Up to KEDA 2.9 the type stood in the metadata.
        let kind = match (trigger.metric_type, text("type")) {
            (Some(kind), _) => Some(kind),
            (None, Some("Utilization")) => Some(TriggerMetricType::Utilization),
            (None, Some("AverageValue")) => Some(TriggerMetricType::AverageValue),
            (None, _) => None,
        };
        let bad = |problem: &str| format!("{value:?} is not {problem}");
        let wanted = match kind {
            Some(TriggerMetricType::Utilization) => match value.parse::<i32>().ok().filter(|percent| *percent > 0) {
                Some(percent) => ResourceTarget::Utilization(percent),
                None => return self.refuse(written, &format!("{path}.metadata.value"), bad("a percentage above zero")),
            },
            Some(TriggerMetricType::AverageValue) => {
                match Quantity::parse_non_negative(value).ok().filter(|quantity| !quantity.is_zero()) {
                    Some(quantity) => ResourceTarget::AverageValue(quantity.milli_value()),
                    None => {
                        let message = bad("an amount above zero, such as 500m or 1Gi");
                        return self.refuse(written, &format!("{path}.metadata.value"), message);
                    }
                }
            }
            Some(TriggerMetricType::Value) | None => {
                let message = format!("a {name} trigger needs metricType: Utilization or AverageValue");
                return self.refuse(written, &format!("{path}.metricType"), message);
            }
        };
        let resource = name.to_owned();
        let metric = match text("containerName") {
            Some(container) => {
                MetricSpec::ContainerResource { resource, container: container.to_owned(), target: wanted }
            }
            None => MetricSpec::Resource { resource, target: wanted },
        };
        Some((Trigger { metric, activity: Activity::UpToTheHpa }, None))
    }

    fn source_trigger(
        &mut self,
        written: &Written<'_>,
        trigger: &TriggerSpec,
        target: WorkloadId,
        source: &Source,
        index: usize,
        path: &str,
    ) -> Lowered {
        let stated = source.thresholds.iter().find_map(|field| Some((*field, trigger.metadata.get(*field)?)));
        let threshold = match (stated, source.default) {
            (Some((field, text)), _) => match Quantity::parse_non_negative(&text.0) {
                Ok(quantity) if !quantity.is_zero() => quantity.milli_value(),
                _ => {
                    let message = format!("{:?} is not a number above zero", text.0);
                    return self.refuse(written, &format!("{path}.metadata.{field}"), message);
                }
            },
            (None, Some(default)) => default * 1000,
            (None, None) => {
                let message = format!("a {} trigger needs `{}`", source.name, source.thresholds[0]);
                return self.refuse(written, &format!("{path}.metadata"), message);
            }
        };
        let mut activation = 0;
        if let Some(text) = trigger.metadata.get(source.activation) {
            match Quantity::parse_non_negative(&text.0) {
                Ok(quantity) => activation = quantity.milli_value(),
                Err(error) => {
                    let at = format!("{path}.metadata.{}", source.activation);
                    return self.refuse(written, &at, error.to_string());
                }
            }
        }
        let own = format!("s{index}-{}", source.name);
        let mut names: Vec<&str> = trigger.name.as_deref().into_iter().collect();
        names.extend(source.names.iter().filter_map(|field| trigger.metadata.get(*field)).map(|text| text.0.as_str()));
        names.push(&own);
        let series = match self.external_series(&names) {
            Some(series) => series,
            None => {
                let is_rate = trigger.metadata.get("mode").is_some_and(|mode| mode.0 == "MessageRate");
                let metric = match source.counts {
                    Counts::Waiting if !is_rate => ServiceMetric::QueueLength,
                    _ => ServiceMetric::RequestsPerSecond,
                };
                let series = self.loads_series(written, target, metric, &own, path)?;
                let what = if metric == ServiceMetric::QueueLength { "the queue" } else { "the requests per second" };
                let message = format!(
                    "trigger {path} ({}) reads {what} of the load on {}, for no series of metrics.series is called `{}`",
                    source.name,
                    self.scenario.workloads[target.index()].name,
                    names[0],
                );
                self.push(Diagnostic::warning(&written.at(path), message));
                series
            }
        };
        self.external_trigger(written, trigger, series, threshold, activation, path)
    }

    fn external_trigger(
        &mut self,
        written: &Written<'_>,
        trigger: &TriggerSpec,
        series: u32,
        threshold: i64,
        activation: i64,
        path: &str,
    ) -> Lowered {
        let target = match trigger.metric_type {
            None | Some(TriggerMetricType::AverageValue) => ValueTarget::AverageValue(threshold),
            Some(TriggerMetricType::Value) => ValueTarget::Value(threshold),
            Some(TriggerMetricType::Utilization) => {
                let message = "Utilization is for cpu and memory triggers; write AverageValue or Value";
                return self.refuse(written, &format!("{path}.metricType"), message);
            }
        };
        let metric = self.metric_of(series, target);
        Some((Trigger { metric, activity: Activity::Above(activation) }, Some(series)))
    }

    /// The External metric that the HPA looks at. A series of KEDA's own has the object's label; one of
    /// `metrics.series` its own labels.
    fn metric_of(&self, series: u32, target: ValueTarget) -> MetricSpec {
        let series = &self.scenario.external_metrics[series as usize];
        let selector = match series.labels.is_empty() {
            true => MetricSelector::All,
            false => MetricSelector::Labels(LabelSelector {
                match_labels: series.labels.clone(),
                match_expressions: Vec::new(),
            }),
        };
        MetricSpec::External { metric: MetricIdentifier { name: series.name.to_string(), selector }, target }
    }

    fn own_series(&mut self, written: &Written<'_>, name: &str, source: ExternalSource) -> u32 {
        let labels = Labels::from([(OBJECT_LABEL.to_owned(), written.label())]);
        self.scenario.external_metrics.push(ExternalMetric { name: shared(name), labels, object: None, source });
        self.scenario.external_metrics.len() as u32 - 1
    }

    /// A series of what the target's load reports; told where it has none, or one without requests.
    fn loads_series(
        &mut self,
        written: &Written<'_>,
        target: WorkloadId,
        metric: ServiceMetric,
        name: &str,
        path: &str,
    ) -> Option<u32> {
        let load = self.scenario.loads.iter().find(|load| load.target == target).map(|load| load.demand);
        let problem = match load {
            None => "has no load, so this trigger never reports anything",
            Some(Demand::Cpu) if metric == ServiceMetric::RequestsPerSecond => {
                "has a load of CPU work, which has no requests to count"
            }
            Some(_) => return Some(self.own_series(written, name, ExternalSource::Service { target, metric })),
        };
        let message = format!("{} {problem}", written.target());
        let hint = "add an entry under `load:`, or a series of that name under `metrics.series:`";
        self.push(Diagnostic::error(&written.at(path), message).hint(hint));
        None
    }

    /// The first series of `metrics.series` that has one of these names.
    fn external_series(&self, names: &[&str]) -> Option<u32> {
        let is_signal =
            |metric: &ExternalMetric| matches!(metric.source, ExternalSource::Signal { .. }) && metric.object.is_none();
        names.iter().find_map(|name| {
            let metrics = self.scenario.external_metrics.iter();
            metrics.enumerate().find(|(_, metric)| is_signal(metric) && *metric.name == **name).map(|(i, _)| i as u32)
        })
    }

    pub(super) fn external_names(&self) -> Vec<String> {
        let series = self.scenario.external_metrics.iter().filter(|metric| metric.object.is_none());
        series.map(|metric| metric.name.to_string()).collect()
    }

    /// Fields that this type of trigger does not have.
    fn check_metadata(&mut self, written: &Written<'_>, trigger: &TriggerSpec, known: &[&str], path: &str) {
        for field in trigger.metadata.keys().filter(|field| !known.contains(&field.as_str())) {
            let message = format!("a {} trigger has no field `{field}`", trigger.source.as_deref().unwrap_or_default());
            let place = written.at(&format!("{path}.metadata.{field}"));
            self.push(Diagnostic::error(&place, message).maybe_hint(suggestion(field, known)));
        }
    }
}

/// A schedule as KEDA puts it into a metric's name.
fn squeezed(schedule: &str) -> String {
    schedule.replace(' ', "").replace('*', "x").replace('/', "Sl").replace('?', "Qm")
}
