//! Everything that can be set.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use vision_metrics_client::RecorderSettings;
use vision_service::{
    grpc::Limits, logging::LogSettings, settings::InvalidSetting, shutdown::ShutdownSettings,
};

use crate::{
    inference::{ModelSource, RuntimeSettings},
    model::{Family, MAX_DETECTIONS, Thresholds},
    ownership::OwnershipSettings,
    pipeline::{BatchSettings, ImageSettings, PipelineSettings},
    publish::{AnnotationSettings, PublishSettings},
    redis_client::RedisSettings,
    segment::SegmenterSettings,
    source::files::FilesSettings,
    track::TrackSettings,
};

vision_service::settings! {
    /// Settings of detector-svc.
    pub struct Settings checked by check {
        /// Redis, where frames come from and detections go to.
        pub redis: RedisSettings,
        /// Sharing the streams with other replicas.
        pub ownership: OwnershipSettings,
        /// Frames from files.
        pub files: FilesSettings,
        /// What is published to Redis.
        pub publish: PublishSettings,
        /// Frames with what was found drawn in.
        pub annotate: AnnotationSettings,
        /// The model.
        pub model: ModelSettings,
        /// A second model that makes masks.
        pub segmenter: SegmenterSettings,
        /// Inference.
        pub runtime: RuntimeSettings,
        /// Queues and batches.
        pub batch: BatchSettings,
        /// Decoding of images.
        pub image: ImageSettings,
        /// Tracking of objects over the frames of a stream.
        pub track: TrackSettings,
        /// Where metrics go.
        pub metrics: MetricsSettings,
        /// The gRPC server.
        pub grpc: GrpcSettings,
        /// The HTTP server.
        pub http: HttpSettings,
        /// Log lines.
        pub log: LogSettings,
        /// Ending the process.
        pub shutdown: ShutdownSettings,
    }
}

vision_service::settings! {
    /// The model.
    pub struct ModelSettings checked by check_model {
        /// ONNX file. Empty: the model that is part of the program, nanodet-g-416, which knows the 80 COCO classes.
        pub path: PathBuf = PathBuf::new(),
        /// How often it is looked whether the file, or one beside it, has changed, so that another model takes over
        /// between two frames; 0: never. SIGHUP loads it anew, too.
        #[serde(with = "humantime_serde")]
        pub watch_every: Duration = Duration::from_secs(2),
        /// How inputs are made and outputs read: `auto` tells from the graph, or the name of a family
        /// (`boxes_scores`, `ssd`, `detr`, `rt_detr`, `rf_detr`, `detr_deploy`, `mask_former`, `yolo`, `yolov5`,
        /// `yolox`, `yolo_end2end`, `owlv2`, `owlvit`, `grounding_dino`).
        pub family: String = "auto".to_owned(),
        /// Scores above this count as detections, 0..=1.
        pub confidence_threshold: f64 = 0.35,
        /// Boxes of one class that overlap by more than this are one object: intersection over union, 0..=1.
        pub iou_threshold: f64 = 0.6,
        /// Least score of a query's words, 0..=1, in models that score words and objects apart (Grounding DINO).
        pub text_threshold: f64 = 0.25,
        /// Most detections in one image, the most confident ones, 1 to 4096.
        pub max_detections: usize = 300,
        /// Class names in the order of class identifiers. Empty: those in the model file or beside it. A model that can be asked in
        /// words (OWLv2, OWL-ViT, Grounding DINO) looks for these, or else for the 80 classes of COCO.
        pub labels: Vec<String> = Vec::new(),
    }
}

vision_service::settings! {
    /// Where metrics go.
    pub struct MetricsSettings checked by check_metrics {
        /// Whether metrics are recorded at all.
        pub enabled: bool = true,
        /// Address of metrics-svc, as in `http://metrics-svc:50052`. Empty: this process aggregates its metrics and
        /// shows them on its own HTTP page.
        pub endpoint: String = String::new(),
        /// Name of this producer of metrics, stable over restarts and different from every other's. Empty: the
        /// host's name and the port of `grpc.listen`.
        pub producer_id: String = String::new(),
        /// Start of every metric's name, when this process aggregates.
        pub namespace: String = "vision_detect_segment".to_owned(),
        /// Most series, when this process aggregates.
        pub max_series: usize = 100_000,
    }
}

vision_service::settings! {
    /// The gRPC server.
    pub struct GrpcSettings {
        /// Address to listen on; port 0 picks a free one.
        pub listen: SocketAddr = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 50051)),
        /// Most bytes of one request: an image and a little more.
        pub max_message_bytes: usize = 32 * 1024 * 1024,
        /// What the server takes on at once.
        pub limits: Limits,
    }
}

vision_service::settings! {
    /// The HTTP server.
    pub struct HttpSettings {
        /// Address to listen on; port 0 picks a free one.
        pub listen: SocketAddr = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 9091)),
    }
}

impl ModelSettings {
    /// Where the model comes from.
    #[must_use]
    pub fn source(&self) -> ModelSource {
        if self.path.as_os_str().is_empty() {
            ModelSource::BuiltIn
        } else {
            ModelSource::File(self.path.clone())
        }
    }

    /// What counts as a detection when a request does not say.
    #[must_use]
    pub fn thresholds(&self) -> Thresholds {
        Thresholds {
            confidence: self.confidence_threshold as f32,
            iou: self.iou_threshold as f32,
            text: self.text_threshold as f32,
            max_detections: self.max_detections,
        }
    }
}

impl MetricsSettings {
    /// Settings of the recorder, when metrics go to a service.
    #[must_use]
    pub fn recorder(&self, grpc_port: u16) -> Option<RecorderSettings> {
        let unnamed = self.producer_id.is_empty();
        let producer =
            if unnamed { format!("{}:{grpc_port}", host_name()) } else { self.producer_id.clone() };
        (!self.endpoint.is_empty()).then(|| RecorderSettings::new(self.endpoint.clone(), producer))
    }
}

impl Settings {
    /// Settings of the pipeline's parts.
    #[must_use]
    pub fn pipeline(&self) -> PipelineSettings {
        PipelineSettings {
            batch: self.batch.clone(),
            image: self.image.clone(),
            track: self.track.clone(),
            keep_images: self.annotate.enabled,
            masks: self.publish.masks,
            max_masks: self.publish.max_masks,
            segmenter: self.segmenter.clone(),
        }
    }

    /// Streams that this service writes, by their settings: none is read.
    #[must_use]
    pub fn written_streams(&self) -> Vec<(&'static str, String)> {
        vec![
            ("publish.objects_stream", self.publish.objects_stream.clone()),
            ("publish.labels_stream", self.publish.labels_stream.clone()),
            ("annotate.stream", self.annotate.stream.clone()),
        ]
    }
}

/// A stream that is written to and read from would feed on itself, and entries of two kinds in one serve no reader.
fn check(settings: &Settings) -> Result<(), InvalidSetting> {
    let mut written = BTreeMap::new();
    for (key, name) in settings.written_streams() {
        if settings.redis.streams.contains(&name) {
            return Err(InvalidSetting::new(key, format!("is {name:?}, which `redis.streams` reads")));
        }
        if let Some(other) = written.insert(name.clone(), key) {
            return Err(InvalidSetting::new(key, format!("is {name:?}, as `{other}` is")));
        }
    }
    Ok(())
}

/// Name of this host.
pub(crate) fn host_name() -> String {
    sysinfo::System::host_name()
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "detector-svc".to_owned())
}

fn check_model(settings: &ModelSettings) -> Result<(), InvalidSetting> {
    let families: Vec<_> = Family::names().collect();
    if settings.family != Family::AUTO && !families.contains(&settings.family.as_str()) {
        let reason = format!("is {:?}, expected `auto` or one of {families:?}", settings.family);
        return Err(InvalidSetting::new("family", reason));
    }
    for (key, value) in [
        ("confidence_threshold", settings.confidence_threshold),
        ("iou_threshold", settings.iou_threshold),
        ("text_threshold", settings.text_threshold),
    ] {
        if !(0.0..=1.0).contains(&value) {
            return Err(InvalidSetting::new(key, format!("is {value}, not within 0..=1")));
        }
    }
    if !(1..=MAX_DETECTIONS).contains(&settings.max_detections) {
        let reason = format!("is {}, 1 to {MAX_DETECTIONS} are allowed", settings.max_detections);
        return Err(InvalidSetting::new("max_detections", reason));
    }
    Ok(())
}

fn check_metrics(settings: &MetricsSettings) -> Result<(), InvalidSetting> {
    match settings.recorder(0).map(|recorder| recorder.validate()) {
        Some(Err(error)) => {
            Err(InvalidSetting::new("endpoint", format!("or `producer_id` cannot be used: {error}")))
        }
        _ => Ok(()),
    }
}
