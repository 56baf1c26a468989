//! Which replica has which stream.
//!
//! Each stream is one replica's at a time, by a lease in Redis that runs out unless it is prolonged. Replicas say that
//! they are alive in a sorted set; each computes its own share of the streams, gives up what is too much and takes
//! what is free. A lease's token is unique to one acquisition, so that whoever publishes can check that nobody else
//! has had the stream since a frame was read.

mod assignment;
mod keeper;
mod keys;
mod leases;
mod settings;
pub mod share;
mod tenure;

pub use self::{
    assignment::{Assignment, DrainedSender, Known, KnownStream, Owned, assign_all},
    keeper::Keeper,
    keys::OwnershipKeys,
    settings::OwnershipSettings,
    tenure::Tenure,
};
