//! `random`: any option. It needs no code of its own, for a chain ends with a draw anyway.

pub const NAME: &str = "random";
