//! TaintToleration: the first `NoSchedule` or `NoExecute` taint that the pod does not tolerate refuses it.

use super::{Cycle, Filter, NodeView, Reason, Scope};
use crate::cluster::TaintEffect;

pub struct TaintToleration;

impl Filter for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        let untolerated = node
            .taints()
            .filter(|taint| taint.effect != TaintEffect::PreferNoSchedule)
            .find(|taint| !cycle.pod.tolerations.iter().any(|toleration| toleration.tolerates(taint)));
        match untolerated {
            Some(taint) => Err(Reason::UntoleratedTaint(taint.clone())),
            None => Ok(()),
        }
    }
}
