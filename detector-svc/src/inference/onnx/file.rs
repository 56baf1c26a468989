//! An ONNX file as its parts, which other files can be put together of.

use std::collections::HashSet;

use super::{
    node::{
        INITIALIZER, INPUTS, NODE, Node, OUTPUTS, SPARSE_INITIALIZER, info_name, sparse_name, tensor_name,
    },
    wire::{Fields, Malformed, put_bytes},
};

/// Field number of the graph in `ModelProto`.
const GRAPH: u32 = 7;
/// Field number of what is known of values within the graph, in `GraphProto`.
const VALUE_INFO: u32 = 13;

/// A part of a graph that has a name, as it lies there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) raw: &'a [u8],
}

/// A model file.
#[derive(Debug, Default)]
pub(super) struct OnnxFile<'a> {
    /// Everything but the graph.
    rest: Vec<&'a [u8]>,
    /// The graph's nodes, each after those that it takes from.
    pub(super) nodes: Vec<Node<'a>>,
    /// Constants.
    pub(super) initializers: Vec<Named<'a>>,
    /// Inputs; in old files constants, too.
    pub(super) inputs: Vec<Named<'a>>,
    pub(super) outputs: Vec<Named<'a>>,
    value_infos: Vec<Named<'a>>,
    /// The rest of the graph.
    rest_of_graph: Vec<&'a [u8]>,
}

/// What of a file is written.
pub(super) struct Part<'p, 'a> {
    /// Which nodes.
    pub(super) nodes: &'p [&'p Node<'a>],
    /// Which values are its inputs or constants.
    pub(super) needed: &'p HashSet<&'a str>,
    /// Inputs that the file has not.
    pub(super) more_inputs: Vec<u8>,
    /// Its outputs.
    pub(super) outputs: Vec<u8>,
}

impl<'a> OnnxFile<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (mut file, mut graph) = (Self::default(), None);
        for field in Fields::of(bytes) {
            let field = field?;
            match (field.number, graph) {
                (GRAPH, None) => graph = Some(field.bytes),
                (GRAPH, Some(_)) => return Err(Malformed("it has two graphs")),
                _ => file.rest.push(field.raw),
            }
        }
        file.read_graph(graph.ok_or(Malformed("it has no graph"))?)?;
        Ok(file)
    }

    fn read_graph(&mut self, graph: &'a [u8]) -> Result<(), Malformed> {
        for field in Fields::of(graph) {
            let field = field?;
            let named = |name| Named { name, raw: field.raw };
            match field.number {
                NODE => self.nodes.push(Node::read(&field)?),
                INITIALIZER => self.initializers.push(named(tensor_name(field.bytes)?)),
                SPARSE_INITIALIZER => self.initializers.push(named(sparse_name(field.bytes)?)),
                INPUTS => self.inputs.push(named(info_name(field.bytes)?)),
                OUTPUTS => self.outputs.push(named(info_name(field.bytes)?)),
                VALUE_INFO => self.value_infos.push(named(info_name(field.bytes)?)),
                _ => self.rest_of_graph.push(field.raw),
            }
        }
        Ok(())
    }

    /// A file with a part of the graph.
    pub(super) fn write(&self, part: &Part<'_, 'a>) -> Vec<u8> {
        let made: HashSet<&str> = part.nodes.iter().flat_map(|node| node.outputs.iter().copied()).collect();
        let needed = |named: &&Named<'_>| part.needed.contains(named.name);
        let mut graph = Vec::new();
        part.nodes.iter().for_each(|node| graph.extend_from_slice(node.raw));
        self.rest_of_graph.iter().for_each(|raw| graph.extend_from_slice(raw));
        for named in self.initializers.iter().filter(needed) {
            graph.extend_from_slice(named.raw);
        }
        for named in self.inputs.iter().filter(needed) {
            graph.extend_from_slice(named.raw);
        }
        for named in self.value_infos.iter().filter(|named| made.contains(named.name)) {
            graph.extend_from_slice(named.raw);
        }
        graph.extend_from_slice(&part.more_inputs);
        graph.extend_from_slice(&part.outputs);
        let mut file = Vec::with_capacity(graph.len() + 64);
        self.rest.iter().for_each(|raw| file.extend_from_slice(raw));
        put_bytes(GRAPH, &graph, &mut file);
        file
    }
}
