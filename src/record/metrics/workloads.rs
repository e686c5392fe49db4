//! What owns pods, as kube-state-metrics shows it, and what is there once in a cluster.

use std::collections::BTreeSet;

use super::series::Teller;
use super::table::Metric;
use super::values::{flag, job_name, set_name, tell_up};
use crate::scenario::{BatchJob, Owner, WorkloadKind};
use crate::sim::{Exposed, ExposedWorkload};
use crate::units::SimTime;

/// Pods of a workload's DaemonSet at one scrape.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DaemonCount {
    pub there: u32,
    pub ready: u32,
}

/// Targets that always answer.
const CONTROL_PLANE: [&str; 6] =
    ["apiserver", "kube-state-metrics", "kube-scheduler", "kube-controller-manager", "kube-proxy", "opencost"];

pub(super) fn tell_cluster(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>) {
    for job in CONTROL_PLANE {
        tell_up(tell, job, "control-plane", true);
    }
    let namespaces: BTreeSet<&str> = exposed.scenario().workloads.iter().map(|workload| &*workload.namespace).collect();
    for namespace in namespaces {
        tell.put(Metric::KubeNamespaceStatusPhase, 1.0, || [("namespace", namespace), ("phase", "Active")]);
    }
}

pub(super) fn tell(
    tell: &mut Teller<'_, '_>,
    workload: &ExposedWorkload<'_>,
    daemons: DaemonCount,
    seconds: &dyn Fn(SimTime) -> f64,
) {
    let (namespace, name) = (&*workload.workload.namespace, &*workload.workload.name);
    if workload.kind_name() == "daemonset" {
        let labels = [("namespace", namespace), ("daemonset", name)];
        let (there, ready) = (f64::from(daemons.there), f64::from(daemons.ready));
        for (metric, value) in [
            (Metric::KubeDaemonsetDesired, there),
            (Metric::KubeDaemonsetCurrent, there),
            (Metric::KubeDaemonsetReady, ready),
            (Metric::KubeDaemonsetAvailable, ready),
            (Metric::KubeDaemonsetUnavailable, there - ready),
            (Metric::KubeDaemonsetMisscheduled, 0.0),
            (Metric::KubeDaemonsetUpdated, there),
        ] {
            tell.put(metric, value, || labels);
        }
        return;
    }
    if let WorkloadKind::Job(job) = workload.kind {
        return tell_jobs(tell, workload, job, seconds);
    }
    let WorkloadKind::Replicated { owner, spec, .. } = workload.kind else { return };
    let desired = f64::from(workload.desired());
    let (current, ready) = (f64::from(workload.current()), f64::from(workload.ready()));
    let updated = f64::from(workload.of_template(spec.index()));
    let generation = workload.generation() as f64;
    let created = seconds(SimTime::ZERO);
    match owner {
        Owner::Deployment => {
            let labels = [("namespace", namespace), ("deployment", name)];
            for (metric, value) in [
                (Metric::KubeDeploymentCreated, created),
                (Metric::KubeDeploymentSpecReplicas, desired),
                (Metric::KubeDeploymentStatusReplicas, current),
                (Metric::KubeDeploymentStatusReplicasReady, ready),
                (Metric::KubeDeploymentStatusReplicasAvailable, ready),
                (Metric::KubeDeploymentStatusReplicasUnavailable, (desired - ready).max(0.0)),
                (Metric::KubeDeploymentStatusReplicasUpdated, updated),
                (Metric::KubeDeploymentStatusObservedGeneration, generation),
                (Metric::KubeDeploymentMetadataGeneration, generation),
            ] {
                tell.put(metric, value, || labels);
            }
            let (available, progresses, why) = workload.deployment_conditions();
            let reason = if available { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" };
            for (condition, holds, reason) in [("Available", available, reason), ("Progressing", progresses, why)] {
                for (status, is) in [("true", holds), ("false", !holds), ("unknown", false)] {
                    let key = format!("{condition} {status} {reason}");
                    let more = [("condition", condition), ("status", status), ("reason", reason)];
                    let labels = [labels.as_slice(), &more].concat();
                    tell.put_keyed(&key, Metric::KubeDeploymentCondition, flag(is), &labels);
                }
            }
            for (template, replicas) in workload.sets() {
                let set = set_name(name, template);
                let labels = [("namespace", namespace), ("replicaset", &*set)];
                let owner = [("owner_kind", "Deployment"), ("owner_name", name), ("owner_is_controller", "true")];
                let key = |of: &str| format!("{template} {of}");
                tell.put_keyed(&key("owner"), Metric::KubeReplicasetOwner, 1.0, &[labels.as_slice(), &owner].concat());
                let there = f64::from(workload.of_template(template));
                tell.put_keyed(&key("spec"), Metric::KubeReplicasetSpecReplicas, f64::from(replicas), &labels);
                tell.put_keyed(&key("status"), Metric::KubeReplicasetStatusReplicas, there, &labels);
                let ready = f64::from(workload.ready_of_template(template));
                tell.put_keyed(&key("ready"), Metric::KubeReplicasetReady, ready, &labels);
            }
        }
        Owner::ReplicaSet => {
            let labels = [("namespace", namespace), ("replicaset", name)];
            tell.put(Metric::KubeReplicasetSpecReplicas, desired, || labels);
            tell.put(Metric::KubeReplicasetStatusReplicas, current, || labels);
            tell.put(Metric::KubeReplicasetReady, ready, || labels);
        }
        Owner::StatefulSet => {
            let labels = [("namespace", namespace), ("statefulset", name)];
            for (metric, value) in [
                (Metric::KubeStatefulsetCreated, created),
                (Metric::KubeStatefulsetReplicas, desired),
                (Metric::KubeStatefulsetStatusReplicas, current),
                (Metric::KubeStatefulsetStatusReplicasReady, ready),
                (Metric::KubeStatefulsetStatusReplicasUpdated, updated),
                (Metric::KubeStatefulsetStatusObservedGeneration, generation),
                (Metric::KubeStatefulsetMetadataGeneration, generation),
            ] {
                tell.put(metric, value, || labels);
            }
        }
    }
}

fn tell_jobs(
    tell: &mut Teller<'_, '_>,
    workload: &ExposedWorkload<'_>,
    spec: &BatchJob,
    seconds: &dyn Fn(SimTime) -> f64,
) {
    let (namespace, name) = (&*workload.workload.namespace, &*workload.workload.name);
    let name_of_workload = name;
    if let Some(cron) = &spec.cron {
        let labels = [("namespace", namespace), ("cronjob", name)];
        let (schedule, policy) = (cron.schedule.to_string(), format!("{:?}", cron.concurrency));
        tell.put(Metric::KubeCronjobInfo, 1.0, || {
            [labels[0], labels[1], ("schedule", &*schedule), ("concurrency_policy", &*policy)]
        });
        tell.put(Metric::KubeCronjobSuspend, flag(cron.is_suspended), || labels);
        let active = workload.jobs().filter(|job| !job.is_finished).count();
        tell.put(Metric::KubeCronjobActive, active as f64, || labels);
        let [last, next] = workload.schedules().map(|at| at.map(|at| at as f64));
        tell.put(Metric::KubeCronjobLastSchedule, last, || labels);
        tell.put(Metric::KubeCronjobNextSchedule, next, || labels);
    }
    for job in workload.jobs() {
        let name = job_name(name, job.run);
        let labels = [("namespace", namespace), ("job_name", &*name)];
        let mut put = |metric: Metric, value: Option<f64>, more: &[(&str, &str)]| {
            if let Some(value) = value {
                let key = format!("{} {}", metric.row().name, job.run);
                tell.put_keyed(&key, metric, value, &[labels.as_slice(), more].concat());
            }
        };
        let is_complete = job.is_finished && spec.completions.is_none_or(|wanted| job.succeeded >= wanted);
        put(Metric::KubeJobInfo, Some(1.0), &[]);
        let cron = [("owner_kind", "CronJob"), ("owner_name", name_of_workload), ("owner_is_controller", "true")];
        put(Metric::KubeJobOwner, Some(1.0), if job.run == 0 { &[] } else { &cron });
        put(Metric::KubeJobSpecCompletions, spec.completions.map(f64::from), &[]);
        put(Metric::KubeJobSpecParallelism, Some(f64::from(spec.parallelism)), &[]);
        put(Metric::KubeJobStatusActive, Some(f64::from(job.active)), &[]);
        put(Metric::KubeJobStatusSucceeded, Some(f64::from(job.succeeded)), &[]);
        put(Metric::KubeJobStatusFailed, Some(f64::from(job.failed)), &[]);
        put(Metric::KubeJobStatusStartTime, job.started.map(seconds), &[]);
        put(Metric::KubeJobCreated, Some(seconds(job.created)), &[]);
        put(Metric::KubeJobCompletionTime, job.completed.filter(|_| is_complete).map(seconds), &[]);
        put(Metric::KubeJobComplete, is_complete.then_some(1.0), &[("condition", "true")]);
        put(Metric::KubeJobFailed, (job.is_finished && !is_complete).then_some(1.0), &[("condition", "true")]);
    }
}
