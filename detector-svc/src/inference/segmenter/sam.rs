//! SAM 2: an image is encoded once, all its boxes are decoded in one run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use half::f16;
use ort::{
    session::{Session, SessionInputValue},
    value::{DynValue, Tensor as OrtTensor, TensorElementType, TensorRef},
};

use super::{
    super::{LoadError, ModelSource, RunOutputs, RuntimeSettings, graph::graph_info, session::open_whole},
    SegmentError, Segmenter,
};
use crate::{
    detection::BoundingBox,
    image::{FASTEST_ORDER, Image},
    mask::Mask,
    model::{GraphInfo, segmenter_input},
    preprocess::{Fitter, Letterbox, Normaliser, Tensor},
    segment::{
        DecoderInput, MASKS, PromptForm, PromptValues, Prompts, SCORES, SegmenterError, decoder_inputs, masks,
    },
    spare::Spare,
};

/// SAM 2 in two sessions.
pub(super) struct Sam {
    encoder: Session,
    decoder: Session,
    /// The decoder's inputs.
    inputs: Vec<Input>,
    form: PromptForm,
    fitter: Fitter,
    normaliser: Normaliser,
    /// The encoder's input.
    tensor: Tensor,
}

/// An input of the decoder.
struct Input {
    name: String,
    kind: DecoderInput,
    element: TensorElementType,
}

/// What the encoder made of an image, by the decoder's names.
type Embeddings = Vec<(String, DynValue)>;

impl Sam {
    /// Loads both parts and tells what their inputs are given.
    pub(super) fn load(
        path: &Path,
        encoder: PathBuf,
        decoder: PathBuf,
        runtime: &RuntimeSettings,
    ) -> Result<Self, LoadError> {
        let unusable = |source| LoadError::Segmenter { path: path.to_owned(), source };
        let source = ModelSource::File(encoder);
        let sidecars = source.sidecars()?;
        let (encoder, encodes) = part(&source, runtime)?;
        let (decoder, decodes) = part(&ModelSource::File(decoder), runtime)?;
        let spec = segmenter_input(&encodes, &sidecars).map_err(|error| unusable(error.into()))?;
        let spec = spec.ok_or_else(|| unusable(SegmenterError::NoImage { graph: encodes.to_string() }))?;
        let (kinds, form) = decoder_inputs(&decodes, &encodes).map_err(unusable)?;
        Ok(Self {
            inputs: decoder
                .inputs()
                .iter()
                .zip(kinds)
                .map(|(outlet, kind)| Input {
                    name: outlet.name().to_owned(),
                    kind,
                    element: outlet.dtype().tensor_type().unwrap_or(TensorElementType::Float32),
                })
                .collect(),
            encoder,
            decoder,
            form,
            fitter: Fitter::new(&spec, Spare::new(1)),
            tensor: Tensor::zeros(spec.element, spec.len()),
            normaliser: Normaliser::new(spec, FASTEST_ORDER),
        })
    }

    /// Width and height of the input in pixels.
    pub(super) fn input_size(&self) -> (u32, u32) {
        self.normaliser.spec().size()
    }

    /// Writes an image into the tensor; tells where it lies there.
    fn prepare(&mut self, image: &mut Image) -> Result<Letterbox, SegmentError> {
        let fitted = self.fitter.fit(image)?;
        if let Some(slot) = self.tensor.slot(0, self.normaliser.slot_len()) {
            self.normaliser.write(&fitted, slot);
        }
        Ok(*fitted.letterbox())
    }

    /// Encodes the image in the tensor.
    fn encode(&mut self) -> Result<Embeddings, ort::Error> {
        let spec = self.normaliser.spec();
        let shape = spec.shape(1);
        let image: SessionInputValue<'_> = match &self.tensor {
            Tensor::F32(values) => TensorRef::from_array_view((shape, values.as_slice()))?.into(),
            Tensor::F16(values) => TensorRef::from_array_view((shape, values.as_slice()))?.into(),
            Tensor::U8(values) => TensorRef::from_array_view((shape, values.as_slice()))?.into(),
        };
        let mut outputs = self.encoder.run(vec![(spec.name.as_str(), image)])?;
        let wanted = self.inputs.iter().filter(|input| input.kind == DecoderInput::Embedding);
        Ok(wanted.filter_map(|Input { name, .. }| Some((name.clone(), outputs.remove(name)?))).collect())
    }

    /// Decodes all prompts of an image.
    fn decode(&mut self, prompts: &Prompts, embeddings: Embeddings) -> Result<RunOutputs, ort::Error> {
        let mut values: Vec<(String, SessionInputValue<'_>)> =
            embeddings.into_iter().map(|(name, value)| (name, value.into())).collect();
        for Input { name, kind, element } in &self.inputs {
            let prompt = match kind {
                DecoderInput::Boxes => prompts.boxes(),
                DecoderInput::Points => prompts.points(),
                DecoderInput::Labels => prompts.labels(),
                DecoderInput::Embedding => continue,
            };
            values.push((name.clone(), tensor(prompt, *element)?));
        }
        let mut outputs = self.decoder.run(values)?;
        let owned =
            [SCORES, MASKS].into_iter().filter_map(|name| Some((Arc::from(name), outputs.remove(name)?)));
        Ok(RunOutputs::new(owned))
    }
}

impl Segmenter for Sam {
    fn name(&self) -> &'static str {
        "sam2"
    }

    fn segment(
        &mut self,
        image: &mut Image,
        boxes: &[BoundingBox],
    ) -> Result<Vec<Option<Mask>>, SegmentError> {
        let letterbox = self.prepare(image)?;
        let embeddings = self.encode()?;
        let prompts = Prompts::new(boxes, &letterbox, self.form);
        let outputs = self.decode(&prompts, embeddings)?;
        Ok(masks(&outputs.view(), boxes.len(), &letterbox, self.input_size())?)
    }
}

/// One of the two sessions, and its graph.
fn part(source: &ModelSource, runtime: &RuntimeSettings) -> Result<(Session, GraphInfo), LoadError> {
    let (session, _) = open_whole(source, runtime)?;
    let graph =
        graph_info(&session).map_err(|error| LoadError::Graph { name: source.name(), source: error })?;
    Ok((session, graph))
}

/// The value of a prompt in the type that its input has.
fn tensor(
    PromptValues { shape, values }: PromptValues,
    element: TensorElementType,
) -> Result<SessionInputValue<'static>, ort::Error> {
    Ok(match element {
        TensorElementType::Int64 => {
            let values: Vec<i64> = values.into_iter().map(|value| value as i64).collect();
            OrtTensor::from_array((shape, values))?.into()
        }
        TensorElementType::Int32 => {
            let values: Vec<i32> = values.into_iter().map(|value| value as i32).collect();
            OrtTensor::from_array((shape, values))?.into()
        }
        TensorElementType::Float16 => {
            let values: Vec<f16> = values.into_iter().map(f16::from_f32).collect();
            OrtTensor::from_array((shape, values))?.into()
        }
        _ => OrtTensor::from_array((shape, values))?.into(),
    })
}
