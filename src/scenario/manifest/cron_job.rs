//! CronJobs (`batch/v1`), with the API server's checks (`pkg/apis/batch/validation`, 1.33).

use jiff::tz::TimeZone;
use k8s_openapi::api::batch::v1::CronJobSpec;

use super::job::seconds;
use super::{ManifestError, unknown_value};
use crate::controller::cron_job::{Concurrency, CronJob};

/// Words for schedules, as robfig/cron knows them.
const DESCRIPTORS: &[(&str, &str)] = &[
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// What a CronJob says beside its Jobs' template. Paths of errors start at the object (`spec.…`).
pub fn cron_job_options(raw: &CronJobSpec) -> Result<CronJob, ManifestError> {
    options(raw).map_err(|error| error.within("spec"))
}

fn options(raw: &CronJobSpec) -> Result<CronJob, ManifestError> {
    let written = raw.schedule.trim();
    let spelt = DESCRIPTORS.iter().find(|(word, _)| *word == written).map_or(written, |(_, spelt)| spelt);
    let schedule = spelt.replace('?', "*").parse();
    let schedule = schedule.map_err(|error| {
        let problem = match written {
            every if every.starts_with("@every") => "@every is not modelled; write five fields".to_owned(),
            _ => format!("{error}"),
        };
        ManifestError::new("schedule", problem)
    })?;
    let zone = match raw.time_zone.as_deref() {
        // kube-controller-manager's own, which is UTC wherever a provider runs it.
        None => TimeZone::UTC,
        Some(name) => {
            let unknown =
                |_| ManifestError::new("timeZone", format!("{name:?} is no time zone, such as Europe/Berlin"));
            TimeZone::get(name).map_err(unknown)?
        }
    };
    let concurrency = match raw.concurrency_policy.as_deref() {
        None | Some("" | "Allow") => Concurrency::Allow,
        Some("Forbid") => Concurrency::Forbid,
        Some("Replace") => Concurrency::Replace,
        Some(other) => return Err(unknown_value("concurrencyPolicy", other, &["Allow", "Forbid", "Replace"])),
    };
    Ok(CronJob {
        schedule,
        zone,
        concurrency,
        starting_deadline: seconds("startingDeadlineSeconds", raw.starting_deadline_seconds)?,
        is_suspended: raw.suspend == Some(true),
    })
}
