//! The whole service in this process, and the recorder against it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod app;
mod proxy;
mod record;
mod recorder;
mod support;
