//! A decision's reasons in words, for whoever shows them.

use super::decision::NodeDeletion;
use super::utilization::Utilization;
use crate::units::SimTime;

impl NodeDeletion {
    /// Why the node goes at `now`: how long it was not needed, against which limit, what was in use, and what becomes of
    /// its pods.
    pub fn reason(&self, now: SimTime, used: Option<&Utilization>) -> String {
        let unneeded = now - self.unneeded_since;
        let (what, option) =
            if self.ready { ("", "scaleDownUnneededTime") } else { ("unready, and ", "scaleDownUnreadyTime") };
        let used = used.map(|used| format!(", utilization {:.2}", used.utilization)).unwrap_or_default();
        let pods = if self.empty { "empty" } else { "its pods fit elsewhere" };
        format!("{what}unneeded for {unneeded} ({option} {}){used}; {pods}", self.unneeded_limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{NodeGroupId, NodeId};
    use crate::units::SimDuration;

    #[test]
    fn a_deletion_says_how_long_its_node_was_unneeded_and_by_whose_limit() {
        let deletion = NodeDeletion {
            node: NodeId::new(0),
            group: NodeGroupId(0),
            empty: true,
            ready: true,
            unneeded_since: SimTime::from_secs(10),
            unneeded_limit: SimDuration::from_mins(2),
        };
        let at = SimTime::from_secs(140);
        assert_eq!(deletion.reason(at, None).to_string(), "unneeded for 2m10s (scaleDownUnneededTime 2m0s); empty");
        let unready = NodeDeletion { ready: false, empty: false, ..deletion };
        assert_eq!(
            unready.reason(at, None).to_string(),
            "unready, and unneeded for 2m10s (scaleDownUnreadyTime 2m0s); its pods fit elsewhere"
        );
    }
}
