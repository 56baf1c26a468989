//! Boots real servers for the end-to-end tests and the demo: a private Redis, both services, and what looks at
//! them from outside.

pub mod eventually;
pub mod frames;
pub mod golden;
pub mod page;
pub mod process;
pub mod proxy;
pub mod python;
pub mod redis_server;
pub mod service;
