//! Graphs that choose the best boxes themselves: `labels` and `scores` `[batch, n]`, `boxes` `[batch, n, 4]`.

use super::{
    ImageOutputs, OutputError, Outputs, Query,
    decode::{Decode, numbered},
    family::Family,
    nms::Candidate,
    queries::as_many,
    recognise::{Evidence, Input, Kind, Recognised},
};
use crate::preprocess::{Filter, ResizeMode};

const LABELS: &str = "labels";
const BOXES: &str = "boxes";
const SCORES: &str = "scores";

/// Classes that are named where nothing tells how many there are: those of Objects365 and its background, the most of
/// the usual data sets.
const CLASSES: usize = 366;

/// The exports of the repositories of RT-DETR, D-FINE and DEIM, which are told with `orig_target_sizes` in which pixels
/// boxes are to be; and those of torchvision, for one image, without a dimension for the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetrDeploy {
    /// Whether the outputs have a dimension for the batch.
    batched: bool,
}

impl DetrDeploy {
    /// How graphs are held against it.
    pub(super) const KIND: Kind = Kind {
        name: "detr_deploy",
        expected: "`labels` [batch, n], `boxes` [batch, n, 4] and `scores` [batch, n], the batch left out only where \
                   the input takes one image",
        recognise: Self::recognise,
    };

    fn recognise(evidence: &Evidence<'_>) -> Option<Recognised> {
        let output = |name: &str| evidence.graph.output(name).map(|port| port.dimensions.as_slice());
        let batched = match (output(LABELS)?, output(BOXES)?, output(SCORES)?) {
            ([_, _], [_, _, None | Some(4)], [_, _]) => true,
            ([_], [_, None | Some(4)], [_]) if takes_one_image(evidence) => false,
            _ => return None,
        };
        Some(Recognised {
            family: Family::DetrDeploy(Self { batched }),
            classes: Some(evidence.labels.map_or(CLASSES, <[String]>::len)),
            input: Input {
                resize: ResizeMode::Stretch,
                filter: Filter::BilinearAntialias,
                ..Input::default()
            },
        })
    }
}

/// Whether every run is of one image.
fn takes_one_image(evidence: &Evidence<'_>) -> bool {
    evidence.graph.inputs.iter().any(|port| matches!(port.dimensions.as_slice(), [Some(1), _, _, _]))
}

impl Decode for DetrDeploy {
    fn kind(&self) -> &'static Kind {
        &Self::KIND
    }

    fn suppresses(&self) -> bool {
        false
    }

    fn candidates(
        &self,
        image: &ImageOutputs<'_>,
        query: &Query<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), OutputError> {
        if self.batched {
            return read(image, query, candidates);
        }
        let outputs = image.outputs.0.iter().map(|output| {
            let mut output = output.clone();
            output.shape.insert(0, 1);
            output
        });
        read(&ImageOutputs { outputs: &Outputs(outputs.collect()), ..*image }, query, candidates)
    }
}

fn read(
    image: &ImageOutputs<'_>,
    query: &Query<'_>,
    candidates: &mut Vec<Candidate>,
) -> Result<(), OutputError> {
    let (labels, scores) = (image.vector(LABELS)?, image.vector(SCORES)?);
    let boxes = image.matrix(BOXES, Some(4))?;
    as_many((BOXES, boxes), scores.len(), SCORES)?;
    as_many((BOXES, boxes), labels.len(), LABELS)?;
    let rows = labels.iter().zip(scores).zip(boxes.data.as_chunks::<4>().0).enumerate();
    for (row, ((label, confidence), corners)) in rows {
        if *confidence > query.thresholds.confidence
            && let Some(class_id) = numbered(LABELS, *label, query)?
        {
            candidates.push(Candidate { class_id, confidence: *confidence, corners: *corners, row });
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "detr_deploy_tests.rs"]
mod tests;
