//! Quantities as upstream's `resource.Quantity` reads them, those too that do not fit 64 bits.

use windtunnel::units::Quantity;

#[test]
fn every_text_has_upstreams_value_and_thousandths() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/quantity/texts.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    let mut wrong = Vec::new();
    let rows: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(rows.len() > 1000);
    for row in rows {
        let mut cells = row.split('\t');
        let (written, value, milli) = (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap());
        let read = Quantity::of_object(written);
        let read =
            read.map_or(("-".to_owned(), "-".to_owned()), |q| (q.value().to_string(), q.milli_value().to_string()));
        if read != (value.to_owned(), milli.to_owned()) {
            wrong.push(format!("{written}: {read:?}, upstream {value} {milli}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
