//! The files of a trace, as flags name them.

use std::path::PathBuf;

use clap::Args;

/// The trace, a file a table; packed by gzip or zstd or not; `-` is standard input.
#[derive(Args, Clone)]
pub struct Files {
    /// Table of pods; - is standard input, of which a copy is kept beside the scenario (as for every table)
    #[arg(long, value_name = "FILE")]
    pub pods: Option<PathBuf>,
    /// Table of nodes
    #[arg(long, value_name = "FILE")]
    pub nodes: Option<PathBuf>,
    /// Table of training jobs
    #[arg(long, value_name = "FILE")]
    pub jobs: Option<PathBuf>,
    /// Table of measured training speeds
    #[arg(long, value_name = "FILE")]
    pub throughputs: Option<PathBuf>,
    /// Table of measured convergence
    #[arg(long, value_name = "FILE")]
    pub convergence: Option<PathBuf>,
    /// Log of requests, a row each
    #[arg(long, value_name = "FILE")]
    pub requests: Option<PathBuf>,
    /// Series of available spot machines, a file a zone
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub availability: Vec<PathBuf>,
}

impl Files {
    /// Every table with the flag that names it.
    pub fn named(&mut self) -> impl Iterator<Item = (&'static str, &mut PathBuf)> {
        let one = [
            ("pods", &mut self.pods),
            ("nodes", &mut self.nodes),
            ("jobs", &mut self.jobs),
            ("throughputs", &mut self.throughputs),
            ("convergence", &mut self.convergence),
            ("requests", &mut self.requests),
        ];
        let one = one.into_iter().filter_map(|(name, path)| Some((name, path.as_mut()?)));
        one.chain(self.availability.iter_mut().map(|path| ("availability", path)))
    }
}
