//! Mutations of the corpus without a look at coverage: the same few in every ordinary run, and with `FUZZ_SECONDS=600`
//! (a target) as many as that time holds. `FUZZ_TARGET` picks one target.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::{TARGETS, Target, folder};
use crate::house::root;

/// xorshift: what it draws need not be good, only the same.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// What numbers and texts are replaced by.
const EXTREMES: [&str; 24] = [
    "0",
    "-1",
    "1",
    "2147483647",
    "4294967295",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "9007199254740992",
    "1e308",
    "-1e308",
    "1e-308",
    "0.5",
    "\"\"",
    "null",
    "[]",
    "{}",
    "true",
    "\"1n\"",
    "\"9E\"",
    "\"2562047h\"",
    "\"0s\"",
    "\"-5s\"",
    "\"a.b/c\"",
];

fn mutated(inputs: &[Vec<u8>], draw: &mut Draw) -> Vec<u8> {
    let mut data = inputs[draw.below(inputs.len())].clone();
    for _ in 0..1 + draw.below(4) {
        let at = draw.below(data.len());
        match draw.below(8) {
            0 if !data.is_empty() => data[at] ^= 1 << draw.below(8),
            1 if !data.is_empty() => data[at] = b"{}[]:,\"'-0 9\n&*!|>#%\x00\xff"[draw.below(22)],
            2 => {
                let end = (at + draw.below(40)).min(data.len());
                data.drain(at..end);
            }
            3 => {
                let end = (at + draw.below(60)).min(data.len());
                let copy = data[at..end].to_vec();
                data.splice(at..at, copy);
            }
            4 => {
                let other = &inputs[draw.below(inputs.len())];
                let from = draw.below(other.len());
                let to = (from + draw.below(120)).min(other.len());
                data.splice(at..at, other[from..to].iter().copied());
            }
            // A value: a run of what stands in numbers and words.
            _ => {
                let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
                let Some(start) = (at..data.len()).find(|at| is_word(data[*at])) else { continue };
                let end = (start..data.len()).find(|at| !is_word(data[*at])).unwrap_or(data.len());
                data.splice(start..end, EXTREMES[draw.below(EXTREMES.len())].bytes());
            }
        }
    }
    data.truncate(1 << 16);
    data
}

fn feed((name, body): Target, seconds: Option<u64>) -> u64 {
    let entries = fs::read_dir(folder(root(), name)).expect("every target has a folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    let inputs: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).expect("it can be read")).collect();
    // More are more of the same: a run is dear, an answer is not.
    let few = match name {
        "plan" => 8,
        "set" | "scenario" | "manifests" => 25,
        _ => 150,
    };
    let started = Instant::now();
    let seed = if seconds.is_some() { u64::from(std::process::id()) << 20 | 1 } else { 0x9E37_79B9_7F4A_7C15 };
    let (mut draw, mut count) = (Draw(seed), 0);
    while seconds.map_or(count < few, |seconds| started.elapsed() < Duration::from_secs(seconds)) {
        let data = mutated(&inputs, &mut draw);
        let begun = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&data)));
        let took = begun.elapsed();
        let file = || {
            let path = std::env::temp_dir().join(format!("windtunnel-{name}-{count}"));
            fs::write(&path, &data).expect("there is room for the input");
            path
        };
        assert!(outcome.is_ok(), "{name} panics on {}", file().display());
        // A drawn plan is audited after each event and run twice, perhaps on a busy machine.
        let longest = if name == "plan" { 300 } else { 20 };
        assert!(took < Duration::from_secs(longest), "{name} took {took:?} on {}", file().display());
        count += 1;
    }
    count
}

#[test]
fn mutations_of_the_corpus_are_answered() {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let only = std::env::var("FUZZ_TARGET").ok();
    for target in TARGETS.into_iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name)) {
        let count = feed(target, seconds);
        println!("{}: {count} inputs", target.0);
        assert!(count > 0);
    }
}
