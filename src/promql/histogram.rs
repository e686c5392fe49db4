//! Classic histograms: quantiles and fractions from buckets (`promql/quantile.go`).

/// A bucket with the observations up to its bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    pub bound: f64,
    pub count: f64,
}

/// Differences below this part of the counts are rounding (`smallDeltaTolerance`).
const SMALL: f64 = 1e-12;

/// Sorted, equal bounds added up; `None` without a bucket `+Inf`.
fn prepared(buckets: &mut Vec<Bucket>) -> Option<()> {
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return None;
    }
    buckets.dedup_by(|next, kept| {
        let is_same = next.bound == kept.bound;
        if is_same {
            kept.count += next.count;
        }
        is_same
    });
    Some(())
}

fn make_monotonic(buckets: &mut [Bucket]) {
    let mut before = buckets[0].count;
    for bucket in &mut buckets[1..] {
        if bucket.count < before || is_almost(before, bucket.count) {
            bucket.count = before;
        }
        before = bucket.count;
    }
}

/// `util/almost`, `Equal`.
fn is_almost(a: f64, b: f64) -> bool {
    if a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL
}

pub(super) fn bucket_quantile(q: f64, mut buckets: Vec<Bucket>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if prepared(&mut buckets).is_none() {
        return f64::NAN;
    }
    make_monotonic(&mut buckets);
    let [.., before_last, last] = buckets[..] else { return f64::NAN };
    if last.count == 0.0 || last.count.is_nan() {
        return f64::NAN;
    }
    let rank = q * last.count;
    let at = buckets[..buckets.len() - 1].partition_point(|bucket| bucket.count < rank);
    if at == buckets.len() - 1 {
        return before_last.bound;
    }
    if at == 0 && buckets[0].bound <= 0.0 {
        return buckets[0].bound;
    }
    let below = if at > 0 { buckets[at - 1] } else { Bucket { bound: 0.0, count: 0.0 } };
    let bucket = buckets[at];
    below.bound + (bucket.bound - below.bound) * ((rank - below.count) / (bucket.count - below.count))
}

/// The part of the observations between two values.
pub(super) fn bucket_fraction(lower: f64, upper: f64, mut buckets: Vec<Bucket>) -> f64 {
    if prepared(&mut buckets).is_none() {
        return f64::NAN;
    }
    let count = buckets.last().map_or(0.0, |last| last.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut below = if buckets[0].bound <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    let (mut rank, mut lower_rank, mut upper_rank) = (0.0, None, None);
    for bucket in &buckets {
        let between = |value: f64| match below == f64::NEG_INFINITY {
            true => bucket.count,
            false => rank + (bucket.count - rank) * (value - below) / (bucket.bound - below),
        };
        if lower_rank.is_none() && below >= lower {
            lower_rank = Some(rank);
        }
        if upper_rank.is_none() && below >= upper {
            upper_rank = Some(rank);
        }
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        if lower_rank.is_none() && below < lower && bucket.bound > lower {
            lower_rank = Some(between(lower));
        }
        if upper_rank.is_none() && below < upper && bucket.bound > upper {
            upper_rank = Some(between(upper));
        }
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        (rank, below) = (bucket.count, bucket.bound);
    }
    let at_most = |rank: Option<f64>| rank.filter(|rank| *rank <= count).unwrap_or(count);
    (at_most(upper_rank) - at_most(lower_rank)) / count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets() -> Vec<Bucket> {
        [(0.1, 1.0), (0.5, 3.0), (f64::INFINITY, 4.0)].map(|(bound, count)| Bucket { bound, count }).into()
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        assert_eq!(bucket_quantile(0.5, buckets()), 0.1 + 0.4 * 0.5);
        assert_eq!(bucket_quantile(0.99, buckets()), 0.5);
        assert!(bucket_quantile(0.5, buckets()[..2].to_vec()).is_nan());
        assert_eq!(bucket_fraction(0.0, 0.5, buckets()), 0.75);
    }
}
