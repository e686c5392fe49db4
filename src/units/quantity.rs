//! Kubernetes quantities (`500m`, `1.5Gi`, `1e3`) and the integer units they become.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub, SubAssign};
use std::str::FromStr;

use thiserror::Error;

/// A parsed Kubernetes quantity, exact to a billionth as upstream's `resource.Quantity` is.
///
/// Smaller fractions round up (away from zero) and values beyond ±(2⁶³−1) are capped, as in
/// `k8s.io/apimachinery/pkg/api/resource` (read at v0.31).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    nanos: i128,
}

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuantityError {
    #[error("an empty quantity; write a number such as 500m, 2 or 1Gi")]
    Empty,
    #[error("{0:?} is not a quantity; write a number such as 500m, 2 or 1Gi")]
    NotANumber(String),
    #[error(
        "quantity {text:?} has the unknown suffix {suffix:?}; the suffixes are n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent such as e3"
    )]
    UnknownSuffix { text: String, suffix: String },
    #[error("quantity {0:?} is negative; requests, limits and capacities are zero or more")]
    Negative(String),
}

const NANO: i128 = 1_000_000_000;
const MAX_NANOS: i128 = i64::MAX as i128 * NANO;

impl Quantity {
    pub const fn from_milli(milli: i64) -> Quantity {
        Quantity { nanos: milli as i128 * 1_000_000 }
    }

    pub const fn from_value(value: i64) -> Quantity {
        Quantity { nanos: value as i128 * NANO }
    }

    /// Thousandths, rounded away from zero and capped to `i64`, as upstream's `MilliValue`.
    pub fn milli_value(self) -> i64 {
        saturate(divide_away(self.nanos, 1_000_000))
    }

    /// Whole units, rounded away from zero, as upstream's `Value`.
    pub fn value(self) -> i64 {
        saturate(divide_away(self.nanos, NANO))
    }

    pub fn as_f64(self) -> f64 {
        self.nanos as f64 / NANO as f64
    }

    pub const fn is_negative(self) -> bool {
        self.nanos < 0
    }

    pub const fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// As [`FromStr`], but a negative quantity is an error: what requests, limits and capacities want.
    pub fn parse_non_negative(text: &str) -> Result<Quantity, QuantityError> {
        let quantity: Quantity = text.parse()?;
        if quantity.is_negative() {
            return Err(QuantityError::Negative(text.to_owned()));
        }
        Ok(quantity)
    }
}

impl Add for Quantity {
    type Output = Quantity;

    /// Capped as what is parsed is.
    fn add(self, other: Quantity) -> Quantity {
        Quantity { nanos: (self.nanos + other.nanos).clamp(-MAX_NANOS, MAX_NANOS) }
    }
}

fn divide_away(nanos: i128, by: i128) -> i128 {
    let quotient = nanos / by;
    quotient + (nanos % by).signum()
}

fn saturate(value: i128) -> i64 {
    value.clamp(i64::MIN as i128, i64::MAX as i128) as i64
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Quantity, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Empty);
        }
        let not_a_number = || QuantityError::NotANumber(text.to_owned());
        let (negative, rest) = match text.as_bytes()[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let number_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(number_len);
        if !number.bytes().any(|b| b.is_ascii_digit()) || number.matches('.').count() > 1 {
            return Err(not_a_number());
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let (multiplier, exponent) = scale_of(suffix)
            .ok_or_else(|| QuantityError::UnknownSuffix { text: text.to_owned(), suffix: suffix.to_owned() })?;

        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let nanos = if digits.is_empty() {
            0
        } else {
            // 10^power scales the digits to billionths.
            let power = 9 + exponent - fraction.len() as i32;
            scale_digits(digits, multiplier, power)
        };
        let nanos = nanos.min(MAX_NANOS);
        Ok(Quantity { nanos: if negative { -nanos } else { nanos } })
    }
}

/// `digits × multiplier × 10^power`, rounded up, capped just above the largest quantity.
fn scale_digits(digits: &str, multiplier: i128, power: i32) -> i128 {
    const CAP: i128 = MAX_NANOS + 1;
    // Digits that fall below a billionth only matter as "more than nothing".
    let (kept, dropped, power) = if power < 0 && digits.len() > 18 {
        let cut = (digits.len() - 18).min(power.unsigned_abs() as usize);
        let (kept, dropped) = digits.split_at(digits.len() - cut);
        (kept, dropped.bytes().any(|b| b != b'0'), power + cut as i32)
    } else {
        (digits, false, power)
    };
    let Ok(kept) = kept.parse::<i128>() else { return CAP };
    let Some(scaled) = kept.checked_mul(multiplier) else { return CAP };
    if power >= 0 {
        let factor = if power > 37 { None } else { 10i128.checked_pow(power as u32) };
        factor.and_then(|f| scaled.checked_mul(f)).unwrap_or(CAP).min(CAP)
    } else {
        let rounded = match 10i128.checked_pow(power.unsigned_abs()) {
            Some(divisor) => divide_away(scaled, divisor) + i128::from(dropped && scaled % divisor == 0),
            None => 1,
        };
        rounded.min(CAP)
    }
}

/// The binary multiplier and decimal exponent of a suffix; `None` where it is unknown.
fn scale_of(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "" => (1, 0),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let exponent: i32 = exponent.parse().ok()?;
            (1, exponent.clamp(-1000, 1000))
        }
    })
}

impl fmt::Display for Quantity {
    /// Decimal form with the largest suffix that keeps the number whole: `500m`, `2`, `16k`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let suffixes =
            [("E", 27), ("P", 24), ("T", 21), ("G", 18), ("M", 15), ("k", 12), ("", 9), ("m", 6), ("u", 3), ("n", 0)];
        for (suffix, power) in suffixes {
            let unit = 10i128.pow(power);
            if self.nanos % unit == 0 {
                return write!(f, "{}{suffix}", self.nanos / unit);
            }
        }
        unreachable!("every quantity is a whole number of nanos")
    }
}

macro_rules! integer_unit {
    ($(#[$doc:meta])* $name:ident, $from:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl $name {
            pub const ZERO: $name = $name(0);

            pub fn from_quantity(quantity: Quantity) -> $name {
                $name(quantity.$from())
            }

            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl Add for $name {
            type Output = $name;
            fn add(self, other: $name) -> $name {
                $name(self.0.saturating_add(other.0))
            }
        }

        impl Sub for $name {
            type Output = $name;
            fn sub(self, other: $name) -> $name {
                $name(self.0.saturating_sub(other.0))
            }
        }

        impl Mul<i64> for $name {
            type Output = $name;
            fn mul(self, factor: i64) -> $name {
                $name(self.0.saturating_mul(factor))
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: $name) {
                *self = *self + other;
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: $name) {
                *self = *self - other;
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = $name>>(iter: I) -> $name {
                iter.fold($name::ZERO, Add::add)
            }
        }
    };
}

integer_unit!(
    /// CPU in thousandths of a core.
    Millicores,
    milli_value
);
integer_unit!(
    /// Memory or storage in bytes.
    Bytes,
    value
);
integer_unit!(
    /// GPU in thousandths of one device, as GPU-sharing clusters count it.
    GpuMilli,
    milli_value
);

impl fmt::Display for Millicores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 1000 == 0 { write!(f, "{}", self.0 / 1000) } else { write!(f, "{}m", self.0) }
    }
}

impl fmt::Display for GpuMilli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 1000 == 0 { write!(f, "{}", self.0 / 1000) } else { write!(f, "{}m", self.0) }
    }
}

impl fmt::Display for Bytes {
    /// The largest binary suffix that keeps the number whole: `512Mi`, `1Gi`, `1000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (suffix, shift) in [("Ei", 60), ("Pi", 50), ("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)] {
            let unit = 1i64 << shift;
            if self.0 != 0 && self.0 % unit == 0 {
                return write!(f, "{}{suffix}", self.0 / unit);
            }
        }
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milli(text: &str) -> i64 {
        text.parse::<Quantity>().unwrap().milli_value()
    }

    #[test]
    fn quantities_parse_as_kubernetes_parses_them() {
        for (text, expected) in [
            ("500m", 500),
            ("2", 2000),
            ("0.1", 100),
            ("1.5", 1500),
            ("1e3", 1_000_000),
            ("1E3", 1_000_000),
            ("1e-2", 10),
            ("1k", 1_000_000),
            ("1Ki", 1_024_000),
            ("100u", 1),
            ("1n", 1),
            ("-500m", -500),
            ("-1n", -1),
            ("+3", 3000),
            (".5", 500),
            ("5.", 5000),
            ("0", 0),
        ] {
            assert_eq!(milli(text), expected, "{text}");
        }
    }

    #[test]
    fn values_round_up_and_saturate() {
        assert_eq!("1500m".parse::<Quantity>().unwrap().value(), 2);
        assert_eq!("0.5Ki".parse::<Quantity>().unwrap().value(), 512);
        assert_eq!("1E".parse::<Quantity>().unwrap().value(), 1_000_000_000_000_000_000);
        assert_eq!("100E".parse::<Quantity>().unwrap().value(), i64::MAX);
        assert_eq!("1E".parse::<Quantity>().unwrap().milli_value(), i64::MAX);
        assert_eq!("1e999".parse::<Quantity>().unwrap().value(), i64::MAX);
        assert_eq!("1e-999".parse::<Quantity>().unwrap().milli_value(), 1);
        assert_eq!("99999999999999999999999999999999999999999".parse::<Quantity>().unwrap().value(), i64::MAX);
        assert_eq!("0.0000000000000000000000000001".parse::<Quantity>().unwrap().value(), 1);
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "x", "1x", "1.2.3", "m", "-", "1 Gi", "5e", "1ki", "é"] {
            assert!(text.parse::<Quantity>().is_err(), "{text:?}");
        }
        assert!(matches!(Quantity::parse_non_negative("-5"), Err(QuantityError::Negative(_))));
    }

    #[test]
    fn quantities_print_in_their_shortest_whole_form() {
        for (text, shown) in [("0.5", "500m"), ("2000m", "2"), ("16000", "16k"), ("1Gi", "1073741824"), ("0", "0")] {
            assert_eq!(text.parse::<Quantity>().unwrap().to_string(), shown);
        }
        assert_eq!(Bytes(1 << 30).to_string(), "1Gi");
        assert_eq!(Millicores(1500).to_string(), "1500m");
    }
}
