//! Partial admission: the largest smaller size that can be had.
//!
//! Kueue (0.20): `pkg/scheduler/flavorassigner/podset_reducer.go`.

/// Looks for the smallest step down from `full` (by at most `spare` pods each) that `fits`, by halving, which takes for
/// granted that what fits still fits when smaller. `None` where nothing fits, or where it is not so.
pub fn reduce<R>(full: &[i32], spare: &[i32], mut fits: impl FnMut(&[i32]) -> Option<R>) -> Option<R> {
    let steps: i64 = spare.iter().map(|spare| i64::from(*spare)).sum();
    if steps == 0 {
        return None;
    }
    let counts = |step: i64| -> Vec<i32> {
        full.iter().zip(spare).map(|(full, spare)| full - (i64::from(*spare) * step / steps) as i32).collect()
    };
    let mut last: Option<(i64, R)> = None;
    let (mut low, mut high) = (0, steps + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match fits(&counts(middle)) {
            Some(result) => {
                last = Some((middle, result));
                high = middle;
            }
            None => low = middle + 1,
        }
    }
    last.filter(|(step, _)| *step == low).map(|(_, result)| result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_size_that_fits_is_found() {
        let at_most = |limit: i32| move |counts: &[i32]| (counts.iter().sum::<i32>() <= limit).then(|| counts.to_vec());
        assert_eq!(reduce(&[10], &[8], at_most(7)), Some(vec![7]));
        assert_eq!(reduce(&[10, 4], &[8, 0], at_most(5)), None);
        assert_eq!(reduce(&[10], &[0], at_most(100)), None);
    }
}
