//! How a kernel divides CPU: by shares, and only where there is not enough for all (CFS, work-conserving).

/// Somebody who wants CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its cgroup's shares, at least 1.
    pub shares: i64,
    /// Millicores that it would use if it had a machine to itself, its limit applied.
    pub wanted: i64,
}

/// Divides `supply` millicores: whoever wants no more than its part by shares has what it wants, and what that leaves
/// is divided among the others in the same way (weighted max-min fairness). Parts are rounded down, so that a few
/// millicores may be left; an answer does not depend on the order of the claims.
pub fn divide(supply: i64, claims: &[Claim]) -> Vec<i64> {
    let wanted: i128 = claims.iter().map(|claim| i128::from(claim.wanted.max(0))).sum();
    let mut parts: Vec<i64> = claims.iter().map(|claim| claim.wanted.max(0)).collect();
    if wanted <= i128::from(supply) {
        return parts;
    }
    let wide = |claim: &Claim| (i128::from(claim.wanted.max(0)), i128::from(claim.shares.max(1)));
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by(|a, b| {
        let ((a_wanted, a_shares), (b_wanted, b_shares)) = (wide(&claims[*a]), wide(&claims[*b]));
        (a_wanted * b_shares).cmp(&(b_wanted * a_shares))
    });
    let mut left = i128::from(supply.max(0));
    let mut shares: i128 = claims.iter().map(|claim| wide(claim).1).sum();
    for (rank, index) in order.iter().enumerate() {
        let (wanted, its) = wide(&claims[*index]);
        if wanted * shares > left * its {
            for index in &order[rank..] {
                parts[*index] = (left * wide(&claims[*index]).1 / shares) as i64;
            }
            break;
        }
        left -= wanted;
        shares -= its;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn divided(supply: i64, claims: &[(i64, i64)]) -> Vec<i64> {
        let claims: Vec<Claim> =
            claims.iter().map(|(shares, wanted)| Claim { shares: *shares, wanted: *wanted }).collect();
        divide(supply, &claims)
    }

    #[test]
    fn without_contention_everybody_has_what_it_wants() {
        assert_eq!(divided(2000, &[(2, 1900), (768, 100)]), [1900, 100]);
    }

    #[test]
    fn under_contention_shares_decide_and_what_one_leaves_goes_to_the_others() {
        assert_eq!(divided(2000, &[(256, 5000), (768, 5000)]), [500, 1500]);
        assert_eq!(divided(2000, &[(256, 5000), (768, 100)]), [1900, 100]);
        assert_eq!(divided(4000, &[(1024, 9000), (1024, 500), (2048, 9000)]), [1166, 500, 2333]);
    }

    #[test]
    fn best_effort_yields_to_whoever_has_a_request() {
        assert_eq!(divided(1000, &[(2, 1000), (1024, 1000)]), [1, 998]);
    }

    proptest! {
        #[test]
        fn a_division_is_fair_and_wastes_nothing(
            supply in 0..64_000i64,
            claims in proptest::collection::vec((1..4_000i64, 0..20_000i64), 0..12),
        ) {
            let parts = divided(supply, &claims);
            let (sum, wanted): (i64, i64) = (parts.iter().sum(), claims.iter().map(|claim| claim.1).sum());
            prop_assert!(sum <= supply.min(wanted) && sum + claims.len() as i64 >= supply.min(wanted));
            // Nobody that wants more has less by share than another has.
            for (part, (shares, wanted)) in parts.iter().zip(&claims) {
                prop_assert!(*part <= *wanted);
                for (other, (other_shares, _)) in parts.iter().zip(&claims) {
                    prop_assert!(*part == *wanted || (part + 1) * other_shares >= (other - 1) * shares);
                }
            }
            let mut turned = claims.clone();
            turned.reverse();
            let mut back = divided(supply, &turned);
            back.reverse();
            prop_assert_eq!(parts, back);
        }
    }
}
