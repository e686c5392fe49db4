//! Floating-point operations: what GPUs could make at most, and what a job's steps take.

use std::collections::BTreeMap;

/// Dense BF16 (older models: FP16) tensor throughput of one GPU, in operations a second, by the product's name as instance types
/// have it; from NVIDIA's data sheets, without sparsity. K80 (half a card) and P100 have no tensor cores: single and half precision.
const PEAKS: [(&str, f64); 16] = [
    ("K80", 4.37e12),
    ("P100", 21.2e12),
    ("V100", 125e12),
    ("T4", 65e12),
    ("T4G", 65e12),
    ("A10", 125e12),
    ("A10G", 70e12),
    ("A100", 312e12),
    ("L4", 121e12),
    ("L40S", 362e12),
    ("H100", 989e12),
    ("H200", 989e12),
    ("B200", 2_250e12),
    ("B300", 2_250e12),
    ("GB200", 2_500e12),
    ("GB300", 2_500e12),
];

/// What GPUs could make at most.
#[derive(Clone, Debug, PartialEq)]
pub struct Peaks(BTreeMap<String, f64>);

impl Peaks {
    /// Those of the data sheets, and a scenario's own in their place.
    pub fn with(own: &BTreeMap<String, f64>) -> Peaks {
        let known = PEAKS.iter().map(|(gpu, flops)| ((*gpu).to_owned(), *flops));
        Peaks(known.chain(own.iter().map(|(gpu, flops)| (gpu.clone(), *flops))).collect())
    }

    /// Operations a second of a GPU model; `None` where they are not known.
    pub fn of(&self, gpu: &str) -> Option<f64> {
        self.0.get(gpu).copied()
    }

    pub fn gpus(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(gpu, flops)| (gpu.as_str(), *flops))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenarios_own_figure_takes_the_data_sheets_place() {
        let peaks = Peaks::with(&BTreeMap::from([("H100".to_owned(), 700e12), ("X1".to_owned(), 1e12)]));
        assert_eq!(
            (peaks.of("H100"), peaks.of("A100"), peaks.of("X1"), peaks.of("X2")),
            (Some(700e12), Some(312e12), Some(1e12), None)
        );
        assert!(peaks.gpus().any(|(gpu, _)| gpu == "X1"));
    }
}
