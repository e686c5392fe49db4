//! Numbers as texts, as Go and the functions of templates write them (`template/template.go`, `humanize…`).

/// Go's `%v` of a float: with an exponent below 1e-4 and from a million on.
pub(super) fn general(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    if value != 0.0 && !(1e-4..1e6).contains(&value.abs()) {
        return exponent(&format!("{value:e}"));
    }
    value.to_string()
}

/// An exponent has a sign and two digits at least.
pub(super) fn exponent(text: &str) -> String {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `%.4g`.
pub(super) fn four_digits(value: f64) -> String {
    shortest(value, 4)
}

/// `%g` with so many digits at most, one at least.
pub(super) fn shortest(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return general(value);
    }
    let digits = digits.max(1);
    // Rounded first: 9.9996 has five digits before and two after.
    let text = format!("{value:.*e}", digits - 1);
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let trimmed = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    if power < -4 || power >= digits as i32 {
        return exponent(&format!("{}e{power}", trimmed(mantissa)));
    }
    trimmed(&format!("{value:.*}", (digits as i32 - 1 - power).max(0) as usize))
}

pub(super) fn scaled(value: f64, step: f64, up: &[&str], down: &[&str]) -> String {
    if value == 0.0 || !value.is_finite() {
        return four_digits(value);
    }
    let (mut value, mut prefix) = (value, "");
    if value.abs() >= 1.0 {
        for next in up {
            if value.abs() < step {
                break;
            }
            (value, prefix) = (value / step, next);
        }
    } else {
        for next in down {
            if value.abs() >= 1.0 {
                break;
            }
            (value, prefix) = (value * step, next);
        }
    }
    format!("{}{prefix}", four_digits(value))
}

pub(super) fn duration(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return if value == 0.0 { "0s".to_owned() } else { four_digits(value) };
    }
    if value.abs() < 1.0 {
        return format!("{}s", scaled(value, 1000.0, &[], &["m", "u", "n", "p", "f", "a", "z", "y"]));
    }
    let (sign, value) = if value < 0.0 { ("-", -value) } else { ("", value) };
    let whole = value as u64;
    let [days, hours, minutes, seconds] = [whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60];
    if days > 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours > 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", four_digits(value))
    }
}
