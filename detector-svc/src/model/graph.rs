//! A graph's inputs, outputs and metadata as plain data, so that models are recognised without a runtime.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// One input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Type of its elements, as ONNX names it in lower case (`float32`).
    pub element: String,
    /// Its dimensions; `None` where the graph leaves one open.
    pub dimensions: Vec<Option<usize>>,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dimensions: Vec<String> =
            self.dimensions.iter().map(|d| d.map_or_else(|| "?".into(), |d| d.to_string())).collect();
        write!(f, "`{}` {}[{}]", self.name, self.element, dimensions.join(","))
    }
}

/// What a model file says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphInfo {
    /// Inputs in the graph's order.
    pub inputs: Vec<Port>,
    /// Outputs in the graph's order.
    pub outputs: Vec<Port>,
    /// Free-form metadata.
    pub metadata: BTreeMap<String, String>,
    /// Names of the operators that its nodes use, as far as they are known.
    pub operators: BTreeSet<String>,
}

impl GraphInfo {
    /// The output of this name.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&Port> {
        self.outputs.iter().find(|port| port.name == name)
    }

    /// The input of this name.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&Port> {
        self.inputs.iter().find(|port| port.name == name)
    }
}

impl fmt::Display for GraphInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ports: &[Port]| ports.iter().map(Port::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "inputs {} and outputs {}", list(&self.inputs), list(&self.outputs))
    }
}
