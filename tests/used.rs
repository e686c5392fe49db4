//! Nothing is there for show: every option is read by something that acts on it, and every public item has a user.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::house::{files, root};

/// Functions that look at options without acting on them.
const LOOK_ONLY: [&str; 6] = ["validate", "check", "default", "none", "fmt", "deserialize"];

/// Where a scenario's pods and machines are made of what the options say; elsewhere in `scenario` they are only passed on.
const MAKERS: [&str; 4] = ["jobs.rs", "replay.rs", "nodes.rs", "node_pools.rs"];

/// Options that nothing acts on, and why that is as it should be or when it ends.
const IDLE: [(&str, &str); 3] = [
    ("ScenarioSpec.description", "a sentence for those who read the file"),
    ("NodeClaimTemplateSpec.node_class_ref", "what a node class describes is stated under nodePools"),
    ("NodePoolManifest.api_version", "any but karpenter.sh/v1 is refused"),
];

/// Public items that only tests use, and why they stay.
const FOR_TESTS: [(&str, &str); 2] = [
    ("accrued", "a bill that still runs, which tests hold the closed one against"),
    ("next_expiry", "when time alone could matter to Karpenter's disruption"),
];

/// A source without comments and without its tests.
struct Code {
    path: PathBuf,
    text: String,
}

fn sources() -> Vec<Code> {
    let of_tests = |path: &Path| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        stem == "tests" || stem.ends_with("_tests") || stem == "fixture"
    };
    let read = files("src", "rs").into_iter().filter(|(path, _)| !of_tests(path));
    let code = read.map(|(path, text)| {
        let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
        let lines = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
        let text = lines.collect::<Vec<_>>().join("\n");
        Code { path: path.strip_prefix(root()).expect("it is below the root").to_owned(), text }
    });
    code.collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The identifier at the start of a text.
fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// Words of a text that come after `.`, and those that a pattern takes out of a struct.
fn reads(text: &str) -> BTreeSet<&str> {
    let mut found: BTreeSet<&str> = text.split('.').skip(1).map(word).collect();
    // Chains go on on the next line.
    found.extend(text.lines().filter_map(|line| line.trim_start().strip_prefix('.')).map(word));
    let patterns = text.split('{').skip(1).filter_map(|rest| {
        let (inside, after) = rest.split_once('}')?;
        let after = after.trim_start_matches([' ', ')', '}', '|', ';']);
        let is_pattern = after.starts_with("= ") || after.starts_with("=> ") || after.starts_with("in ");
        is_pattern.then_some(inside)
    });
    for pattern in patterns {
        found.extend(pattern.split([',', ':', ' ']).map(|name| word(name.trim())));
    }
    found
}

/// A source without the functions that only look at options.
fn acting(text: &str) -> String {
    let mut kept = String::new();
    let mut skipped_at: Option<usize> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if let Some(depth) = skipped_at {
            if indent == depth && line.trim_start().starts_with('}') {
                skipped_at = None;
            }
            continue;
        }
        let name = line.split_once("fn ").map(|(_, rest)| word(rest)).unwrap_or_default();
        if LOOK_ONLY.contains(&name) && line.ends_with('{') {
            skipped_at = Some(indent);
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

/// `(struct, field)` of the public structs that `which` picks by their text from the derive on.
fn fields(code: &Code, which: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, _) in code.text.match_indices("pub struct ") {
        let head = code.text[..at].rsplit("\n\n").next().unwrap_or_default();
        let name = word(&code.text[at + "pub struct ".len()..]);
        let Some(open) = code.text[at..].find(['{', ';', '(']).filter(|open| code.text[at + open..].starts_with('{'))
        else {
            continue;
        };
        let body = &code.text[at + open..];
        let body = &body[..body.find("\n}").unwrap_or(body.len())];
        if which(head) {
            let names = body.lines().filter_map(|line| line.trim_start().strip_prefix("pub "));
            let names = names.filter(|line| line.contains(": ")).map(word);
            found.extend(names.map(|field| (name.to_owned(), field.to_owned())));
        }
    }
    found
}

fn starts_with(path: &Path, folder: &str) -> bool {
    path.starts_with(folder)
}

#[test]
fn every_option_is_read_by_what_acts_on_it() {
    let sources = sources();
    let texts: Vec<String> = sources.iter().map(|code| acting(&code.text)).collect();
    let by_file: Vec<(&Path, BTreeSet<&str>)> =
        sources.iter().zip(&texts).map(|(code, text)| (code.path.as_path(), reads(text))).collect();
    let mut idle = BTreeMap::new();
    let mut seen = 0;
    // What stands above the scenario are outputs, which are written whole.
    let rooms = ["units", "cluster", "controller", "cost", "load", "scheduler", "autoscaler", "scenario"];
    let is_option = |code: &&Code| rooms.iter().any(|room| code.path.starts_with(format!("src/{room}")));
    for code in sources.iter().filter(is_option) {
        let is_written = starts_with(&code.path, "src/scenario/spec");
        let is_lowered =
            ["src/scenario/lowered.rs", "src/scenario/workload.rs"].iter().any(|path| code.path.ends_with(path));
        let options = fields(code, |head| is_lowered || head.contains("JsonSchema"));
        let holds_logic = !is_written && !is_lowered;
        for (of, field) in options {
            seen += 1;
            let acts = |path: &Path| {
                let is_own = path == code.path;
                let makes = !is_lowered && path.parent().is_some_and(|folder| folder.ends_with("lower"));
                let makes = makes && MAKERS.iter().any(|name| path.ends_with(name));
                let is_parser = starts_with(path, "src/cli/decide")
                    || starts_with(path, "src/scenario/spec")
                    || starts_with(path, "src/scenario") && !is_written && !makes;
                if is_own { holds_logic } else { !is_parser }
            };
            let is_read = by_file.iter().any(|(path, reads)| acts(path) && reads.contains(field.as_str()));
            let name = format!("{of}.{field}");
            if !is_read {
                idle.insert(name, code.path.display().to_string());
            }
        }
    }
    assert!(seen > 300, "the options were found: {seen}");
    for (known, _) in IDLE {
        assert!(idle.remove(known).is_some(), "{known} is read by now: take it off the list");
    }
    assert!(idle.is_empty(), "nothing acts on: {idle:#?}");
}

/// `pub` items by the name that others call them.
fn public_items(code: &Code) -> Vec<&str> {
    let kinds = ["fn ", "const fn ", "struct ", "enum ", "trait ", "type ", "const ", "static "];
    let before = std::iter::once("").chain(code.text.lines());
    let lines = before.zip(code.text.lines()).filter(|(before, _)| before.trim() != "#[cfg(test)]");
    let lines = lines.filter_map(|(_, line)| line.trim_start().strip_prefix("pub "));
    let names = lines.filter_map(|line| kinds.iter().rev().find_map(|kind| line.strip_prefix(kind))).map(word);
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn every_public_item_has_a_user_that_is_no_test() {
    let sources = sources();
    let mut uses: BTreeMap<&str, u32> = Default::default();
    for code in &sources {
        // What a file re-exports it does not use.
        let mut in_use = false;
        for line in code.text.lines() {
            let start = line.trim_start();
            in_use |=
                start.starts_with("pub use ") || start.starts_with("use ") || start.starts_with("pub(crate) use ");
            if !in_use {
                for name in line.split(|c| !is_word(c)).filter(|name| !name.is_empty()) {
                    *uses.entry(name).or_default() += 1;
                }
            }
            in_use &= !line.ends_with(';');
        }
    }
    let mut definitions: BTreeMap<&str, (u32, &Path)> = Default::default();
    for code in &sources {
        for name in public_items(code) {
            definitions.entry(name).or_insert((0, &code.path)).0 += 1;
        }
    }
    assert!(definitions.len() > 500, "the items were found");
    let mut idle = definitions;
    idle.retain(|name, (count, _)| uses.get(name).copied().unwrap_or(0) <= *count);
    for (known, _) in FOR_TESTS {
        assert!(idle.remove(known).is_some(), "{known} is used by now: take it off the list");
    }
    assert!(idle.is_empty(), "only tests use: {idle:#?}");
}
