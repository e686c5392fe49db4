//! Bounds as people write them (`3m`, `5%`, `500m`, `4Gi`, `20`), in the unit of what they bound.

use crate::scenario::spec::Amount;
use crate::units::{Quantity, SimDuration, spoken};

/// What a figure counts, as far as that changes how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Usd,
    /// Cores, bytes, counts, fractions.
    Plain,
}

impl Unit {
    /// By the name of the figure or column: `pod_wait_seconds.p99`, `cost.total_usd`.
    pub fn of(name: &str) -> Unit {
        // Keys of the scenario's own (`namespace/name`) say nothing of units.
        let has = |word: &str| name.split('.').any(|key| !key.contains('/') && key.contains(word));
        if has("seconds") {
            Unit::Seconds
        } else if has("usd") || name.starts_with("cost.") {
            Unit::Usd
        } else {
            Unit::Plain
        }
    }

    /// `value` for people.
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Seconds => spoken(value),
            Unit::Usd => format!("{} USD", short(value)),
            Unit::Plain => short(value),
        }
    }
}

/// Three significant digits below a thousand, else whole.
fn short(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        return format!("{value}");
    }
    let places = match value.abs() {
        large if large >= 1000.0 => 0,
        large if large >= 100.0 => 1,
        large if large >= 0.1 => 2,
        _ => 4,
    };
    format!("{value:.places$}")
}

/// Reads an amount in `unit`.
///
/// # Errors
/// What it should have been.
pub fn read(amount: &Amount, unit: Unit) -> Result<f64, String> {
    let text = match amount {
        Amount::Number(number) if number.is_finite() => return Ok(*number),
        Amount::Number(number) => return Err(format!("{number} is no bound")),
        Amount::Text(text) => text.trim(),
    };
    if let Ok(number) = text.parse::<f64>() {
        return if number.is_finite() { Ok(number) } else { Err(format!("{text:?} is no bound")) };
    }
    if let Some(percent) = text.strip_suffix('%') {
        let number: f64 = percent.trim().parse().map_err(|_| format!("{text:?} is no percentage"))?;
        return Ok(number / 100.0);
    }
    match unit {
        Unit::Seconds => {
            // As it is printed, too: `3 m 32 s`.
            let duration: Result<SimDuration, _> = text.replace(' ', "").parse();
            duration.map(SimDuration::as_secs_f64).map_err(|_| format!("{text:?} is no duration such as 3m or 90s"))
        }
        Unit::Usd => Err(format!("{text:?} is no amount of USD; write a number")),
        Unit::Plain => {
            let quantity: Result<Quantity, _> = text.parse();
            quantity.map(Quantity::as_f64).map_err(|_| format!("{text:?} is no number, percentage or quantity"))
        }
    }
}

/// A percentage as a fraction; `None` where the amount is none.
pub fn percentage(amount: &Amount) -> Option<f64> {
    match amount {
        Amount::Text(text) => text.trim().strip_suffix('%')?.trim().parse::<f64>().ok().map(|percent| percent / 100.0),
        Amount::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(amount: &str, unit: Unit) -> Result<f64, String> {
        read(&Amount::Text(amount.to_owned()), unit)
    }

    #[test]
    fn a_bound_is_read_in_the_unit_of_its_figure() {
        assert_eq!(text("3m", Unit::Seconds), Ok(180.0));
        assert_eq!(text(&Unit::Seconds.show(212.0), Unit::Seconds), Ok(212.0), "what is printed can be written");
        assert_eq!(text("500m", Unit::Plain), Ok(0.5));
        assert_eq!(text("4Gi", Unit::Plain), Ok(4.0 * 1024.0 * 1024.0 * 1024.0));
        assert_eq!(text("5 %", Unit::Plain), Ok(0.05));
        assert_eq!(text("20", Unit::Usd), Ok(20.0));
        assert!(
            text("3m", Unit::Usd).is_err() && text("soon", Unit::Seconds).is_err() && text("NaN", Unit::Plain).is_err()
        );
    }

    #[test]
    fn figures_are_shown_as_people_say_them() {
        assert_eq!(Unit::Seconds.show(212.4), "3 m 32 s");
        assert_eq!(Unit::Seconds.show(0.4231), "423 ms");
        assert_eq!(Unit::of("replicas.default/seconds-worker"), Unit::Plain);
        assert_eq!(Unit::of("services.default/web.latency_seconds.p95"), Unit::Seconds);
        assert_eq!(Unit::Usd.show(3.591), "3.59 USD");
        assert_eq!(Unit::Plain.show(12.0), "12");
    }
}
