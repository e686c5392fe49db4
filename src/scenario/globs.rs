//! Paths with `*`, `?` and `[…]`, as Prometheus takes them in `rule_files` (Go's `filepath.Glob`).

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The files of a path, in the order of their names: it itself where it is no pattern or is there as written.
///
/// # Errors
/// Why there is none.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    let is_pattern = |part: &Path| part.to_str().is_some_and(|part| part.contains(['*', '?', '[']));
    if !is_pattern(path) || path.exists() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let name = part.as_os_str();
        let (Component::Normal(_), true, Some(pattern)) = (part, is_pattern(Path::new(name)), name.to_str()) else {
            found.iter_mut().for_each(|folder| folder.push(name));
            continue;
        };
        let pattern: Vec<char> = pattern.chars().collect();
        found = found.iter().flat_map(|folder| matching(folder, &pattern)).collect();
    }
    found.retain(|file| file.is_file());
    found.sort();
    if found.is_empty() {
        Err("no file is called so: `*`, `?` and `[…]` stand for parts of a name".to_owned())
    } else {
        Ok(found)
    }
}

fn matching(folder: &Path, pattern: &[char]) -> Vec<PathBuf> {
    let listed = fs::read_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let names = listed.into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let fits = |name: &String| matches(pattern, &name.chars().collect::<Vec<char>>());
    names.filter(fits).map(|name| folder.join(name)).collect()
}

fn matches(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', rest @ ..], _) => (0..=name.len()).any(|taken| matches(rest, &name[taken..])),
        (['?', rest @ ..], [_, others @ ..]) => matches(rest, others),
        (['[', rest @ ..], [letter, others @ ..]) => {
            let Some(end) = rest.iter().skip(1).position(|one| *one == ']') else { return false };
            let (class, rest) = (&rest[..=end], &rest[end + 2..]);
            class_holds(class, *letter) && matches(rest, others)
        }
        (['\\', wanted, rest @ ..], [letter, others @ ..]) => wanted == letter && matches(rest, others),
        ([wanted, rest @ ..], [letter, others @ ..]) => wanted == letter && matches(rest, others),
        _ => false,
    }
}

/// `a-z_` and `^a-z`.
fn class_holds(class: &[char], letter: char) -> bool {
    let (is_negated, mut class) = match class {
        ['^', rest @ ..] => (true, rest),
        class => (false, class),
    };
    let mut holds = false;
    while let [first, rest @ ..] = class {
        (holds, class) = match rest {
            ['-', last, rest @ ..] => (holds || (*first..=*last).contains(&letter), rest),
            rest => (holds || *first == letter, rest),
        };
    }
    holds != is_negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_go() {
        let fits = |pattern: &str, name: &str| {
            matches(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
        };
        for (pattern, name, wanted) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[]", "x", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a*b*c", "a--b-c", true),
        ] {
            assert_eq!(fits(pattern, name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn files_come_in_order_from_any_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/r1.yaml", "b/r0.yaml", "c/r2.yaml", "c/r2.txt"] {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let found = files(&folder.path().join("*/r*.yaml")).unwrap();
        let names: Vec<_> =
            found.iter().map(|file| file.strip_prefix(folder.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["b/r0.yaml", "b/r1.yaml", "c/r2.yaml"]);
        assert!(files(&folder.path().join("none*")).is_err());
        assert_eq!(files(Path::new("none.yaml")).unwrap(), [PathBuf::from("none.yaml")]);
    }
}
