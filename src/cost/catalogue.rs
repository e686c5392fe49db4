//! Instance types with their shapes and list prices, built in from `data/instance-prices`.
//!
//! A scenario's node group names one of these and may override any field; the prices are defaults, never facts about
//! anybody's bill.

use std::sync::OnceLock;

use thiserror::Error;

use super::CapacityType;
use crate::units::{Bytes, Millicores, UsdPerHour, nearest};

const INSTANCES: &str = include_str!("../../data/instance-prices/instances.csv");
const GIB: f64 = (1u64 << 30) as f64;

/// A machine that a cloud rents out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// `aws`, `gcp` or `azure`.
    pub cloud: String,
    pub name: String,
    pub vcpus: Millicores,
    pub memory: Bytes,
    pub gpu: Option<GpuShape>,
    /// Linux, on demand.
    pub on_demand: UsdPerHour,
    /// `None` where the catalogue has no spot price: a scenario must state it.
    pub spot: Option<UsdPerHour>,
}

/// The GPUs of an instance type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuShape {
    /// Such as `V100`.
    pub model: String,
    pub count: u32,
    /// Nominal memory of one device.
    pub memory: Bytes,
}

impl InstanceType {
    /// The list price under a capacity type: reserved capacity has no list price of its own here and costs as on
    /// demand unless the scenario says otherwise. `None` where the catalogue does not know it.
    pub fn price(&self, capacity_type: CapacityType) -> Option<UsdPerHour> {
        match capacity_type {
            CapacityType::OnDemand | CapacityType::Reserved => Some(self.on_demand),
            CapacityType::Spot => self.spot,
        }
    }

    pub fn gpus(&self) -> u32 {
        self.gpu.as_ref().map_or(0, |gpu| gpu.count)
    }
}

/// Why an instance type is not in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CatalogueError {
    #[error("unknown instance type {name:?}{}", nearest.as_ref().map(|n| format!("; did you mean {n:?}?")).unwrap_or_default())]
    UnknownInstanceType { name: String, nearest: Option<String> },
    #[error("line {line} of the instance table: {problem}")]
    BadRow { line: usize, problem: String },
}

/// The instance types, in the order of their table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    types: Vec<InstanceType>,
}

impl Catalogue {
    /// The catalogue that is compiled in. Parsed once a process.
    pub fn builtin() -> &'static Catalogue {
        static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
        CATALOGUE.get_or_init(|| Catalogue::parse(INSTANCES).expect("a test reads the table that is compiled in"))
    }

    /// Reads a table of the built-in one's form: a header, then cloud, instance type, vCPUs, memory in GiB, GPU model
    /// (empty: none), GPUs, memory of one GPU in GiB, on-demand and spot price in US dollars per hour (empty: unknown).
    pub fn parse(text: &str) -> Result<Catalogue, CatalogueError> {
        let rows = text.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty());
        let types =
            rows.map(|(index, line)| row(line).map_err(|problem| CatalogueError::BadRow { line: index + 1, problem }));
        Ok(Catalogue { types: types.collect::<Result<_, _>>()? })
    }

    pub fn types(&self) -> &[InstanceType] {
        &self.types
    }

    /// # Errors
    /// An unknown name, with the nearest known one.
    pub fn get(&self, name: &str) -> Result<&InstanceType, CatalogueError> {
        self.types.iter().find(|instance| instance.name == name).ok_or_else(|| {
            let near = nearest(name, self.types.iter().map(|known| known.name.as_str())).map(str::to_owned);
            CatalogueError::UnknownInstanceType { name: name.to_owned(), nearest: near }
        })
    }
}

fn row(line: &str) -> Result<InstanceType, String> {
    let fields: Vec<&str> = line.split(',').collect();
    let [cloud, name, vcpus, memory, gpu_model, gpus, gpu_memory, on_demand, spot] = fields[..] else {
        return Err(format!("9 fields are expected, {} found", fields.len()));
    };
    let number = |field: &str, text: &str| -> Result<f64, String> {
        let parsed = text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0);
        parsed.ok_or_else(|| format!("{field}: {text:?} is not a number of zero or more"))
    };
    let gib = |field: &str, text: &str| Ok::<Bytes, String>(Bytes((number(field, text)? * GIB).round() as i64));
    let price = |field: &str, text: &str| {
        UsdPerHour::from_f64(number(field, text)?).ok_or_else(|| format!("{field}: {text:?} is not a price"))
    };
    let count = number("gpus", gpus)? as u32;
    let gpu = match count {
        0 => None,
        count => Some(GpuShape { model: gpu_model.to_owned(), count, memory: gib("gpu_memory_gib", gpu_memory)? }),
    };
    Ok(InstanceType {
        cloud: cloud.to_owned(),
        name: name.to_owned(),
        vcpus: Millicores((number("vcpus", vcpus)? * 1000.0).round() as i64),
        memory: gib("memory_gib", memory)?,
        gpu,
        on_demand: price("on_demand_usd_per_hour", on_demand)?,
        spot: if spot.is_empty() { None } else { Some(price("spot_usd_per_hour", spot)?) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_read_whole() {
        let catalogue = Catalogue::builtin();
        assert_eq!(catalogue.types().len(), 59);
        let p3 = catalogue.get("p3.8xlarge").unwrap();
        assert_eq!((p3.vcpus, p3.memory, p3.gpus()), (Millicores(32_000), Bytes(244 << 30), 4));
        assert_eq!(p3.gpu.as_ref().unwrap().model, "V100");
        assert_eq!(p3.on_demand, UsdPerHour::from_nanos(12_240_000_000));
        assert_eq!(p3.price(CapacityType::Spot), Some(UsdPerHour::from_nanos(1_459_500_000)));
        let m6i = catalogue.get("m6i.xlarge").unwrap();
        assert_eq!((m6i.gpus(), m6i.price(CapacityType::Spot)), (0, None));
    }

    #[test]
    fn no_two_types_share_a_name() {
        let mut names: Vec<&str> = Catalogue::builtin().types().iter().map(|t| t.name.as_str()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn an_unknown_type_names_the_nearest() {
        let error = Catalogue::builtin().get("m6i.xlrge").unwrap_err().to_string();
        assert!(error.contains("did you mean \"m6i.xlarge\"?"), "{error}");
        assert_eq!(Catalogue::builtin().get("!").unwrap_err().to_string(), "unknown instance type \"!\"");
    }

    #[test]
    fn a_bad_row_names_its_line_and_field() {
        let error = Catalogue::parse("header\naws,x,2,8,,0,,-1,\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("on_demand_usd_per_hour"), "{error}");
        assert!(Catalogue::parse("header\naws,x\n").unwrap_err().to_string().contains("9 fields"));
    }
}
