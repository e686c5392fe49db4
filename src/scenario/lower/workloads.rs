//! Deployments, ReplicaSets, StatefulSets, Jobs, DaemonSets, bare pods and disruption budgets.

use k8s_openapi::api::core::v1::{PodSpec as RawPodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::{Known, Lowering, PodOrigin, shared};
use crate::cluster::{Controller, LabelSelector, PodSpec, PodSpecId, WorkloadId};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::manifest::{
    ManifestError, daemon_set_pod, disruption_budget, label_selector, pod_spec, pod_template_spec,
};
use crate::scenario::objects::{Object, Objects};
use crate::scenario::spec::{ScenarioSpec, TargetRef, UsageSpec, WorkloadSettingsSpec};
use crate::scenario::{
    DaemonSet, GpuUsage, Owner, ReplicaChange, TraceJob, TracePod, UsageModel, Workload, WorkloadKind,
};
use crate::units::{Distribution, SimDuration, SimTime};

/// How long one pod of a Job works where the scenario does not say (a guess).
const DEFAULT_JOB_DURATION: SimDuration = SimDuration::from_mins(10);

impl Lowering<'_> {
    pub(super) fn workloads(&mut self, spec: &ScenarioSpec, objects: &Objects) {
        for object in &objects.deployments {
            let raw = object.value.spec.as_ref();
            let settings = settings(spec, "Deployment", object);
            let replicated = raw.map(|raw| Replicated {
                owner: Owner::Deployment,
                replicas: raw.replicas,
                selector: &raw.selector,
                template: Some(&raw.template),
                ordered: false,
            });
            self.replicated("Deployment", object, replicated, settings);
        }
        for object in &objects.replica_sets {
            let settings = settings(spec, "ReplicaSet", object);
            let replicated = object.value.spec.as_ref().map(|raw| Replicated {
                owner: Owner::ReplicaSet,
                replicas: raw.replicas,
                selector: &raw.selector,
                template: raw.template.as_ref(),
                ordered: false,
            });
            self.replicated("ReplicaSet", object, replicated, settings);
        }
        for object in &objects.stateful_sets {
            let settings = settings(spec, "StatefulSet", object);
            let replicated = object.value.spec.as_ref().map(|raw| Replicated {
                owner: Owner::StatefulSet,
                replicas: raw.replicas,
                selector: &raw.selector,
                template: Some(&raw.template),
                ordered: raw.pod_management_policy.as_deref() != Some("Parallel"),
            });
            self.replicated("StatefulSet", object, replicated, settings);
        }
        for object in &objects.jobs {
            self.job(object, settings(spec, "Job", object));
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
            self.bare_pod(object);
        }
        self.check_settings(spec);
    }

    fn replicated<T>(
        &mut self,
        kind: &'static str,
        object: &Object<T>,
        raw: Option<Replicated<'_>>,
        settings: Option<&WorkloadSettingsSpec>,
    ) {
        let read = self.replicated_pod(kind, object, raw.as_ref());
        let Some((pod, selector)) = self.pod_or_refusal(kind, object, read) else { return };
        let Some(raw) = raw else { return };
        let probes = raw.template.and_then(|template| template.spec.as_ref()).map_or(SimDuration::ZERO, probe_delay);
        let readiness_delay = settings.and_then(|s| s.startup).unwrap_or(Distribution::constant(probes));
        let spec = self.intern(pod, kind, object, "spec.template.spec");
        let (owner, ordered) = (raw.owner, raw.ordered);
        // Checked by `replicated_pod`.
        let replicas = raw.replicas.unwrap_or(1).unsigned_abs();
        self.add_workload(kind, object, usage(settings), |_| WorkloadKind::Replicated {
            owner,
            replicas,
            spec,
            selector,
            ordered,
            readiness_delay,
        });
    }

    fn replicated_pod<T>(
        &mut self,
        kind: &str,
        object: &Object<T>,
        raw: Option<&Replicated<'_>>,
    ) -> Result<(PodSpec, LabelSelector), ManifestError> {
        let Some(raw) = raw else { return Err(ManifestError::new("spec", format!("a {kind} needs a spec"))) };
        if let Some(replicas) = raw.replicas.filter(|replicas| *replicas < 0) {
            return Err(ManifestError::new("spec.replicas", format!("{replicas} is negative")));
        }
        let Some(template) = raw.template else {
            return Err(ManifestError::new("spec.template", format!("a {kind} needs a pod template")));
        };
        // The pods of a Deployment are controlled by its ReplicaSet, which autoscalers know how to move.
        let owner = Controller {
            kind: if kind == "Deployment" { "ReplicaSet" } else { kind }.to_owned(),
            name: object.name.clone(),
            uid: format!("{kind}/{}/{}", object.namespace, object.name),
        };
        let names = &mut self.scenario.specs.resources;
        let pod = pod_template_spec(template, &object.namespace, owner, &self.priorities, names)
            .map_err(|error| error.within("spec.template"))?;
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

    fn job(&mut self, object: &Object<k8s_openapi::api::batch::v1::Job>, settings: Option<&WorkloadSettingsSpec>) {
        let read = self.job_pod(object);
        let Some((pod, mut job)) = self.pod_or_refusal("Job", object, read) else { return };
        job.duration = settings.and_then(|s| s.duration).unwrap_or(Distribution::constant(DEFAULT_JOB_DURATION));
        job.arrival = settings.and_then(|s| s.arrival).map_or(SimTime::ZERO, super::instant);
        job.spec = self.intern(pod, "Job", object, "spec.template.spec");
        self.add_workload("Job", object, usage(settings), |_| WorkloadKind::Job(job));
    }

    fn job_pod(
        &mut self,
        object: &Object<k8s_openapi::api::batch::v1::Job>,
    ) -> Result<(PodSpec, TraceJob), ManifestError> {
        let Some(raw) = &object.value.spec else { return Err(ManifestError::new("spec", "a Job needs a spec")) };
        let owner = Controller {
            kind: "Job".to_owned(),
            name: object.name.clone(),
            uid: format!("Job/{}/{}", object.namespace, object.name),
        };
        let names = &mut self.scenario.specs.resources;
        let pod = pod_template_spec(&raw.template, &object.namespace, owner, &self.priorities, names)
            .map_err(|error| error.within("spec.template"))?;
        let count = |field: &str, value: Option<i32>, default: u32| match value.map(u32::try_from) {
            None => Ok(default),
            Some(Ok(count)) => Ok(count),
            Some(Err(_)) => Err(ManifestError::new(format!("spec.{field}"), "must be zero or more")),
        };
        let parallelism = count("parallelism", raw.parallelism, 1)?;
        let completions = count("completions", raw.completions, parallelism.max(1))?;
        let job = TraceJob {
            spec: PodSpecId(0),
            arrival: SimTime::ZERO,
            parallelism,
            completions,
            backoff_limit: count("backoffLimit", raw.backoff_limit, 6)?,
            duration: Distribution::constant(DEFAULT_JOB_DURATION),
        };
        Ok((pod, job))
    }

    /// A pod without an owner: there from the start, never replaced.
    fn bare_pod(&mut self, object: &Object<k8s_openapi::api::core::v1::Pod>) {
        let raw = object.value.spec.clone().unwrap_or_default();
        let names = &mut self.scenario.specs.resources;
        let read = pod_spec(&object.value.metadata, &raw, &self.priorities, names);
        let Some(pod) = self.pod_or_refusal("Pod", object, read) else { return };
        let workload = self.add_workload("Pod", object, usage(None), |_| WorkloadKind::Replayed);
        let spec = self.intern(pod, "Pod", object, "spec");
        let name = shared(&object.name);
        self.scenario.trace_pods.push(TracePod { name, spec, workload, arrival: SimTime::ZERO, duration: None });
    }

    fn pod_or_refusal<T, R>(&mut self, kind: &str, object: &Object<T>, read: Result<R, ManifestError>) -> Option<R> {
        match read {
            Ok(read) => Some(read),
            Err(error) => {
                self.broken.push((kind.to_owned(), object.namespace.clone(), object.name.clone()));
                self.push(object.refuse(error));
                None
            }
        }
    }

    fn intern<T>(&mut self, pod: PodSpec, kind: &str, object: &Object<T>, path: &str) -> PodSpecId {
        let spec = self.scenario.specs.intern_pod(pod);
        let what = format!("{kind} {}/{}", object.namespace, object.name);
        self.origins.push(PodOrigin { spec, what, place: object.at(path).clone() });
        spec
    }

    fn add_workload<T>(
        &mut self,
        kind: &'static str,
        object: &Object<T>,
        usage: UsageModel,
        make: impl FnOnce(WorkloadId) -> WorkloadKind,
    ) -> WorkloadId {
        let id = WorkloadId::new(self.scenario.workloads.len());
        let (name, namespace) = (shared(&object.name), shared(&object.namespace));
        self.scenario.workloads.push(Workload { id, name, namespace, kind: make(id), usage });
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
            for (field, is_set, means_something) in [
                ("startup", settings.startup.is_some(), is_replicated),
                ("duration", settings.duration.is_some(), is_job),
                ("arrival", settings.arrival.is_some(), is_job),
            ] {
                if is_set && !means_something {
                    let message = format!("`{field}` means nothing for {}", settings.target);
                    self.error(&format!("{path}.{field}"), message);
                }
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
        if matches!(self.scenario.workloads[id.index()].kind, WorkloadKind::Replicated { .. }) {
            return Some(id);
        }
        let message = format!("{target} has no replicas");
        self.error(&format!("{path}.target.kind"), message).expected =
            Some("a Deployment, ReplicaSet or StatefulSet".to_owned());
        None
    }

    pub(super) fn budgets(&mut self, objects: &Objects) {
        for object in &objects.budgets {
            match disruption_budget(&object.value) {
                Ok(budget) if budget.min_available.is_none() && budget.max_unavailable.is_none() => {
                    let message =
                        format!("PodDisruptionBudget {} sets neither minAvailable nor maxUnavailable", object.name);
                    self.diagnostics.push(Diagnostic::error(object.at("spec"), message));
                }
                Ok(budget) => self.scenario.disruption_budgets.push(budget),
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
    ordered: bool,
}

fn settings<'a, T>(spec: &'a ScenarioSpec, kind: &str, object: &Object<T>) -> Option<&'a WorkloadSettingsSpec> {
    spec.workloads.iter().find(|settings| {
        let target = &settings.target;
        format!("{:?}", target.kind) == kind && target.name == object.name && target.namespace == object.namespace
    })
}

fn usage(settings: Option<&WorkloadSettingsSpec>) -> UsageModel {
    usage_model(&settings.and_then(|settings| settings.usage).unwrap_or_default())
}

pub(super) fn usage_model(spec: &UsageSpec) -> UsageModel {
    UsageModel { cpu: spec.cpu, memory: spec.memory, gpu: GpuUsage(spec.gpu) }
}

/// The longest initial delay of the pod's startup and readiness probes.
fn probe_delay(pod: &RawPodSpec) -> SimDuration {
    let delays = pod.containers.iter().map(|container| {
        [&container.startup_probe, &container.readiness_probe]
            .into_iter()
            .flatten()
            .filter_map(|probe| probe.initial_delay_seconds)
            .max()
            .unwrap_or(0)
    });
    SimDuration::from_secs(i64::from(delays.max().unwrap_or(0).max(0)))
}
