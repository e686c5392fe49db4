//! PodTopologySpread: no domain may hold `maxSkew` more matching pods than the emptiest one.

use super::{Cycle, Filter, NodeView, Reason, Scope};

pub struct PodTopologySpread;

impl Filter for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn applies(&self, cycle: &Cycle<'_>) -> bool {
        cycle.spread.is_some()
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        let Some(counts) = &cycle.spread else { return Ok(()) };
        for domains in counts.constraints() {
            match domains.skew(cycle.pod, node) {
                None => return Err(Reason::SpreadLabelMissing),
                Some(skew) if skew > domains.max_skew() => return Err(Reason::SpreadSkew),
                Some(_) => {}
            }
        }
        Ok(())
    }
}
