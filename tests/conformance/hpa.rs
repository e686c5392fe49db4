//! The HPA against cases from upstream's unit tests.

use windtunnel::cli::decide::hpa::decide;

use super::check;

#[test]
fn every_component_case_of_upstream_gives_what_it_expects() {
    check("hpa", 113, |input| decide(input).map_err(|refusal| refusal.to_string()));
}
