//! `min:max` and `type:min:max`, as `--cores-total`, `--memory-total` and `--gpu-total` take them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A range of whole units, written `min:max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct MinMax {
    pub min: i64,
    pub max: i64,
}

/// A range of GPUs of one type, written `type:min:max`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct GpuLimit {
    /// Value of the node's GPU label.
    pub kind: String,
    pub range: MinMax,
}

impl FromStr for MinMax {
    type Err = String;

    fn from_str(text: &str) -> Result<MinMax, String> {
        let (min, max) = text.split_once(':').ok_or_else(|| format!("{text:?} is not of the form min:max"))?;
        let number = |text: &str| text.trim().parse::<i64>().map_err(|_| format!("{text:?} is not a whole number"));
        let range = MinMax { min: number(min)?, max: number(max)? };
        if range.min < 0 {
            return Err(format!("the minimum {} is below zero", range.min));
        }
        if range.min > range.max {
            return Err(format!("the minimum {} is above the maximum {}", range.min, range.max));
        }
        Ok(range)
    }
}

impl FromStr for GpuLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<GpuLimit, String> {
        let (kind, range) = text.split_once(':').ok_or_else(|| format!("{text:?} is not of the form type:min:max"))?;
        Ok(GpuLimit { kind: kind.to_owned(), range: range.parse()? })
    }
}

impl fmt::Display for MinMax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.min, self.max)
    }
}

impl TryFrom<String> for MinMax {
    type Error = String;
    fn try_from(text: String) -> Result<MinMax, String> {
        text.parse()
    }
}

impl From<MinMax> for String {
    fn from(range: MinMax) -> String {
        range.to_string()
    }
}

impl TryFrom<String> for GpuLimit {
    type Error = String;
    fn try_from(text: String) -> Result<GpuLimit, String> {
        text.parse()
    }
}

impl From<GpuLimit> for String {
    fn from(limit: GpuLimit) -> String {
        format!("{}:{}", limit.kind, limit.range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_as_upstream_reads_them_and_refuse_a_minimum_above_the_maximum() {
        assert_eq!("0:320".parse(), Ok(MinMax { min: 0, max: 320 }));
        assert_eq!("a100:1:8".parse::<GpuLimit>().unwrap().range, MinMax { min: 1, max: 8 });
        for text in ["5", "9:2", "-1:2", "x:1"] {
            assert!(text.parse::<MinMax>().is_err(), "{text}");
        }
    }
}
