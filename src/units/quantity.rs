//! Kubernetes quantities (`500m`, `1.5Gi`, `1e3`) and the integer units they become.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub, SubAssign};
use std::str::FromStr;

use thiserror::Error;

/// A parsed Kubernetes quantity, exact to a billionth as upstream's `resource.Quantity` is.
///
/// What is compared, added and shown is the amount itself, up to ±(2⁶³−1). [`Quantity::milli_value`] and
/// [`Quantity::value`] are what upstream's readers get (`k8s.io/apimachinery/pkg/api/resource`, read at v0.37.2): where
/// that does not fit 64 bits it hangs on how the amount was written, for upstream keeps it in one of two forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    nanos: i128,
    value: i64,
    milli: i64,
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
        let away = (milli % 1000).signum();
        Quantity { nanos: milli as i128 * 1_000_000, value: milli / 1000 + away, milli }
    }

    pub const fn from_value(value: i64) -> Quantity {
        Quantity { nanos: value as i128 * NANO, value, milli: value.wrapping_mul(1000) }
    }

    /// Thousandths as upstream's `MilliValue`: rounded away from zero; what does not fit 64 bits wraps round, or is zero
    /// where it was written with a larger power of ten.
    pub const fn milli_value(self) -> i64 {
        self.milli
    }

    /// Whole units as upstream's `Value`, likewise.
    pub const fn value(self) -> i64 {
        self.value
    }

    /// Whether the amount itself, however it is read, is above so many thousandths.
    pub const fn exceeds_milli(self, milli: i64) -> bool {
        self.nanos > milli as i128 * 1_000_000
    }

    /// Likewise of so many whole units.
    pub const fn exceeds(self, value: i64) -> bool {
        self.nanos > value as i128 * NANO
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
        let nanos = (self.nanos + other.nanos).clamp(-MAX_NANOS, MAX_NANOS);
        Quantity { nanos, value: divide_away(nanos, NANO) as i64, milli: divide_away(nanos, 1_000_000) as i64 }
    }
}

fn divide_away(nanos: i128, by: i128) -> i128 {
    let quotient = nanos / by;
    quotient + (nanos % by).signum()
}

impl FromStr for Quantity {
    type Err = QuantityError;

    /// As [`Quantity::of_object`], but a text without a digit is a mistake.
    fn from_str(text: &str) -> Result<Quantity, QuantityError> {
        if !text.is_empty() && !text.bytes().any(|byte| byte.is_ascii_digit()) {
            return Err(QuantityError::NotANumber(text.to_owned()));
        }
        Quantity::of_object(text)
    }
}

impl Quantity {
    /// As upstream's `ParseQuantity` after JSON: spaces around it do not count, and a text without a digit is zero
    /// (`k`, `.`, `-`).
    pub fn of_object(text: &str) -> Result<Quantity, QuantityError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(QuantityError::Empty);
        }
        let (negative, unsigned) = match text.as_bytes()[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, rest) = split_digits(unsigned);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        let scale =
            scale_of(suffix).ok_or_else(|| match whole.is_empty() && fraction.is_empty() || suffix.contains('.') {
                true => QuantityError::NotANumber(text.to_owned()),
                false => QuantityError::UnknownSuffix { text: text.to_owned(), suffix: suffix.to_owned() },
            })?;
        let digits = Digits { negative, whole: whole.trim_start_matches('0'), fraction, scale };
        if whole.is_empty() && fraction.is_empty() && !digits.are_few() {
            return Err(QuantityError::NotANumber(text.to_owned()));
        }
        Ok(digits.read())
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

/// What a suffix multiplies by.
#[derive(Clone, Copy)]
enum Scale {
    /// 10 to this power.
    Ten(i32),
    /// 2 to this power.
    Two(u32),
}

/// The scale of a suffix; `None` where it is unknown.
fn scale_of(suffix: &str) -> Option<Scale> {
    Some(match suffix {
        "n" => Scale::Ten(-9),
        "u" => Scale::Ten(-6),
        "m" => Scale::Ten(-3),
        "" => Scale::Ten(0),
        "k" => Scale::Ten(3),
        "M" => Scale::Ten(6),
        "G" => Scale::Ten(9),
        "T" => Scale::Ten(12),
        "P" => Scale::Ten(15),
        "E" => Scale::Ten(18),
        "Ki" => Scale::Two(10),
        "Mi" => Scale::Two(20),
        "Gi" => Scale::Two(30),
        "Ti" => Scale::Two(40),
        "Pi" => Scale::Two(50),
        "Ei" => Scale::Two(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            // Upstream reads 64 bits and keeps 32 of them.
            Scale::Ten(exponent.parse::<i64>().ok()? as i32)
        }
    })
}

/// A number as it was written.
struct Digits<'a> {
    negative: bool,
    /// Without leading zeros.
    whole: &'a str,
    fraction: &'a str,
    scale: Scale,
}

impl Digits<'_> {
    fn read(&self) -> Quantity {
        if !self.whole.bytes().chain(self.fraction.bytes()).any(|digit| digit != b'0') {
            return Quantity::default();
        }
        self.small().unwrap_or_else(|| self.large())
    }

    /// Whether they go into upstream's `int64Amount`.
    fn are_few(&self) -> bool {
        let (digits, fraction) = (self.whole.len().max(1), self.fraction.len());
        match self.scale {
            Scale::Ten(power) => digits + fraction <= 18 && power.wrapping_sub(fraction as i32) >= -9,
            // Upstream takes so many decimal digits for any factor.
            Scale::Two(power) => fraction == 0 && digits as u32 + power * 3 / 10 <= 14,
        }
    }

    /// Upstream's `int64Amount`: 64 bits and a power of ten.
    fn small(&self) -> Option<Quantity> {
        let (factor, power) = match self.scale {
            _ if !self.are_few() => return None,
            Scale::Ten(power) => (1, power.wrapping_sub(self.fraction.len() as i32)),
            Scale::Two(power) => (1i64 << power, 0),
        };
        let value = low_64(self.digits()) as i64;
        let value = value.checked_mul(factor)? * self.sign();
        let nanos = match power {
            ..20 => i128::from(value).checked_mul(10i128.pow((power + 9) as u32)),
            _ => None,
        };
        let nanos = nanos.unwrap_or(MAX_NANOS * i128::from(value.signum())).clamp(-MAX_NANOS, MAX_NANOS);
        Some(Quantity { nanos, value: small_reading(value, power, 0), milli: small_reading(value, power, -3) })
    }

    /// Upstream's `infDecAmount`: any number of digits, rounded away from zero to billionths.
    fn large(&self) -> Quantity {
        let sign = i128::from(self.sign());
        let digits: String = self.digits().map(char::from).skip_while(|digit| *digit == '0').collect();
        let (digits, exponent) = match self.scale {
            Scale::Ten(power) => (digits, power.clamp(-1000, 100_000)),
            Scale::Two(power) => (times_two_to(power, &digits), 0),
        };
        // 10^power scales the digits to billionths.
        let power = 9 + exponent - self.fraction.len() as i32;
        let nanos = scale_digits(&digits, power);
        if nanos <= MAX_NANOS {
            let nanos = nanos * sign;
            return Quantity { nanos, value: large_reading(nanos, NANO), milli: large_reading(nanos, 1_000_000) };
        }
        let nanos = MAX_NANOS * sign;
        match self.scale {
            // Only these are capped.
            Scale::Two(_) => {
                Quantity { nanos, value: i64::MAX * sign as i64, milli: i64::MAX.wrapping_mul(1000) * sign as i64 }
            }
            Scale::Ten(_) if self.negative => {
                let low = (quotient_low_64(&digits, power) as i64).wrapping_neg();
                let reading = |by: i64| low / by + i64::from(low % by != 0);
                Quantity { nanos, value: reading(NANO as i64), milli: reading(1_000_000) }
            }
            Scale::Ten(_) => Quantity {
                nanos,
                value: quotient_low_64(&digits, power - 9) as i64,
                milli: quotient_low_64(&digits, power - 6) as i64,
            },
        }
    }

    fn sign(&self) -> i64 {
        if self.negative { -1 } else { 1 }
    }

    fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.whole.bytes().chain(self.fraction.bytes())
    }
}

/// The lowest 64 bits of a number.
fn low_64(digits: impl Iterator<Item = u8>) -> u64 {
    digits.fold(0u64, |number, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
}

/// The lowest 64 bits of `digits × 10^power`, rounded up.
fn quotient_low_64(digits: &str, power: i32) -> u64 {
    match usize::try_from(power) {
        // 10⁶⁴ is a multiple of 2⁶⁴.
        Ok(power) => low_64(digits.bytes()).wrapping_mul(10u64.wrapping_pow(power.min(64) as u32)),
        Err(_) => {
            let (kept, dropped) = digits.split_at(digits.len().saturating_sub(power.unsigned_abs() as usize));
            low_64(kept.bytes()).wrapping_add(u64::from(dropped.bytes().any(|digit| digit != b'0')))
        }
    }
}

/// `int64Amount.AsScaledInt64`: `value × 10^power` in units of `10^unit`.
fn small_reading(value: i64, power: i32, unit: i32) -> i64 {
    if power < unit {
        let by = 10i64.pow((unit - power) as u32);
        return value / by + (value % by).signum();
    }
    match power.wrapping_sub(unit) {
        ..=0 => value,
        // These are one multiplication upstream, whose overflow wraps; it steps through the other powers and gives up.
        shift @ (1 | 2 | 3 | 6 | 9) => value.wrapping_mul(10i64.pow(shift as u32)),
        shift @ ..19 => value.checked_mul(10i64.pow(shift as u32)).unwrap_or(0),
        _ => 0,
    }
}

/// `scaledValue` of an amount in billionths: below the largest 64-bit number it works in 64 bits, and rounds up.
fn large_reading(nanos: i128, by: i128) -> i64 {
    if nanos < i128::from(i64::MAX) {
        let (low, by) = (nanos as i64, by as i64);
        return low / by + i64::from(low % by != 0);
    }
    divide_away(nanos, by) as i64
}

/// `digits × 2^power` in decimal.
fn times_two_to(power: u32, digits: &str) -> String {
    const LIMB: u64 = 1_000_000_000;
    // Nine digits each, the lowest first.
    let mut limbs: Vec<u64> = digits.as_bytes().rchunks(9).map(|chunk| low_64(chunk.iter().copied())).collect();
    let mut rest = 1u64 << power.min(30);
    let mut left = power.saturating_sub(30);
    loop {
        let mut carry = 0;
        for limb in &mut limbs {
            let product = *limb * rest + carry;
            (*limb, carry) = (product % LIMB, product / LIMB);
        }
        while carry > 0 {
            limbs.push(carry % LIMB);
            carry /= LIMB;
        }
        if left == 0 {
            break;
        }
        rest = 1u64 << left.min(30);
        left = left.saturating_sub(30);
    }
    let text: String = limbs.iter().rev().map(|limb| format!("{limb:09}")).collect();
    text.trim_start_matches('0').to_owned()
}

/// `digits × 10^power`, rounded up, capped just above the largest quantity.
fn scale_digits(digits: &str, power: i32) -> i128 {
    const CAP: i128 = MAX_NANOS + 1;
    // Longer numbers are above the cap.
    const LONGEST: usize = 30;
    let (kept, zeros, dropped) = match usize::try_from(power) {
        Ok(zeros) => (digits, zeros, ""),
        Err(_) => {
            let (kept, dropped) = digits.split_at(digits.len().saturating_sub(power.unsigned_abs() as usize));
            (kept, 0, dropped)
        }
    };
    if kept.len() + zeros > LONGEST {
        return CAP;
    }
    let kept: i128 = if kept.is_empty() { 0 } else { kept.parse().unwrap_or(CAP) };
    let rounded_up = i128::from(dropped.bytes().any(|digit| digit != b'0'));
    kept.saturating_mul(10i128.pow(zeros as u32)).saturating_add(rounded_up).min(CAP)
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
    fn values_round_up() {
        assert_eq!("1500m".parse::<Quantity>().unwrap().value(), 2);
        assert_eq!("0.5Ki".parse::<Quantity>().unwrap().value(), 512);
        assert_eq!("1E".parse::<Quantity>().unwrap().value(), 1_000_000_000_000_000_000);
        assert_eq!("1e-999".parse::<Quantity>().unwrap().milli_value(), 1);
        assert_eq!("0.0000000000000000000000000001".parse::<Quantity>().unwrap().value(), 1);
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", " ", "x", "1x", "1.2.3", "+-3", "1 Gi", "5e", "1ki", "é", "1e+", "e"] {
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
