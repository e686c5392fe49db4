//! Upstream's own PromQL tests (`promql/promqltest/testdata`), read from a checkout of Prometheus that the variable
//! `WINDTUNNEL_PROMQLTEST` names; without it the test passes and says so. To see the share that holds:
//!
//! ```text
//! WINDTUNNEL_PROMQLTEST=…/promql/promqltest/testdata cargo test --test main promqltest -- --nocapture
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use windtunnel::promql::{Context, LabelTable, Query, STALE, Store, Value, evaluate};

/// A series as a test file writes it, with its values by step; `None`: no sample.
struct Line {
    labels: Vec<(String, String)>,
    values: Vec<Option<f64>>,
    has_histogram: bool,
}

/// Duration or plain seconds, in milliseconds.
fn millis(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Some((seconds * 1000.0).round() as i64);
    }
    let (text, sign) = text.strip_prefix('-').map_or((text, 1), |rest| (rest, -1));
    let (mut total, mut number) = (0, String::new());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_ascii_digit() {
            number.push(letter);
            continue;
        }
        let unit = match letter {
            'm' if letters.peek() == Some(&'s') => {
                letters.next();
                1
            }
            's' => 1000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            'w' => 7 * 86_400_000,
            'y' => 365 * 86_400_000,
            _ => return None,
        };
        total += std::mem::take(&mut number).parse::<i64>().ok()? * unit;
    }
    number.is_empty().then_some(sign * total)
}

fn number(text: &str) -> Option<f64> {
    match text.to_lowercase().as_str() {
        "inf" | "+inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        "nan" => Some(f64::NAN),
        "stale" => Some(f64::from_bits(STALE)),
        text => match text.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok().map(|value| value as f64),
            None => text.replace('_', "").parse().ok(),
        },
    }
}

fn line(text: &str) -> Option<Line> {
    let text = text.trim();
    let mut labels = Vec::new();
    let open = text.find(['{', ' ', '\t']).unwrap_or(text.len());
    if open > 0 {
        labels.push(("__name__".to_owned(), text[..open].to_owned()));
    }
    let mut rest = &text[open..];
    // A histogram is no label set.
    if rest.starts_with('{') && !rest.starts_with("{{") {
        rest = &rest[1..];
        loop {
            rest = rest.trim_start_matches([' ', ',', '\t']);
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let name = if rest.starts_with('"') {
                quoted(&mut rest)?
            } else {
                let end = rest.find(['=', ' '])?;
                let name = rest[..end].to_owned();
                rest = &rest[end..];
                name
            };
            rest = rest.trim_start();
            match rest.strip_prefix('=') {
                Some(after) => {
                    rest = after.trim_start();
                    labels.push((name, quoted(&mut rest)?));
                }
                None => labels.push(("__name__".to_owned(), name)),
            }
        }
    }
    let mut values = Vec::new();
    if rest.contains("{{") {
        return Some(Line { labels, values, has_histogram: true });
    }
    for word in rest.split_whitespace() {
        let (word, repeat) = match word.rsplit_once('x') {
            Some((start, count)) => (start, Some(count.parse::<usize>().ok()?)),
            None => (word, None),
        };
        if word == "_" {
            values.extend(std::iter::repeat_n(None, repeat.unwrap_or(1)));
            continue;
        }
        // `start+step`: the sign in the middle, not that of an exponent.
        let sign = word
            .char_indices()
            .skip(1)
            .find(|(at, letter)| matches!(letter, '+' | '-') && !word[..*at].ends_with(['e', 'E']));
        match (sign, repeat) {
            (Some((at, _)), Some(count)) => {
                let (start, step) = (number(&word[..at])?, number(&word[at..])?);
                // Upstream adds up, step by step.
                let mut value = start;
                for _ in 0..=count {
                    values.push(Some(value));
                    value += step;
                }
            }
            (None, Some(count)) => values.extend(std::iter::repeat_n(Some(number(word)?), count + 1)),
            (_, None) => values.push(Some(number(word)?)),
        }
    }
    Some(Line { labels, values, has_histogram: false })
}

fn quoted(rest: &mut &str) -> Option<String> {
    let quote = rest.chars().next().filter(|letter| matches!(letter, '"' | '\'' | '`'))?;
    let (mut text, mut escaped) = (String::new(), false);
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => {
                text.push(match letter {
                    'n' => '\n',
                    't' => '\t',
                    letter => letter,
                });
                escaped = false;
            }
            '\\' if quote != '`' => escaped = true,
            letter if letter == quote => {
                *rest = &rest[at + 1..];
                return Some(text);
            }
            letter => text.push(letter),
        }
    }
    None
}

#[derive(Default)]
struct Score {
    holds: usize,
    fails: Vec<String>,
    /// By why.
    unsupported: BTreeMap<String, usize>,
}

/// Of one file.
struct Reader {
    store: Store,
    /// Metrics of which some sample is a native histogram.
    histograms: BTreeSet<String>,
    score: Score,
    name: String,
}

impl Reader {
    fn load(&mut self, step: i64, block: &[&str], converts: bool) {
        for text in block {
            let Some(line) = line(text) else {
                *self.score.unsupported.entry(format!("{}: unreadable series", self.name)).or_default() += 1;
                continue;
            };
            let name = line.labels.iter().find(|(label, _)| label == "__name__").map(|(_, name)| name.clone());
            let name = name.unwrap_or_default();
            if line.has_histogram || line.values.is_empty() {
                self.histograms.insert(name.clone());
            }
            if converts && let Some(base) = name.strip_suffix("_bucket") {
                self.histograms.insert(base.to_owned());
            }
            let labels = self.store.labels.set_of(line.labels.iter().map(|(name, value)| (&**name, &**value)));
            let id = self.store.series(labels);
            for (index, value) in line.values.iter().enumerate() {
                if let Some(value) = value {
                    self.store.push(id, index as i64 * step, *value);
                }
            }
        }
    }

    fn eval(&mut self, command: &str, block: &[&str]) {
        let outcome = self.judge(command, block);
        match outcome {
            Ok(()) => self.score.holds += 1,
            Err(Why::Unsupported(why)) => *self.score.unsupported.entry(why).or_default() += 1,
            Err(Why::Wrong(_)) if let Some(flag) = flag_of(&self.name) => {
                *self.score.unsupported.entry(flag.to_owned()).or_default() += 1;
            }
            Err(Why::Wrong(why)) => self.score.fails.push(format!("{}: {command}\n      {why}", self.name)),
        }
    }

    fn judge(&mut self, command: &str, block: &[&str]) -> Result<(), Why> {
        let wrong = |what: &str| Why::Wrong(what.to_owned());
        let (head, rest) = command.split_once(char::is_whitespace).ok_or(wrong("no query"))?;
        let rest = rest.trim_start();
        let (start, end, mut step);
        let text = rest;
        step = 1;
        let mut words = text.splitn(4, char::is_whitespace).map(str::trim);
        let text = match words.next() {
            Some("instant") => {
                words.next();
                start = millis(words.next().ok_or(wrong("no time"))?).ok_or(wrong("no time"))?;
                end = start;
                words.next().ok_or(wrong("no query"))?.to_owned()
            }
            Some("range") => {
                let words: Vec<&str> = text.split_whitespace().collect();
                let time = |index: usize| words.get(index).and_then(|word| millis(word));
                start = time(2).ok_or(wrong("no start"))?;
                end = time(4).ok_or(wrong("no end"))?;
                step = time(6).ok_or(wrong("no step"))?.max(1);
                let at = text.find(" step ").ok_or(wrong("no step"))? + 6;
                text[at..].trim_start().split_once(char::is_whitespace).ok_or(wrong("no query"))?.1.trim().to_owned()
            }
            _ => return Err(wrong("neither instant nor range")),
        };
        let mut fails = head == "eval_fail";
        let mut ordered = head == "eval_ordered";
        let mut expected: Vec<&str> = Vec::new();
        let mut of_text = None;
        for line in block {
            match line.trim().strip_prefix("expect") {
                Some(what) if line.trim().starts_with("expect") && !line.trim().starts_with("expected_") => {
                    let what = what.trim();
                    fails |= what.starts_with("fail");
                    ordered |= what.starts_with("ordered");
                    if let Some(text) = what.strip_prefix("string") {
                        let mut text = text.trim();
                        of_text = quoted(&mut text);
                    }
                    if what.starts_with("range vector") {
                        return Err(Why::Unsupported("`expect range vector`".to_owned()));
                    }
                }
                _ if line.trim().starts_with("expected_fail") => fails = true,
                _ => expected.push(line.trim()),
            }
        }
        let is_of_histograms = expected.iter().any(|line| line.contains("{{"))
            || self.histograms.iter().any(|name| !name.is_empty() && mentions(&text, name))
            || (!self.histograms.is_empty() && (text.contains("{__name__=~") || text.contains("({")));
        let by_histograms = |why: String| match is_of_histograms {
            true => Why::Unsupported("native histograms".to_owned()),
            false => Why::Wrong(why),
        };
        let mut query = match Query::parse(&text, &mut self.store.labels) {
            Ok(query) => query,
            Err(_) if fails => return Ok(()),
            Err(problem) if is_of_histograms => return Err(by_histograms(problem.to_string())),
            Err(problem) => {
                let problem = problem.to_string();
                let known = ["is not evaluated", "experimental", "not evaluated"];
                return Err(match known.iter().any(|word| problem.contains(word)) {
                    true => Why::Unsupported(problem),
                    false => {
                        Why::Unsupported(format!("the parser refuses it: {}", problem.lines().next().unwrap_or("")))
                    }
                });
            }
        };
        // By labels: values by step.
        let mut found: BTreeMap<Vec<(String, String)>, Vec<Option<f64>>> = BTreeMap::new();
        let mut order = Vec::new();
        let steps = ((end - start) / step + 1) as usize;
        for index in 0..steps {
            let at = start + index as i64 * step;
            let context = Context { at, start, end, ..Context::at(at) };
            let value = match evaluate(&mut query, &mut self.store, context) {
                Ok(value) => value,
                Err(_) if fails => return Ok(()),
                Err(problem) => return Err(by_histograms(problem.to_string())),
            };
            let samples = match value {
                Value::Scalar(value) => vec![(Vec::new(), value)],
                Value::Text(text) => {
                    return if Some(&text) == of_text.as_ref() { Ok(()) } else { Err(wrong("another text")) };
                }
                Value::Vector(samples) => {
                    samples.iter().map(|sample| (pairs(&self.store.labels, sample.labels), sample.value)).collect()
                }
                Value::Matrix(series) => {
                    for (labels, points) in series {
                        let values = points.iter().map(|point| Some(point.value)).collect();
                        found.insert(pairs(&self.store.labels, labels), values);
                    }
                    continue;
                }
            };
            for (labels, value) in samples {
                order.push(labels.clone());
                found.entry(labels).or_insert_with(|| vec![None; steps])[index] = Some(value);
            }
        }
        if fails {
            return Err(by_histograms("it should have failed".to_owned()));
        }
        let mut wanted = BTreeMap::new();
        let mut wanted_order = Vec::new();
        for text in expected {
            if let Some(value) = number(text) {
                wanted.insert(Vec::new(), vec![Some(value)]);
                continue;
            }
            let line = line(text).ok_or(Why::Wrong(format!("can't read {text}")))?;
            let mut labels = line.labels;
            labels.sort();
            wanted_order.push(labels.clone());
            let mut values = line.values;
            if steps > 1 {
                values.resize(steps, None);
            }
            wanted.insert(labels, values);
        }
        let is_same = found.len() == wanted.len()
            && found.iter().zip(&wanted).all(|((a, found), (b, wanted))| {
                a == b && found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| almost(*a, *b))
            });
        if !is_same {
            return Err(by_histograms(format!("found  {found:?}\n      wanted {wanted:?}")));
        }
        if ordered && order != wanted_order {
            return Err(by_histograms("another order".to_owned()));
        }
        Ok(())
    }
}

/// What a file's tests take for granted and a server has to be told to do (`--enable-feature`).
fn flag_of(file: &str) -> Option<&'static str> {
    match file {
        "name_label_dropping.test" => Some("promql-delayed-name-removal"),
        "start_timestamps.test" => Some("start timestamps of samples"),
        "type_and_unit.test" => Some("type-and-unit-labels"),
        _ => None,
    }
}

enum Why {
    Unsupported(String),
    Wrong(String),
}

fn mentions(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
        !text[..at].ends_with(is_word) && !text[at + name.len()..].starts_with(is_word)
    })
}

fn pairs(table: &LabelTable, labels: windtunnel::promql::LabelsId) -> Vec<(String, String)> {
    table.sorted(labels).into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// As upstream's tests compare: within a millionth.
fn almost(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() / (a.abs() + b.abs()).min(f64::MAX) < 1e-6
        }
        _ => false,
    }
}

fn run(name: &str, text: &str) -> Score {
    let mut reader =
        Reader { store: Store::default(), histograms: BTreeSet::new(), score: Score::default(), name: name.to_owned() };
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let mut at = 0;
    while at < lines.len() {
        let command = lines[at].trim();
        at += 1;
        if command.is_empty() {
            continue;
        }
        let from = at;
        while at < lines.len() && !lines[at].trim().is_empty() && !is_command(lines[at]) {
            at += 1;
        }
        let block = &lines[from..at];
        match command.split_whitespace().next() {
            Some("clear") => {
                reader.store = Store::default();
                reader.histograms.clear();
            }
            Some(load) if load.starts_with("load") => {
                let step = command.split_whitespace().nth(1).and_then(millis).expect("a step");
                reader.load(step, block, load == "load_with_nhcb");
            }
            Some(_) => reader.eval(command, block),
            None => {}
        }
    }
    reader.score
}

fn is_command(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or("");
    matches!(word, "clear" | "load" | "load_with_nhcb") || (word.starts_with("eval") && !line.starts_with([' ', '\t']))
}

#[test]
fn upstreams_tests_hold() {
    let Ok(folder) = std::env::var("WINDTUNNEL_PROMQLTEST") else {
        println!("skipped: WINDTUNNEL_PROMQLTEST names no folder of upstream's tests");
        return;
    };
    let mut files: Vec<_> = std::fs::read_dir(Path::new(&folder)).expect("the folder is there").flatten().collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    let (mut holds, mut unsupported, mut fails) = (0, BTreeMap::<String, usize>::new(), Vec::new());
    for file in files {
        let name = file.file_name().to_string_lossy().into_owned();
        let score = run(&name, &std::fs::read_to_string(file.path()).expect("text"));
        let passed_over: usize = score.unsupported.values().sum();
        println!("{name:28} {:4} hold, {:3} fail, {passed_over:4} not evaluated", score.holds, score.fails.len());
        holds += score.holds;
        fails.extend(score.fails);
        for (why, count) in score.unsupported {
            *unsupported.entry(why).or_default() += count;
        }
    }
    let mut whys: Vec<_> = unsupported.into_iter().collect();
    whys.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    println!("not evaluated:");
    for (why, count) in &whys {
        println!("  {count:4} {why}");
    }
    for fail in &fails {
        println!("FAIL {fail}");
    }
    let evaluated = holds + fails.len();
    println!("{holds} of {evaluated} that are evaluated hold ({:.1} %)", 100.0 * holds as f64 / evaluated as f64);
    assert!(holds as f64 / evaluated as f64 > 0.95, "too many fail");
}
