//! Requirements on many labels, and when two sets of them can hold at once.
//!
//! Follows `pkg/scheduling/requirements.go` (kubernetes-sigs/karpenter 22664681).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::requirement::{Operator, Requirement};
use crate::cluster::{Labels, PodSpec, SelectorOperator, SelectorRequirement, label};

/// Set on nodes that have joined, and on those that can take pods.
pub const REGISTERED: &str = "karpenter.sh/registered";
/// Label of a node whose startup is over.
pub const INITIALIZED: &str = "karpenter.sh/initialized";

/// Names the capacity reservation of a `reserved` offering (upstream leaves the label's name to the cloud).
pub const RESERVATION_ID: &str = "windtunnel/reservation-id";

/// Labels that Karpenter itself will set: a pod may ask for them where a NodePool says nothing.
pub fn is_well_known(key: &str) -> bool {
    matches!(
        key,
        label::NODE_POOL
            | label::ZONE
            | label::REGION
            | label::INSTANCE_TYPE
            | label::ARCH
            | label::OS
            | label::CAPACITY_TYPE
            | "node.kubernetes.io/windows-build"
            | RESERVATION_ID
    )
}

/// Labels that are Karpenter's own or the node's to set, well-known ones aside (`IsRestrictedLabel` in
/// `pkg/apis/v1/labels.go`).
pub fn is_restricted(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    !is_well_known(key) && (domain == "karpenter.sh" || domain.ends_with(".karpenter.sh") || key == label::HOSTNAME)
}

/// Well-known labels beyond [`is_well_known`]: those that the instance types of a cloud define.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WellKnownLabels {
    of_instance_types: BTreeSet<Arc<str>>,
}

impl WellKnownLabels {
    pub fn insert(&mut self, key: &Arc<str>) {
        if !is_well_known(key) && !self.of_instance_types.contains(key) {
            self.of_instance_types.insert(Arc::clone(key));
        }
    }

    pub fn contains(&self, key: &str) -> bool {
        is_well_known(key) || self.of_instance_types.contains(key)
    }
}

/// What becomes of a label that one side asks for and the other does not define.
#[derive(Clone, Copy, Debug)]
pub enum Undefined<'a> {
    /// A node that exists: what it does not have it will not get.
    Denied,
    /// A node to come: well-known labels may still be set.
    Allowed(&'a WellKnownLabels),
}

/// At most one [`Requirement`] a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Sorted by key.
    by_key: Vec<Requirement>,
}

/// Why two sets can't hold at once: the first label that fails, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incompatible {
    Unknown {
        key: Arc<str>,
    },
    /// What is asked for, and what there is.
    Disjoint(Box<(Requirement, Requirement)>),
}

impl Requirements {
    pub fn from_labels(labels: &Labels) -> Requirements {
        labels.iter().map(|(key, value)| Requirement::value(key, value)).collect()
    }

    /// Of a node selector term's expressions.
    pub fn from_selector(expressions: &[SelectorRequirement]) -> Requirements {
        expressions.iter().map(from_selector_requirement).collect()
    }

    /// The pod's node selector with its first required node affinity term, and where its bound volumes are (their first
    /// term too, and no hostname: `pkg/controllers/provisioning/scheduling/volumetopology.go`): what must hold.
    pub fn strict(pod: &PodSpec) -> Requirements {
        let mut requirements = Requirements::from_labels(&pod.node_selector);
        if let Some(term) = pod.affinity.node.required.as_ref().and_then(|terms| terms.first()) {
            requirements.add_all(&Requirements::from_selector(&term.match_expressions));
        }
        for term in pod.volume_affinity.iter().filter_map(|terms| terms.first()) {
            let of_a_zone = term.match_expressions.iter().filter(|expression| expression.key != label::HOSTNAME);
            requirements.add_all(&of_a_zone.map(from_selector_requirement).collect());
        }
        requirements
    }

    /// [`Requirements::strict`] with the heaviest preferred term, as if it were required. Relaxing takes it away.
    pub fn with_preference(pod: &PodSpec) -> Requirements {
        let mut requirements = Requirements::strict(pod);
        let preferred = &pod.affinity.node.preferred;
        // The first of the heaviest: `max_by_key` would take the last.
        if let Some(heaviest) = preferred.iter().rev().max_by_key(|preference| preference.weight) {
            requirements.add_all(&Requirements::from_selector(&heaviest.term.match_expressions));
        }
        requirements
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.by_key.binary_search_by(|requirement| (*requirement.key).cmp(key))
    }

    pub fn get(&self, key: &str) -> Option<&Requirement> {
        self.position(key).ok().map(|at| &self.by_key[at])
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Requirement> {
        self.position(key).ok().map(|at| &mut self.by_key[at])
    }

    pub fn has(&self, key: &str) -> bool {
        self.position(key).is_ok()
    }

    /// Whether a label `key` could have this value; a key without a requirement can have any.
    pub fn allows(&self, key: &str, value: &str) -> bool {
        self.get(key).is_none_or(|requirement| requirement.has(value))
    }

    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Requirement> {
        self.by_key.iter()
    }

    /// Narrows the key's requirement, or adds it.
    pub fn add(&mut self, requirement: Requirement) {
        match self.position(&requirement.key) {
            Ok(at) => self.by_key[at] = requirement.intersection(&self.by_key[at]),
            Err(at) => self.by_key.insert(at, requirement),
        }
    }

    pub fn add_all(&mut self, others: &Requirements) {
        for requirement in &others.by_key {
            self.add(requirement.clone());
        }
    }

    /// Takes the place of the key's requirement.
    pub fn replace(&mut self, requirement: Requirement) {
        match self.position(&requirement.key) {
            Ok(at) => self.by_key[at] = requirement,
            Err(at) => self.by_key.insert(at, requirement),
        }
    }

    pub fn remove(&mut self, key: &str) {
        if let Ok(at) = self.position(key) {
            self.by_key.remove(at);
        }
    }

    /// Whether `incoming` (a pod's, an offering's) can be met by a node of these requirements. A label that only
    /// `incoming` knows is refused unless it may be absent or `undefined` lets it pass.
    pub fn compatible(&self, incoming: &Requirements, undefined: Undefined<'_>) -> Result<(), Incompatible> {
        for requirement in &incoming.by_key {
            let may_be_absent = matches!(requirement.operator(), Operator::NotIn | Operator::DoesNotExist);
            let is_allowed = match undefined {
                Undefined::Denied => false,
                Undefined::Allowed(labels) => labels.contains(&requirement.key),
            };
            if !is_allowed && !may_be_absent && !self.has(&requirement.key) {
                return Err(Incompatible::Unknown { key: requirement.key.clone() });
            }
        }
        self.intersects(incoming)
    }

    pub fn is_compatible(&self, incoming: &Requirements, undefined: Undefined<'_>) -> bool {
        self.compatible(incoming, undefined).is_ok()
    }

    /// Whether every key that both have leaves a value; keys that only one has are fine. Two requirements that can
    /// both be met by an absent label do not clash.
    pub fn intersects(&self, incoming: &Requirements) -> Result<(), Incompatible> {
        let (mut mine, mut theirs) = (0, 0);
        while let (Some(existing), Some(asked)) = (self.by_key.get(mine), incoming.by_key.get(theirs)) {
            match existing.key.cmp(&asked.key) {
                std::cmp::Ordering::Less => mine += 1,
                std::cmp::Ordering::Greater => theirs += 1,
                std::cmp::Ordering::Equal => {
                    let may_be_absent = |requirement: &Requirement| {
                        matches!(requirement.operator(), Operator::NotIn | Operator::DoesNotExist)
                    };
                    let meet = existing.intersects(asked) || may_be_absent(existing) && may_be_absent(asked);
                    if !meet {
                        return Err(Incompatible::Disjoint(Box::new((asked.clone(), existing.clone()))));
                    }
                    mine += 1;
                    theirs += 1;
                }
            }
        }
        Ok(())
    }
}

impl FromIterator<Requirement> for Requirements {
    fn from_iter<I: IntoIterator<Item = Requirement>>(iter: I) -> Requirements {
        let mut requirements = Requirements::default();
        for requirement in iter {
            requirements.add(requirement);
        }
        requirements
    }
}

impl fmt::Display for Requirements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for requirement in self.by_key.iter().filter(|requirement| &*requirement.key != label::HOSTNAME) {
            write!(f, "{separator}{requirement}")?;
            separator = ", ";
        }
        Ok(())
    }
}

impl fmt::Display for Incompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Incompatible::Unknown { key } => write!(f, "label {key:?} does not have known values"),
            Incompatible::Disjoint(both) => write!(f, "{} is not within {}", both.0, both.1),
        }
    }
}

fn from_selector_requirement(requirement: &SelectorRequirement) -> Requirement {
    let operator = match requirement.operator {
        SelectorOperator::In => Operator::In,
        SelectorOperator::NotIn => Operator::NotIn,
        SelectorOperator::Exists => Operator::Exists,
        SelectorOperator::DoesNotExist => Operator::DoesNotExist,
        SelectorOperator::Gt => Operator::Gt,
        SelectorOperator::Lt => Operator::Lt,
    };
    Requirement::new(&requirement.key, operator, &requirement.values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &str, operator: Operator, values: &[&str]) -> Requirements {
        [Requirement::new(key, operator, values)].into_iter().collect()
    }

    #[test]
    fn a_custom_label_must_be_known_and_a_well_known_one_need_not() {
        let none = Requirements::default();
        let zone = one(label::ZONE, Operator::In, &["a"]);
        let custom = one("team", Operator::In, &["a"]);
        let known = WellKnownLabels::default();
        assert!(none.is_compatible(&zone, Undefined::Allowed(&known)));
        assert!(!none.is_compatible(&zone, Undefined::Denied));
        assert!(!none.is_compatible(&custom, Undefined::Allowed(&known)));
        assert!(none.is_compatible(&one("team", Operator::NotIn, &["a"]), Undefined::Denied));
        assert!(custom.is_compatible(&one("team", Operator::Exists, &[]), Undefined::Denied));
    }

    #[test]
    fn two_requirements_that_an_absent_label_meets_do_not_clash() {
        let absent = one("team", Operator::DoesNotExist, &[]);
        assert!(absent.is_compatible(&one("team", Operator::NotIn, &["a"]), Undefined::Denied));
        assert!(absent.is_compatible(&absent.clone(), Undefined::Denied));
        assert!(!absent.is_compatible(&one("team", Operator::Exists, &[]), Undefined::Denied));
        assert!(!absent.is_compatible(&one("team", Operator::In, &["a"]), Undefined::Denied));
    }

    #[test]
    fn adding_narrows() {
        let mut requirements = one(label::ZONE, Operator::In, &["a", "b"]);
        requirements.add(Requirement::new(label::ZONE, Operator::NotIn, &["a"]));
        assert_eq!(requirements.get(label::ZONE).and_then(Requirement::single).map(|v| &**v), Some("b"));
    }

    #[test]
    fn the_heaviest_preference_counts_as_required_until_relaxed() {
        use crate::cluster::{NodeSelectorTerm, Weighted};
        let term = |value: &str| NodeSelectorTerm {
            match_expressions: vec![SelectorRequirement {
                key: label::ZONE.into(),
                operator: SelectorOperator::In,
                values: vec![value.into()],
            }],
            match_fields: Vec::new(),
        };
        let mut pod = PodSpec::default();
        pod.affinity.node.preferred =
            vec![Weighted { weight: 1, term: term("a") }, Weighted { weight: 5, term: term("b") }];
        let requirements = Requirements::with_preference(&pod);
        assert!(requirements.allows(label::ZONE, "b") && !requirements.allows(label::ZONE, "a"));
        assert!(Requirements::strict(&pod).allows(label::ZONE, "a"));
    }
}
