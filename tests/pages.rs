//! Pages whose commands are run: the tutorial and the recipes say what the program prints.
//!
//! In `docs/tutorial.md` and `docs/recipes/*.md`, a block after `<!-- file: NAME -->` is a file, and a `console` block
//! holds commands (`$ …`, run by a shell in one folder a page) with what they print. A line `…` there stands for any
//! lines. `WINDTUNNEL_PAGES=update cargo test --test main pages` writes what is printed now into blocks without `…`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::house::root;
use crate::shell::Workshop;

const UPDATE: &str = "WINDTUNNEL_PAGES";
const ELISION: &str = "…";

/// The pages that are run, by their path within the repository.
fn pages() -> Vec<PathBuf> {
    let recipes = fs::read_dir(root().join("docs/recipes")).expect("recipes are checked in").flatten();
    let mut pages: Vec<PathBuf> =
        recipes.map(|entry| entry.path()).filter(|path| path.ends_with("README.md").eq(&false)).collect();
    pages.push(root().join("docs/tutorial.md"));
    pages.sort();
    pages
}

/// A fenced block of a page: what it is, and its lines' range.
struct Block {
    kind: Kind,
    lines: std::ops::Range<usize>,
}

enum Kind {
    File(String),
    Console,
    Other,
}

fn blocks(lines: &[&str]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(language) = lines[at].strip_prefix("```") else {
            at += 1;
            continue;
        };
        let end = (at + 1..lines.len()).find(|index| lines[*index] == "```").expect("a block ends");
        let before = lines[..at].iter().rev().find(|line| !line.is_empty());
        let file = before.and_then(|line| line.strip_prefix("<!-- file: ")?.strip_suffix(" -->"));
        let kind = match (file, language) {
            (Some(name), _) => Kind::File(name.to_owned()),
            (None, "console") => Kind::Console,
            _ => Kind::Other,
        };
        blocks.push(Block { kind, lines: at + 1..end });
        at = end + 1;
    }
    blocks
}

/// Commands of a block and what they print, as written.
fn commands<'t>(lines: &[&'t str]) -> Vec<(String, Vec<&'t str>)> {
    let mut commands: Vec<(String, Vec<&str>)> = Vec::new();
    let mut continues = false;
    for line in lines {
        if continues {
            commands.last_mut().expect("a command began").0 += &format!("\n{line}");
        } else if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command.to_owned(), Vec::new()));
        } else {
            commands.last_mut().expect("a block begins with a command").1.push(line);
            continue;
        }
        continues = line.ends_with('\\');
    }
    commands
}

/// `written` with any lines in place of each elision.
fn matches(written: &[&str], printed: &[&str]) -> bool {
    match written.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if *first == ELISION => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        Some((first, rest)) => printed.first() == Some(first) && matches(rest, &printed[1..]),
    }
}

/// Runs a page and returns it as it would be written now; panics where an excerpt is not what is printed.
fn run(page: &Path) -> String {
    let text = fs::read_to_string(page).expect("a page");
    let lines: Vec<&str> = text.lines().collect();
    let shop = Workshop::with_scenarios();
    let mut out: Vec<String> = Vec::new();
    let mut copied = 0;
    for block in blocks(&lines) {
        match block.kind {
            Kind::Other => {}
            Kind::File(name) => {
                let path = shop.path().join(name);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
                fs::write(path, lines[block.lines].join("\n") + "\n").expect("a file can be written");
            }
            Kind::Console => {
                out.extend(lines[copied..block.lines.start].iter().map(|line| (*line).to_owned()));
                copied = block.lines.end;
                for (command, written) in commands(&lines[block.lines]) {
                    let said = shop.run(&command);
                    let all = format!("{}{}", said.out, said.err);
                    let printed: Vec<&str> = all.trim_end().lines().map(str::trim_end).collect();
                    out.push(format!("$ {command}"));
                    if written.contains(&ELISION) {
                        let place = page.display();
                        assert!(matches(&written, &printed), "{place}: `{command}` prints\n{}", printed.join("\n"));
                        out.extend(written.into_iter().map(str::to_owned));
                    } else {
                        out.extend(printed.into_iter().map(str::to_owned));
                    }
                }
            }
        }
    }
    out.extend(lines[copied..].iter().map(|line| (*line).to_owned()));
    out.join("\n") + "\n"
}

#[test]
fn the_pages_say_what_their_commands_print() {
    let update = std::env::var(UPDATE).is_ok_and(|value| value == "update");
    for page in pages() {
        let now = run(&page);
        let text = fs::read_to_string(&page).expect("a page");
        if update {
            fs::write(&page, now).expect("a page can be written");
            continue;
        }
        let parts = text.lines().zip(now.lines()).find(|(written, printed)| written != printed);
        assert!(
            text == now,
            "{}: {parts:?}; run `{UPDATE}=update cargo test --test main pages` and look at the difference",
            page.display()
        );
    }
}

/// The commands of the README, `cargo run --release --` in front, end well.
#[test]
fn the_commands_of_the_readme_work() {
    let text = fs::read_to_string(root().join("README.md")).expect("a page");
    let shop = Workshop::with_scenarios();
    let lines: Vec<&str> = text.lines().collect();
    let mut tried = 0;
    for block in lines.split(|line| line.starts_with("```")).skip(1).step_by(2) {
        let script = block.join("\n").replace("\\\n", " ");
        for command in script.lines().filter_map(|line| line.strip_prefix("cargo run --release -- ")) {
            let said = shop.run(&format!("windtunnel {command}"));
            assert_eq!(said.code, 0, "{command}: {said:?}");
            tried += 1;
        }
    }
    assert!(tried >= 3, "{tried}");
}

#[test]
fn an_elision_stands_for_any_lines() {
    assert!(matches(&["a", "…", "d"], &["a", "b", "c", "d"]) && matches(&["…"], &[]));
    assert!(!matches(&["a", "…", "d"], &["a", "b"]) && !matches(&["a"], &["a", "b"]));
}
