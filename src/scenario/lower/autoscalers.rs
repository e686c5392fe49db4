//! HorizontalPodAutoscalers: their targets and metrics.

use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec};

use super::{Lowering, shared};
use crate::autoscaler::hpa::{HpaFlags, HpaSpec, MetricSpec, ResourceTarget};
use crate::cluster::{WorkloadId, resource};
use crate::load::{PodMetric, ServiceMetric};
use crate::scenario::diagnostic::{Diagnostic, suggestion};
use crate::scenario::live::is_live;
use crate::scenario::manifest::admitted_autoscaler_spec;
use crate::scenario::objects::{Object, Objects};
use crate::scenario::spec::ScenarioSpec;
use crate::scenario::{Demand, Hpa, WorkloadKind};
use crate::units::{SimDuration, nearest};

impl Lowering<'_> {
    pub(super) fn autoscalers(&mut self, spec: &ScenarioSpec, objects: &Objects) {
        self.check_flags(&spec.autoscaling.horizontal_pod_autoscaler);
        for object in &objects.autoscalers {
            let Some(spec) = &object.value.spec else {
                let message = format!("HorizontalPodAutoscaler {} needs a spec", object.name);
                self.push(Diagnostic::error(object.at("spec"), message));
                continue;
            };
            let target = self.autoscaled(object, spec);
            let read = match admitted_autoscaler_spec(spec) {
                Ok(read) => read,
                Err(error) => {
                    self.push(object.refuse(error));
                    continue;
                }
            };
            let Some(target) = target else { continue };
            if read.min_replicas == 0 && !self.scenario.release.gate("HPAScaleToZero") {
                let message = "minReplicas 0 needs the feature gate HPAScaleToZero, which this version has off";
                let hint = "set featureGates: {HPAScaleToZero: true}, or take kubernetesVersion 1.37";
                self.push(Diagnostic::error(object.at("spec.minReplicas"), message).hint(hint));
                continue;
            }
            self.check_requests(object, &read, target);
            let conditions = object.value.status.iter().flat_map(|status| status.conditions.iter().flatten());
            let scaled_to_zero = conditions.into_iter().any(|it| it.type_ == "ScaledToZero" && it.status == "True");
            self.scenario.hpas.push(Hpa { name: shared(&object.name), target, spec: read, scaled_to_zero });
        }
    }

    fn check_flags(&mut self, flags: &HpaFlags) {
        let path = "autoscaling.horizontalPodAutoscaler";
        if flags.sync_period <= SimDuration::ZERO {
            self.error(&format!("{path}.syncPeriod"), "the sync period must be above 0s");
        }
        if !(0.0..1e6).contains(&flags.tolerance) {
            let message = format!("{} is not a fraction of zero or more", flags.tolerance);
            self.error(&format!("{path}.tolerance"), message);
        }
    }

    fn autoscaled(
        &mut self,
        object: &Object<HorizontalPodAutoscaler>,
        spec: &HorizontalPodAutoscalerSpec,
    ) -> Option<WorkloadId> {
        let target = &spec.scale_target_ref;
        let found = self.known.iter().find(|known| {
            known.kind == target.kind && known.name == target.name && known.namespace == object.namespace
        });
        if let Some(known) = found {
            let id = known.id;
            if matches!(self.scenario.workloads[id.index()].kind, WorkloadKind::Replicated { .. }) {
                return Some(id);
            }
            let message = format!("a {} can't be scaled", target.kind);
            let diagnostic = Diagnostic::error(object.at("spec.scaleTargetRef.kind"), message);
            self.push(diagnostic.expected("Deployment, ReplicaSet or StatefulSet"));
            return None;
        }
        let name = format!("{} {}/{}", target.kind, object.namespace, target.name);
        let key = (target.kind.clone(), object.namespace.clone(), target.name.clone());
        if self.objects_are_complete && !self.broken.contains(&key) {
            let message = format!("the target of HorizontalPodAutoscaler {}, {name}, does not exist", object.name);
            let place = object.at("spec.scaleTargetRef.name");
            let names: Vec<String> =
                self.known.iter().map(|known| format!("{} {}/{}", known.kind, known.namespace, known.name)).collect();
            // A slip of the pen in what somebody wrote; in a cluster such an HPA does nothing.
            let is_slip = !is_live(&object.node) && nearest(&name, names.iter().map(String::as_str)).is_some();
            let diagnostic = match is_slip {
                true => Diagnostic::error(place, message).maybe_hint(self.nearest_workload(&name)),
                false => {
                    Diagnostic::warning(place, message).hint("it scales nothing, as in a cluster (FailedGetScale)")
                }
            };
            self.push(diagnostic);
        }
        None
    }

    /// Pods that two HPAs select: upstream's controller stops both (`AmbiguousSelector`) once it knows both selectors.
    pub(super) fn check_selectors(&mut self, objects: &Objects) {
        let mut warnings = Vec::new();
        let hpas = &self.scenario.hpas;
        for (index, hpa) in hpas.iter().enumerate() {
            let other = hpas[..index].iter().find(|other| self.selects(other, hpa) || self.selects(hpa, other));
            let namespace = &self.scenario.workloads[hpa.target.index()].namespace;
            let written =
                objects.autoscalers.iter().find(|object| object.name == *hpa.name && object.namespace == **namespace);
            if let (Some(other), Some(object)) = (other, written) {
                let message = format!(
                    "HorizontalPodAutoscalers {} and {} select the same pods: from the second sync on neither scales (AmbiguousSelector)",
                    other.name, hpa.name
                );
                let hint = "give each workload a label of its own in its selector";
                warnings.push(Diagnostic::warning(object.at("spec.scaleTargetRef"), message).hint(hint));
            }
        }
        self.diagnostics.extend(warnings);
    }

    /// Whether one HPA's selector matches the pods of another's target.
    fn selects(&self, hpa: &Hpa, other: &Hpa) -> bool {
        let (own, others) =
            (&self.scenario.workloads[hpa.target.index()], &self.scenario.workloads[other.target.index()]);
        let (WorkloadKind::Replicated { selector, .. }, WorkloadKind::Replicated { spec, .. }) =
            (&own.kind, &others.kind)
        else {
            return false;
        };
        own.namespace == others.namespace && selector.matches(&self.scenario.specs.pod(*spec).labels)
    }

    /// A metric that nothing reports makes the HPA fail at every sync, as it would in a cluster: a warning.
    pub(super) fn check_custom_metrics(&mut self, objects: &Objects) {
        let series = self.external_names();
        let external_names: Vec<&str> =
            ServiceMetric::NAMES.into_iter().chain(series.iter().map(String::as_str)).collect();
        let described = self.scenario.external_metrics.iter().filter(|metric| metric.object.is_some());
        let described: Vec<String> = described.map(|metric| metric.name.to_string()).collect();
        let object_names: Vec<&str> =
            ServiceMetric::NAMES.into_iter().chain(described.iter().map(String::as_str)).collect();
        for object in &objects.autoscalers {
            let metrics = object.value.spec.iter().flat_map(|spec| spec.metrics.iter().flatten()).enumerate();
            for (index, metric) in metrics {
                let (field, name, known) = if let Some(pods) = &metric.pods {
                    ("pods", &pods.metric.name, &PodMetric::NAMES[..])
                } else if let Some(object) = &metric.object {
                    ("object", &object.metric.name, &object_names[..])
                } else if let Some(external) = &metric.external {
                    ("external", &external.metric.name, &external_names[..])
                } else {
                    continue;
                };
                if !known.contains(&name.as_str()) {
                    let place = object.at(&format!("spec.metrics[{index}].{field}.metric.name"));
                    let message = format!("no load reports the metric `{name}`, so the HPA can't compute it");
                    self.diagnostics.push(Diagnostic::warning(place, message).maybe_hint(suggestion(name, known)));
                    continue;
                }
                let is_series = match field {
                    "object" => described.contains(name),
                    _ => field == "external" && series.contains(name),
                };
                let selector = metric.object.as_ref().map(|source| &source.metric);
                let selector = selector.or(metric.external.as_ref().map(|source| &source.metric));
                let names_a_service = selector.is_some_and(|metric| metric.selector.is_some());
                let demand = self.demand_on(object);
                let problem = match (field, demand) {
                    _ if is_series || names_a_service => continue,
                    ("pods", _) if PodMetric::named(name) == Some(PodMetric::GpuDutyCycle) => continue,
                    (_, None) => "the target has no load",
                    ("pods", Some(Demand::Cpu)) if PodMetric::named(name) == Some(PodMetric::RequestsPerSecond) => {
                        "the target's load is CPU work, which has no requests to count"
                    }
                    _ => continue,
                };
                let place = object.at(&format!("spec.metrics[{index}].{field}.metric.name"));
                let message = format!("{problem}, so nothing reports the metric `{name}` and the HPA can't compute it");
                self.diagnostics.push(Diagnostic::warning(place, message).hint("add an entry under `load:`"));
            }
        }
    }

    /// What the load on an HPA's target is counted in; `None` where it has none.
    fn demand_on(&self, object: &Object<HorizontalPodAutoscaler>) -> Option<Demand> {
        let is_of = |hpa: &&Hpa| {
            *hpa.name == *object.name && *self.scenario.workloads[hpa.target.index()].namespace == *object.namespace
        };
        let target = self.scenario.hpas.iter().find(is_of)?.target;
        self.scenario.loads.iter().find(|load| load.target == target).map(|load| load.demand)
    }

    /// Utilization is usage over request: without a request upstream's HPA computes nothing, at every sync. Its other
    /// metrics still work, so this is a warning.
    fn check_requests(&mut self, object: &Object<HorizontalPodAutoscaler>, spec: &HpaSpec, target: WorkloadId) {
        let WorkloadKind::Replicated { spec: pod, .. } = &self.scenario.workloads[target.index()].kind else { return };
        let pod = self.scenario.specs.pod(*pod);
        let written = object.value.spec.as_ref().is_some_and(|spec| spec.metrics.iter().flatten().next().is_some());
        let mut warnings = Vec::new();
        for (index, metric) in spec.metrics.iter().enumerate() {
            let (resource, only, wanted) = match metric {
                MetricSpec::Resource { resource, target } => (resource, None, target),
                MetricSpec::ContainerResource { resource, container, target } => (resource, Some(container), target),
                _ => continue,
            };
            let place = |field: &str| match written {
                true => object.at(&format!("spec.metrics[{index}]{field}")),
                false => object.at("spec"),
            };
            let reason = metric.failure_reason();
            let mut containers = pod.running().filter(|c| only.is_none_or(|only| *only == c.name)).peekable();
            if let (Some(only), None) = (only, containers.peek()) {
                let message = format!(
                    "the target's pods have no container {only}: this metric of HorizontalPodAutoscaler {} fails at every sync ({reason})",
                    object.name
                );
                warnings.push(Diagnostic::warning(place(".containerResource.container"), message));
                continue;
            }
            let of_the_pod = pod.pod_requests.is_some() && only.is_none();
            if matches!(wanted, ResourceTarget::AverageValue(_)) || of_the_pod {
                continue;
            }
            let without = containers.find(|container| match resource.as_str() {
                resource::CPU => !container.has_request.0,
                resource::MEMORY => !container.has_request.1,
                _ => false,
            });
            if let Some(container) = without {
                let which = if written { "" } else { " (no metrics are written, so 80 % of the CPU requests)" };
                let message = format!(
                    "HorizontalPodAutoscaler {} wants {resource} utilization{which}, but container {} of its target has no {resource} request: the metric fails at every sync ({reason})",
                    object.name, container.name
                );
                let hint = format!("add resources.requests.{resource} to the container");
                warnings.push(Diagnostic::warning(place(""), message).hint(hint));
            }
        }
        self.diagnostics.extend(warnings);
    }
}
