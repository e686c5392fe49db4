//! Update strategies of Deployments and StatefulSets (`apps/v1`), with the API server's defaults and its checks
//! (`pkg/apis/apps/v1/defaults.go`, `pkg/apis/apps/validation`, 1.33).

use k8s_openapi::api::apps::v1 as raw;

use super::budget::int_or_percent;
use super::job::seconds;
use super::{ManifestError, unknown_value};
use crate::cluster::IntOrPercent;
use crate::controller::{Strategy, UpdateOptions};
use crate::units::SimDuration;

/// Paths of errors start at the object (`spec.…`).
pub fn deployment_update(raw: &raw::DeploymentSpec) -> Result<UpdateOptions, ManifestError> {
    let read = || {
        let default = UpdateOptions::default();
        let min_ready = min_ready(raw.min_ready_seconds)?;
        let deadline = seconds("progressDeadlineSeconds", raw.progress_deadline_seconds.map(i64::from))?;
        // An API server fills in the default first.
        let stated = deadline.or(default.progress_deadline);
        let progress_deadline = match deadline {
            _ if stated.is_some_and(|deadline| deadline <= min_ready) => {
                return Err(ManifestError::new("progressDeadlineSeconds", "must be above minReadySeconds"));
            }
            // The largest number stands for none.
            Some(_) if raw.progress_deadline_seconds == Some(i32::MAX) => None,
            deadline => deadline.or(default.progress_deadline),
        };
        let strategy = raw.strategy.as_ref().map_or(Ok(default.strategy), strategy);
        let strategy = strategy.map_err(|error| error.within("strategy"))?;
        Ok(UpdateOptions { strategy, min_ready, paused: raw.paused == Some(true), progress_deadline })
    };
    read().map_err(|error: ManifestError| error.within("spec"))
}

fn strategy(raw: &raw::DeploymentStrategy) -> Result<Strategy, ManifestError> {
    match raw.type_.as_deref() {
        Some("Recreate") if raw.rolling_update.is_some() => {
            Err(ManifestError::new("rollingUpdate", "does not belong to type Recreate"))
        }
        Some("Recreate") => Ok(Strategy::Recreate),
        None | Some("" | "RollingUpdate") => {
            let rolling = raw.rolling_update.as_ref();
            let amount = |field: &str, value| -> Result<IntOrPercent, ManifestError> {
                let read = Option::map(value, int_or_percent).transpose();
                let read = read.map_err(|problem| ManifestError::new(format!("rollingUpdate.{field}"), problem))?;
                Ok(read.unwrap_or(IntOrPercent::Percent(25)))
            };
            let max_surge = amount("maxSurge", rolling.and_then(|rolling| rolling.max_surge.as_ref()))?;
            let max_unavailable =
                amount("maxUnavailable", rolling.and_then(|rolling| rolling.max_unavailable.as_ref()))?;
            if max_surge == IntOrPercent::Int(0) && max_unavailable == IntOrPercent::Int(0) {
                return Err(ManifestError::new("rollingUpdate.maxUnavailable", "may not be 0 when maxSurge is 0"));
            }
            Ok(Strategy::RollingUpdate { max_surge, max_unavailable })
        }
        Some(other) => Err(unknown_value("type", other, &["RollingUpdate", "Recreate"])),
    }
}

/// Paths of errors start at the object (`spec.…`).
pub fn stateful_set_update(raw: &raw::StatefulSetSpec) -> Result<UpdateOptions, ManifestError> {
    let read = || {
        let update = raw.update_strategy.as_ref();
        let strategy = match update.and_then(|update| update.type_.as_deref()) {
            Some("OnDelete") => Strategy::OnDelete,
            None | Some("" | "RollingUpdate") => {
                let rolling = update.and_then(|update| update.rolling_update.as_ref());
                let partition = rolling.and_then(|rolling| rolling.partition).unwrap_or(0);
                let partition = u32::try_from(partition).map_err(|_| {
                    ManifestError::new("updateStrategy.rollingUpdate.partition", format!("{partition} is negative"))
                })?;
                Strategy::Ordinals { partition }
            }
            Some(other) => return Err(unknown_value("updateStrategy.type", other, &["RollingUpdate", "OnDelete"])),
        };
        let min_ready = min_ready(raw.min_ready_seconds)?;
        Ok(UpdateOptions { strategy, min_ready, paused: false, progress_deadline: None })
    };
    read().map_err(|error: ManifestError| error.within("spec"))
}

fn min_ready(raw: Option<i32>) -> Result<SimDuration, ManifestError> {
    Ok(seconds("minReadySeconds", raw.map(i64::from))?.unwrap_or(SimDuration::ZERO))
}
