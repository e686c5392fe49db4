//! Label sets as small numbers: strings and sets are kept once, so that comparing, grouping and matching are look-ups.

use std::cmp::Ordering;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

/// A string; equal strings have equal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(u32);

/// A label set; equal sets have equal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelsId(u32);

impl LabelsId {
    /// The set without labels.
    pub const NONE: LabelsId = LabelsId(0);
}

/// The label that holds a metric's name.
pub const NAME: &str = "__name__";

type Pairs = Arc<[(Symbol, Symbol)]>;

/// Every string and every label set that was ever met.
#[derive(Debug)]
pub struct LabelTable {
    strings: Vec<Arc<str>>,
    symbols: FxHashMap<Arc<str>, Symbol>,
    /// Sorted by the symbols of their names; no value is empty.
    sets: Vec<Pairs>,
    ids: FxHashMap<Pairs, LabelsId>,
    /// By set: the one without the metric's name, as far as it was asked for.
    nameless: Vec<Option<LabelsId>>,
}

impl Default for LabelTable {
    fn default() -> LabelTable {
        let mut table = LabelTable {
            strings: Vec::new(),
            symbols: FxHashMap::default(),
            sets: Vec::new(),
            ids: FxHashMap::default(),
            nameless: Vec::new(),
        };
        assert_eq!((table.symbol(""), table.symbol(NAME)), (LabelTable::EMPTY, LabelTable::NAME));
        assert_eq!(table.intern(Vec::new()), LabelsId::NONE);
        table
    }
}

impl LabelTable {
    pub const EMPTY: Symbol = Symbol(0);
    pub const NAME: Symbol = Symbol(1);

    pub fn symbol(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.symbols.get(text) {
            return *symbol;
        }
        let symbol = Symbol(self.strings.len() as u32);
        let text: Arc<str> = text.into();
        self.strings.push(Arc::clone(&text));
        self.symbols.insert(text, symbol);
        symbol
    }

    pub fn text(&self, symbol: Symbol) -> &str {
        &self.strings[symbol.0 as usize]
    }

    /// The set of these pairs in any order; those without a value are left out, and of equal names the last counts.
    pub fn set_of<'t>(&mut self, pairs: impl IntoIterator<Item = (&'t str, &'t str)>) -> LabelsId {
        let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| (self.symbol(name), self.symbol(value))).collect();
        let mut set: Vec<(Symbol, Symbol)> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            put(&mut set, name, value);
        }
        self.intern(set)
    }

    /// Pairs sorted by symbol, without empty values.
    fn intern(&mut self, pairs: Vec<(Symbol, Symbol)>) -> LabelsId {
        if let Some(id) = self.ids.get(&*pairs) {
            return *id;
        }
        let id = LabelsId(self.sets.len() as u32);
        let pairs: Pairs = pairs.into();
        self.sets.push(Arc::clone(&pairs));
        self.ids.insert(pairs, id);
        id
    }

    pub fn pairs(&self, id: LabelsId) -> &[(Symbol, Symbol)] {
        &self.sets[id.0 as usize]
    }

    /// The value of a label; empty where it is not there.
    pub fn value(&self, id: LabelsId, name: Symbol) -> Symbol {
        self.pairs(id).iter().find(|(other, _)| *other == name).map_or(LabelTable::EMPTY, |(_, value)| *value)
    }

    /// The set with only these labels.
    pub fn keep(&mut self, id: LabelsId, names: &[Symbol]) -> LabelsId {
        let kept = self.pairs(id).iter().filter(|(name, _)| names.contains(name)).copied().collect();
        self.intern(kept)
    }

    /// The set without these labels.
    pub fn drop(&mut self, id: LabelsId, names: &[Symbol]) -> LabelsId {
        let kept = self.pairs(id).iter().filter(|(name, _)| !names.contains(name)).copied().collect();
        self.intern(kept)
    }

    /// The set without the name of its metric.
    pub fn without_name(&mut self, id: LabelsId) -> LabelsId {
        if let Some(Some(known)) = self.nameless.get(id.0 as usize) {
            return *known;
        }
        let nameless = self.drop(id, &[LabelTable::NAME]);
        self.nameless.resize(self.sets.len(), None);
        self.nameless[id.0 as usize] = Some(nameless);
        nameless
    }

    /// The set with one label changed, added or (by an empty value) taken off.
    pub fn with(&mut self, id: LabelsId, name: Symbol, value: Symbol) -> LabelsId {
        let mut pairs = self.pairs(id).to_vec();
        put(&mut pairs, name, value);
        self.intern(pairs)
    }

    /// Names and values, ascending by name.
    pub fn sorted(&self, id: LabelsId) -> Vec<(&str, &str)> {
        let mut pairs: Vec<_> =
            self.pairs(id).iter().map(|(name, value)| (self.text(*name), self.text(*value))).collect();
        pairs.sort_unstable();
        pairs
    }

    /// # Errors
    /// Two of the sets are the same.
    pub fn none_twice(&self, sets: &[LabelsId]) -> Result<(), String> {
        let mut seen = FxHashSet::default();
        match sets.iter().find(|set| !seen.insert(**set)) {
            None => Ok(()),
            Some(set) => Err(format!("two series of the result would have the same labels, {}", self.display(*set))),
        }
    }

    /// As upstream writes a series: `up{job="a"}`.
    pub fn display(&self, id: LabelsId) -> String {
        let name = self.text(self.value(id, LabelTable::NAME));
        let pairs = self.sorted(id).into_iter().filter(|(label, _)| *label != NAME);
        let labels: Vec<String> = pairs.map(|(label, value)| format!("{label}={value:?}")).collect();
        if labels.is_empty() && !name.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(", ")) }
    }

    /// By names and values.
    pub fn compare(&self, a: LabelsId, b: LabelsId) -> Ordering {
        self.sorted(a).cmp(&self.sorted(b))
    }
}

fn put(set: &mut Vec<(Symbol, Symbol)>, name: Symbol, value: Symbol) {
    let is_empty = value == LabelTable::EMPTY;
    match set.binary_search_by_key(&name, |(other, _)| *other) {
        Ok(at) if is_empty => {
            set.remove(at);
        }
        Ok(at) => set[at].1 = value,
        Err(_) if is_empty => {}
        Err(at) => set.insert(at, (name, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_have_equal_numbers_in_whatever_order_they_come() {
        let mut table = LabelTable::default();
        let a = table.set_of([("pod", "x"), (NAME, "up"), ("empty", "")]);
        let b = table.set_of([(NAME, "up"), ("pod", "x")]);
        assert_eq!(a, b);
        assert_eq!(table.display(a), "up{pod=\"x\"}");
        let pod = table.symbol("pod");
        assert_eq!(table.drop(a, &[LabelTable::NAME, pod]), LabelsId::NONE);
        assert_eq!(table.with(LabelsId::NONE, LabelTable::EMPTY, LabelTable::EMPTY), LabelsId::NONE);
    }
}
