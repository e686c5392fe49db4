//! What no input means: refused before anything is worked out.

use serde_json::Value;

use super::Refusal;

/// 2⁵³: every reader of JSON agrees on the integers below it, and a thousand times as much fits 64 bits (thousandths of
/// a core, bytes and their like are multiplied by so much).
const LARGEST: i64 = 1 << 53;

/// # Errors
/// An integer beyond 2⁵³ either way.
pub fn integers_are_moderate(input: &Value) -> Result<(), Refusal> {
    match path_of_large(input) {
        None => Ok(()),
        Some((path, number)) => Err(Refusal::new(
            path,
            format!("{number} is beyond {LARGEST} (2^53), the largest integer that is read here"),
        )),
    }
}

fn path_of_large(value: &Value) -> Option<(String, String)> {
    let below = |name: String, value: &Value| {
        let (path, number) = path_of_large(value)?;
        let joint = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        Some((format!("{name}{joint}{path}"), number))
    };
    match value {
        Value::Number(number) if !number.is_f64() => {
            let is_moderate = number.as_i64().is_some_and(|number| (-LARGEST..=LARGEST).contains(&number));
            (!is_moderate).then(|| (String::new(), number.to_string()))
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| below(format!("[{index}]"), item)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| below(name.clone(), value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_integer_that_nobody_means_is_refused_at_its_path() {
        let input = json!({"groups": [{"max": 5}, {"max": i64::MAX}], "ratio": 1e300});
        let refusal = integers_are_moderate(&input).unwrap_err();
        assert_eq!(refusal.path, "groups[1].max");
        assert!(integers_are_moderate(&json!({"memory_bytes": LARGEST, "f": -1e300, "n": -LARGEST})).is_ok());
        assert!(integers_are_moderate(&json!([u64::MAX])).is_err());
    }
}
