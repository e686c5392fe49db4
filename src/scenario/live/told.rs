//! What is said of the objects of a cluster: one line for a kind and what becomes of it, with a count.

use std::collections::BTreeMap;

use crate::scenario::diagnostic::{Diagnostic, Place};

/// How much it matters; what would change the outcome is told first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It would change the outcome, or is not known.
    Changes,
    /// It is taken, and not as it is written.
    Differs,
    /// It has no part.
    Nothing,
}

/// Lines by weight, kind and meaning, each with its count and where it stands first.
#[derive(Debug, Default)]
pub struct Told {
    lines: BTreeMap<(Weight, String, String), (u64, Place)>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line<'t> {
    pub weight: Weight,
    pub kind: &'t str,
    pub count: u64,
    pub meaning: &'t str,
    /// Of the first.
    pub place: &'t Place,
}

/// Said of kinds that need no other word.
pub const NO_PART: &str = "has no part in the simulation";

impl Line<'_> {
    /// Kind and count, and what becomes of it where that is not what becomes of most.
    pub fn short(&self) -> String {
        match self.meaning {
            NO_PART => format!("{} {}", self.kind, self.count),
            meaning => format!("{} {} ({meaning})", self.kind, self.count),
        }
    }
}

impl Told {
    pub fn add(&mut self, weight: Weight, kind: &str, meaning: impl Into<String>, place: &Place) {
        self.add_some(weight, kind, meaning, place, 1);
    }

    pub fn add_some(&mut self, weight: Weight, kind: &str, meaning: impl Into<String>, place: &Place, count: u64) {
        let key = (weight, kind.to_owned(), meaning.into());
        self.lines.entry(key).or_insert_with(|| (0, place.clone())).0 += count;
    }

    /// Adds what is told elsewhere.
    pub fn join(&mut self, other: Told) {
        for ((weight, kind, meaning), (count, place)) in other.lines {
            self.add_some(weight, &kind, meaning, &place, count);
        }
    }

    /// What matters most first, and of that the most frequent.
    pub fn lines(&self) -> Vec<Line<'_>> {
        let mut lines: Vec<Line<'_>> = self
            .lines
            .iter()
            .map(|((weight, kind, meaning), (count, place))| Line {
                weight: *weight,
                kind,
                count: *count,
                meaning,
                place,
            })
            .collect();
        lines.sort_by_key(|line| (line.weight, std::cmp::Reverse(line.count)));
        lines
    }

    /// A warning for each line, at the first place; what has no part stands in one.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let (nothing, lines): (Vec<Line<'_>>, Vec<Line<'_>>) =
            self.lines().into_iter().partition(|line| line.weight == Weight::Nothing);
        let all: Vec<String> = nothing.iter().map(Line::short).collect();
        let nothing = nothing
            .first()
            .map(|first| Diagnostic::warning(first.place, format!("not in the simulation: {}", all.join(", "))));
        let one = |line: Line<'_>| {
            let noun = if line.count == 1 { "object" } else { "objects" };
            Diagnostic::warning(line.place, format!("{} ({} {noun}): {}", line.kind, line.count, line.meaning))
        };
        lines.into_iter().map(one).chain(nothing).collect()
    }
}
