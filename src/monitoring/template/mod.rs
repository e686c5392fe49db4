//! Templates of labels and annotations: Go's language with the functions that Prometheus adds (`template/template.go`, 3.14).
//! What Prometheus would refuse is a mistake of the rule file; what fails when it is filled in says so in its text.

mod fill;
mod functions;
mod lex;
mod numbers;
mod parse;
mod printf;
mod value;

pub use parse::Template;
pub use value::{Data, Labels, Sample};

#[cfg(test)]
mod tests;
