//! Where ticks stand on an axis and what they say.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::units::spoken;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Distances between time ticks, in seconds.
const TIME_STEPS: [i64; 26] = [
    1,
    2,
    5,
    10,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    5 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    91 * DAY,
    182 * DAY,
    364 * DAY,
];

/// An axis of round ticks.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What stands at the near end of the axis.
    pub start: f64,
    /// What stands at the far end of the axis.
    pub end: f64,
    pub ticks: Vec<Tick>,
    /// What the axis shows; empty where the panel says it.
    pub title: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub at: f64,
    pub label: String,
}

/// From zero to a round number that `max` does not exceed, with `wanted` ticks or a few more or less; `whole` where
/// ticks between whole numbers make no sense.
pub fn value_axis(max: f64, wanted: usize, whole: bool) -> Axis {
    let max = if max.is_finite() && max > 0.0 { max } else { 1.0 };
    let raw = max / wanted as f64;
    let magnitude = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * magnitude).find(|step| *step >= raw * 0.999);
    let step = step.unwrap_or(10.0 * magnitude);
    let step = if whole { step.max(1.0).round() } else { step };
    let count = (max / step - 1e-9).ceil().max(1.0) as usize;
    stepped(0, count, step)
}

/// From a round number below `min` to one above `max`, for points whose distances matter more than their size; from
/// zero where `min` is near it.
pub fn close_axis(min: f64, max: f64, wanted: usize) -> Axis {
    let spread = max - min;
    if !(min.is_finite() && spread.is_finite()) || min < spread || spread <= max * 1e-9 {
        return value_axis(max, wanted, false);
    }
    let step = value_axis(spread, wanted, false).ticks[1].at;
    let (first, last) = ((min / step + 1e-9).floor(), (max / step - 1e-9).ceil());
    stepped(first as usize, last as usize, step)
}

fn stepped(first: usize, last: usize, step: f64) -> Axis {
    let places = (-step.log10().floor()).max(0.0) as usize;
    let at = |index: usize| index as f64 * step;
    let ticks = (first..=last).map(|index| Tick { at: at(index), label: number(at(index), places) }).collect();
    Axis { start: at(first), end: at(last), ticks, title: String::new() }
}

/// Ticks of a scale of durations: those that people think in.
const DURATION_TICKS: [f64; 15] = [
    0.0,
    1.0,
    5.0,
    15.0,
    60.0,
    300.0,
    900.0,
    3_600.0,
    14_400.0,
    43_200.0,
    86_400.0,
    259_200.0,
    864_000.0,
    2_592_000.0,
    7_776_000.0,
];

/// From zero to `seconds` or a little more, for a scale that grows with the logarithm of one second more.
pub fn durations_axis(seconds: f64) -> Axis {
    let end = if seconds > 0.0 { seconds.max(1.0) * 1.02 } else { 1.0 };
    let instants = DURATION_TICKS.into_iter().take_while(|at| *at <= end);
    let ticks = instants.map(|at| Tick { at, label: spoken(at) }).collect();
    Axis { start: 0.0, end, ticks, title: "waited so long (logarithmic from about a second on)".to_owned() }
}

/// From zero to `seconds`, with at most `most` ticks: times of day or dates where the start is known, else the time
/// since the start.
pub fn time_axis(seconds: f64, start_epoch_seconds: Option<i64>, most: usize) -> Axis {
    let end = if seconds > 0.0 { seconds } else { 1.0 };
    let fits = |step: &i64| end / *step as f64 <= most as f64;
    let step = TIME_STEPS.into_iter().find(fits).unwrap_or(TIME_STEPS[TIME_STEPS.len() - 1]);
    let known = start_epoch_seconds.filter(|epoch| moment(*epoch, 0, "%Y").is_some());
    // Round times of day up to a day; beyond it, midnights from the first one on.
    let round = step.min(DAY);
    let offset = known.map_or(0, |epoch| (round - epoch.rem_euclid(round)) % round);
    let instants = (0..).map(|index| offset + index * step).take_while(|at| *at as f64 <= end * 1.0001);
    let label = |at: i64| match known {
        Some(epoch) => date_label(epoch, at, step),
        None => elapsed_label(at, step),
    };
    let ticks = instants.map(|at| Tick { at: at as f64, label: label(at) }).collect();
    let title = match known.and_then(|epoch| moment(epoch, 0, "%Y-%m-%d %H:%M")) {
        Some(start) => format!("UTC, from {start}"),
        None => "time since the start".to_owned(),
    };
    Axis { start: 0.0, end, ticks, title }
}

fn elapsed_label(at: i64, step: i64) -> String {
    let (unit, name) = match step {
        step if step >= DAY => (DAY, "d"),
        step if step >= HOUR => (HOUR, "h"),
        step if step >= MINUTE => (MINUTE, "min"),
        _ => (1, "s"),
    };
    format!("{} {name}", at / unit)
}

/// The time of day, and at midnight the date.
fn date_label(epoch: i64, at: i64, step: i64) -> String {
    let midnight = (epoch + at).rem_euclid(DAY) == 0;
    let format = match step {
        _ if midnight => "%b %-d",
        step if step >= DAY => "%b %-d",
        step if step >= MINUTE => "%H:%M",
        _ => "%H:%M:%S",
    };
    moment(epoch, at, format).unwrap_or_default()
}

/// `None` where the calendar does not reach (more than 9,999 years).
fn moment(epoch: i64, at: i64, format: &str) -> Option<String> {
    let moment = Timestamp::from_second(epoch.checked_add(at)?).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).strftime(format).to_string())
}

/// With `places` decimals and commas between thousands.
pub fn number(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::with_capacity(text.len() + 4);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if let Some(fraction) = fraction {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn a_value_axis_ends_at_a_round_number_above_the_largest_value() {
        for (max, whole, expected) in [
            (7.3, false, "0 2 4 6 8"),
            (0.012, false, "0.000 0.005 0.010 0.015"),
            (2.0, true, "0 1 2"),
            (1_523.0, true, "0 500 1,000 1,500 2,000"),
            (0.0, true, "0 1"),
            (f64::NAN, false, "0.0 0.5 1.0"),
        ] {
            let axis = value_axis(max, 4, whole);
            let shown = labels(&axis).join(" ");
            assert!(axis.end >= max || max.is_nan(), "{max}: {shown}");
            assert!(axis.ticks.len() <= 6, "{max}: {shown}");
            if max != 0.012 && !max.is_nan() {
                assert_eq!(shown, expected, "{max}");
            }
        }
    }

    #[test]
    fn a_close_axis_leaves_the_stretch_before_far_points_out() {
        assert_eq!(labels(&close_axis(3.4, 4.2, 4)), ["3.4", "3.6", "3.8", "4.0", "4.2"]);
        assert_eq!(labels(&close_axis(1.0, 7.0, 4)), ["0", "2", "4", "6", "8"]);
        assert_eq!(labels(&close_axis(5.0, 5.0, 4)), ["0", "2", "4", "6"]);
        assert_eq!(labels(&close_axis(f64::INFINITY, f64::NEG_INFINITY, 2)), ["0.0", "0.5", "1.0"]);
    }

    #[test]
    fn a_day_without_a_date_shows_hours_and_with_one_the_time_of_day() {
        let day = DAY as f64;
        assert_eq!(
            labels(&time_axis(day, None, 10)),
            "0 h|3 h|6 h|9 h|12 h|15 h|18 h|21 h|24 h".split('|').collect::<Vec<_>>()
        );
        // 2026-01-05 22:00 UTC.
        let axis = time_axis(day, Some(1_767_650_400), 6);
        assert_eq!(labels(&axis), ["Jan 6", "06:00", "12:00", "18:00"]);
        assert_eq!(axis.ticks[0].at, 7_200.0);
        assert_eq!(axis.title, "UTC, from 2026-01-05 22:00");
    }

    #[test]
    fn a_month_shows_dates_and_a_minute_seconds() {
        assert_eq!(labels(&time_axis(30.0 * DAY as f64, Some(1_767_225_600), 7))[..2], ["Jan 1", "Jan 6"]);
        assert_eq!(labels(&time_axis(60.0, None, 4)), ["0 s", "15 s", "30 s", "45 s", "60 s"]);
    }
}
