//! Distributions of delays: boot times, start times, durations.
//!
//! An option such as `provisioning: 60s` or `provisioning: {logNormal: {median: 60s, p95: 120s}}` holds one of
//! these; whoever owns the delay samples it from a stream of its own ([`super::random::stream`]).

use std::fmt;

use rand::Rng;
use rand_distr::{Distribution as _, Exp1, StandardNormal};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::SimDuration;

/// The 95 % point of the standard normal distribution.
const NORMAL_P95: f64 = 1.644_853_626_951_472_2;

/// How long something takes: always the same, or drawn. A draw is never negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    Constant(SimDuration),
    LogNormal(LogNormal),
    Exponential(Exponential),
    Uniform(Uniform),
    Weibull(Weibull),
    Normal(Normal),
}

/// Skewed to the right, as most start-up times are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogNormal {
    /// Half of the draws are shorter.
    pub median: SimDuration,
    /// 95 of 100 draws are shorter; at least the median.
    pub p95: SimDuration,
}

/// Without memory, as the time to a failure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exponential {
    /// Mean of the draws.
    pub mean: SimDuration,
}

/// Every duration between two equally likely.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Uniform {
    /// Shortest draw.
    pub min: SimDuration,
    /// Longest draw; at least `min`.
    pub max: SimDuration,
}

/// Failures that get likelier (`shape` above 1) or rarer (below 1) with age.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Weibull {
    /// 63.2 of 100 draws are shorter.
    pub scale: SimDuration,
    /// Above zero; 1 is the exponential distribution.
    pub shape: f64,
}

/// Symmetric about its mean; draws below zero become zero.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Normal {
    /// Mean before the cut at zero.
    pub mean: SimDuration,
    /// Standard deviation before the cut at zero.
    pub stddev: SimDuration,
}

/// Why a distribution is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DistributionError {
    #[error(
        "a distribution needs exactly one of logNormal, exponential, uniform, weibull, normal, or a duration such as 30s; {0} given"
    )]
    NotOne(usize),
    #[error("{0} must not be negative")]
    Negative(&'static str),
    #[error("logNormal.median must be above 0s")]
    ZeroMedian,
    #[error("logNormal.p95 ({p95}) must not be less than the median ({median})")]
    P95BelowMedian { median: SimDuration, p95: SimDuration },
    #[error("uniform.max ({max}) must not be less than min ({min})")]
    MaxBelowMin { min: SimDuration, max: SimDuration },
    #[error("weibull.shape must be a number above 0")]
    BadShape,
}

impl Distribution {
    pub const fn constant(duration: SimDuration) -> Distribution {
        Distribution::Constant(duration)
    }

    /// The mean of the draws; of a normal distribution without its cut at zero.
    pub fn mean(&self) -> SimDuration {
        match *self {
            Distribution::Constant(duration) => duration,
            Distribution::LogNormal(LogNormal { median, p95 }) => {
                let sigma = (p95.as_secs_f64() / median.as_secs_f64()).ln() / NORMAL_P95;
                median.mul_f64((sigma * sigma / 2.0).exp())
            }
            Distribution::Exponential(Exponential { mean }) => mean,
            Distribution::Uniform(Uniform { min, max }) => (min + max).mul_f64(0.5),
            Distribution::Weibull(Weibull { scale, shape }) => {
                scale.mul_f64(statrs::function::gamma::gamma(1.0 + 1.0 / shape))
            }
            Distribution::Normal(Normal { mean, .. }) => mean,
        }
    }

    /// One draw, at least zero and rounded to the nanosecond. A constant draws nothing from `rng`.
    pub fn sample(&self, rng: &mut impl Rng) -> SimDuration {
        let seconds = match *self {
            Distribution::Constant(duration) => return duration,
            Distribution::LogNormal(LogNormal { median, p95 }) => {
                let sigma = (p95.as_secs_f64() / median.as_secs_f64()).ln() / NORMAL_P95;
                let z: f64 = StandardNormal.sample(rng);
                median.as_secs_f64() * (sigma * z).exp()
            }
            Distribution::Exponential(Exponential { mean }) => {
                let unit: f64 = Exp1.sample(rng);
                mean.as_secs_f64() * unit
            }
            Distribution::Uniform(Uniform { min, max }) => {
                min.as_secs_f64() + (max - min).as_secs_f64() * unit_interval(rng)
            }
            Distribution::Weibull(Weibull { scale, shape }) => {
                let unit: f64 = Exp1.sample(rng);
                scale.as_secs_f64() * unit.powf(1.0 / shape)
            }
            Distribution::Normal(Normal { mean, stddev }) => {
                let z: f64 = StandardNormal.sample(rng);
                mean.as_secs_f64() + stddev.as_secs_f64() * z
            }
        };
        SimDuration::from_secs_f64(seconds.max(0.0))
    }

    /// The duration that half of the draws do not exceed: what a forecast without randomness would use.
    pub fn median(&self) -> SimDuration {
        match *self {
            Distribution::Constant(duration) => duration,
            Distribution::LogNormal(LogNormal { median, .. }) => median,
            Distribution::Exponential(Exponential { mean }) => mean.mul_f64(std::f64::consts::LN_2),
            Distribution::Uniform(Uniform { min, max }) => min + (max - min).mul_f64(0.5),
            Distribution::Weibull(Weibull { scale, shape }) => scale.mul_f64(std::f64::consts::LN_2.powf(1.0 / shape)),
            Distribution::Normal(Normal { mean, .. }) => mean,
        }
    }

    /// What the parameters must satisfy for [`sample`](Self::sample) to mean what it says; checked on deserializing.
    pub fn validate(&self) -> Result<(), DistributionError> {
        let not_negative = |name, duration: SimDuration| {
            if duration.is_negative() { Err(DistributionError::Negative(name)) } else { Ok(()) }
        };
        match *self {
            Distribution::Constant(duration) => not_negative("a duration", duration),
            Distribution::LogNormal(LogNormal { median, .. }) if median <= SimDuration::ZERO => {
                Err(DistributionError::ZeroMedian)
            }
            Distribution::LogNormal(LogNormal { median, p95 }) if p95 < median => {
                Err(DistributionError::P95BelowMedian { median, p95 })
            }
            Distribution::LogNormal(_) => Ok(()),
            Distribution::Exponential(Exponential { mean }) => not_negative("exponential.mean", mean),
            Distribution::Uniform(Uniform { min, max }) if max < min => {
                Err(DistributionError::MaxBelowMin { min, max })
            }
            Distribution::Uniform(Uniform { min, .. }) => not_negative("uniform.min", min),
            Distribution::Weibull(Weibull { shape, .. }) if !(shape.is_finite() && shape > 0.0) => {
                Err(DistributionError::BadShape)
            }
            Distribution::Weibull(Weibull { scale, .. }) => not_negative("weibull.scale", scale),
            Distribution::Normal(Normal { mean, stddev }) => {
                not_negative("normal.mean", mean)?;
                not_negative("normal.stddev", stddev)
            }
        }
    }
}

/// Uniform in [0, 1), from the 53 high bits of one draw.
pub(crate) fn unit_interval(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// The map form, so that an unknown or doubled shape is named in the error.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct Shapes {
    #[serde(skip_serializing_if = "Option::is_none")]
    log_normal: Option<LogNormal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exponential: Option<Exponential>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uniform: Option<Uniform>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weibull: Option<Weibull>,
    #[serde(skip_serializing_if = "Option::is_none")]
    normal: Option<Normal>,
}

impl TryFrom<Shapes> for Distribution {
    type Error = DistributionError;

    fn try_from(shapes: Shapes) -> Result<Distribution, DistributionError> {
        let given: Vec<Distribution> = [
            shapes.log_normal.map(Distribution::LogNormal),
            shapes.exponential.map(Distribution::Exponential),
            shapes.uniform.map(Distribution::Uniform),
            shapes.weibull.map(Distribution::Weibull),
            shapes.normal.map(Distribution::Normal),
        ]
        .into_iter()
        .flatten()
        .collect();
        let [distribution] = given[..] else { return Err(DistributionError::NotOne(given.len())) };
        distribution.validate()?;
        Ok(distribution)
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Distribution, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Distribution;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as 30s, or one of logNormal, exponential, uniform, weibull, normal")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Distribution, E> {
                super::serde::duration_from_str(text).map(Distribution::Constant)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Distribution, E> {
                super::serde::duration_from_str(&number.to_string()).map(Distribution::Constant)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Distribution, E> {
                super::serde::duration_from_str(&number.to_string()).map(Distribution::Constant)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Distribution, A::Error> {
                Shapes::deserialize(MapAccessDeserializer::new(map))?.try_into().map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shapes = Shapes::default();
        match *self {
            Distribution::Constant(duration) => return duration.serialize(serializer),
            Distribution::LogNormal(shape) => shapes.log_normal = Some(shape),
            Distribution::Exponential(shape) => shapes.exponential = Some(shape),
            Distribution::Uniform(shape) => shapes.uniform = Some(shape),
            Distribution::Weibull(shape) => shapes.weibull = Some(shape),
            Distribution::Normal(shape) => shapes.normal = Some(shape),
        }
        shapes.serialize(serializer)
    }
}

impl JsonSchema for Distribution {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Distribution".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let constant = generator.subschema_for::<SimDuration>();
        let shapes = generator.subschema_for::<Shapes>();
        json_schema!({
            "description": "A duration, or the distribution that it is drawn from.",
            "anyOf": [constant, shapes]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::stream;
    use super::*;

    fn read(json: &str) -> Result<Distribution, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn sorted_draws(json: &str) -> Vec<f64> {
        let distribution = read(json).unwrap();
        let mut rng = stream(1, "test", 0);
        let mut draws: Vec<f64> = (0..20_000).map(|_| distribution.sample(&mut rng).as_secs_f64()).collect();
        draws.sort_by(f64::total_cmp);
        draws
    }

    fn near(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 0.03, "{value} is not near {expected}");
    }

    #[test]
    fn draws_have_the_stated_median_p95_and_mean() {
        let draws = sorted_draws(r#"{"logNormal": {"median": "60s", "p95": "2m"}}"#);
        near(draws[10_000], 60.0);
        near(draws[19_000], 120.0);
        let mean = |draws: Vec<f64>| draws.iter().sum::<f64>() / draws.len() as f64;
        near(mean(sorted_draws(r#"{"exponential": {"mean": "10s"}}"#)), 10.0);
        near(mean(sorted_draws(r#"{"uniform": {"min": "10s", "max": "20s"}}"#)), 15.0);
        near(sorted_draws(r#"{"weibull": {"scale": "10s", "shape": 2}}"#)[12_642], 10.0);
        let cut = sorted_draws(r#"{"normal": {"mean": "1s", "stddev": "2s"}}"#);
        assert_eq!(cut[0], 0.0);
        near(cut[10_000], 1.0);
    }

    #[test]
    fn half_of_the_draws_lie_below_the_median() {
        for json in [
            r#"{"logNormal": {"median": "60s", "p95": "2m"}}"#,
            r#"{"exponential": {"mean": "10s"}}"#,
            r#"{"uniform": {"min": "10s", "max": "20s"}}"#,
            r#"{"weibull": {"scale": "10s", "shape": 1.5}}"#,
            r#"{"normal": {"mean": "30s", "stddev": "2s"}}"#,
        ] {
            near(sorted_draws(json)[10_000], read(json).unwrap().median().as_secs_f64());
        }
    }

    #[test]
    fn a_plain_duration_is_a_constant_and_reads_back() {
        assert_eq!(read(r#""30s""#), Ok(Distribution::Constant(SimDuration::from_secs(30))));
        let text = r#"{"uniform":{"min":"1s","max":"2s"}}"#;
        assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
    }

    #[test]
    fn a_bad_distribution_says_what_is_wrong() {
        for (json, part) in [
            (r#"{"lognormal": {"median": "60s", "p95": "2m"}}"#, "unknown field `lognormal`"),
            ("{}", "exactly one"),
            (r#"{"exponential": {"mean": "1s"}, "uniform": {"min": "1s", "max": "2s"}}"#, "2 given"),
            (r#"{"logNormal": {"median": "60s", "p95": "30s"}}"#, "less than the median"),
            (r#"{"uniform": {"min": "2s", "max": "1s"}}"#, "less than min"),
            (r#"{"weibull": {"scale": "2s", "shape": 0}}"#, "above 0"),
            (r#""-5s""#, "negative"),
            ("30", "no unit"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }
}
