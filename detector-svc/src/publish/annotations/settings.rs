//! Settings of annotated frames.

use vision_service::settings::InvalidSetting;

vision_service::settings! {
    /// Frames with what was found drawn in.
    pub struct AnnotationSettings checked by check {
        /// Whether they are made at all: each takes about as long as a frame's decoding, on a thread of its own.
        pub enabled: bool = false,
        /// Stream that they are published to, as JPEG files in the format of the cameras' frames.
        pub stream: String = "annotated_camera".to_owned(),
        /// Entries that it keeps, about.
        pub max_len: usize = 10,
    }
}

fn check(settings: &AnnotationSettings) -> Result<(), InvalidSetting> {
    if settings.stream.is_empty() {
        return Err(InvalidSetting::new("stream", "is empty"));
    }
    if settings.max_len == 0 {
        return Err(InvalidSetting::new("max_len", "is 0, at least 1 is needed"));
    }
    Ok(())
}
