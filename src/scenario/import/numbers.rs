//! Numbers and times of a field, from its bytes and exactly: decimal seconds become whole nanoseconds.

use crate::units::SimTime;

/// Digits only, so a sign, a fraction or an overflow is `None`.
pub(super) fn whole(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0i64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { value.checked_mul(10)?.checked_add(i64::from(digit)) }
    })
}

/// A decimal number of zero or more, `12.50` or `1.5e9`, times `unit`; `None` where that is no whole number.
pub(super) fn scaled(bytes: &[u8], unit: i64) -> Option<i64> {
    if let Some(plain) = whole(bytes) {
        return plain.checked_mul(unit);
    }
    let (number, exponent) = match bytes.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&bytes[..at], std::str::from_utf8(&bytes[at + 1..]).ok()?.parse::<i32>().ok()?),
        None => (bytes, 0),
    };
    let point = number.iter().position(|byte| *byte == b'.').unwrap_or(number.len());
    let fraction = number.get(point + 1..).unwrap_or_default();
    if number.len() > 60 || (point == 0 && fraction.is_empty()) || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Zeroes at the end change nothing and would overflow what stands before them.
    let kept = fraction.len() - fraction.iter().rev().take_while(|byte| **byte == b'0').count();
    let mut digits = number[..point].to_vec();
    digits.extend_from_slice(&fraction[..kept]);
    let mut value = i128::from(whole(&digits)?).checked_mul(i128::from(unit))?;
    let power = exponent.checked_sub(kept as i32)?;
    let factor = 10i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 {
        value = value.checked_mul(factor)?;
    } else if value % factor == 0 {
        value /= factor;
    } else {
        return None;
    }
    i64::try_from(value).ok()
}

/// Decimal seconds to nanoseconds; digits below a nanosecond are cut off. Numbers with an exponent, as some tools
/// write them, go through floating point.
pub(super) fn nanoseconds(bytes: &[u8]) -> Option<i64> {
    let point = bytes.iter().position(|byte| *byte == b'.').unwrap_or(bytes.len());
    let (seconds, fraction) = (&bytes[..point], bytes.get(point + 1..).unwrap_or_default());
    if let Some(plain) = plain_nanoseconds(seconds, fraction) {
        return Some(plain);
    }
    if !bytes.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return None;
    }
    let seconds: f64 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    (0.0..9e9).contains(&seconds).then(|| SimTime::from_secs_f64(seconds).nanos())
}

fn plain_nanoseconds(seconds: &[u8], fraction: &[u8]) -> Option<i64> {
    let nanos = if fraction.is_empty() {
        0
    } else {
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let kept = &fraction[..fraction.len().min(9)];
        whole(kept)? * 10i64.pow(9 - kept.len() as u32)
    };
    whole(seconds)?.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// Nanoseconds since 1970 of a date with or without a time: RFC 3339, or without a zone, which is taken as UTC.
pub(super) fn timestamp(text: &str) -> Option<i64> {
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) => {
            let text = text.strip_suffix(" UTC").unwrap_or(text);
            text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
        }
    };
    i64::try_from(at.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_seconds_are_exact_to_the_nanosecond() {
        for (text, nanos) in [
            ("0", Some(0)),
            ("12.345", Some(12_345_000_000)),
            ("0.000000001", Some(1)),
            ("0.1234567899", Some(123_456_789)),
            ("7.", Some(7_000_000_000)),
            ("1e3", Some(1_000_000_000_000)),
            ("1E-3", Some(1_000_000)),
            ("-1", None),
            ("1.-5", None),
            ("", None),
            (".", None),
            ("1.2.3", None),
            ("inf", None),
            ("nan", None),
            ("99999999999", None),
            ("99999999999999999999", None),
            ("1e99", None),
        ] {
            assert_eq!(nanoseconds(text.as_bytes()), nanos, "{text:?}");
        }
    }

    #[test]
    fn decimal_numbers_are_exact_or_refused() {
        for (text, unit, number) in [
            ("500", 1, Some(500)),
            ("500.0", 1, Some(500)),
            ("1.5e9", 1, Some(1_500_000_000)),
            ("1.5E+3", 1, Some(1500)),
            ("250e-2", 1000, Some(2500)),
            ("0.5", 1 << 20, Some(1 << 19)),
            ("12.00000000000000000000", 1, Some(12)),
            ("0.5", 1, None),
            ("1e400", 1, None),
            ("9223372036854775808", 1, None),
            ("9223372036854775807", 2, None),
            ("-1", 1, None),
            ("1.5.2", 1, None),
            (".", 1, None),
            ("e3", 1, None),
            ("1e", 1, None),
            ("", 1, None),
        ] {
            assert_eq!(scaled(text.as_bytes(), unit), number, "{text:?}");
        }
    }

    #[test]
    fn dates_are_taken_with_and_without_a_zone() {
        let noon = Some(1_767_268_800_000_000_000);
        for text in ["2026-01-01T12:00:00Z", "2026-01-01 12:00:00", "2026-01-01T13:00+01:00", "2026-01-01 12:00:00 UTC"]
        {
            assert_eq!(timestamp(text), noon, "{text}");
        }
        assert_eq!(timestamp("2026-01-01"), Some(1_767_225_600_000_000_000));
        assert_eq!(timestamp("01/02/2026"), None);
    }
}
