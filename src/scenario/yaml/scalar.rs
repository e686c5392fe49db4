//! What a plain scalar is by YAML 1.2's core schema: null, a boolean, a number, or text.

use super::Scalar;

/// `yes`, `on` and dates stay text, as YAML 1.2 has it.
pub fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Scalar::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    integer(text, unsigned).or_else(|| float(text, unsigned)).unwrap_or(Scalar::Text)
}

/// The whole number that a float is, where it is one and exact.
pub fn integral(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0).then_some(value as i64)
}

fn integer(text: &str, unsigned: &str) -> Option<Scalar> {
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok();
    let value = if let Some(digits) = text.strip_prefix("0x") {
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| radix(digits, 16))??
    } else if let Some(digits) = text.strip_prefix("0o") {
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| radix(digits, 8))??
    } else if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        if let Ok(value) = text.parse::<i64>() {
            return Some(Scalar::Integer(value));
        }
        text.parse().ok()?
    } else {
        return None;
    };
    Some(i64::try_from(value).map_or(Scalar::Unsigned(value), Scalar::Integer))
}

fn float(text: &str, unsigned: &str) -> Option<Scalar> {
    // Rust's parser also takes `inf` and `nan`, which are words in YAML.
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    numeric.then(|| text.parse().ok().map(Scalar::Float)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_what_the_core_schema_says() {
        for (text, scalar) in [
            ("~", Scalar::Null),
            ("True", Scalar::Bool(true)),
            ("yes", Scalar::Text),
            ("-3", Scalar::Integer(-3)),
            ("0x1F", Scalar::Integer(31)),
            ("18446744073709551615", Scalar::Unsigned(u64::MAX)),
            ("1e3", Scalar::Float(1000.0)),
            (".5", Scalar::Float(0.5)),
            ("500m", Scalar::Text),
            ("14:00", Scalar::Text),
            ("2026-01-01", Scalar::Text),
            (".", Scalar::Text),
            ("inf", Scalar::Text),
            ("-", Scalar::Text),
            ("+", Scalar::Text),
        ] {
            assert_eq!(resolve(text), scalar, "{text:?}");
        }
    }
}
