//! Kubeflow's training operator (`kubeflow.org/v1`, MPI operator `v2beta1`): PyTorchJob, TFJob, MPIJob, XGBoostJob,
//! PaddleJob and JAXJob. Defaults follow `pkg/apis/kubeflow.org/v1/*_defaults.go` of training-operator 1.9.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde::Deserialize;
use serde_json::Value;

use super::{PodSet, TrainingPods, count};
use crate::scenario::manifest::ManifestError;
use crate::units::nearest;

/// Kinds, and the field that holds their pods.
const REPLICA_SPECS: [(&str, &str); 6] = [
    ("PyTorchJob", "pytorchReplicaSpecs"),
    ("TFJob", "tfReplicaSpecs"),
    ("MPIJob", "mpiReplicaSpecs"),
    ("XGBoostJob", "xgbReplicaSpecs"),
    ("PaddleJob", "paddleReplicaSpecs"),
    ("JAXJob", "jaxReplicaSpecs"),
];

/// Kinds, and what pods they may have (`*_types.go`).
const ROLES: [(&str, &[&str]); 6] = [
    ("PyTorchJob", &["Master", "Worker"]),
    ("TFJob", &["Chief", "Master", "PS", "Worker", "Evaluator"]),
    ("MPIJob", &["Launcher", "Worker"]),
    ("XGBoostJob", &["Master", "Worker"]),
    ("PaddleJob", &["Master", "Worker"]),
    ("JAXJob", &["Worker"]),
];

/// The spec of any of the kinds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubeflowSpec {
    #[serde(
        alias = "pytorchReplicaSpecs",
        alias = "tfReplicaSpecs",
        alias = "mpiReplicaSpecs",
        alias = "xgbReplicaSpecs",
        alias = "paddleReplicaSpecs",
        alias = "jaxReplicaSpecs"
    )]
    #[serde(default)]
    replica_specs: BTreeMap<String, ReplicaSpec>,
    #[serde(default)]
    run_policy: RunPolicy,
    #[serde(default, rename = "elasticPolicy")]
    _elastic_policy: Value,
    #[serde(default, rename = "nprocPerNode")]
    _nproc_per_node: Value,
    #[serde(default, rename = "slotsPerWorker")]
    _slots_per_worker: Value,
    #[serde(default, rename = "cleanPodPolicy")]
    _clean_pod_policy: Value,
    #[serde(default, rename = "mainContainer")]
    _main_container: Value,
    #[serde(default, rename = "sshAuthMountPath")]
    _ssh_auth_mount_path: Value,
    #[serde(default, rename = "launcherCreationPolicy")]
    _launcher_creation_policy: Value,
    #[serde(default, rename = "mpiImplementation")]
    _mpi_implementation: Value,
    #[serde(default, rename = "successPolicy")]
    _success_policy: Value,
    #[serde(default, rename = "enableDynamicWorker")]
    _enable_dynamic_worker: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReplicaSpec {
    replicas: Option<i32>,
    template: PodTemplateSpec,
    #[serde(default, rename = "restartPolicy")]
    _restart_policy: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RunPolicy {
    suspend: Option<bool>,
    #[serde(rename = "cleanPodPolicy")]
    _clean_pod_policy: Value,
    #[serde(rename = "ttlSecondsAfterFinished")]
    _ttl: Value,
    #[serde(rename = "activeDeadlineSeconds")]
    _deadline: Value,
    #[serde(rename = "backoffLimit")]
    _backoff_limit: Value,
    #[serde(rename = "schedulingPolicy")]
    _scheduling_policy: Value,
    #[serde(rename = "managedBy")]
    _managed_by: Value,
}

impl KubeflowSpec {
    pub(super) fn pods(&self, kind: &str) -> Result<TrainingPods, ManifestError> {
        let field = REPLICA_SPECS.iter().find(|(known, _)| *known == kind).map_or("replicaSpecs", |found| found.1);
        if self.replica_specs.is_empty() {
            return Err(ManifestError::new(format!("spec.{field}"), format!("a {kind} needs pods")));
        }
        let roles = ROLES.iter().find(|(known, _)| *known == kind).map_or(&[][..], |found| found.1);
        let mut sets = Vec::new();
        for (role, spec) in &self.replica_specs {
            let path = format!("spec.{field}.{role}");
            // Operators take any case (`setTypeNameToCamelCase`).
            if !roles.iter().any(|known| known.eq_ignore_ascii_case(role)) {
                let near = nearest(role, roles.iter().copied());
                let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                let known = roles.join(", ");
                return Err(ManifestError::new(path, format!("a {kind} has no pods of this kind, but {known}{near}")));
            }
            let count = count(format!("{path}.replicas"), spec.replicas, 1)?;
            let path = format!("{path}.template");
            sets.push(PodSet { name: role.to_lowercase(), count, template: spec.template.clone(), path });
        }
        let suspended = (self.run_policy.suspend == Some(true)).then_some("spec.runPolicy.suspend");
        Ok(TrainingPods { sets, suspended, note: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_kind_of_pods_is_told_with_the_nearest() {
        let read = |kind: &str, role: &str| {
            let yaml = format!("{{pytorchReplicaSpecs: {{{role}: {{replicas: 2, template: {{}}}}}}}}");
            let spec: KubeflowSpec = serde_saphyr::from_str(&yaml).unwrap();
            spec.pods(kind).map(|pods| pods.sets[0].count).map_err(|error| format!("{}: {}", error.path, error.problem))
        };
        assert_eq!(
            (read("PyTorchJob", "Worker"), read("PyTorchJob", "worker"), read("TFJob", "ps")),
            (Ok(2), Ok(2), Ok(2))
        );
        let error = read("PyTorchJob", "Wroker").unwrap_err();
        assert!(error.contains("spec.pytorchReplicaSpecs.Wroker") && error.contains("did you mean Worker?"), "{error}");
        assert!(read("JAXJob", "PS").unwrap_err().contains("but Worker"));
    }
}
