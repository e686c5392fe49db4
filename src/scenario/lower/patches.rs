//! Patches: what is changed of a workload in mid-run, read as the whole object that it makes.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use serde::de::DeserializeOwned;

use super::workloads::settings;
use super::{Lowering, instant, shared};
use crate::cluster::WorkloadId;
use crate::scenario::diagnostic::{Diagnostic, suggestion};
use crate::scenario::manifest::ManifestError;
use crate::scenario::objects::{Object, Objects};
use crate::scenario::spec::{PatchSpec, ScenarioSpec, TargetKind, TargetRef};
use crate::scenario::yaml::{Node, read};
use crate::scenario::{BatchJob, Patch, WorkloadKind};

/// Fields of `spec` that the API server lets a patch change, and that a run acts on or that bear on nothing here.
fn mutable(kind: TargetKind) -> &'static [&'static str] {
    match kind {
        TargetKind::Deployment => &[
            "replicas",
            "template",
            "strategy",
            "paused",
            "minReadySeconds",
            "progressDeadlineSeconds",
            "revisionHistoryLimit",
        ],
        TargetKind::StatefulSet => {
            &["replicas", "template", "updateStrategy", "minReadySeconds", "revisionHistoryLimit"]
        }
        TargetKind::Job => &[
            "suspend",
            "parallelism",
            "completions",
            "activeDeadlineSeconds",
            "backoffLimit",
            "maxFailedIndexes",
            "ttlSecondsAfterFinished",
        ],
        _ => &[],
    }
}

impl<'a> Lowering<'a> {
    pub(super) fn patches(&mut self, spec: &ScenarioSpec, objects: &Objects) {
        let mut order: Vec<usize> = (0..spec.patches.len()).collect();
        order.sort_by_key(|index| spec.patches[*index].at);
        // Each starts from what those before it made.
        let mut patched: Vec<(TargetRef, Node)> = Vec::new();
        for index in order {
            let patch = &spec.patches[index];
            let path = format!("patches[{index}]");
            let Some(target) = self.target(&patch.target, &format!("{path}.target")) else { continue };
            let Some(change) = self.patch_node(index, patch, &path) else { continue };
            let known = patched.iter().rposition(|(target, _)| *target == patch.target);
            let base = known.map(|known| patched[known].1.clone()).or_else(|| node_of(&patch.target, objects));
            let Some(mut node) = base else { continue };
            node.merge(change);
            if let Some(kind) = self.patched(&patch.target, target, node.clone(), spec, change) {
                let replicas = match &kind {
                    WorkloadKind::Replicated { replicas, .. } => Some(*replicas),
                    _ => None,
                };
                let fields: Vec<String> = spec_fields(change).map(|field| format!("spec.{field}")).collect();
                let sets_replicas = fields.iter().any(|field| field == "spec.replicas");
                let at = instant(patch.at);
                let (replicas, fields) = (replicas.filter(|_| sets_replicas), shared(&fields.join(", ")));
                self.scenario.patches.push(Patch { at, target, kind, replicas, fields });
                patched.push((patch.target.clone(), node));
            }
        }
    }

    /// The patch as written, where it is one of what can be changed.
    fn patch_node(&mut self, index: usize, patch: &PatchSpec, path: &str) -> Option<&'a Node> {
        let known = mutable(patch.target.kind);
        if known.is_empty() {
            self.error(&format!("{path}.target.kind"), format!("{} can't be patched in mid-run", patch.target))
                .expected = Some("a Deployment, StatefulSet or Job".to_owned());
            return None;
        }
        if patch.at > self.scenario.duration {
            let end = self.scenario.duration;
            let message = format!("the patch at {} comes after the run's end ({end})", patch.at);
            self.error(&format!("{path}.at"), message);
        }
        let node = self.document.get("spec")?.get("patches")?.items().get(index)?.get("patch")?;
        if spec_fields(node).next().is_none() {
            let place = self.at(&format!("{path}.patch"));
            let diagnostic = Diagnostic::error(place, "the patch changes nothing of the object's spec");
            self.push(diagnostic.hint("write it as for kubectl patch: {spec: {template: {spec: {containers: […]}}}}"));
            return None;
        }
        let beside = node.entries().iter().filter(|entry| entry.key != "spec");
        let unknown = node.get("spec").map_or(&[][..], Node::entries).iter();
        let unknown: Vec<_> = beside.chain(unknown.filter(|entry| !known.contains(&entry.key.as_str()))).collect();
        for entry in &unknown {
            let hint = suggestion(&entry.key, known);
            let message = format!("`{}` of a {:?} can't be changed in mid-run", entry.key, patch.target.kind);
            self.diagnostics.push(Diagnostic::error(&entry.key_place, message).maybe_hint(hint));
        }
        unknown.is_empty().then_some(node)
    }

    /// The workload that the patched object is; mistakes are told at their place, be it in the patch or the manifest.
    fn patched(
        &mut self,
        target: &TargetRef,
        id: WorkloadId,
        node: Node,
        spec: &ScenarioSpec,
        change: &Node,
    ) -> Option<WorkloadKind> {
        match target.kind {
            TargetKind::Deployment => {
                let object = self.typed::<Deployment>(target, node)?;
                let read = self.deployment(&object, settings(spec, "Deployment", &object));
                self.told(&object, read).map(|(kind, _)| kind)
            }
            TargetKind::StatefulSet => {
                let object = self.typed::<StatefulSet>(target, node)?;
                let read = self.stateful_set(&object, settings(spec, "StatefulSet", &object));
                self.told(&object, read).map(|(kind, _)| kind)
            }
            TargetKind::Job => {
                let object = self.typed::<Job>(target, node)?;
                let read = self.batch_job(&object, settings(spec, "Job", &object));
                let job = self.told(&object, read)?;
                self.check_completions(id, &job, change);
                Some(WorkloadKind::Job(job))
            }
            _ => None,
        }
    }

    fn typed<T: DeserializeOwned>(&mut self, target: &TargetRef, node: Node) -> Option<Object<T>> {
        let (value, mistakes) = read::<T>(&node);
        self.diagnostics.extend(mistakes);
        Some(Object { value: value?, node, name: target.name.clone(), namespace: target.namespace.clone() })
    }

    fn told<T, R>(&mut self, object: &Object<T>, read: Result<R, ManifestError>) -> Option<R> {
        read.map_err(|error| self.push(object.refuse(error)).is_error()).ok()
    }

    /// Completions are fixed, but for an Indexed Job whose parallelism follows them.
    fn check_completions(&mut self, id: WorkloadId, job: &BatchJob, change: &Node) {
        let WorkloadKind::Job(before) = &self.scenario.workloads[id.index()].kind else { return };
        let is_elastic = job.indexed && job.completions == Some(job.parallelism);
        if job.completions != before.completions && !is_elastic {
            let message = "completions can be changed of an Indexed Job only, together with its parallelism";
            self.diagnostics.push(Diagnostic::error(change.at("spec.completions"), message));
        }
    }
}

fn spec_fields(patch: &Node) -> impl Iterator<Item = &str> {
    patch.get("spec").map_or(&[][..], Node::entries).iter().map(|entry| entry.key.as_str())
}

fn node_of(target: &TargetRef, objects: &Objects) -> Option<Node> {
    fn find<T>(list: &[Object<T>], target: &TargetRef) -> Option<Node> {
        let found = list.iter().find(|object| object.name == target.name && object.namespace == target.namespace);
        found.map(|object| object.node.clone())
    }
    match target.kind {
        TargetKind::Deployment => find(&objects.deployments, target),
        TargetKind::StatefulSet => find(&objects.stateful_sets, target),
        TargetKind::Job => find(&objects.jobs, target),
        _ => None,
    }
}
