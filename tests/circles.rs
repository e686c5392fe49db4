//! No two files need one another: imports between files form no circle, followed through re-exports to where an item is
//! defined. `mod` lines and re-exports are no imports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::house::{files, root};

type Modules = BTreeMap<Vec<String>, String>;

/// The path of a file's module.
fn module(file: &str) -> Vec<String> {
    let mut path: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod" || last == "lib") {
        path.pop();
    }
    path
}

/// The paths of a `use` tree.
fn paths(tree: &str, prefix: &[&str], found: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let name = tree.split(" as ").next().unwrap_or(tree);
        let own = name.split("::").filter(|part| !part.is_empty() && *part != "self" || prefix.is_empty());
        let path: Vec<String> = prefix.iter().copied().chain(own).map(str::to_owned).collect();
        return found.push(path);
    };
    let head: Vec<&str> = prefix.iter().copied().chain(tree[..open].split("::").filter(|p| !p.is_empty())).collect();
    let (mut depth, mut from) = (0, open + 1);
    for (at, c) in tree.char_indices().skip(open + 1) {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                if !tree[from..at].trim().is_empty() {
                    paths(&tree[from..at], &head, found);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// `(is a re-export, path)` of every `use` of a file outside its tests.
fn uses(text: &str) -> Vec<(bool, Vec<String>)> {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let code: Vec<&str> = text[..end].lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join(" ");
    let mut found = Vec::new();
    for statement in code.split(';') {
        let Some((before, tree)) = statement.rsplit_once("use ") else { continue };
        let before = before.trim_end();
        let is_start = before.is_empty() || before.ends_with(['}', '{', ']', ')']) || before.ends_with("pub");
        let mut of_tree = Vec::new();
        if is_start {
            paths(tree, &[], &mut of_tree);
        }
        let is_public = before.ends_with("pub") || before.ends_with(')') && before.contains("pub(");
        found.extend(of_tree.into_iter().map(|path| (is_public, path)));
    }
    found
}

/// The path from the crate's root; `None` where it leads out of it.
fn absolute(file: &str, path: &[String], modules: &Modules) -> Option<Vec<String>> {
    let mut own = module(file);
    match path.first()?.as_str() {
        "crate" => return Some(path[1..].to_vec()),
        "self" => own.extend_from_slice(&path[1..]),
        "super" => {
            let ups = path.iter().take_while(|part| *part == "super").count();
            own.truncate(own.len().checked_sub(ups)?);
            own.extend_from_slice(&path[ups..]);
        }
        first => {
            own.push(first.to_owned());
            if !modules.contains_key(&own) {
                return None;
            }
            own.extend_from_slice(&path[1..]);
        }
    }
    Some(own)
}

type ReExports = BTreeMap<(Vec<String>, String), Vec<String>>;

/// The file that defines what a path names.
fn definition<'a>(path: &[String], modules: &'a Modules, exported: &ReExports, depth: usize) -> Option<&'a str> {
    for length in (0..=path.len()).rev() {
        let Some(file) = modules.get(&path[..length]) else { continue };
        let of_module = path.get(length).and_then(|name| exported.get(&(path[..length].to_vec(), name.clone())));
        return match of_module {
            Some(elsewhere) if depth < 8 && elsewhere != path => definition(elsewhere, modules, exported, depth + 1),
            _ => Some(file),
        };
    }
    None
}

fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let folder = root().join("src");
    let inside = |path: &Path| path.strip_prefix(&folder).expect("it is below src").display().to_string();
    let sources: Vec<(String, String)> = files("src", "rs").iter().map(|(p, text)| (inside(p), text.clone())).collect();
    let modules: Modules =
        sources.iter().filter(|(file, _)| file != "main.rs").map(|(file, _)| (module(file), file.clone())).collect();
    let mut exported = ReExports::new();
    for (file, text) in &sources {
        for (is_public, path) in uses(text) {
            let Some(path) = absolute(file, &path, &modules).filter(|_| is_public) else { continue };
            let name = path.last().cloned().unwrap_or_default();
            exported.insert((module(file), name), path);
        }
    }
    let is_test = |file: &str| {
        ["tests", "_tests", "both_doors", "fixture"].iter().any(|stem| file.ends_with(&format!("{stem}.rs")))
    };
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in sources.iter().filter(|(file, _)| file != "main.rs" && file != "lib.rs" && !is_test(file)) {
        for (is_public, path) in uses(text) {
            if is_public && file.ends_with("mod.rs") {
                continue;
            }
            let path = absolute(file, &path, &modules);
            let target = path.and_then(|path| definition(&path, &modules, &exported, 0));
            if let Some(target) = target.filter(|target| target != file && *target != "lib.rs") {
                arrows.entry(file.clone()).or_default().insert(target.to_owned());
            }
        }
    }
    arrows
}

/// Everything that a file leads to.
fn reach(file: &str, arrows: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut next = vec![file.to_owned()];
    while let Some(file) = next.pop() {
        for target in arrows.get(&file).into_iter().flatten() {
            if seen.insert(target.clone()) {
                next.push(target.clone());
            }
        }
    }
    seen
}

#[test]
fn imports_between_files_form_no_circle() {
    let arrows = arrows();
    assert!(arrows.len() > 200, "the files were read: {}", arrows.len());
    let reached: BTreeMap<&String, BTreeSet<String>> = arrows.keys().map(|file| (file, reach(file, &arrows))).collect();
    let mut circles: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    for (file, targets) in &reached {
        let back = targets.iter().filter(|target| reached.get(target).is_some_and(|of| of.contains(*file)));
        let circle: BTreeSet<String> = back.cloned().collect();
        if !circle.is_empty() {
            circles.insert(circle);
        }
    }
    assert!(circles.is_empty(), "files that need one another: {circles:#?}");
}

#[test]
fn a_tree_of_imports_is_read_to_its_leaves() {
    let text = "use super::a::{self, B, c::{D, E as F}};\npub use crate::x::Y;\nuse std::fmt;\n";
    let read: Vec<String> = uses(text).iter().map(|(public, path)| format!("{public} {}", path.join("::"))).collect();
    let expected = [
        "false super::a",
        "false super::a::B",
        "false super::a::c::D",
        "false super::a::c::E",
        "true crate::x::Y",
        "false std::fmt",
    ];
    assert_eq!(read, expected);
}
