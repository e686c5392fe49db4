//! HorizontalPodAutoscalers: their targets and metrics.

use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec};

use super::Lowering;
use crate::cluster::WorkloadId;
use crate::scenario::WorkloadKind;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::objects::{Object, Objects};
use crate::scenario::spec::ScenarioSpec;

impl Lowering<'_> {
    pub(super) fn autoscalers(&mut self, _spec: &ScenarioSpec, objects: &Objects) {
        let mut taken: Vec<(WorkloadId, String)> = Vec::new();
        for object in &objects.autoscalers {
            let Some(spec) = &object.value.spec else {
                let message = format!("HorizontalPodAutoscaler {} needs a spec", object.name);
                self.push(Diagnostic::error(object.at("spec"), message));
                continue;
            };
            self.check_bounds(object, spec);
            let Some(target) = self.autoscaled(object, spec) else { continue };
            if let Some((_, other)) = taken.iter().find(|(id, _)| *id == target) {
                let message = format!("{other} scales {} already", spec.scale_target_ref.name);
                self.push(Diagnostic::error(object.at("spec.scaleTargetRef"), message));
                continue;
            }
            taken.push((target, object.name.clone()));
            self.check_cpu_requests(object, spec, target);
        }
    }

    fn check_bounds(&mut self, object: &Object<HorizontalPodAutoscaler>, spec: &HorizontalPodAutoscalerSpec) {
        let (min, max) = (spec.min_replicas.unwrap_or(1), spec.max_replicas);
        if max < 1 {
            let message = format!("maxReplicas {max} must be 1 or more");
            self.push(Diagnostic::error(object.at("spec.maxReplicas"), message));
        } else if min > max {
            let message = format!("minReplicas {min} is above maxReplicas {max}");
            let diagnostic = Diagnostic::error(object.at("spec.minReplicas"), message);
            self.push(diagnostic.hint("lower minReplicas or raise maxReplicas"));
        }
        if min < 0 {
            let message = format!("minReplicas {min} is negative");
            self.push(Diagnostic::error(object.at("spec.minReplicas"), message));
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
        if !self.broken.contains(&(target.kind.clone(), object.namespace.clone(), target.name.clone())) {
            let hint = self.nearest_workload(&name);
            let message = format!("the target of HorizontalPodAutoscaler {}, {name}, does not exist", object.name);
            let diagnostic = Diagnostic::error(object.at("spec.scaleTargetRef.name"), message);
            self.push(diagnostic.maybe_hint(hint));
        }
        None
    }

    /// Utilization is usage over request: without a request upstream's HPA computes nothing.
    fn check_cpu_requests(
        &mut self,
        object: &Object<HorizontalPodAutoscaler>,
        spec: &HorizontalPodAutoscalerSpec,
        target: WorkloadId,
    ) {
        let WorkloadKind::Replicated { spec: pod, .. } = &self.scenario.workloads[target.index()].kind else { return };
        let pod = self.scenario.specs.pod(*pod);
        let mut mistakes = Vec::new();
        for (index, metric) in spec.metrics.iter().flatten().enumerate() {
            let (resource, container, target) = match (&metric.resource, &metric.container_resource) {
                (Some(resource), _) => (resource.name.as_str(), None, &resource.target),
                (_, Some(resource)) => (resource.name.as_str(), Some(resource.container.as_str()), &resource.target),
                _ => continue,
            };
            let known = |name: &str| container.is_none_or(|only| only == name);
            if let Some(only) = container.filter(|only| pod.containers.iter().all(|c| c.name != **only)) {
                let message = format!("the target's pods have no container {only}");
                let place = object.at(&format!("spec.metrics[{index}].containerResource.container"));
                mistakes.push(Diagnostic::error(place, message));
                continue;
            }
            if target.type_ != "Utilization" {
                continue;
            }
            let without = pod.containers.iter().filter(|c| known(&c.name)).find(|container| match resource {
                "cpu" => !container.has_request.0,
                "memory" => !container.has_request.1,
                _ => false,
            });
            if let Some(container) = without {
                let message = format!(
                    "HorizontalPodAutoscaler {} wants {resource} utilization, but container {} of its target has no {resource} request",
                    object.name, container.name
                );
                let hint = format!("add resources.requests.{resource} to the container");
                let place = object.at(&format!("spec.metrics[{index}]"));
                mistakes.push(Diagnostic::error(place, message).hint(hint));
            }
        }
        self.diagnostics.extend(mistakes);
    }
}
