//! Nodes by group, and the replicas of workloads.

use std::sync::Arc;

use super::figure::colored;
use super::{Color, Count, Figure, Panel, Run, Series, Shape};
use crate::record::Replicas;
use crate::scenario::NodeGroup;

/// Up to so many workloads get a panel with desired, current and ready; more share one with current.
const OWN_PANELS: usize = 3;

pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let mut figure = run.figure("Nodes and replicas");
    figure.panels.push(nodes(run));
    let workloads = run.record.workloads();
    let rows = 0..run.record.rows().len();
    // `which` of desired, current and ready.
    let series = |workload: usize, label: &str, color: Color, shape: Shape, which: usize| {
        let replicas = || rows.clone().map(|row| run.record.replicas(row)[workload]);
        let value = |of: Replicas| f64::from([of.desired, of.current, of.ready][which]);
        Series::new(label, color, shape, replicas().map(value).collect()).within(replicas().map(|of| of.extents[which]))
    };
    if workloads.len() <= OWN_PANELS {
        for (index, name) in workloads.iter().enumerate() {
            let current = series(index, "current", Color::BLUE, Shape::Step, 1);
            let desired = series(index, "desired", Color::ORANGE, Shape::Step, 0);
            let desired = Series { envelope: Vec::new(), ..desired }.unlike(&current);
            let mut of_it = vec![series(index, "ready", Color::GREEN, Shape::Area, 2), current];
            if desired.hidden.iter().any(|is_hidden| !is_hidden) {
                of_it.push(desired);
            }
            of_it.extend(run.replica_limits(name));
            figure.panels.push(Panel::whole(format!("Replicas of {name}"), of_it));
        }
    } else {
        let current = |(index, name): (usize, &Arc<str>)| series(index, name, Color::GRAY, Shape::Step, 1);
        figure.panels.push(Panel::whole("Replicas", colored(workloads.iter().enumerate().map(current).collect())));
    }
    Some(figure)
}

fn nodes(run: &Run<'_>) -> Panel {
    let groups = run.record.node_groups();
    let rows = 0..run.record.rows().len();
    let of_group = |(group, name): (usize, &Arc<str>)| {
        let values = rows.clone().map(|row| f64::from(run.record.nodes_by_group(row)[group])).collect();
        let extents = rows.clone().map(|row| run.record.group_extents(row)[group]);
        Series::new(&**name, Color::GRAY, Shape::Step, values).within(extents)
    };
    let mut series = colored(groups.iter().enumerate().map(of_group).collect());
    let all = Count { value: |row| row.nodes, extent: |row| row.extents.nodes };
    let in_groups = |row: usize| run.record.nodes_by_group(row).iter().sum::<u32>();
    let others = || run.record.rows().iter().enumerate().any(|(row, sample)| in_groups(row) != sample.nodes);
    if groups.len() != 1 || others() {
        series.insert(0, run.count("all nodes", Color::GRAY, Shape::Area, all));
    }
    if run.record.rows().iter().any(|row| row.extents.nodes_upcoming.max > 0) {
        let upcoming = Count { value: |row| row.nodes_upcoming, extent: |row| row.extents.nodes_upcoming };
        series.push(run.count("asked of the cloud", Color::BLACK, Shape::Step, upcoming));
    }
    series.extend(maximums(run, &series));
    Panel::whole("Nodes", series)
}

/// What groups may grow to at most, by their own setting or the cloud's quota, in the colours of their lines.
fn maximums(run: &Run<'_>, shown: &[Series]) -> Vec<Series> {
    let groups = run.scenario.node_groups.iter().filter(|group| !group.is_node_pool);
    let of_group = |group: &NodeGroup| {
        let line = shown.iter().find(|series| *series.label == *group.name)?;
        let (most, what) = match group.limits.quota {
            Some(quota) if quota < group.max_size => (quota, "quota"),
            _ => (group.max_size, "maximum"),
        };
        let label = format!("{what} of {} ({most})", group.name);
        Some(Series::limit(label, line.color, f64::from(most), run.record.rows().len()))
    };
    groups.filter_map(of_group).collect()
}
