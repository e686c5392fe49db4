//! Templates of labels and annotations: the part of Go's language that alerting rules use (`template/template.go`, 3.14),
//! queries among it. Other templates are not called: such a text stays as it is, and the rule says so when it is read.

mod fill;
mod numbers;
mod parse;

pub use fill::{Data, Sample};
pub use parse::Template;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn filled(text: &str) -> String {
        let labels = BTreeMap::from([("pod", "web-0"), ("cluster", "")]);
        let sample = |instance: &str, value: f64| Sample {
            labels: BTreeMap::from([("instance".to_owned(), instance.to_owned())]),
            value,
        };
        let ask = |expr: &str| match expr {
            "up" => Ok(vec![sample("b", 1.0), sample("a", 2048.0)]),
            "none" => Ok(vec![]),
            other => Err(format!("no {other}")),
        };
        Template::parse(text).unwrap().fill(&Data { labels, value: 0.123_456, ask: &ask })
    }

    #[test]
    fn what_rules_write_is_filled_in() {
        for (text, wanted) in [
            ("Pod {{ $labels.pod }} at {{ $value | humanizePercentage }}.", "Pod web-0 at 12.35%."),
            ("{{ printf \"%.1f\" $value }} {{.Labels.pod}}", "0.1 web-0"),
            ("{{ with $labels.cluster -}} on {{ . }} {{- end }}x", "x"),
            ("{{ if gt $value 0.1 }}high{{ else }}low{{ end }}", "high"),
            ("{{ $value | humanizeDuration }}", "123.5ms"),
            ("{{ 3725 | humanizeDuration }} {{ 123456 | humanize }}", "1h 2m 5s 123.5k"),
            ("{{ 2048 | humanize1024 }}B", "2kiB"),
            ("{{ $x := $labels.pod }}{{ $x }}", "web-0"),
            ("{{ $value }}", "0.123456"),
            ("{{ printf \"%5.1f|%-6.1f|%05.1f|%3d|\" 1.5 1.5 -1.5 7 }}", "  1.5|1.5   |-01.5|  7|"),
        ] {
            assert_eq!(filled(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_variable_that_nobody_sets_is_told() {
        for text in ["{{ $lables.pod }}", "{{ if true_ }}x{{ end }}{{ $x }}", "{{ if gt ($valu) 1.0 }}a{{ end }}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        let told = Template::parse("{{ $lables.pod }}").unwrap_err();
        assert_eq!(told, "the variable $lables is not defined");
        for text in [
            "{{ range $i, $v := query \"up\" }}{{ $i }}{{ $v.Value }}{{ end }}",
            "{{ $x := 1 }}{{ $x }}",
            "{{ $.Value }}",
        ] {
            assert!(Template::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn queries_are_asked() {
        for (text, wanted) in [
            ("{{ query \"up\" | first | value }}", "1"),
            ("{{ with query \"up\" }}{{ . | first | value | humanize1024 }}{{ end }}", "1"),
            ("{{ with query \"none\" }}some{{ else }}none{{ end }}", "none"),
            (
                "{{ range query \"up\" | sortByLabel \"instance\" }}{{ .Labels.instance }}={{ .Value }};{{ end }}",
                "a=2048;b=1;",
            ),
            ("{{ range $i, $s := query \"up\" }}{{ $i }}{{ $s.Labels.instance }} {{ end }}", "0b 1a "),
            ("{{ printf \"%s\" \"up\" | query | first | label \"instance\" }}", "b"),
            ("{{ query \"none\" | first }}", "<error expanding template: first() called on vector with no elements>"),
            ("{{ query \"x\" }}", "<error expanding template: query \"x\": no x>"),
            ("{{ graphLink \"a b\" }}", "/graph?g0.expr=a+b&g0.tab=0"),
            ("{{ range query \"none\" }}x{{ else }}empty{{ end }} {{ len (query \"up\") }}", "empty 2"),
        ] {
            assert_eq!(filled(text), wanted, "{text}");
        }
        let template = Template::parse("{{ with printf \"up{pod='%s'}\" $labels.pod | query }}x{{ end }}").unwrap();
        assert_eq!(template.texts_of_queries(), ["up{pod='%s'}"]);
    }

    #[test]
    fn what_is_not_understood_says_so() {
        for (text, part) in [
            ("{{ template \"x\" }}", "template"),
            ("{{ quary \"up\" }}", "quary"),
            ("{{ range query \"up\" }}", "without its"),
            ("{{ if $value }}", "without its"),
            ("{{ $value", "without its"),
        ] {
            assert!(Template::parse(text).unwrap_err().contains(part), "{text}");
        }
    }
}
