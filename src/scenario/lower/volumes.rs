//! Volumes that live somewhere: claims, the volumes behind them, and what ties a pod to a zone or a node.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{PersistentVolumeClaimSpec, PodSpec as RawPodSpec};

use super::{Lowering, shared};
use crate::cluster::NodeSelectorTerm;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::manifest::persistent_volume_terms;
use crate::scenario::objects::{Object, Objects};
use crate::scenario::{VolumeClaim, VolumeScope, VolumeUse};

/// Provisioners whose volumes every node reaches.
const REACHED_EVERYWHERE: [&str; 10] = [
    "efs.csi.aws.com",
    "fsx.csi.aws.com",
    "file.csi.azure.com",
    "kubernetes.io/azure-file",
    "filestore.csi.storage.gke.io",
    "nfs.csi.k8s.io",
    "smb.csi.k8s.io",
    "driver.longhorn.io",
    "cephfs.csi.ceph.com",
    "rbd.csi.ceph.com",
];

/// Provisioners whose volumes are a node's own disk.
const ON_A_NODE: [&str; 5] =
    ["rancher.io/local-path", "kubernetes.io/no-provisioner", "topolvm.io", "local.csi.openebs.io", "openebs.io/local"];

/// What the manifests say of storage.
#[derive(Debug, Default)]
pub(super) struct Storage {
    /// Where volumes of a class can be reached, by the class's name.
    classes: BTreeMap<String, VolumeScope>,
    /// The class of claims that name none.
    default_class: Option<String>,
    /// Claims by `(namespace, name)`: their index in the scenario.
    claims: BTreeMap<(String, String), u32>,
}

impl Lowering<'_> {
    /// Comes before the workloads.
    pub(super) fn storage(&mut self, objects: &Objects) {
        for object in &objects.storage_classes {
            let provisioner = object.value.provisioner.as_str();
            let is_one_of = |list: &[&str]| {
                list.iter().any(|known| provisioner == *known || provisioner.ends_with(&format!(".{known}")))
            };
            let scope = if is_one_of(&REACHED_EVERYWHERE) {
                VolumeScope::Anywhere
            } else if is_one_of(&ON_A_NODE) {
                VolumeScope::Node
            } else {
                VolumeScope::Zone
            };
            let binds_at_once = object.value.volume_binding_mode.as_deref() != Some("WaitForFirstConsumer");
            if binds_at_once && scope == VolumeScope::Zone {
                let message = format!(
                    "StorageClass {} binds claims at once (Immediate), in a zone of its own choice; here they bind where their first pod goes",
                    object.name
                );
                self.push(Diagnostic::warning(object.at("volumeBindingMode"), message));
            }
            let annotations = object.value.metadata.annotations.as_ref();
            let is_default = annotations.and_then(|all| all.get("storageclass.kubernetes.io/is-default-class"));
            if is_default.is_some_and(|value| value == "true") {
                self.storage.default_class = Some(object.name.clone());
            }
            self.storage.classes.insert(object.name.clone(), scope);
        }
        let volumes = self.persistent_volumes(objects);
        for object in &objects.claims {
            let spec = object.value.spec.as_ref();
            let key = (object.namespace.clone(), object.name.clone());
            let named = spec.and_then(|spec| spec.volume_name.as_ref());
            let volume =
                volumes.iter().find(|volume| Some(&volume.name) == named || volume.claim.as_ref() == Some(&key));
            if let (Some(name), None) = (named, volume) {
                let message = format!(
                    "PersistentVolume {name} of claim {} is not among the manifests: it is taken to be where its first pod goes",
                    object.name
                );
                self.push(Diagnostic::warning(object.at("spec.volumeName"), message));
            }
            let scope = self.scope_of(spec);
            let bound = volume.and_then(|volume| volume.terms.clone());
            // A volume that says nothing of its place is reached everywhere.
            let scope = if volume.is_some() && bound.is_none() { VolumeScope::Anywhere } else { scope };
            self.add_claim(key, scope, bound);
        }
    }

    fn add_claim(&mut self, key: (String, String), scope: VolumeScope, bound: Option<Vec<NodeSelectorTerm>>) -> u32 {
        let index = self.scenario.claims.len() as u32;
        let (namespace, name) = (shared(&key.0), shared(&key.1));
        self.scenario.claims.push(VolumeClaim { namespace, name, scope, bound });
        self.storage.claims.insert(key, index);
        index
    }

    fn persistent_volumes(&mut self, objects: &Objects) -> Vec<PersistentVolume> {
        let mut volumes = Vec::new();
        for object in &objects.persistent_volumes {
            let claim = object.value.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
            let claim = claim.and_then(|claim| Some((claim.namespace.clone()?, claim.name.clone()?)));
            match persistent_volume_terms(&object.value) {
                Ok(terms) => volumes.push(PersistentVolume { name: object.name.clone(), claim, terms }),
                Err(error) => {
                    self.push(object.refuse(error));
                }
            }
        }
        volumes
    }

    /// Where a new volume of a claim can be reached. A class that is not among the manifests is taken for a cloud's
    /// disks, which live in a zone; what many nodes may write to is none.
    fn scope_of(&self, claim: Option<&PersistentVolumeClaimSpec>) -> VolumeScope {
        let class = claim.and_then(|claim| claim.storage_class_name.as_ref()).or(self.storage.default_class.as_ref());
        if let Some(scope) = class.and_then(|class| self.storage.classes.get(class)) {
            return *scope;
        }
        let modes = claim.and_then(|claim| claim.access_modes.as_deref()).unwrap_or_default();
        if modes.iter().any(|mode| mode == "ReadWriteMany") { VolumeScope::Anywhere } else { VolumeScope::Zone }
    }

    /// The claims that pods of a workload mount by name. `path` leads to the pod's spec.
    pub(super) fn volumes_of<T>(
        &mut self,
        kind: &str,
        object: &Object<T>,
        pod: Option<&RawPodSpec>,
        path: &str,
    ) -> Vec<VolumeUse> {
        let mut uses = Vec::new();
        for (index, volume) in pod.iter().flat_map(|pod| pod.volumes.iter().flatten()).enumerate() {
            let Some(claim) = &volume.persistent_volume_claim else { continue };
            let key = (object.namespace.clone(), claim.claim_name.clone());
            let known = self.storage.claims.get(&key).copied();
            let claim = known.unwrap_or_else(|| {
                let message = format!(
                    "the claim {} of {kind} {} is not among the manifests; it is taken for one that binds in the zone of its first pod",
                    claim.claim_name, object.name
                );
                let place = object.at(&format!("{path}.volumes[{index}].persistentVolumeClaim"));
                let hint = "in a cluster without it the pods stay pending; add the PersistentVolumeClaim";
                self.push(Diagnostic::warning(place, message).hint(hint));
                self.add_claim(key, VolumeScope::Zone, None)
            });
            let (scope, bound) = {
                let claim = &self.scenario.claims[claim as usize];
                (claim.scope, claim.bound.is_some())
            };
            if bound || scope != VolumeScope::Anywhere {
                uses.push(VolumeUse::Claim(claim));
            }
        }
        uses
    }

    /// The volumes that each ordinal of a StatefulSet has for itself. Those of one pod bind together.
    pub(super) fn claim_templates(&mut self, object: &Object<StatefulSet>, raw: &StatefulSetSpec) -> Option<VolumeUse> {
        let templates = raw.volume_claim_templates.as_deref().unwrap_or_default();
        let scope = templates.iter().map(|template| self.scope_of(template.spec.as_ref())).max()?;
        let mut bound: Vec<(u32, Vec<NodeSelectorTerm>)> = Vec::new();
        for template in templates {
            let stem = format!("{}-{}-", template.metadata.name.as_deref().unwrap_or_default(), object.name);
            for claim in &self.scenario.claims {
                let ordinal = claim.name.strip_prefix(stem.as_str()).and_then(|rest| rest.parse().ok());
                if let (Some(ordinal), Some(terms), true) =
                    (ordinal, &claim.bound, *claim.namespace == *object.namespace)
                {
                    bound.push((ordinal, terms.clone()));
                }
            }
        }
        if scope == VolumeScope::Anywhere && bound.is_empty() {
            return None;
        }
        let retention = raw.persistent_volume_claim_retention_policy.as_ref();
        let deleted_when_scaled = retention.and_then(|policy| policy.when_scaled.as_deref()) == Some("Delete");
        Some(VolumeUse::PerReplica { scope, bound, deleted_when_scaled })
    }
}

/// A PersistentVolume, and the claim that it is kept for.
struct PersistentVolume {
    name: String,
    claim: Option<(String, String)>,
    terms: Option<Vec<NodeSelectorTerm>>,
}
