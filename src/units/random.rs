//! The one constructor of random streams.
//!
//! Every random draw in the project comes from a stream named by (seed, purpose, entity), so that one process's
//! draws never shift another's: a policy that boots one node more leaves every other node's boot time as it was.

use rand_pcg::Pcg64Mcg;

/// A stream of its own for `entity` (an id, or a hash of a name) and `purpose` (such as `"node-boot"`) under `seed`.
///
/// The same three arguments give the same draws on every platform and in every version: PCG-MCG 128/64 is
/// value-stable, and the state is hashed here from all three (FNV-1a over the purpose, then SplitMix64), so
/// neighbouring seeds or ids give unrelated streams.
pub fn stream(seed: u64, purpose: &str, entity: u64) -> Pcg64Mcg {
    let mut state = split_mix(seed ^ 0x5749_4e44_5455_4e4e);
    state = split_mix(state ^ entity_of_name(purpose));
    state = split_mix(state ^ entity);
    let high = split_mix(state);
    let low = split_mix(high ^ entity.rotate_left(32));
    Pcg64Mcg::new(u128::from(high) << 64 | u128::from(low))
}

/// A stable entity number for something known by name only: FNV-1a, 64 bits.
pub fn entity_of_name(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// SplitMix64's increment and finalizer.
fn split_mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    fn first_draws(seed: u64, purpose: &str, entity: u64) -> [u64; 2] {
        let mut rng = stream(seed, purpose, entity);
        [rng.next_u64(), rng.next_u64()]
    }

    #[test]
    fn a_stream_keeps_its_values_for_ever() {
        assert_eq!(first_draws(42, "node-boot", 0), GOLDEN[0]);
        assert_eq!(first_draws(42, "node-boot", 1), GOLDEN[1]);
        assert_eq!(first_draws(43, "pod-start", u64::MAX), GOLDEN[2]);
        assert_eq!(entity_of_name("ai-model-deployment"), GOLDEN_NAME);
    }

    #[test]
    fn seed_purpose_and_entity_each_change_the_stream() {
        let base = first_draws(1, "a", 1);
        assert_eq!(first_draws(1, "a", 1), base);
        for other in [first_draws(2, "a", 1), first_draws(1, "b", 1), first_draws(1, "a", 2), first_draws(1, "", 1)] {
            assert_ne!(other, base);
        }
    }

    #[test]
    fn neighbouring_entities_are_spread_evenly() {
        let ones: u32 = (0..1000).map(|entity| stream(7, "spread", entity).next_u64().count_ones()).sum();
        assert!((31_500..32_500).contains(&ones), "{ones} of 64,000 bits set");
    }

    const GOLDEN: [[u64; 2]; 3] = [
        [5166362866357517298, 15363142239189768320],
        [12765497984298448600, 11593103643786112282],
        [10989183915164968743, 17641884896999099488],
    ];
    const GOLDEN_NAME: u64 = 478195849454939665;
}
