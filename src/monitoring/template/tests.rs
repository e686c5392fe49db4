//! Templates against the answers of Prometheus' own package `template` (3.16), written down by a program of a few lines.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value as Json;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Rc::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>())
}

/// What the program that wrote the answers filled them in with.
fn filled(template: &Template) -> Result<String, String> {
    let sample =
        |instance: &str, value| Sample { labels: labels(&[("__name__", "up"), ("instance", instance)]), value };
    let ask = |expr: &str| match expr {
        "up" => Ok(vec![sample("b", 1.0), sample("a", 2048.0)]),
        "none" => Ok(vec![]),
        "half" => Ok(vec![Sample { labels: Labels::default(), value: 0.5 }]),
        other => Err(format!("no {other}")),
    };
    let instance = "node-1.example.com:9100";
    let labels = labels(&[("pod", "web-0"), ("cluster", ""), ("namespace", "shop"), ("instance", instance)]);
    template.filled(&Data { labels, value: 0.123_456, now_millis: 1_772_409_600_500, ask: &ask })
}

#[test]
fn each_template_comes_to_what_prometheus_makes_of_it() {
    let answers = include_str!("../../../tests/monitoring/templates.jsonl");
    let mut wrong = Vec::new();
    for line in answers.lines() {
        let answer: Json = serde_json::from_str(line).expect("a line is an object");
        let text = answer["template"].as_str().expect("it has a template");
        let ours = match Template::parse(text) {
            Err(problem) => ("refused", problem),
            Ok(template) => match filled(&template) {
                Err(problem) => ("fails", problem),
                Ok(text) => ("text", text),
            },
        };
        let same = match (&answer[ours.0], ours.0) {
            (Json::String(theirs), "text") => *theirs == ours.1,
            // Theirs has a place before the words.
            (Json::String(theirs), "fails") => theirs.contains(&*ours.1),
            (theirs, _) => theirs.is_string(),
        };
        if !same {
            wrong.push(format!("{text}\n  ours   {ours:?}\n  theirs {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), answers.lines().count(), wrong.join("\n"));
}

#[test]
fn the_texts_of_queries_are_known_beforehand() {
    let of = |text: &str| Template::parse(text).expect("it is one").texts_of_queries().join(";");
    assert_eq!(of("{{ with printf \"up{pod='%s'}\" $labels.pod | query }}x{{ end }}"), "up{pod='%s'}");
    assert_eq!(of("{{ define \"x\" }}{{ query \"a\" }}{{ end }}{{ $q := query \"b\" }}"), "a;b");
    assert_eq!(of("{{ printf \"%s\" $value }}"), "");
}

#[test]
fn what_never_ends_says_so() {
    for text in
        ["{{ range 1000000000 }}x{{ end }}", "{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}"]
    {
        assert!(filled(&Template::parse(text).expect("it is one")).is_err(), "{text}");
    }
}
