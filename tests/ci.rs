//! The composite action, run as a workflow runs it: a good change passes, a bad one fails, and what is written is read by
//! somebody else.

use std::fs;
use std::process::Command;

use crate::house::root;
use crate::shell::{Said, Workshop, binary};

/// The action's step with these inputs, in a folder with `gate.yaml` and `pr.yaml`.
fn step(shop: &Workshop, inputs: &[(&str, &str)]) -> Said {
    let script = root().join(".github/actions/windtunnel/check.sh");
    let mut variables = vec![
        ("WINDTUNNEL_BINARY".to_owned(), binary().display().to_string()),
        ("WINDTUNNEL_JUNIT".to_owned(), "junit.xml".to_owned()),
        ("WINDTUNNEL_MARKDOWN".to_owned(), "comment.md".to_owned()),
        ("GITHUB_OUTPUT".to_owned(), "output".to_owned()),
        ("GITHUB_STEP_SUMMARY".to_owned(), "summary.md".to_owned()),
    ];
    let name = |input: &str| format!("WINDTUNNEL_{}", input.replace('-', "_").to_uppercase());
    variables.extend(inputs.iter().map(|(input, value)| (name(input), (*value).to_owned())));
    let output =
        Command::new("bash").arg(script).current_dir(shop.path()).envs(variables).output().expect("there is a shell");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

fn shop() -> Workshop {
    let shop = Workshop::new();
    let gate = shop.run("windtunnel init -").out.replace("duration: 24h", "duration: 3h");
    fs::write(shop.path().join("gate.yaml"), &gate).unwrap();
    let bad = gate.replace("name: service", "name: pr").replace("cost.total_usd < 25", "cost.total_usd < 0.1");
    fs::write(shop.path().join("pr.yaml"), bad).unwrap();
    shop
}

fn read(shop: &Workshop, name: &str) -> String {
    fs::read_to_string(shop.path().join(name)).unwrap_or_default()
}

#[test]
fn a_good_change_passes_and_a_bad_one_fails_with_its_place() {
    let shop = shop();
    let good = step(&shop, &[("scenarios", "gate.yaml"), ("seeds", "3")]);
    assert_eq!((good.code, good.err.as_str()), (0, ""), "{good:?}");
    assert!(read(&shop, "output").contains("passed=true\nexit-code=0\n"));
    assert!(read(&shop, "summary.md").contains("all 2 expectations hold"));
    judge_junit(&shop, 2, 0);

    let bad = step(&shop, &[("scenarios", "*.yaml"), ("seeds", "3")]);
    assert_eq!(bad.code, 1, "{bad:?}");
    assert!(bad.out.contains("::error file=pr.yaml,line="), "{}", bad.out);
    assert!(read(&shop, "output").ends_with("passed=false\nexit-code=1\n"));
    assert!(read(&shop, "comment.md").contains("1 of 4 expectations failed"));
    judge_junit(&shop, 4, 1);
}

#[test]
fn what_is_wrong_with_the_inputs_is_told_with_code_2() {
    let shop = shop();
    for (inputs, told) in [
        (&[("scenarios", "none/*.yaml")][..], "matches no file"),
        (&[("scenarios", "gate.yaml"), ("values", "gone.yaml")][..], "gone.yaml"),
        (&[("scenarios", "gate.yaml"), ("seeds", "many")][..], "many"),
    ] {
        let said = step(&shop, inputs);
        assert!(said.code == 2 && format!("{}{}", said.out, said.err).contains(told), "{told}: {said:?}");
        assert!(read(&shop, "output").ends_with("passed=false\nexit-code=2\n"));
    }
    // Inputs are data.
    let said = step(&shop, &[("scenarios", "gate.yaml"), ("junit", "$(touch pwned).xml"), ("seeds", "1; touch pwned")]);
    assert!(said.code == 2 && !shop.path().join("pwned").exists(), "{said:?}");
}

#[test]
fn a_baseline_is_saved_on_one_branch_and_judged_on_another() {
    let shop = shop();
    let gate =
        read(&shop, "gate.yaml").replace("  expect:\n", "  expect:\n    - {metric: cost.total_usd, within: 2%}\n");
    fs::write(shop.path().join("gate.yaml"), &gate).unwrap();
    let base = [("scenarios", "gate.yaml"), ("seeds", "4")];
    let saved = step(&shop, &[&base[..], &[("save-baseline", "main")]].concat());
    assert_eq!(saved.code, 0, "{saved:?}");
    let same = step(&shop, &[&base[..], &[("baseline", "main")]].concat());
    assert_eq!(same.code, 0, "{same:?}");
    fs::write(shop.path().join("gate.yaml"), gate.replace("minSize: 1", "minSize: 3")).unwrap();
    let dearer = step(&shop, &[&base[..], &[("baseline", "main")]].concat());
    assert!(dearer.code == 1 && dearer.out.contains("within 2%"), "{dearer:?}");
}

/// Elements and attributes that the readers of Jenkins and Surefire know (`junit-10.xsd` of its xunit plugin), who may
/// stand in whom, and counts that are right.
const KNOWN: [(&str, &[&str], &[&str]); 4] = [
    ("testsuites", &["name", "time", "tests", "failures", "errors"], &["testsuite"]),
    ("testsuite", &["name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"], &["testcase"]),
    ("testcase", &["name", "classname", "time"], &["failure", "error", "skipped"]),
    ("failure", &["type", "message"], &[]),
];

fn judge_junit(shop: &Workshop, cases: usize, failures: usize) {
    let text = read(shop, "junit.xml");
    let tags = regex::Regex::new(r#"<(/?)([a-z]+)((?: [a-z]+="[^"<]*")*)(/?)>"#).unwrap();
    let attribute = regex::Regex::new(r#" ([a-z]+)="([^"]*)""#).unwrap();
    let (mut open, mut seen): (Vec<String>, Vec<String>) = Default::default();
    for tag in tags.captures_iter(&text) {
        let name = tag[2].to_owned();
        if &tag[1] == "/" {
            assert_eq!(open.pop(), Some(name), "tags are nested");
            continue;
        }
        let (_, attributes, _) = KNOWN.iter().find(|known| known.0 == name).unwrap_or_else(|| panic!("<{name}>"));
        let given: Vec<String> = attribute.captures_iter(&tag[3]).map(|one| one[1].to_owned()).collect();
        assert!(given.iter().all(|one| attributes.contains(&one.as_str())), "{name} has {given:?}");
        let above = open.last().and_then(|above| KNOWN.iter().find(|known| known.0 == above));
        assert!(above.is_none_or(|above| above.2.contains(&name.as_str())), "<{name}> within {open:?}");
        let value =
            |wanted: &str| attribute.captures_iter(&tag[3]).find(|one| &one[1] == wanted).map(|one| one[2].to_owned());
        if name == "testsuites" {
            assert_eq!((value("tests"), value("failures")), (Some(cases.to_string()), Some(failures.to_string())));
        }
        seen.push(name.clone());
        if &tag[4] != "/" {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    let count = |name: &str| seen.iter().filter(|seen| *seen == name).count();
    assert_eq!((count("testcase"), count("failure"), count("testsuites")), (cases, failures, 1));
    // A second reader, where there is one.
    let reads = "import sys, xml.etree.ElementTree as e\nr = e.parse(sys.argv[1]).getroot()\nprint(len(r.findall('.//testcase')), len(r.findall('.//failure')))";
    if let Ok(output) = Command::new("python3").args(["-c", reads]).arg(shop.path().join("junit.xml")).output() {
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("{cases} {failures}"), "{output:?}");
    }
}
