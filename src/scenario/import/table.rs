//! A CSV table with a header, read row by row into typed fields.
//!
//! All readers of this room go through here. One row buffer is reused, numbers are parsed from bytes by hand and
//! exactly (decimal seconds become whole nanoseconds), and nothing is allocated but what a reader keeps.

use std::io::Read;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::ImportError;
use crate::units::{SimTime, nearest};

pub(super) struct Table<R> {
    reader: ::csv::Reader<R>,
    file: String,
    header: Vec<String>,
    record: ::csv::ByteRecord,
}

/// A column of a table: where it stands in a row.
#[derive(Clone, Copy)]
pub(super) struct Column(usize);

/// The row that was read last.
pub(super) struct Row<'a> {
    record: &'a ::csv::ByteRecord,
    header: &'a [String],
    file: &'a str,
}

impl<R: Read> Table<R> {
    /// Reads the header.
    pub fn open(reader: R, file: &str) -> Result<Table<R>, ImportError> {
        let reader =
            ::csv::ReaderBuilder::new().has_headers(false).flexible(true).buffer_capacity(1 << 16).from_reader(reader);
        let file = file.to_owned();
        let mut table = Table { reader, file, header: Vec::new(), record: ::csv::ByteRecord::new() };
        if !table.advance()? {
            return Err(ImportError::NoHeader { file: table.file });
        }
        for field in &table.record {
            let field = field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(field);
            let name = String::from_utf8_lossy(field).trim().to_owned();
            if !name.is_empty() && table.header.contains(&name) {
                return Err(ImportError::DoubledColumn { file: table.file, column: name });
            }
            table.header.push(name);
        }
        Ok(table)
    }

    /// A column that must be there.
    pub fn column(&self, name: &str) -> Result<Column, ImportError> {
        self.optional(name).ok_or_else(|| {
            let near = nearest(name, self.header.iter().map(String::as_str));
            ImportError::MissingColumn {
                file: self.file.clone(),
                column: name.to_owned(),
                nearest: near.map(str::to_owned),
                found: self.header.join(", "),
            }
        })
    }

    /// A column that may be absent.
    pub fn optional(&self, name: &str) -> Option<Column> {
        self.header.iter().position(|known| known == name).map(Column)
    }

    /// The next row, or `None` at the end.
    pub fn next(&mut self) -> Result<Option<Row<'_>>, ImportError> {
        if !self.advance()? {
            return Ok(None);
        }
        let row = Row { record: &self.record, header: &self.header, file: &self.file };
        if row.record.len() != self.header.len() {
            let (found, expected) = (row.record.len(), self.header.len());
            return Err(ImportError::FieldCount { file: self.file.clone(), line: row.line(), found, expected });
        }
        Ok(Some(row))
    }

    fn advance(&mut self) -> Result<bool, ImportError> {
        self.reader
            .read_byte_record(&mut self.record)
            .map_err(|error| ImportError::Unreadable { file: self.file.clone(), problem: error.to_string() })
    }
}

impl<'a> Row<'a> {
    fn line(&self) -> u64 {
        self.record.position().map_or(0, ::csv::Position::line)
    }

    /// The error that this field is not what was expected.
    #[cold]
    pub fn refuse(&self, column: Column, expected: impl Into<String>) -> ImportError {
        // Fields before this one and their commas; quotes, which the record no longer has, are not counted.
        let before: usize =
            self.record.iter().take(column.0).map(|field| String::from_utf8_lossy(field).chars().count() + 1).sum();
        ImportError::BadValue {
            file: self.file.to_owned(),
            line: self.line(),
            column: before + 1,
            name: self.header[column.0].clone(),
            found: String::from_utf8_lossy(&self.record[column.0]).into_owned(),
            expected: expected.into(),
        }
    }

    /// The field's bytes without the white space around them.
    pub fn bytes(&self, column: Column) -> &'a [u8] {
        self.record[column.0].trim_ascii()
    }

    pub fn is_empty(&self, column: Column) -> bool {
        self.bytes(column).is_empty()
    }

    /// Text that must not be empty.
    pub fn text(&self, column: Column) -> Result<&'a str, ImportError> {
        match std::str::from_utf8(self.bytes(column)) {
            Ok("") => Err(self.refuse(column, "some text")),
            Ok(text) if text.chars().any(|c| c.is_control() && c != '\t') => {
                Err(self.refuse(column, "text without control characters"))
            }
            Ok(text) => Ok(text),
            Err(_) => Err(self.refuse(column, "text in UTF-8")),
        }
    }

    /// Text that names something. It comes to stand at the start of cells, where a spreadsheet would take it for a
    /// formula; beyond that a trace's names are its own affair.
    pub fn name(&self, column: Column) -> Result<&'a str, ImportError> {
        let text = self.text(column)?;
        if text.starts_with(['=', '+', '-', '@']) {
            return Err(self.refuse(column, "a name that does not begin with =, +, - or @"));
        }
        Ok(text)
    }

    /// A whole number from zero to `most`.
    pub fn integer(&self, column: Column, most: i64) -> Result<i64, ImportError> {
        whole(self.bytes(column)).filter(|number| *number <= most).ok_or_else(|| {
            let most = if most == i64::MAX { String::new() } else { format!(" up to {most}") };
            self.refuse(column, format!("a whole number of zero or more{most}"))
        })
    }

    /// As [`integer`](Self::integer), with `absent` where the column or the field's text is.
    pub fn integer_or(&self, column: Option<Column>, most: i64, absent: i64) -> Result<i64, ImportError> {
        match column {
            Some(column) if !self.is_empty(column) => self.integer(column, most),
            _ => Ok(absent),
        }
    }

    /// Decimal seconds, zero or more, to the nanosecond.
    pub fn seconds(&self, column: Column) -> Result<SimTime, ImportError> {
        nanoseconds(self.bytes(column))
            .map(SimTime::from_nanos)
            .ok_or_else(|| self.refuse(column, "seconds as a decimal number of zero or more"))
    }

    /// As [`seconds`](Self::seconds), and not before `earliest`, the time of the row above.
    pub fn seconds_from(&self, column: Column, earliest: SimTime) -> Result<SimTime, ImportError> {
        let time = self.seconds(column)?;
        if time < earliest {
            let above = earliest.as_secs_f64();
            return Err(self.refuse(column, format!("a time that is not before the row above ({above})")));
        }
        Ok(time)
    }

    /// A decimal number of zero or more.
    pub fn number(&self, column: Column) -> Result<f64, ImportError> {
        let text = std::str::from_utf8(self.bytes(column)).ok();
        text.and_then(|text| text.parse().ok())
            .filter(|number: &f64| number.is_finite() && *number >= 0.0)
            .ok_or_else(|| self.refuse(column, "a number of zero or more"))
    }
}

/// Digits only, so a sign, a fraction or an overflow is `None`.
fn whole(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0i64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { value.checked_mul(10)?.checked_add(i64::from(digit)) }
    })
}

/// Decimal seconds to nanoseconds; digits below a nanosecond are cut off. Numbers with an exponent, as some tools
/// write them, go through floating point.
fn nanoseconds(bytes: &[u8]) -> Option<i64> {
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

/// Texts that many rows share, each held once.
#[derive(Default)]
pub(super) struct Interner {
    texts: FxHashMap<Box<str>, Arc<str>>,
}

impl Interner {
    pub fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let fresh: Arc<str> = text.into();
        self.texts.insert(text.into(), fresh.clone());
        fresh
    }
}

/// Names that must each occur once.
#[derive(Default)]
pub(super) struct Names {
    seen: FxHashSet<Arc<str>>,
}

impl Names {
    pub fn fresh(&mut self, row: &Row<'_>, column: Column) -> Result<Arc<str>, ImportError> {
        let name: Arc<str> = row.name(column)?.into();
        if self.seen.insert(name.clone()) { Ok(name) } else { Err(row.refuse(column, "a name that no row above has")) }
    }
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
}
