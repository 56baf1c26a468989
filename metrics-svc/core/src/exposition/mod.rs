//! A snapshot's forms for the world outside, whole or in chunks that need never be in memory together.

mod export;
mod json;
mod number;
mod text;

pub use self::{
    json::{JsonChunks, json, json_chunks},
    text::{TextChunks, TextFormat, text, text_chunks},
};

/// Bytes from which on a chunk is full.
const CHUNK_BYTES: usize = 64 * 1024;
