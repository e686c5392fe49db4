//! Limits with a reason: what a run would never get through, or what no memory holds, is refused before it begins.

use std::sync::Arc;

use super::Lowering;
use crate::scenario::ScalerPolicy;
use crate::scenario::size::{MOST_PODS, RunSize, about, about_bytes};
use crate::scenario::spec::ScenarioSpec;
use crate::units::SimDuration;

/// Nodes that stand at a run's start, in all: 1.3 GB.
pub(super) const MOST_NODES: u64 = 1_000_000;
/// Node groups and pools: every pending pod is tried on a template of each.
const MOST_GROUPS: usize = 2_000;
/// Upstream's intervals are of seconds; a tenth of one leaves room for experiments.
const SHORTEST_INTERVAL: SimDuration = SimDuration::from_millis(100);
/// Rounds of all loops that run at an interval: some minutes of our time where nothing happens in them.
const MOST_ROUNDS: i64 = 1_000_000_000;
/// Cells of `timeseries.csv`, which are kept until the end: 8 bytes each, and about as many again in the file.
const MOST_CELLS: u64 = 250_000_000;
/// Columns that every run has, and that each workload has; rounded up.
const COLUMNS: u64 = 40;
const COLUMNS_A_WORKLOAD: u64 = 4;

impl Lowering<'_> {
    /// Comes before what is made of the document, which would be large.
    pub(super) fn check_counts(&mut self, spec: &ScenarioSpec) -> bool {
        let fixed = spec.nodes.iter().map(|node| u64::from(node.count)).sum::<u64>();
        let size =
            |group: &crate::scenario::spec::NodeGroupSpec| u64::from(group.initial_size.unwrap_or(group.min_size));
        let (mut total, mut holds) = (fixed, true);
        if !(1..=MOST_PODS).contains(&spec.max_pods) {
            self.error("maxPods", format!("{} is not from 1 to {MOST_PODS}", spec.max_pods));
        }
        if fixed > MOST_NODES {
            let message = format!("{} nodes; a run starts with {MOST_NODES} at most", about(fixed));
            self.error("nodes", message);
            holds = false;
        }
        for (index, group) in spec.node_groups.iter().enumerate() {
            let before = total;
            total = total.saturating_add(size(group));
            if before <= MOST_NODES && total > MOST_NODES && fixed <= MOST_NODES {
                let field = if group.initial_size.is_some() { "initialSize" } else { "minSize" };
                let message =
                    format!("with this group the run starts with {} nodes; {MOST_NODES} at most", about(total));
                self.error(&format!("nodeGroups[{index}].{field}"), message).hint =
                    Some("lower it: the autoscaler raises a group up to its maxSize".to_owned());
                holds = false;
            }
        }
        if spec.node_groups.len() > MOST_GROUPS {
            let message = format!("{} node groups; {MOST_GROUPS} at most", spec.node_groups.len());
            self.error("nodeGroups", message);
            holds = false;
        }
        holds
    }

    /// Comes last: it looks at all that was made.
    pub(super) fn check_size(&mut self) {
        self.check_intervals();
        let scenario = &self.scenario;
        let size = RunSize::of(scenario);
        let limit = scenario.max_pods;
        if size.pods > limit {
            let most = scenario.workloads.iter().max_by_key(|workload| super::super::size::of_workload(&workload.kind));
            let place = most.and_then(|workload| {
                let prefix = format!(" {}/{}", workload.namespace, workload.name);
                self.origins.iter().find(|origin| origin.what.ends_with(&prefix)).map(|origin| origin.place.clone())
            });
            let message = format!("this makes {size}; the limit is {}", about(limit));
            let hint = format!("--max-pods {} raises it, where there is memory for them", size.pods);
            let place = place.unwrap_or_else(|| self.at("").clone());
            self.push(crate::scenario::diagnostic::Diagnostic::error(&place, message)).hint = Some(hint);
        }
        let scenario = &self.scenario;
        let rows = scenario.duration.nanos() / scenario.sample_interval.nanos();
        let columns = COLUMNS + COLUMNS_A_WORKLOAD * scenario.workloads.len() as u64;
        let cells = u64::try_from(rows).unwrap_or(0).saturating_mul(columns);
        if cells > MOST_CELLS {
            let message = format!(
                "timeseries.csv would have about {} cells ({} rows, {columns} columns, {}); the limit is {}",
                about(cells),
                about(rows.unsigned_abs()),
                about_bytes(cells.saturating_mul(8)),
                about(MOST_CELLS)
            );
            self.error("sampleInterval", message).hint = Some("sample less often".to_owned());
        }
    }

    /// Loops that run at an interval of their own.
    fn check_intervals(&mut self) {
        let scenario = &self.scenario;
        let duration = scenario.duration;
        let mut loops: Vec<(&str, &str, SimDuration, usize)> = vec![
            ("metrics.resolution", "scrapes", scenario.metrics.resolution, 1),
            ("nodeLifecycle.nodeMonitorPeriod", "looks at the nodes", scenario.node_lifecycle.node_monitor_period, 1),
        ];
        if let Some(options) = &scenario.cluster_autoscaler {
            loops.push(("autoscaling.clusterAutoscaler.scanInterval", "scans", options.scan_interval, 1));
        }
        let period = scenario.hpa_flags.sync_period;
        loops.push(("autoscaling.horizontalPodAutoscaler.syncPeriod", "syncs", period, scenario.hpas.len()));
        let polls = scenario.scalers.iter().filter_map(|scaler| match &scaler.policy {
            ScalerPolicy::Keda(keda) => Some((keda.object.polling_interval, &scaler.name)),
            ScalerPolicy::Cron(_) => None,
        });
        let polls: Vec<(SimDuration, &Arc<str>)> = polls.collect();
        let mut wrong = Vec::new();
        if let Some((shortest, name)) = polls.iter().min() {
            loops.push(("autoscaling.keda", "polls", *shortest, polls.len()));
            if *shortest <= SimDuration::ZERO {
                let message = format!("ScaledObject {name}: a pollingInterval of {shortest} never rests");
                wrong.push(("autoscaling.keda", message));
            }
        }
        for (path, what, interval, count) in loops {
            // Zero and less is told where the option is read.
            if interval <= SimDuration::ZERO || count == 0 {
                continue;
            }
            let rounds =
                (duration.nanos() / interval.nanos().max(1)).saturating_mul(i64::try_from(count).unwrap_or(i64::MAX));
            if interval < SHORTEST_INTERVAL {
                wrong.push((path, format!("{interval} is too short; {SHORTEST_INTERVAL} is the shortest interval")));
            } else if rounds > MOST_ROUNDS {
                let rounds = about(rounds.unsigned_abs());
                let message = format!(
                    "every {interval} makes {rounds} {what} in {duration}; the limit is {}",
                    about(MOST_ROUNDS as u64)
                );
                wrong.push((path, message));
            }
        }
        for (path, message) in wrong {
            self.error(path, message);
        }
    }
}
