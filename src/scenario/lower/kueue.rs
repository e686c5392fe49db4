//! Kueue: its objects, and which jobs wait for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{Lowering, shared};
use crate::cluster::{NodeSelectorTerm, PodSpecId, SelectorOperator, SelectorRequirement};
use crate::scenario::diagnostic::{Diagnostic, suggestion};
use crate::scenario::manifest::{ManifestError, kueue as manifest};
use crate::scenario::objects::{Object, Objects};
use crate::scenario::spec::{KueueSpec, PreemptionStrategy, ScenarioSpec};
use crate::scenario::{KueueSetup, QueuedJob, Variant, WorkloadKind};
use crate::training::admission::kueue::objects::{
    AdmissionCheck, Flavor, Namespace, Objects as KueueObjects, Options, Strategy,
};
use crate::training::admission::kueue::pods_ready::WaitForPodsReady;

pub(super) const QUEUE: &str = "kueue.x-k8s.io/queue-name";
const PRIORITY: &str = "kueue.x-k8s.io/priority-class";
const MIN_PARALLELISM: &str = "kueue.x-k8s.io/job-min-parallelism";
/// More ways to combine flavors than a ClusterQueue of a sane shape has.
const MOST_VARIANTS: usize = 64;

impl Lowering<'_> {
    pub(super) fn kueue(&mut self, spec: &ScenarioSpec, objects: &Objects) {
        let queued: Vec<&Object<_>> =
            objects.jobs.iter().filter(|job| label(&job.value.metadata, QUEUE).is_some()).collect();
        let training = spec.jobs.as_ref().and_then(|jobs| jobs.queue.as_ref().map(|queue| (queue, &jobs.namespace)));
        if objects.cluster_queues.is_empty() {
            for job in queued {
                let place = job.at("metadata.labels");
                let message =
                    format!("Job {} names a queue, and there is no ClusterQueue: it starts at once", job.name);
                self.push(Diagnostic::warning(place, message).hint("add Kueue's objects to the manifests"));
            }
            if training.is_some() {
                self.error("jobs.queue", "there is no ClusterQueue in the manifests");
            }
            for job in &mut self.trained {
                job.local_queue = None;
            }
            return;
        }
        let Some(kueue) = self.kueue_objects(objects) else { return };
        let mut setup = KueueSetup { objects: kueue, ..KueueSetup::default() };
        (setup.options, setup.wait_for_pods_ready) = configured(spec.kueue.as_ref());
        for job in queued {
            self.queued_job(job, &mut setup);
        }
        self.queued_training(objects, &setup);
        if let Some((queue, namespace)) = training {
            let key = shared(&format!("{namespace}/{queue}"));
            if !setup.objects.local_queues.iter().any(|other| other.key == key) {
                let known: Vec<&str> = setup.objects.local_queues.iter().map(|other| &*other.key).collect();
                let hint = suggestion(&key, &known);
                self.error("jobs.queue", format!("there is no LocalQueue {key}")).hint = hint;
            }
            self.training_queue = Some(key);
        }
        self.scenario.kueue = Some(setup);
    }

    /// Pods of queued jobs as each of their flavors would have them.
    pub(super) fn kueue_variants(&mut self) {
        let Some(mut setup) = self.scenario.kueue.take() else { return };
        let mut specs: Vec<(PodSpecId, Arc<str>)> = Vec::new();
        for job in &setup.jobs {
            if let WorkloadKind::Job(batch) = &self.scenario.workloads[job.workload.index()].kind {
                specs.push((batch.spec, Arc::clone(&job.local_queue)));
            }
        }
        for job in &self.scenario.training_jobs {
            let Some(queue) = &job.local_queue else { continue };
            let of_sets = std::iter::once(job.spec).chain(job.companions.iter().map(|beside| beside.spec));
            specs.extend(of_sets.map(|spec| (spec, Arc::clone(queue))));
        }
        specs.sort();
        specs.dedup();
        for (spec, local_queue) in specs {
            for flavors in combinations(&setup.objects, &local_queue) {
                if setup.variants.iter().any(|known| known.of == spec && known.flavors == flavors) {
                    continue;
                }
                let of: Vec<&Flavor> =
                    setup.objects.flavors.iter().filter(|flavor| flavors.contains(&flavor.name)).collect();
                let variant = self.pods_in(spec, &of);
                setup.variants.push(Variant { of: spec, flavors, spec: variant });
            }
        }
        self.scenario.kueue = Some(setup);
    }

    /// The pods of a spec with what flavors add: their node labels as node selector, and their tolerations.
    fn pods_in(&mut self, spec: PodSpecId, flavors: &[&Flavor]) -> PodSpecId {
        let mut pod = self.scenario.specs.pod(spec).clone();
        for flavor in flavors {
            for (key, value) in &flavor.node_labels {
                pod.node_selector.insert(key.clone(), value.clone());
            }
            pod.tolerations.extend(flavor.tolerations.iter().cloned());
        }
        // What the selector says already need not be an alternative as well.
        let selected = |one: &SelectorRequirement| {
            one.operator == SelectorOperator::In
                && pod.node_selector.get(&one.key).is_some_and(|v| one.values.contains(v))
        };
        let narrowed: Option<Vec<NodeSelectorTerm>> = pod.affinity.node.required.clone().map(|terms| {
            let narrow = |mut term: NodeSelectorTerm| {
                if term.match_expressions.len() > 1 {
                    term.match_expressions.retain(|one| !selected(one));
                }
                term
            };
            terms.into_iter().map(narrow).collect()
        });
        pod.affinity.node.required = narrowed;
        self.scenario.specs.intern_pod(pod)
    }

    fn kueue_objects(&mut self, objects: &Objects) -> Option<KueueObjects> {
        let errors = self.diagnostics.len();
        let mut kueue = KueueObjects {
            cluster_queues: self.each(&objects.cluster_queues, manifest::cluster_queue),
            local_queues: self.each(&objects.local_queues, manifest::local_queue),
            flavors: self.each(&objects.resource_flavors, manifest::flavor),
            cohorts: self.each(&objects.cohorts, manifest::cohort),
            checks: self.each(&objects.admission_checks, manifest::admission_check),
            topologies: self.each(&objects.topologies, manifest::topology),
            priority_classes: self.each(&objects.workload_priority_classes, manifest::priority_class),
            namespaces: self.each(&objects.namespaces, manifest::namespace),
        };
        if self.diagnostics[errors..].iter().any(Diagnostic::is_error) {
            return None;
        }
        self.check_references(objects, &kueue);
        for queue in &objects.cluster_queues {
            let Some(spec) = &queue.value.spec else { continue };
            let omitted = [
                ("admissionScope", spec.admission_scope.is_some(), "usage of LocalQueues does not decide the order"),
                ("concurrentAdmissionPolicy", spec.concurrent_admission_policy.is_some(), "flavors are tried in turn"),
            ];
            for (field, _, meaning) in omitted.into_iter().filter(|(_, is_there, _)| *is_there) {
                let message = format!("ClusterQueue {}: {field} is not modelled: {meaning}", queue.name);
                self.push(Diagnostic::warning(queue.at(&format!("spec.{field}")), message));
            }
        }
        for check in &objects.admission_checks {
            let message =
                format!("AdmissionCheck {}: whoever answers it is not modelled: it says yes at once", check.name);
            self.push(Diagnostic::warning(check.at("spec"), message));
        }
        for flavor in objects
            .resource_flavors
            .iter()
            .filter(|flavor| flavor.value.spec.as_ref().is_some_and(|spec| spec.topology_name.is_some()))
        {
            let message = format!("ResourceFlavor {}: its topology is not looked at in a run", flavor.name);
            self.push(Diagnostic::warning(flavor.at("spec.topologyName"), message));
        }
        // What the run does not look at must not keep a ClusterQueue inactive.
        for flavor in &mut kueue.flavors {
            flavor.topology = None;
        }
        let named =
            kueue.cluster_queues.iter().flat_map(|queue| queue.checks.iter().map(|rule| Arc::clone(&rule.name)));
        for name in named.collect::<Vec<_>>() {
            if !kueue.checks.iter().any(|check| check.name == name) {
                kueue.checks.push(AdmissionCheck { name, controller: String::new(), active: true });
            }
        }
        // Every namespace of an object exists.
        let spaces = objects.local_queues.iter().map(|queue| &queue.namespace);
        let of_training = objects.training.iter().map(|object| &object.namespace);
        for name in spaces.chain(objects.jobs.iter().map(|job| &job.namespace)).chain(of_training) {
            if !kueue.namespaces.iter().any(|space| *space.name == **name) {
                let labels = [("kubernetes.io/metadata.name".to_owned(), name.clone())];
                kueue.namespaces.push(Namespace { name: shared(name), labels: labels.into() });
            }
        }
        Some(kueue)
    }

    fn each<T: DeserializeOwned, O>(
        &mut self,
        objects: &[Object<T>],
        read: impl Fn(&T) -> Result<O, ManifestError>,
    ) -> Vec<O> {
        let mut found = Vec::new();
        for object in objects {
            match read(&object.value) {
                Ok(one) => found.push(one),
                Err(error) => drop(self.push(object.refuse(error))),
            }
        }
        found
    }

    /// Names that lead nowhere.
    fn check_references(&mut self, objects: &Objects, kueue: &KueueObjects) {
        let queues: Vec<&str> = kueue.cluster_queues.iter().map(|queue| &*queue.name).collect();
        for (object, queue) in objects.local_queues.iter().zip(&kueue.local_queues) {
            if !queues.contains(&&*queue.cluster_queue) {
                let message = format!("there is no ClusterQueue {}: its jobs wait for ever", queue.cluster_queue);
                let hint = suggestion(&queue.cluster_queue, &queues);
                self.push(Diagnostic::warning(object.at("spec.clusterQueue"), message).maybe_hint(hint));
            }
        }
        let flavors: Vec<&str> = kueue.flavors.iter().map(|flavor| &*flavor.name).collect();
        for (object, queue) in objects.cluster_queues.iter().zip(&kueue.cluster_queues) {
            for quotas in queue.groups.iter().flat_map(|group| &group.flavors) {
                if !flavors.contains(&quotas.flavor.as_str()) {
                    let message = format!("there is no ResourceFlavor {}: the ClusterQueue is inactive", quotas.flavor);
                    let hint = suggestion(&quotas.flavor, &flavors);
                    self.push(Diagnostic::warning(object.at("spec.resourceGroups"), message).maybe_hint(hint));
                }
            }
            if queue.namespace_selector.is_none() {
                let message = "no namespaceSelector: it takes jobs of no namespace";
                let warning = Diagnostic::warning(object.at("spec"), format!("ClusterQueue {}: {message}", queue.name));
                self.push(warning.hint("write `namespaceSelector: {}` for all namespaces"));
            }
        }
    }

    fn queued_job(&mut self, job: &Object<k8s_openapi::api::batch::v1::Job>, setup: &mut KueueSetup) {
        let Some(known) = self
            .known
            .iter()
            .find(|known| known.kind == "Job" && known.namespace == job.namespace && known.name == job.name)
        else {
            return;
        };
        let workload = known.id;
        let queue = label(&job.value.metadata, QUEUE).unwrap_or_default();
        let key = shared(&format!("{}/{queue}", job.namespace));
        if !setup.objects.local_queues.iter().any(|other| other.key == key) {
            let known: Vec<&str> = setup.objects.local_queues.iter().map(|other| &*other.key).collect();
            let hint = suggestion(&key, &known);
            let message = format!("there is no LocalQueue {key}: Job {} waits for ever", job.name);
            self.push(Diagnostic::warning(job.at("metadata.labels"), message).maybe_hint(hint));
        }
        let mut priority = 0;
        if let WorkloadKind::Job(batch) = &mut self.scenario.workloads[workload.index()].kind {
            // Kueue suspends and resumes it, whatever its manifest says.
            batch.suspended = false;
            priority = i64::from(self.scenario.specs.pod(batch.spec).priority);
        }
        if let Some(class) = label(&job.value.metadata, PRIORITY) {
            let classes = &setup.objects.priority_classes;
            match classes.iter().find(|(name, _)| **name == *class) {
                Some((_, value)) => priority = i64::from(*value),
                None => {
                    let known: Vec<&str> = classes.iter().map(|(name, _)| &**name).collect();
                    let hint = suggestion(class, &known);
                    let message = format!("there is no WorkloadPriorityClass {class}");
                    self.push(Diagnostic::error(job.at("metadata.labels"), message).maybe_hint(hint));
                }
            }
        }
        let annotations = job.value.metadata.annotations.as_ref();
        let min = annotations.and_then(|annotations| annotations.get(MIN_PARALLELISM));
        let min_parallelism = min.and_then(|text| text.parse().ok());
        if min.is_some() && min_parallelism.is_none() {
            let message = format!("{MIN_PARALLELISM} is no number of pods");
            self.push(Diagnostic::error(job.at("metadata.annotations"), message));
        }
        setup.jobs.push(QueuedJob { workload, local_queue: key, priority, min_parallelism });
    }
}

/// Whether a Job is Kueue's to resume.
pub(super) fn names_a_queue(job: &Object<k8s_openapi::api::batch::v1::Job>) -> bool {
    label(&job.value.metadata, QUEUE).is_some()
}

pub(super) fn label<'o>(
    metadata: &'o k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
    key: &str,
) -> Option<&'o str> {
    metadata.labels.as_ref()?.get(key).map(String::as_str)
}

fn configured(spec: Option<&KueueSpec>) -> (Options, Option<WaitForPodsReady>) {
    let mut options = Options::default();
    let Some(spec) = spec else { return (options, None) };
    if let Some(fair) = &spec.fair_sharing {
        let strategy = |one: &PreemptionStrategy| match one {
            PreemptionStrategy::LessThanOrEqualToFinalShare => Strategy::LessThanOrEqualToFinalShare,
            PreemptionStrategy::LessThanInitialShare => Strategy::LessThanInitialShare,
        };
        let strategies: Vec<Strategy> = fair.preemption_strategies.iter().map(strategy).collect();
        options.fair_sharing = Some(if strategies.is_empty() { Options::STRATEGIES.to_vec() } else { strategies });
    }
    let wait = spec.wait_for_pods_ready.as_ref().map(|wait| WaitForPodsReady {
        timeout: wait.timeout,
        recovery_timeout: None,
        block_admission: wait.block_admission,
        backoff_base: wait.backoff_base,
        backoff_max: wait.backoff_max,
        backoff_limit: wait.backoff_limit_count,
    });
    (options, wait)
}

/// Every way to take one flavor of each resource group, as sorted names; groups may be left out by a job that needs
/// none of their resources.
fn combinations(objects: &KueueObjects, local_queue: &str) -> Vec<Vec<Arc<str>>> {
    let local = objects.local_queues.iter().find(|queue| *queue.key == *local_queue);
    let queue = local.and_then(|local| objects.cluster_queues.iter().find(|queue| queue.name == local.cluster_queue));
    let mut found: BTreeMap<Vec<Arc<str>>, ()> = BTreeMap::from([(Vec::new(), ())]);
    for group in queue.iter().flat_map(|queue| &queue.groups) {
        let before: Vec<Vec<Arc<str>>> = found.keys().cloned().collect();
        for set in before {
            for flavor in &group.flavors {
                let mut with = set.clone();
                with.push(shared(&flavor.flavor));
                with.sort();
                with.dedup();
                found.insert(with, ());
            }
        }
    }
    found.into_keys().filter(|set| !set.is_empty()).take(MOST_VARIANTS).collect()
}
