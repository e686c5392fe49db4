//! Turns a series into the vertices of its line, at most four a pixel column.
//!
//! A column with many values keeps its first, lowest, highest and last: nothing that could be seen is lost, and 100,000
//! samples cost no more to draw than a thousand.

/// Runs of vertices (x in pixels, value) of a series; NaN ends a run. `x` is ascending, one a value; `steps` where a
/// value holds until the next one.
pub fn vertices(x: &[f64], values: &[f64], steps: bool) -> Vec<Vec<(f64, f64)>> {
    let mut runs = Vec::new();
    let mut run = Run::new(steps);
    let mut column: Option<Column> = None;
    for (&x, &value) in x.iter().zip(values) {
        if value.is_nan() {
            run.close(column.take());
            run.hold_to(x);
            runs.push(std::mem::replace(&mut run, Run::new(steps)).vertices);
            continue;
        }
        match &mut column {
            Some(open) if x.floor() == open.pixel => open.add(x, value),
            open => run.close(open.replace(Column::new(x, value))),
        }
    }
    run.close(column);
    runs.push(run.vertices);
    runs.retain(|vertices| !vertices.is_empty());
    runs
}

/// The outlines of what lies between the lowest and highest values, where these differ: rectangles from one `x` to the
/// next, joined where they touch, at most one a pixel column. `envelope` has one entry a `x`, of the stretch before it;
/// that of the first has no width.
pub fn bands(x: &[f64], envelope: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let mut outlines = Vec::new();
    let mut open: Vec<Stretch> = Vec::new();
    for (ends, &(min, max)) in x.windows(2).zip(envelope.iter().skip(1)) {
        let (from, to) = (ends[0], ends[1]);
        if min == max {
            outlines.extend(outline(&std::mem::take(&mut open)));
            continue;
        }
        match open.last_mut() {
            Some(last) if last.from.floor() == from.floor() => {
                (last.to, last.min, last.max) = (to, last.min.min(min), last.max.max(max));
            }
            _ => open.push(Stretch { from, to, min, max }),
        }
    }
    outlines.extend(outline(&open));
    outlines
}

struct Stretch {
    from: f64,
    to: f64,
    min: f64,
    max: f64,
}

/// Along the highest values and back along the lowest.
fn outline(stretches: &[Stretch]) -> Option<Vec<(f64, f64)>> {
    let first = stretches.first()?;
    let there = stretches.iter().flat_map(|one| [(one.from, one.max), (one.to, one.max)]);
    let back = stretches.iter().rev().flat_map(|one| [(one.to, one.min), (one.from, one.min)]);
    Some(there.chain(back).chain([(first.from, first.max)]).collect())
}

/// What falls into one pixel column.
struct Column {
    pixel: f64,
    first: (f64, f64),
    last: (f64, f64),
    min: f64,
    max: f64,
}

impl Column {
    fn new(x: f64, value: f64) -> Column {
        Column { pixel: x.floor(), first: (x, value), last: (x, value), min: value, max: value }
    }

    fn add(&mut self, x: f64, value: f64) {
        self.last = (x, value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }
}

struct Run {
    vertices: Vec<(f64, f64)>,
    steps: bool,
}

impl Run {
    fn new(steps: bool) -> Run {
        Run { vertices: Vec::new(), steps }
    }

    fn close(&mut self, column: Option<Column>) {
        let Some(Column { first, last, min, max, .. }) = column else { return };
        self.go_to(first);
        if first != last {
            let middle = (first.0 + last.0) / 2.0;
            for value in [min, max] {
                if value != first.1 && value != last.1 {
                    self.go_to((middle, value));
                }
            }
            self.go_to(last);
        }
    }

    /// A step holds its value until the next instant, though none follows.
    fn hold_to(&mut self, x: f64) {
        if self.steps
            && let Some(&(_, value)) = self.vertices.last()
        {
            self.push((x, value));
        }
    }

    fn go_to(&mut self, (x, value): (f64, f64)) {
        if self.steps
            && let Some(&(_, before)) = self.vertices.last()
            && before != value
        {
            self.push((x, before));
        }
        self.push((x, value));
    }

    /// A flat stretch needs only its ends.
    fn push(&mut self, vertex: (f64, f64)) {
        if let [.., (_, a), (_, b)] = self.vertices[..]
            && a == b
            && b == vertex.1
        {
            self.vertices.pop();
        }
        self.vertices.push(vertex);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_turn_at_right_angles_and_flat_stretches_have_two_ends() {
        let runs = vertices(&[0.0, 10.0, 20.0, 30.0], &[1.0, 1.0, 1.0, 2.0], true);
        assert_eq!(runs, [[(0.0, 1.0), (30.0, 1.0), (30.0, 2.0)]]);
    }

    #[test]
    fn a_band_covers_the_stretch_before_its_sample_and_keeps_every_extreme() {
        let x = [0.0, 10.0, 20.0, 20.2, 20.4, 30.0];
        let envelope = [(1.0, 1.0), (1.0, 1.0), (1.0, 4.0), (0.0, 2.0), (1.0, 9.0), (1.0, 1.0)];
        let outline = [
            (10.0, 4.0),
            (20.0, 4.0),
            (20.0, 9.0),
            (20.4, 9.0),
            (20.4, 0.0),
            (20.0, 0.0),
            (20.0, 1.0),
            (10.0, 1.0),
            (10.0, 4.0),
        ];
        assert_eq!(bands(&x, &envelope), [outline]);
        assert!(bands(&x, &[]).is_empty() && bands(&[], &[]).is_empty());
    }

    #[test]
    fn a_value_that_is_none_leaves_a_gap() {
        let runs = vertices(&[0.0, 10.0, 20.0], &[1.0, f64::NAN, 3.0], false);
        assert_eq!(runs, [vec![(0.0, 1.0)], vec![(20.0, 3.0)]]);
        let steps = vertices(&[0.0, 10.0, 20.0], &[1.0, f64::NAN, 3.0], true);
        assert_eq!(steps, [vec![(0.0, 1.0), (10.0, 1.0)], vec![(20.0, 3.0)]], "a step holds until the next instant");
    }

    proptest! {
        #[test]
        fn thinning_keeps_every_columns_extremes_and_the_ends(values in proptest::collection::vec(0u32..1_000, 1..3_000)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let x: Vec<f64> = (0..values.len()).map(|index| index as f64 / 100.0).collect();
            let runs = vertices(&x, &values, false);
            let columns = values.len().div_ceil(100);
            prop_assert!(runs[0].len() <= 4 * columns);
            prop_assert_eq!(runs[0][0].1, values[0]);
            prop_assert_eq!(runs[0].last().unwrap().1, *values.last().unwrap());
            let within = |column: usize| runs[0].iter().filter(move |(x, _)| x.floor() as usize == column);
            for (column, values) in values.chunks(100).enumerate() {
                let highest = within(column).map(|(_, value)| *value).fold(f64::MIN, f64::max);
                prop_assert_eq!(highest, values.iter().copied().fold(f64::MIN, f64::max));
            }
        }
    }
}
