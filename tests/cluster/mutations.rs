//! A dump that is damaged in whatever way is read as far as it goes; nothing panics.

use std::sync::Arc;

use proptest::prelude::*;
use windtunnel::scenario::diagnostic::Source;
use windtunnel::scenario::dump::{Settings, Usage, import, import_pulumi};
use windtunnel::units::SimDuration;

const DUMP: &str = include_str!("data/dump.yaml");
const PREVIEW: &str = include_str!("../../examples/pulumi/preview.json");

/// What stands in for a piece of the text.
const PIECES: [&str; 16] = [
    "",
    "null",
    "[]",
    "{}",
    "-1",
    "99999999999999999999",
    "2.0",
    "\"\"",
    ":",
    "- ",
    "---\n",
    "\t",
    "é",
    "&a *a",
    "items:",
    "kind: List",
];

fn damaged(text: &str, cuts: &[(usize, usize, usize)]) -> String {
    let mut text = text.to_owned();
    for (at, length, piece) in cuts {
        let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let start = floor(at % (text.len() + 1));
        let end = floor((start + length).min(text.len())).max(start);
        text.replace_range(start..end, PIECES[piece % PIECES.len()]);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_dump_does_not_panic(cuts in prop::collection::vec((any::<usize>(), 0usize..60, any::<usize>()), 1..12)) {
        let settings = Settings::new("damaged".into(), SimDuration::from_secs(3600), &[]).unwrap();
        let imported = import(vec![Source::new("dump.yaml", damaged(DUMP, &cuts))], Usage::default(), &settings);
        prop_assert!(imported.text.starts_with("apiVersion: windtunnel/v1"));
        let _ = import_pulumi(Source::new("preview.json", damaged(PREVIEW, &cuts)), Usage::default(), &settings);
        let _ = Usage::read(&Arc::new(Source::new("usage.json", damaged(PREVIEW, &cuts))));
    }
}
