//! Values and names that several exporters write alike.

use super::series::Teller;
use super::table::Metric;
use crate::cluster::PodId;

/// The name of a ReplicaSet or of a revision: its workload's with its template's number, as no hash is modelled.
pub(super) fn set_name(workload: &str, template: usize) -> String {
    format!("{workload}-{template:x}")
}

/// `0.25` for 250.
pub(super) fn thousandths(amount: i64) -> f64 {
    amount as f64 / 1000.0
}

/// 1 where it holds.
pub(super) fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// The labels of a target, by which `up` is told.
pub(super) fn tell_up(tell: &mut Teller<'_, '_>, job: &str, instance: &str, answers: bool) {
    tell.put(Metric::Up, flag(answers), || [("job", job), ("instance", instance)]);
}

/// A pod's uid: what tells it from another of the same name.
pub(super) fn uid(pod: PodId) -> String {
    format!("00000000-0000-4000-8000-{:012x}", pod.index())
}

/// The name of a Job: a CronJob's have the minute that they were scheduled for.
pub(super) fn job_name(workload: &str, run: u32) -> String {
    if run == 0 { workload.to_owned() } else { format!("{workload}-{run}") }
}
