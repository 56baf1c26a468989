//! A session: one model, loaded and ready to run batches of up to a fixed size.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufReader, Cursor},
    path::PathBuf,
    sync::Arc,
};

use ort::{
    session::{
        SessionInputValue,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
    value::{TensorElementType, TensorRef},
};

use vision_service::settings::InvalidSetting;

use super::{
    Fingerprint, InferenceError, LoadError, Provider, RunOutputs, RuntimeError,
    graph::graph_info,
    onnx,
    parts::{self, Parts},
    provider::register,
    runtime::environment,
    side_input::{self, Given, TypedSideInput},
    sidecar,
    text_part::TextPart,
};
use crate::{
    model::{Batch, GraphInfo, Model, ModelOptions, Prompt, Sidecars, Vocabulary},
    preprocess::{InputSpec, Letterbox, Tensor},
};

vision_service::settings! {
    /// Inference.
    pub struct RuntimeSettings checked by check {
        /// Execution providers in the order of preference: `tensorrt`, `cuda`, `cpu`. One that is missing is an
        /// error unless `cpu` comes after it.
        pub providers: Vec<Provider> = vec![Provider::Cpu],
        /// Threads that one run of the model may use on the processor; 0: one for each core.
        pub threads: usize = 0,
        /// Whether these threads wait actively between two runs: a little faster, and a core is never idle.
        pub spinning: bool = false,
    }
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// A file.
    File(PathBuf),
    /// The model that is part of this program.
    BuiltIn,
}

/// Most threads of one run.
const MAX_THREADS: usize = 1024;

/// The model that is part of this program, and its name.
const BUILT_IN: (&str, &[u8]) =
    ("nanodet-g-416", include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/nanodet-g-416.onnx")));

/// A session and the model that it runs.
#[derive(Debug)]
pub struct LoadedModel {
    /// How inputs are made and outputs read.
    pub model: Model,
    /// What runs it; at least one.
    pub sessions: Vec<Session>,
}

/// Runs a model; belongs to one thread.
#[derive(Debug)]
pub struct Session {
    session: ort::session::Session,
    provider: Provider,
    input: InputSpec,
    batch: Batch,
    side_inputs: Vec<TypedSideInput>,
    /// What reads text, when that is apart.
    text: Option<TextPart>,
    output_names: Vec<Arc<str>>,
}

/// What a session is given for one run.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// A slot for each image, and perhaps more.
    pub tensor: &'a Tensor,
    /// Where each image lies in its slot: as many as there are images.
    pub letterboxes: &'a [Letterbox],
    /// What they are searched for.
    pub vocabulary: &'a Vocabulary,
}

impl ModelSource {
    /// Name of the model: its file's, without extension.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::BuiltIn => BUILT_IN.0.to_owned(),
        }
    }

    /// What its files look like from outside, to tell whether they have changed.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::File(path) => Fingerprint::of(path),
            Self::BuiltIn => Fingerprint::default(),
        }
    }

    /// Names of the operators that its nodes use; empty when the file does not tell.
    fn operators(&self) -> BTreeSet<String> {
        match self {
            Self::File(path) => {
                File::open(path).map(|file| onnx::operators(BufReader::new(file))).unwrap_or_default()
            }
            Self::BuiltIn => onnx::operators(Cursor::new(BUILT_IN.1)),
        }
    }

    /// What lies beside the model.
    pub(super) fn sidecars(&self) -> Result<Sidecars, LoadError> {
        match self {
            Self::File(path) => sidecar::read(path),
            Self::BuiltIn => Ok(Sidecars::default()),
        }
    }
}

impl LoadedModel {
    /// Loads a model, tells its family, and runs it once with one image and once with a full batch.
    ///
    /// # Errors
    /// [`LoadError`] with the name of the model.
    pub fn load(
        source: &ModelSource,
        options: &ModelOptions,
        settings: &RuntimeSettings,
    ) -> Result<Self, LoadError> {
        let name = source.name();
        let Opened { session, provider, text, graph } = open(source, settings)?;
        let graph = GraphInfo { operators: source.operators(), ..graph };
        let options = ModelOptions { sidecars: source.sidecars()?, ..options.clone() };
        let model = Model::recognise(&name, &graph, &options)
            .map_err(|source| LoadError::Model { name: name.clone(), source })?;
        let mut session = Session::new(session, provider, text, &model);
        session.warm_up(&model).map_err(|source| LoadError::WarmUp { name, source })?;
        Ok(Self { model, sessions: vec![session] })
    }
}

impl Session {
    fn new(
        session: ort::session::Session,
        provider: Provider,
        text: Option<TextPart>,
        model: &Model,
    ) -> Self {
        // Some are those of the part that reads text.
        let side_inputs = model.side_inputs.iter().filter_map(|side| {
            let input = session.inputs().iter().find(|outlet| outlet.name() == side.name)?;
            Some((side.clone(), input.dtype().tensor_type().unwrap_or(TensorElementType::Int64)))
        });
        Self {
            provider,
            input: model.input.clone(),
            batch: model.batch,
            side_inputs: side_inputs.collect(),
            text,
            output_names: session.outputs().iter().map(|outlet| Arc::from(outlet.name())).collect(),
            session,
        }
    }

    /// What runs the model.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// A tensor for the largest batch.
    #[must_use]
    pub fn new_tensor(&self) -> Tensor {
        Tensor::zeros(self.input.element, self.input.len() * self.batch.slots())
    }

    /// Runs the model on as many images as there are letterboxes.
    ///
    /// # Errors
    /// What ONNX Runtime says.
    ///
    /// # Panics
    /// The tensor has fewer slots.
    pub fn run(&mut self, inputs: &Inputs<'_>) -> Result<RunOutputs, InferenceError> {
        let images = self.batch.fixed.unwrap_or(inputs.letterboxes.len());
        let (shape, len) = (self.input.shape(images), images * self.input.len());
        let image: SessionInputValue<'_> = match inputs.tensor {
            Tensor::F32(values) => TensorRef::from_array_view((shape, &values[..len]))?.into(),
            Tensor::F16(values) => TensorRef::from_array_view((shape, &values[..len]))?.into(),
            Tensor::U8(values) => TensorRef::from_array_view((shape, &values[..len]))?.into(),
        };
        let given = Given {
            images,
            letterboxes: inputs.letterboxes,
            input: self.input.size(),
            prompt: inputs.vocabulary.prompt.as_ref(),
        };
        let mut values: Vec<(&str, SessionInputValue<'_>)> = vec![(&self.input.name, image)];
        for (side, element) in &self.side_inputs {
            values.push((&side.name, side_input::value(side, *element, &given)?));
        }
        let nothing = Prompt::default();
        let text = self.text.as_ref().map(|text| text.read(given.prompt.unwrap_or(&nothing), images));
        let text = text.transpose()?;
        for (name, value) in text.iter().flat_map(|text| text.iter()) {
            values.push((name, value.into()));
        }
        let mut outputs = self.session.run(values)?;
        let owned =
            self.output_names.iter().filter_map(|name| Some((Arc::clone(name), outputs.remove(name)?)));
        Ok(RunOutputs::new(owned))
    }

    /// The first runs are slow: memory is planned and kernels are chosen for each batch size.
    fn warm_up(&mut self, model: &Model) -> Result<(), InferenceError> {
        let tensor = self.new_tensor();
        let size = self.input.size();
        let letterboxes = vec![Letterbox::new(self.input.resize, size, size); self.batch.max];
        let mut run = |images: usize| {
            let letterboxes = &letterboxes[..images];
            self.run(&Inputs { tensor: &tensor, letterboxes, vocabulary: &model.vocabulary })
        };
        run(1)?;
        run(letterboxes.len())?;
        Ok(())
    }
}

/// A model file that was opened, and what its graph says of itself.
struct Opened {
    session: ort::session::Session,
    provider: Provider,
    text: Option<TextPart>,
    graph: GraphInfo,
}

/// Opens a model, the part that reads text apart.
fn open(source: &ModelSource, settings: &RuntimeSettings) -> Result<Opened, LoadError> {
    if let ModelSource::File(path) = source {
        match parts::open(path, settings) {
            Ok(Some(Parts { text, session, provider, graph })) => {
                return Ok(Opened { session, provider, text: Some(text), graph });
            }
            Ok(None) => {}
            // What is wrong with the model as a whole is said when it is opened as a whole.
            Err(reason) => {
                tracing::warn!(model = source.name(), %reason, "text is read anew for every run: the graph cannot be split");
            }
        }
    }
    let (session, provider) = open_whole(source, settings)?;
    let graph = graph_info(&session);
    let graph = graph.map_err(|error| LoadError::Graph { name: source.name(), source: error })?;
    Ok(Opened { session, provider, text: None, graph })
}

pub(super) fn open_whole(
    source: &ModelSource,
    settings: &RuntimeSettings,
) -> Result<(ort::session::Session, Provider), LoadError> {
    let mut builder = builder(settings)?;
    let provider = register(&mut builder, &settings.providers)?;
    let session = match source {
        ModelSource::BuiltIn => builder.commit_from_memory(BUILT_IN.1),
        // Read by path, so that a model may keep its weights in files beside it.
        ModelSource::File(path) => match std::fs::File::open(path) {
            Ok(_) => builder.commit_from_file(path),
            Err(source) => return Err(LoadError::Unreadable { path: path.clone(), source }),
        },
    };
    let session = session.map_err(|error| LoadError::Graph { name: source.name(), source: error })?;
    Ok((session, provider))
}

pub(super) fn builder(settings: &RuntimeSettings) -> Result<SessionBuilder, RuntimeError> {
    let broken = |error: ort::Error<SessionBuilder>| RuntimeError::from(ort::Error::from(error));
    let builder = ort::session::Session::builder(environment()?)?;
    let builder = builder.with_optimization_level(GraphOptimizationLevel::Level3).map_err(broken)?;
    let builder = builder.with_intra_threads(settings.threads).map_err(broken)?;
    let builder = builder.with_inter_threads(1).map_err(broken)?;
    builder.with_intra_op_spinning(settings.spinning).map_err(broken)
}

fn check(settings: &RuntimeSettings) -> Result<(), InvalidSetting> {
    if settings.providers.is_empty() {
        return Err(InvalidSetting::new("providers", "is empty: name at least `cpu`"));
    }
    let mut seen = Vec::new();
    for provider in &settings.providers {
        if seen.contains(provider) {
            return Err(InvalidSetting::new("providers", format!("names `{provider}` twice")));
        }
        seen.push(*provider);
    }
    if settings.threads > MAX_THREADS {
        let reason = format!("is {}, at most {MAX_THREADS} are allowed", settings.threads);
        return Err(InvalidSetting::new("threads", reason));
    }
    Ok(())
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
