//! Nodes by group, and the replicas of workloads.

use super::figure::colored;
use super::{Color, Figure, Panel, Run, Series, Shape};
use crate::record::Replicas;

/// Up to so many workloads get a panel with desired, current and ready; more share one with current.
const OWN_PANELS: usize = 3;

pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let mut figure = run.figure("Nodes and replicas");
    figure.panels.push(nodes(run));
    let workloads = run.record.workloads();
    let values = |workload: usize, value: fn(&Replicas) -> u32| -> Vec<f64> {
        (0..run.record.rows().len()).map(|row| f64::from(value(&run.record.replicas(row)[workload]))).collect()
    };
    if workloads.len() <= OWN_PANELS {
        for (index, name) in workloads.iter().enumerate() {
            let series = vec![
                Series::new("ready", Color::GREEN, Shape::Area, values(index, |replicas| replicas.ready)),
                Series::new("desired", Color::ORANGE, Shape::Step, values(index, |replicas| replicas.desired)),
                Series::new("current", Color::BLUE, Shape::Step, values(index, |replicas| replicas.current)),
            ];
            figure.panels.push(Panel::whole(format!("Replicas of {name}"), series));
        }
    } else {
        let named = workloads.iter().enumerate();
        let named = named.map(|(index, name)| (name.to_string(), values(index, |replicas| replicas.current))).collect();
        figure.panels.push(Panel::whole("Replicas", colored(named, Shape::Step)));
    }
    Some(figure)
}

fn nodes(run: &Run<'_>) -> Panel {
    let groups = run.record.node_groups();
    let rows = 0..run.record.rows().len();
    let of_group = |group: usize| rows.clone().map(|row| f64::from(run.record.nodes_by_group(row)[group])).collect();
    let named = groups.iter().enumerate().map(|(index, name)| (name.to_string(), of_group(index))).collect();
    let mut series = colored(named, Shape::Step);
    let all = run.values(|row| f64::from(row.nodes));
    let in_groups = |row: usize| run.record.nodes_by_group(row).iter().map(|nodes| f64::from(*nodes)).sum::<f64>();
    if groups.len() != 1 || rows.clone().any(|row| in_groups(row) != all[row]) {
        series.insert(0, Series::new("all nodes", Color::GRAY, Shape::Area, all));
    }
    if run.record.rows().iter().any(|row| row.nodes_upcoming > 0) {
        let upcoming = run.values(|row| f64::from(row.nodes_upcoming));
        series.push(Series::new("asked of the cloud", Color(0, 0, 0), Shape::Step, upcoming));
    }
    Panel::whole("Nodes", series)
}
