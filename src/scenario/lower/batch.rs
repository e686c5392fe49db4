//! Jobs and CronJobs (`batch/v1`).

use k8s_openapi::api::batch::v1::{CronJob, Job, JobSpec};

use super::workloads::usage;
use super::{Lowering, instant};
use crate::cluster::RestartPolicy;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::manifest::{ManifestError, cron_job_options, is_managed_elsewhere, job_options};
use crate::scenario::objects::Object;
use crate::scenario::spec::{FailuresSpec, WorkloadSettingsSpec};
use crate::scenario::{BatchJob, FailureModel, WorkloadKind};
use crate::units::{Distribution, SimDuration, SimTime};

/// How long one pod of a Job works where the scenario does not say (a guess).
pub(super) const DEFAULT_JOB_DURATION: SimDuration = SimDuration::from_mins(10);

/// Labels that the API server puts on a Job's pods; selectors of affinity and spread are written for them.
const JOB_NAME_LABELS: [&str; 2] = ["batch.kubernetes.io/job-name", "job-name"];

impl Lowering<'_> {
    pub(super) fn job(&mut self, object: &Object<Job>, settings: Option<&WorkloadSettingsSpec>) {
        let read = self.batch_job(object, settings);
        let Some(job) = self.pod_or_refusal("Job", object, read) else { return };
        self.warn_of_idle_job(object, &job);
        let id = self.add_workload("Job", object, usage(settings), |_| WorkloadKind::Job(job));
        let pod = object.value.spec.as_ref().and_then(|raw| raw.template.spec.as_ref());
        self.scenario.workloads[id.index()].volumes = self.volumes_of("Job", object, pod, "spec.template.spec");
    }

    pub(super) fn batch_job(
        &mut self,
        object: &Object<Job>,
        settings: Option<&WorkloadSettingsSpec>,
    ) -> Result<BatchJob, ManifestError> {
        let Some(raw) = &object.value.spec else { return Err(ManifestError::new("spec", "a Job needs a spec")) };
        let labels = JOB_NAME_LABELS.map(|key| (key, object.name.clone()));
        self.job_of_spec("Job", object, raw, &labels, settings)
    }

    pub(super) fn cron_job(&mut self, object: &Object<CronJob>, settings: Option<&WorkloadSettingsSpec>) {
        let read = self.scheduled_job(object, settings);
        let Some(job) = self.pod_or_refusal("CronJob", object, read) else { return };
        if job.cron.as_ref().is_some_and(|cron| cron.is_suspended) {
            let message = format!("CronJob {} is suspended: it makes no Jobs", object.name);
            self.push(Diagnostic::warning(object.at("spec.suspend"), message));
        }
        let id = self.add_workload("CronJob", object, usage(settings), |_| WorkloadKind::Job(job));
        let spec = object.value.spec.as_ref().and_then(|raw| raw.job_template.spec.as_ref());
        let pod = spec.and_then(|spec| spec.template.spec.as_ref());
        let path = "spec.jobTemplate.spec.template.spec";
        self.scenario.workloads[id.index()].volumes = self.volumes_of("CronJob", object, pod, path);
    }

    fn scheduled_job(
        &mut self,
        object: &Object<CronJob>,
        settings: Option<&WorkloadSettingsSpec>,
    ) -> Result<BatchJob, ManifestError> {
        let Some(raw) = &object.value.spec else { return Err(ManifestError::new("spec", "a CronJob needs a spec")) };
        let cron = cron_job_options(raw)?;
        let Some(of_jobs) = &raw.job_template.spec else {
            return Err(ManifestError::new("spec.jobTemplate.spec", "a CronJob needs the spec of its Jobs"));
        };
        // Each of its Jobs has a name of its own, so no selector can be written for the labels that hold it.
        let job = self.job_of_spec("CronJob", object, of_jobs, &[], settings);
        Ok(BatchJob { cron: Some(cron), ..job.map_err(|error| error.within("spec.jobTemplate"))? })
    }

    /// Paths of errors start at the Job (`spec.…`).
    fn job_of_spec<T>(
        &mut self,
        kind: &'static str,
        object: &Object<T>,
        raw: &JobSpec,
        labels: &[(&str, String)],
        settings: Option<&WorkloadSettingsSpec>,
    ) -> Result<BatchJob, ManifestError> {
        let within = if kind == "CronJob" { "spec.jobTemplate." } else { "" };
        let mut pod = self.template_pod(kind, "Job", object, &raw.template, labels)?;
        if pod.restart_policy == RestartPolicy::Always {
            let message = format!("{kind} {}: its pods restart always, which the API server refuses", object.name);
            let place = object.at(&format!("{within}spec.template.spec.restartPolicy"));
            self.push(Diagnostic::warning(place, message).hint("set restartPolicy to Never (taken here) or OnFailure"));
            pod.restart_policy = RestartPolicy::Never;
        }
        let job = job_options(raw, pod.restart_policy)?;
        let failures = settings.and_then(|settings| settings.failures);
        Ok(BatchJob {
            spec: self.intern(pod, kind, object, &format!("{within}spec.template.spec")),
            arrival: settings.and_then(|s| s.arrival).map_or(SimTime::ZERO, instant),
            duration: settings.and_then(|s| s.duration).unwrap_or(Distribution::constant(DEFAULT_JOB_DURATION)),
            failures: failures
                .map(|failures| FailureModel { probability: failures.probability, exit_code: failures.exit_code }),
            ..job
        })
    }

    /// A Job that makes no pods is as meant, or a surprise.
    fn warn_of_idle_job(&mut self, object: &Object<Job>, job: &BatchJob) {
        let raw = object.value.spec.as_ref();
        if raw.is_some_and(is_managed_elsewhere) {
            let message = format!("Job {} is managed by another controller: no pods of it are made", object.name);
            self.push(Diagnostic::warning(object.at("spec.managedBy"), message));
        } else if job.suspended && !super::kueue::names_a_queue(object) {
            let message = format!("Job {} is suspended: it makes no pods until it is resumed", object.name);
            let hint = "a patch resumes it in mid-run: patches: [{at: 1h, target: {kind: Job, …}, patch: {spec: {suspend: false}}}]";
            self.push(Diagnostic::warning(object.at("spec.suspend"), message).hint(hint));
        }
    }

    pub(super) fn check_failures(&mut self, failures: &FailuresSpec, path: &str) {
        if !(0.0..=1.0).contains(&failures.probability) {
            let message = format!("{} is not a chance from 0 to 1", failures.probability);
            self.error(&format!("{path}.probability"), message);
        }
        if !(1..=255).contains(&failures.exit_code) {
            let message = format!("{} is not the exit code of a failure, from 1 to 255", failures.exit_code);
            self.error(&format!("{path}.exitCode"), message);
        }
    }
}
