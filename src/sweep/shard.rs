//! A part of a sweep's runs, for one machine of several.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Shard `index` of `of`: every `of`-th run from the `index`-th on, so that all have about the same work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// From zero, as in `JOB_COMPLETION_INDEX` and `SLURM_ARRAY_TASK_ID`.
    pub index: u32,
    pub of: u32,
}

/// More shards than any cluster runs.
const MOST: u32 = 1_000_000;

impl Shard {
    pub fn has(self, run: usize) -> bool {
        run % self.of as usize == self.index as usize
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        let (index, of): (u32, u32) = numbers.ok_or("expected I/N, such as 0/8")?;
        match of {
            0 => Err("expected I/N with at least one shard, such as 0/8".to_owned()),
            of if of > MOST => Err(format!("expected at most {MOST} shards")),
            of if index >= of => {
                Err(format!("shards are numbered from 0 (as JOB_COMPLETION_INDEX is): 0/{of} to {}/{of}", of - 1))
            }
            of => Ok(Shard { index, of }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_is_in_one_shard() {
        let shards: Vec<Shard> = (0..3).map(|index| format!("{index}/3").parse().expect("a shard")).collect();
        for run in 0..10 {
            assert_eq!(shards.iter().filter(|shard| shard.has(run)).count(), 1);
        }
    }

    #[test]
    fn what_is_no_shard_is_refused_with_a_way_out() {
        for (text, told) in [("3/3", "0/3 to 2/3"), ("1/0", "at least one"), ("one", "such as 0/8"), ("-1/3", "0/8")] {
            let error = text.parse::<Shard>().expect_err(text);
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
