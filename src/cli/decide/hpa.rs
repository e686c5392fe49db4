//! `windtunnel decide hpa`: a HorizontalPodAutoscaler sync from the objects a live cluster prints.

use serde_json::Value;

use super::Refusal;

/// Judges one whole sync, or one component case where the input has a field `kind`.
pub fn decide(input: &Value) -> Result<Value, Refusal> {
    let _ = input;
    Err(Refusal { path: "hpa".into(), problem: "not built yet".into() })
}
