//! Opening a model that is asked in words as two graphs: the part that reads text, and the rest.

use std::{fs, io, path::Path};

use ort::{
    session::Session,
    value::{Outlet, TensorElementType, ValueType},
};

use super::{
    Provider, ProviderError, RuntimeError, RuntimeSettings,
    graph::graph_info,
    onnx::{Boundary, Split},
    provider::register,
    session::builder,
    text_part::TextPart,
};
use crate::model::{GraphInfo, SideInputKind};

/// Files larger than this are no single message: their weights lie beside them.
const MAX_BYTES: u64 = 2 << 30;
/// Option of a session that says where files with weights are, which a graph in memory does not know.
const WEIGHTS_FOLDER: &str = "session.model_external_initializers_file_folder_path";

/// A model in two parts.
pub(super) struct Parts {
    pub(super) text: TextPart,
    pub(super) session: Session,
    pub(super) provider: Provider,
    /// The model as a whole.
    pub(super) graph: GraphInfo,
}

/// Why a model is not opened in two parts.
#[derive(Debug, thiserror::Error)]
pub(super) enum PartsError {
    #[error("its file cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Graph(#[from] ort::Error),
    #[error(
        "`{0}`, which goes from the part that reads text to the rest, is no tensor of a type that can be passed on"
    )]
    NotATensor(String),
}

/// Opens a model in two parts; `None` when nothing in it depends on text alone, or it is no ONNX file.
pub(super) fn open(path: &Path, settings: &RuntimeSettings) -> Result<Option<Parts>, PartsError> {
    if fs::metadata(path)?.len() > MAX_BYTES {
        return Ok(None);
    }
    let file = fs::read(path)?;
    let is_text = |name: &str| SideInputKind::of(name).is_some_and(SideInputKind::is_text);
    let Ok(Some(split)) = Split::new(&file, is_text) else {
        return Ok(None);
    };
    let (text, _) = commit(&split.text(), path, settings, &for_text(&settings.providers))?;
    let boundary = split.boundary().map(|name| boundary(name, text.outputs()));
    let boundary = boundary.collect::<Result<Vec<_>, _>>()?;
    let (session, provider) = commit(&split.image(&boundary), path, settings, &settings.providers)?;
    let graph = whole(&session, &text, &boundary)?;
    Ok(Some(Parts { text: TextPart::new(text), session, provider, graph }))
}

/// CUDA in place of TensorRT, which would build an engine anew for each number of queries.
fn for_text(providers: &[Provider]) -> Vec<Provider> {
    let mut wanted = Vec::new();
    for provider in providers {
        let provider = if *provider == Provider::TensorRt { Provider::Cuda } else { *provider };
        if !wanted.contains(&provider) {
            wanted.push(provider);
        }
    }
    wanted
}

fn commit(
    file: &[u8],
    path: &Path,
    settings: &RuntimeSettings,
    providers: &[Provider],
) -> Result<(Session, Provider), PartsError> {
    let mut builder = builder(settings)?;
    let provider = register(&mut builder, providers)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder =
        builder.with_config_entry(WEIGHTS_FOLDER, folder.to_string_lossy()).map_err(ort::Error::from)?;
    Ok((builder.commit_from_memory(file)?, provider))
}

fn boundary(name: &str, outputs: &[Outlet]) -> Result<Boundary, PartsError> {
    let outlet = outputs.iter().find(|outlet| outlet.name() == name);
    let described = outlet.and_then(|outlet| match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => Some((element_number(ty)?, shape.len())),
        _ => None,
    });
    let (element, rank) = described.ok_or_else(|| PartsError::NotATensor(name.to_owned()))?;
    // A number by itself and a tensor of unknown rank look the same.
    Ok(Boundary { name: name.to_owned(), element, rank: (rank > 0).then_some(rank) })
}

/// ONNX's number of a type.
fn element_number(element: &TensorElementType) -> Option<u64> {
    Some(match element {
        TensorElementType::Float32 => 1,
        TensorElementType::Uint8 => 2,
        TensorElementType::Int8 => 3,
        TensorElementType::Uint16 => 4,
        TensorElementType::Int16 => 5,
        TensorElementType::Int32 => 6,
        TensorElementType::Int64 => 7,
        TensorElementType::Bool => 9,
        TensorElementType::Float16 => 10,
        TensorElementType::Float64 => 11,
        TensorElementType::Uint32 => 12,
        TensorElementType::Uint64 => 13,
        TensorElementType::Bfloat16 => 16,
        _ => return None,
    })
}

/// What the whole graph says of itself, but for outputs that depend on text alone.
fn whole(session: &Session, text: &Session, boundary: &[Boundary]) -> Result<GraphInfo, ort::Error> {
    let mut graph = graph_info(session)?;
    graph.inputs.retain(|port| boundary.iter().all(|boundary| boundary.name != port.name));
    for port in graph_info(text)?.inputs {
        if graph.input(&port.name).is_none() {
            graph.inputs.push(port);
        }
    }
    Ok(graph)
}
