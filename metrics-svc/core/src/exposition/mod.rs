//! A snapshot's forms for the world outside.

mod json;
mod number;
mod text;

pub use self::{
    json::{JsonSnapshot, json},
    text::{TEXT_CONTENT_TYPE, text},
};
