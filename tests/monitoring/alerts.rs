//! Rules on simulated time: what fires, when, how a gate sees it, and what a broken rule file says.

use std::fs;

use serde_json::Value;

use super::exposition::CRASHING;
use crate::shell::Workshop;

const RULES: &str = "groups:
  - name: apps
    interval: 30s
    rules:
      - record: namespace:restarts:sum
        expr: sum by (namespace) (kube_pod_container_status_restarts_total)
      - alert: CrashLooping
        expr: max_over_time(kube_pod_container_status_waiting_reason{reason=\"CrashLoopBackOff\"}[5m]) >= 1
        for: 5m
        keep_firing_for: 2m
        labels: {severity: '{{ if gt $value 0.0 }}page{{ else }}none{{ end }}'}
        annotations: {summary: 'Container {{ $labels.container }} of {{ $labels.pod }} crashes.'}
      - alert: ManyRestarts
        expr: namespace:restarts:sum > 5
      - alert: AllFiring
        expr: count(ALERTS{alertstate=\"firing\", alertname!=\"AllFiring\"}) >= 2
      - alert: Never
        expr: absent(up)
";

fn shop() -> Workshop {
    let shop = Workshop::new();
    std::fs::write(shop.path().join("s.yaml"), CRASHING).unwrap();
    std::fs::write(shop.path().join("rules.yaml"), RULES).unwrap();
    shop
}

#[test]
fn alerts_fire_when_their_time_has_come() {
    let shop = shop();
    let said = shop.run("windtunnel alerts rules.yaml s.yaml --format json --out found");
    assert_eq!(said.code, 0, "{}", said.err);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    let alert = |name: &str, figure: &str| found["alerts"][name][figure].clone();
    // The container waits for the first time after its second crash, before the first evaluation at 30 s.
    let crash = &found["episodes"][0];
    assert_eq!(crash["alert"], "CrashLooping");
    let pending = crash["pending"].as_f64().unwrap();
    assert_eq!(crash["firing"].as_f64().unwrap(), pending + 300.0);
    assert!(crash["resolved"].is_null());
    assert_eq!(crash["summary"], "Container c of greedy-0 crashes.");
    assert!(crash["labels"].as_str().unwrap().contains("severity=\"page\""), "{crash}");
    assert_eq!(alert("CrashLooping", "fired"), 1);
    assert_eq!(alert("CrashLooping", "firing_seconds"), 1800.0 - 300.0 - pending);
    assert_eq!(alert("ManyRestarts", "fired"), 1);
    // A rule sees what the rules before it gave at the same evaluation.
    let first = |name: &str| alert(name, "first_seconds").as_f64().unwrap();
    assert_eq!(first("AllFiring"), first("ManyRestarts").max(first("CrashLooping")));
    assert_eq!((alert("Never", "fired"), alert("Never", "first_seconds")), (0.into(), Value::Null));
    let table = std::fs::read_to_string(shop.path().join("found/alerts.csv")).unwrap();
    assert!(table.starts_with("alert,labels,state,pending,firing,resolved,"), "{table}");
    assert_eq!(table.lines().count(), 1 + found["episodes"].as_array().unwrap().len());
    // The same again: the table is known as ours.
    assert_eq!(shop.run("windtunnel alerts rules.yaml s.yaml -q --out found").code, 0);
}

#[test]
fn a_gate_holds_alerts_against_what_is_expected() {
    let shop = shop();
    let watched = CRASHING.replace(
        "  duration: 30m\n",
        "  duration: 30m\n  monitoring: {rules: [rules.yaml]}\n  expect: [alert(Never) fires 0, alert(CrashLooping) fires 0]\n",
    );
    std::fs::write(shop.path().join("watched.yaml"), &watched).unwrap();
    let said = shop.run("windtunnel check watched.yaml");
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(
        said.out.contains("✓ alert(Never) fires 0") && said.out.contains("✗ alert(CrashLooping) fires 0"),
        "{}",
        said.out
    );
    let said = shop.run("windtunnel run watched.yaml --no-plots --out o -q");
    assert_eq!(said.code, 1, "{}", said.err);
    let summary: Value = serde_json::from_slice(&std::fs::read(shop.path().join("o/summary.json")).unwrap()).unwrap();
    assert_eq!(summary["alerts"]["CrashLooping"]["fired"], 1);
    assert!(shop.path().join("o/alerts.csv").exists());
    std::fs::write(shop.path().join("typo.yaml"), watched.replace("alert(Never)", "alert(Nevr)")).unwrap();
    let said = shop.run("windtunnel check typo.yaml");
    assert_eq!(said.code, 2, "{}", said.out);
    assert!(said.err.contains("Nevr") && said.err.contains("Never"), "{}", said.err);
}

/// What a rule that failed says of its alerts, and what one that asks for what no run has, holds no gate open.
#[test]
fn a_gate_fails_where_a_rule_can_not_be_evaluated() {
    let shop = shop();
    let rules = "groups:\n- name: g\n  rules:\n  - {record: 'a:bad', expr: up * on () group_left () up}\n  - {record: 'a:worse', expr: 'a:bad + \
                 1'}\n  - {alert: Fails, expr: up * on () group_left () up > 5}\n  - {alert: Hangs, expr: 'a:worse > 5'}\n  - {alert: Typo, expr: \
                 kube_pod_status_phse > 5}\n  - {alert: Sound, expr: absent(up)}\n";
    fs::write(shop.path().join("bad.yaml"), rules).unwrap();
    let names = ["Fails", "Hangs", "Typo", "Sound"];
    let expected = names.map(|name| format!("    - alert({name}) fires 0\n")).concat();
    let more = format!(
        "  duration: 30m\n  monitoring: {{rules: [bad.yaml]}}\n  expect:\n{expected}    - alerts.Sound.first_seconds > 1h\n    - \
         alerts.Sound.first_seconds < 1h\n"
    );
    fs::write(shop.path().join("s.yaml"), CRASHING.replace("  duration: 30m\n", &more)).unwrap();
    let said = shop.run("windtunnel check s.yaml -q --format json");
    assert_eq!(said.code, 1, "{}", said.err);
    let failed = "failed in 31 of 31 evaluations: ";
    for rule in ["a:bad", "Fails"] {
        assert!(said.err.contains(&format!("the rule {rule} (group g, bad.yaml:")), "{}", said.err);
    }
    assert!(said.err.contains(failed), "{}", said.err);
    let said = shop.run("windtunnel check s.yaml");
    let line = |name: &str| said.out.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned();
    for (name, why) in [
        ("✗ alert(Fails)", "the rule Fails (group g, bad.yaml:6) failed in 31 of 31"),
        ("✗ alert(Hangs)", "the rule a:bad (group g, bad.yaml:4) failed in 31 of 31"),
        ("✗ alert(Typo)", "it can't fire, for no run has kube_pod_status_phse"),
        ("✓ alert(Sound)", ""),
        ("✓ alerts.Sound.first_seconds > 1h", ""),
        ("✗ alerts.Sound.first_seconds < 1h", "it never fired"),
    ] {
        assert!(said.out.contains(name) && line(name).contains(why), "{name}: {}", said.out);
    }
    let said = shop.run("windtunnel run s.yaml -q --out o");
    assert!(
        said.code == 1 && said.err.contains("the rule a:bad") && said.err.contains("the rule Fails"),
        "{}",
        said.err
    );
    let summary: Value = serde_json::from_slice(&fs::read(shop.path().join("o/summary.json")).unwrap()).unwrap();
    assert_eq!(summary["alerts"]["Hangs"]["failed"], 31);
    assert_eq!(summary["alerts"]["Sound"]["failed"], 0);
    assert_eq!(summary["alerts"]["Typo"]["cannot_fire_without"][0], "kube_pod_status_phse");
    let failures = summary["rule_failures"].as_array().unwrap();
    assert_eq!(
        (failures.len(), &failures[0]["rule"], &failures[0]["alerts"][0]),
        (2, &"a:bad".into(), &"Hangs".into())
    );
    let page = fs::read_to_string(shop.path().join("o/report.html")).unwrap();
    assert!(page.contains("The rule a:bad (group g") && page.contains("Can't fire"), "the page names them");
    let said = shop.run("windtunnel alerts s.yaml -q");
    assert!(said.code == 0 && said.err.contains("the rule a:bad"), "{}", said.err);
}

#[test]
fn a_broken_rule_has_its_place_and_an_unknown_metric_its_nearest() {
    let shop = shop();
    let broken = RULES.replace("absent(up)", "absent(up").replace("[5m]", "[5 m]");
    std::fs::write(shop.path().join("broken.yaml"), broken).unwrap();
    let said = shop.run("windtunnel alerts broken.yaml s.yaml");
    assert_eq!(said.code, 2);
    for part in ["broken.yaml:8:99", "broken.yaml:18:24", "the expression of Never"] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    // In a block the place is that of the token too, and what a template gets wrong has its own.
    let rules = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |\n      up\n        > > 1\n    annotations:\n      \
                 summary: \"{{ $lables.pod }}\"\n  - alert: B\n    expr: histogram_quantle(0.9, up)\n";
    std::fs::write(shop.path().join("block.yaml"), rules).unwrap();
    let said = shop.run("windtunnel alerts block.yaml s.yaml");
    assert_eq!(said.code, 2);
    for part in
        ["block.yaml:7:11", "block.yaml:9:16", "$lables", "block.yaml:11:11", "did you mean histogram_quantile?"]
    {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    let native = RULES.replace("absent(up)", "histogram_avg(up) > 1");
    std::fs::write(shop.path().join("native.yaml"), native).unwrap();
    let said = shop.run("windtunnel alerts native.yaml s.yaml");
    assert!(said.code == 2 && said.err.contains("histogram_avg() is not evaluated"), "{}", said.err);
    let typo = RULES.replace("absent(up)", "kube_pod_status_phse > 1");
    std::fs::write(shop.path().join("typo.yaml"), typo).unwrap();
    let said = shop.run("windtunnel alerts typo.yaml s.yaml");
    assert_eq!(said.code, 0);
    assert!(
        said.err.contains("no metric kube_pod_status_phse") && said.err.contains("kube_pod_status_phase"),
        "{}",
        said.err
    );
    let said = shop.run("windtunnel alerts s.yaml");
    assert!(said.code == 2 && said.err.contains("there are no rules"), "{}", said.err);
}

/// Two alerts of one namespace come in one notification; where a critical one fires the warning is not told.
#[test]
fn notifications_are_counted_by_an_alertmanagers_configuration() {
    let shop = Workshop::with_scenarios();
    let rule = |name: &str, severity: &str| {
        format!(
            "    - {{alert: {name}, expr: 'kube_deployment_spec_replicas{{namespace=\"default\"}} > 1', labels: {{severity: {severity}}}}}\n"
        )
    };
    let rules = format!("groups:\n- name: g\n  rules:\n{}{}", rule("Many", "critical"), rule("TooMany", "warning"));
    fs::write(shop.path().join("r.yaml"), rules).unwrap();
    let inhibit = "inhibit_rules: [{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [namespace]}]\n";
    for (config, wanted) in [
        ("route: {group_by: [namespace]}\n".to_owned(), "of 1 group (by namespace)"),
        ("route: {group_by: [alertname]}\n".to_owned(), "of 2 groups (by alertname)"),
        (format!("route: {{group_by: ['...']}}\n{inhibit}"), "1 alert inhibited throughout"),
        ("route: {routes: [{receiver: a}], receiver: b}\n".to_owned(), "the 1 routes below the root are not followed"),
    ] {
        fs::write(shop.path().join("am.yml"), config).unwrap();
        let said = shop
            .run("windtunnel alerts r.yaml scenarios/ai-model-training.yaml --set duration=3h --alertmanager am.yml");
        assert!(said.code == 0 && said.out.contains(wanted), "{wanted}: {}{}", said.out, said.err);
    }
    fs::write(shop.path().join("am.yml"), "route: {group_by: [a], group_wait: soon}\n").unwrap();
    let said = shop.run("windtunnel alerts r.yaml scenarios/ai-model-training.yaml --alertmanager am.yml");
    assert!(said.code == 2 && said.err.contains("am.yml:1:") && said.err.contains("no duration"), "{}", said.err);
}

/// A group that looks five minutes back hears of everything five minutes late.
#[test]
fn a_query_offset_delays_the_alert() {
    let shop = Workshop::with_scenarios();
    let scenario = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: s}\nspec:\n  duration: 40m\n  nodes: [{name: n, instanceType: \
                    m6i.xlarge}]\n  replicaChanges: [{at: 10m, target: {kind: Deployment, name: web}, replicas: 4}]\n---\napiVersion: \
                    apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2, selector: {matchLabels: {app: web}}, template: \
                    {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 100m}}}]}}}\n";
    fs::write(shop.path().join("s.yaml"), scenario).unwrap();
    for (offset, [now, later]) in [("0s", [600.0, 720.0]), ("5m", [900.0, 1_020.0])] {
        let of = |name: &str, lasting: &str| {
            format!("  - {{alert: {name}, expr: kube_deployment_spec_replicas > 2, for: {lasting}}}\n")
        };
        let rules =
            format!("groups:\n- name: g\n  query_offset: {offset}\n  rules:\n{}{}", of("Now", "0s"), of("Later", "2m"));
        fs::write(shop.path().join("r.yaml"), rules).unwrap();
        let said = shop.run("windtunnel alerts r.yaml s.yaml --format json");
        let found: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.err));
        let first = |name: &str| found["alerts"][name]["first_seconds"].as_f64();
        assert_eq!([first("Now"), first("Later")], [Some(now), Some(later)], "{offset}");
    }
}
