//! How many training jobs there were while each of them was there.

use super::records::TrainingRow;
use crate::units::SimTime;

/// Sets [`TrainingRow::jobs_present`]: the jobs between arrival and end, in the mean over the row's own time from its arrival
/// to its end or `now`. Cost: a sort.
pub(super) fn count_present(rows: &mut [TrainingRow], now: SimTime) {
    let until = |row: &TrainingRow| row.finished.unwrap_or(now).max(row.arrival);
    let mut changes: Vec<(SimTime, i64)> = rows.iter().flat_map(|row| [(row.arrival, 1), (until(row), -1)]).collect();
    changes.sort_unstable();
    // Job time up to each change.
    let mut sums: Vec<(SimTime, i128, i64)> = Vec::with_capacity(changes.len());
    let (mut last, mut sum, mut present) = (SimTime::ZERO, 0i128, 0i64);
    for (at, change) in changes {
        sum += i128::from((at - last).nanos()) * i128::from(present);
        (last, present) = (at, present + change);
        sums.push((at, sum, present));
    }
    let up_to = |at: SimTime| match sums.partition_point(|(of, _, _)| *of <= at).checked_sub(1) {
        Some(index) => sums[index].1 + i128::from((at - sums[index].0).nanos()) * i128::from(sums[index].2),
        None => 0,
    };
    for row in rows {
        let (from, to) = (row.arrival, until(row));
        let span = (to - from).nanos();
        row.jobs_present = if span > 0 { (up_to(to) - up_to(from)) as f64 / span as f64 } else { 1.0 };
    }
}
