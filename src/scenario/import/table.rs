//! A CSV table with a header, read row by row into typed fields.
//!
//! All readers of this room go through here. One row buffer is reused, numbers are parsed from bytes by hand and
//! exactly (decimal seconds become whole nanoseconds), and nothing is allocated but what a reader keeps. What separates
//! fields is told by the header; lines above it that begin with `#` are passed over.

use std::io::Read;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::numbers::{nanoseconds, scaled};
use super::{ImportError, Options, opened};
use crate::units::{Quantity, SimDuration, SimTime, nearest};

pub(super) struct Table<'r> {
    reader: ::csv::Reader<Box<dyn Read + 'r>>,
    file: String,
    header: Vec<String>,
    record: ::csv::ByteRecord,
    /// Lines above the header, which the CSV reader does not see.
    above: u64,
    notes: Vec<String>,
    skips_bad_rows: bool,
    rows: u64,
    skipped: u64,
    first_skipped: Option<ImportError>,
}

/// A column of a table: where it stands in a row.
#[derive(Clone, Copy)]
pub(super) struct Column(usize);

/// The row that was read last.
pub(super) struct Row<'a> {
    record: &'a ::csv::ByteRecord,
    header: &'a [String],
    file: &'a str,
    above: u64,
}

impl<'r> Table<'r> {
    /// Reads the header.
    pub fn open(reader: impl Read + 'r, file: &str, options: &Options) -> Result<Table<'r>, ImportError> {
        let mut opened = opened::open(reader, file)?;
        let form = Form::of(&opened.head);
        let skip = std::io::copy(&mut (&mut opened.reader).take(form.above.1 as u64), &mut std::io::sink());
        skip.map_err(|error| ImportError::Unreadable { file: file.to_owned(), problem: error.to_string() })?;
        opened.notes.extend(form.note());
        let reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(form.delimiter)
            .buffer_capacity(1 << 16)
            .from_reader(opened.reader);
        let mut table = Table {
            reader,
            file: file.to_owned(),
            header: Vec::new(),
            record: ::csv::ByteRecord::new(),
            above: form.above.0,
            notes: opened.notes,
            skips_bad_rows: options.skip_bad_rows,
            rows: 0,
            skipped: 0,
            first_skipped: None,
        };
        if !table.advance()? {
            return Err(ImportError::NoHeader { file: table.file });
        }
        for field in &table.record {
            let field = field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(field);
            let name = String::from_utf8_lossy(field).trim().to_owned();
            if !name.is_empty() && table.header.contains(&name) {
                let line = table.above + 1;
                return Err(ImportError::DoubledColumn { file: table.file, line, column: name });
            }
            table.header.push(name);
        }
        Ok(table)
    }

    pub fn file(&self) -> &str {
        &self.file
    }

    /// What a column is called here.
    pub fn name(&self, column: Column) -> &str {
        &self.header[column.0]
    }

    /// A column that must be there.
    pub fn column(&self, name: &str) -> Result<Column, ImportError> {
        self.optional(name).ok_or_else(|| {
            let near = nearest(name, self.header.iter().map(String::as_str));
            ImportError::MissingColumn {
                file: self.file.clone(),
                line: self.above + 1,
                column: name.to_owned(),
                nearest: near.map(str::to_owned),
                found: self.header.join(", "),
            }
        })
    }

    /// A column that may be absent; capitals do not tell columns apart, unless another has just this name.
    pub fn optional(&self, name: &str) -> Option<Column> {
        let exact = self.header.iter().position(|known| known == name);
        exact.or_else(|| self.header.iter().position(|known| known.eq_ignore_ascii_case(name))).map(Column)
    }

    /// The column that has the first of these names that there is; the first one's absence is what is told.
    pub fn any_of(&self, names: &[&str]) -> Result<Column, ImportError> {
        names.iter().find_map(|name| self.optional(name)).map_or_else(|| self.column(names[0]), Ok)
    }

    /// Hands every row to `take`. Rows that it refuses, or that have too few or too many fields, are passed over and
    /// counted where the user asked for that; else the first of them ends the reading.
    ///
    /// # Errors
    /// A bad row, no row at all, or none that is good.
    pub fn each(&mut self, mut take: impl FnMut(&Row<'_>) -> Result<(), ImportError>) -> Result<(), ImportError> {
        while self.advance()? {
            self.rows += 1;
            let row = Row { record: &self.record, header: &self.header, file: &self.file, above: self.above };
            let taken = match (row.record.len(), self.header.len()) {
                (found, expected) if found != expected => {
                    Err(ImportError::FieldCount { file: self.file.clone(), line: row.line(), found, expected })
                }
                _ => take(&row),
            };
            match taken {
                Err(error) if self.skips_bad_rows && error.is_of_a_row() => {
                    self.skipped += 1;
                    self.first_skipped.get_or_insert(error);
                }
                taken => taken?,
            }
        }
        if self.rows == 0 {
            return Err(ImportError::NoRows { file: self.file.clone() });
        }
        match &self.first_skipped {
            Some(error) if self.skipped == self.rows => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// What should be known of how the table was read, with the file's name before it.
    pub fn notes(&mut self, of_the_reader: Vec<String>) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.notes);
        if let Some(first) = &self.first_skipped {
            notes.push(format!("{} of {} rows are bad and left out; the first: {first}", self.skipped, self.rows));
        }
        notes.extend(of_the_reader);
        notes.iter().map(|note| format!("{}: {note}", self.file)).collect()
    }

    fn advance(&mut self) -> Result<bool, ImportError> {
        self.reader
            .read_byte_record(&mut self.record)
            .map_err(|error| ImportError::Unreadable { file: self.file.clone(), problem: error.to_string() })
    }
}

/// How a table is written, by its first lines.
struct Form {
    delimiter: u8,
    /// Lines and bytes before the header: comments, and the `sep=;` of spreadsheets.
    above: (u64, usize),
}

impl Form {
    fn of(head: &[u8]) -> Form {
        let mut above = (0, 0);
        for line in head.split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
            let is_separator = text.len() == 5 && text.starts_with(b"sep=");
            if text.starts_with(b"#") || text.is_empty() || is_separator {
                above = (above.0 + 1, above.1 + line.len());
                continue;
            }
            let mut in_quotes = false;
            let mut counts = [(b',', 0), (b'\t', 0), (b';', 0), (b'|', 0)];
            for byte in line {
                in_quotes ^= *byte == b'"';
                if let Some((_, count)) = counts.iter_mut().find(|(of, _)| of == byte && !in_quotes) {
                    *count += 1;
                }
            }
            // The first of those that are there as often.
            let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
            let delimiter = counts.iter().find(|(_, count)| *count == most).map_or(b',', |(delimiter, _)| *delimiter);
            return Form { delimiter, above };
        }
        // Nothing but comments: there is no header.
        Form { delimiter: b',', above }
    }

    fn note(&self) -> Option<String> {
        let name = match self.delimiter {
            b',' => return None,
            b'\t' => "tabs",
            b';' => "semicolons (`;`)",
            _ => "bars (`|`)",
        };
        Some(format!("fields are separated by {name}"))
    }
}

impl<'a> Row<'a> {
    fn line(&self) -> u64 {
        self.record.position().map_or(0, ::csv::Position::line) + self.above
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
        scaled(self.bytes(column), 1).filter(|number| *number <= most).ok_or_else(|| {
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

    /// A length of time: decimal seconds, or with units as `90s` and `1h30m`.
    pub fn duration(&self, column: Column) -> Result<SimDuration, ImportError> {
        let bytes = self.bytes(column);
        let with_units = || SimDuration::parse_non_negative(std::str::from_utf8(bytes).ok()?).ok();
        nanoseconds(bytes).map(SimDuration::from_nanos).or_else(with_units).ok_or_else(|| {
            self.refuse(column, "seconds as a decimal number of zero or more, or a duration such as 1h30m")
        })
    }

    /// A size in whole parts: a plain number counts `unit` parts each (`1.5e9`, `500.0`), one with a suffix is a
    /// Kubernetes quantity (`500m`, `4Gi`) of which `parts` gives the parts.
    pub fn quantity(&self, column: Column, unit: i64, parts: fn(Quantity) -> i64) -> Result<i64, ImportError> {
        let bytes = self.bytes(column);
        if let Some(plain) = scaled(bytes, unit) {
            return Ok(plain);
        }
        let text = std::str::from_utf8(bytes).ok();
        let has_suffix = text.is_some_and(|text| text.ends_with(|last: char| last.is_ascii_alphabetic()));
        let quantity = text.filter(|_| has_suffix).and_then(|text| Quantity::parse_non_negative(text).ok());
        quantity.map(parts).ok_or_else(|| {
            let unit = match unit {
                1 => "a whole number of zero or more",
                _ => "a number of zero or more of whole parts",
            };
            self.refuse(column, format!("{unit}, or a quantity such as 500m or 4Gi"))
        })
    }

    /// A decimal number of zero or more.
    pub fn number(&self, column: Column) -> Result<f64, ImportError> {
        let text = std::str::from_utf8(self.bytes(column)).ok();
        text.and_then(|text| text.parse().ok())
            .filter(|number: &f64| number.is_finite() && *number >= 0.0)
            .ok_or_else(|| self.refuse(column, "a number of zero or more"))
    }
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

    /// Fields of column `n`, or the error.
    fn read(bytes: &[u8], skip_bad_rows: bool) -> Result<(Vec<i64>, Vec<String>), String> {
        let options = Options { skip_bad_rows, ..Options::default() };
        let read = || {
            let mut table = Table::open(bytes, "t.csv", &options)?;
            let (column, mut found) = (table.column("n")?, Vec::new());
            table.each(|row| {
                found.push(row.integer(column, 100)?);
                Ok(())
            })?;
            Ok((found, table.notes(Vec::new())))
        };
        read().map_err(|error: ImportError| error.to_string())
    }

    #[test]
    fn the_header_tells_what_separates_fields() {
        for (text, note) in [
            ("a,n\nx,1\ny,2\n", None),
            ("a;n\nx;1\ny;2\n", Some("semicolons")),
            ("a\tn\nx\t1\ny\t2\n", Some("tabs")),
            ("sep=;\na;n\nx;1\ny;2", Some("semicolons")),
            ("\"a;b;c\",n\nx,1\ny,2\n", None),
            ("# of; the; source\n\n#\na,N\nx,1\ny,2.0\n", None),
            ("\u{feff}n\r\n1\r\n2\r\n", None),
        ] {
            let (found, notes) = read(text.as_bytes(), false).unwrap();
            assert_eq!(found, [1, 2], "{text:?}");
            assert_eq!(notes.first().map(|told| told.contains(note.unwrap_or("?"))), note.map(|_| true), "{notes:?}");
        }
    }

    #[test]
    fn lines_are_counted_from_the_start_of_the_file() {
        assert!(read(b"# one\n# two\na,n\nx,1\ny,x\n", false).unwrap_err().starts_with("t.csv:5:3: "));
        assert!(read(b"# one\na,m\nx,1\n", false).unwrap_err().starts_with("t.csv:2: "));
    }

    #[test]
    fn bad_rows_are_counted_where_that_was_asked_for() {
        let text = b"n,a\n1,x\n999,x\n2\n3,x\n";
        assert!(read(text, false).unwrap_err().contains("t.csv:3:1"));
        let (found, notes) = read(text, true).unwrap();
        assert_eq!(found, [1, 3]);
        assert!(notes[0].contains("2 of 4 rows are bad and left out; the first: t.csv:3:1"), "{notes:?}");
        assert!(read(b"n\nx\ny\n", true).unwrap_err().contains("t.csv:2:1"));
    }

    #[test]
    fn a_table_without_rows_is_an_error() {
        assert!(read(b"n\n", false).unwrap_err().contains("no row under the header"));
        assert!(read(b"", false).unwrap_err().contains("no header"));
        assert!(read(b"# only this\n", false).unwrap_err().contains("no header"));
    }
}
