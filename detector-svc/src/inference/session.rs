//! A session: one model, loaded and ready to run batches of up to a fixed size.

use std::{path::PathBuf, sync::Arc};

use ort::{
    session::builder::{GraphOptimizationLevel, SessionBuilder},
    value::{DynValue, TensorRef},
};

use vision_service::settings::InvalidSetting;

use super::{
    InferenceError, LoadError, Provider, RuntimeError, graph::graph_info, provider::register,
    runtime::environment,
};
use crate::model::{Model, ModelOptions, Output, Outputs};

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
    /// What runs it.
    pub session: Session,
}

/// Runs a model; belongs to one thread.
#[derive(Debug)]
pub struct Session {
    session: ort::session::Session,
    provider: Provider,
    input_name: String,
    shape: [usize; 3],
    output_names: Vec<Arc<str>>,
}

/// Output tensors of one run, independent of the session that made them.
#[derive(Debug)]
pub struct RunOutputs(Vec<(Arc<str>, DynValue)>);

impl ModelSource {
    /// Name of the model: its file's, without extension.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::BuiltIn => BUILT_IN.0.to_owned(),
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
        let (session, provider) = open(source, settings)?;
        let graph = graph_info(&session).map_err(|source| LoadError::Graph { name: name.clone(), source })?;
        let model = Model::recognise(&name, &graph, options)
            .map_err(|source| LoadError::Model { name: name.clone(), source })?;
        let mut session = Session {
            provider,
            input_name: model.input.name.clone(),
            shape: [crate::image::CHANNELS, model.input.height as usize, model.input.width as usize],
            output_names: session.outputs().iter().map(|outlet| Arc::from(outlet.name())).collect(),
            session,
        };
        session.warm_up(options.max_batch).map_err(|source| LoadError::WarmUp { name, source })?;
        Ok(Self { model, session })
    }
}

impl Session {
    /// What runs the model.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Runs the first `images` slots of a tensor of `[images, 3, height, width]` values.
    ///
    /// # Errors
    /// What ONNX Runtime says.
    ///
    /// # Panics
    /// `tensor` has fewer slots.
    pub fn run(&mut self, tensor: &[f32], images: usize) -> Result<RunOutputs, InferenceError> {
        let [channels, height, width] = self.shape;
        let values = &tensor[..images * channels * height * width];
        let input = TensorRef::from_array_view(([images, channels, height, width], values))?;
        let mut outputs = self.session.run(ort::inputs![self.input_name.as_str() => input])?;
        let owned =
            self.output_names.iter().filter_map(|name| Some((Arc::clone(name), outputs.remove(name)?)));
        Ok(RunOutputs(owned.collect()))
    }

    /// The first runs are slow: memory is planned and kernels are chosen for each batch size.
    fn warm_up(&mut self, max_batch: usize) -> Result<(), InferenceError> {
        let tensor = vec![0.0; max_batch * self.shape.iter().product::<usize>()];
        self.run(&tensor, 1)?;
        self.run(&tensor, max_batch)?;
        Ok(())
    }
}

impl RunOutputs {
    /// The tensors to read; outputs that hold no `float32` are left out.
    #[must_use]
    pub fn view(&self) -> Outputs<'_> {
        let outputs = self.0.iter().filter_map(|(name, value)| {
            let (shape, data) = value.try_extract_tensor::<f32>().ok()?;
            let shape = shape.iter().map(|side| usize::try_from(*side).unwrap_or(0)).collect();
            Some(Output { name, shape, data })
        });
        Outputs(outputs.collect())
    }
}

fn open(
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

fn builder(settings: &RuntimeSettings) -> Result<SessionBuilder, RuntimeError> {
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
