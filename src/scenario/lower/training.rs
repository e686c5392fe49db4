//! Training jobs of the manifests (PyTorchJob, JobSet, TrainJob, RayJob, …): gangs whose work is known by its duration.

use super::batch::DEFAULT_JOB_DURATION;
use super::jobs::STEP;
use super::kueue::{QUEUE, label};
use super::workloads::settings;
use super::{Lowering, instant, shared};
use crate::cluster::{Controller, PodSpec, PodSpecId};
use crate::load::training::{Epochs, StepRate};
use crate::scenario::diagnostic::{Diagnostic, suggestion};
use crate::scenario::manifest::training::{PodSet, Runtimes, TrainingManifest};
use crate::scenario::manifest::{ManifestError, pod_template_spec};
use crate::scenario::objects::{Object, Objects};
use crate::scenario::spec::{ScenarioSpec, TargetKind, WorkloadSettingsSpec};
use crate::scenario::{Companion, KueueSetup, TrainingJob, WorkloadKind};
use crate::units::{Distribution, SimTime};

type Manifest = Object<TrainingManifest>;

/// A pod set with its pods read.
struct ReadSet {
    name: String,
    count: u32,
    spec: PodSpecId,
    path: String,
}

impl Lowering<'_> {
    pub(super) fn training_manifests(&mut self, spec: &ScenarioSpec, objects: &Objects) {
        let runtimes: Runtimes = objects
            .training_runtimes
            .iter()
            .map(|object| {
                let key = (object.value.kind.clone(), object.namespace.clone(), object.name.clone());
                (key, object.value.spec.clone())
            })
            .collect();
        for object in &objects.training {
            let Some(kind) = TargetKind::TRAINING.into_iter().find(|kind| kind.name() == object.value.kind()) else {
                continue;
            };
            if object.value.is_over() {
                continue;
            }
            let read = object.value.pods(&runtimes);
            let Some(pods) = self.pod_or_refusal(kind.name(), object, read) else { continue };
            let is_queued = label(object.value.metadata(), QUEUE).is_some();
            if let Some(path) = pods.suspended.filter(|_| !is_queued) {
                let message = format!("{} {} is suspended: it makes no pods", kind.name(), object.name);
                self.push(Diagnostic::warning(object.at(path), message));
                continue;
            }
            if let Some((path, meaning)) = pods.note {
                let message = format!("{} {}: {meaning}", kind.name(), object.name);
                self.push(Diagnostic::warning(object.at(path), message).hint("set it to true"));
            }
            let sets: Result<Vec<ReadSet>, ManifestError> =
                pods.sets.into_iter().filter(|set| set.count > 0).map(|set| self.read_set(object, set)).collect();
            let Some(sets) = self.pod_or_refusal(kind.name(), object, sets) else { continue };
            let of = settings(spec, kind.name(), object);
            self.gang(kind, object, sets, of);
        }
    }

    fn read_set(&mut self, object: &Manifest, set: PodSet) -> Result<ReadSet, ManifestError> {
        let kind = object.value.kind();
        let owner = Controller {
            kind: kind.to_owned(),
            name: object.name.clone(),
            uid: format!("{kind}/{}/{}", object.namespace, object.name),
        };
        let names = &mut self.scenario.specs.resources;
        let read = pod_template_spec(&set.template, &object.namespace, owner, &self.priorities, names);
        // What stands in a runtime has no place in this object.
        let pod = read.map_err(|error| match object.value {
            TrainingManifest::TrainJob(_) => {
                ManifestError::new(&set.path, format!("of the runtime: {}: {}", error.path, error.problem))
            }
            _ => error.within(&set.path),
        })?;
        let spec = self.scenario.specs.intern_pod(pod);
        Ok(ReadSet { name: set.name, count: set.count, spec, path: set.path })
    }

    /// A gang: the pods that ask for most GPUs, and those that are alike, train; the others are there beside them.
    fn gang(
        &mut self,
        kind: TargetKind,
        object: &Manifest,
        sets: Vec<ReadSet>,
        settings: Option<&WorkloadSettingsSpec>,
    ) {
        let specs = &self.scenario.specs;
        let gpus = |set: &ReadSet| specs.whole_gpus(specs.pod(set.spec));
        let weight = |set: &ReadSet| (gpus(set) * i64::from(set.count), set.count);
        let Some(main) = sets.iter().max_by_key(|set| weight(set)) else {
            let message = format!("{} {} makes no pods", kind.name(), object.name);
            self.push(Diagnostic::warning(object.at("spec"), message));
            return;
        };
        let each = gpus(main);
        let (alike, others): (Vec<&ReadSet>, Vec<&ReadSet>) =
            sets.iter().partition(|set| are_alike(specs.pod(set.spec), specs.pod(main.spec)));
        let workers: u64 = alike.iter().map(|set| u64::from(set.count)).sum();
        let num_gpus = u32::try_from(each).ok().and_then(|each| each.checked_mul(u32::try_from(workers).ok()?));
        let (Ok(workers), Some(num_gpus)) = (u32::try_from(workers), num_gpus) else {
            self.push(Diagnostic::error(object.at("spec"), format!("{workers} workers of {each} GPUs are too many")));
            return;
        };
        let takes = match settings.and_then(|settings| settings.duration) {
            Some(Distribution::Constant(takes)) => takes,
            Some(_) => {
                let message =
                    format!("{} {}: a training job takes one duration, not a distribution", kind.name(), object.name);
                self.push(Diagnostic::error(object.at("metadata.name"), message));
                return;
            }
            None => {
                let message = format!(
                    "{} {}: how long it trains is not known; {DEFAULT_JOB_DURATION} is taken",
                    kind.name(),
                    object.name
                );
                let hint =
                    format!("workloads: [{{target: {{kind: {}, name: {}}}, duration: 2h}}]", kind.name(), object.name);
                self.push(Diagnostic::warning(object.at("metadata.name"), message).hint(hint));
                DEFAULT_JOB_DURATION
            }
        };
        let spec = main.spec;
        let beside = |set: &ReadSet| Companion { name: shared(&set.name), spec: set.spec, count: set.count };
        let companions = others.into_iter().map(beside).collect();
        for set in &sets {
            self.comes_from(set.spec, kind.name(), object, &set.path);
        }
        let workload =
            self.add_workload(kind.name(), object, super::workloads::usage(None), |_| WorkloadKind::Replayed);
        let queue = label(object.value.metadata(), QUEUE);
        self.trained.push(TrainingJob {
            name: shared(&object.name),
            workload,
            arrival: settings.and_then(|settings| settings.arrival).map_or(SimTime::ZERO, instant),
            spec,
            workers,
            num_gpus,
            model: shared(""),
            batch_size: None,
            epochs: Epochs::steps((takes.nanos().max(0) as u64 / STEP).max(1)),
            course: None,
            fixed_rate: Some(StepRate::from_steps_per_second(1e9 / STEP as f64)),
            queue: shared(queue.unwrap_or_default()),
            team: shared(queue.unwrap_or_default()),
            spares: 0,
            flops_per_step: 0.0,
            local_queue: queue.map(|queue| shared(&format!("{}/{queue}", object.namespace))),
            companions,
        });
    }

    /// Training jobs whose LocalQueue there is not wait for ever.
    pub(super) fn queued_training(&mut self, objects: &Objects, setup: &KueueSetup) {
        let known: Vec<&str> = setup.objects.local_queues.iter().map(|queue| &*queue.key).collect();
        for object in &objects.training {
            let Some(queue) = label(object.value.metadata(), QUEUE) else { continue };
            let key = format!("{}/{queue}", object.namespace);
            if !known.contains(&key.as_str()) {
                let message =
                    format!("there is no LocalQueue {key}: {} {} waits for ever", object.value.kind(), object.name);
                let hint = suggestion(&key, &known);
                self.push(Diagnostic::warning(object.at("metadata.labels"), message).maybe_hint(hint));
            }
        }
    }
}

/// Whether pods of one may take part as pods of the other: they ask for the same and may go to the same nodes.
fn are_alike(one: &PodSpec, other: &PodSpec) -> bool {
    one.requests == other.requests
        && one.node_selector == other.node_selector
        && one.affinity == other.affinity
        && one.tolerations == other.tolerations
        && one.priority == other.priority
}
