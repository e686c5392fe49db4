//! Root of the library that the fuzz targets link: the bodies of `tests/fuzz` and what they draw and judge with.

pub mod fuzz;
pub mod plan;
pub mod watch;

pub mod invariants {
    pub mod draw;
    pub mod judge;

    pub mod runs {
        //! The one comparison that the fuzzers share with the properties.

        use crate::watch::Watched;

        /// # Panics
        /// The two part.
        pub fn same_run(fast: &Watched, plain: &Watched) {
            assert_eq!(fast.lines, plain.lines, "the fast run and the plain one part");
        }
    }
}

/// Runs the body of a target.
///
/// # Panics
/// There is none of that name, or the body found a mistake.
pub fn feed(target: &str, data: &[u8]) {
    let (_, body) = fuzz::TARGETS.iter().find(|(name, _)| *name == target).expect("a target of that name");
    body(data);
}
