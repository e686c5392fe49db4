//! Durations as people say them: the one form of every table, plot and page.

use super::SimDuration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The two largest units of so many seconds: `23 h 14 m`, `3 m 32 s`, `4.2 s`, `250 ms`; days from two of them on.
/// `unknown` where it is no number.
pub fn spoken(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "unknown".to_owned();
    }
    if seconds < 0.0 {
        return format!("-{}", spoken(-seconds));
    }
    // What would round to the next unit is told in that.
    if seconds < 59.5 {
        return short(seconds);
    }
    let whole = seconds.round() as u64;
    let minutes = (seconds / 60.0).round() as u64 * MINUTE;
    let (whole, large, small, names) = match whole {
        ..HOUR => (whole, MINUTE, 1, ["m", "s"]),
        _ if minutes < 2 * DAY => (minutes, HOUR, MINUTE, ["h", "m"]),
        _ => ((seconds / 3600.0).round() as u64 * HOUR, DAY, HOUR, ["d", "h"]),
    };
    match whole % large / small {
        0 => format!("{} {}", whole / large, names[0]),
        rest => format!("{} {} {rest} {}", whole / large, names[0], names[1]),
    }
}

/// A duration as people write it into a file, without units of zero: `2h`, `10m`, `1h30m`, `90s` as `1m30s`.
pub fn written(duration: SimDuration) -> String {
    let text = duration.to_string();
    let text = text.strip_suffix("m0s").map_or(text.clone(), |start| format!("{start}m"));
    text.strip_suffix("h0m").map_or(text.clone(), |start| format!("{start}h"))
}

/// Less than a minute.
fn short(seconds: f64) -> String {
    let (value, unit) = match seconds {
        0.0 => return "0 s".to_owned(),
        ..0.000_999_5 => return "under 1 ms".to_owned(),
        ..0.999_5 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    // Three digits, no zeros at the end.
    let places = if value < 9.995 { 2 } else { usize::from(value < 99.95 && (unit == "ms" || value < 19.95)) };
    let text = format!("{value:.places$}");
    let text = if places > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_without_zeros_and_read_back() {
        for (seconds, text) in [(7200, "2h"), (600, "10m"), (5400, "1h30m"), (90, "1m30s"), (3605, "1h0m5s"), (0, "0s")]
        {
            let duration = SimDuration::from_secs(seconds);
            assert_eq!(written(duration), text);
            assert_eq!(text.parse(), Ok(duration));
        }
    }

    #[test]
    fn durations_are_told_in_their_two_largest_units() {
        for (seconds, told) in [
            (0.0, "0 s"),
            (0.000_2, "under 1 ms"),
            (0.012_34, "12.3 ms"),
            (0.25, "250 ms"),
            (0.999_9, "1 s"),
            (4.2, "4.2 s"),
            (12.5, "12.5 s"),
            (45.4, "45 s"),
            (59.7, "1 m"),
            (212.0, "3 m 32 s"),
            (3_599.7, "1 h"),
            (83_640.0, "23 h 14 m"),
            (86_400.0, "24 h"),
            (7_199.0, "2 h"),
            (172_800.0, "2 d"),
            (192_000.0, "2 d 5 h"),
            (-90.0, "-1 m 30 s"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(spoken(seconds), told, "{seconds}");
        }
    }
}
