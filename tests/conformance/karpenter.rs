//! Karpenter: cases from upstream's suites, each a question to `decide karpenter`.

use super::check;

#[test]
fn karpenter_agrees_with_upstreams_suites() {
    assert!(check("karpenter", "karpenter") >= 140);
}
