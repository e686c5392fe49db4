//! Every feature gate of the control plane, by version: `data/feature-gates/gates.csv`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Version;

/// A feature gate of one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// `alpha`, `beta`, `ga` or `deprecated`.
    pub stage: &'static str,
    pub is_on: bool,
    /// It can't be set otherwise.
    pub is_locked: bool,
}

/// By name, one entry a version.
static GATES: LazyLock<BTreeMap<&'static str, Vec<Option<Gate>>>> = LazyLock::new(|| {
    let mut lines = include_str!("../../data/feature-gates/gates.csv").lines().filter(|line| !line.starts_with('#'));
    lines.next();
    let row = |line: &'static str| {
        let mut cells = line.split(',');
        Some((cells.next()?, cells.map(read).collect()))
    };
    lines.filter_map(row).collect()
});

/// A cell: `beta on`, `ga on locked`, or nothing.
fn read(cell: &'static str) -> Option<Gate> {
    let mut words = cell.split(' ');
    let (stage, state) = (words.next()?, words.next()?);
    Some(Gate { stage, is_on: state == "on", is_locked: words.next() == Some("locked") })
}

impl Gate {
    /// `None` where the version has none of this name. The next version is taken to have the newest one's.
    pub fn of(name: &str, version: Version) -> Option<Gate> {
        let of_versions = GATES.get(name)?;
        *of_versions.get(version.min(Version::NEWEST).index())?
    }

    pub fn names() -> impl Iterator<Item = &'static str> {
        GATES.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_gate_in_some_version() {
        assert!(GATES.len() > 250);
        for (name, row) in GATES.iter() {
            assert!(row.len() == 5 && row.iter().any(Option::is_some), "{name}: {row:?}");
            assert!(
                row.iter().flatten().all(|gate| ["alpha", "beta", "ga", "deprecated"].contains(&gate.stage)),
                "{name}"
            );
        }
    }
}
