//! JobSets (`jobset.x-k8s.io/v1alpha2`, release 0.10): replicated Jobs that run as one.

use k8s_openapi::api::batch::v1::JobTemplateSpec;
use serde::Deserialize;
use serde_json::Value;

use super::{PodSet, TrainingPods, count, product};
use crate::scenario::manifest::ManifestError;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobSetSpec {
    #[serde(default)]
    pub(super) replicated_jobs: Vec<ReplicatedJob>,
    #[serde(default)]
    suspend: Option<bool>,
    #[serde(default, rename = "network")]
    _network: Value,
    #[serde(default, rename = "successPolicy")]
    _success_policy: Value,
    #[serde(default, rename = "failurePolicy")]
    _failure_policy: Value,
    #[serde(default, rename = "startupPolicy")]
    _startup_policy: Value,
    #[serde(default, rename = "coordinator")]
    _coordinator: Value,
    #[serde(default, rename = "managedBy")]
    _managed_by: Value,
    #[serde(default, rename = "ttlSecondsAfterFinished")]
    _ttl: Value,
    #[serde(default, rename = "volumeClaimPolicies")]
    _volume_claim_policies: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ReplicatedJob {
    pub(super) name: String,
    pub(super) template: JobTemplateSpec,
    #[serde(default)]
    replicas: Option<i32>,
    #[serde(default, rename = "groupName")]
    _group_name: Value,
    #[serde(default, rename = "dependsOn")]
    _depends_on: Value,
}

impl JobSetSpec {
    /// `within` leads to this spec.
    pub(super) fn pods(&self, within: &str) -> Result<TrainingPods, ManifestError> {
        if self.replicated_jobs.is_empty() {
            return Err(ManifestError::new(format!("{within}.replicatedJobs"), "a JobSet needs Jobs"));
        }
        let mut sets = Vec::new();
        for (index, job) in self.replicated_jobs.iter().enumerate() {
            let path = format!("{within}.replicatedJobs[{index}]");
            let Some(spec) = &job.template.spec else {
                return Err(ManifestError::new(format!("{path}.template.spec"), "a Job needs a spec"));
            };
            let replicas = count(format!("{path}.replicas"), job.replicas, 1)?;
            let at_once = count(format!("{path}.template.spec.parallelism"), spec.parallelism, 1)?;
            if spec.completions.is_some_and(|all| i64::from(all) > i64::from(at_once)) {
                let problem =
                    "more than its parallelism: pods that come one after the other are not modelled in a JobSet";
                return Err(ManifestError::new(format!("{path}.template.spec.completions"), problem));
            }
            sets.push(PodSet {
                name: job.name.clone(),
                count: product(&path, replicas, at_once)?,
                template: spec.template.clone(),
                path: format!("{path}.template.spec.template"),
            });
        }
        Ok(TrainingPods { sets, suspended: (self.suspend == Some(true)).then_some("spec.suspend"), note: None })
    }
}
