//! Amounts of a resource in quota arithmetic: 64 bits, with "unlimited" and no wrapping.

use std::ops::{Add, Sub};

/// Thousandths of a core for `cpu`, whole units for all else. The largest value stands for "unlimited" and stays so.
///
/// Kueue (0.20): `pkg/resources/amount.go`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub i64);

impl Amount {
    pub const ZERO: Amount = Amount(0);
    pub const UNLIMITED: Amount = Amount(i64::MAX);

    pub fn is_unlimited(self) -> bool {
        self == Amount::UNLIMITED
    }

    /// `self` where it is above zero, else zero.
    pub fn above_zero(self) -> Amount {
        self.max(Amount::ZERO)
    }
}

impl Add for Amount {
    type Output = Amount;

    fn add(self, other: Amount) -> Amount {
        if self.is_unlimited() || other.is_unlimited() {
            return Amount::UNLIMITED;
        }
        Amount(self.0.saturating_add(other.0))
    }
}

impl Sub for Amount {
    type Output = Amount;

    fn sub(self, other: Amount) -> Amount {
        match (self.is_unlimited(), other.is_unlimited()) {
            (true, true) => Amount::ZERO,
            (true, false) => Amount::UNLIMITED,
            (false, true) => Amount(i64::MIN),
            (false, false) => Amount(self.0.saturating_sub(other.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlimited_stays_unlimited_and_nothing_wraps() {
        assert_eq!(Amount::UNLIMITED - Amount(5), Amount::UNLIMITED);
        assert_eq!(Amount::UNLIMITED - Amount::UNLIMITED, Amount::ZERO);
        assert_eq!(Amount(5) - Amount::UNLIMITED, Amount(i64::MIN));
        assert_eq!(Amount(i64::MAX - 1) + Amount(9), Amount::UNLIMITED);
    }
}
