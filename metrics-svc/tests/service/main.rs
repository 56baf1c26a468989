//! The service in this process and as its binary, the recorder and other clients against it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod app;
mod bad_bytes;
mod bad_declarations;
mod bad_events;
mod cardinality;
mod durability;
mod exactly_once;
mod expositions;
mod floods;
mod http;
mod messages;
mod model;
mod numbers;
mod pages;
mod process;
mod proxy;
mod raw;
mod reading;
mod record;
mod recorder;
mod steps;
mod support;
