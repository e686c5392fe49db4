//! The corpus as a test: nothing in it panics or takes long, and every target has some.

use std::fs;
use std::time::{Duration, Instant};

use super::{TARGETS, folder};
use crate::house::root;

#[test]
fn every_input_of_the_corpus_is_answered() {
    for (name, body) in TARGETS {
        let inputs = fs::read_dir(folder(root(), name)).expect("every target has a folder");
        let mut count = 0;
        for input in inputs {
            let path = input.expect("it can be listed").path();
            let data = fs::read(&path).expect("it can be read");
            let started = Instant::now();
            body(&data);
            let took = started.elapsed();
            assert!(took < Duration::from_secs(10), "{} took {took:?}", path.display());
            count += 1;
        }
        assert!(count >= 3, "{name} has {count} inputs");
    }
}

#[test]
fn every_target_has_its_program() {
    for (name, _) in TARGETS {
        let path = root().join("fuzz/fuzz_targets").join(format!("{name}.rs"));
        let text = fs::read_to_string(&path).expect("it is there");
        assert!(text.contains(&format!("\"{name}\"")), "{}", path.display());
        let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("it is there");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml lacks {name}");
    }
}
