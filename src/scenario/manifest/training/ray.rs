//! KubeRay (`ray.io/v1`, release 1.4): jobs on a cluster of their own, of a head and groups of workers.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde::Deserialize;
use serde_json::Value;

use super::{PodSet, TrainingPods, count, product};
use crate::scenario::manifest::ManifestError;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RayClusterSpec {
    head_group_spec: HeadGroup,
    #[serde(default)]
    worker_group_specs: Vec<WorkerGroup>,
    #[serde(default)]
    suspend: Option<bool>,
    #[serde(default, rename = "rayVersion")]
    _ray_version: Value,
    #[serde(default, rename = "enableInTreeAutoscaling")]
    _in_tree_autoscaling: Value,
    #[serde(default, rename = "autoscalerOptions")]
    _autoscaler_options: Value,
    #[serde(default, rename = "headServiceAnnotations")]
    _head_service_annotations: Value,
    #[serde(default, rename = "gcsFaultToleranceOptions")]
    _gcs_fault_tolerance: Value,
    #[serde(default, rename = "managedBy")]
    _managed_by: Value,
    #[serde(default, rename = "upgradeStrategy")]
    _upgrade_strategy: Value,
    #[serde(default, rename = "authOptions")]
    _auth_options: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HeadGroup {
    template: PodTemplateSpec,
    #[serde(default, rename = "rayStartParams")]
    _start: Value,
    #[serde(default, rename = "serviceType")]
    _service_type: Value,
    #[serde(default, rename = "headService")]
    _head_service: Value,
    #[serde(default, rename = "enableIngress")]
    _ingress: Value,
    #[serde(default, rename = "resources")]
    _resources: Value,
    #[serde(default, rename = "labels")]
    _labels: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WorkerGroup {
    group_name: String,
    template: PodTemplateSpec,
    #[serde(default)]
    replicas: Option<i32>,
    #[serde(default)]
    min_replicas: Option<i32>,
    #[serde(default)]
    max_replicas: Option<i32>,
    #[serde(default)]
    num_of_hosts: Option<i32>,
    #[serde(default)]
    suspend: Option<bool>,
    #[serde(default, rename = "rayStartParams")]
    _start: Value,
    #[serde(default, rename = "idleTimeoutSeconds")]
    _idle_timeout: Value,
    #[serde(default, rename = "scaleStrategy")]
    _scale_strategy: Value,
    #[serde(default, rename = "resources")]
    _resources: Value,
    #[serde(default, rename = "labels")]
    _labels: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RayJobSpec {
    #[serde(default)]
    ray_cluster_spec: Option<RayClusterSpec>,
    #[serde(default)]
    suspend: Option<bool>,
    #[serde(default, rename = "entrypoint")]
    _entrypoint: Value,
    #[serde(default, rename = "runtimeEnvYAML")]
    _runtime_env: Value,
    #[serde(default, rename = "jobId")]
    _job_id: Value,
    #[serde(default, rename = "metadata")]
    _metadata: Value,
    #[serde(default, rename = "clusterSelector")]
    _cluster_selector: Value,
    #[serde(default, rename = "submissionMode")]
    _submission_mode: Value,
    #[serde(default, rename = "submitterPodTemplate")]
    _submitter: Value,
    #[serde(default, rename = "submitterConfig")]
    _submitter_config: Value,
    #[serde(default)]
    shutdown_after_job_finishes: Option<bool>,
    #[serde(default, rename = "ttlSecondsAfterFinished")]
    _ttl: Value,
    #[serde(default, rename = "activeDeadlineSeconds")]
    _deadline: Value,
    #[serde(default, rename = "backoffLimit")]
    _backoff_limit: Value,
    #[serde(default, rename = "entrypointNumCpus")]
    _entrypoint_cpus: Value,
    #[serde(default, rename = "entrypointNumGpus")]
    _entrypoint_gpus: Value,
    #[serde(default, rename = "entrypointResources")]
    _entrypoint_resources: Value,
    #[serde(default, rename = "deletionPolicy")]
    _deletion_policy: Value,
    #[serde(default, rename = "deletionStrategy")]
    _deletion_strategy: Value,
    #[serde(default, rename = "managedBy")]
    _managed_by: Value,
}

/// `GetWorkerGroupDesiredReplicas` of ray-operator (`controllers/ray/utils/util.go`, 1.4): within the bounds, the least where
/// nothing is written. A group that is suspended has none.
pub fn desired_replicas<N: Ord + From<u8>>(written: Option<N>, least: Option<N>, most: Option<N>) -> N {
    let least = least.unwrap_or_else(|| N::from(0));
    let wanted = match written {
        Some(written) if written >= least => written,
        _ => least,
    };
    match most {
        Some(most) if wanted > most => most,
        _ => wanted,
    }
}

impl RayClusterSpec {
    /// `within` leads to this spec.
    pub(super) fn pods(&self, within: &str) -> Result<TrainingPods, ManifestError> {
        let head = &self.head_group_spec;
        let path = format!("{within}.headGroupSpec.template");
        let mut sets = vec![PodSet { name: "head".to_owned(), count: 1, template: head.template.clone(), path }];
        for (index, group) in self.worker_group_specs.iter().enumerate() {
            let path = format!("{within}.workerGroupSpecs[{index}]");
            let least = count(format!("{path}.minReplicas"), group.min_replicas, 0)?;
            let most = count(format!("{path}.maxReplicas"), group.max_replicas, i32::MAX as u32)?;
            let written = group.replicas.map(|_| count(format!("{path}.replicas"), group.replicas, 0)).transpose()?;
            let replicas = desired_replicas(written, Some(least), Some(most));
            let hosts = count(format!("{path}.numOfHosts"), group.num_of_hosts, 1)?;
            if group.suspend == Some(true) {
                continue;
            }
            sets.push(PodSet {
                name: group.group_name.clone(),
                count: product(&path, replicas, hosts)?,
                template: group.template.clone(),
                path: format!("{path}.template"),
            });
        }
        Ok(TrainingPods { sets, suspended: (self.suspend == Some(true)).then_some("spec.suspend"), note: None })
    }
}

impl RayJobSpec {
    pub(super) fn pods(&self) -> Result<TrainingPods, ManifestError> {
        let Some(cluster) = &self.ray_cluster_spec else {
            let problem =
                "a RayJob on a cluster that others have is not modelled: its cluster's pods are the RayCluster's";
            return Err(ManifestError::new("spec.rayClusterSpec", problem));
        };
        let pods = cluster.pods("spec.rayClusterSpec")?;
        let stays = "in a cluster its pods stay, and hold what they have, until the RayJob is deleted: here they end with its work";
        Ok(TrainingPods {
            suspended: (self.suspend == Some(true)).then_some("spec.suspend"),
            note: (self.shutdown_after_job_finishes != Some(true)).then_some(("spec.shutdownAfterJobFinishes", stays)),
            ..pods
        })
    }
}
