//! The services as their users meet them: real Redis, real model, real clients.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bad_input;
mod connections;
mod detections;
mod every;
mod exposition;
mod faults;
mod files;
mod fixture;
mod open_vocabulary;
mod ownership;
mod python_client;
mod redis_servers;
mod reload;
mod restarts;
mod streams;
