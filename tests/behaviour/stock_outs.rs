//! Karpenter's cloud without capacity, and create calls that fail.

use super::{pod, run_scenario, secs};
use windtunnel::sim::Mechanism;

use crate::watch::Watched;

/// One pod from the start, one NodePool; `offers` is what follows `nodePools:`.
fn scenario(offers: &str) -> String {
    format!(
        "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {{name: stock}}\nspec:\n  duration: 1h\n  nodePools: {{\
         instanceTypes: [m6i.large, m6i.xlarge], zones: [zone-a, zone-b], provisioning: 30s, startup: 0s, \
         prices: {{m6i.large: {{spot: 0.04}}}}, interruptionsPerHour: 0, {offers}}}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {{name: any}}
spec:
  template:
    spec:
      nodeClassRef: {{group: karpenter.k8s.aws, kind: EC2NodeClass, name: d}}
      requirements: [{{key: karpenter.sh/capacity-type, operator: In, values: [spot, on-demand]}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: p}}
spec: {{containers: [{{name: c, image: i, resources: {{requests: {{cpu: 1, memory: 1Gi}}}}}}]}}
"
    )
}

fn lines<'a>(run: &'a Watched, word: &str) -> Vec<&'a str> {
    run.decisions.iter().map(String::as_str).filter(|line| line.contains(word)).collect()
}

/// A fleet request goes on to the next offering by itself.
#[test]
fn the_next_cheapest_offering_is_taken_where_the_cheapest_is_out_of_stock() {
    let run = run_scenario(&scenario("stockOuts: [{from: 0s, to: 30m, capacityTypes: [spot]}]"), &[]);
    assert!(lines(&run, "Launched")[0].contains("m6i.large (on-demand, zone-a) at 0.0960 USD"), "{:#?}", run.decisions);
    let told = lines(&run, "OutOfStock");
    assert!(told[0].contains("no capacity for m6i.large in zone-a (spot), m6i.large in zone-b (spot)"), "{told:#?}");
    // Consolidation tries spot whenever it counts as there again, and once it is moves there.
    let given_up = lines(&run, "given up").len();
    assert!((5..=10).contains(&given_up), "{:#?}", run.decisions);
    assert!(lines(&run, "Launched").len() == 2 && run.outcome.cost.as_f64() < 0.1, "{:#?}", run.decisions);
}

/// The claim is deleted at once; the offerings are left alone for 3 min, in which no claim is made.
#[test]
fn a_claim_for_which_nothing_is_left_is_deleted_at_once() {
    let run = run_scenario(&scenario("stockOuts: [{from: 0s, to: 10m}]"), &[]);
    let refused = lines(&run, "InsufficientCapacityError");
    let at = |line: &str| line.split(' ').next().expect("an instant").to_owned();
    let instants: Vec<String> = refused.iter().map(|line| at(line)).collect();
    // At once; after that whenever what was found out of stock counts as there again and the provisioner looks.
    assert_eq!(instants, ["1s", "3m8s", "6m15s", "9m22s"], "{:#?}", run.decisions);
    let launched = lines(&run, "Launched");
    assert!(launched.len() == 1 && launched[0].starts_with("12m29s"), "{:#?}", run.decisions);
    assert_eq!(pod(&run, "p").phase.name(), "Running");
}

#[test]
fn one_zone_out_of_stock_sends_the_pod_to_another() {
    let run = run_scenario(&scenario("stockOuts: [{from: 0s, to: 1h, zones: [zone-a]}]"), &[]);
    assert!(lines(&run, "Launched")[0].contains("m6i.large (spot, zone-b) at 0.0400 USD"), "{:#?}", run.decisions);
}

/// Another failure is no lack of capacity: the call is made again after 1, 2, 4 s and so on up to a minute,
/// and with the first that fails after 5 min the claim goes.
#[test]
fn a_claim_that_is_not_launched_within_five_minutes_is_deleted_and_made_anew() {
    let run = run_scenario(&scenario("launchErrors: [{from: 0s, to: 7m}]"), &[]);
    let deleted = lines(&run, "not launched within 5m0s");
    assert!(deleted.len() == 1 && deleted[0].starts_with("5m4s karpenter nodeclaim/any-0"), "{:#?}", run.decisions);
    let launched = lines(&run, "Launched");
    assert!(launched.len() == 1 && launched[0].starts_with("7m8s karpenter nodeclaim/any-1"), "{:#?}", run.decisions);
    assert_eq!(pod(&run, "p").scheduled, Some(secs(7 * 60 + 8 + 30)));
}

/// A claim that is launched in time keeps its name.
#[test]
fn a_call_that_succeeds_in_the_end_launches_the_same_claim() {
    let run = run_scenario(&scenario("launchErrors: [{from: 0s, to: 65s}]"), &[]);
    let launched = lines(&run, "Launched");
    assert!(launched.len() == 1 && launched[0].starts_with("2m4s karpenter nodeclaim/any-0"), "{:#?}", run.decisions);
}

/// Between two looks the offerings count as unavailable, so that Karpenter says "no instance type fits": what the pod
/// waits for is the cloud.
#[test]
fn the_wait_is_booked_on_the_cloud_and_not_on_the_pod() {
    for until in ["10m", "2h"] {
        let run = run_scenario(&scenario(&format!("stockOuts: [{{from: 0s, to: {until}}}]")), &[]);
        let waits = &run.outcome.explanation.waits;
        let of = |reason| waits.iter().filter(|row| row.reason == reason).map(|row| row.pod_time).sum::<i128>();
        let [refused, unfitting] = [Mechanism::CloudRefused, Mechanism::NoFittingType].map(of);
        assert!(refused > 9 * 60 * 1_000_000_000 && unfitting == 0, "{waits:?}");
        if until == "2h" {
            let told = pod(&run, "p").unscheduled.clone().expect("it has no node");
            assert_eq!(told.reason, "the cloud is out of stock of every instance type that suits it");
        }
    }
}

/// Once spot is back, a replacement is claimed; its calls fail for five minutes, then it goes, and with it the command:
/// the node that it would have replaced is told so in the same moment.
#[test]
fn a_command_whose_claim_is_not_launched_is_given_up_with_it() {
    let outage = "stockOuts: [{from: 0s, to: 30m, capacityTypes: [spot]}], launchErrors: [{from: 25m, to: 50m}]";
    let run = run_scenario(&scenario(outage), &[]);
    let deleted = lines(&run, "it was not launched within 5m0s");
    assert!(!deleted.is_empty(), "{:#?}", run.decisions);
    for line in deleted {
        let at = line.split(' ').next().expect("an instant");
        let told = lines(&run, "given up").into_iter().any(|told| told.starts_with(&format!("{at} ")));
        assert!(told, "{line}: {:#?}", run.decisions);
    }
}
