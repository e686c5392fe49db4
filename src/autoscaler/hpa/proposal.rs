//! What one metric asks for, and by which value.

use super::grouping::Groups;

/// What one metric asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proposal {
    pub replicas: i32,
    /// What upstream reports in `status.currentMetrics`.
    pub current: Current,
    /// Usage over target before anything was filled in.
    pub ratio: f64,
    /// Which pods counted; empty where pods don't matter.
    pub groups: Groups,
}

/// The metric's value, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Current {
    Utilization { percent: i32, average: i64 },
    AverageValue(i64),
    Value(i64),
}
