//! The page of a made-up run, read as text; the browser's test is `tests/browser`.

use serde_json::Value;

use super::{Judged, MOST_BYTES, Page, page};
use crate::record::{AlertFigures, Provenance, Recorder, Summary, fixture};
use crate::report::plot::{self, Run};
use crate::scenario::Scenario;
use crate::sim::{Controller, DecisionRecord, Observer, Outcome};
use crate::units::SimTime;

fn page_of(record: &Recorder, outcome: &Outcome, scenario: Option<&str>) -> String {
    let provenance = Provenance { set: vec!["a=<b>".to_owned()], ..Provenance::of(outcome) };
    let alerts = fixture::alerts();
    let run = Run { scenario: &Scenario::default(), record, outcome, provenance: &provenance, alerts: &alerts };
    let rules = ["HpaMaxedOut", "PodsUnschedulable", "IdleGpus", "Quiet"];
    let alerts = rules.map(|rule| (rule.into(), AlertFigures { fired: 2, ..AlertFigures::default() })).into();
    let summary = Summary { provenance: provenance.clone(), alerts, ..Summary::of(outcome) };
    let figures = plot::figures(&run);
    let judged = |name: &str, holds| Judged { name: name.to_owned(), holds, detail: "3.59 USD".to_owned() };
    let expectations = [judged("cost.total_usd < 20", true), judged("nodes.peak < 2", false)];
    let warnings = ["thing is not modelled".to_owned()];
    page(&Page {
        run,
        summary: &summary,
        figures: &figures,
        expectations: &expectations,
        warnings: &warnings,
        scenario,
    })
}

/// The JSON in the page.
fn data(page: &str) -> Value {
    let from = page.find("id=\"data\">").expect("the page has data") + "id=\"data\">".len();
    let length = page[from..].find("</script>").expect("its element ends");
    serde_json::from_str(&page[from..from + length]).expect("it is JSON")
}

#[test]
fn the_page_says_what_the_run_came_to_and_what_made_it() {
    let (record, outcome) = fixture::run(1_440);
    let page = page_of(&record, &outcome, Some("kind: Scenario # <&>\n"));
    for text in [
        "1 of 2 expectations fails",
        "cost.total_usd &lt; 20",
        "5 pods",
        "never had a node",
        "thing is not modelled",
        "--set a=&lt;b&gt;",
        "kind: Scenario # &lt;&amp;&gt;",
        "4 of 6",
        "their waits are censored",
        "unknown",
        "no date: the scenario states none",
    ] {
        let found = page.contains(text) || text == "4 of 6" && page.contains("<b>4</b><span>of 6");
        assert!(found || text == "5 pods" && page.contains("<b>5</b><span>of 20 pods"), "no {text:?}");
    }
    assert!(!page.contains("{{") && !page.contains("Left out to keep"));
}

#[test]
fn the_pages_lines_are_those_of_the_samples() {
    let (record, outcome) = fixture::run(1_440);
    let data = data(&page_of(&record, &outcome, None));
    let charts = &data["charts"];
    assert_eq!(charts["at"].as_array().unwrap().len(), 1_441);
    let figures = charts["figures"].as_array().unwrap();
    let nodes = figures.iter().find(|figure| figure["name"] == "nodes").unwrap();
    let all = &nodes["panels"][0]["series"][0];
    assert_eq!(all["label"], "all nodes");
    for (row, sample) in record.rows().iter().enumerate() {
        assert_eq!(all["values"][row], sample.nodes);
        let low_and_high = [&all["low"][row], &all["high"][row]];
        let extent = sample.extents.nodes;
        let wanted = if extent.min == extent.max { [None, None] } else { [Some(extent.min), Some(extent.max)] };
        assert_eq!(low_and_high.map(Value::as_u64), wanted.map(|count| count.map(u64::from)));
    }
    assert_eq!(data["jobs"]["rows"].as_array().unwrap().len(), 6);
    assert_eq!(data["decisions"]["texts"][3], "1 pod is unschedulable, \"web\" needs 500m");
}

#[test]
fn hostile_names_are_text() {
    let (mut record, mut outcome) = fixture::run(60);
    let hostile = "</script><script>document.title = 'taken'</script><!--";
    record.decision(&DecisionRecord {
        at: SimTime::from_secs(20),
        controller: Controller::Karpenter,
        object: hostile.into(),
        from: hostile.into(),
        to: "".into(),
        reason: hostile.into(),
    });
    outcome.scenario = hostile.to_owned();
    outcome.pods[0].unscheduled = None;
    outcome.training[0].name = hostile.into();
    outcome.training[0].model = hostile.into();
    outcome.nodes[0].group = hostile.into();
    outcome.cost_by_workload[1].workload = hostile.into();
    let page = page_of(&record, &outcome, Some(hostile));
    assert!(!page.contains("<script>document"), "a name became an element");
    // The page's own: uPlot, the program, the data.
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    assert_eq!(data(&page)["jobs"]["rows"][0]["name"], hostile);
}

#[test]
fn a_large_run_stays_under_the_cap_and_says_what_it_leaves_out() {
    let (mut record, mut outcome) = fixture::run(40_000);
    for index in 0..120_000 {
        record.decision(&DecisionRecord {
            at: SimTime::from_secs(index),
            controller: Controller::Scheduler,
            object: format!("pod/default/a-long-name-of-a-pod-that-nobody-else-has-{index}").into(),
            from: "".into(),
            to: "preempted".into(),
            reason: format!("{index} {}", "because of one thing after another ".repeat(20)).into(),
        });
    }
    outcome.training = (0..3_000).map(|index| outcome.training[index % 6].clone()).collect();
    let text = "a: b # and much more\n".repeat(400_000);
    let page = page_of(&record, &outcome, Some(&text));
    assert!(page.len() <= MOST_BYTES, "{} bytes", page.len());
    for told in
        ["Plots show one sample in", "decisions are listed", "training jobs are shown", "more bytes are left out"]
    {
        assert!(page.contains(told), "no {told:?}");
    }
}

#[test]
fn a_run_of_nothing_has_a_page() {
    let page = page_of(&Recorder::default(), &Outcome::default(), None);
    assert!(page.contains("No node of this scenario has a price"));
    assert_eq!(data(&page)["charts"]["at"], serde_json::json!([]));
}

#[test]
fn alerts_have_a_section_with_what_they_said() {
    let (record, outcome) = fixture::run(1_440);
    let page = page_of(&record, &outcome, None);
    let section = &page[page.find("id=\"alerts\"").expect("a section")..];
    let section = &section[..section.find("</section>").unwrap()];
    for text in
        ["HpaMaxedOut", "class=\"firing\"", "Something &lt;is&gt; wrong.", "One more alerting rule was never pending"]
    {
        assert!(section.contains(text), "no {text}: {section}");
    }
}
