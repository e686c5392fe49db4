//! Nothing unbounded: small or ordinary inputs that took minutes or gigabytes, each an example of its kind. The answer
//! comes within ten seconds and one gigabyte.

mod inputs;
mod pods;

use std::time::{Duration, Instant};

use crate::shell::{Said, Workshop};

const LONGEST: Duration = Duration::from_secs(10);

/// Runs a line of shell in a gigabyte of address space and no longer than ten seconds.
fn within_bounds(shop: &Workshop, line: &str) -> Said {
    let started = Instant::now();
    // Where the system bounds no memory the time still is.
    let said = shop.run(&format!("ulimit -v 1048576 2>/dev/null; RAYON_NUM_THREADS=2 {line}"));
    let took = started.elapsed();
    assert!(took < LONGEST, "{line} took {took:?}");
    said
}

fn write(shop: &Workshop, name: &str, text: &str) {
    std::fs::write(shop.path().join(name), text).expect("there is room for a file");
}

/// Refused with exit code 2 and these words.
#[track_caller]
fn refused(shop: &Workshop, line: &str, words: &str) {
    let said = within_bounds(shop, line);
    assert_eq!(said.code, 2, "{line}: {}", said.err);
    assert!(said.err.contains(words), "{line} should say {words:?}:\n{}", said.err);
}

const HEAD: &str = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: x}\nspec:\n  duration: 1h\n  \
    nodeGroups: [{name: g, instanceType: m6i.large, minSize: 1, maxSize: 4}]\n";

/// A Deployment; `line` stands in its spec.
fn deployment(name: &str, line: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  {line}\n  selector: \
         {{matchLabels: {{app: a}}}}\n  template:\n    metadata: {{labels: {{app: a}}}}\n    spec: {{containers: \
         [{{name: c, resources: {{requests: {{cpu: 100m}}}}}}]}}\n"
    )
}
