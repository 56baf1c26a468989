//! A [`RecordRequest`](vision_proto::metrics::v1::RecordRequest) read in place, without an allocation.
//!
//! [`Batch::parse`] checks the whole message, its [`Samples`] and its [`Producer`] once, so that nothing of a
//! malformed batch is applied. The repeated submessages stay encoded: metrics and series definitions are rare and
//! decoded by prost, and an event seldom needs decoding:
//!
//! 1. [`IdentityCache::recognise`] finds the slot of an event whose name and labels came in these very bytes before.
//! 2. Otherwise [`Event::parse`] reads any event, and the slot found by its name and labels is
//!    [inserted](IdentityCache::insert) under the identity that [`Event::split`] tells of an event of the usual form.
//!
//! What is accepted is what prost accepts, but for the text of names and labels, which is checked when a series
//! is made of it.
//!
//! The format: <https://protobuf.dev/programming-guides/encoding/>.

mod batch;
mod error;
mod event;
mod identity;
#[cfg(test)]
mod identity_tests;
mod messages;
#[cfg(test)]
mod prost_oracle;
mod reader;
mod samples;
mod split;
#[cfg(test)]
mod wire_tests;

pub use self::{
    batch::{Batch, Producer},
    error::{MalformedReason, WireError},
    event::{Event, Labels},
    identity::{IdentityCache, MAX_IDENTITY_BYTES},
    messages::Messages,
    samples::{Ids, Samples, Values},
    split::Split,
};
