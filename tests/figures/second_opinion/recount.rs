//! `summary.json` worked out anew from the four tables alone.

use std::collections::BTreeMap;

use serde_json::Value;

use super::table::{Row, Table};

/// What a run wrote.
pub struct Written {
    pub summary: Value,
    pub pods: Table,
    pub nodes: Table,
    pub decisions: Table,
    pub timeseries: Table,
}

impl Written {
    pub fn judge(&self) {
        self.pods();
        self.waits();
        self.cost();
        self.explanation();
        self.nodes();
        self.utilization();
        self.scaling();
        self.services();
    }

    fn end(&self) -> f64 {
        self.figure("simulated_seconds")
    }

    fn at(&self, path: &str) -> &Value {
        path.split('.').fold(&self.summary, |value, key| &value[key])
    }

    fn figure(&self, path: &str) -> f64 {
        self.at(path).as_f64().unwrap_or_else(|| panic!("{path} is a number: {}", self.at(path)))
    }

    fn same(&self, path: &str, counted: f64) {
        let told = self.at(path).as_f64().unwrap_or(f64::NAN);
        let near = (told - counted).abs() <= 1e-9 * counted.abs().max(1.0);
        assert!(near || told.is_nan() && counted.is_nan(), "{path}: the summary says {told}, the tables {counted}");
    }

    fn count(&self, table: &Table, which: impl Fn(&Row<'_>) -> bool) -> f64 {
        table.rows().filter(|row| which(row)).count() as f64
    }

    fn pods(&self) {
        let phase = |wanted: &'static str| move |row: &Row<'_>| row.text("phase") == wanted;
        let is_bound = |row: &Row<'_>| row.number("scheduled_time").is_some();
        self.same("pods.created", self.count(&self.pods, |_| true));
        self.same("pods.scheduled", self.count(&self.pods, is_bound));
        self.same("pods.never_scheduled", self.count(&self.pods, |row| !is_bound(row)));
        self.same("pods.completed", self.count(&self.pods, phase("Succeeded")));
        self.same("pods.failed", self.count(&self.pods, phase("Failed")));
        self.same("pods.deleted", self.count(&self.pods, phase("Deleted")));
        self.same("pods.pending_at_end", self.count(&self.pods, phase("Pending")));
        self.same("pods.running_at_end", self.count(&self.pods, phase("Running")));
        let why: f64 = self
            .at("never_scheduled")
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| row["pods"].as_f64().unwrap())
            .sum();
        self.same("pods.never_scheduled", why);
    }

    /// Kaplan and Meier's estimator as its definition has it, by distinct instants.
    fn waits(&self) {
        let spans = |end: &'static str| -> Vec<(i128, bool)> {
            let last = (self.end() * 1e9).round() as i128;
            let span = |row: Row<'_>| {
                let created = row.nanos("created_time").expect("every pod was created");
                match row.nanos(end) {
                    Some(at) => (at - created, true),
                    None => (row.nanos("completion_time").unwrap_or(last) - created, false),
                }
            };
            self.pods.rows().map(span).collect()
        };
        self.spread("pod_wait_seconds", spans("scheduled_time"));
        self.spread("pod_startup_seconds", spans("ready_time"));
    }

    fn spread(&self, name: &str, mut spans: Vec<(i128, bool)>) {
        spans.sort_unstable();
        let path = |figure: &str| format!("{name}.{figure}");
        self.same(&path("count"), spans.len() as f64);
        self.same(&path("censored"), spans.iter().filter(|(_, has_ended)| !has_ended).count() as f64);
        let mut distinct: Vec<i128> = spans.iter().map(|(span, _)| *span).collect();
        distinct.dedup();
        let (mut survival, mut curve) = (1.0, Vec::new());
        for span in distinct {
            let at_risk = spans.iter().filter(|(other, _)| *other >= span).count() as f64;
            let ended = spans.iter().filter(|(other, has_ended)| *other == span && *has_ended).count() as f64;
            survival *= 1.0 - ended / at_risk;
            if ended > 0.0 {
                curve.push((span, survival));
            }
        }
        for (figure, percent) in [("p50", 50.0), ("p95", 95.0), ("p99", 99.0)] {
            let reached = curve.iter().find(|(_, survival)| *survival <= 1.0 - percent / 100.0 + 1e-9);
            self.same(&path(figure), reached.map_or(f64::NAN, |(span, _)| *span as f64 / 1e9));
        }
        if spans.iter().all(|(_, has_ended)| *has_ended) && !spans.is_empty() {
            let sum: i128 = spans.iter().map(|(span, _)| span).sum();
            self.same(&path("mean"), sum as f64 / spans.len() as f64 / 1e9);
            self.same(&path("max"), spans.last().map_or(f64::NAN, |(span, _)| *span as f64 / 1e9));
        }
    }

    fn cost(&self) {
        let sum = |table: &Table, column: &str| -> i128 { table.rows().filter_map(|row| row.nanos(column)).sum() };
        let machines = sum(&self.nodes, "cost_usd");
        let unused = (self.figure("cost.reserved_unused_usd") * 1e9).round() as i128;
        let saved: f64 = match self.at("cost.commitments").as_object() {
            Some(commitments) => commitments.values().map(|row| row["saved_usd"].as_f64().unwrap()).sum(),
            None => 0.0,
        };
        let total = (machines + unused) as f64 / 1e9 - saved;
        self.same("cost.total_usd", total);
        self.same("cost.idle_usd", (sum(&self.nodes, "idle_cost_usd") + unused) as f64 / 1e9);
        let held = sum(&self.pods, "cost_usd");
        self.same("cost.idle_usd", (machines + unused - held) as f64 / 1e9);
        for split in ["cost.by_node_group", "cost.by_capacity_type"] {
            let parts = self.at(split).as_object().expect("a map").values().map(|part| part.as_f64().unwrap());
            self.same("cost.total_usd", parts.sum());
        }
        let mut by_workload: BTreeMap<&str, i128> = BTreeMap::new();
        for row in self.pods.rows() {
            *by_workload.entry(row.text("workload")).or_default() += row.nanos("cost_usd").unwrap_or(0);
        }
        let told = self.at("cost.by_workload").as_object().expect("a map");
        for (workload, cost) in by_workload {
            let figure = told.get(workload).unwrap_or_else(|| panic!("{workload} has a cost")).clone();
            let near = (figure["totalCost"].as_f64().unwrap() - cost as f64 / 1e9).abs() < 1e-9;
            assert!(near, "{workload}: {figure} against {cost}");
        }
        let mut by_group: BTreeMap<String, i128> = BTreeMap::new();
        for row in self.nodes.rows() {
            let group = match row.text("node_group") {
                "" => "fixed",
                group => group,
            };
            *by_group.entry(group.to_owned()).or_default() += row.nanos("cost_usd").unwrap_or(0);
        }
        if unused == 0 {
            for (group, cost) in by_group {
                let told = self.at("cost.by_node_group")[&group].as_f64().expect("every group has a row");
                assert!((told - cost as f64 / 1e9).abs() < 1e-9, "group {group}: {told} against {cost}");
            }
        }
    }

    /// The parts of idle money, of machines' lives and of waits by reason sum to what the tables say of the whole.
    fn explanation(&self) {
        let reasons = |path: &str| self.at(path).as_object().expect("a map").clone();
        let sum = |path: &str, figure: &str| -> f64 {
            reasons(path).values().map(|of| of[figure].as_f64().expect("a number")).sum()
        };
        self.same("cost.idle_usd", sum("explain.idle", "usd"));
        let last = (self.end() * 1e9).round() as i128;
        let span = |row: Row<'_>, from: &str, to: [&str; 2]| {
            let end = to.iter().find_map(|to| row.nanos(to)).unwrap_or(last);
            (end - row.nanos(from).expect("it began")) as f64 / 1e9
        };
        let lives: f64 = self.nodes.rows().map(|row| span(row, "requested_time", ["removed_time"; 2])).sum();
        let waits = self.pods.rows().map(|row| span(row, "created_time", ["scheduled_time", "completion_time"]));
        for (what, told, counted) in [
            ("lives of machines", sum("explain.idle", "node_seconds"), lives),
            ("waits", sum("explain.wait", "pod_seconds"), waits.sum()),
        ] {
            assert!(
                (told - counted).abs() <= 1e-9 * counted.max(1.0),
                "{what}: {told} by reason, {counted} in the tables"
            );
        }
        for (reason, figures) in reasons("explain.idle").iter().chain(&reasons("explain.wait")) {
            let whole = figures.get("usd").unwrap_or(&figures["pod_seconds"]).as_f64().expect("a number");
            let parts: f64 =
                figures["by"].as_object().map_or(0.0, |by| by.values().filter_map(|part| part.as_f64()).sum());
            assert!((whole - parts).abs() < 1e-6 * whole.abs().max(1.0), "{reason}: {figures}");
        }
    }

    /// From each node's life: how many there are at each instant.
    fn nodes(&self) {
        let last = self.timeseries.rows().next_back().expect("the end is sampled");
        self.same("nodes.node_hours", last.get("node_hours"));
        self.same("nodes.mean", last.get("node_hours") / (self.end() / 3600.0));
        let peak = self.timeseries.rows().map(|row| row.get("nodes_max")).fold(f64::NAN, f64::max);
        let lowest = self.timeseries.rows().map(|row| row.get("nodes_min")).fold(f64::NAN, f64::min);
        self.same("nodes.peak", peak);
        self.same("nodes.min", lowest);
        let mean: f64 = self.means("nodes_mean").iter().map(|(seconds, mean)| seconds * mean).sum::<f64>() / self.end();
        self.near("nodes.mean", mean, 1e-6);
        // A Node object's life, which ends before the bill where the machine is stopped slowly, and after it where it died.
        let lives = self
            .nodes
            .rows()
            .filter_map(|row| Some(row.number("deleted_time").unwrap_or(self.end()) - row.number("created_time")?));
        self.near("nodes.node_hours", lives.sum::<f64>() / 3600.0, 1e-6);
    }

    fn near(&self, path: &str, counted: f64, relative: f64) {
        let told = self.figure(path);
        assert!((told - counted).abs() <= relative * counted.abs().max(1e-9), "{path}: {told} against {counted}");
    }

    /// A column's means with the seconds that each stands for.
    fn means(&self, column: &str) -> Vec<(f64, f64)> {
        let mut before = 0.0;
        let mut means = Vec::new();
        for row in self.timeseries.rows() {
            let at = row.get("time");
            means.push((at - before, row.number(column).unwrap_or(0.0)));
            before = at;
        }
        means
    }

    fn utilization(&self) {
        let last = self.timeseries.rows().next_back().expect("the end is sampled");
        let share = |part: &str, whole: &str| {
            let whole = last.get(whole);
            if whole > 0.0 { last.get(part) / whole } else { f64::NAN }
        };
        for (resource, hours) in [("cpu", "core_hours"), ("memory", "byte_hours"), ("gpu", "hours")] {
            for kind in ["requested", "used"] {
                let part = format!("{resource}_{kind}_{hours}");
                self.same(
                    &format!("utilization.{resource}.{kind}"),
                    share(&part, &format!("{resource}_allocatable_{hours}")),
                );
            }
        }
        // What was requested over time is what each pod requested while it was bound.
        for (column, hours, scale) in [
            ("cpu_requested_cores", "cpu_requested_core_hours", 1.0),
            ("memory_requested_bytes", "memory_requested_byte_hours", 1.0),
            ("gpu_requested", "gpu_requested_hours", 1.0),
        ] {
            let held = self.pods.rows().filter_map(|row| {
                let from = row.number("scheduled_time")?;
                let to = row.number("completion_time").unwrap_or(self.end());
                Some((to - from) / 3600.0 * row.get(column) * scale)
            });
            let (held, told) = (held.sum::<f64>(), last.get(hours));
            assert!((held - told).abs() <= 1e-6 * told.max(1e-9), "{hours}: {held} against {told}");
        }
    }

    fn scaling(&self) {
        let hpa =
            |row: &Row<'_>| row.text("controller") == "horizontal-pod-autoscaler" && row.text("from") != row.text("to");
        self.same("scaling.hpa_changes", self.count(&self.decisions, hpa));
    }

    /// Totals from the means of the series.
    fn services(&self) {
        let Some(services) = self.at("services").as_object() else { return };
        for (name, figures) in services {
            for amount in ["demand", "served"] {
                let column = format!("{amount}.{name}");
                assert!(self.timeseries.names().any(|known| known == column), "a column {column}");
                let total: f64 = self.means(&column).iter().map(|(seconds, mean)| seconds * mean).sum();
                let told = figures[amount].as_f64().expect("a number");
                // Cells of the series are rounded to thousandths of the demand's unit.
                let slack = 1e-3 * self.end() + 1e-3 * total.abs();
                assert!((told - total).abs() <= slack, "{name}: {amount} {told} against {total}");
            }
            let parts = ["served", "dropped", "waiting_at_end"].map(|part| figures[part].as_f64().expect("a number"));
            let demand = figures["demand"].as_f64().expect("a number");
            assert!((parts.iter().sum::<f64>() - demand).abs() <= 1e-3 * demand.max(1.0), "{name}: {figures}");
        }
    }
}
