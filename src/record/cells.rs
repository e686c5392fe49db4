//! The cells of a CSV table, appended to one buffer without the formatting machinery.
//!
//! A big run writes millions of cells, nearly all of them integers or decimals with a fixed number of places, so those
//! are written digit by digit. RFC 4180: a cell is quoted only where it holds a comma, a quote or a line break; lines
//! end in `\n`, as most tools for CSV expect. A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a
//! formula: a text that does, and is no number, gets a `'` before it, and what would act on a terminal is written out.

use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::units::{Bytes, GpuMilli, Millicores, SimTime, Usd, UsdPerHour};

/// A CSV table under construction.
#[derive(Default)]
pub struct Cells {
    bytes: Vec<u8>,
    digits: itoa::Buffer,
    /// Wall-clock time of the run's zero, seconds since the Unix epoch, where the scenario states one.
    start: Option<i64>,
    /// The day of the timestamp written last (days since the epoch) and its date, `2026-01-05T`.
    day: Option<(i64, String)>,
}

impl Cells {
    pub fn with_capacity(bytes: usize) -> Cells {
        Cells { bytes: Vec::with_capacity(bytes), ..Cells::default() }
    }

    /// A table of a run that starts at `start` (Unix seconds); `None` where the scenario states no start.
    pub fn starting_at(self, start: Option<i64>) -> Cells {
        Cells { start, ..self }
    }

    /// Whether instants have dates, and tables their columns of timestamps.
    pub fn has_dates(&self) -> bool {
        self.start.is_some()
    }

    /// Ends the row: the comma after its last cell becomes the line break.
    pub fn end_row(&mut self) {
        match self.bytes.last_mut() {
            Some(last @ b',') => *last = b'\n',
            _ => self.bytes.push(b'\n'),
        }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub fn empty(&mut self) {
        self.bytes.push(b',');
    }

    pub fn text(&mut self, text: &str) {
        self.quoted_where_needed(&[text]);
    }

    /// `parts` joined by dots, as one cell.
    pub fn dotted(&mut self, parts: [&str; 2]) {
        self.quoted_where_needed(&[parts[0], ".", parts[1]]);
    }

    pub fn integer(&mut self, value: impl itoa::Integer) {
        self.bytes.extend_from_slice(self.digits.format(value).as_bytes());
        self.bytes.push(b',');
    }

    /// The shortest decimal with a point that reads back as `value`; empty where it is no number.
    pub fn float(&mut self, value: f64) {
        if value.is_finite() {
            let start = self.bytes.len();
            write!(self.bytes, "{value}").expect("a vector takes all that is written to it");
            if !self.bytes[start..].contains(&b'.') {
                self.bytes.extend_from_slice(b".0");
            }
        }
        self.bytes.push(b',');
    }

    pub fn boolean(&mut self, value: bool) {
        self.text(if value { "true" } else { "false" });
    }

    /// Seconds, exact to the nanosecond.
    pub fn time(&mut self, at: SimTime) {
        self.decimal::<9>(at.nanos());
    }

    /// As [`time`](Self::time); empty where it never came.
    pub fn maybe_time(&mut self, at: Option<SimTime>) {
        match at {
            Some(at) => self.time(at),
            None => self.empty(),
        }
    }

    /// The date and time of day of `at` as RFC 3339, in UTC: `2026-01-05T09:00:15Z`, with decimals where it has any.
    /// Empty where the run has no date, or one that the calendar does not reach.
    pub fn timestamp(&mut self, at: Option<SimTime>) {
        let (Some(start), Some(at)) = (self.start, at) else { return self.empty() };
        const DAY: i64 = 86_400;
        let second = start.saturating_add(at.nanos().div_euclid(1_000_000_000));
        let (day, of_day) = (second.div_euclid(DAY), second.rem_euclid(DAY));
        if self.day.as_ref().is_none_or(|(known, _)| *known != day) {
            let midnight = Timestamp::from_second(day.saturating_mul(DAY));
            let date = midnight.map(|at| at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT").to_string());
            self.day = Some((day, date.unwrap_or_default()));
        }
        let date = self.day.as_ref().map_or("", |(_, date)| date);
        if date.is_empty() {
            return self.empty();
        }
        self.bytes.extend_from_slice(date.as_bytes());
        let digits = |value: i64| [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
        let ([h1, h2], [m1, m2], [s1, s2]) = (digits(of_day / 3600), digits(of_day / 60 % 60), digits(of_day % 60));
        self.bytes.extend_from_slice(&[h1, h2, b':', m1, m2, b':', s1, s2]);
        let nanos = at.nanos().rem_euclid(1_000_000_000) as u64;
        if nanos > 0 {
            self.fraction::<9>(nanos);
        }
        self.bytes.extend_from_slice(b"Z,");
    }

    pub fn cores(&mut self, amount: Millicores) {
        self.decimal::<3>(amount.get());
    }

    pub fn memory(&mut self, amount: Bytes) {
        self.integer(amount.get());
    }

    pub fn gpus(&mut self, amount: GpuMilli) {
        self.decimal::<3>(amount.get());
    }

    pub fn usd(&mut self, amount: Usd) {
        self.decimal::<9>(amount.nanos());
    }

    pub fn usd_per_hour(&mut self, price: UsdPerHour) {
        self.decimal::<9>(price.nanos());
    }

    /// `value / 10^PLACES`, exact, with a point and without trailing zeros after the first decimal.
    pub fn decimal<const PLACES: u32>(&mut self, value: i64) {
        let scale = 10u64.pow(PLACES);
        let magnitude = value.unsigned_abs();
        if value < 0 {
            self.bytes.push(b'-');
        }
        self.bytes.extend_from_slice(self.digits.format(magnitude / scale).as_bytes());
        self.fraction::<PLACES>(magnitude % scale);
        self.bytes.push(b',');
    }

    /// A point and `fraction / 10^PLACES`, at least one decimal.
    fn fraction<const PLACES: u32>(&mut self, mut fraction: u64) {
        if fraction == 0 {
            return self.bytes.extend_from_slice(b".0");
        }
        let mut places = [b'0'; 20];
        for place in places[..PLACES as usize].iter_mut().rev() {
            *place = b'0' + (fraction % 10) as u8;
            fraction /= 10;
        }
        let kept = places[..PLACES as usize].iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        self.bytes.push(b'.');
        self.bytes.extend_from_slice(&places[..kept]);
    }

    fn quoted_where_needed(&mut self, parts: &[&str]) {
        let special = |byte: u8| byte.is_ascii_control() || matches!(byte, b',' | b'"');
        let is_formula = parts.first().is_some_and(|first| is_formula(first, parts.len()));
        if is_formula || parts.iter().any(|part| part.bytes().any(special)) {
            self.quoted(&parts.concat(), is_formula);
        } else {
            for part in parts {
                self.bytes.extend_from_slice(part.as_bytes());
            }
        }
        self.bytes.push(b',');
    }

    fn quoted(&mut self, text: &str, is_formula: bool) {
        let is_quoted = text.contains([',', '"', '\n']);
        self.bytes.extend(is_quoted.then_some(b'"'));
        self.bytes.extend(is_formula.then_some(b'\''));
        for c in text.chars() {
            match c {
                '"' => self.bytes.extend_from_slice(b"\"\""),
                c if c.is_control() && c != '\n' => self.bytes.extend(c.escape_default().map(|c| c as u8)),
                c => self.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        self.bytes.extend(is_quoted.then_some(b'"'));
    }
}

fn is_formula(first: &str, parts: usize) -> bool {
    first.starts_with(['=', '+', '-', '@']) && (parts > 1 || first.parse::<f64>().is_err()) && first != "-"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(fill: impl Fn(&mut Cells)) -> String {
        let mut cells = Cells::default();
        fill(&mut cells);
        cells.end_row();
        String::from_utf8(cells.into_bytes()).unwrap()
    }

    #[test]
    fn decimals_are_exact_and_always_have_a_point() {
        for (nanos, text) in [
            (0, "0.0\n"),
            (1, "0.000000001\n"),
            (-1_500_000_000, "-1.5\n"),
            (86_400_000_000_000, "86400.0\n"),
            (12_340_000_000, "12.34\n"),
            (i64::MIN, "-9223372036.854775808\n"),
        ] {
            assert_eq!(row(|cells| cells.decimal::<9>(nanos)), text);
        }
    }

    #[test]
    fn a_number_that_is_none_is_an_empty_cell_and_a_whole_one_has_a_point() {
        let written = row(|cells| [f64::NAN, 0.1, f64::INFINITY, 3.0, 1e21].iter().for_each(|v| cells.float(*v)));
        assert_eq!(written, ",0.1,,3.0,1000000000000000000000.0\n");
    }

    #[test]
    fn timestamps_are_rfc_3339_in_utc_and_cross_midnight() {
        // 2026-01-05 22:00 UTC.
        let dated = |start: Option<i64>, nanos: i64| {
            let mut cells = Cells::default().starting_at(start);
            cells.timestamp(Some(SimTime::from_nanos(nanos)));
            cells.end_row();
            String::from_utf8(cells.into_bytes()).unwrap()
        };
        let start = Some(1_767_650_400);
        assert_eq!(dated(start, 0), "2026-01-05T22:00:00Z\n");
        assert_eq!(dated(start, 7_200_500_000_000), "2026-01-06T00:00:00.5Z\n");
        assert_eq!(dated(start, -1), "2026-01-05T21:59:59.999999999Z\n");
        assert_eq!(dated(None, 0), "\n");
        assert_eq!(dated(Some(i64::MAX), 0), "\n");
    }

    #[test]
    fn formulas_and_what_a_terminal_acts_on_are_made_harmless() {
        let written = row(|cells| {
            ["=1+1", "@x,y", "-5", "-", "+1e3", "-a", "a\u{1b}[31m\r"].iter().for_each(|text| cells.text(text))
        });
        assert_eq!(written, "'=1+1,\"'@x,y\",-5,-,+1e3,'-a,a\\u{1b}[31m\\r\n");
        assert_eq!(row(|cells| cells.dotted(["-5", "x"])), "'-5.x\n");
    }

    proptest! {
        #[test]
        fn the_csv_crate_reads_back_what_was_written(texts in proptest::collection::vec("([ -*,./-<>?A-~\n\"][ -~\n\"]{0,11})?", 2..6)) {
            let written = row(|cells| texts.iter().for_each(|text| cells.text(text)));
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(written.as_bytes());
            let read: Vec<String> = reader.records().next().unwrap().unwrap().iter().map(str::to_owned).collect();
            prop_assert_eq!(read, texts);
        }

        #[test]
        fn a_decimal_reads_back_as_the_integer_it_came_from(value in any::<i64>()) {
            let text = row(|cells| cells.decimal::<3>(value));
            let text = text.trim_end();
            let (whole, fraction) = text.trim_start_matches('-').split_once('.').unwrap_or((text.trim_start_matches('-'), ""));
            let digits: i128 = format!("{whole}{fraction:0<3}").parse().unwrap();
            prop_assert_eq!(if text.starts_with('-') { -digits } else { digits }, i128::from(value));
        }
    }
}
