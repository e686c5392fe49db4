//! One requirement on one label as a set of values: a finite set, or the complement of one, within integer bounds.
//!
//! Follows `pkg/scheduling/requirement.go` (kubernetes-sigs/karpenter 22664681). [`super::requirements`] holds many.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::units::not_one_of;

/// Operators of a NodePool's requirements; pods use all but `Gte` and `Lte`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Gt,
    Lt,
    Gte,
    Lte,
}

impl Operator {
    pub const NAMES: [(&'static str, Operator); 8] = [
        ("In", Operator::In),
        ("NotIn", Operator::NotIn),
        ("Exists", Operator::Exists),
        ("DoesNotExist", Operator::DoesNotExist),
        ("Gt", Operator::Gt),
        ("Lt", Operator::Lt),
        ("Gte", Operator::Gte),
        ("Lte", Operator::Lte),
    ];

    /// The operator of this name; what is wrong with the name otherwise.
    pub fn named(name: &str) -> Result<Operator, String> {
        let found = Operator::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, operator)| *operator).ok_or_else(|| not_one_of(name, &Operator::NAMES.map(|(known, _)| known)))
    }

    pub fn name(self) -> &'static str {
        Operator::NAMES.iter().find(|(_, operator)| *operator == self).map_or("In", |(name, _)| name)
    }
}

type Values = SmallVec<[Arc<str>; 2]>;

/// The values that a label may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub key: Arc<str>,
    /// `values` are the ones excluded.
    complement: bool,
    /// Sorted, without duplicates.
    values: Values,
    /// Inclusive bounds; a value that is no integer lies outside of any bound.
    gte: Option<i64>,
    lte: Option<i64>,
    /// How many different values the instance types of a claim must offer at least.
    pub min_values: Option<usize>,
}

impl Requirement {
    /// `Gt` and its kin take their bound from the first value, which the caller has checked to be an integer.
    pub fn new<S: AsRef<str>>(key: &str, operator: Operator, values: &[S]) -> Requirement {
        let bound = || values.first().and_then(|value| value.as_ref().parse::<i64>().ok()).unwrap_or(0);
        let mut requirement = Requirement {
            key: normalized(key).into(),
            complement: !matches!(operator, Operator::In | Operator::DoesNotExist),
            values: Values::new(),
            gte: None,
            lte: None,
            min_values: None,
        };
        match operator {
            Operator::In | Operator::NotIn => {
                requirement.values = values.iter().map(|value| Arc::from(value.as_ref())).collect();
                requirement.values.sort();
                requirement.values.dedup();
            }
            Operator::Exists | Operator::DoesNotExist => {}
            // Nothing is above the largest integer.
            Operator::Gt if bound() == i64::MAX => requirement.complement = false,
            Operator::Gt => requirement.gte = Some(bound() + 1),
            Operator::Lt => requirement.lte = Some(bound().saturating_sub(1)),
            Operator::Gte => requirement.gte = Some(bound()),
            Operator::Lte => requirement.lte = Some(bound()),
        }
        requirement
    }

    /// A label with this one value.
    pub fn value(key: &str, value: &str) -> Requirement {
        Requirement::new(key, Operator::In, &[value])
    }

    /// As [`value`](Self::value), of a key as requirements have it.
    pub fn one(key: &Arc<str>, value: &Arc<str>) -> Requirement {
        let values = Values::from_iter([Arc::clone(value)]);
        Requirement { key: Arc::clone(key), complement: false, values, gte: None, lte: None, min_values: None }
    }

    /// As [`does_not_exist`](Self::does_not_exist), of a key as requirements have it.
    pub fn no_value(key: &Arc<str>) -> Requirement {
        let values = Values::new();
        Requirement { key: Arc::clone(key), complement: false, values, gte: None, lte: None, min_values: None }
    }

    pub fn exists(key: &str) -> Requirement {
        Requirement::new::<&str>(key, Operator::Exists, &[])
    }

    pub fn does_not_exist(key: &str) -> Requirement {
        Requirement::new::<&str>(key, Operator::DoesNotExist, &[])
    }

    /// `In`, `NotIn`, `Exists` or `DoesNotExist`; bounds count as `Exists`.
    pub fn operator(&self) -> Operator {
        match (self.complement, self.values.is_empty()) {
            (true, true) => Operator::Exists,
            (true, false) => Operator::NotIn,
            (false, true) => Operator::DoesNotExist,
            (false, false) => Operator::In,
        }
    }

    /// The values that are listed: allowed ones for `In`, excluded ones for `NotIn`.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.values.iter()
    }

    /// How many values are allowed; `None`: without end.
    pub fn allowed_count(&self) -> Option<usize> {
        (!self.complement).then_some(self.values.len())
    }

    /// The one allowed value, where there is just one.
    pub fn single(&self) -> Option<&Arc<str>> {
        match &self.values[..] {
            [value] if !self.complement => Some(value),
            _ => None,
        }
    }

    /// A value that a label of this requirement can be given: the smallest listed one. `None` where none is listed
    /// (upstream makes up a number there).
    pub fn any(&self) -> Option<&Arc<str>> {
        if self.complement { None } else { self.values.first() }
    }

    pub fn has(&self, value: &str) -> bool {
        let listed = self.values.binary_search_by(|other| (**other).cmp(value)).is_ok();
        listed != self.complement && within(value, self.gte, self.lte)
    }

    pub fn insert(&mut self, value: Arc<str>) {
        if let Err(at) = self.values.binary_search(&value) {
            self.values.insert(at, value);
        }
    }

    /// What both allow. The larger `minValues` holds.
    pub fn intersection(&self, other: &Requirement) -> Requirement {
        let gte = self.gte.max(other.gte);
        let lte = min_bound(self.lte, other.lte);
        let min_values = self.min_values.max(other.min_values);
        if gte.zip(lte).is_some_and(|(gte, lte)| gte > lte) {
            return Requirement { min_values, key: self.key.clone(), ..Requirement::does_not_exist("") };
        }
        let complement = self.complement && other.complement;
        let mut values: Values = match (self.complement, other.complement) {
            (true, true) => self.values.iter().chain(&other.values).cloned().collect(),
            (true, false) => other.values.iter().filter(|v| !self.values.contains(v)).cloned().collect(),
            (false, true) => self.values.iter().filter(|v| !other.values.contains(v)).cloned().collect(),
            (false, false) => self.values.iter().filter(|v| other.values.contains(v)).cloned().collect(),
        };
        values.retain(|value| within(value, gte, lte));
        values.sort();
        values.dedup();
        let (gte, lte) = if complement { (gte, lte) } else { (None, None) };
        Requirement { key: self.key.clone(), complement, values, gte, lte, min_values }
    }

    /// Whether [`Requirement::intersection`] leaves anything, without making it.
    pub fn intersects(&self, other: &Requirement) -> bool {
        let gte = self.gte.max(other.gte);
        let lte = min_bound(self.lte, other.lte);
        if gte.zip(lte).is_some_and(|(gte, lte)| gte > lte) {
            return false;
        }
        let any = |values: &Values, allowed: &dyn Fn(&Arc<str>) -> bool| {
            values.iter().any(|value| allowed(value) && within(value, gte, lte))
        };
        match (self.complement, other.complement) {
            (true, true) => true,
            (true, false) => any(&other.values, &|value| !self.values.contains(value)),
            (false, true) => any(&self.values, &|value| !other.values.contains(value)),
            (false, false) => any(&self.values, &|value| other.values.contains(value)),
        }
    }

    /// The operators and values with which a NodeClaim would state this (two where both bounds are set).
    pub fn stated(&self) -> Vec<(Operator, Vec<String>)> {
        let mut stated = Vec::new();
        if let Some(gte) = self.gte {
            stated.push((Operator::Gte, vec![gte.to_string()]));
        }
        if let Some(lte) = self.lte {
            stated.push((Operator::Lte, vec![lte.to_string()]));
        }
        if stated.is_empty() {
            stated.push((self.operator(), self.values.iter().map(|value| value.to_string()).collect()));
        }
        stated
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.operator().name())?;
        if !self.values.is_empty() {
            let shown: Vec<&str> = self.values.iter().take(5).map(|value| &**value).collect();
            write!(f, " [{}", shown.join(" "))?;
            if self.values.len() > 5 {
                write!(f, " and {} others", self.values.len() - 5)?;
            }
            f.write_str("]")?;
        }
        if let Some(gte) = self.gte {
            write!(f, " >={gte}")?;
        }
        if let Some(lte) = self.lte {
            write!(f, " <={lte}")?;
        }
        if let Some(min_values) = self.min_values {
            write!(f, " minValues {min_values}")?;
        }
        Ok(())
    }
}

fn min_bound(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn within(value: &str, gte: Option<i64>, lte: Option<i64>) -> bool {
    if gte.is_none() && lte.is_none() {
        return true;
    }
    value
        .parse::<i64>()
        .is_ok_and(|value| gte.is_none_or(|bound| value >= bound) && lte.is_none_or(|bound| value <= bound))
}

/// Aliases of well-known labels are read as what they stand for.
pub fn normalized(key: &str) -> &str {
    match key {
        "failure-domain.beta.kubernetes.io/zone" => "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region" => "topology.kubernetes.io/region",
        "beta.kubernetes.io/arch" => "kubernetes.io/arch",
        "beta.kubernetes.io/os" => "kubernetes.io/os",
        "beta.kubernetes.io/instance-type" => "node.kubernetes.io/instance-type",
        key => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn r(operator: Operator, values: &[&str]) -> Requirement {
        Requirement::new("k", operator, values)
    }

    #[test]
    fn intersections_are_those_of_upstreams_table() {
        use Operator::*;
        for (a, b, expected) in [
            (r(In, &["A", "B"]), r(In, &["B", "C"]), r(In, &["B"])),
            (r(In, &["A"]), r(NotIn, &["A"]), r(DoesNotExist, &[])),
            (r(In, &["A", "B"]), r(NotIn, &["A"]), r(In, &["B"])),
            (r(NotIn, &["A"]), r(NotIn, &["B"]), r(NotIn, &["A", "B"])),
            (r(Exists, &[]), r(In, &["A"]), r(In, &["A"])),
            (r(Exists, &[]), r(DoesNotExist, &[]), r(DoesNotExist, &[])),
            (r(In, &["1", "9", "A"]), r(Gt, &["1"]), r(In, &["9"])),
            (r(In, &["1", "9"]), r(Lt, &["9"]), r(In, &["1"])),
            (r(Gt, &["5"]), r(Lt, &["6"]), r(DoesNotExist, &[])),
            (r(Gt, &["1"]), r(NotIn, &["A", "0", "7"]), {
                let mut expected = r(NotIn, &["7"]);
                expected.gte = Some(2);
                expected
            }),
        ] {
            assert_eq!(a.intersection(&b), expected, "{a} and {b}");
            assert_eq!(b.intersection(&a), expected, "{b} and {a}");
            let is_empty = expected.operator() == DoesNotExist;
            assert_eq!(a.intersects(&b), !is_empty, "{a} and {b}");
        }
    }

    #[test]
    fn bounds_allow_integers_only() {
        assert!(r(Operator::Gt, &["4"]).has("5"));
        assert!(!r(Operator::Gt, &["4"]).has("4"));
        assert!(!r(Operator::Gt, &["4"]).has("x"));
        assert!(r(Operator::Lte, &["4"]).has("4"));
        assert_eq!(r(Operator::Gt, &[&i64::MAX.to_string()]).operator(), Operator::DoesNotExist);
    }

    #[test]
    fn the_larger_min_values_wins() {
        let mut few = r(Operator::In, &["A", "B"]);
        few.min_values = Some(1);
        let mut many = r(Operator::Exists, &[]);
        many.min_values = Some(2);
        assert_eq!(few.intersection(&many).min_values, Some(2));
    }
}
