//! Pods that wait, beside those that run.

use super::{Color, Figure, Panel, Run, Series, Shape};

pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let mut figure = run.figure("Pending pods");
    let pods = |value: fn(&crate::sim::PodCounts) -> u32| run.values(|row| f64::from(value(&row.pods)));
    let pending = vec![
        Series::new("pending", Color::ORANGE, Shape::Area, pods(|pods| pods.pending)),
        Series::new("of these without a node", Color::VERMILLION, Shape::Step, pods(|pods| pods.unbound)),
    ];
    let running = vec![
        Series::new("running", Color::BLUE, Shape::Area, pods(|pods| pods.running)),
        Series::new("ready", Color::GREEN, Shape::Step, pods(|pods| pods.ready)),
    ];
    figure.panels = vec![Panel::whole("Pods that wait", pending), Panel::whole("Pods that run", running)];
    Some(figure)
}
