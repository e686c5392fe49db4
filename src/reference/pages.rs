//! The pages of `docs/reference`, in Markdown.

use std::fmt::Write as _;

use super::field::{Field, fields_of_document};
use super::figures::figures;
use super::instances::{Wanted, instance_types};
use super::metrics::metrics;
use super::schema::Schema;
use crate::autoscaler::hpa;
use crate::check::FUNCTION_NAMES;
use crate::record::columns::{self, Column};
use crate::record::metrics::{METRICS, Source};
use crate::record::{alerts, jobs};
use crate::release::{Gate, Version};
use crate::scenario::VERSIONED;
use crate::scenario::import::FORMATS;
use crate::scenario::spec::{DecisionRule, LongExpectation, TestSpec};
use crate::scheduler;
use crate::sim::{Controller, IdleReason, Mechanism};
use crate::sweep::SweepFile;

/// A page and what it says now.
pub struct Page {
    /// Within `docs/reference`.
    pub file: &'static str,
    pub text: fn() -> String,
}

/// Every page.
pub const PAGES: &[Page] = &[
    Page { file: "scenario.md", text: scenario },
    Page { file: "sweep.md", text: sweep },
    Page { file: "expectations.md", text: expectations },
    Page { file: "outputs.md", text: outputs },
    Page { file: "metrics.md", text: metrics_page },
    Page { file: "exported-metrics.md", text: exported_metrics },
    Page { file: "instance-types.md", text: instance_types_page },
    Page { file: "import.md", text: import },
    Page { file: "versions.md", text: versions },
];

const MARK: &str =
    "<!-- Made by `windtunnel reference docs/reference` from the types; a test fails where it is not current. -->\n\n";

fn page(title: &str, about: &str) -> String {
    format!("{MARK}# {title}\n\n{about}\n")
}

fn table(out: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let _ = writeln!(out, "\n| {} |\n|{}", header.join(" | "), "---|".repeat(header.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

fn scenario() -> String {
    let mut out = page(
        "Fields of a scenario",
        "What stands under `spec:`, with its path as `--set` and `windtunnel explain` take it. Lists show the fields of their\n\
         items, mappings (`NAME`) those of their values. Durations are written `30s`, `5m`, `1h30m`, quantities as in\n\
         Kubernetes (`500m`, `4Gi`). **Bold** fields are needed where the object above them stands.",
    );
    let document = fields_of_document();
    let spec = document.child("spec").cloned();
    for field in spec.iter().flat_map(|spec| &spec.fields) {
        let _ = writeln!(out, "\n## {}\n", field.name);
        if !field.doc.is_empty() {
            let _ = writeln!(out, "{}", field.doc);
        }
        let default = field.default.as_ref().map(|default| format!(", default `{default}`")).unwrap_or_default();
        let _ = writeln!(out, "\nType: {}{default}", field.kind);
        let mut rows = Vec::new();
        flatten(field, "", &mut rows);
        if !rows.is_empty() {
            table(&mut out, &["field", "type", "default", "meaning"], rows.into_iter());
        }
    }
    out
}

fn versions() -> String {
    let mut out = page(
        "What changes from version to version of Kubernetes",
        "`kubernetesVersion` and `featureGates`, in a scenario and in every input of `decide`, choose among these. A change acts\n\
         from its version on and, where it hangs on a feature gate, while that is on. 1.38 is not released: it has what\n\
         is known of it. `windtunnel compare scenario.yaml --set kubernetesVersion=1.33 --set kubernetesVersion=1.37` says\n\
         what an upgrade would change ([a recipe](../recipes/upgrade.md)).",
    );
    for (controller, changes) in [
        ("The HorizontalPodAutoscaler", hpa::VersionedBehaviour::CHANGES),
        ("kube-scheduler", scheduler::VersionedBehaviour::CHANGES),
    ] {
        let _ = writeln!(out, "\n## {controller}");
        let rows = changes.iter().map(|change| {
            let gate = change.gate.map(code).unwrap_or_default();
            vec![change.since.to_string(), format!("kubernetes#{}", change.number), gate, change.what.to_owned()]
        });
        table(&mut out, &["since", "change", "feature gate", "since then"], rows);
    }
    let _ = writeln!(out, "\n## Feature gates\n\nWhether each of those gates is on where nobody sets it:");
    let versions: Vec<Version> = Version::all().filter(|version| *version <= Version::NEWEST).collect();
    let mut gates: Vec<&str> = VERSIONED.iter().copied().flatten().filter_map(|change| change.gate).collect();
    gates.sort_unstable();
    gates.dedup();
    let header: Vec<String> =
        std::iter::once("gate".to_owned()).chain(versions.iter().map(Version::to_string)).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let row = |gate: &&str| {
        let state = |version: &Version| match Gate::of(gate, *version) {
            None => String::new(),
            Some(Gate { stage, is_on, is_locked }) => {
                format!("{stage}, {}{}", if is_on { "on" } else { "off" }, if is_locked { ", locked" } else { "" })
            }
        };
        std::iter::once(code(gate)).chain(versions.iter().map(state)).collect()
    };
    table(&mut out, &header, gates.iter().map(row));
    let _ = writeln!(
        out,
        "\nEvery other gate of Kubernetes is known by name and version (`data/feature-gates`): one that a version does not have,\n\
         or locks otherwise, is a mistake; one that is set and that nothing follows is reported, once, by name."
    );
    out
}

fn sweep() -> String {
    let mut out = page(
        "Fields of a sweep",
        "What stands under `spec:` of a file with `kind: Sweep`. **Bold** fields are needed where the object above them stands.",
    );
    let document = Field::of_type(&Schema::of::<SweepFile>());
    let mut rows = Vec::new();
    if let Some(spec) = document.child("spec") {
        flatten(spec, "", &mut rows);
    }
    table(&mut out, &["field", "type", "default", "meaning"], rows.into_iter());
    out
}

/// All fields below, each with its path from `field`.
fn flatten(field: &Field, above: &str, rows: &mut Vec<Vec<String>>) {
    for below in &field.fields {
        let key = if field.takes_any_key && !field.is_list { "NAME." } else { "" };
        let path = format!("{above}{key}{}", below.name);
        let name = if below.is_required { format!("**`{path}`**") } else { format!("`{path}`") };
        let default = below.default.as_deref().map(code).unwrap_or_default();
        rows.push(vec![name, below.kind.clone(), default, below.doc.clone()]);
        flatten(below, &format!("{path}."), rows);
    }
}

fn expectations() -> String {
    let mut out = page(
        "Expectations",
        "Items of `expect:`, for a whole scenario or for one of its `tests:`; [check.md](../check.md) is the guide. The short\n\
         form is a text, `METRIC COMPARISON AMOUNT`, with `<`, `<=`, `>`, `>=` or `==`, and for a column `at TIME` or\n\
         `for DURATION` behind it. Alerts of the scenario's rules have a form of their own: `alert(NAME) fires 0`, `alert(NAME) fires\n\
         <= 2`, `alert(NAME{namespace=\"a\", pod=~\"web-.+\"}) fires 0`.",
    );
    let fields = |out: &mut String, of: Field| {
        let mut rows = Vec::new();
        flatten(&of, "", &mut rows);
        table(out, &["field", "type", "default", "meaning"], rows.into_iter());
    };
    out += "\n## The long form\n";
    fields(&mut out, Field::of_type(&Schema::of::<LongExpectation>()));
    out += "\n## `decisions:`\n";
    fields(&mut out, Field::of_type(&Schema::of::<DecisionRule>()));
    out += "\nControllers:";
    for (index, controller) in Controller::ALL.iter().enumerate() {
        let _ = write!(out, "{} `{}`", if index > 0 { "," } else { "" }, controller.name());
    }
    out += ".\n\n## `tests:`\n";
    fields(&mut out, Field::of_type(&Schema::of::<TestSpec>()));
    out += "\n## Functions of a column\n";
    for name in FUNCTION_NAMES {
        let _ = write!(out, "\n- `{name}(…)`");
    }
    out += "\n\nThe columns are those of `timeseries.csv`, the figures those of `summary.json`: see [outputs.md](outputs.md).\n";
    out
}

fn outputs() -> String {
    let mut out = page(
        "Outputs",
        "Every file that a run writes, every figure and every column. [results.md](../results.md) says how files are written.",
    );
    out += "\n## summary.json\n\nFigures, by the names that `expect:` takes; `NAME` is one of the scenario's own. `null` where there is nothing that it\ncould be a figure of.\n";
    let is_plain = |name: &str| !name.starts_with("explain.idle.") && !name.starts_with("explain.wait.");
    let rows = figures().into_iter().filter(|figure| is_plain(&figure.name));
    table(&mut out, &["figure", "unit", "meaning"], rows.map(|f| vec![code(&f.name), f.unit.to_owned(), f.doc]));
    out += "\n### explain.idle.REASON\n\n`usd`, `node_seconds` and `by.NAME` (USD) of each reason that occurred; any other is zero to `expect:`, `compare` and\n`sweep`:\n";
    table(&mut out, &["reason", "idle, for"], IdleReason::ALL.iter().map(|r| vec![code(r.id()), r.words().to_owned()]));
    out += "\n### explain.wait.REASON\n\n`pod_seconds`, `pods`, `since_seconds` and `by.NAME` (pod-seconds) of each reason that occurred:\n";
    table(&mut out, &["reason", "waits for"], Mechanism::ALL.iter().map(|r| vec![code(r.id()), r.words().to_owned()]));
    out += "\n## timeseries.csv\n";
    columns_of(&mut out, columns::SAMPLE, "");
    out += "\nOf runs that train:\n";
    columns_of(&mut out, columns::TRAINING, "");
    out += "\nOnce a node group:\n";
    columns_of(&mut out, columns::NODE_GROUP, ".GROUP");
    out += "\nOnce a replicated workload:\n";
    columns_of(&mut out, columns::WORKLOAD, ".NAMESPACE/NAME");
    out += "\nOnce a load:\n";
    columns_of(&mut out, columns::SERVICE, ".NAMESPACE/NAME");
    out += "\nOnce an HPA:\n";
    columns_of(&mut out, columns::HPA, ".NAMESPACE/HPA");
    out += "\nOnce a metric of an HPA (of a container: `.NAMESPACE/HPA.METRIC.CONTAINER`):\n";
    columns_of(&mut out, columns::HPA_METRIC, ".NAMESPACE/HPA.METRIC");
    out += "\n## decisions.csv\n";
    columns_of(&mut out, columns::DECISION, "");
    out += "\n## pods.csv\n";
    columns_of(&mut out, columns::POD, "");
    out += "\n## nodes.csv\n";
    columns_of(&mut out, columns::NODE, "");
    out += "\n## jobs.csv\n\nOf runs with training jobs.\n";
    columns_of(&mut out, jobs::JOB, "");
    out += "\n## attempts.csv\n\nOf runs with training jobs: a row a start of one.\n";
    columns_of(&mut out, jobs::ATTEMPT, "");
    out += "\n## alerts.csv\n\nOf runs that rules watch (`monitoring:`), and of `windtunnel alerts --out`: a row an alert.\n";
    columns_of(&mut out, alerts::ALERT, "");
    out += "\n## engine.json\n\nWhat the run took: events (all, and by kind), scheduling attempts and loops of autoscalers, seconds of the\nclock and of the processors (from the first event to the last, without reading the scenario and writing the other files),\npeak memory. The only file whose figures differ between equal runs.\n";
    out
}

fn columns_of<Row, Context>(out: &mut String, columns: &[Column<Row, Context>], suffix: &str) {
    let row = |column: &Column<Row, Context>| {
        vec![
            code(&format!("{}{suffix}", column.name)),
            column.unit.words().to_owned(),
            column.doc.to_owned(),
            code(column.upstream),
        ]
    };
    table(out, &["column", "unit", "meaning", "upstream's metric"], columns.iter().map(row));
}

fn exported_metrics() -> String {
    let mut out = page(
        "Exported metrics",
        "What `run --openmetrics` writes and what rules see ([monitoring.md](../monitoring.md)): metrics under the names that a\n\
         live cluster's exporters give them. Every series also has the labels of its scrape job. `windtunnel metrics --for\n\
         scrape` lists them too.",
    );
    for source in Source::ALL {
        let labels = source.target_labels().iter().map(|(label, value)| code(&format!("{label}=\"{value}\"")));
        let labels = labels.collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "\n## {}\n", source.name());
        if !labels.is_empty() {
            let _ = writeln!(out, "Scrape job: {labels}.");
        }
        let rows = METRICS.iter().filter(|row| row.source == source);
        let cells = |row: &crate::record::metrics::MetricRow| {
            vec![code(row.name), row.kind.name().to_owned(), row.labels.to_owned(), row.help.to_owned()]
        };
        table(&mut out, &["metric", "type", "labels", "meaning"], rows.map(cells));
    }
    out
}

fn metrics_page() -> String {
    let mut out = page(
        "Metrics of HPAs",
        "Names that an HPA of the manifests may ask for. Any other name of a `Pods`, `Object` or `External` metric needs a series\n\
         of its own under `metrics:` ([scenario.md](scenario.md)). `windtunnel metrics` lists these and every name that\n\
         `expect:` takes.",
    );
    let rows = metrics().into_iter().filter(|metric| metric.used_in.starts_with("hpa "));
    table(
        &mut out,
        &["metric", "type in the HPA", "what it counts"],
        rows.map(|metric| {
            let unit = if metric.unit.is_empty() { String::new() } else { format!(", {}", metric.unit) };
            vec![code(&metric.name), metric.used_in["hpa ".len()..].to_owned(), metric.about + &unit]
        }),
    );
    out
}

fn instance_types_page() -> String {
    let mut out = page(
        "Instance types",
        "What `instanceType` may name. Prices are list prices for Linux, defaults that every scenario can override, never facts\n\
         about a bill; `data/instance-prices/README.md` says where they are from. An empty price is not known and\n\
         must be stated, of the group or under `instanceTypes:`, which also takes types that are not here.",
    );
    let price =
        |price: Option<crate::units::UsdPerHour>| price.map_or_else(String::new, |of| format!("{:.4}", of.as_f64()));
    let rows = instance_types(&Wanted::default()).into_iter().map(|of| {
        let gpu = of.gpu.as_ref().map_or_else(String::new, |gpu| format!("{} × {}", gpu.count, gpu.model));
        vec![
            code(&of.name),
            of.cloud.clone(),
            of.arch.clone(),
            format!("{}", of.vcpus.get() as f64 / 1000.0),
            format!("{}", of.memory.get() as f64 / f64::from(1 << 30)),
            gpu,
            price(of.on_demand),
            price(of.spot),
        ]
    });
    table(
        &mut out,
        &["name", "cloud", "arch", "vCPUs", "memory, GiB", "GPUs", "on demand, USD/h", "spot, USD/h"],
        rows,
    );
    out
}

fn import() -> String {
    let mut out = page(
        "Columns of traces",
        "What `windtunnel import FORMAT` and `replay:` read. **Bold** columns are needed, in any order; others than those listed\n\
         are ignored.",
    );
    for format in FORMATS {
        let _ = writeln!(out, "\n## {}\n\n{}.", format.name, format.about);
        for (input, columns) in format.columns {
            let _ = writeln!(out, "\n`--{input}`:");
            let row = |column: &crate::scenario::import::InputColumn| {
                let name = code(column.name);
                vec![if column.is_needed { format!("**{name}**") } else { name }, column.about.to_owned()]
            };
            table(&mut out, &["column", "meaning"], columns.iter().map(row));
        }
    }
    out
}
