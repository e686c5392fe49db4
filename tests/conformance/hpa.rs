//! The HPA against cases from upstream's unit tests.

use super::check;

#[test]
fn every_component_case_of_upstream_gives_what_it_expects() {
    assert!(check("hpa", "hpa") >= 113);
}

#[test]
fn whole_syncs_give_upstreams_counts_conditions_and_history() {
    assert!(check("hpa", "hpa_sync") >= 30);
}

/// What upstream changed since 1.35, each under the versions on both sides, and odd texts under an old and a new one.
#[test]
fn whole_syncs_follow_the_version_that_they_name() {
    assert!(check("hpa", "hpa_versions") >= 37);
}
