//! Many runs of one scenario: a grid of parameters by path, times seeds, on all cores.
//!
//! [`Sweep`] is what the user wrote, [`prepare`] reads its scenarios, [`Prepared::run`] carries it out, and [`Results`] holds a row a run, in the order of the grid
//! whatever the threads. Runs with equal seeds draw equal random numbers for equal things (a stream a seed, purpose
//! and entity), so configurations are compared under the same luck.

mod results;
mod run;
mod space;

pub use results::{Averages, Results, Row};
pub use run::{Prepared, SweepProblem, prepare};
pub use space::{Configuration, Parameter, PlotSpec, Sweep, SweepError, SweepFile, plain};
