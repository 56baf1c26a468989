//! The families of models that are known.

use super::{
    BoxesScores, Detr, DetrDeploy, GroundingDino, MaskFormer, Owl, Ssd, Yolo, YoloEnd2End, Yolov5, Yolox,
    decode::Decode, recognise::Kind,
};

/// How a family of models encodes detections in its outputs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Family {
    /// Boxes decoded in the graph beside a score for every class.
    BoxesScores(BoxesScores),
    /// Boxes selected in the graph, in four outputs.
    Ssd(Ssd),
    /// YOLO without objectness.
    Yolo(Yolo),
    /// YOLO with objectness and three boxes a cell.
    Yolov5(Yolov5),
    /// YOLO with objectness and one box a cell.
    Yolox(Yolox),
    /// YOLO with boxes selected in the graph.
    YoloEnd2End(YoloEnd2End),
    /// DETR and its kin: queries with a box and a logit for every class.
    Detr(Detr),
    /// The best boxes, chosen in the graph.
    DetrDeploy(DetrDeploy),
    /// Queries with a mask and a logit for every class.
    MaskFormer(MaskFormer),
    /// Patches scored against queries in words: OWLv2 and OWL-ViT.
    Owl(Owl),
    /// Queries of a transformer scored against words: Grounding DINO.
    GroundingDino(GroundingDino),
}

impl Family {
    /// What stands for any family in settings.
    pub const AUTO: &'static str = "auto";

    /// Name of every family, for settings.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|kind| kind.name)
    }

    /// Name in settings and in `GetModel`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.decode().kind().name
    }

    pub(super) fn decode(&self) -> &dyn Decode {
        match self {
            Self::BoxesScores(family) => family,
            Self::Ssd(family) => family,
            Self::Yolo(family) => family,
            Self::Yolov5(family) => family,
            Self::Yolox(family) => family,
            Self::YoloEnd2End(family) => family,
            Self::Detr(family) => family,
            Self::DetrDeploy(family) => family,
            Self::MaskFormer(family) => family,
            Self::Owl(family) => family,
            Self::GroundingDino(family) => family,
        }
    }
}

/// The families in the order in which they are tried.
pub(super) const KINDS: &[Kind] = &[
    GroundingDino::KIND,
    Owl::KIND_V2,
    Owl::KIND_VIT,
    BoxesScores::KIND,
    Ssd::KIND,
    Detr::DETR,
    Detr::RT_DETR,
    Detr::RF_DETR,
    DetrDeploy::KIND,
    MaskFormer::KIND,
    Yolo::KIND,
    Yolov5::KIND,
    Yolox::KIND,
    YoloEnd2End::KIND,
];
