//! `windtunnel instance-types`: the built-in catalogue.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Outcome;
use crate::reference::instance_types;
use crate::report::table;

/// List the instance types that scenarios may name, with their list prices
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel instance-types
  windtunnel instance-types --gpu a100
  windtunnel instance-types --provider gcp --gpu --json")]
pub struct Arguments {
    /// Only those with GPUs, or with GPUs of this model
    #[arg(long, value_name = "MODEL", num_args = 0..=1, default_missing_value = "")]
    gpu: Option<String>,
    /// Only those of this cloud
    #[arg(long, value_name = "CLOUD", value_parser = ["aws", "gcp", "azure"])]
    provider: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const GIB: f64 = (1u64 << 30) as f64;

pub fn run(arguments: &Arguments) -> Outcome {
    let listed = instance_types(arguments.provider.as_deref(), arguments.gpu.as_deref());
    if listed.is_empty() {
        let problem = "no instance type of the catalogue is of that kind; `windtunnel instance-types` lists all";
        return Err(anyhow::anyhow!(problem).into());
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        let rows = listed.iter().map(|of| {
            json!({
                "name": of.name,
                "provider": of.cloud,
                "vcpus": of.vcpus.get() as f64 / 1000.0,
                "memory_bytes": of.memory.get(),
                "gpus": of.gpus(),
                "gpu_model": of.gpu.as_ref().map(|gpu| gpu.model.as_str()),
                "gpu_memory_bytes": of.gpu.as_ref().map(|gpu| gpu.memory.get()),
                "on_demand_usd_per_hour": of.on_demand.as_f64(),
                "spot_usd_per_hour": of.spot.map(|price| price.as_f64()),
            })
        });
        writeln!(out, "{:#}", json!(rows.collect::<Vec<_>>()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let header =
        ["name", "provider", "GPUs", "vCPUs", "memory GiB", "on demand USD/h", "spot USD/h"].map(str::to_owned);
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|of| {
            let gpus = of.gpu.as_ref().map_or_else(String::new, |gpu| format!("{} x {}", gpu.count, gpu.model));
            vec![
                of.name.clone(),
                of.cloud.clone(),
                gpus,
                format!("{}", of.vcpus.get() as f64 / 1000.0),
                format!("{}", of.memory.get() as f64 / GIB),
                format!("{:.4}", of.on_demand.as_f64()),
                of.spot.map_or_else(String::new, |price| format!("{:.4}", price.as_f64())),
            ]
        })
        .collect();
    write!(out, "{}", table::columns(&header, &rows, 3))?;
    writeln!(out, "List prices for Linux; defaults that a scenario may override.")?;
    Ok(ExitCode::SUCCESS)
}
