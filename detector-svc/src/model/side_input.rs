//! Inputs of a graph beside the image.

use super::{GraphInfo, Port};

/// What an input beside the image is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideInputKind {
    /// `[batch, 2]`: width and height that boxes are to be given in; the input's own, so that boxes are in its pixels.
    TargetSizes,
    /// `[batch, height, width]`: 1 where the image is, 0 where it is padded.
    PixelMask,
    /// Token identifiers of the queries.
    TokenIds,
    /// 1 for each token of the queries, 0 for padding.
    AttentionMask,
    /// Which of two texts each token is of: always the first.
    TokenTypeIds,
}

/// An input beside the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideInput {
    /// Name of the graph input.
    pub name: String,
    /// What it is given.
    pub kind: SideInputKind,
    /// Type of its elements, as ONNX names it in lower case.
    pub element: String,
    /// Its dimensions; `None` where the graph leaves one open.
    pub dimensions: Vec<Option<usize>>,
}

/// Names that exporters give these inputs.
const NAMES: [(&str, SideInputKind); 7] = [
    ("orig_target_sizes", SideInputKind::TargetSizes),
    ("target_sizes", SideInputKind::TargetSizes),
    ("pixel_mask", SideInputKind::PixelMask),
    ("input_ids", SideInputKind::TokenIds),
    ("attention_mask", SideInputKind::AttentionMask),
    ("text_token_mask", SideInputKind::AttentionMask),
    ("token_type_ids", SideInputKind::TokenTypeIds),
];

impl SideInputKind {
    /// What an input of this name is given, as far as names tell.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// Whether it is made of the queries, and so the same for every image that is searched for them.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::TokenIds | Self::AttentionMask | Self::TokenTypeIds)
    }
}

/// The inputs of a graph but for its image; those that nothing is known of otherwise.
pub(super) fn side_inputs(graph: &GraphInfo, image: &Port) -> Result<Vec<SideInput>, Vec<Port>> {
    let others = graph.inputs.iter().filter(|port| port.name != image.name);
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for port in others {
        match SideInputKind::of(&port.name) {
            Some(kind) => {
                let Port { name, element, dimensions } = port.clone();
                known.push(SideInput { name, kind, element, dimensions });
            }
            None => unknown.push(port.clone()),
        }
    }
    if unknown.is_empty() { Ok(known) } else { Err(unknown) }
}
