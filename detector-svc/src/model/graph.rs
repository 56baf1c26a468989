//! A graph's inputs, outputs and metadata as plain data, so that models are recognised without a runtime.

use std::{collections::BTreeMap, fmt};

use super::OutputError;

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
}

impl GraphInfo {
    /// The output of this name.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&Port> {
        self.outputs.iter().find(|port| port.name == name)
    }
}

impl fmt::Display for GraphInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ports: &[Port]| ports.iter().map(Port::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "inputs {} and outputs {}", list(&self.inputs), list(&self.outputs))
    }
}

/// One output tensor of a run, row-major.
#[derive(Clone, Debug)]
pub struct Output<'a> {
    /// Name of the graph output.
    pub name: &'a str,
    /// Dimensions, the batch first.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: &'a [f32],
}

impl<'a> Output<'a> {
    /// Part `index` of the data in parts of `rows * columns`; `None` where the shape claims more than there is.
    fn part(&self, index: usize, rows: usize, columns: usize) -> Option<&'a [f32]> {
        let size = rows.checked_mul(columns)?;
        let start = index.checked_mul(size)?;
        self.data.get(start..start.checked_add(size)?)
    }
}

/// The output tensors of a run.
#[derive(Clone, Debug, Default)]
pub struct Outputs<'a>(pub Vec<Output<'a>>);

impl<'a> Outputs<'a> {
    /// The part of the output `name` that belongs to image `index`, which must have shape `[rows, columns]`;
    /// `columns` may be left open.
    ///
    /// # Errors
    /// [`OutputError`] when there is no such output or it has another shape.
    pub fn matrix(
        &self,
        name: &str,
        index: usize,
        columns: Option<usize>,
    ) -> Result<Matrix<'a>, OutputError> {
        let output =
            self.0.iter().find(|o| o.name == name).ok_or_else(|| OutputError::Missing(name.into()))?;
        match *output.shape.as_slice() {
            [batch, rows, width] if index < batch && columns.is_none_or(|c| c == width) => {
                output.part(index, rows, width).map(|data| Matrix { rows, columns: width, data })
            }
            _ => None,
        }
        .ok_or_else(|| OutputError::Shape {
            name: name.into(),
            shape: output.shape.clone(),
            expected: format!("[batch > {index}, boxes, {}]", columns.map_or("n".into(), |c| c.to_string())),
        })
    }
}

/// Row-major matrix borrowed from an output.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Rows.
    pub rows: usize,
    /// Values a row.
    pub columns: usize,
    /// `rows * columns` values.
    pub data: &'a [f32],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_that_claims_more_than_there_is_is_refused() {
        for shape in [vec![1, 3, 4], vec![2, usize::MAX, 4], vec![usize::MAX, 2, 4], vec![2, 4]] {
            let outputs = Outputs(vec![Output { name: "boxes", shape, data: &[0.0; 8] }]);
            assert!(outputs.matrix("boxes", 1, Some(4)).is_err());
        }
    }
}
