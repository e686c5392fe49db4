//! A policy of one's own: an expander for the Cluster Autoscaler that spreads money, taking the group with the cheapest
//! new nodes in all, and the run beside one with upstream's `least-waste`.
//!
//! ```text
//! cargo run --example expander
//! ```

use windtunnel::autoscaler::cluster_autoscaler::expander::{Candidate, Context, Expander, ExpanderChain};
use windtunnel::record::Summary;
use windtunnel::scenario::{Scenario, ScenarioFiles};
use windtunnel::sim;

/// The lowest price of all nodes that the option adds. A group without a price is no option.
struct LeastMoney;

impl Expander for LeastMoney {
    fn name(&self) -> &'static str {
        "least-money"
    }

    fn cost(&self, option: &Candidate<'_>, _context: &Context<'_>) -> Option<f64> {
        Some(option.node_price? * option.node_count as f64)
    }
}

const SCENARIO: &str = "
apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: two-sizes}
spec:
  duration: 2h
  nodeGroups:
    - {name: small, instanceType: m6i.large, minSize: 0, maxSize: 20}
    - {name: large, instanceType: m6i.4xlarge, minSize: 0, maxSize: 20}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 10
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, resources: {requests: {cpu: 700m, memory: 1Gi}}}]}
";

fn scenario() -> Scenario {
    let files = ScenarioFiles::of_text("two-sizes.yaml", SCENARIO.to_owned()).expect("it is YAML");
    files.load(&[]).expect("it is a valid scenario").scenario
}

fn cost(scenario: &Scenario) -> f64 {
    Summary::of(&sim::run(scenario, 1, &mut ())).cost.total_usd
}

fn costs() -> [f64; 2] {
    let upstream = scenario();
    let mut own = upstream.clone();
    let options = own.cluster_autoscaler.as_mut().expect("node groups have an autoscaler");
    options.expander = ExpanderChain::own(&LeastMoney);
    [cost(&upstream), cost(&own)]
}

fn main() {
    let [upstream, own] = costs();
    println!("least-waste {upstream:.2} USD, least-money {own:.2} USD");
}

#[test]
fn the_run_asks_the_expander_from_outside() {
    let [upstream, own] = costs();
    assert!(own > 0.0 && own <= upstream, "least-waste {upstream}, least-money {own}");
}
