//! kube-scheduler: cases from the unit tests of its plugins, each a question to `decide schedule`.

use super::check;

#[test]
fn the_scheduler_agrees_with_upstreams_plugin_tests() {
    assert!(check("schedule", "schedule") >= 100);
}
