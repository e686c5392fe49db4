//! Pods that wait, beside those that run.

use super::{Color, Count, Figure, Panel, Run, Shape};

pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let mut figure = run.figure("Pending pods");
    let pending = Count { value: |row| row.pods.pending, extent: |row| row.extents.pods_pending };
    let unbound = Count { value: |row| row.pods.unbound, extent: |row| row.extents.pods_unbound };
    let running = Count { value: |row| row.pods.running, extent: |row| row.extents.pods_running };
    let ready = Count { value: |row| row.pods.ready, extent: |row| row.extents.pods_ready };
    let waiting = vec![
        run.count("pending", Color::ORANGE, Shape::Area, pending),
        run.count("of these without a node", Color::VERMILLION, Shape::Step, unbound),
    ];
    let alive = vec![
        run.count("running", Color::BLUE, Shape::Area, running),
        run.count("ready", Color::GREEN, Shape::Step, ready),
    ];
    figure.panels = vec![Panel::whole("Pods that wait", waiting), Panel::whole("Pods that run", alive)];
    Some(figure)
}
