//! A node of a graph: what it takes, those things among it that only graphs within it name, and what it gives.

use std::collections::HashSet;

use super::wire::{Field, Fields, Malformed, text};

/// Field numbers of `NodeProto`.
const INPUT: u32 = 1;
const OUTPUT: u32 = 2;
const ATTRIBUTE: u32 = 5;
/// Field numbers of `AttributeProto`.
const GRAPH: u32 = 6;
const GRAPHS: u32 = 11;
/// Field numbers of `GraphProto`, for graphs within nodes.
pub(super) const NODE: u32 = 1;
pub(super) const INITIALIZER: u32 = 5;
pub(super) const INPUTS: u32 = 11;
pub(super) const OUTPUTS: u32 = 12;
pub(super) const SPARSE_INITIALIZER: u32 = 15;
/// Field number of the name in `ValueInfoProto`, in `TensorProto`, and of the values in `SparseTensorProto`.
const INFO_NAME: u32 = 1;
const TENSOR_NAME: u32 = 8;
const SPARSE_VALUES: u32 = 1;

/// Graphs within graphs that are looked into.
const MAX_DEPTH: usize = 16;

/// A node.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// As it lies in the graph.
    pub(super) raw: &'a [u8],
    /// Values that it needs, also of graphs within it.
    pub(super) inputs: Vec<&'a str>,
    /// Values that it makes.
    pub(super) outputs: Vec<&'a str>,
}

impl<'a> Node<'a> {
    pub(super) fn read(field: &Field<'a>) -> Result<Self, Malformed> {
        Self::at_depth(field, 0)
    }

    fn at_depth(field: &Field<'a>, depth: usize) -> Result<Self, Malformed> {
        let mut node = Self { raw: field.raw, inputs: Vec::new(), outputs: Vec::new() };
        for field in Fields::of(field.bytes) {
            let field = field?;
            match field.number {
                // An input that is left out has an empty name.
                INPUT if !field.bytes.is_empty() => node.inputs.push(text(field.bytes)?),
                OUTPUT if !field.bytes.is_empty() => node.outputs.push(text(field.bytes)?),
                ATTRIBUTE => node.add_attribute(field.bytes, depth)?,
                _ => {}
            }
        }
        Ok(node)
    }

    fn add_attribute(&mut self, attribute: &'a [u8], depth: usize) -> Result<(), Malformed> {
        for field in Fields::of(attribute) {
            let field = field?;
            if matches!(field.number, GRAPH | GRAPHS) {
                if depth == MAX_DEPTH {
                    return Err(Malformed("graphs within graphs go too deep"));
                }
                self.inputs.extend(captured(field.bytes, depth + 1)?);
            }
        }
        Ok(())
    }
}

/// Values that a graph within a node takes from around it.
fn captured(graph: &[u8], depth: usize) -> Result<Vec<&str>, Malformed> {
    let (mut used, mut defined) = (Vec::new(), HashSet::new());
    for field in Fields::of(graph) {
        let field = field?;
        match field.number {
            NODE => {
                let node = Node::at_depth(&field, depth)?;
                used.extend(node.inputs);
                defined.extend(node.outputs);
            }
            INITIALIZER => defined.extend([tensor_name(field.bytes)?]),
            SPARSE_INITIALIZER => defined.extend([sparse_name(field.bytes)?]),
            INPUTS => defined.extend([info_name(field.bytes)?]),
            OUTPUTS => used.push(info_name(field.bytes)?),
            _ => {}
        }
    }
    used.retain(|name| !defined.contains(name));
    Ok(used)
}

/// Name of a described value.
pub(super) fn info_name(info: &[u8]) -> Result<&str, Malformed> {
    name(info, INFO_NAME)
}

/// Name of a tensor.
pub(super) fn tensor_name(tensor: &[u8]) -> Result<&str, Malformed> {
    name(tensor, TENSOR_NAME)
}

/// Name of a tensor of which most values are zero: that of its others.
pub(super) fn sparse_name(tensor: &[u8]) -> Result<&str, Malformed> {
    for field in Fields::of(tensor) {
        let field = field?;
        if field.number == SPARSE_VALUES {
            return tensor_name(field.bytes);
        }
    }
    Ok("")
}

fn name(message: &[u8], number: u32) -> Result<&str, Malformed> {
    let mut name = "";
    for field in Fields::of(message) {
        let field = field?;
        if field.number == number {
            name = text(field.bytes)?;
        }
    }
    Ok(name)
}
