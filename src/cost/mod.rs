//! What a cluster costs: instance types and prices, billing by time, and who the cost belongs to.
//!
//! [`Catalogue`] knows shapes and list prices, [`Billing`] turns a node's life into money, and [`Attribution`] shares
//! that out to workloads, with what nobody requested as idle cost. All amounts are integers, so a bill is the sum of
//! its lines to the last digit.

mod attribution;
mod billing;
mod catalogue;
mod reserved;

pub use attribution::{Attribution, AttributionPrices, NodeShape, ResourceShare};
pub use billing::{Billing, CapacityType};
pub use catalogue::{Catalogue, CatalogueError, GpuShape, InstanceType};
pub use reserved::{Allocatable, EvictionHard, ReservedOptions, ReservedResources};
