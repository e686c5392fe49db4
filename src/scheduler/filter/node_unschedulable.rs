//! NodeUnschedulable: a cordoned node takes only pods that tolerate the cordon's taint.

use super::{Cycle, Filter, NodeView, Reason, Scope};
use crate::cluster::{Taint, TaintEffect};

pub struct NodeUnschedulable;

impl Filter for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        if !node.state.unschedulable {
            return Ok(());
        }
        let cordon = Taint {
            key: "node.kubernetes.io/unschedulable".into(),
            value: String::new(),
            effect: TaintEffect::NoSchedule,
        };
        let tolerated = cycle.pod.tolerations.iter().any(|toleration| toleration.tolerates(&cordon));
        if tolerated { Ok(()) } else { Err(Reason::Unschedulable) }
    }
}
