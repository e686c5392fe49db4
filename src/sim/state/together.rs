//! Equal pods of a service taken together: what each did since its own books were last made up.
//!
//! As long as every pod has more CPU than its even part, a tick gives all the same amount, and to some a millicore more
//! (what division leaves over). So their counters grow by one sum for all, and by the time for which each had its
//! millicore more; all are integers, so the books come to the same whenever they are made up.

use crate::cluster::PodId;
use crate::units::{SimDuration, SimTime};

/// Pods of one service.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Together {
    /// They are taken together now; else the pods' own books say all.
    pub is_open: bool,
    /// What each requests of CPU and may use at most, in millicores.
    pub request: i64,
    pub limit: i64,
    /// What each does a second, in millicores, and by pod what it does on top: 0 or 1.
    pub part: i64,
    pub more: Vec<i64>,
    /// Their own books are made up to here, and the sums go up to `at`.
    pub booked: SimTime,
    at: SimTime,
    /// Since the books were made up: used, and held of the node (millicore-nanoseconds).
    pub used: Sums,
    pub held: Sums,
    /// The HPA that sees them, and what metrics-server has of them.
    pub hpa: Option<u32>,
    pub scraped: Option<ScrapedTogether>,
    /// The HPA's other pods, and the version of its selection at which they were found.
    pub others: Vec<PodId>,
    pub others_of: Option<u32>,
    /// Scratch: the order of the pods by what they were offered.
    order: Vec<(i64, u32)>,
    next_more: Vec<i64>,
}

/// An amount that all have, and by pod what it has on top.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Sums {
    pub all: i128,
    pub more: Vec<i64>,
}

impl Sums {
    fn clear(&mut self, pods: usize) {
        self.all = 0;
        self.more.clear();
        self.more.resize(pods, 0);
    }

    fn add(&mut self, part: i64, more: Option<&[i64]>, span: i64) {
        self.all += i128::from(part) * i128::from(span);
        for (sum, more) in self.more.iter_mut().zip(more.into_iter().flatten()) {
            *sum += more * span;
        }
    }

    pub fn of(&self, pod: usize) -> i128 {
        self.all + i128::from(self.more[pod])
    }
}

/// What metrics-server has of them.
#[derive(Clone, Debug)]
pub(in crate::sim) struct ScrapedTogether {
    /// The last scrape, and what they have used since.
    pub at: SimTime,
    pub since: Sums,
    /// Of the window that the scrape ended; `None` where the pods' own meters say it.
    pub sample: Option<SampleTogether>,
}

#[derive(Clone, Debug)]
pub(in crate::sim) struct SampleTogether {
    pub window: SimDuration,
    /// What most used, in millicores, and by pod whether it used one more.
    pub value: i64,
    pub is_more: Vec<bool>,
    /// How many used one more.
    pub more: usize,
}

impl Together {
    /// From now on these are taken together; their own books are made up.
    pub fn open(&mut self, part: i64, rates: &[i64], now: SimTime) {
        self.is_open = true;
        self.part = part;
        self.more.clear();
        self.more.extend(rates.iter().map(|rate| rate - part));
        (self.booked, self.at) = (now, now);
        self.used.clear(rates.len());
        self.held.clear(rates.len());
        self.scraped = None;
        self.others_of = None;
    }

    /// Moves the sums on.
    pub fn advance(&mut self, now: SimTime) {
        let span = (now - self.at).nanos();
        if span == 0 {
            return;
        }
        self.at = now;
        let more = self.more.iter().any(|more| *more > 0).then_some(&self.more[..]);
        self.used.add(self.part, more, span);
        let exceeds_request = self.part >= self.request;
        self.held.add(self.part.max(self.request), more.filter(|_| exceeds_request), span);
        if let Some(scraped) = &mut self.scraped {
            scraped.since.add(self.part, more, span);
        }
    }

    /// What the pod has held since its books were made up.
    pub fn held_until(&self, pod: usize, now: SimTime) -> i128 {
        let rate = self.part + self.more[pod];
        self.held.of(pod) + i128::from(rate.max(self.request)) * i128::from((now - self.at).nanos())
    }

    /// The pods' own books are made up to now.
    pub fn is_booked(&mut self, now: SimTime) {
        let pods = self.more.len();
        self.booked = now;
        self.used.clear(pods);
        self.held.clear(pods);
    }

    /// Which pods do a millicore more: as [`share`](crate::load::service::share) has it, the `larger` last ones in the
    /// order of what they were offered.
    pub fn choose(&mut self, offered: impl ExactSizeIterator<Item = i64>, larger: usize) {
        let pods = offered.len();
        self.next_more.clear();
        self.next_more.resize(pods, 0);
        if larger == 0 {
            return;
        }
        self.order.clear();
        self.order.extend(offered.zip(0..));
        if self.order.iter().all(|(offered, _)| *offered == self.order[0].0) {
            self.next_more[pods - larger..].fill(1);
            return;
        }
        let (_, first, last) = self.order.select_nth_unstable(pods - larger);
        self.next_more[first.1 as usize] = 1;
        for (_, pod) in last {
            self.next_more[*pod as usize] = 1;
        }
    }

    /// What was [chosen](Self::choose), by pod.
    pub fn chosen(&self) -> &[i64] {
        &self.next_more
    }

    /// From now on each does this, and those that were chosen one more.
    pub fn change(&mut self, part: i64, now: SimTime) {
        self.advance(now);
        self.part = part;
        std::mem::swap(&mut self.more, &mut self.next_more);
    }

    /// metrics-server has scraped them one by one at this instant; it can take them together from now on.
    pub fn begin_scraping(&mut self, now: SimTime) {
        let mut since = Sums::default();
        since.clear(self.more.len());
        self.scraped = Some(ScrapedTogether { at: now, since, sample: None });
    }

    /// metrics-server scrapes. False where it has to scrape them one by one.
    pub fn scrape(&mut self, now: SimTime) -> bool {
        self.advance(now);
        let pods = self.more.len();
        let Some(scraped) = &mut self.scraped else { return false };
        let window = now - scraped.at;
        let nanos = window.nanos();
        if nanos <= 0 {
            return false;
        }
        let sample = scraped.sample.get_or_insert_with(|| SampleTogether {
            window,
            value: 0,
            is_more: Vec::with_capacity(pods),
            more: 0,
        });
        let (value, rest) = match i64::try_from(scraped.since.all) {
            Ok(used) => (used / nanos, used % nanos),
            Err(_) => {
                let nanos = i128::from(nanos);
                ((scraped.since.all / nanos) as i64, (scraped.since.all % nanos) as i64)
            }
        };
        sample.window = window;
        sample.value = value;
        sample.is_more.clear();
        sample.is_more.extend(scraped.since.more.iter().map(|more| rest + more >= nanos));
        sample.more = sample.is_more.iter().filter(|more| **more).count();
        scraped.at = now;
        scraped.since.clear(pods);
        true
    }
}

impl SampleTogether {
    /// What metrics-server says of a pod, in millicores.
    pub fn of(&self, pod: usize) -> i64 {
        self.value + i64::from(self.is_more[pod])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::service::{PodClass, share};

    #[test]
    fn who_does_a_millicore_more_is_as_for_classes_of_one_pod() {
        let offers: [&[i64]; 4] = [&[9, 9, 9, 9], &[12, 9, 10, 11], &[9, 12, 9, 12, 9], &[10]];
        for offered in offers {
            let count = offered.len() as i64;
            for demand in 0..count * 8 {
                let mut together = Together::default();
                together.choose(offered.iter().copied(), (demand % count) as usize);
                let rates: Vec<i64> = together.chosen().iter().map(|more| demand / count + more).collect();
                let classes: Vec<PodClass> =
                    offered.iter().map(|capacity| PodClass { pods: 1, capacity: *capacity }).collect();
                assert_eq!(rates, share(demand, &classes), "{demand} over {offered:?}");
            }
        }
    }

    #[test]
    fn a_scrape_says_what_each_used_on_the_average_rounded_down() {
        let at = SimTime::from_secs;
        let mut together = Together::default();
        together.open(10, &[10, 11], at(0));
        together.begin_scraping(at(0));
        together.choose([20, 30].into_iter(), 1);
        together.change(10, at(4));
        together.choose([20, 20].into_iter(), 0);
        together.change(13, at(8));
        assert!(together.scrape(at(10)));
        let scraped = together.scraped.as_ref().and_then(|scraped| scraped.sample.as_ref()).unwrap();
        // 106 and 114 millicore-seconds in ten seconds.
        assert_eq!((scraped.of(0), scraped.of(1), scraped.more), (10, 11, 1));
        assert_eq!((together.used.of(0), together.used.of(1)), (106_000_000_000, 114_000_000_000));
    }
}
