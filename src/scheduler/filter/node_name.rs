//! NodeName: a pod that names its node runs there or nowhere.

use super::{Cycle, Filter, NodeView, Reason, Scope};

pub struct NodeName;

impl Filter for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn scope(&self) -> Scope {
        Scope::Shape
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        match &cycle.pod.node_name {
            Some(name) if **name != *node.state.name => Err(Reason::NodeName),
            _ => Ok(()),
        }
    }
}
