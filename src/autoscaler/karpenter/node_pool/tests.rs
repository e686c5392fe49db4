use super::*;

fn read(yaml: &str) -> Result<NodePool, Vec<String>> {
    let manifest: NodePoolManifest = serde_saphyr::from_str(yaml).expect("the test's YAML has the manifest's form");
    NodePool::from_manifest(&manifest).map_err(|errors| errors.iter().map(FieldError::to_string).collect())
}

#[test]
fn a_bare_pool_gets_upstreams_defaults() {
    let pool = read(
        "apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: default}
spec:
  template:
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}
      requirements: []
",
    )
    .unwrap();
    assert_eq!(pool, NodePool::named("default"));
    assert_eq!(pool.expire_after.unwrap().to_string(), "720h0m0s");
    let allowed = |nodes| pool.allowed_disruptions(nodes, DisruptionReason::Empty, SimTime::ZERO, 0);
    assert_eq!([allowed(0), allowed(1), allowed(10), allowed(11)], [Some(0), Some(1), Some(1), Some(2)]);
}

#[test]
fn every_mistake_is_named_by_its_path() {
    let errors = read(
        "apiVersion: karpenter.sh/v1beta1
metadata: {name: p}
spec:
  weight: 0
  replicas: 3
  disruption:
    consolidateAfter: -5m
    consolidationPolicy: WhenUnderutilized
    budgets:
    - {nodes: '110%'}
    - {nodes: '5', schedule: '@daily'}
    - {nodes: '5', reasons: [empty]}
  template:
    metadata: {labels: {karpenter.sh/nodepool: x}}
    spec:
      expireAfter: never
      terminationGracePeriod: '30'
      taints: [{key: a, effect: NoSchedul}]
      requirements:
      - {key: kubernetes.io/arch, operator: Is, values: [arm64]}
      - {key: cpu, operator: Gt, values: ['-1']}
      - {key: zone, operator: In}
      - {key: zone, operator: In, values: [a], minValues: 2}
      - {key: karpenter.sh/capacity-type, operator: In, values: [spott]}
",
    )
    .unwrap_err();
    let expected = [
        "apiVersion:",
        "spec.replicas:",
        "spec.weight:",
        "spec.template.metadata.labels.karpenter.sh/nodepool:",
        "spec.template.spec.requirements[0].operator: \"Is\" is not one of In, NotIn",
        "spec.template.spec.requirements[1].values:",
        "spec.template.spec.requirements[2].values:",
        "spec.template.spec.requirements[3].minValues:",
        "spec.template.spec.requirements[4].values: \"spott\" is not one of spot, on-demand, reserved; did you mean spot?",
        "spec.template.spec.taints[0].effect: \"NoSchedul\"",
        "spec.template.spec.expireAfter:",
        "spec.template.spec.terminationGracePeriod: duration \"30\" has no unit",
        "spec.disruption.consolidateAfter: duration \"-5m\" is negative",
        "spec.disruption.consolidationPolicy:",
        "spec.disruption.budgets[0].nodes:",
        "spec.disruption.budgets[1].duration:",
        "spec.disruption.budgets[2].reasons[0]: \"empty\" is not one of Underutilized, Empty, Drifted; did you mean Empty?",
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(expected), "{error:?} should start with {expected:?}");
    }
}

#[test]
fn a_scheduled_budget_holds_from_its_hit_for_its_duration() {
    let budget = Budget {
        nodes: BudgetNodes::Count(0),
        reasons: None,
        window: Some((Cron::parse("0 9 * * *").unwrap(), SimDuration::from_secs(8 * 3600))),
    };
    let at = |hour: i64| budget.is_active(SimTime::from_secs(hour * 3600), 0);
    assert_eq!([8, 9, 12, 16, 17].map(at), [false, true, true, true, false]);
    let pool = NodePool { budgets: vec![budget], ..NodePool::named("p") };
    let allowed = |hour: i64| pool.allowed_disruptions(5, DisruptionReason::Empty, SimTime::from_secs(hour * 3600), 0);
    assert_eq!([allowed(8), allowed(10)], [None, Some(0)]);
}

#[test]
fn the_smallest_active_budget_of_a_reason_wins() {
    let budget = |count, reasons| Budget { nodes: BudgetNodes::Count(count), reasons, window: None };
    let pool = NodePool {
        budgets: vec![budget(5, None), budget(2, Some(vec![DisruptionReason::Drifted]))],
        ..NodePool::named("p")
    };
    let allowed = |reason| pool.allowed_disruptions(9, reason, SimTime::ZERO, 0);
    assert_eq!(allowed(DisruptionReason::Drifted), Some(2));
    assert_eq!(allowed(DisruptionReason::Empty), Some(5));
}
