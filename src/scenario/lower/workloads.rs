//! Deployments, ReplicaSets, StatefulSets, Jobs, DaemonSets, bare pods and disruption budgets.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::{Known, Lowering, PodOrigin, shared};

use crate::cluster::{Controller, LabelSelector, PodSpec, PodSpecId, RestartPolicy, WorkloadId};
use crate::controller::UpdateOptions;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::manifest::{
    ManifestError, daemon_set_pod, deployment_update, disruption_budget, label_selector, pod_spec, pod_template_spec,
    probe_delay, stateful_set_update,
};
use crate::scenario::objects::{Object, Objects};
use crate::scenario::spec::{ScenarioSpec, TargetKind, TargetRef, UsageSpec, WorkloadSettingsSpec};
use crate::scenario::{
    DaemonSet, GpuUsage, Owner, ReplicaChange, TracePod, UsageModel, VolumeUse, Workload, WorkloadKind,
};
use crate::units::random::entity_of_name;
use crate::units::{Distribution, SimDuration, SimTime};

/// The labels by which a controller tells pods of its templates apart.
const TEMPLATE_HASH: &str = "pod-template-hash";
const REVISION_HASH: &str = "controller-revision-hash";

impl Lowering<'_> {
    pub(super) fn workloads(&mut self, spec: &ScenarioSpec, objects: &Objects) {
        for object in &objects.deployments {
            self.add_replicated("Deployment", object, spec, Lowering::deployment);
        }
        for object in &objects.replica_sets {
            self.add_replicated("ReplicaSet", object, spec, Lowering::replica_set);
        }
        for object in &objects.stateful_sets {
            self.add_replicated("StatefulSet", object, spec, Lowering::stateful_set);
        }
        for object in &objects.jobs {
            self.job(object, settings(spec, "Job", object));
        }
        for object in &objects.cron_jobs {
            self.cron_job(object, settings(spec, "CronJob", object));
        }
        for object in &objects.daemon_sets {
            let read = daemon_set_pod(&object.value, &self.priorities, &mut self.scenario.specs.resources);
            let usage = usage(settings(spec, "DaemonSet", object));
            let Some(pod) = self.pod_or_refusal("DaemonSet", object, read) else { continue };
            let workload = self.add_workload("DaemonSet", object, usage, |_| WorkloadKind::Replayed);
            let spec = self.scenario.specs.intern_pod(pod);
            let what = format!("DaemonSet {}/{}", object.namespace, object.name);
            self.daemon_origins.push(PodOrigin { spec, what, place: object.at("spec.template.spec").clone() });
            self.scenario.daemon_sets.push(DaemonSet { workload, spec });
        }
        for object in &objects.pods {
            self.bare_pod(spec, object);
        }
        self.training_manifests(spec, objects);
        self.check_settings(spec);
    }

    fn add_replicated<T>(
        &mut self,
        kind: &'static str,
        object: &Object<T>,
        spec: &ScenarioSpec,
        read: impl FnOnce(
            &mut Self,
            &Object<T>,
            Option<&WorkloadSettingsSpec>,
        ) -> Result<(WorkloadKind, Vec<VolumeUse>), ManifestError>,
    ) {
        let settings = settings(spec, kind, object);
        let read = read(self, object, settings);
        let Some((of, volumes)) = self.pod_or_refusal(kind, object, read) else { return };
        let id = self.add_workload(kind, object, usage(settings), |_| of);
        self.scenario.workloads[id.index()].volumes = volumes;
    }

    pub(super) fn deployment(
        &mut self,
        object: &Object<Deployment>,
        settings: Option<&WorkloadSettingsSpec>,
    ) -> Result<(WorkloadKind, Vec<VolumeUse>), ManifestError> {
        let Some(raw) = &object.value.spec else { return Err(ManifestError::new("spec", "a Deployment needs a spec")) };
        let hash = (TEMPLATE_HASH, template_hash(&raw.template));
        let replicated = Replicated {
            owner: Owner::Deployment,
            replicas: raw.replicas,
            selector: &raw.selector,
            template: Some(&raw.template),
            label: Some(hash),
            ordered: false,
            update: deployment_update(raw)?,
        };
        let kind = self.replicated("Deployment", object, replicated, settings)?;
        Ok((kind, self.volumes_of("Deployment", object, raw.template.spec.as_ref(), "spec.template.spec")))
    }

    fn replica_set(
        &mut self,
        object: &Object<ReplicaSet>,
        settings: Option<&WorkloadSettingsSpec>,
    ) -> Result<(WorkloadKind, Vec<VolumeUse>), ManifestError> {
        let Some(raw) = &object.value.spec else { return Err(ManifestError::new("spec", "a ReplicaSet needs a spec")) };
        let replicated = Replicated {
            owner: Owner::ReplicaSet,
            replicas: raw.replicas,
            selector: &raw.selector,
            template: raw.template.as_ref(),
            label: None,
            ordered: false,
            update: UpdateOptions::default(),
        };
        let kind = self.replicated("ReplicaSet", object, replicated, settings)?;
        let pod = raw.template.as_ref().and_then(|template| template.spec.as_ref());
        Ok((kind, self.volumes_of("ReplicaSet", object, pod, "spec.template.spec")))
    }

    pub(super) fn stateful_set(
        &mut self,
        object: &Object<StatefulSet>,
        settings: Option<&WorkloadSettingsSpec>,
    ) -> Result<(WorkloadKind, Vec<VolumeUse>), ManifestError> {
        let Some(raw) = &object.value.spec else {
            return Err(ManifestError::new("spec", "a StatefulSet needs a spec"));
        };
        let ordered = match raw.pod_management_policy.as_deref() {
            None | Some("" | "OrderedReady") => true,
            Some("Parallel") => false,
            Some(other) => {
                let problem = format!("{other:?} is neither OrderedReady nor Parallel");
                return Err(ManifestError::new("spec.podManagementPolicy", problem));
            }
        };
        let replicated = Replicated {
            owner: Owner::StatefulSet,
            replicas: raw.replicas,
            selector: &raw.selector,
            template: Some(&raw.template),
            label: Some((REVISION_HASH, format!("{}-{}", object.name, template_hash(&raw.template)))),
            ordered,
            update: stateful_set_update(raw)?,
        };
        let kind = self.replicated("StatefulSet", object, replicated, settings)?;
        let mut volumes = self.volumes_of("StatefulSet", object, raw.template.spec.as_ref(), "spec.template.spec");
        volumes.extend(self.claim_templates(object, raw));
        Ok((kind, volumes))
    }

    fn replicated<T>(
        &mut self,
        kind: &'static str,
        object: &Object<T>,
        raw: Replicated<'_>,
        settings: Option<&WorkloadSettingsSpec>,
    ) -> Result<WorkloadKind, ManifestError> {
        let (pod, selector) = self.replicated_pod(kind, object, &raw)?;
        let probes = raw.template.and_then(|template| template.spec.as_ref()).map_or(SimDuration::ZERO, probe_delay);
        let readiness_delay = settings.and_then(|s| s.startup).unwrap_or(Distribution::constant(probes));
        Ok(WorkloadKind::Replicated {
            owner: raw.owner,
            // Checked by `replicated_pod`.
            replicas: raw.replicas.unwrap_or(1).unsigned_abs(),
            spec: self.intern(pod, kind, object, "spec.template.spec"),
            selector,
            ordered: raw.ordered,
            readiness_delay,
            update: raw.update,
        })
    }

    fn replicated_pod<T>(
        &mut self,
        kind: &str,
        object: &Object<T>,
        raw: &Replicated<'_>,
    ) -> Result<(PodSpec, LabelSelector), ManifestError> {
        if let Some(replicas) = raw.replicas.filter(|replicas| *replicas < 0) {
            return Err(ManifestError::new("spec.replicas", format!("{replicas} is negative")));
        }
        let Some(template) = raw.template else {
            return Err(ManifestError::new("spec.template", format!("a {kind} needs a pod template")));
        };
        // The pods of a Deployment are controlled by its ReplicaSet, which autoscalers know how to move.
        let controller = if kind == "Deployment" { "ReplicaSet" } else { kind };
        let labels: Vec<(&str, String)> = raw.label.iter().cloned().collect();
        let pod = self.template_pod(kind, controller, object, template, &labels)?;
        if pod.restart_policy != RestartPolicy::Always {
            let problem = format!("pods of a {kind} always restart: an API server refuses another policy");
            return Err(ManifestError::new("spec.template.spec.restartPolicy", problem));
        }
        if pod.active_deadline.is_some() {
            let problem = format!("pods of a {kind} run on; it belongs to Jobs and bare pods");
            return Err(ManifestError::new("spec.template.spec.activeDeadlineSeconds", problem));
        }
        let selector = label_selector(raw.selector).map_err(|error| error.within("spec.selector"))?;
        if selector.is_empty() {
            return Err(ManifestError::new("spec.selector", format!("a {kind} needs a selector that is not empty")));
        }
        if !selector.matches(&pod.labels) {
            let problem = "the selector does not match the labels of the pod template";
            return Err(ManifestError::new("spec.selector", problem));
        }
        Ok((pod, selector))
    }

    /// The pod of a template, with the labels that its controller adds.
    pub(super) fn template_pod<T>(
        &mut self,
        kind: &str,
        controller: &str,
        object: &Object<T>,
        template: &PodTemplateSpec,
        labels: &[(&str, String)],
    ) -> Result<PodSpec, ManifestError> {
        let owner = Controller {
            kind: controller.to_owned(),
            name: object.name.clone(),
            uid: format!("{kind}/{}/{}", object.namespace, object.name),
        };
        let mut template = template.clone();
        let added = labels.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        template.metadata.get_or_insert_default().labels.get_or_insert_default().extend(added);
        let names = &mut self.scenario.specs.resources;
        pod_template_spec(&template, &object.namespace, owner, &self.priorities, names)
            .map_err(|error| error.within("spec.template"))
    }

    /// A pod without an owner: there from the start, never replaced.
    fn bare_pod(&mut self, spec: &ScenarioSpec, object: &Object<Pod>) {
        let raw = object.value.spec.clone().unwrap_or_default();
        let names = &mut self.scenario.specs.resources;
        let read = pod_spec(&object.value.metadata, &raw, &self.priorities, names);
        let Some(pod) = self.pod_or_refusal("Pod", object, read) else { return };
        let usage = usage(settings(spec, "Pod", object));
        let workload = self.add_workload("Pod", object, usage, |_| WorkloadKind::Replayed);
        self.scenario.workloads[workload.index()].volumes = self.volumes_of("Pod", object, Some(&raw), "spec");
        let spec = self.intern(pod, "Pod", object, "spec");
        let name = shared(&object.name);
        let (arrival, duration) = (SimTime::ZERO, None);
        let pod = TracePod { name, spec, workload, arrival, duration, is_resubmitted: false };
        self.scenario.trace_pods.push(pod);
    }

    pub(super) fn pod_or_refusal<T, R>(
        &mut self,
        kind: &str,
        object: &Object<T>,
        read: Result<R, ManifestError>,
    ) -> Option<R> {
        match read {
            Ok(read) => Some(read),
            Err(error) => {
                self.broken.push((kind.to_owned(), object.namespace.clone(), object.name.clone()));
                self.push(object.refuse(error));
                None
            }
        }
    }

    pub(super) fn intern<T>(&mut self, pod: PodSpec, kind: &str, object: &Object<T>, path: &str) -> PodSpecId {
        let spec = self.scenario.specs.intern_pod(pod);
        self.comes_from(spec, kind, object, path);
        spec
    }

    /// Notes whose the pods of a spec are, for messages about them.
    pub(super) fn comes_from<T>(&mut self, spec: PodSpecId, kind: &str, object: &Object<T>, path: &str) {
        let what = format!("{kind} {}/{}", object.namespace, object.name);
        self.origins.push(PodOrigin { spec, what, place: object.at(path).clone() });
    }

    pub(super) fn add_workload<T>(
        &mut self,
        kind: &'static str,
        object: &Object<T>,
        usage: UsageModel,
        make: impl FnOnce(WorkloadId) -> WorkloadKind,
    ) -> WorkloadId {
        let id = WorkloadId::new(self.scenario.workloads.len());
        let (name, namespace) = (shared(&object.name), shared(&object.namespace));
        self.scenario.workloads.push(Workload { id, name, namespace, kind: make(id), usage, volumes: Vec::new() });
        self.known.push(Known { kind, namespace: object.namespace.clone(), name: object.name.clone(), id });
        id
    }

    /// Settings that name nothing, or that mean nothing for what they name.
    fn check_settings(&mut self, spec: &ScenarioSpec) {
        for (index, settings) in spec.workloads.iter().enumerate() {
            let path = format!("workloads[{index}]");
            if spec.workloads[..index].iter().any(|other| other.target == settings.target) {
                self.error(&format!("{path}.target"), format!("{} has settings already", settings.target));
            }
            let Some(id) = self.target(&settings.target, &format!("{path}.target")) else { continue };
            let kind = &self.scenario.workloads[id.index()].kind;
            let (is_job, is_replicated) =
                (matches!(kind, WorkloadKind::Job(_)), matches!(kind, WorkloadKind::Replicated { .. }));
            let trains = settings.target.kind.trains();
            for (field, is_set, means_something) in [
                ("startup", settings.startup.is_some(), is_replicated),
                ("usage", settings.usage.is_some(), !trains),
                ("duration", settings.duration.is_some(), is_job || trains),
                (
                    "arrival",
                    settings.arrival.is_some(),
                    trains || is_job && settings.target.kind != TargetKind::CronJob,
                ),
                ("failures", settings.failures.is_some(), is_job),
            ] {
                if is_set && !means_something {
                    let message = format!("`{field}` means nothing for {}", settings.target);
                    self.error(&format!("{path}.{field}"), message);
                }
            }
            if let Some(arrival) = settings.arrival {
                self.happens(&format!("{path}.arrival"), arrival);
            }
            if let Some(failures) = &settings.failures {
                self.check_failures(failures, &format!("{path}.failures"));
            }
            if let Some(usage) = &settings.usage {
                self.check_usage(usage, &format!("{path}.usage"));
            }
        }
    }

    pub(super) fn check_usage(&mut self, usage: &UsageSpec, path: &str) {
        for (field, value, most) in [("cpu", usage.cpu, 1e3), ("memory", usage.memory, 1e3), ("gpu", usage.gpu, 1.0)] {
            if !(0.0..=most).contains(&value) {
                self.error(&format!("{path}.{field}"), format!("{value} is not a fraction from 0 to {most}"));
            }
        }
    }

    pub(super) fn replica_changes(&mut self, spec: &ScenarioSpec) {
        for (index, change) in spec.replica_changes.iter().enumerate() {
            let path = format!("replicaChanges[{index}]");
            self.happens(&format!("{path}.at"), change.at);
            if let Some(target) = self.replicated_target(&change.target, &path) {
                let at = super::instant(change.at);
                self.scenario.replica_changes.push(ReplicaChange { at, target, replicas: change.replicas });
            }
        }
        self.scenario.replica_changes.sort_by_key(|change| change.at);
    }

    /// A target that has replicas.
    pub(super) fn replicated_target(&mut self, target: &TargetRef, path: &str) -> Option<WorkloadId> {
        let id = self.target(target, &format!("{path}.target"))?;
        if self.has_replicas(id) {
            return Some(id);
        }
        let message = format!("{target} has no replicas");
        self.error(&format!("{path}.target.kind"), message).expected =
            Some("a Deployment, ReplicaSet or StatefulSet".to_owned());
        None
    }

    pub(super) fn has_replicas(&self, workload: WorkloadId) -> bool {
        matches!(self.scenario.workloads[workload.index()].kind, WorkloadKind::Replicated { .. })
    }

    pub(super) fn budgets(&mut self, objects: &Objects) {
        for object in &objects.budgets {
            match disruption_budget(&object.value) {
                Ok(budget) => {
                    if budget.min_available.is_none() && budget.max_unavailable.is_none() {
                        let message =
                            format!("PodDisruptionBudget {} sets neither minAvailable nor maxUnavailable", object.name);
                        let hint = "its controller allows no disruption then, and so it is in the run";
                        self.push(Diagnostic::warning(object.at("spec"), message).hint(hint));
                    }
                    self.scenario.disruption_budgets.push(budget);
                }
                Err(error) => {
                    self.push(object.refuse(error));
                }
            }
        }
    }
}

/// What Deployments, ReplicaSets and StatefulSets have in common.
struct Replicated<'a> {
    owner: Owner,
    replicas: Option<i32>,
    selector: &'a meta::LabelSelector,
    template: Option<&'a PodTemplateSpec>,
    /// What its controller tells pods of this template by.
    label: Option<(&'static str, String)>,
    ordered: bool,
    update: UpdateOptions,
}

/// Tells templates apart, be it by a field that nothing here reads: a rollout is a rollout.
fn template_hash(template: &PodTemplateSpec) -> String {
    let text = serde_json::to_string(template).unwrap_or_default();
    format!("{:08x}", entity_of_name(&text) as u32)
}

pub(super) fn settings<'a, T>(
    spec: &'a ScenarioSpec,
    kind: &str,
    object: &Object<T>,
) -> Option<&'a WorkloadSettingsSpec> {
    spec.workloads.iter().find(|settings| {
        let target = &settings.target;
        target.kind.name() == kind && target.name == object.name && target.namespace == object.namespace
    })
}

pub(super) fn usage(settings: Option<&WorkloadSettingsSpec>) -> UsageModel {
    usage_model(&settings.and_then(|settings| settings.usage).unwrap_or_default())
}

pub(super) fn usage_model(spec: &UsageSpec) -> UsageModel {
    UsageModel { cpu: spec.cpu, memory: spec.memory, gpu: GpuUsage(spec.gpu) }
}
