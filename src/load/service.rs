//! What the ready pods of a service make of its demand: served, waiting or dropped, and never lost from the books.
//!
//! Work flows as a fluid: in each interval the oldest waiting work is served first, up to what the pods can do, and
//! the rest waits as backlog. All amounts are integers, so arrived = served + dropped + backlog holds exactly at all
//! times. What single requests feel is estimated by [`queueing`](super::queueing) on top.

use std::collections::VecDeque;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{GpuMilli, Millicores, Quantity, SimDuration, SimTime};

/// An amount of demand: thousandths of its unit per second, times nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Work(i128);

impl Work {
    pub const ZERO: Work = Work(0);

    /// What a rate of `milli` thousandths of a unit per second comes to over `span`.
    pub fn of(milli: i64, span: SimDuration) -> Work {
        Work(i128::from(milli) * i128::from(span.nanos()))
    }

    /// So many whole units.
    pub fn whole(units: u64) -> Work {
        Work(i128::from(units) * 1_000_000_000_000)
    }

    /// Core-seconds for `cpu:` demand, requests for `requests:` demand.
    pub fn units(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// The mean rate over `span` in thousandths of a unit per second, rounded down; zero for an empty span.
    pub fn rate_over(self, span: SimDuration) -> i64 {
        if span <= SimDuration::ZERO { 0 } else { (self.0 / i128::from(span.nanos())) as i64 }
    }
}

impl Add for Work {
    type Output = Work;
    fn add(self, other: Work) -> Work {
        Work(self.0 + other.0)
    }
}

impl Sub for Work {
    type Output = Work;
    fn sub(self, other: Work) -> Work {
        Work(self.0 - other.0)
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Work) {
        self.0 += other.0;
    }
}

impl SubAssign for Work {
    fn sub_assign(&mut self, other: Work) {
        self.0 -= other.0;
    }
}

impl Sum for Work {
    fn sum<I: Iterator<Item = Work>>(iter: I) -> Work {
        iter.fold(Work::ZERO, Add::add)
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.units())
    }
}

/// What becomes of work that cannot be served at once. By default it waits for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QueueSpec {
    /// Work that has waited this long is dropped (judged whenever the service's state changes). Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<SimDuration>,
    /// Most that may wait (core-seconds, or requests); what comes on top is dropped. Default: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<Quantity>,
}

/// What one request takes; how `requests:` demand becomes usage of CPU and GPU.
///
/// A request runs on one core, or one GPU, unless `cores` or `gpus` say more; its CPU and GPU parts run beside one
/// another. Requests in one pod share what the pod has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RequestCost {
    /// CPU time of one request. Default: 0s.
    pub cpu: SimDuration,
    /// GPU time of one request. Default: 0s.
    pub gpu: SimDuration,
    /// Requests that a pod works on at the same time, at most 1,000,000. Default: 1.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub concurrency: u32,
    /// Cores that one request can use at the same time. Default: 1.
    #[schemars(range(min = 1, max = 10_000))]
    pub cores: u32,
    /// GPUs that one request can use at the same time. Default: 1.
    #[schemars(range(min = 1, max = 10_000))]
    pub gpus: u32,
    /// How much the time of single requests varies: its coefficient of variation, 0 to 2 (gamma-distributed, so that 1
    /// is exponential). Default: 0, all alike.
    #[schemars(range(min = 0, max = 2))]
    pub variation: f64,
}

impl Default for RequestCost {
    fn default() -> RequestCost {
        let (cpu, gpu) = (SimDuration::ZERO, SimDuration::ZERO);
        RequestCost { cpu, gpu, concurrency: 1, cores: 1, gpus: 1, variation: 0.0 }
    }
}

impl RequestCost {
    pub const MOST_CONCURRENT: u32 = 1_000_000;
    pub const MOST_CORES: u32 = 10_000;
    pub const MOST_VARIATION: f64 = 2.0;

    /// The most that a pod can serve, in requests per 1,000 seconds: its CPU and its GPUs bound it, and that only so
    /// many requests are in work at the same time. A pod bound by nothing serves everything.
    pub fn capacity(&self, cpu: Millicores, gpu: GpuMilli) -> i64 {
        let bound = |milli: i64, each: SimDuration| match each.nanos() {
            0 => i64::MAX,
            nanos => i64::try_from(i128::from(milli) * 1_000_000_000 / i128::from(nanos)).unwrap_or(i64::MAX),
        };
        let in_work = bound(i64::from(self.concurrency) * 1000, self.alone(cpu, gpu));
        bound(cpu.get(), self.cpu).min(bound(gpu.get(), self.gpu)).min(in_work)
    }

    /// How long a request takes that has the pod to itself: it runs on no more cores than it can use, and on no more
    /// than the pod has. Without end where the pod has nothing of what it needs.
    pub fn alone(&self, cpu: Millicores, gpu: GpuMilli) -> SimDuration {
        let time = |each: SimDuration, milli: i64, most: u32| match (each.nanos(), milli.min(i64::from(most) * 1000)) {
            (0, _) => 0,
            (_, ..=0) => i64::MAX,
            (nanos, speed) => i64::try_from(i128::from(nanos) * 1000 / i128::from(speed)).unwrap_or(i64::MAX),
        };
        SimDuration::from_nanos(time(self.cpu, cpu.get(), self.cores).max(time(self.gpu, gpu.get(), self.gpus)))
    }

    /// What a pod uses that serves `rate` requests per 1,000 seconds: CPU, and GPU time (its duty cycle is that over
    /// its GPUs). Rounded down, so usage never exceeds the limit that [`capacity`](Self::capacity) came from.
    pub fn usage(&self, rate: i64) -> (Millicores, GpuMilli) {
        let used = |each: SimDuration| {
            i64::try_from(i128::from(rate) * i128::from(each.nanos()) / 1_000_000_000).unwrap_or(i64::MAX)
        };
        (Millicores(used(self.cpu)), GpuMilli(used(self.gpu)))
    }
}

/// Ready pods that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodClass {
    pub pods: u32,
    /// What one of them can serve, in thousandths of a unit per second.
    pub capacity: i64,
}

/// The sums since the start. [`Books::balance`] holds at all times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    pub arrived: Work,
    pub served: Work,
    pub dropped: Work,
    /// Waiting now.
    pub backlog: Work,
}

impl Books {
    /// arrived = served + dropped + backlog.
    pub fn balance(&self) -> bool {
        self.arrived == self.served + self.dropped + self.backlog
    }
}

/// What happened in one interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    pub arrived: Work,
    pub served: Work,
    /// Of `arrived`, and of what waited before.
    pub dropped: Work,
    /// Of this, what had waited, or found the queue full.
    pub left: Work,
    /// Waiting at its end.
    pub backlog: Work,
    /// For how long of it the pods could not keep up: work waited, or more came than they can do.
    pub behind: SimDuration,
}

/// Work that was taken up in one interval after a wait: the first of it had waited `first` seconds, the last `last`,
/// and those between evenly between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waited {
    pub work: Work,
    pub first: f64,
    pub last: f64,
}

/// A service's queue and its books.
#[derive(Clone, Debug)]
pub struct Service {
    queue: QueueSpec,
    books: Books,
    /// Waiting work by when it arrived, oldest first; kept only where a timeout or a latency asks for it.
    waiting: VecDeque<Cohort>,
    keeps_ages: bool,
    /// What was taken up in the last interval after a wait.
    waited: Vec<Waited>,
}

/// Work that arrived evenly over an interval.
#[derive(Clone, Copy, Debug)]
struct Cohort {
    from: SimTime,
    to: SimTime,
    left: Work,
}

impl Service {
    pub fn new(queue: QueueSpec) -> Service {
        let keeps_ages = queue.timeout.is_some();
        Service { queue, books: Books::default(), waiting: VecDeque::new(), keeps_ages, waited: Vec::new() }
    }

    /// A service that also tells how long work had waited ([`waited`](Self::waited)).
    pub fn of_requests(queue: QueueSpec) -> Service {
        Service { keeps_ages: true, ..Service::new(queue) }
    }

    pub fn books(&self) -> &Books {
        &self.books
    }

    /// What the last interval took up after a wait; the rest of what it served was taken up as it came.
    pub fn waited(&self) -> &[Waited] {
        &self.waited
    }

    /// [`serve_most`](Self::serve_most) where nobody goes by chance.
    pub fn serve(&mut self, from: SimTime, to: SimTime, demand: i64, classes: &[PodClass]) -> Served {
        self.serve_most(from, to, demand, classes, 0.0)
    }

    /// Serves the interval from `from` to `to`, in which demand and pods stayed the same. A share `lost` of what
    /// arrives is dropped, for by chance it would have to wait too long.
    ///
    /// Pods share what is served evenly, except that none gets more than it can do (as behind a load balancer that
    /// sends to the least busy). An interval that does not move time forward changes nothing.
    pub fn serve_most(&mut self, from: SimTime, to: SimTime, demand: i64, classes: &[PodClass], lost: f64) -> Served {
        let span = to.since(from).max(SimDuration::ZERO);
        let arrived = Work::of(demand.max(0), span);
        let lost = Work((arrived.0 as f64 * lost.clamp(0.0, 1.0)) as i128);
        let taken = arrived - lost;
        let could = could(classes, span);
        let before = self.books.backlog;
        let offered = before + taken;
        let served = offered.min(could);

        self.books.arrived += arrived;
        self.books.served += served;
        self.books.dropped += lost;
        self.books.backlog = offered - served;
        let behind = self.behind(span, before, taken, could);
        self.waited.clear();
        let late = if self.keeps_ages {
            if taken > Work::ZERO {
                self.waiting.push_back(Cohort { from, to, left: taken });
            }
            // Up to here the pods worked at full speed.
            let full = if behind == span {
                served
            } else {
                Work((could.0 as f64 * behind.as_secs_f64() / span.as_secs_f64().max(1e-9)) as i128)
            };
            self.take_oldest(from, served, full.min(served), behind.as_secs_f64());
            self.drop_late(to)
        } else {
            Work::ZERO
        };
        let left = late + self.drop_excess();
        let dropped = lost + left;

        // More was asked for than they can do, be it turned away at the door.
        let behind = if arrived > could { span } else { behind };
        Served { arrived, served, dropped, left, backlog: self.books.backlog, behind }
    }

    /// For how long of an interval work waited, or more came than could be done.
    fn behind(&self, span: SimDuration, before: Work, taken: Work, could: Work) -> SimDuration {
        if taken > could || before + taken > could {
            return span;
        }
        if before == Work::ZERO {
            return SimDuration::ZERO;
        }
        span.mul_f64((before.0 as f64 / (could - taken).0.max(1) as f64).min(1.0))
    }

    /// Drops what has waited longer than the timeout.
    fn drop_late(&mut self, to: SimTime) -> Work {
        let Some(timeout) = self.queue.timeout else { return Work::ZERO };
        let deadline = to - timeout;
        let mut late = Work::ZERO;
        while let Some(oldest) = self.waiting.front_mut() {
            if oldest.to <= deadline {
                late += oldest.left;
                self.waiting.pop_front();
                continue;
            }
            if oldest.from < deadline {
                // What is left of a cohort is its latest part; only what arrived before the deadline goes.
                let span = i128::from(oldest.to.since(oldest.from).nanos());
                let rest = i128::from(oldest.to.since(deadline).nanos());
                let kept = Work(oldest.left.0 / span * rest + oldest.left.0 % span * rest / span);
                late += oldest.left - kept;
                oldest.left = kept;
                oldest.from = deadline;
            }
            break;
        }
        self.books.backlog -= late;
        self.books.dropped += late;
        late
    }

    /// Takes work up, oldest first: `full` of it in the first `behind` seconds after `from`, evenly, the rest as it
    /// came.
    fn take_oldest(&mut self, from: SimTime, mut work: Work, mut full: Work, behind: f64) {
        let pace = if full > Work::ZERO { behind / full.0 as f64 } else { 0.0 };
        let mut clock = 0.0;
        while let Some(oldest) = self.waiting.front_mut().filter(|_| work > Work::ZERO) {
            let part = oldest.left.min(work);
            let begun = oldest.from.since(from).as_secs_f64();
            let whole = oldest.to.since(oldest.from).as_secs_f64();
            // Of this cohort, what is taken up while others wait.
            let slow = part.min(full);
            if slow > Work::ZERO {
                let ends = clock + pace * slow.0 as f64;
                let last = begun + whole * (slow.0 as f64 / oldest.left.0 as f64);
                self.waited.push(Waited { work: slow, first: (clock - begun).max(0.0), last: (ends - last).max(0.0) });
                clock = ends;
                full -= slow;
            }
            work -= part;
            if part == oldest.left {
                self.waiting.pop_front();
                continue;
            }
            // The served part arrived first, so the rest begins later.
            let span = oldest.to.since(oldest.from).nanos();
            let share = part.0 as f64 / oldest.left.0 as f64;
            oldest.from += SimDuration::from_nanos(((span as f64 * share) as i64).min(span - 1));
            oldest.left -= part;
        }
    }

    /// Drops the newest of what the queue has no room for.
    fn drop_excess(&mut self) -> Work {
        let Some(most) = self.queue.max_length else { return Work::ZERO };
        let excess =
            self.books.backlog - self.books.backlog.min(Work::of(most.milli_value(), SimDuration::from_secs(1)));
        let mut left = excess;
        while let Some(newest) = self.waiting.back_mut().filter(|_| left > Work::ZERO) {
            let cut = newest.left.min(left);
            newest.left -= cut;
            left -= cut;
            if newest.left == Work::ZERO {
                self.waiting.pop_back();
            }
        }
        self.books.backlog -= excess;
        self.books.dropped += excess;
        excess
    }
}

/// What all pods together can do over `span`.
fn could(classes: &[PodClass], span: SimDuration) -> Work {
    let sum = classes
        .iter()
        .try_fold(0i64, |sum, class| sum.checked_add(class.capacity.max(0).checked_mul(i64::from(class.pods))?));
    if let Some(sum) = sum {
        return Work::of(sum, span);
    }
    // A pod bound by nothing has a capacity beyond all bounds, so the sum stops at the largest number.
    classes.iter().fold(Work::ZERO, |sum, class| {
        let all = Work::of(class.capacity.max(0), span).0.saturating_mul(i128::from(class.pods));
        Work(sum.0.saturating_add(all))
    })
}

/// Shares `rate` evenly over all pods, none above its capacity: the rate of one pod of each class.
pub fn share(rate: i64, classes: &[PodClass]) -> Vec<i64> {
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by_key(|index| classes[*index].capacity);
    let mut pods: i64 = classes.iter().map(|class| i64::from(class.pods)).sum();
    let mut left = rate;
    let mut rates = vec![0; classes.len()];
    // The smallest first: what they cannot take is left for the others.
    for index in order {
        let class = classes[index];
        if pods == 0 || class.pods == 0 {
            continue;
        }
        rates[index] = (left / pods).min(class.capacity.max(0));
        left -= rates[index].saturating_mul(i64::from(class.pods));
        pods -= i64::from(class.pods);
    }
    rates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: fn(i64) -> SimTime = SimTime::from_secs;

    fn two_pods(capacity: i64) -> [PodClass; 1] {
        [PodClass { pods: 2, capacity }]
    }

    /// What a pod of each class did in the mean.
    fn rates(served: &Served, seconds: i64, classes: &[PodClass]) -> Vec<i64> {
        share(served.served.rate_over(SimDuration::from_secs(seconds)), classes)
    }

    fn queue(yaml: &str) -> Service {
        Service::new(serde_saphyr::from_str(yaml).unwrap())
    }

    #[test]
    fn demand_below_capacity_is_served_and_shared_evenly() {
        let mut service = Service::new(QueueSpec::default());
        let served = service.serve(AT(0), AT(10), 900, &two_pods(1000));
        assert_eq!((rates(&served, 10, &two_pods(1000)), served.backlog), (vec![450], Work::ZERO));
    }

    #[test]
    fn what_cannot_be_served_waits_and_is_served_later() {
        let mut service = Service::new(QueueSpec::default());
        let served = service.serve(AT(0), AT(10), 3000, &two_pods(1000));
        assert_eq!((rates(&served, 10, &two_pods(1000)), served.backlog.units()), (vec![1000], 10.0));
        let served = service.serve(AT(10), AT(40), 1500, &two_pods(1000));
        assert_eq!(served.backlog, Work::ZERO);
        assert_eq!(rates(&served, 30, &two_pods(1000)), [916]);
        assert!(service.books().balance());
    }

    #[test]
    fn without_ready_pods_all_demand_waits() {
        let mut service = Service::new(QueueSpec::default());
        let served = service.serve(AT(0), AT(10), 500, &[]);
        assert_eq!((served.served, served.backlog.units()), (Work::ZERO, 5.0));
    }

    #[test]
    fn pods_bound_by_nothing_serve_everything() {
        let served = Service::new(QueueSpec::default()).serve(AT(0), AT(10), 900, &two_pods(i64::MAX));
        assert_eq!((rates(&served, 10, &two_pods(i64::MAX)), served.backlog), (vec![450], Work::ZERO));
    }

    #[test]
    fn a_small_pods_overflow_goes_to_the_large_ones() {
        let classes = [PodClass { pods: 1, capacity: 1000 }, PodClass { pods: 2, capacity: 100 }];
        let served = Service::new(QueueSpec::default()).serve(AT(0), AT(10), 900, &classes);
        assert_eq!(rates(&served, 10, &classes), [700, 100]);
    }

    #[test]
    fn work_that_waits_too_long_is_counted_as_dropped() {
        let mut service = queue("{timeout: 30s}");
        for i in 0..10 {
            service.serve(AT(i * 10), AT(i * 10 + 10), 1000, &[]);
        }
        let books = *service.books();
        assert_eq!((books.backlog.units(), books.dropped.units()), (30.0, 70.0));
        // The oldest of the 30 is served first, so nothing more is late.
        let served = service.serve(AT(100), AT(110), 0, &[PodClass { pods: 1, capacity: 1000 }]);
        assert_eq!((served.served.units(), served.dropped.units(), served.backlog.units()), (10.0, 0.0, 20.0));
    }

    #[test]
    fn a_full_queue_drops_what_comes_on_top() {
        let mut service = queue("{maxLength: 5}");
        let served = service.serve(AT(0), AT(10), 1000, &[]);
        assert_eq!((served.backlog.units(), served.dropped.units()), (5.0, 5.0));
    }

    #[test]
    fn a_request_uses_cpu_and_gpu_up_to_what_the_pod_has() {
        let cost: RequestCost = serde_saphyr::from_str("{cpu: 50ms, gpu: 200ms}").unwrap();
        assert_eq!(cost.capacity(Millicores(1000), GpuMilli(1000)), 5_000);
        assert_eq!(cost.capacity(Millicores(100), GpuMilli(8000)), 2_000);
        assert_eq!(cost.capacity(Millicores(8000), GpuMilli(0)), 0);
        assert_eq!(cost.usage(5_000), (Millicores(250), GpuMilli(1000)));
        assert_eq!(RequestCost::default().capacity(Millicores(1), GpuMilli(0)), i64::MAX);
    }

    #[test]
    fn a_request_runs_on_one_core_and_a_pod_works_on_so_many_at_a_time() {
        let cost: RequestCost = serde_saphyr::from_str("{cpu: 100ms}").unwrap();
        assert_eq!(cost.alone(Millicores(4000), GpuMilli(0)), SimDuration::from_millis(100));
        assert_eq!(cost.capacity(Millicores(4000), GpuMilli(0)), 10_000);
        assert_eq!(cost.alone(Millicores(500), GpuMilli(0)), SimDuration::from_millis(200));
        let many = RequestCost { concurrency: 3, ..cost };
        assert_eq!(many.capacity(Millicores(4000), GpuMilli(0)), 30_000);
        assert_eq!(many.capacity(Millicores(1500), GpuMilli(0)), 15_000);
        let wide = RequestCost { cores: 2, ..cost };
        assert_eq!(wide.alone(Millicores(4000), GpuMilli(0)), SimDuration::from_millis(50));
        assert_eq!(wide.capacity(Millicores(4000), GpuMilli(0)), 20_000);
    }

    #[test]
    fn what_waited_tells_how_long() {
        let mut service = Service::of_requests(QueueSpec::default());
        // Ten seconds without pods, then two that work at twice the demand.
        service.serve(AT(0), AT(10), 1000, &[]);
        let served = service.serve(AT(10), AT(30), 1000, &two_pods(1000));
        assert_eq!(served.behind, SimDuration::from_secs(10));
        let waited = service.waited();
        assert_eq!(waited.iter().map(|part| part.work.units()).collect::<Vec<_>>(), [10.0, 10.0]);
        // The first had waited for ten seconds; five seconds on, the last of the ten had waited five.
        assert!((waited[0].first - 10.0).abs() < 1e-9 && (waited[0].last - 5.0).abs() < 1e-9, "{waited:?}");
        assert!((waited[1].first - 5.0).abs() < 1e-9 && waited[1].last.abs() < 1e-9, "{waited:?}");
        service.serve(AT(30), AT(40), 1000, &two_pods(1000));
        assert!(service.waited().is_empty());
    }

    #[test]
    fn overload_makes_the_wait_grow() {
        let mut service = Service::of_requests(QueueSpec::default());
        let served = service.serve(AT(0), AT(10), 3000, &two_pods(1000));
        assert_eq!(served.behind, SimDuration::from_secs(10));
        let [waited] = service.waited() else { panic!("{:?}", service.waited()) };
        assert!(waited.first.abs() < 1e-9 && (waited.last - 10.0 / 3.0).abs() < 1e-9, "{waited:?}");
    }

    #[test]
    fn a_share_that_goes_by_chance_is_dropped() {
        let mut service = Service::of_requests(QueueSpec::default());
        let served = service.serve_most(AT(0), AT(10), 1000, &two_pods(1000), 0.25);
        assert_eq!((served.served.units(), served.dropped.units()), (7.5, 2.5));
        assert!(service.books().balance());
    }

    proptest! {
        #[test]
        fn nothing_is_ever_lost_and_no_pod_exceeds_its_capacity(
            intervals in proptest::collection::vec((1..100_000_000_000i64, 0..50_000i64, 0..9u32, 1..5_000i64, 0..3u32, 1..5_000i64), 1..40),
            timeout in proptest::option::of(0..200_000_000_000i64), most in proptest::option::of(0..2_000i64),
        ) {
            let timeout = timeout.map(SimDuration::from_nanos);
            let mut service = Service::new(QueueSpec { timeout, max_length: most.map(Quantity::from_value) });
            let mut now = SimTime::ZERO;
            let (mut arrived, mut served, mut dropped) = (Work::ZERO, Work::ZERO, Work::ZERO);
            for (span, demand, pods, capacity, others, other_capacity) in intervals {
                let classes = [PodClass { pods, capacity }, PodClass { pods: others, capacity: other_capacity }];
                let next = now + SimDuration::from_nanos(span);
                let interval = service.serve(now, next, demand, &classes);
                now = next;
                arrived += interval.arrived;
                served += interval.served;
                dropped += interval.dropped;
                prop_assert_eq!(arrived, served + dropped + interval.backlog);
                prop_assert!(interval.backlog >= Work::ZERO && interval.dropped >= Work::ZERO);
                let mean = interval.served.rate_over(SimDuration::from_nanos(span));
                let rates = share(mean, &classes);
                for (rate, class) in rates.iter().zip(&classes) {
                    prop_assert!(*rate <= class.capacity);
                }
                let shared: i64 = rates.iter().zip(&classes).map(|(rate, class)| rate * i64::from(class.pods)).sum();
                prop_assert!(shared <= mean && mean - shared < 20, "{} of {} shared out", shared, mean);
                prop_assert!(service.books().balance());
                if timeout.is_some() {
                    prop_assert_eq!(service.waiting.iter().map(|cohort| cohort.left).sum::<Work>(), interval.backlog);
                }
            }
        }
    }
}
