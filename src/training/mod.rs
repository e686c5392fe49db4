//! How training jobs are held back, ordered, sized and placed: one folder a question, pure functions over a snapshot.

pub mod admission;
