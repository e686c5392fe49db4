//! DynamicResources: a pod that claims devices (DRA) goes where a driver offers them. Nobody publishes devices here
//! (`ResourceSlice`s are not modelled), so that such a pod fits nowhere, as in a cluster without a DRA driver.

use super::{Cycle, Filter, NodeView, Reason, Scope};

pub struct DynamicResources;

impl Filter for DynamicResources {
    fn name(&self) -> &'static str {
        "DynamicResources"
    }

    fn scope(&self) -> Scope {
        Scope::Shape
    }

    fn applies(&self, cycle: &Cycle<'_>) -> bool {
        !cycle.pod.resource_claims.is_empty()
    }

    fn filter(&self, cycle: &Cycle<'_>, _: &NodeView<'_>) -> Result<(), Reason> {
        if cycle.pod.resource_claims.is_empty() { Ok(()) } else { Err(Reason::ResourceClaims) }
    }
}
