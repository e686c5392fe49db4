//! What the controller remembers, as JSON: `{"recommendations", "scaleUpEvents", "scaleDownEvents"}`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::Refusal;
use super::super::fields::Fields;
use crate::autoscaler::hpa::{EventLog, Memory, Recommendation, Recommendations, ScaleEvent};
use crate::units::SimTime;

/// An RFC 3339 instant; nanoseconds since the Unix epoch.
pub(super) fn time(fields: &Fields<'_>, name: &str) -> Result<SimTime, Refusal> {
    let text = fields.required_text(name)?;
    let refuse = |problem: String| Refusal::new(fields.at(name), problem);
    let timestamp: Timestamp = text.parse().map_err(|_| refuse(format!("{text:?} is not an RFC 3339 instant")))?;
    i64::try_from(timestamp.as_nanosecond())
        .map(SimTime::from_nanos)
        .map_err(|_| refuse(format!("{text:?} is not between the years 1678 and 2262")))
}

/// Fills the memory. A missing list of recommendations means that the HPA was never synced; an empty one, that it was
/// and nothing is left.
pub(super) fn read(value: &Value, path: &str, memory: &mut Memory) -> Result<(), Refusal> {
    let fields = Fields::new(value, path, &["recommendations", "scaleUpEvents", "scaleDownEvents"])?;
    if fields.get("recommendations").is_some() {
        let mut log = Vec::new();
        for (path, item) in fields.list("recommendations")? {
            let entry = Fields::new(item, path, &["time", "replicas"])?;
            log.push(Recommendation { time: time(&entry, "time")?, replicas: entry.required_count("replicas")? });
        }
        memory.recommendations = Some(Recommendations(log));
    }
    memory.scale_up_events = events(&fields, "scaleUpEvents")?;
    memory.scale_down_events = events(&fields, "scaleDownEvents")?;
    Ok(())
}

fn events(fields: &Fields<'_>, name: &str) -> Result<EventLog, Refusal> {
    let mut log = Vec::new();
    for (path, item) in fields.list(name)? {
        let entry = Fields::new(item, path, &["time", "replicaChange"])?;
        let change = entry.required_count("replicaChange")?;
        log.push(ScaleEvent { time: time(&entry, "time")?, change, outdated: false });
    }
    Ok(EventLog(log))
}

/// The history in the input's form.
pub(super) fn write(memory: &Memory) -> Value {
    let recommendations: Vec<Value> = memory
        .recommendations
        .iter()
        .flat_map(|log| &log.0)
        .map(|entry| json!({ "time": show(entry.time), "replicas": entry.replicas }))
        .collect();
    let events = |log: &EventLog| -> Vec<Value> {
        log.0.iter().map(|event| json!({ "time": show(event.time), "replicaChange": event.change })).collect()
    };
    json!({
        "recommendations": recommendations,
        "scaleUpEvents": events(&memory.scale_up_events),
        "scaleDownEvents": events(&memory.scale_down_events),
    })
}

fn show(time: SimTime) -> String {
    // Every 64-bit count of nanoseconds lies well within what a timestamp can hold.
    Timestamp::from_nanosecond(i128::from(time.nanos())).map_or_else(|_| time.to_string(), |time| time.to_string())
}
