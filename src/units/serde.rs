//! How units are written in scenario files: quantities as Kubernetes writes them, durations as Go does.
//!
//! A quantity may be a string (`500m`, `1Gi`) or a plain number; a duration always has a unit. Negative amounts are
//! refused everywhere, and so are those too large for the unit's 64 bits. The JSON Schema of each type stands here too.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Bytes, GpuMilli, Millicores, Quantity, SimDuration, UsdPerHour};

/// A duration in Go's syntax, refused where negative: the form every option takes.
pub(super) fn duration_from_str<E: de::Error>(text: &str) -> Result<SimDuration, E> {
    SimDuration::parse_non_negative(text).map_err(E::custom)
}

/// A visitor that turns strings and numbers alike into text for one parser.
struct TextOrNumber<T, E> {
    expecting: &'static str,
    parse: fn(&str) -> Result<T, E>,
}

impl<T, P: fmt::Display> Visitor<'_> for TextOrNumber<T, P> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    /// Rust prints a float in full and exactly as short as it reads back, so 0.1 is the quantity 0.1.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

const QUANTITY: &str = "a quantity such as 500m, 2 or 1Gi";
const QUANTITY_PATTERN: &str = "^\\+?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$";

fn quantity(text: &str) -> Result<Quantity, String> {
    Quantity::parse_non_negative(text).map_err(|error| error.to_string())
}

fn bounded(text: &str, amount: fn(Quantity) -> i64, exceeds: fn(Quantity, i64) -> bool) -> Result<i64, String> {
    let quantity = quantity(text)?;
    if exceeds(quantity, i64::MAX - 1) {
        return Err(format!("quantity {text:?} is too large; it must stay below 2^63 in its smallest unit"));
    }
    Ok(amount(quantity))
}

fn duration(text: &str) -> Result<SimDuration, de::value::Error> {
    duration_from_str(text)
}

fn price(text: &str) -> Result<UsdPerHour, String> {
    text.parse::<f64>().ok().and_then(UsdPerHour::from_f64).ok_or_else(|| {
        format!("{text:?} is not a price; write US dollars per hour as a number from 0 to a billion, such as 0.192")
    })
}

macro_rules! unit_serde {
    ($type:ty, $name:literal, $expecting:expr, $parse:expr, $show:expr, $schema:tt) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                deserializer.deserialize_any(TextOrNumber { expecting: $expecting, parse: $parse })
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let show: fn(&$type, S) -> Result<S::Ok, S::Error> = $show;
                show(self, serializer)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

unit_serde!(Quantity, "Quantity", QUANTITY, quantity, |value, s| s.collect_str(value), {
    "description": "A Kubernetes quantity, zero or more: a number, or a string such as 500m, 2 or 1Gi.",
    "type": ["string", "number"],
    "pattern": QUANTITY_PATTERN,
    "minimum": 0
});
unit_serde!(Millicores, "Cpu", QUANTITY, |t| bounded(t, Quantity::milli_value, Quantity::exceeds_milli).map(Millicores), |value, s| s.collect_str(value), {
    "description": "CPU in cores, as a Kubernetes quantity: 2, 0.5 or 500m.",
    "type": ["string", "number"],
    "pattern": QUANTITY_PATTERN,
    "minimum": 0
});
unit_serde!(Bytes, "Memory", QUANTITY, |t| bounded(t, Quantity::value, Quantity::exceeds).map(Bytes), |value, s| s.collect_str(value), {
    "description": "Memory or storage in bytes, as a Kubernetes quantity: 512Mi, 16Gi or 1000000.",
    "type": ["string", "number"],
    "pattern": QUANTITY_PATTERN,
    "minimum": 0
});
unit_serde!(GpuMilli, "Gpu", QUANTITY, |t| bounded(t, Quantity::milli_value, Quantity::exceeds_milli).map(GpuMilli), |value, s| s.collect_str(value), {
    "description": "GPUs, as a Kubernetes quantity: 1, 8 or 460m of one device.",
    "type": ["string", "number"],
    "pattern": QUANTITY_PATTERN,
    "minimum": 0
});
unit_serde!(SimDuration, "Duration", "a duration such as 30s, 5m or 1h30m", duration, |value, s| s.collect_str(value), {
    "description": "A duration in Go's syntax, with d for days: 30s, 5m, 1h30m, 100ms, 7d.",
    "type": ["string", "integer"],
    "pattern": "^\\+?(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d))+)$",
    "minimum": 0,
    "maximum": 0
});
unit_serde!(UsdPerHour, "UsdPerHour", "a price in US dollars per hour such as 0.192", price, |value, s| s.serialize_f64(value.as_f64()), {
    "description": "A price in US dollars per hour.",
    "type": ["number", "string"],
    "minimum": 0,
    "maximum": 1e9
});

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: de::DeserializeOwned>(yaml: &str) -> Result<T, String> {
        serde_saphyr::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn yaml_numbers_and_strings_are_the_same_quantity() {
        for yaml in ["2", "2.0", "'2'", "2000m", "\"2\""] {
            assert_eq!(read::<Millicores>(yaml), Ok(Millicores(2000)), "{yaml}");
        }
        assert_eq!(read::<Millicores>("0.1"), Ok(Millicores(100)));
        assert_eq!(read::<Bytes>("1Gi"), Ok(Bytes(1 << 30)));
        assert_eq!(read::<Bytes>("1e9"), Ok(Bytes(1_000_000_000)));
        assert_eq!(read::<GpuMilli>("460m"), Ok(GpuMilli(460)));
        assert_eq!(read::<UsdPerHour>("0.192"), Ok(UsdPerHour::from_nanos(192_000_000)));
        assert_eq!(read::<SimDuration>("1h30m"), Ok(SimDuration::from_mins(90)));
        assert_eq!(read::<SimDuration>("0"), Ok(SimDuration::ZERO));
    }

    #[test]
    fn a_bad_unit_is_refused_with_what_to_write() {
        fn refused<T: de::DeserializeOwned + fmt::Debug>(yaml: &str, part: &str) {
            let error = read::<T>(yaml).unwrap_err();
            assert!(error.contains(part), "{yaml}: {error}");
        }
        refused::<Millicores>("-500m", "negative");
        refused::<Millicores>("-1", "negative");
        refused::<Millicores>("1x", "suffix");
        refused::<Millicores>("100E", "too large");
        refused::<Bytes>("1e30", "too large");
        refused::<Bytes>("[1]", "quantity such as");
        refused::<SimDuration>("5", "no unit");
        refused::<SimDuration>("-5s", "negative");
        refused::<UsdPerHour>("-1", "not a price");
        refused::<UsdPerHour>("x", "not a price");
    }

    /// An editor that checks against the schema must not contradict the program.
    #[test]
    fn the_schemas_patterns_accept_what_the_parsers_accept() {
        fn agrees<T: de::DeserializeOwned + JsonSchema>(texts: &[&str]) {
            let schema = serde_json::to_value(schemars::schema_for!(T)).unwrap();
            let pattern = regex::Regex::new(schema["pattern"].as_str().unwrap()).unwrap();
            for text in texts {
                let parsed = serde_json::from_value::<T>((*text).into()).is_ok();
                assert_eq!(pattern.is_match(text), parsed, "{text:?} against {pattern}");
            }
        }
        agrees::<Millicores>(&[
            "500m", "2", "+1", ".5", "5.", "1e3", "1E-3", "1k", "1Ki", "", "-1", "m", "1 Gi", "1ki", "1.2.3",
        ]);
        agrees::<SimDuration>(&[
            "30s", "1h30m", "1.5h", ".5s", "100ms", "5µs", "7d", "0", "+1s", "", "5", "-5s", "5x", "1h 5m",
        ]);
    }

    #[test]
    fn units_are_written_as_they_are_read() {
        assert_eq!(serde_json::to_string(&Millicores(500)).unwrap(), "\"500m\"");
        assert_eq!(serde_json::to_string(&Bytes(1 << 30)).unwrap(), "\"1Gi\"");
        assert_eq!(serde_json::to_string(&SimDuration::from_secs(90)).unwrap(), "\"1m30s\"");
        assert_eq!(serde_json::to_string(&UsdPerHour::from_nanos(192_000_000)).unwrap(), "0.192");
    }
}
