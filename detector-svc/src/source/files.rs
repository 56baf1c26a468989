//! Frames from image files, as from a camera.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use vision_service::{clock::unix_now, settings::InvalidSetting};

use super::{
    FrameSource, SourceEvent,
    images::{ImagesError, Player, images, is_rate},
};
use crate::{
    frame::{Encoding, Frame, FrameId, Metadata, Payload, StreamId},
    image,
};

/// How long one read waits for the next image's turn.
const PATIENCE: Duration = Duration::from_secs(1);

vision_service::settings! {
    /// Frames from files.
    pub struct FilesSettings checked by check {
        /// Folder with JPEG, PNG or WebP files, or text file that names one a line, relative to itself. Empty: no files
        /// are played.
        pub path: PathBuf = PathBuf::new(),
        /// Frames a second, 0.001 to 10000.
        pub fps: f64 = 10.0,
        /// Whether to start again after the last image.
        pub repeat: bool = false,
        /// Name under which the frames are accounted for and published.
        pub stream: String = "files".to_owned(),
    }
}

/// Plays image files.
pub struct FileSource {
    stream: StreamId,
    player: Player,
    /// When playing began, in milliseconds since the Unix epoch: identifiers are not repeated by a later run.
    began: u64,
    played: u64,
    ended: bool,
    /// What was read and not told yet.
    events: Vec<SourceEvent>,
}

impl FileSource {
    /// A source of the settings' images; `None` when there are none to be played.
    ///
    /// # Errors
    /// [`ImagesError`]: one of them is missing or cannot be read.
    pub fn new(settings: &FilesSettings) -> Result<Option<Self>, ImagesError> {
        if settings.path.as_os_str().is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            stream: StreamId::new(&settings.stream),
            player: Player::new(images(&settings.path)?, settings.fps, settings.repeat),
            began: u64::try_from(unix_now().as_millis()).unwrap_or_default(),
            played: 0,
            ended: false,
            events: Vec::new(),
        }))
    }

    async fn play(&mut self) {
        // Elapsed patience is no news.
        let Ok(next) = tokio::time::timeout(PATIENCE, self.player.next()).await else {
            return;
        };
        match next.map(Path::to_owned) {
            Some(path) => {
                let bytes = tokio::fs::read(&path).await;
                let event = self.event(&path, bytes);
                self.events.push(event);
            }
            None if !self.ended => {
                self.ended = true;
                tracing::info!(stream = %self.stream, frames = self.played, "every image has been played");
                self.events.push(SourceEvent::Ended(self.stream.clone()));
            }
            None => tokio::time::sleep(PATIENCE).await,
        }
    }

    fn event(&mut self, path: &Path, bytes: io::Result<Vec<u8>>) -> SourceEvent {
        self.played += 1;
        let id = FrameId { milliseconds: self.began, sequence: self.played };
        let stream = self.stream.clone();
        let checked = bytes.map_err(|error| error.to_string()).and_then(|bytes| match image::probe(&bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(error.to_string()),
        });
        let bytes = match checked {
            Ok(bytes) => bytes.into(),
            Err(reason) => {
                let reason = format!("{}: {reason}", path.display());
                return SourceEvent::Invalid { stream, id: id.to_string(), reason };
            }
        };
        SourceEvent::Frame(Frame {
            stream,
            id,
            captured: unix_now(),
            payload: Payload { bytes, base64: false, encoding: Encoding::AnyFile },
            metadata: Metadata::default(),
            lease: None,
            receipt: None,
        })
    }
}

impl FrameSource for FileSource {
    async fn read(&mut self) -> Vec<SourceEvent> {
        self.play().await;
        self.read_so_far()
    }

    fn read_so_far(&mut self) -> Vec<SourceEvent> {
        std::mem::take(&mut self.events)
    }
}

fn check(settings: &FilesSettings) -> Result<(), InvalidSetting> {
    if !is_rate(settings.fps) {
        return Err(InvalidSetting::new("fps", format!("is {}, not within 0.001..=10000", settings.fps)));
    }
    if settings.stream.is_empty() {
        return Err(InvalidSetting::new("stream", "is empty"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn settings(path: &Path) -> FilesSettings {
        FilesSettings { path: path.to_owned(), fps: 1000.0, ..FilesSettings::default() }
    }

    #[tokio::test]
    async fn images_become_frames_and_bad_ones_are_invalid() {
        let folder = tempfile::tempdir().unwrap();
        let good = include_bytes!("../../tests/images/grey.jpg");
        std::fs::write(folder.path().join("a.jpg"), good).unwrap();
        std::fs::write(folder.path().join("b.jpg"), b"no image").unwrap();
        std::fs::write(folder.path().join("c.jpg"), good).unwrap();
        let mut source = FileSource::new(&settings(folder.path())).unwrap().unwrap();
        std::fs::remove_file(folder.path().join("c.jpg")).unwrap();
        let mut events = Vec::new();
        while events.len() < 4 {
            events.extend(source.read().await);
        }
        let [
            SourceEvent::Frame(frame),
            SourceEvent::Invalid { reason, .. },
            SourceEvent::Invalid { reason: missing, .. },
            SourceEvent::Ended(stream),
        ] = &events[..]
        else {
            panic!("{events:?}");
        };
        assert_eq!((frame.id.sequence, frame.payload.bytes.as_ref()), (1, good.as_slice()));
        assert!(reason.contains("b.jpg: ") && missing.contains("c.jpg: "), "{reason} {missing}");
        assert_eq!(stream.as_str(), "files");
    }

    #[tokio::test]
    async fn without_a_path_nothing_is_played_and_a_wrong_one_is_an_error() {
        assert!(FileSource::new(&FilesSettings::default()).unwrap().is_none());
        assert!(FileSource::new(&settings(Path::new("/nowhere"))).is_err());
    }
}
