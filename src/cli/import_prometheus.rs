//! `windtunnel import prometheus`: recorded series as demand, from a file or straight from a server.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::import_scenario::{object_name, plain_name, relative, sample_interval};
use super::{Outcome, exit_code};
use crate::cost::Catalogue;
use crate::record::writer::single::{self, Comment, FileTerms};
use crate::scenario::import::{SampleSeries, read_samples};
use crate::units::SimDuration;

/// Make a scenario of series of Prometheus: a Deployment under the demand of each
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel import prometheus --file data/prometheus-example/range.json --demand requests --request-cpu 20ms --autoscale m6i.xlarge -o day.yaml
  windtunnel import prometheus --file data/prometheus-example/range.json --series '{deployment=\"shop\"}' --demand cpu --autoscale m6i.xlarge -o shop.yaml

Straight from a server: --url http://localhost:9090 --query 'sum by (namespace, deployment) (rate(http_requests_total[5m]))' --last 7d
--step 5m. What it answers is kept beside the scenario. https is not spoken: kubectl port-forward gives an http address.

A file is the JSON of a range query, or OpenMetrics (or Prometheus) text with timestamps; counters of a text become rates.")]
pub struct Arguments {
    /// What /api/v1/query_range answered, or OpenMetrics text
    #[arg(long, value_name = "FILE", conflicts_with = "url", required_unless_present = "url")]
    file: Option<PathBuf>,
    /// A Prometheus server to ask
    #[arg(long, value_name = "URL", requires = "query")]
    url: Option<String>,
    /// What to ask it (PromQL)
    #[arg(long, value_name = "EXPRESSION", requires = "url")]
    query: Option<String>,
    /// How far back
    #[arg(long, value_name = "DURATION", default_value = "24h", requires = "url")]
    last: SimDuration,
    /// Until when: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME", requires = "url")]
    end: Option<String>,
    /// Time from one value to the next
    #[arg(long, value_name = "DURATION", default_value = "1m", requires = "url")]
    step: SimDuration,
    /// Only these series, as PromQL names them; labels that are left out may be any, and what then matches is summed
    #[arg(long, value_name = "SELECTOR")]
    series: Vec<String>,
    /// What the values are: cores, or requests a second
    #[arg(long, value_enum)]
    demand: DemandKind,
    /// CPU time of one request
    #[arg(long, value_name = "DURATION", conflicts_with = "request_gpu")]
    request_cpu: Option<SimDuration>,
    /// GPU time of one request
    #[arg(long, value_name = "DURATION")]
    request_gpu: Option<SimDuration>,
    /// Node groups of these instance types that scale from zero
    #[arg(long, value_name = "TYPE", value_delimiter = ',', required = true)]
    autoscale: Vec<String>,
    /// The scenario to write
    #[arg(long, short, value_name = "SCENARIO")]
    output: PathBuf,
    /// Replace a file that import did not write, or that was changed since
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DemandKind {
    Cpu,
    Requests,
}

/// Of a query; Prometheus gives no more either.
const MOST_POINTS: i64 = 11_000;
/// Of a server's answer.
const MOST_BYTES: u64 = 256 << 20;
/// Deployments of one scenario that are made from series.
const MOST_SERIES: usize = 1_000;

pub fn run(arguments: &Arguments) -> Outcome {
    let inputs: Vec<PathBuf> = arguments.file.iter().cloned().collect();
    let terms = FileTerms { inputs: &inputs, force: arguments.force };
    single::may_write(&arguments.output, terms)?;
    for name in &arguments.autoscale {
        Catalogue::builtin().get(name).context("--autoscale")?;
    }
    let cost = cost(arguments)?;
    let file = match (&arguments.file, &arguments.url, &arguments.query) {
        (Some(file), ..) => file.clone(),
        (None, Some(url), Some(query)) => {
            let kept = arguments.output.with_extension("prometheus.json");
            let answer = ask(arguments, url, query)?;
            let mut own = terms;
            // JSON bears no mark; what stands beside a scenario of ours is ours.
            own.force |= arguments.output.exists();
            single::write(&kept, &answer, Comment::None, own)?;
            kept
        }
        _ => return Err(anyhow::anyhow!("--file FILE or --url URL --query EXPRESSION is needed").into()),
    };
    let name = file.display().to_string();
    let mut opened = File::open(&file).with_context(|| format!("{name} can't be read"))?;
    let read = read_samples(&mut opened, &name)?;
    let services = services(arguments, &read.rows)?;
    let text = scenario(arguments, &file, &services, &cost)?;
    single::write(&arguments.output, &text, Comment::Yaml, terms)?;
    let mut err = io::stderr().lock();
    for note in &read.notes {
        writeln!(err, "note: {note}")?;
    }
    let points: usize = services.iter().map(|service| service.points).sum();
    writeln!(io::stdout(), "{}: {} Deployments, {points} points", arguments.output.display(), services.len())?;
    Ok(ExitCode::from(exit_code::FINE))
}

fn cost(arguments: &Arguments) -> anyhow::Result<String> {
    Ok(match (arguments.demand, arguments.request_cpu, arguments.request_gpu) {
        (DemandKind::Cpu, None, None) => String::new(),
        (DemandKind::Cpu, ..) => anyhow::bail!("--request-cpu and --request-gpu belong to --demand requests"),
        (DemandKind::Requests, Some(cpu), _) => format!("      perRequest: {{cpu: {cpu}}}\n"),
        (DemandKind::Requests, _, Some(gpu)) => format!("      perRequest: {{gpu: {gpu}}}\n"),
        (DemandKind::Requests, None, None) => {
            anyhow::bail!("say what one request takes: --request-cpu DURATION or --request-gpu DURATION")
        }
    })
}

fn ask(arguments: &Arguments, url: &str, query: &str) -> anyhow::Result<String> {
    if url.starts_with("https://") {
        anyhow::bail!("{url}: https is not spoken here; kubectl port-forward gives an http address");
    }
    anyhow::ensure!(url.starts_with("http://"), "{url}: expected http://HOST:PORT");
    let (last, step) = (arguments.last, arguments.step);
    anyhow::ensure!(step >= SimDuration::from_secs(1), "--step is below 1s");
    anyhow::ensure!(last >= step, "--last is shorter than --step");
    let points = last.nanos() / step.nanos();
    anyhow::ensure!(
        points < MOST_POINTS,
        "--last {last} by --step {step} is {points} points a series; Prometheus gives {MOST_POINTS} at most"
    );
    let end = match &arguments.end {
        Some(text) => time(text).with_context(|| format!("--end {text:?} is neither RFC 3339 nor Unix seconds"))?,
        None => std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |elapsed| elapsed.as_secs_f64()).floor(),
    };
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(120)));
    let agent = ureq::Agent::new_with_config(config.build());
    let path = format!("{}/api/v1/query_range", url.trim_end_matches('/'));
    let request = agent
        .get(&path)
        .query("query", query)
        .query("start", format!("{}", end - last.as_secs_f64()))
        .query("end", format!("{end}"))
        .query("step", format!("{}", step.as_secs_f64()));
    let mut answer = request.call().with_context(|| format!("{path} does not answer"))?;
    let status = answer.status();
    let body = answer.body_mut().with_config().limit(MOST_BYTES).read_to_string();
    let body = body.with_context(|| format!("the answer of {path} can't be read"))?;
    // An error of Prometheus's own is told by whoever reads its answer.
    anyhow::ensure!(
        status.is_success() || body.trim_start().starts_with('{'),
        "{path} answers {status}: {}",
        body.trim().chars().take(200).collect::<String>()
    );
    if !status.is_success() {
        let said: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        anyhow::bail!("{path} answers {status}: {}", said["error"].as_str().unwrap_or("no reason"));
    }
    Ok(body)
}

fn time(text: &str) -> Option<f64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Some(seconds).filter(|seconds| (0.0..1e11).contains(seconds));
    }
    text.parse::<jiff::Timestamp>().ok().map(|at| at.as_second() as f64)
}

/// A Deployment and the demand on it.
struct Service {
    name: String,
    namespace: String,
    selector: String,
    points: usize,
    /// Of its values.
    mean: f64,
    peak: f64,
    /// From the first value to the last, and from one to the next.
    first: f64,
    last: f64,
}

fn services(arguments: &Arguments, series: &[SampleSeries]) -> anyhow::Result<Vec<Service>> {
    let mut services: Vec<Service> = Vec::new();
    let mut names: BTreeMap<(String, String), usize> = BTreeMap::new();
    let of = |series: &SampleSeries, selector: String, names: &mut BTreeMap<(String, String), usize>| {
        let label = |keys: &[&str]| keys.iter().find_map(|key| series.labels.get(*key)).filter(|text| !text.is_empty());
        let keys = ["deployment", "statefulset", "workload", "app", "service", "job", "container", "pod", "__name__"];
        let namespace = label(&["namespace", "exported_namespace"]).map_or("default".to_owned(), |of| object_name(of));
        let mut name = object_name(label(&keys).map_or("service", |name| name));
        let count = names.entry((namespace.clone(), name.clone())).or_default();
        *count += 1;
        if *count > 1 {
            name = format!("{name}-{count}");
        }
        let values: Vec<f64> = series.points.iter().map(|point| point.1).collect();
        let (first, last) = (series.points.first(), series.points.last());
        Service {
            name,
            namespace,
            selector,
            points: values.len(),
            mean: values.iter().sum::<f64>() / values.len().max(1) as f64,
            peak: values.iter().copied().fold(0.0, f64::max),
            first: first.map_or(0.0, |point| point.0),
            last: last.map_or(0.0, |point| point.0),
        }
    };
    if arguments.series.is_empty() {
        anyhow::ensure!(
            series.len() <= MOST_SERIES,
            "{} series are more than {MOST_SERIES}; let the query sum them (sum by (deployment) (…)), or name some by --series",
            series.len()
        );
        services.extend(series.iter().map(|one| of(one, one.selector(), &mut names)));
    }
    for selector in &arguments.series {
        let matching = crate::scenario::import::sum_of(series, selector);
        let summed = matching.map_err(|problem| anyhow::anyhow!("--series {selector}: {problem}"))?;
        services.push(of(&summed, selector.clone(), &mut names));
    }
    Ok(services)
}

fn scenario(arguments: &Arguments, file: &Path, services: &[Service], cost: &str) -> anyhow::Result<String> {
    use std::fmt::Write as _;
    let folder = arguments.output.parent().unwrap_or(Path::new(""));
    let file = serde_json::Value::from(relative(file, folder)?).to_string();
    let stem = arguments.output.file_stem().and_then(|stem| stem.to_str()).unwrap_or("prometheus");
    let first = services.iter().map(|service| service.first).fold(f64::MAX, f64::min);
    let last = services.iter().map(|service| service.last).fold(0.0, f64::max);
    let hours = ((last - first) / 3600.0).ceil().clamp(1.0, 2.5e6) as i64;
    let duration = SimDuration::from_secs(3600) * hours;
    let start = jiff::Timestamp::from_second(first as i64).map_or(String::new(), |at| format!("  start: {at}\n"));
    let field = if arguments.demand == DemandKind::Cpu { "cpu" } else { "requests" };
    let mut text = format!(
        "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {{name: {}}}\nspec:\n  description: Series of Prometheus as \
         demand, written by windtunnel import.\n{start}  duration: {duration}\n  sampleInterval: {}\n  nodeGroups:\n",
        serde_json::Value::from(plain_name(stem)),
        sample_interval(duration)
    );
    for name in &arguments.autoscale {
        let group = name.to_lowercase().replace(['.', '_'], "-");
        writeln!(text, "    - {{name: {group}, instanceType: {name}, minSize: 0, maxSize: 1000}}")?;
    }
    text.push_str("  load:\n");
    for Service { name, namespace, selector, .. } in services {
        let selector = serde_json::Value::from(selector.as_str());
        writeln!(text, "    - target: {{kind: Deployment, name: {name}, namespace: {namespace}}}")?;
        writeln!(text, "{cost}      {field}: {{replay: {{file: {file}, column: {selector}}}}}")?;
    }
    for service in services {
        let Service { name, namespace, .. } = service;
        let seconds = match arguments.demand {
            DemandKind::Cpu => 1.0,
            DemandKind::Requests => arguments.request_cpu.or(arguments.request_gpu).unwrap_or_default().as_secs_f64(),
        };
        // Pods of one core, or one GPU, that an HPA keeps at 60 %.
        let replicas = |load: f64| (load * seconds / 0.6).ceil().clamp(1.0, 10_000.0) as u32;
        let (now, most) = (replicas(service.mean), replicas(service.peak * 1.5).max(2));
        let gpu = if arguments.request_gpu.is_some() { ", limits: {nvidia.com/gpu: \"1\"}" } else { "" };
        let metric = match arguments.request_gpu {
            Some(_) => {
                "{type: Pods, pods: {metric: {name: DCGM_FI_DEV_GPU_UTIL}, target: {type: AverageValue, averageValue: \"60\"}}}"
            }
            None => "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}",
        };
        write!(
            text,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  replicas: \
             {now}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec: \
             {{containers: [{{name: main, image: main, resources: {{requests: {{cpu: \"1\", memory: 2Gi}}{gpu}}}}}]}}\n---\n\
             apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  \
             scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}\n  minReplicas: 1\n  maxReplicas: {most}\n  \
             metrics: [{metric}]\n"
        )?;
    }
    Ok(text)
}
