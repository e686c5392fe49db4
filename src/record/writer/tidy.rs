//! `timeseries_tidy.csv`: the table of samples in long form, one row a figure of an instant.
//!
//! What stands in a column's name behind its first point is what the figure is about (`replicas.default/web`), and gets a
//! column of its own, so that rows can be grouped and joined without taking names apart.

use std::fmt::Write as _;

/// Turns the wide table into the long one; cells without a figure have no row.
pub fn tidy(wide: &[u8]) -> Vec<u8> {
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(wide);
    let header = reader.byte_headers().cloned().unwrap_or_default();
    let names: Vec<String> = header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let at = |wanted: &str| names.iter().position(|name| name == wanted);
    let (time, timestamp) = (at("time"), at("timestamp"));
    let keys: Vec<String> = names.iter().map(|name| key(name)).collect();
    let mut out = String::with_capacity(wide.len() * 4);
    out.push_str(if timestamp.is_some() {
        "time,timestamp,metric,object,value\n"
    } else {
        "time,metric,object,value\n"
    });
    let mut record = csv::StringRecord::new();
    while matches!(reader.read_record(&mut record), Ok(true)) {
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).unwrap_or_default();
        for (index, value) in record.iter().enumerate() {
            if value.is_empty() || Some(index) == time || Some(index) == timestamp {
                continue;
            }
            out.push_str(cell(time));
            out.push(',');
            if timestamp.is_some() {
                out.push_str(cell(timestamp));
                out.push(',');
            }
            out.push_str(&keys[index]);
            out.push_str(value);
            out.push('\n');
        }
    }
    out.into_bytes()
}

/// `metric,object,` of a column's name; quoted where it must be.
fn key(name: &str) -> String {
    let (metric, object) = name.split_once('.').unwrap_or((name, ""));
    let mut key = String::new();
    for part in [metric, object] {
        if part.contains([',', '"', '\n', '\r']) {
            let _ = write!(key, "\"{}\",", part.replace('"', "\"\""));
        } else {
            let _ = write!(key, "{part},");
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_a_row_of_its_own() {
        let wide = "time,timestamp,nodes,replicas.default/web,\"odd.a,b\"\n0.0,2026-01-05T00:00:00Z,1,2,\n60.0,2026-01-05T00:01:00Z,3,,4\n";
        let long = String::from_utf8(tidy(wide.as_bytes())).unwrap();
        let rows = [
            "time,timestamp,metric,object,value",
            "0.0,2026-01-05T00:00:00Z,nodes,,1",
            "0.0,2026-01-05T00:00:00Z,replicas,default/web,2",
            "60.0,2026-01-05T00:01:00Z,nodes,,3",
            "60.0,2026-01-05T00:01:00Z,odd,\"a,b\",4",
        ];
        assert_eq!(long, rows.join("\n") + "\n");
        assert_eq!(tidy(b"time,nodes\n"), b"time,metric,object,value\n");
    }
}
