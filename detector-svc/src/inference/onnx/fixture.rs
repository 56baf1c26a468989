//! Files put together and taken apart, for tests.

use super::wire::{Fields, put_bytes, put_varint};

/// A node with an operator and, within a graph of its own, another node that takes these.
pub(super) fn node(operator: &str, inputs: &[&str], captures: &[&str], outputs: &[&str]) -> Vec<u8> {
    let mut node = Vec::new();
    inputs.iter().for_each(|name| put_bytes(1, name.as_bytes(), &mut node));
    outputs.iter().for_each(|name| put_bytes(2, name.as_bytes(), &mut node));
    put_bytes(4, operator.as_bytes(), &mut node);
    if !captures.is_empty() {
        let (mut inner, mut graph, mut attribute) = (Vec::new(), Vec::new(), Vec::new());
        captures.iter().for_each(|name| put_bytes(1, name.as_bytes(), &mut inner));
        put_bytes(2, b"inner", &mut inner);
        put_bytes(1, &inner, &mut graph);
        put_bytes(12, &named(1, "inner"), &mut graph);
        put_bytes(6, &graph, &mut attribute);
        put_bytes(5, &attribute, &mut node);
    }
    node
}

/// A message with nothing but a name.
pub(super) fn named(number: u32, name: &str) -> Vec<u8> {
    let mut message = Vec::new();
    put_bytes(number, name.as_bytes(), &mut message);
    message
}

/// A file with these nodes, constants, inputs and outputs.
pub(super) fn file(nodes: &[Vec<u8>], constants: &[&str], inputs: &[&str], outputs: &[&str]) -> Vec<u8> {
    let (mut graph, mut file) = (Vec::new(), Vec::new());
    nodes.iter().for_each(|node| put_bytes(1, node, &mut graph));
    put_bytes(2, b"main", &mut graph);
    constants.iter().for_each(|name| put_bytes(5, &named(8, name), &mut graph));
    inputs.iter().for_each(|name| put_bytes(11, &named(1, name), &mut graph));
    outputs.iter().for_each(|name| put_bytes(12, &named(1, name), &mut graph));
    put_varint(1, 8, &mut file);
    put_bytes(7, &graph, &mut file);
    file
}

/// The file with its large constants in another, `weights.bin`, and what that has.
pub(crate) fn with_weights_beside(file: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut model, mut weights) = (Vec::new(), Vec::new());
    for field in Fields::of(file).map(Result::unwrap) {
        if field.number == 7 {
            let mut graph = Vec::new();
            for field in Fields::of(field.bytes).map(Result::unwrap) {
                match field.number {
                    5 => put_bytes(5, &beside(field.bytes, &mut weights), &mut graph),
                    _ => graph.extend_from_slice(field.raw),
                }
            }
            put_bytes(7, &graph, &mut model);
        } else {
            model.extend_from_slice(field.raw);
        }
    }
    (model, weights)
}

fn beside(tensor: &[u8], weights: &mut Vec<u8>) -> Vec<u8> {
    let mut moved = Vec::new();
    for field in Fields::of(tensor).map(Result::unwrap) {
        if field.number == 9 && field.bytes.len() > 1000 {
            for (key, value) in [
                ("location", "weights.bin".to_owned()),
                ("offset", weights.len().to_string()),
                ("length", field.bytes.len().to_string()),
            ] {
                let mut entry = Vec::new();
                put_bytes(1, key.as_bytes(), &mut entry);
                put_bytes(2, value.as_bytes(), &mut entry);
                put_bytes(13, &entry, &mut moved);
            }
            put_varint(14, 1, &mut moved);
            weights.extend_from_slice(field.bytes);
        } else {
            moved.extend_from_slice(field.raw);
        }
    }
    moved
}
