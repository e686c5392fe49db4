//! Parts of a time, in UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    DayOfMonth,
    /// Sunday is 0.
    DayOfWeek,
    DayOfYear,
    DaysInMonth,
    Hour,
    Minute,
    Month,
    Year,
}

/// Of a time in seconds since the Unix epoch; NaN where it is no date.
pub(super) fn part(part: Part, seconds: f64) -> f64 {
    if seconds.is_nan() {
        return f64::NAN;
    }
    let Ok(time) = Timestamp::from_second(seconds as i64) else { return f64::NAN };
    let time = time.to_zoned(TimeZone::UTC);
    match part {
        Part::DayOfMonth => time.day().into(),
        Part::DayOfWeek => time.weekday().to_sunday_zero_offset().into(),
        Part::DayOfYear => time.day_of_year().into(),
        Part::DaysInMonth => time.days_in_month().into(),
        Part::Hour => time.hour().into(),
        Part::Minute => time.minute().into(),
        Part::Month => time.month().into(),
        Part::Year => time.year().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_in_march() {
        // 2026-03-02, a Monday.
        let of = |which| part(which, 1_772_409_600.0);
        assert_eq!(
            (of(Part::Year), of(Part::Month), of(Part::DayOfMonth), of(Part::DayOfWeek)),
            (2026.0, 3.0, 2.0, 1.0)
        );
        assert_eq!((of(Part::DayOfYear), of(Part::DaysInMonth), of(Part::Hour)), (61.0, 31.0, 0.0));
    }
}
