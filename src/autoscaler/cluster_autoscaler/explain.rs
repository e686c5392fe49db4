//! A decision's reasons in words, for whoever shows them.

use std::fmt;

use super::decision::NodeDeletion;
use super::utilization::Utilization;
use crate::units::SimTime;

impl NodeDeletion {
    /// Why the node goes at `now`: how long it was not needed, against which limit, what was in use, and what becomes of
    /// its pods.
    pub fn reason<'a>(&'a self, now: SimTime, used: Option<&'a Utilization>) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| {
            let unneeded = now - self.unneeded_since;
            let (what, option) =
                if self.ready { ("", "scaleDownUnneededTime") } else { ("unready, and ", "scaleDownUnreadyTime") };
            write!(f, "{what}unneeded for {unneeded} ({option} {})", self.unneeded_limit)?;
            if let Some(used) = used {
                write!(f, ", utilization {:.2}", used.utilization)?;
            }
            f.write_str(if self.empty { "; empty" } else { "; its pods fit elsewhere" })
        })
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
