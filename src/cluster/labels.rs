//! Labels, selectors, taints and tolerations, matched as `k8s.io/apimachinery` and `component-helpers` match them.

use std::collections::BTreeMap;

use crate::units::not_one_of;

pub type Labels = BTreeMap<String, String>;

/// Well-known label keys.
pub mod label {
    pub const HOSTNAME: &str = "kubernetes.io/hostname";
    pub const ZONE: &str = "topology.kubernetes.io/zone";
    pub const REGION: &str = "topology.kubernetes.io/region";
    pub const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
    pub const ARCH: &str = "kubernetes.io/arch";
    pub const OS: &str = "kubernetes.io/os";
    pub const CAPACITY_TYPE: &str = "karpenter.sh/capacity-type";
    pub const NODE_POOL: &str = "karpenter.sh/nodepool";
    pub const NODE_GROUP: &str = "windtunnel/node-group";
    /// GPU model, as NVIDIA's feature discovery labels it.
    pub const GPU_PRODUCT: &str = "nvidia.com/gpu.product";
    /// Labels by which cloud providers mark nodes with GPUs, in the Cluster Autoscaler's order; the value is the type
    /// that its `gpu-total` counts.
    pub const ACCELERATORS: [&str; 5] = [
        "cloud.google.com/gke-accelerator",
        "k8s.amazonaws.com/accelerator",
        "accelerator",
        "TestGPULabel/accelerator",
        GPU_PRODUCT,
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SelectorOperator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    /// Node selectors only: the label's value is an integer above the one given.
    Gt,
    /// Node selectors only: the label's value is an integer below the one given.
    Lt,
}

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SelectorRequirement {
    pub key: String,
    pub operator: SelectorOperator,
    pub values: Vec<String>,
}

/// In node selector terms the same shape, with [`SelectorOperator::Gt`] and [`SelectorOperator::Lt`] allowed.
pub type NodeSelectorRequirement = SelectorRequirement;

impl SelectorRequirement {
    /// `value` is the label's, where the object has it. As upstream, `NotIn` holds where the label is absent.
    pub fn matches(&self, value: Option<&str>) -> bool {
        match self.operator {
            SelectorOperator::In => value.is_some_and(|v| self.values.iter().any(|other| other == v)),
            SelectorOperator::NotIn => value.is_none_or(|v| self.values.iter().all(|other| other != v)),
            SelectorOperator::Exists => value.is_some(),
            SelectorOperator::DoesNotExist => value.is_none(),
            SelectorOperator::Gt | SelectorOperator::Lt => {
                let (Some(Ok(have)), [Ok(bound)]) = (
                    value.map(str::parse::<i64>),
                    &self.values.iter().map(|v| v.parse::<i64>()).collect::<Vec<_>>()[..],
                ) else {
                    return false;
                };
                if self.operator == SelectorOperator::Gt { have > *bound } else { have < *bound }
            }
        }
    }
}

/// `metav1.LabelSelector`: every requirement must hold; one without requirements selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LabelSelector {
    pub match_labels: Labels,
    pub match_expressions: Vec<SelectorRequirement>,
}

impl LabelSelector {
    pub fn matches(&self, labels: &Labels) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|r| r.matches(labels.get(&r.key).map(String::as_str)))
    }

    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}

/// Requirements on a node's labels and fields, all of which must hold. Terms of one selector are alternatives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeSelectorTerm {
    pub match_expressions: Vec<NodeSelectorRequirement>,
    /// Only `metadata.name` exists upstream.
    pub match_fields: Vec<NodeSelectorRequirement>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaintEffect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

impl TaintEffect {
    pub const NAMES: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

    /// The effect of this name, as the API writes it.
    pub fn named(name: &str) -> Option<TaintEffect> {
        let effects = [TaintEffect::NoSchedule, TaintEffect::PreferNoSchedule, TaintEffect::NoExecute];
        TaintEffect::NAMES.iter().zip(effects).find(|(known, _)| **known == name).map(|(_, effect)| effect)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Taint {
    pub key: String,
    pub value: String,
    pub effect: TaintEffect,
}

/// Which of a taint's fields can't be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaintError {
    pub field: &'static str,
    pub problem: String,
}

impl Taint {
    /// A taint as written.
    pub fn read(key: &str, value: &str, effect: &str) -> Result<Taint, TaintError> {
        if key.is_empty() {
            return Err(TaintError { field: "key", problem: "a taint needs a key".to_owned() });
        }
        let unknown = || TaintError { field: "effect", problem: not_one_of(effect, &TaintEffect::NAMES) };
        let effect = TaintEffect::named(effect).ok_or_else(unknown)?;
        Ok(Taint { key: key.to_owned(), value: value.to_owned(), effect })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TolerationOperator {
    Equal,
    Exists,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Toleration {
    /// Empty with `Exists`: every taint.
    pub key: String,
    pub operator: TolerationOperator,
    pub value: String,
    /// `None`: every effect.
    pub effect: Option<TaintEffect>,
    /// How long a `NoExecute` taint is borne, in seconds; `None`: forever.
    pub toleration_seconds: Option<i64>,
}

impl Toleration {
    pub fn tolerates(&self, taint: &Taint) -> bool {
        if self.effect.is_some_and(|effect| effect != taint.effect) {
            return false;
        }
        if !self.key.is_empty() && self.key != taint.key {
            return false;
        }
        match self.operator {
            TolerationOperator::Exists => true,
            TolerationOperator::Equal => self.value == taint.value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(operator: SelectorOperator, values: &[&str]) -> SelectorRequirement {
        SelectorRequirement { key: "k".into(), operator, values: values.iter().map(|v| v.to_string()).collect() }
    }

    #[test]
    fn not_in_holds_for_an_absent_label_and_gt_wants_integers() {
        assert!(requirement(SelectorOperator::NotIn, &["a"]).matches(None));
        assert!(!requirement(SelectorOperator::In, &["a"]).matches(None));
        assert!(requirement(SelectorOperator::Gt, &["4"]).matches(Some("5")));
        assert!(!requirement(SelectorOperator::Gt, &["4"]).matches(Some("x")));
        assert!(!requirement(SelectorOperator::Lt, &[]).matches(Some("5")));
    }

    #[test]
    fn an_empty_key_with_exists_tolerates_everything() {
        let taint = Taint { key: "gpu".into(), value: "yes".into(), effect: TaintEffect::NoSchedule };
        let mut toleration = Toleration {
            key: String::new(),
            operator: TolerationOperator::Exists,
            value: String::new(),
            effect: None,
            toleration_seconds: None,
        };
        assert!(toleration.tolerates(&taint));
        toleration.effect = Some(TaintEffect::NoExecute);
        assert!(!toleration.tolerates(&taint));
    }
}
