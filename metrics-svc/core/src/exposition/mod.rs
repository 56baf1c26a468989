//! A snapshot's forms for the world outside.

mod json;
mod number;
mod text;

pub use self::{
    json::{JsonSnapshot, json},
    text::{OPEN_METRICS_CONTENT_TYPE, TEXT_CONTENT_TYPE, open_metrics, text},
};
