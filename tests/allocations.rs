//! What a run allocates once it is under way: nothing for what happens over and over.
//!
//! The allocator of this binary counts, thread by thread, what is asked of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::fmt::Write as _;

use windtunnel::scenario;
use windtunnel::sim::{self, Observer};

struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // Not while the thread ends.
    let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
}

// SAFETY: the system's allocator does all that is asked.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Looks at the count whenever it could have a sample.
struct Looks(RefCell<Vec<u64>>);

impl Observer for Looks {
    fn wants_samples(&self) -> bool {
        self.0.borrow_mut().push(ASKED.get());
        false
    }
}

/// What a run allocates from one minute to the next.
fn by_minute(files: &[(&str, &str)]) -> Vec<u64> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let loaded = scenario::load(&folder.path().join(files[0].0), &[]);
    let scenario = loaded.unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false))).scenario;
    let mut looks = Looks(RefCell::new(Vec::with_capacity(10_000)));
    sim::run(&scenario, 1, &mut looks);
    let mut counts = looks.0.into_inner();
    // What the end takes is not meant.
    counts.pop();
    counts.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

const HEAD: &str = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: allocations}\nspec:\n  duration: 4h\n  sampleInterval: 1m\n";

/// Services with noise, each with an HPA that has no say.
fn services(cluster: &str) -> String {
    let mut text = format!("{HEAD}{cluster}  load:\n");
    for index in 0..4 {
        let _ = writeln!(
            text,
            "    - target: {{kind: Deployment, name: s{index}}}\n      cpu: {{constant: 1500m, noise: {{ornsteinUhlenbeck: {{sigma: 0.1, halfLife: 5m}}}}}}"
        );
    }
    for index in 0..4 {
        let _ = write!(
            text,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: s{index}}}\nspec:\n  replicas: 5\n  selector: {{matchLabels: {{app: s{index}}}}}\n  \
             template:\n    metadata: {{labels: {{app: s{index}}}}}\n    spec:\n      containers: [{{name: c, image: c, resources: {{requests: {{cpu: 500m, memory: 256Mi}}}}}}]\n\
             ---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: s{index}}}\nspec:\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, \
             name: s{index}}}\n  minReplicas: 5\n  maxReplicas: 5\n  metrics: [{{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 60}}}}}}]\n"
        );
    }
    text
}

/// From here on all has been made that is ever needed.
const WARM: usize = 60;

#[test]
fn ticks_scrapes_and_syncs_allocate_nothing() {
    let text = services("  nodes: [{name: n, count: 4, capacity: {cpu: \"16\", memory: 64Gi, pods: \"110\"}}]\n");
    let minutes = by_minute(&[("scenario.yaml", &text)]);
    assert!(minutes.len() > 200 && minutes[WARM..].iter().all(|count| *count == 0), "{minutes:?}");
}

#[test]
fn an_autoscaler_with_nothing_to_do_allocates_nothing() {
    let cluster = "  nodeGroups: [{name: g, instanceType: m6i.4xlarge, minSize: 2, maxSize: 9}]\n  autoscaling: {clusterAutoscaler: {}}\n";
    let minutes = by_minute(&[("scenario.yaml", &services(cluster))]);
    assert!(minutes.len() > 200 && minutes[WARM..].iter().all(|count| *count == 0), "{minutes:?}");
}

#[test]
fn the_life_of_a_pod_of_a_trace_takes_less_than_one_allocation() {
    let mut rows = String::from("name,arrival_s,duration_s,cpu_milli,memory_bytes\n");
    for index in 0..14_000 {
        let _ = writeln!(rows, "p{index},{},{},500,1073741824", index, 300 + index * 7 % 600);
    }
    let text = format!("{HEAD}  replay: {{format: csv, pods: pods.csv, nodes: nodes.csv}}\n");
    let nodes = "name,cpu_milli,memory_bytes,count\nn,64000,274877906944,20\n";
    let minutes = by_minute(&[("scenario.yaml", &text), ("pods.csv", &rows), ("nodes.csv", nodes)]);
    // The sets of nodes in equal states, which come and go with each booking. 60 pods come a minute, and as many go.
    let most = minutes[WARM..].iter().max();
    assert!(most.is_some_and(|most| *most < 60), "{minutes:?}");
}
