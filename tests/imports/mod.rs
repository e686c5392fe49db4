//! Traces as people have them: every way a table is written, and every format of `windtunnel import` by its command.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;

use crate::house::root;
use crate::shell::{Said, Workshop};

fn shop() -> Workshop {
    let shop = Workshop::with_scenarios();
    std::os::unix::fs::symlink(root().join("tests/imports/data"), shop.path().join("cases")).expect("a link");
    shop
}

/// Runs a line that must succeed; what it said.
fn good(shop: &Workshop, line: &str) -> Said {
    let said = shop.run(line);
    assert_eq!(said.code, 0, "{line}\n{}{}", said.out, said.err);
    said
}

/// Whether each part is in the text.
fn holds(text: &str, parts: &[&str], of: &str) {
    for part in parts {
        assert!(text.contains(part), "{of}: {part:?} is not in:\n{text}");
    }
}

fn summary(shop: &Workshop, folder: &str) -> serde_json::Value {
    let text = fs::read_to_string(shop.path().join(folder).join("summary.json")).expect("a summary");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_table_is_read_however_it_is_written() {
    let shop = shop();
    for (file, count, notes) in [
        ("ok.csv", 3, &[][..]),
        ("ok.csv.gz", 3, &[]),
        ("bom.csv", 1, &[]),
        ("case.csv", 1, &[]),
        ("comment.csv", 1, &[]),
        ("crlf.csv", 1, &[]),
        ("empty.csv", 2, &[]),
        ("extra.csv", 1, &[]),
        ("quoted.csv", 1, &[]),
        ("tabname.csv", 1, &[]),
        ("floatcpu.csv", 1, &[]),
        ("scimem.csv", 1, &[]),
        ("hugecpu.csv", 1, &[]),
        ("maxint.csv", 2, &[]),
        ("zeroreq.csv", 1, &[]),
        ("semi.csv", 1, &["fields are separated by semicolons"]),
        ("tsv.csv", 1, &["fields are separated by tabs"]),
        ("unsorted.csv", 2, &["the rows are not in order of time; they are put in that order"]),
        ("epochms.csv", 1, &["times are Unix milliseconds; they count from the earliest, 2026-03-01T00:00:00Z"]),
        ("iso.csv", 1, &["times are dates; they count from the earliest, 2026-03-01T00:00:00Z"]),
    ] {
        let said = good(&shop, &format!("windtunnel import csv --pods cases/{file} --autoscale m6i.large -o s.yaml"));
        assert!(said.out.contains(&format!("{count} pods")), "{file}: {}", said.out);
        holds(&said.err, notes, file);
        assert_eq!(said.err.lines().count(), notes.len(), "{file}: {}", said.err);
    }
}

#[test]
fn a_table_that_cant_be_read_says_where_and_why() {
    let shop = shop();
    for (file, parts) in [
        ("dupname.csv", &["dupname.csv:3:1", "no row above"][..]),
        ("headonly.csv", &["headonly.csv", "no row under the header"]),
        ("nan.csv", &["nan.csv:2:5", "duration_s"]),
        ("neg.csv", &["neg.csv:2:5", "duration_s"]),
        ("nonutf8.csv", &["nonutf8.csv:2:1", "UTF-8"]),
        ("trunc.csv", &["trunc.csv:2", "4 fields"]),
        ("void.csv", &["void.csv", "no header"]),
    ] {
        let said = shop.run(&format!("windtunnel import csv --pods cases/{file} --autoscale m6i.large -o s.yaml"));
        assert_eq!(said.code, 2, "{file}");
        holds(&said.err, parts, file);
        assert!(!shop.path().join("s.yaml").exists(), "{file}");
    }
}

#[test]
fn bad_rows_are_left_out_and_counted_where_that_is_asked_for() {
    let shop = shop();
    let list = "name,arrival_s,duration_s,cpu_milli,memory_bytes\na,0,60,500,1Mi\nb,soon,60,500,1Mi\nc,5,60,500\n";
    fs::write(shop.path().join("l.csv"), list).expect("a file");
    let import = "windtunnel import csv --pods l.csv --autoscale m6i.large -o s.yaml";
    assert_eq!(shop.run(import).code, 2);
    let said = good(&shop, &format!("{import} --skip-bad-rows"));
    holds(&said.err, &["2 of 3 rows are bad and left out; the first: l.csv:3:3"], "import");
    let said = good(&shop, "windtunnel run s.yaml --out r");
    holds(&said.err, &["2 of 3 rows are bad and left out"], "run");
    assert_eq!(summary(&shop, "r")["pods"]["created"], 1);
}

#[test]
fn standard_input_is_kept_beside_the_scenario() {
    let shop = shop();
    let line = "cat cases/ok.csv.gz | windtunnel import csv --pods - --autoscale m6i.large -o s.yaml";
    holds(&good(&shop, line).err, &["standard input is kept as s.pods.csv"], "import");
    let replay = fs::read_to_string(shop.path().join("s.yaml")).expect("a scenario");
    assert!(replay.contains("pods: s.pods.csv"), "{replay}");
    // Once more, over what it wrote.
    good(&shop, line);
    good(&shop, "windtunnel validate s.yaml");
    let twice = "windtunnel import csv --pods - --nodes - -o s.yaml < cases/ok.csv";
    holds(&shop.run(twice).err, &["--pods and --nodes both name standard input"], "twice");
}

#[test]
fn zstandard_and_utf_16_are_told_by_their_bytes() {
    let shop = shop();
    let list = fs::read(root().join("tests/imports/data/ok.csv")).expect("a list");
    let packed = ruzstd_of(&list);
    fs::write(shop.path().join("l.zst"), packed).expect("a file");
    let text = String::from_utf8(list).expect("text");
    let wide: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    fs::write(shop.path().join("l.utf16"), wide).expect("a file");
    let import =
        |file: &str| good(&shop, &format!("windtunnel import csv --pods {file} --autoscale m6i.large -o s.yaml"));
    assert!(import("l.zst").out.contains("3 pods"));
    holds(&import("l.utf16").err, &["the file is in UTF-16 and is read as that"], "UTF-16");
    // A mistake is shown at its line of what was packed.
    fs::write(shop.path().join("bad.zst"), ruzstd_of(b"name,arrival_s\nx,0\n")).expect("a file");
    let scenario = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: s}\nspec: {duration: 1h, replay: {format: csv, pods: bad.zst}}\n";
    fs::write(shop.path().join("bad.yaml"), scenario).expect("a file");
    holds(&shop.run("windtunnel validate bad.yaml").err, &["bad.zst:1", "duration_s", "name,arrival_s"], "packed");
}

/// A frame of raw blocks: a frame header without a checksum, and one block.
fn ruzstd_of(bytes: &[u8]) -> Vec<u8> {
    let size = bytes.len() as u32;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    frame.extend(size.to_le_bytes());
    frame.extend(&(size << 3 | 1).to_le_bytes()[..3]);
    frame.extend(bytes);
    frame
}

#[test]
fn lists_without_times_get_arrivals_by_an_option() {
    let shop = shop();
    let list = "data/openb-2023/openb_pod_list_multigpu50-2000.csv";
    let import =
        format!("windtunnel import openb --pods {list} --nodes data/openb-2023/openb_node_list_all_node.csv -o s.yaml");
    holds(&shop.run(&import).err, &["the list has no times", "--every"], "none");
    good(&shop, &format!("{import} --every 10s --poisson --lasting 20m"));
    let scenario = fs::read_to_string(shop.path().join("s.yaml")).expect("a scenario");
    holds(&scenario, &["every: 10s", "poisson: true", "lasting: 20m0s"], "scenario");
    for (options, what) in [("--every 0s", "must be above 0"), ("--poisson", "--every"), ("--every soon", "--every")] {
        holds(&shop.run(&format!("{import} {options}")).err, &[what], options);
    }
    let listed = import.replace(list, "data/openb-2023/openb_pod_list_default.csv");
    holds(&shop.run(&format!("{listed} --every 1s")).err, &["has times of its own", "creation_time"], "listed");
}

#[test]
fn requests_stay_requests() {
    let shop = shop();
    for (format, file, count) in [
        ("azure-llm", "data/azure-llm-2023/conversation.csv", "19366 requests"),
        ("genai", "data/genai-requests-2026/requests.csv", "requests"),
    ] {
        let line = format!("windtunnel import {format} --requests {file} --autoscale g6.xlarge -o {format}.yaml");
        assert!(good(&shop, &line).out.contains(count));
        let scenario = fs::read_to_string(shop.path().join(format!("{format}.yaml"))).expect("a scenario");
        holds(&scenario, &["requestLog:", "kind: Deployment", "kind: HorizontalPodAutoscaler"], format);
        good(&shop, &format!("windtunnel validate {format}.yaml"));
    }
    let scenario = fs::read_to_string(shop.path().join("genai.yaml")).expect("a scenario");
    holds(&scenario, &["only:", "SUCCEED"], "genai");
}

#[test]
fn spot_series_become_stock_outs_and_interruptions_by_zone() {
    let shop = shop();
    let series = |zone: &str, data: &str| {
        let text = format!("{{\"metadata\": {{\"gap_seconds\": 600}}, \"data\": {data}}}");
        fs::write(shop.path().join(format!("{zone}_v100_1.json")), text).expect("a file");
    };
    // Four machines, of which three are taken after 20 minutes, all after 30, and two come back after 40.
    series("zone-x", "[4, 4, 1, 0, 2, 2, 4]");
    let said = shop.run("windtunnel import spot --availability zone-x_v100_1.json --autoscale p3.8xlarge -o s.yaml");
    assert_eq!(said.code, 0, "{}", said.err);
    let scenario = fs::read_to_string(shop.path().join("s.yaml")).expect("a scenario");
    holds(
        &scenario,
        &["name: p3-8xlarge-zone-x", "capacityType: spot", "available: 1", "interrupts: true", "- zone-x"],
        "s",
    );
    let with_work = scenario.replace("minSize: 0", "minSize: 4")
        + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  replicas: 4\n  selector: {matchLabels: {a: d}}\n  \
           template: {metadata: {labels: {a: d}}, spec: {containers: [{name: c, image: i, resources: {limits: {nvidia.com/gpu: 4}}}]}}\n";
    fs::write(shop.path().join("w.yaml"), with_work).expect("a file");
    good(&shop, "windtunnel run w.yaml --out r");
    let decisions = fs::read_to_string(shop.path().join("r/decisions.csv")).expect("decisions");
    let taken =
        |at: &str| decisions.lines().filter(|line| line.starts_with(at) && line.contains("spot interruption")).count();
    assert_eq!((taken("1200"), taken("1800")), (3, 1), "{decisions}");
    let error = shop.run("windtunnel import spot --availability missing.json --autoscale p3.8xlarge -o t.yaml").err;
    holds(&error, &["missing.json"], "missing");
    holds(&shop.run("windtunnel import spot --autoscale p3.8xlarge -o t.yaml").err, &["--availability"], "nothing");
}

#[test]
fn a_workload_log_runs_on_the_machine_of_its_header() {
    let shop = shop();
    let line = "windtunnel import swf --pods data/swf-example/jobs.swf --nodes data/swf-example/jobs.swf -o s.yaml";
    let said = good(&shop, line);
    holds(&said.err, &["16 nodes of 16 cores", "never ran", "not as a gang"], "import");
    good(&shop, "windtunnel run s.yaml --out r");
    let summary = summary(&shop, "r");
    assert_eq!(summary["nodes"]["peak"], 16);
    assert_eq!(summary["pods"]["completed"], summary["pods"]["created"]);
}

#[test]
fn a_trace_of_simkube_replays_what_was_applied() {
    let shop = shop();
    let import = |file: &str, to: &str| {
        good(&shop, &format!("windtunnel import sktrace data/simkube-2024/{file} --autoscale m6i.xlarge -o {to}"))
    };
    import("bare-pods.sktrace", "pods.yaml");
    good(&shop, "windtunnel run pods.yaml --out pods");
    // Three were seen to end; the fourth ran when the recording ended.
    assert_eq!(summary(&shop, "pods")["pods"]["created"], 4);
    import("cronjob.sktrace", "cron.yaml");
    let cron = fs::read_to_string(shop.path().join("cron.yaml")).expect("a scenario");
    holds(&cron, &["duration: 30s", "kind: CronJob"], "cron");
    import("dsb-scaling.sktrace.gz", "scaling.yaml");
    let scaling = fs::read_to_string(shop.path().join("scaling.yaml")).expect("a scenario");
    holds(&scaling, &["replicaChanges:", "name: nginx-thrift"], "scaling");
    good(&shop, "windtunnel validate scaling.yaml");
    fs::write(shop.path().join("no.sktrace"), b"\x81\xa1a").expect("a file");
    let said = shop.run("windtunnel import sktrace no.sktrace --autoscale m6i.xlarge -o no.yaml");
    assert_eq!(said.code, 2);
    holds(&said.err, &["no.sktrace", "it breaks off at byte 3"], "broken");
}

/// Answers one request after the other with the next of the bodies; gives the address and what was asked.
fn server(bodies: Vec<(&'static str, String)>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = std::thread::spawn(move || {
        let answer = |(status, body): (&str, String)| {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut request = [0; 4096];
            let read = stream.read(&mut request).expect("bytes");
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            stream.write_all((head + &body).as_bytes()).expect("an answer");
            String::from_utf8_lossy(&request[..read]).lines().next().unwrap_or_default().to_owned()
        };
        bodies.into_iter().map(answer).collect()
    });
    (address, asked)
}

const RANGE: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
    {"metric":{"namespace":"prod","deployment":"web"},"values":[[1767225600,"10"],[1767229200,"40"]]}]}}"#;

#[test]
fn a_prometheus_is_asked_and_its_answer_kept() {
    let shop = shop();
    let refused = r#"{"status":"error","error":"parse error at char 1"}"#;
    let (url, asked) = server(vec![("200 OK", RANGE.to_owned()), ("400 Bad Request", refused.to_owned())]);
    let line = format!(
        "windtunnel import prometheus --url {url} --query 'sum by (deployment) (rate(x_total[5m]))' --last 2h --step 5m \
         --end 2026-01-01T02:00:00Z --demand requests --request-cpu 20ms --autoscale m6i.xlarge -o p.yaml"
    );
    assert!(good(&shop, &line).out.contains("1 Deployments, 2 points"));
    let scenario = fs::read_to_string(shop.path().join("p.yaml")).expect("a scenario");
    holds(
        &scenario,
        &["p.prometheus.json", "perRequest: {cpu: 20ms}", "namespace: prod", "start: 2026-01-01"],
        "p.yaml",
    );
    good(&shop, "windtunnel run p.yaml --out r");
    let served = &summary(&shop, "r")["services"]["prod/web"]["demand"];
    assert!(served.as_f64().is_some_and(|demand| (35_000.0..37_000.0).contains(&demand)), "{served}");
    let said = shop.run(&line);
    assert_eq!(said.code, 2);
    holds(&said.err, &["400", "parse error at char 1"], "refused");
    let asked = asked.join().expect("two requests");
    holds(&asked[0], &["GET /api/v1/query_range?query=sum", "start=1767225600", "end=1767232800", "step=300"], "asked");
}

#[test]
fn series_of_a_file_are_demand_and_mistakes_are_told() {
    let shop = shop();
    fs::write(shop.path().join("r.json"), RANGE).expect("a file");
    let om = "# TYPE http_requests counter\nhttp_requests_total{app=\"a\"} 0 1767225600\nhttp_requests_total{app=\"a\"} 600 1767225660\n# EOF\n";
    fs::write(shop.path().join("m.om"), om).expect("a file");
    let import =
        |rest: &str| shop.run(&format!("windtunnel import prometheus {rest} --autoscale m6i.xlarge -o p.yaml --force"));
    assert_eq!(import("--file r.json --demand cpu").code, 0);
    let said = import("--file m.om --series 'http_requests_total{app=\"a\"}' --demand requests --request-cpu 5ms");
    assert_eq!(said.code, 0, "{}", said.err);
    holds(&said.err, &["1 series are counters; their rates a second are taken"], "counter");
    assert_eq!(shop.run("windtunnel validate p.yaml").code, 0);
    for (rest, parts) in [
        ("--file r.json --demand requests", &["--request-cpu"][..]),
        ("--file r.json --demand cpu --request-cpu 1s", &["belong to --demand requests"]),
        ("--file m.om --series down --demand cpu", &["no series is", "http_requests_total"]),
        ("--demand cpu", &["--file"]),
        ("--url https://x --query up --demand cpu", &["https is not spoken"]),
        ("--url ftp://x --query up --demand cpu", &["expected http://"]),
        ("--url http://127.0.0.1:1 --query up --demand cpu", &["does not answer"]),
        ("--url http://x --query up --last 30d --step 1m --demand cpu", &["43200 points"]),
        ("--url http://x --query up --end soon --demand cpu", &["--end"]),
        ("--file cases/ok.csv --demand cpu", &["cases/ok.csv:1:1"]),
    ] {
        let said = import(rest);
        assert_eq!(said.code, 2, "{rest}: {}", said.err);
        holds(&said.err, parts, rest);
    }
}

/// With `WINDTUNNEL_PROMETHEUS=/usr/bin` (the folder of `prometheus`) against a real server that scrapes itself.
#[test]
fn a_real_prometheus_answers() {
    let Ok(tools) = std::env::var("WINDTUNNEL_PROMETHEUS") else {
        println!("skipped: WINDTUNNEL_PROMETHEUS names no folder of prometheus");
        return;
    };
    let shop = shop();
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - {{job_name: own, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
    );
    fs::write(shop.path().join("prometheus.yml"), config).expect("a file");
    let mut server = std::process::Command::new(format!("{tools}/prometheus"))
        .args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=tsdb",
            &format!("--web.listen-address=127.0.0.1:{port}"),
        ])
        .current_dir(shop.path())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("prometheus runs");
    let line = format!(
        "windtunnel import prometheus --url http://127.0.0.1:{port} --query 'sum by (job) (rate(process_cpu_seconds_total[10s]))' \
         --last 30s --step 1s --demand cpu --autoscale m6i.large -o own.yaml"
    );
    let mut said = shop.run(&line);
    for _ in 0..60 {
        if said.code == 0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
        said = shop.run(&line);
    }
    server.kill().and_then(|()| server.wait()).expect("it ends");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("1 Deployments"), "{}", said.out);
    good(&shop, "windtunnel validate own.yaml");
}
