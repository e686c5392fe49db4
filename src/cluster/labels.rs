//! Labels, selectors, taints and tolerations, matched as `k8s.io/apimachinery` and `component-helpers` match them.

use std::collections::BTreeMap;

use crate::units::not_one_of;

/// Labels or annotations, by key.
pub type Labels = BTreeMap<String, String>;

/// Well-known label keys.
pub mod label {
    /// The node's own name.
    pub const HOSTNAME: &str = "kubernetes.io/hostname";
    /// The zone of a node or a volume.
    pub const ZONE: &str = "topology.kubernetes.io/zone";
    /// The region of a node.
    pub const REGION: &str = "topology.kubernetes.io/region";
    /// The instance type of a node.
    pub const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
    /// The architecture of a node.
    pub const ARCH: &str = "kubernetes.io/arch";
    /// The operating system of a node.
    pub const OS: &str = "kubernetes.io/os";
    /// How a node is paid for: on-demand, spot or reserved.
    pub const CAPACITY_TYPE: &str = "karpenter.sh/capacity-type";
    /// The NodePool that a node belongs to.
    pub const NODE_POOL: &str = "karpenter.sh/nodepool";
    /// The node group that a node belongs to; our own label.
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

    /// A qualified name: an optional DNS prefix and a slash, then up to 63 of `A-Za-z0-9-_.` that begin and end with a
    /// letter or digit (`validation.IsQualifiedName`).
    pub fn is_key(key: &str) -> bool {
        let (prefix, name) = match key.split_once('/') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, key),
        };
        let dns_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(dns_label)) && is_name(name)
    }

    /// Whether the API server takes this for a label's value.
    pub fn is_value(value: &str) -> bool {
        value.is_empty() || is_name(value)
    }

    fn is_name(name: &str) -> bool {
        let bytes = name.as_bytes();
        name.len() <= 63
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
            && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
    }

    /// Older names of what the cloud says of a node.
    const DEPRECATED_OF_CLOUD: [(&str, &str); 3] = [
        (INSTANCE_TYPE, "beta.kubernetes.io/instance-type"),
        (REGION, "failure-domain.beta.kubernetes.io/region"),
        (ZONE, "failure-domain.beta.kubernetes.io/zone"),
    ];

    /// Older names of what the kubelet says of it.
    const DEPRECATED_OF_KUBELET: [(&str, &str); 2] = [(ARCH, "beta.kubernetes.io/arch"), (OS, "beta.kubernetes.io/os")];

    fn add(labels: &mut super::Labels, names: &[(&str, &str)]) {
        for (stable, deprecated) in names {
            if let Some(value) = labels.get(*stable).cloned() {
                labels.insert((*deprecated).to_owned(), value);
            }
        }
    }

    /// As the Cluster Autoscaler completes a node that it only has a description of (`UpdateDeprecatedLabels` in
    /// `utils/labels/labels.go`, 1.37).
    pub fn add_deprecated_of_cloud(labels: &mut super::Labels) {
        add(labels, &DEPRECATED_OF_CLOUD);
    }

    /// As kubelet and cloud label a node that is there.
    pub fn add_deprecated(labels: &mut super::Labels) {
        add(labels, &DEPRECATED_OF_CLOUD);
        add(labels, &DEPRECATED_OF_KUBELET);
    }
}

/// How an expression of a label selector compares.
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

/// What a taint does to pods that do not tolerate it.
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

/// A taint of a node.
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

/// Whether a toleration compares the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TolerationOperator {
    Equal,
    Exists,
    /// The taint's value is an integer above the toleration's (gate `TaintTolerationComparisonOperators`).
    Gt,
    /// The taint's value is an integer below the toleration's.
    Lt,
}

/// A toleration of a pod.
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
    fn compares(&self, taint: &Taint, compare: impl Fn(i64, i64) -> bool) -> bool {
        let values = taint.value.parse().ok().zip(self.value.parse().ok());
        values.is_some_and(|(of_taint, own)| compare(of_taint, own))
    }

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
            TolerationOperator::Gt => self.compares(taint, |of_taint, own| of_taint > own),
            TolerationOperator::Lt => self.compares(taint, |of_taint, own| of_taint < own),
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
