//! What a run may do to the disk: replace its own results with whole ones, and nothing else, however it ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::assert::OutputAssertExt;
use tempfile::TempDir;

/// Days of samples: nobody waits for its end.
const SLOW: &str = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: slow}\nspec:\n  duration: 100d\n  sampleInterval: 2s\n  nodes: [{name: n, instanceType: m6i.large}]\n";

const QUICK: [&str; 2] = ["--set", "duration=1h"];

fn windtunnel(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windtunnel"));
    command.current_dir(folder);
    command
}

fn with_slow() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("s.yaml"), SLOW).expect("written");
    folder
}

fn run<'a>(folder: &Path, more: impl IntoIterator<Item = &'a str>) -> assert_cmd::assert::Assert {
    windtunnel(folder).args(["run", "s.yaml", "--out", "o", "-q", "--no-plots"]).args(more).assert()
}

/// A run that goes on for long: its folder is prepared.
fn start(folder: &Path) -> Child {
    let mut command = Command::new("env");
    // Whoever runs the tests may have had some ignored.
    command.arg("--default-signal=INT,TERM,HUP").arg(env!("CARGO_BIN_EXE_windtunnel")).current_dir(folder);
    command.args(["run", "s.yaml", "--out", "o", "-q", "--no-plots", "--force"]).stderr(Stdio::null());
    let child = command.spawn().expect("it starts");
    until(|| folder.join("o/.windtunnel-new").exists());
    child
}

#[track_caller]
fn until(holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").arg(name).arg(child.id().to_string()).status().expect("kill runs");
    assert!(sent.success());
}

/// Every file below a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let name = entry.strip_prefix(folder).expect("below it").display().to_string();
                found.insert(name, fs::read(entry).expect("readable"));
            }
        }
    }
    found
}

fn told(assert: assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

const TRACE: &str = "name,arrival_s,duration_s,cpu_milli,memory_bytes\na,0,60,100,1000000\n";
const NODES: &str = "name,cpu_milli,memory_bytes\nn,4000,8000000000\n";

#[test]
fn an_input_or_a_file_of_the_users_is_never_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, at) = (folder.path(), |name: &str| folder.path().join(name));
    fs::write(at("pods.csv"), TRACE).expect("written");
    fs::write(at("nodes.csv"), NODES).expect("written");
    let import = ["import", "csv", "--pods", "pods.csv", "--nodes", "nodes.csv", "-o"];
    windtunnel(path).args(import).arg("replay.yaml").assert().success();
    windtunnel(path).args(import).arg("replay.yaml").assert().success();
    let before = files(path);
    for force in [&[][..], &["--force"]] {
        let error =
            told(windtunnel(path).args(["run", "replay.yaml", "-q", "--out", "."]).args(force).assert().code(2));
        assert!(error.contains("pods.csv is an input of this run"), "{error}");
        let error = told(windtunnel(path).args(import).arg("nodes.csv").args(force).assert().code(2));
        assert!(error.contains("nodes.csv is an input"), "{error}");
    }
    assert_eq!(files(path), before);

    // By another name, and files that are no inputs.
    fs::create_dir(at("o")).expect("made");
    fs::hard_link(at("pods.csv"), at("o/summary.json")).expect("linked");
    let replay = |more: &[&str]| windtunnel(path).args(["run", "replay.yaml", "-q", "--out", "o"]).args(more).assert();
    let error = told(replay(&["--force"]).code(2));
    assert!(error.contains("summary.json is an input"), "{error}");
    fs::remove_file(at("o/summary.json")).expect("removed");
    for (name, text) in [("o/utilization.svg", "my picture"), ("o/.windtunnel.json", "mine")] {
        fs::write(at(name), text).expect("written");
        let error = told(replay(&["--force"]).code(2));
        assert!(error.contains(name) && error.contains("not written by windtunnel"), "{error}");
        assert_eq!(fs::read_to_string(at(name)).expect("there"), text);
        fs::remove_file(at(name)).expect("removed");
    }
    fs::write(at("notes.yaml"), "mine: true\n").expect("written");
    let error = told(windtunnel(path).args(import).arg("notes.yaml").assert().code(2));
    assert!(error.contains("notes.yaml exists") && error.contains("--force"), "{error}");
    assert_eq!(fs::read_to_string(at("notes.yaml")).expect("there"), "mine: true\n");
}

#[test]
fn a_result_that_somebody_changed_asks_for_force() {
    let folder = with_slow();
    let path = folder.path();
    run(path, QUICK).success();
    let first = files(&path.join("o"));
    run(path, QUICK).success();
    let without_times = |mut files: BTreeMap<String, Vec<u8>>| files.remove("engine.json").map(|_| files);
    assert_eq!(without_times(first), without_times(files(&path.join("o"))));
    fs::write(path.join("o/pods.csv"), "edited\n").expect("written");
    let error = told(run(path, QUICK).code(2));
    assert!(error.contains("pods.csv was changed") && error.contains("--force"), "{error}");
    assert_eq!(fs::read_to_string(path.join("o/pods.csv")).expect("there"), "edited\n");
    run(path, QUICK.into_iter().chain(["--force"])).success();
}

#[test]
fn two_runs_into_one_folder_exclude_one_another_and_a_killed_one_is_cleared_away() {
    let folder = with_slow();
    let path = folder.path();
    let mut first = start(path);
    let error = told(run(path, QUICK).code(2));
    assert!(error.contains(&format!("another run (process {}) is writing", first.id())), "{error}");
    first.kill().expect("killed");
    first.wait().expect("it ended");
    assert!(path.join("o/.windtunnel-new").exists(), "a kill leaves what it was at");
    run(path, QUICK).success();
    let names: Vec<String> = files(&path.join("o")).into_keys().collect();
    assert_eq!(
        names,
        [".windtunnel.json", "decisions.csv", "engine.json", "nodes.csv", "pods.csv", "summary.json", "timeseries.csv"]
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_leaves_the_earlier_result_and_nothing_else() {
    use std::os::unix::process::ExitStatusExt;

    let folder = with_slow();
    let path = folder.path();
    let end = |name: &str, code: i32| {
        let mut child = start(path);
        signal(&child, name);
        let status = child.wait().expect("it ended");
        assert_eq!((status.code(), status.signal()), (Some(code), None), "{name}");
    };
    end("-INT", 130);
    assert_eq!(files(path).into_keys().collect::<Vec<_>>(), ["s.yaml"]);
    assert!(!path.join("o").exists(), "a folder that was made for it goes again");
    run(path, QUICK).success();
    let before = files(path);
    end("-TERM", 143);
    end("-HUP", 129);
    end("-INT", 130);
    assert_eq!(files(path), before);
}

/// A limit on the size of files stands in for a full disk: writing fails half way.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_takes_no_more_leaves_the_earlier_result_and_is_told_by_name() {
    let folder = with_slow();
    let path = folder.path();
    run(path, QUICK).success();
    let before = files(path);
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" run s.yaml --out o -q --no-plots --force --set duration=3h";
    let full =
        Command::new("bash").args(["-c", script, env!("CARGO_BIN_EXE_windtunnel")]).current_dir(path).assert().code(3);
    let error = told(full);
    assert!(error.contains("timeseries.csv") && error.contains("File too large"), "{error}");
    assert_eq!(files(path), before);
}

#[test]
fn a_sweep_spares_what_is_not_its_own() {
    let folder = with_slow();
    let path = folder.path();
    let sweep = "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {name: sw}\nspec:\n  scenario: s.yaml\n  parameters: [{path: duration, values: [1h, 2h]}]\n";
    fs::write(path.join("sweep.yaml"), sweep).expect("written");
    fs::write(path.join("README.md"), "mine\n").expect("written");
    let sweep = |more: &[&str]| windtunnel(path).args(["sweep", "sweep.yaml", "-q", "--out", "o"]).args(more).assert();
    let error = told(sweep(&["--export-markdown", "README.md"]).code(2));
    assert!(error.contains("README.md exists"), "{error}");
    assert_eq!(fs::read_to_string(path.join("README.md")).expect("there"), "mine\n");
    let error = told(sweep(&["--force", "--export-markdown", "s.yaml"]).code(2));
    assert!(error.contains("s.yaml is an input"), "{error}");
    sweep(&["--export-markdown", "table.md"]).success();
    sweep(&["--export-markdown", "table.md"]).success();
    fs::write(path.join("o/runs.csv"), "mine\n").expect("written");
    let error = told(sweep(&[]).code(2));
    assert!(error.contains("runs.csv was changed"), "{error}");
    // A run takes the place of a sweep only when it is told to, and then nothing of the sweep stays.
    run(path, QUICK).code(2);
    fs::remove_file(path.join("o/runs.csv")).expect("removed");
    run(path, QUICK.into_iter().chain(["--force"])).success();
    assert!(!path.join("o/sweep.json").exists() && path.join("o/summary.json").exists());
}
