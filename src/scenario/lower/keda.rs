//! KEDA's ScaledObjects, from `autoscaling.keda` and from the manifests, and the HPA that KEDA makes for each.

use k8s_openapi::api::autoscaling::v2 as raw;

use super::{Lowering, shared};
use crate::autoscaler::keda::{ScaledObject, Trigger};
use crate::cluster::WorkloadId;
use crate::scenario::diagnostic::{Diagnostic, Place};
use crate::scenario::manifest::autoscaler_behavior;
use crate::scenario::objects::{Object, Objects};
use crate::scenario::spec::{KedaSpec, ScaledObjectManifest, ScaledObjectSpec, ScenarioSpec, TargetRef};
use crate::scenario::{Hpa, KedaScaler, ReplicaChange, Scaler, ScalerPolicy};
use crate::units::SimTime;

/// A ScaledObject as written: whose it is, and where its fields stand.
pub(super) struct Written<'a> {
    name: String,
    target: TargetRef,
    pub spec: &'a ScaledObjectSpec,
    place: &'a dyn Fn(&str) -> Place,
}

impl Written<'_> {
    pub(super) fn target(&self) -> &TargetRef {
        &self.target
    }

    /// The value of the label by which its HPA asks for its metrics.
    pub(super) fn label(&self) -> String {
        self.name.clone()
    }

    /// The place of a path below its spec.
    pub(super) fn at(&self, path: &str) -> Place {
        (self.place)(path)
    }
}

impl Lowering<'_> {
    /// Comes after the HPAs of the manifests, and after the loads.
    pub(super) fn scaled_objects(&mut self, spec: &ScenarioSpec, objects: &Objects) {
        for (index, keda) in spec.autoscaling.keda.iter().enumerate() {
            let path = format!("autoscaling.keda[{index}]");
            let Some((field, object)) = self.one_object(keda, &path) else { continue };
            let Some(target) = self.written_target(keda, object, &format!("{path}.{field}"), &path) else { continue };
            let document = self.document;
            let place = |below: &str| document.at(&format!("spec.{path}.{field}{}", dotted(below))).clone();
            let name = keda.name.clone().or_else(|| keda.metadata_text("name"));
            let name = name.unwrap_or_else(|| target.name.clone());
            if let Some(target_id) = self.replicated_target(&target, &path) {
                self.scaled_object(&Written { name, target, spec: object, place: &place }, target_id);
            }
        }
        for object in &objects.scaled_objects {
            let spec = &object.value.spec;
            let place = |below: &str| object.at(&format!("spec{}", dotted(below))).clone();
            let Some(reference) = &spec.scale_target_ref else {
                self.push(Diagnostic::error(&place(""), "a ScaledObject needs a scaleTargetRef"));
                continue;
            };
            let (kind, name) = (reference.kind, reference.name.clone());
            let target = TargetRef { kind, name, namespace: object.namespace.clone() };
            let written = Written { name: object.name.clone(), target, spec, place: &place };
            if let Some(target_id) = self.scaled_target(&written)
                && !self.is_paused(object, target_id)
            {
                self.scaled_object(&written, target_id);
            }
        }
    }

    /// A paused ScaledObject scales nothing: its target keeps its replicas, or has those of the annotation
    /// (`controllers/keda/scaledobject_controller.go`, 2.17).
    fn is_paused(&mut self, object: &Object<ScaledObjectManifest>, target: WorkloadId) -> bool {
        let annotation = |name: &str| object.node.text_at(&["metadata", "annotations", name]);
        let held = annotation("autoscaling.keda.sh/paused-replicas").and_then(|text| text.parse::<u32>().ok());
        let is_paused = annotation("autoscaling.keda.sh/paused").is_some_and(|text| text == "true");
        if held.is_none() && !is_paused {
            return false;
        }
        let at = match held {
            Some(replicas) => {
                self.scenario.replica_changes.push(ReplicaChange { at: SimTime::ZERO, target, replicas });
                format!("at {replicas} replicas")
            }
            None => "at the replicas that it has".to_owned(),
        };
        let message = format!("ScaledObject {} is paused: its target stays {at}", object.name);
        self.push(Diagnostic::warning(object.at("metadata.annotations"), message));
        true
    }

    /// The spec of an entry, and the field that holds it.
    fn one_object<'k>(&mut self, keda: &'k KedaSpec, path: &str) -> Option<(&'static str, &'k ScaledObjectSpec)> {
        for (field, value, expected) in
            [("apiVersion", &keda.api_version, "keda.sh/v1alpha1"), ("kind", &keda.kind, "ScaledObject")]
        {
            if let Some(value) = value.as_ref().filter(|value| *value != expected) {
                let message = format!("`{value}` is not read here");
                self.error(&format!("{path}.{field}"), message).expected = Some(expected.to_owned());
                return None;
            }
        }
        match (&keda.scaled_object, &keda.spec) {
            (Some(object), None) => Some(("scaledObject", object)),
            (None, Some(object)) => Some(("spec", object)),
            _ => {
                self.error(path, "an entry has `scaledObject` or `spec`, and not both");
                None
            }
        }
    }

    /// What an entry scales: `target`, or the object's `scaleTargetRef` in the object's namespace.
    fn written_target(
        &mut self,
        keda: &KedaSpec,
        object: &ScaledObjectSpec,
        object_path: &str,
        path: &str,
    ) -> Option<TargetRef> {
        let namespace = keda.target.as_ref().map(|target| target.namespace.clone());
        let namespace = namespace.or_else(|| keda.metadata_text("namespace")).unwrap_or_else(|| "default".to_owned());
        let named = object.scale_target_ref.as_ref().map(|target| TargetRef {
            kind: target.kind,
            name: target.name.clone(),
            namespace,
        });
        match (&keda.target, named) {
            (Some(target), Some(named)) if *target != named => {
                let message = format!("scaleTargetRef names {named}, `target` {target}");
                self.error(&format!("{object_path}.scaleTargetRef"), message).hint =
                    Some("leave one of them out".to_owned());
                None
            }
            (Some(target), _) => Some(target.clone()),
            (None, Some(named)) => Some(named),
            (None, None) => {
                self.error(path, "nothing says what is scaled").hint =
                    Some("add `target:`, or `scaleTargetRef:` to the object".to_owned());
                None
            }
        }
    }

    fn scaled_target(&mut self, written: &Written<'_>) -> Option<WorkloadId> {
        let kind = format!("{:?}", written.target.kind);
        let found = self.known.iter().find(|known| {
            known.kind == kind && known.name == written.target.name && known.namespace == written.target.namespace
        });
        let id = found.map(|known| known.id).filter(|id| self.has_replicas(*id));
        if id.is_none() && self.objects_are_complete {
            let hint = self.nearest_workload(&written.target.to_string());
            let message = format!("there is no {} with replicas in the manifests", written.target);
            self.push(Diagnostic::error(&written.at("scaleTargetRef.name"), message).maybe_hint(hint));
        }
        id
    }

    fn scaled_object(&mut self, written: &Written<'_>, target: WorkloadId) {
        let version = written.spec.scale_target_ref.as_ref().and_then(|reference| reference.api_version.as_deref());
        if let Some(version) = version.filter(|version| !["", "apps/v1"].contains(version)) {
            let message = format!("`{version}` has no workload that is read here");
            self.push(Diagnostic::error(&written.at("scaleTargetRef.apiVersion"), message).expected("apps/v1"));
            return;
        }
        if let Some(other) = self.scenario.hpas.iter().find(|hpa| hpa.target == target) {
            let message = format!("HorizontalPodAutoscaler {} scales {} already", other.name, written.target);
            let hint = "KEDA makes an HPA of its own; remove the other";
            self.push(Diagnostic::error(&written.at("scaleTargetRef"), message).hint(hint));
            return;
        }
        let spec = written.spec;
        let mut triggers = Vec::new();
        let mut series = Vec::new();
        for index in 0..spec.triggers.len() {
            let Some((trigger, source)) = self.trigger(written, target, index) else { return };
            triggers.push(trigger);
            series.push(source);
        }
        let Some(object) = self.lowered_object(written, triggers) else { return };
        self.tell_what_is_not_modelled(written);
        let config = spec.advanced.as_ref().and_then(|a| a.horizontal_pod_autoscaler_config.as_ref());
        let hpa_name = config.and_then(|config| config.name.clone());
        let hpa_name = hpa_name.unwrap_or_else(|| format!("keda-hpa-{}", written.name));
        self.scenario.hpas.push(Hpa {
            name: shared(&hpa_name),
            target,
            spec: object.hpa_spec(),
            scaled_to_zero: false,
        });
        let policy = ScalerPolicy::Keda(Box::new(KedaScaler { object, series }));
        self.scenario.scalers.push(Scaler { name: shared(&written.name), target, policy });
    }

    fn lowered_object(&mut self, written: &Written<'_>, triggers: Vec<Trigger>) -> Option<ScaledObject> {
        let spec = written.spec;
        let config = spec.advanced.as_ref().and_then(|a| a.horizontal_pod_autoscaler_config.as_ref());
        let mut behavior = None;
        if let Some(value) = config.and_then(|config| config.behavior.as_ref()) {
            let path = "advanced.horizontalPodAutoscalerConfig.behavior";
            let read = serde_json::from_value::<raw::HorizontalPodAutoscalerBehavior>(value.clone());
            let read = read.map_err(|error| (path.to_owned(), error.to_string()));
            let read = read.and_then(|raw| {
                autoscaler_behavior(&raw).map_err(|error| (format!("{path}.{}", error.path), error.problem))
            });
            match read {
                Ok(read) => behavior = Some(read),
                Err((path, problem)) => {
                    self.push(Diagnostic::error(&written.at(&path), format!("{path}: {problem}")));
                    return None;
                }
            }
        }
        let object = ScaledObject {
            polling_interval: spec.polling_interval.0,
            cooldown_period: spec.cooldown_period.0,
            initial_cooldown_period: spec.initial_cooldown_period.0,
            idle_replica_count: spec.idle_replica_count,
            min_replica_count: spec.min_replica_count,
            max_replica_count: spec.max_replica_count,
            triggers,
            behavior,
        };
        if let Err(error) = object.validate() {
            self.push(Diagnostic::error(&written.at(""), error.to_string()));
            return None;
        }
        Some(object)
    }

    /// Fields that somebody wrote and that change nothing here, in one warning.
    fn tell_what_is_not_modelled(&mut self, written: &Written<'_>) {
        let spec = written.spec;
        let advanced = spec.advanced.as_ref();
        let reference = spec.scale_target_ref.as_ref();
        let fields = [
            (
                reference.is_some_and(|reference| reference.env_source_container_name.is_some()),
                "scaleTargetRef.envSourceContainerName (nothing reads the environment)",
            ),
            (
                spec.triggers.iter().any(|trigger| trigger.authentication_ref.is_some()),
                "triggers[].authenticationRef (nobody logs in)",
            ),
            (spec.fallback.is_some(), "fallback (no trigger's source fails here)"),
            (
                advanced.is_some_and(|advanced| advanced.scaling_modifiers.is_some()),
                "advanced.scalingModifiers (each trigger counts by itself)",
            ),
            (
                advanced.is_some_and(|advanced| advanced.restore_to_original_replica_count == Some(true)),
                "advanced.restoreToOriginalReplicaCount (the object is never deleted)",
            ),
            (
                spec.triggers.iter().any(|trigger| trigger.use_cached_metrics == Some(true)),
                "triggers[].useCachedMetrics (every sync asks anew)",
            ),
        ];
        let written_ones: Vec<&str> = fields.iter().filter(|(is_set, _)| *is_set).map(|(_, field)| *field).collect();
        if !written_ones.is_empty() {
            let message = format!("ScaledObject {}: not modelled: {}", written.name, written_ones.join(", "));
            self.push(Diagnostic::warning(&written.at(""), message));
        }
    }
}

fn dotted(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(".{path}") }
}
