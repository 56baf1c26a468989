//! DETR and its kin: a set of queries, each with a box and a logit for every class.

use super::{
    ImageOutputs, ModelError, OutputError, Query, Thresholds,
    decode::{Decode, above, logit, sigmoid},
    description::Activation,
    family::Family,
    nms::Candidate,
    queries::{as_many, imagenet, keep_best, place, plane, whole_mask},
    recognise::{Evidence, Input, Kind, Recognised},
    softmax::Softmax,
};
use crate::{
    mask::{Mask, Region},
    preprocess::{Filter, ResizeMode},
};

/// Pairs of a query and a class that the image processors of Deformable DETR and Conditional DETR look at.
const BEST: usize = 100;

/// Which of the families a graph is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    /// Softmax with a last class for no object.
    Detr,
    /// Sigmoid.
    RtDetr,
    /// Sigmoid, with the names that the export of `rfdetr` has for outputs.
    RfDetr,
}

/// The families of DETR: `logits` `[batch, queries, classes]` and `pred_boxes` `[batch, queries, 4]`, centre and size as
/// parts of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detr {
    member: Member,
    /// Whether boxes are parts of the image rather than of the whole input: the graph knows where the padding is.
    masked: bool,
    /// Most pairs of a query and a class that count; without it as many as there are queries.
    best: Option<usize>,
    /// Whether each query has a mask.
    masks: bool,
}

/// Names of a family's outputs.
struct Names {
    logits: &'static str,
    boxes: &'static str,
    masks: &'static str,
}

const HUGGING_FACE: Names = Names { logits: "logits", boxes: "pred_boxes", masks: "pred_masks" };
const ROBOFLOW: Names = Names { logits: "labels", boxes: "dets", masks: "masks" };

impl Detr {
    /// How graphs are held against DETR and YOLOS.
    pub(super) const DETR: Kind = Kind {
        name: "detr",
        expected: "`logits` [batch, queries, classes + 1] and `pred_boxes` [batch, queries, 4]",
        recognise: |evidence| recognise(evidence, Member::Detr),
    };

    /// How graphs are held against RT-DETR, D-FINE, Deformable DETR, Conditional DETR and RF-DETR.
    pub(super) const RT_DETR: Kind = Kind {
        name: "rt_detr",
        expected: "`logits` [batch, queries, classes] and `pred_boxes` [batch, queries, 4]",
        recognise: |evidence| recognise(evidence, Member::RtDetr),
    };

    /// How graphs are held against the export of `rfdetr`.
    pub(super) const RF_DETR: Kind = Kind {
        name: "rf_detr",
        expected: "`dets` [batch, queries, 4] and `labels` [batch, queries, classes]",
        recognise: |evidence| recognise(evidence, Member::RfDetr),
    };

    /// Why a graph with the outputs of `detr` and `rt_detr` is of neither; `None` for another graph.
    pub(super) fn ambiguity(evidence: &Evidence<'_>) -> Option<ModelError> {
        let columns = columns(evidence, &HUGGING_FACE)?;
        Some(ModelError::Ambiguous { columns, labels: evidence.labels.map(<[String]>::len) })
    }
}

impl Member {
    fn names(self) -> &'static Names {
        match self {
            Self::Detr | Self::RtDetr => &HUGGING_FACE,
            Self::RfDetr => &ROBOFLOW,
        }
    }

    fn activation(self) -> Activation {
        match self {
            Self::Detr => Activation::Softmax,
            Self::RtDetr | Self::RfDetr => Activation::Sigmoid,
        }
    }

    /// The input that it is trained with.
    fn input(self, masked: bool, model_type: Option<&str>) -> Input {
        let resize = if masked { ResizeMode::LetterboxTopLeft } else { ResizeMode::Stretch };
        match (self, model_type) {
            (Self::RfDetr, _) | (_, Some("rf_detr")) => imagenet(resize, Filter::Bilinear),
            (Self::RtDetr, None | Some("rt_detr" | "rt_detr_v2" | "d_fine" | "deimv2")) if !masked => {
                Input { resize, filter: Filter::BilinearAntialias, ..Input::default() }
            }
            _ => imagenet(resize, Filter::BilinearAntialias),
        }
    }
}

/// Logits of a query, if the graph has the outputs; `None` within where it leaves their number open.
fn columns(evidence: &Evidence<'_>, names: &Names) -> Option<Option<usize>> {
    let (logits, boxes) = (evidence.graph.output(names.logits)?, evidence.graph.output(names.boxes)?);
    let ([_, _, columns], [_, _, None | Some(4)]) =
        (logits.dimensions.as_slice(), boxes.dimensions.as_slice())
    else {
        return None;
    };
    // A model that is asked with text scores words.
    (evidence.graph.input("input_ids").is_none() && *columns != Some(0)).then_some(*columns)
}

/// How scores come from logits, if that is told: by name, or by the number of labels.
fn activation(evidence: &Evidence<'_>, columns: Option<usize>) -> Option<Activation> {
    let by_type = match evidence.description.model_type.as_deref() {
        Some("detr" | "yolos" | "table-transformer") => Some(Activation::Softmax),
        Some(
            "rt_detr" | "rt_detr_v2" | "d_fine" | "deimv2" | "rf_detr" | "deformable_detr"
            | "conditional_detr" | "dab-detr" | "lw_detr",
        ) => Some(Activation::Sigmoid),
        _ => None,
    };
    let by_labels = || match columns?.checked_sub(evidence.labels?.len())? {
        0 => Some(Activation::Sigmoid),
        1 => Some(Activation::Softmax),
        _ => None,
    };
    evidence.description.activation.or(by_type).or_else(by_labels)
}

fn recognise(evidence: &Evidence<'_>, member: Member) -> Option<Recognised> {
    let names = member.names();
    let columns = columns(evidence, names)?;
    let told = evidence.named || member == Member::RfDetr;
    if !told && activation(evidence, columns) != Some(member.activation()) {
        return None;
    }
    let model_type = evidence.description.model_type.as_deref();
    let masked = evidence.graph.input("pixel_mask").is_some();
    let hundred = matches!(model_type, Some("deformable_detr" | "conditional_detr" | "dab-detr" | "lw_detr"));
    let family = Detr {
        member,
        masked,
        best: hundred.then_some(BEST),
        masks: evidence.graph.output(names.masks).is_some_and(|masks| masks.dimensions.len() == 4),
    };
    Some(Recognised {
        family: Family::Detr(family),
        classes: columns.map(|columns| match member.activation() {
            Activation::Softmax => columns - 1,
            Activation::Sigmoid => columns,
        }),
        input: member.input(masked, model_type),
    })
}

impl Decode for Detr {
    fn kind(&self) -> &'static Kind {
        match self.member {
            Member::Detr => &Self::DETR,
            Member::RtDetr => &Self::RT_DETR,
            Member::RfDetr => &Self::RF_DETR,
        }
    }

    fn suppresses(&self) -> bool {
        false
    }

    /// With softmax the best class of each query, with sigmoid the best pairs of a query and a class.
    fn candidates(
        &self,
        image: &ImageOutputs<'_>,
        query: &Query<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), OutputError> {
        let names = self.member.names();
        let (logits, boxes) = (image.matrix(names.logits, None)?, image.matrix(names.boxes, Some(4))?);
        as_many((names.boxes, boxes), logits.rows, names.logits)?;
        let start = candidates.len();
        let confidence = query.thresholds.confidence;
        // Scores are worked out only of what counts.
        let least = logit(confidence);
        let scored = Query { thresholds: Thresholds { confidence: least, ..query.thresholds }, ..*query };
        let rows = logits.iter().zip(boxes.data.as_chunks::<4>().0).enumerate();
        for (row, (logits, centred)) in rows {
            let mut add = |class_id: usize, confidence: f32| {
                candidates.push(Candidate {
                    class_id,
                    confidence,
                    corners: place(image, *centred, self.masked),
                    row,
                });
            };
            match self.member.activation() {
                Activation::Sigmoid => {
                    above(logits, &scored).for_each(|(class_id, logit)| add(class_id, sigmoid(logit)));
                }
                Activation::Softmax => {
                    let best = Softmax::of(logits, least, names.logits)?.and_then(Softmax::best);
                    let wanted = best
                        .filter(|(class_id, score)| *score > confidence && query.classes.contains(*class_id));
                    wanted.into_iter().for_each(|(class_id, score)| add(class_id, score));
                }
            }
        }
        keep_best(candidates, start, self.best.unwrap_or(logits.rows));
        Ok(())
    }

    fn has_masks(&self) -> bool {
        self.masks
    }

    /// A query's mask may reach beyond its box.
    fn mask(
        &self,
        image: &ImageOutputs<'_>,
        candidate: &Candidate,
        _: Region,
    ) -> Result<Option<Mask>, OutputError> {
        if !self.masks {
            return Ok(None);
        }
        let logits = plane(image, self.member.names().masks, candidate.row)?;
        Ok(Some(whole_mask(image, logits)))
    }
}

#[cfg(test)]
#[path = "detr_tests.rs"]
mod tests;
