//! kube-controller-manager flags by name.

use serde_json::Value;

use super::super::Refusal;
use super::super::fields::hint;
use crate::autoscaler::hpa::HpaFlags;
use crate::units::SimDuration;

const PREFIX: &str = "horizontal-pod-autoscaler-";
const SYNC_PERIOD: &str = "horizontal-pod-autoscaler-sync-period";
const TOLERANCE: &str = "horizontal-pod-autoscaler-tolerance";
const CPU_INITIALIZATION_PERIOD: &str = "horizontal-pod-autoscaler-cpu-initialization-period";
const INITIAL_READINESS_DELAY: &str = "horizontal-pod-autoscaler-initial-readiness-delay";
const DOWNSCALE_STABILIZATION: &str = "horizontal-pod-autoscaler-downscale-stabilization";
const KNOWN: [&str; 5] =
    [SYNC_PERIOD, TOLERANCE, CPU_INITIALIZATION_PERIOD, INITIAL_READINESS_DELAY, DOWNSCALE_STABILIZATION];

/// Flags with upstream's defaults where absent. Leading dashes are allowed, and so is `-tolerance` for the flag that
/// ends so.
pub(super) fn read(value: &Value, path: &str) -> Result<HpaFlags, Refusal> {
    let Value::Object(map) = value else { return Err(Refusal::new(path, "expected an object of flags by name")) };
    let mut flags = HpaFlags::default();
    for (written, value) in map {
        let at = format!("{path}.{written}");
        let bare = written.trim_start_matches('-');
        let name = match bare.starts_with(PREFIX) || !written.starts_with('-') {
            true => bare.to_owned(),
            false => format!("{PREFIX}{bare}"),
        };
        match name.as_str() {
            SYNC_PERIOD => flags.sync_period = duration(value, at)?,
            TOLERANCE => flags.tolerance = fraction(value, at)?,
            CPU_INITIALIZATION_PERIOD => flags.cpu_initialization_period = duration(value, at)?,
            INITIAL_READINESS_DELAY => flags.initial_readiness_delay = duration(value, at)?,
            DOWNSCALE_STABILIZATION => flags.downscale_stabilization = duration(value, at)?,
            _ => return Err(Refusal::new(at, format!("unknown flag{}", hint(&name, &KNOWN)))),
        }
    }
    Ok(flags)
}

fn duration(value: &Value, at: String) -> Result<SimDuration, Refusal> {
    let Some(text) = value.as_str() else {
        return Err(Refusal::new(at, "expected a duration such as \"30s\" or \"5m\""));
    };
    let duration: SimDuration = text.parse().map_err(|error| Refusal::new(&at, format!("{error}")))?;
    if duration.is_negative() { Err(Refusal::new(at, format!("{text} is negative"))) } else { Ok(duration) }
}

fn fraction(value: &Value, at: String) -> Result<f64, Refusal> {
    let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    match number.filter(|number| number.is_finite() && *number >= 0.0) {
        Some(number) => Ok(number),
        None => Err(Refusal::new(at, "expected a fraction of zero or more, such as 0.1")),
    }
}
