//! What watches a run, validated.

use std::sync::Arc;

use super::rules::RuleGroup;
use crate::units::SimDuration;

/// How often the cluster is scraped and by which rules it is watched.
#[derive(Clone, Debug)]
pub struct Monitoring {
    pub scrape_interval: SimDuration,
    /// Of groups that state none.
    pub evaluation_interval: SimDuration,
    pub groups: Arc<[RuleGroup]>,
}

impl Default for Monitoring {
    /// Scrapes every 15 s and evaluations every minute, of no rules.
    fn default() -> Monitoring {
        Monitoring {
            scrape_interval: SimDuration::from_secs(15),
            evaluation_interval: SimDuration::from_mins(1),
            groups: Arc::from([]),
        }
    }
}
