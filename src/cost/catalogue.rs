//! Instance types with their shapes and list prices, built in from `data/instance-prices`.
//!
//! A scenario's node group names one of these and may override any field; the prices are defaults, never facts about
//! anybody's bill.

use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;
use thiserror::Error;

use super::{GpuShape, InstanceType};
use crate::units::{Bytes, Millicores, UsdPerHour, nearest};

const INSTANCES: &str = include_str!("../../data/instance-prices/instances.csv");
const GIB: f64 = (1u64 << 30) as f64;

/// Why an instance type is not in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CatalogueError {
    #[error("unknown instance type {name:?}{}", nearest.as_ref().map(|n| format!("; did you mean {n:?}?")).unwrap_or_default())]
    UnknownInstanceType { name: String, nearest: Option<String> },
    #[error("line {line} of the instance table: {problem}")]
    BadRow { line: usize, problem: String },
}

/// The instance types, in the order of their table.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    types: Vec<Arc<InstanceType>>,
    by_name: FxHashMap<String, usize>,
}

impl Catalogue {
    /// The catalogue that is compiled in. Parsed once a process.
    pub fn builtin() -> &'static Arc<Catalogue> {
        static CATALOGUE: OnceLock<Arc<Catalogue>> = OnceLock::new();
        CATALOGUE
            .get_or_init(|| Arc::new(Catalogue::parse(INSTANCES).expect("a test reads the table that is compiled in")))
    }

    /// Reads a table of the built-in one's form: a header that names the columns of `COLUMNS`, in whatever order, and
    /// a line a type; a cell that is empty is not known.
    pub fn parse(text: &str) -> Result<Catalogue, CatalogueError> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let bad = |index: usize, problem: String| CatalogueError::BadRow { line: index + 1, problem };
        let header: Vec<&str> = lines.next().map_or(Vec::new(), |(_, line)| line.split(',').collect());
        if let Some(missing) = COLUMNS.iter().find(|column| !header.contains(column)) {
            return Err(bad(0, format!("no column {missing}")));
        }
        let mut types = Vec::new();
        for (index, line) in lines {
            let fields: Vec<&str> = line.split(',').collect();
            if fields.len() != header.len() {
                let problem = format!("{} fields are expected, {} found", header.len(), fields.len());
                return Err(bad(index, problem));
            }
            let row = Row { header: &header, fields };
            types.push(Arc::new(row.instance_type().map_err(|problem| bad(index, problem))?));
        }
        Ok(Catalogue::of(types))
    }

    fn of(types: Vec<Arc<InstanceType>>) -> Catalogue {
        let by_name = types.iter().enumerate().map(|(at, of)| (of.name.clone(), at)).collect();
        Catalogue { types, by_name }
    }

    /// With these types in the place of those of the same name, or behind all.
    pub fn with(&self, changed: impl IntoIterator<Item = InstanceType>) -> Catalogue {
        let mut types = self.types.clone();
        for instance in changed {
            match self.by_name.get(&instance.name) {
                Some(at) => types[*at] = Arc::new(instance),
                None => types.push(Arc::new(instance)),
            }
        }
        Catalogue::of(types)
    }

    pub fn types(&self) -> &[Arc<InstanceType>] {
        &self.types
    }

    /// # Errors
    /// An unknown name, with the nearest known one.
    pub fn get(&self, name: &str) -> Result<&Arc<InstanceType>, CatalogueError> {
        self.by_name.get(name).map(|at| &self.types[*at]).ok_or_else(|| {
            let near = nearest(name, self.types.iter().map(|known| known.name.as_str())).map(str::to_owned);
            CatalogueError::UnknownInstanceType { name: name.to_owned(), nearest: near }
        })
    }
}

/// The columns of the table.
pub const COLUMNS: [&str; 18] = [
    "cloud",
    "instance_type",
    "vcpus",
    "memory_gib",
    "gpu_model",
    "gpus",
    "gpu_memory_gib",
    "on_demand_usd_per_hour",
    "spot_usd_per_hour",
    "reserved_1y_usd_per_hour",
    "reserved_3y_usd_per_hour",
    "interruptions_percent_a_month",
    "arch",
    "nvlink_domain",
    "local_storage_gb",
    "network_gbps",
    "cpu_manufacturer",
    "hypervisor",
];

/// Hours of a mean month.
const HOURS_A_MONTH: f64 = 730.5;

struct Row<'t> {
    header: &'t [&'t str],
    fields: Vec<&'t str>,
}

impl Row<'_> {
    fn text(&self, column: &str) -> &str {
        self.header.iter().position(|name| *name == column).map_or("", |at| self.fields[at])
    }

    fn known(&self, column: &str) -> Option<String> {
        Some(self.text(column)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn optional(&self, column: &str) -> Result<Option<f64>, String> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        let parsed = text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0);
        parsed.map(Some).ok_or_else(|| format!("{column}: {text:?} is not a number of zero or more"))
    }

    fn number(&self, column: &str) -> Result<f64, String> {
        self.optional(column)?.ok_or_else(|| format!("{column} is missing"))
    }

    fn price(&self, column: &str) -> Result<Option<UsdPerHour>, String> {
        let Some(number) = self.optional(column)? else { return Ok(None) };
        UsdPerHour::from_f64(number).map(Some).ok_or_else(|| format!("{column}: {number} is not a price"))
    }

    fn instance_type(&self) -> Result<InstanceType, String> {
        let gib = |number: f64| Bytes((number * GIB).round() as i64);
        let gpu = match self.optional("gpus")?.unwrap_or(0.0) as u32 {
            0 => None,
            count => Some(GpuShape {
                model: self.known("gpu_model").ok_or("gpu_model is missing")?,
                count,
                memory: gib(self.number("gpu_memory_gib")?),
                nvlink_domain: self.optional("nvlink_domain")?.map(|count| count as u32),
            }),
        };
        let lost = self.optional("interruptions_percent_a_month")?.map(|percent| percent / 100.0);
        if lost.is_some_and(|lost| lost >= 1.0) {
            return Err("interruptions_percent_a_month: expected below 100".to_owned());
        }
        Ok(InstanceType {
            cloud: self.text("cloud").to_owned(),
            name: self.text("instance_type").to_owned(),
            vcpus: Millicores((self.number("vcpus")? * 1000.0).round() as i64),
            memory: gib(self.number("memory_gib")?),
            arch: self.known("arch").unwrap_or_else(|| "amd64".to_owned()),
            gpu,
            on_demand: self.price("on_demand_usd_per_hour")?,
            spot: self.price("spot_usd_per_hour")?,
            reserved_1y: self.price("reserved_1y_usd_per_hour")?,
            reserved_3y: self.price("reserved_3y_usd_per_hour")?,
            // The rate at which that part is lost within a month.
            interruptions_per_hour: lost.map(|lost| -(1.0 - lost).ln() / HOURS_A_MONTH),
            local_storage: self.optional("local_storage_gb")?.map(|gb| Bytes((gb * 1e9).round() as i64)),
            network_mbps: self.optional("network_gbps")?.map(|gbps| (gbps * 1000.0).round() as u64),
            cpu_manufacturer: self.known("cpu_manufacturer"),
            hypervisor: self.known("hypervisor"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::CapacityType;

    #[test]
    fn the_built_in_table_is_read_whole() {
        let catalogue = Catalogue::builtin();
        assert!(catalogue.types().len() > 900);
        let p3 = catalogue.get("p3.8xlarge").unwrap();
        assert_eq!((p3.vcpus, p3.memory, p3.gpus()), (Millicores(32_000), Bytes(244 << 30), 4));
        assert_eq!(p3.gpu.as_ref().unwrap().model, "V100");
        assert_eq!(p3.on_demand, Some(UsdPerHour::from_nanos(12_240_000_000)));
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
        let header = COLUMNS.join(",");
        let row = |on_demand: &str, lost: &str| format!("{header}\naws,x,2,8,,0,,{on_demand},,,,{lost},amd64,,,,,\n");
        let error = |text: &str| Catalogue::parse(text).unwrap_err().to_string();
        let told = error(&row("-1", ""));
        assert!(told.contains("line 2") && told.contains("on_demand_usd_per_hour"), "{told}");
        assert!(error(&row("1", "100")).contains("below 100"));
        assert!(error(&format!("{header}\naws,x\n")).contains("18 fields"));
        assert!(error("cloud,instance_type\n").contains("no column vcpus"));
        let none = Catalogue::parse(&row("", "")).unwrap();
        assert_eq!(none.get("x").unwrap().price(CapacityType::OnDemand), None);
    }

    #[test]
    fn what_is_built_in_reaches_todays_accelerators_and_says_what_it_does_not_know() {
        let of = |name: &str| Catalogue::builtin().get(name).unwrap().clone();
        for (name, model, count, domain) in [
            ("p5e.48xlarge", "H200", 8, Some(8)),
            ("p6-b200.48xlarge", "B200", 8, Some(8)),
            ("p6e-gb200.36xlarge", "GB200", 4, Some(72)),
            ("trn2.48xlarge", "Trainium2", 16, Some(16)),
            ("ct6e-standard-8t", "TPU-v6e", 8, None),
            ("Standard_ND96isr_MI300X_v5", "MI300X", 8, Some(8)),
            ("a4-highgpu-8g", "B200", 8, Some(8)),
        ] {
            let gpu = of(name).gpu.clone().unwrap();
            assert_eq!((gpu.model.as_str(), gpu.count, gpu.nvlink_domain), (model, count, domain), "{name}");
        }
        assert_eq!(of("p6e-gb200.36xlarge").on_demand, None);
        assert_eq!((of("m8g.large").arch.as_str(), of("t3.micro").vcpus), ("arm64", Millicores(2000)));
        assert_eq!(of("Standard_ND96isr_MI300X_v5").gpu.as_ref().unwrap().resource(), "amd.com/gpu");
        // Of a hundred A100 machines 7.5 are lost within a month.
        let rate = of("p4d.24xlarge").interruptions_per_hour.unwrap();
        assert!((1.0 - (-rate * HOURS_A_MONTH).exp() - 0.075).abs() < 1e-12, "{rate}");
        assert_eq!(of("m6i.large").interruptions_per_hour, None);
        assert_eq!(of("i4i.large").local_storage, Some(Bytes(468_000_000_000)));
        assert!(
            Catalogue::builtin().types().iter().all(|of| !of.gpu.as_ref().is_some_and(|gpu| gpu.model.contains(' ')))
        );
    }

    #[test]
    fn types_are_changed_and_added() {
        let builtin = Catalogue::builtin();
        let mut cheap = (**builtin.get("m6i.large").unwrap()).clone();
        cheap.on_demand = UsdPerHour::from_f64(0.05);
        let own = InstanceType { name: "own.large".to_owned(), ..cheap.clone() };
        let changed = builtin.with([cheap, own]);
        assert_eq!(changed.types().len(), builtin.types().len() + 1);
        assert_eq!(changed.get("m6i.large").unwrap().on_demand, changed.get("own.large").unwrap().on_demand);
        assert_ne!(builtin.get("m6i.large").unwrap().on_demand, changed.get("m6i.large").unwrap().on_demand);
    }
}
