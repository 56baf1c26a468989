//! Camera streams in Redis.
//!
//! [`discover`](discover::discover) finds out which streams there are, [`ownership`](crate::ownership) which of them
//! are this process's, and one source for each policy reads those.

pub(crate) mod discover;
pub mod entry;
pub mod every;
pub(crate) mod labels;
pub mod latest;
mod portion;
pub(crate) mod reply;
pub mod streams;
mod wait;

use std::time::Duration;

/// The condition of readiness that Redis can be read.
pub const READY_CONDITION: &str = "redis";
/// How long one read waits for news: streams that are assigned meanwhile wait as long.
const BLOCK: Duration = Duration::from_millis(200);
/// How long one read waits when it knows that something else is to be done soon.
const PAUSE: Duration = Duration::from_millis(10);
