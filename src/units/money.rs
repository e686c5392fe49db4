//! Money as integers, so that a bill is the sum of its lines to the last digit.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use super::SimDuration;

const NANOS_PER_USD: f64 = 1e9;
const NANOS_PER_HOUR: i128 = 3_600 * 1_000_000_000;

/// An amount of US dollars, in billionths (range about ±9 billion dollars).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i64);

impl Usd {
    pub const ZERO: Usd = Usd(0);

    pub const fn from_nanos(nanos: i64) -> Usd {
        Usd(nanos)
    }

    pub const fn nanos(self) -> i64 {
        self.0
    }

    pub fn as_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_USD
    }

    /// `self × numerator / denominator`, rounded towards zero; zero where the denominator is zero.
    pub fn share(self, numerator: i64, denominator: i64) -> Usd {
        if denominator == 0 {
            return Usd::ZERO;
        }
        Usd((i128::from(self.0) * i128::from(numerator) / i128::from(denominator)) as i64)
    }
}

/// A price: US dollars per hour, in billionths of a dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsdPerHour(i64);

impl UsdPerHour {
    pub const ZERO: UsdPerHour = UsdPerHour(0);

    /// `None` where the number is negative, not finite, or above a billion dollars an hour.
    pub fn from_f64(dollars_per_hour: f64) -> Option<UsdPerHour> {
        (dollars_per_hour.is_finite() && (0.0..=1e9).contains(&dollars_per_hour))
            .then(|| UsdPerHour((dollars_per_hour * NANOS_PER_USD).round() as i64))
    }

    pub const fn from_nanos(nanos: i64) -> UsdPerHour {
        UsdPerHour(nanos)
    }

    pub const fn nanos(self) -> i64 {
        self.0
    }

    pub fn as_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_USD
    }

    /// What this price comes to over `duration`, rounded down to a billionth of a dollar.
    pub fn over(self, duration: SimDuration) -> Usd {
        Usd((i128::from(self.0) * i128::from(duration.nanos()) / NANOS_PER_HOUR) as i64)
    }
}

impl Add for Usd {
    type Output = Usd;
    fn add(self, other: Usd) -> Usd {
        Usd(self.0.saturating_add(other.0))
    }
}

impl Sub for Usd {
    type Output = Usd;
    fn sub(self, other: Usd) -> Usd {
        Usd(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Usd) {
        *self = *self + other;
    }
}

impl SubAssign for Usd {
    fn sub_assign(&mut self, other: Usd) {
        *self = *self - other;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(iter: I) -> Usd {
        iter.fold(Usd::ZERO, Add::add)
    }
}

impl Add for UsdPerHour {
    type Output = UsdPerHour;
    fn add(self, other: UsdPerHour) -> UsdPerHour {
        UsdPerHour(self.0.saturating_add(other.0))
    }
}

impl Sub for UsdPerHour {
    type Output = UsdPerHour;
    fn sub(self, other: UsdPerHour) -> UsdPerHour {
        UsdPerHour(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*} USD", f.precision().unwrap_or(2), self.as_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_over_an_hour_is_that_many_dollars() {
        let price = UsdPerHour::from_f64(0.192).unwrap();
        assert_eq!(price.over(SimDuration::from_secs(3600)), Usd::from_nanos(192_000_000));
        assert_eq!(price.over(SimDuration::from_secs(1)), Usd::from_nanos(53_333));
    }

    #[test]
    fn a_negative_or_infinite_price_is_refused() {
        assert_eq!(UsdPerHour::from_f64(-0.1), None);
        assert_eq!(UsdPerHour::from_f64(f64::NAN), None);
    }
}
