//! The decisions of a page: as rows of numbers into a list of texts, since most texts come often.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use serde::Serialize;

use crate::record::Recorder;
use crate::report::plot::number;
use crate::sim::Controller;

#[derive(Serialize)]
pub struct Decisions<'a> {
    /// Names of those who decided.
    controllers: Vec<&'static str>,
    /// How many each made, also of those that are not shown.
    made: Vec<usize>,
    texts: Vec<&'a str>,
    /// Time in seconds, controller, and texts of object, from, to and reason.
    rows: Vec<(f64, u32, u32, u32, u32, u32)>,
}

impl<'a> Decisions<'a> {
    /// Of more than `most`, those who decided seldom keep all of theirs, the others every so-many-th.
    pub fn of(record: &'a Recorder, most: usize) -> Decisions<'a> {
        let mut made = vec![0; Controller::ALL.len()];
        record.decisions().for_each(|decision| made[decision.controller as usize] += 1);
        let share = fair_share(&made, most);
        let strides: Vec<usize> = made.iter().map(|made| made.div_ceil(share.max(1)).max(1)).collect();
        let present: Vec<Controller> =
            Controller::ALL.iter().copied().filter(|controller| made[*controller as usize] > 0).collect();
        let mut places = vec![0; Controller::ALL.len()];
        present.iter().enumerate().for_each(|(place, controller)| places[*controller as usize] = place as u32);
        let mut known: HashMap<&str, u32, FxBuildHasher> = HashMap::default();
        let mut texts = Vec::new();
        let mut seen = vec![0usize; Controller::ALL.len()];
        let mut rows = Vec::with_capacity(record.decisions().len().min(most));
        for decision in record.decisions() {
            let controller = decision.controller as usize;
            seen[controller] += 1;
            // The last of each is among them.
            let is_due = (made[controller] - seen[controller]).is_multiple_of(strides[controller]);
            if !is_due || most == 0 {
                continue;
            }
            let [object, from, to, reason] =
                [decision.object, decision.from, decision.to, decision.reason].map(|text| {
                    *known.entry(text).or_insert_with(|| {
                        texts.push(text);
                        texts.len() as u32 - 1
                    })
                });
            rows.push((decision.at.as_secs_f64(), places[controller], object, from, to, reason));
        }
        let names = present.iter().map(|controller| controller.name()).collect();
        let made = present.iter().map(|controller| made[*controller as usize]).collect();
        Decisions { controllers: names, made, texts, rows }
    }

    /// What is left out.
    pub fn thinned(&self) -> Option<String> {
        let made: usize = self.made.iter().sum();
        let (shown, all) = (number(self.rows.len() as f64, 0), number(made as f64, 0));
        (self.rows.len() < made).then(|| {
            format!(
                "{shown} of {all} decisions are listed: all of those who decided seldom, of the others some at even \
                 distances. decisions.csv has all."
            )
        })
    }
}

/// The most that each may keep so that all together keep about `most`: who has less leaves the rest to the others.
fn fair_share(made: &[usize], most: usize) -> usize {
    let mut counts: Vec<usize> = made.iter().copied().filter(|made| *made > 0).collect();
    counts.sort_unstable();
    let mut left = most;
    for (index, count) in counts.iter().enumerate() {
        let each = left / (counts.len() - index);
        if *count > each {
            return each;
        }
        left -= count;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{DecisionRecord, Observer};
    use crate::units::SimTime;

    #[test]
    fn those_who_decide_seldom_keep_all() {
        let mut record = Recorder::default();
        for index in 0..1_000 {
            let controller = if index % 100 == 7 { Controller::Cron } else { Controller::ClusterAutoscaler };
            let (object, reason) = ("nodegroup/a".into(), "so".into());
            let at = SimTime::from_secs(index);
            record.decision(&DecisionRecord { at, controller, object, from: "1".into(), to: "2".into(), reason });
        }
        let all = Decisions::of(&record, 1_000);
        assert_eq!((all.rows.len(), all.texts.len(), all.thinned()), (1_000, 4, None));
        let few = Decisions::of(&record, 100);
        let of = |controller: u32| few.rows.iter().filter(|row| row.1 == controller).count();
        assert_eq!(few.controllers, ["cluster-autoscaler", "cron"]);
        assert_eq!((of(1), few.made[1]), (10, 10));
        assert!((80..=90).contains(&of(0)), "{}", of(0));
        assert_eq!(few.rows.last().unwrap().0, 999.0);
        assert!(few.thinned().unwrap().contains("of 1,000 decisions"));
        assert_eq!(Decisions::of(&record, 0).rows.len(), 0);
    }
}
