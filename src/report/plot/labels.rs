//! Where labels of points find room: near their point, over nothing else.

/// Directions in which a label may stand, the best first: above, right, left, below, and between them.
const DIRECTIONS: [(f64, f64); 8] =
    [(0.0, -1.0), (1.0, -0.5), (-1.0, -0.5), (1.0, 0.5), (-1.0, 0.5), (0.0, 1.0), (0.6, -1.0), (-0.6, -1.0)];
/// Gaps between a point and its label, in pixels; beyond the first a line joins them.
const GAPS: [f64; 5] = [1.0, 12.0, 24.0, 38.0, 54.0];

/// A rectangle of the page, and what of it is taken.
#[derive(Clone, Debug)]
pub struct Room {
    from: (f64, f64),
    to: (f64, f64),
    /// Centers, widths and heights.
    taken: Vec<((f64, f64), f64, f64)>,
}

impl Room {
    pub fn new(from: (f64, f64), to: (f64, f64)) -> Room {
        Room { from, to, taken: Vec::new() }
    }

    pub fn take(&mut self, center: (f64, f64), width: f64, height: f64) {
        self.taken.push((center, width, height));
    }

    /// Takes a place for a label of this size near `point`: its center, and whether it is so far that a line should join
    /// them. `None` where all is full.
    pub fn place(&mut self, point: (f64, f64), width: f64, height: f64) -> Option<((f64, f64), bool)> {
        let reach = (width / 2.0 + 7.0, height / 2.0 + 6.5);
        let places = GAPS.iter().enumerate().flat_map(|(ring, gap)| {
            DIRECTIONS.map(|(dx, dy)| ((point.0 + dx * (reach.0 + gap), point.1 + dy * (reach.1 + gap)), ring > 0))
        });
        let found = places.into_iter().find(|(center, _)| self.is_free(*center, width, height))?;
        self.take(found.0, width, height);
        Some(found)
    }

    fn is_free(&self, center: (f64, f64), width: f64, height: f64) -> bool {
        let is_inside = center.0 - width / 2.0 >= self.from.0
            && center.0 + width / 2.0 <= self.to.0
            && center.1 - height / 2.0 >= self.from.1
            && center.1 + height / 2.0 <= self.to.1;
        let is_apart = |&(other, other_width, other_height): &((f64, f64), f64, f64)| {
            (center.0 - other.0).abs() >= (width + other_width) / 2.0
                || (center.1 - other.1).abs() >= (height + other_height) / 2.0
        };
        is_inside && self.taken.iter().all(is_apart)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_label_covers_a_point_or_another_label(
            points in proptest::collection::vec((10.0..390.0f64, 10.0..290.0f64), 1..60),
        ) {
            let mut room = Room::new((0.0, 0.0), (400.0, 300.0));
            points.iter().for_each(|point| room.take(*point, 10.0, 10.0));
            for point in &points {
                room.place(*point, 20.0, 13.0);
            }
            let labels = &room.taken[points.len()..];
            for (index, (center, width, height)) in labels.iter().enumerate() {
                let others = room.taken.iter().enumerate().filter(|(other, _)| *other != index + points.len());
                for (_, (other, other_width, other_height)) in others {
                    let apart = (center.0 - other.0).abs() >= (width + other_width) / 2.0 - 1e-9
                        || (center.1 - other.1).abs() >= (height + other_height) / 2.0 - 1e-9;
                    prop_assert!(apart, "{center:?} and {other:?}");
                }
            }
        }
    }

    #[test]
    fn a_lone_label_stands_above_its_point_and_within_the_room() {
        let mut room = Room::new((0.0, 0.0), (100.0, 100.0));
        assert_eq!(room.place((50.0, 50.0), 20.0, 12.0), Some(((50.0, 36.5), false)));
        let ((_, y), _) = room.place((50.0, 3.0), 20.0, 12.0).unwrap();
        assert!(y > 3.0);
    }
}
