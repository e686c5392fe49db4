//! `windtunnel instance-types`: the built-in catalogue.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Outcome;
use crate::cost::InstanceType;
use crate::reference::{Wanted, instance_types};
use crate::report::table;
use crate::units::Quantity;

/// List the instance types that scenarios may name, with their list prices
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel instance-types --provider aws --name m7
  windtunnel instance-types --gpu a100
  windtunnel instance-types --provider gcp --gpu --spot --json
  windtunnel instance-types --arch arm64 --min-cpu 16 --min-memory 64Gi

What a scenario needs beyond these stands under its `instanceTypes:`.")]
pub struct Arguments {
    /// Only those with accelerators, or with accelerators of this model
    #[arg(long, value_name = "MODEL", num_args = 0..=1, default_missing_value = "")]
    gpu: Option<String>,
    /// Only those of this cloud
    #[arg(long, value_name = "CLOUD", value_parser = ["aws", "gcp", "azure"])]
    provider: Option<String>,
    /// Only those with this in their name
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Only those of this architecture
    #[arg(long, value_name = "ARCH", value_parser = ["amd64", "arm64"])]
    arch: Option<String>,
    /// Only those with so many cores or more
    #[arg(long, value_name = "CORES")]
    min_cpu: Option<Quantity>,
    /// Only those with so much memory or more
    #[arg(long, value_name = "BYTES")]
    min_memory: Option<Quantity>,
    /// Only those with disks of their own
    #[arg(long)]
    local_storage: bool,
    /// Only those whose spot price is known
    #[arg(long)]
    spot: bool,
    /// Print JSON, with all that is known of each
    #[arg(long)]
    json: bool,
}

const GIB: f64 = (1u64 << 30) as f64;

pub fn run(arguments: &Arguments) -> Outcome {
    let wanted = Wanted {
        provider: arguments.provider.as_deref(),
        gpu: arguments.gpu.as_deref(),
        name: arguments.name.as_deref(),
        arch: arguments.arch.as_deref(),
        min_millicores: arguments.min_cpu.map_or(0, Quantity::milli_value),
        min_memory: arguments.min_memory.map_or(0, Quantity::value),
        local_storage: arguments.local_storage,
        spot: arguments.spot,
    };
    let listed = instance_types(&wanted);
    if listed.is_empty() {
        let problem = "no instance type of the catalogue is of that kind; `windtunnel instance-types` lists all";
        return Err(anyhow::anyhow!(problem).into());
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        let rows: Vec<serde_json::Value> = listed.iter().map(|of| row(of)).collect();
        writeln!(out, "{:#}", json!(rows))?;
        return Ok(ExitCode::SUCCESS);
    }
    let header = ["name", "provider", "GPUs", "arch", "vCPUs", "memory GiB", "on demand USD/h", "spot USD/h"];
    let price =
        |price: Option<crate::units::UsdPerHour>| price.map_or_else(String::new, |of| format!("{:.4}", of.as_f64()));
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|of| {
            let gpus = of.gpu.as_ref().map_or_else(String::new, |gpu| format!("{} x {}", gpu.count, gpu.model));
            vec![
                of.name.clone(),
                of.cloud.clone(),
                gpus,
                of.arch.clone(),
                format!("{}", of.vcpus.get() as f64 / 1000.0),
                format!("{}", of.memory.get() as f64 / GIB),
                price(of.on_demand),
                price(of.spot),
            ]
        })
        .collect();
    write!(out, "{}", table::columns(&header.map(str::to_owned), &rows, 4))?;
    writeln!(out, "List prices for Linux; defaults that a scenario may override. What is empty is not known.")?;
    Ok(ExitCode::SUCCESS)
}

fn row(of: &InstanceType) -> serde_json::Value {
    let price = |price: Option<crate::units::UsdPerHour>| price.map(|price| price.as_f64());
    json!({
        "name": of.name,
        "provider": of.cloud,
        "arch": of.arch,
        "vcpus": of.vcpus.get() as f64 / 1000.0,
        "memory_bytes": of.memory.get(),
        "gpus": of.gpu.as_ref().map_or(0, |gpu| gpu.count),
        "gpu_model": of.gpu.as_ref().map(|gpu| gpu.model.as_str()),
        "gpu_memory_bytes": of.gpu.as_ref().map(|gpu| gpu.memory.get()),
        "gpu_resource": of.gpu.as_ref().map(|gpu| gpu.resource()),
        "nvlink_domain": of.gpu.as_ref().and_then(|gpu| gpu.nvlink_domain),
        "local_storage_bytes": of.local_storage.map(|bytes| bytes.get()),
        "network_mbps": of.network_mbps,
        "on_demand_usd_per_hour": price(of.on_demand),
        "spot_usd_per_hour": price(of.spot),
        "reserved_1y_usd_per_hour": price(of.reserved_1y),
        "reserved_3y_usd_per_hour": price(of.reserved_3y),
        "spot_interruptions_per_hour": of.interruptions_per_hour,
    })
}
