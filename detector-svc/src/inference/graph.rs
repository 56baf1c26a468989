//! What a loaded graph says about itself, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use ort::{
    session::Session,
    value::{Outlet, TensorElementType, ValueType},
};

use crate::model::{GraphInfo, Port};

/// Inputs, outputs and metadata of a session's graph.
pub(super) fn graph_info(session: &Session) -> Result<GraphInfo, ort::Error> {
    let metadata = session.metadata()?;
    let keys = metadata.custom_keys()?;
    let entries: BTreeMap<String, String> =
        keys.into_iter().filter_map(|key| metadata.custom(&key).map(|value| (key, value))).collect();
    Ok(GraphInfo {
        inputs: session.inputs().iter().map(port).collect(),
        outputs: session.outputs().iter().map(port).collect(),
        metadata: entries,
        operators: BTreeSet::new(),
    })
}

fn port(outlet: &Outlet) -> Port {
    let (element, dimensions) = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            (element_name(ty), shape.iter().map(|side| usize::try_from(*side).ok()).collect())
        }
        other => (format!("{other:?}"), Vec::new()),
    };
    Port { name: outlet.name().to_owned(), element, dimensions }
}

/// Name of an element type as ONNX writes it.
fn element_name(element: &TensorElementType) -> String {
    match element {
        TensorElementType::Float32 => "float32".to_owned(),
        TensorElementType::Float16 => "float16".to_owned(),
        TensorElementType::Float64 => "float64".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}
