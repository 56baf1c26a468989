//! Splitting a graph in two: what depends on text alone, and the rest.
//!
//! The values that the second part takes from the first are worked out once for a text, whatever images follow.

use std::collections::{HashMap, HashSet};

use super::{
    file::{OnnxFile, Part},
    node::{INPUTS, Node, OUTPUTS},
    wire::{Malformed, put_bytes, put_varint},
};

/// What a value depends on; of several the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Constant,
    Text,
    Image,
}

/// A value that goes from the one part to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// Its name.
    pub name: String,
    /// Type of its elements, by ONNX's number.
    pub element: u64,
    /// How many dimensions it has; `None` when that is not known.
    pub rank: Option<usize>,
}

/// A graph in two parts.
#[derive(Debug)]
pub struct Split<'a> {
    file: OnnxFile<'a>,
    /// Where each value comes from.
    origins: HashMap<&'a str, Origin>,
    /// Values that the rest takes from what depends on text.
    boundary: Vec<&'a str>,
}

impl<'a> Split<'a> {
    /// Splits a model file whose inputs of certain names are text; `None` when nothing depends on these alone.
    ///
    /// # Errors
    /// It is no ONNX file.
    pub fn new(file: &'a [u8], is_text: impl Fn(&str) -> bool) -> Result<Option<Self>, Malformed> {
        let file = OnnxFile::read(file)?;
        let origins = origins(&file, is_text);
        let mut split = Self { boundary: Vec::new(), origins, file };
        let (_, needed) = split.part(Origin::Image);
        let given: HashSet<&str> = split.file.inputs.iter().map(|named| named.name).collect();
        let mut boundary: Vec<_> = needed
            .into_iter()
            .filter(|name| split.origin(name) == Origin::Text && !given.contains(name))
            .collect();
        boundary.sort_unstable();
        split.boundary = boundary;
        Ok((!split.boundary.is_empty()).then_some(split))
    }

    /// Names of the values that go from the one part to the other.
    pub fn boundary(&self) -> impl Iterator<Item = &'a str> + use<'_, 'a> {
        self.boundary.iter().copied()
    }

    /// The model file of what depends on text; its outputs are the boundary.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let (nodes, needed) = self.part(Origin::Text);
        let mut outputs = Vec::new();
        for name in &self.boundary {
            // Of what type they are, the runtime knows.
            put_bytes(OUTPUTS, &info(name, &[]), &mut outputs);
        }
        self.file.write(&Part { nodes: &nodes, needed: &needed, more_inputs: Vec::new(), outputs })
    }

    /// The model file of the rest, which takes the boundary as inputs. Outputs that depend on text alone are left out.
    #[must_use]
    pub fn image(&self, boundary: &[Boundary]) -> Vec<u8> {
        let (nodes, needed) = self.part(Origin::Image);
        let mut more_inputs = Vec::new();
        for Boundary { name, element, rank } in boundary {
            put_bytes(INPUTS, &info(name, &tensor_type(*element, *rank)), &mut more_inputs);
        }
        let outputs = self.outputs().flat_map(|named| named.raw.iter().copied()).collect();
        self.file.write(&Part { nodes: &nodes, needed: &needed, more_inputs, outputs })
    }

    /// The model's outputs but for those that depend on text alone.
    fn outputs(&self) -> impl Iterator<Item = &super::file::Named<'a>> {
        self.file.outputs.iter().filter(|output| self.origin(output.name) != Origin::Text)
    }

    /// What a value depends on; one that nothing makes is the runtime's to refuse.
    fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).copied().unwrap_or(Origin::Image)
    }

    /// The nodes of a part and those between constants that it needs, in their order, and the values that they need and do
    /// not make.
    fn part(&self, origin: Origin) -> (Vec<&Node<'a>>, HashSet<&'a str>) {
        let mut needed: HashSet<&'a str> = match origin {
            Origin::Image => self.outputs().map(|output| output.name).collect(),
            _ => self.boundary().collect(),
        };
        let mut nodes = Vec::new();
        for node in self.file.nodes.iter().rev() {
            let made_of = node.outputs.first().map_or(Origin::Image, |name| self.origin(name));
            let is_ours = made_of == origin || made_of == Origin::Constant;
            if is_ours && node.outputs.iter().any(|name| needed.contains(name)) {
                for name in &node.outputs {
                    needed.remove(name);
                }
                needed.extend(&node.inputs);
                nodes.push(node);
            }
        }
        nodes.reverse();
        (nodes, needed)
    }
}

fn origins<'a>(file: &OnnxFile<'a>, is_text: impl Fn(&str) -> bool) -> HashMap<&'a str, Origin> {
    let inputs = file.inputs.iter().map(|named| named.name);
    let inputs = inputs.map(|name| (name, if is_text(name) { Origin::Text } else { Origin::Image }));
    let mut origins: HashMap<_, _> = inputs.collect();
    // A constant that is an input, too, is not given.
    origins.extend(file.initializers.iter().map(|named| (named.name, Origin::Constant)));
    for node in &file.nodes {
        let inputs = node.inputs.iter().map(|name| origins.get(name).copied().unwrap_or(Origin::Image));
        let origin = inputs.max().unwrap_or(Origin::Constant);
        origins.extend(node.outputs.iter().map(|name| (*name, origin)));
    }
    origins
}

/// A `ValueInfoProto`; without a type when that is empty.
fn info(name: &str, of_type: &[u8]) -> Vec<u8> {
    let mut info = Vec::new();
    put_bytes(1, name.as_bytes(), &mut info);
    if !of_type.is_empty() {
        put_bytes(2, of_type, &mut info);
    }
    info
}

/// A `TypeProto` of a tensor whose sides are open.
fn tensor_type(element: u64, rank: Option<usize>) -> Vec<u8> {
    let (mut tensor, mut of_type) = (Vec::new(), Vec::new());
    put_varint(1, element, &mut tensor);
    if let Some(rank) = rank {
        let mut shape = Vec::new();
        (0..rank).for_each(|_| put_bytes(1, &[], &mut shape));
        put_bytes(2, &shape, &mut tensor);
    }
    put_bytes(1, &tensor, &mut of_type);
    of_type
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
