//! Numbers as texts, as Go and the functions of templates write them (`template/template.go`, `humanize…`).

/// Go's `%v` of a float: exponents below 1e-4 and from 1e21 on.
pub(super) fn general(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    if value != 0.0 && !(1e-4..1e21).contains(&value.abs()) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        return format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    value.to_string()
}

/// `%.4g`.
pub(super) fn four_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return general(value);
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-4..4).contains(&exponent) {
        let text = format!("{value:.3e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
        let exponent: i32 = exponent.parse().unwrap_or(0);
        return format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    let text = format!("{value:.*}", (3 - exponent).max(0) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
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
