//! What a cluster costs: instance types and prices, billing by time, and who the cost belongs to.
//!
//! [`Catalogue`] knows shapes and list prices, [`Billing`] turns a node's life into money, [`Commitments`] take their
//! discount, and [`AttributionPrices`] and [`Holding`] share that out to workloads, with what nobody holds as idle cost. All amounts are integers, so a bill is the sum of
//! its lines to the last digit.

mod attribution;
mod billing;
mod catalogue;
mod commitment;
mod instance_type;

pub use attribution::{AttributionPrices, COMMITMENTS, Holding, IDLE, NodeCapacity, cost_of};
pub use billing::{Billing, CapacityType};
pub use catalogue::{Catalogue, CatalogueError};
pub use commitment::{Commitment, CommitmentUse, Commitments, Cover, MOST_COMMITMENTS};
pub use instance_type::{GpuShape, InstanceType};
