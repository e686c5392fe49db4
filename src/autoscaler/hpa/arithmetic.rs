//! Go's number conversions, where Rust's differ.
//!
//! Upstream computes replica counts in `float64` and converts them with `int32(x)`. Go leaves the result open where it
//! does not fit; on amd64 it is the smallest integer, which the controller then clamps like any other. Rust would
//! saturate, and so scale to the maximum where a real controller scales to the minimum.

/// `int32(x)` on amd64: truncated; the smallest `i32` for NaN and for whatever does not fit.
pub(super) fn to_i32(x: f64) -> i32 {
    let truncated = x.trunc();
    if (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&truncated) { truncated as i32 } else { i32::MIN }
}

/// `int64(x)` on amd64, likewise.
pub(super) fn to_i64(x: f64) -> i64 {
    // 2⁶³ itself does not fit, and is the nearest float above every i64.
    if x >= i64::MIN as f64 && x < i64::MAX as f64 { x as i64 } else { i64::MIN }
}

/// `int32(math.Ceil(x))`.
pub(super) fn ceil_to_i32(x: f64) -> i32 {
    to_i32(x.ceil())
}

/// As [`ceil_to_i32`], but a result above the largest `i32` is that (upstream guards only some of its formulas).
pub(super) fn ceil_to_i32_capped(x: f64) -> i32 {
    if x > f64::from(i32::MAX) { i32::MAX } else { ceil_to_i32(x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_becomes_the_smallest_integer_as_on_amd64() {
        assert_eq!(to_i32(2_147_483_647.9), i32::MAX);
        assert_eq!(to_i32(2_147_483_648.0), i32::MIN);
        assert_eq!(to_i32(-1.9), -1);
        assert_eq!(to_i32(f64::NAN), i32::MIN);
        assert_eq!(to_i64(f64::INFINITY), i64::MIN);
        assert_eq!(to_i64(9.3e18), i64::MIN);
        assert_eq!(to_i64(-9.0e18), -9_000_000_000_000_000_000);
        assert_eq!(ceil_to_i32_capped(1e12), i32::MAX);
    }
}
