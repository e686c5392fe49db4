//! The best setting of a space under conditions, with a part of the runs that trying all would take.
//!
//! [`Problem`] is a space with its objective, [`search`] spends a budget of runs on it, and [`Found`] says what was found
//! and how sure that is. A run is asked of the caller, so that this room knows neither files nor threads: a function from
//! trials to what they gave, in their order. Equal seeds give equal searches.
//!
//! The search: a spread of configurations under a quarter of the horizon, the better half of them under the whole; then a
//! surrogate (Gaussian processes of the objective and of each condition) says where an improvement is likely; at last
//! the best get more seeds, the better half of them going on each time, and the last two until they are told apart. Where
//! the budget is enough for all, all are tried.

mod found;
mod known;
mod problem;
mod search;
mod surrogate;
#[cfg(test)]
mod tests;

pub use found::{AtEnd, Binding, ConditionFigure, Entrant, Found, RunnerUp, seeds_of};
pub use problem::{Condition, Parameter, Problem, Trial, Tried};
pub use search::search;
