//! TaintToleration: the first `NoSchedule` or `NoExecute` taint that the pod does not tolerate refuses it.

use super::{Cycle, Filter, NodeView, Reason, Scope};
use crate::scheduler::node_terms::untolerated_taint;

pub struct TaintToleration;

impl Filter for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        match untolerated_taint(cycle.pod, node) {
            Some(taint) => Err(Reason::UntoleratedTaint(taint.clone())),
            None => Ok(()),
        }
    }
}
