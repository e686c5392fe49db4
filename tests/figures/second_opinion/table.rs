//! A CSV file as a reader without knowledge of ours sees it: rows of named cells.

use std::collections::HashMap;

pub struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<Vec<String>>,
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    cells: &'a [String],
}

impl Table {
    pub fn read(bytes: &[u8]) -> Table {
        let mut reader = csv::Reader::from_reader(bytes);
        let header = reader.headers().expect("a table has a header").clone();
        let columns: HashMap<String, usize> =
            header.iter().enumerate().map(|(index, name)| (name.to_owned(), index)).collect();
        assert_eq!(columns.len(), header.len(), "two columns share a name: {header:?}");
        let row = |row: Result<csv::StringRecord, csv::Error>| {
            row.expect("a row as wide as the header").iter().map(str::to_owned).collect()
        };
        Table { columns, rows: reader.records().map(row).collect() }
    }

    pub fn rows(&self) -> impl DoubleEndedIterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { table: self, cells })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }
}

impl<'a> Row<'a> {
    pub fn text(&self, column: &str) -> &'a str {
        let index = self.table.columns.get(column).unwrap_or_else(|| panic!("there is a column {column}"));
        &self.cells[*index]
    }

    /// `None` where the cell is empty.
    pub fn number(&self, column: &str) -> Option<f64> {
        let text = self.text(column);
        (!text.is_empty()).then(|| text.parse().unwrap_or_else(|_| panic!("{column}: {text:?} is a number")))
    }

    pub fn get(&self, column: &str) -> f64 {
        self.number(column).unwrap_or_else(|| panic!("{column} is never empty"))
    }

    /// Billionths, exact: amounts of money and instants are written with at most nine places.
    pub fn nanos(&self, column: &str) -> Option<i128> {
        let text = self.text(column);
        if text.is_empty() {
            return None;
        }
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        assert!(fraction.len() <= 9, "{column}: {text} is finer than a billionth");
        let whole: i128 = whole.parse().expect("digits");
        let fraction: i128 = format!("{fraction:0<9}").parse().expect("digits");
        Some(sign * (whole * 1_000_000_000 + fraction))
    }
}
