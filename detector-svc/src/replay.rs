//! Plays image files into a Redis stream, as a camera's publisher would.

use std::path::{Path, PathBuf};

use redis::RedisError;
use tokio_util::sync::CancellationToken;
use vision_service::clock::unix_now;

use crate::{
    image::{self, DecodeError},
    redis_client::{ClientError, RedisArgs, Writer},
    source::images::{ImagesError, Player, images, is_rate},
};

/// Publishes image files to a Redis stream, in the format of redis_robot_comm
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// Folder with JPEG, PNG or WebP files, played in the order of their names, or text file that names one a line
    pub images: PathBuf,
    /// Frames a second
    #[arg(long, default_value_t = 10.0, value_parser = frames_per_second)]
    pub fps: f64,
    /// Start again after the last image
    #[arg(long = "loop")]
    pub repeat: bool,
    /// End after this many frames
    #[arg(long)]
    pub count: Option<u64>,
    /// Where to publish to
    #[command(flatten)]
    pub redis: RedisArgs,
    /// Stream to publish to
    #[arg(long, default_value = "robot_camera")]
    pub stream: String,
    /// Entries that the stream keeps, about
    #[arg(long, default_value_t = 5)]
    pub max_len: usize,
    /// Send the bytes of the files as they are instead of base64
    #[arg(long)]
    pub binary: bool,
}

/// Why images cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The images cannot be read.
    #[error(transparent)]
    Images(#[from] ImagesError),
    /// A file is no image.
    #[error("{}: {source}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DecodeError,
    },
    /// What was said about Redis cannot be used.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Redis cannot be reached or refuses.
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
}

/// Plays until the images are through, `count` is reached or `stop` is cancelled; tells how many were published.
///
/// # Errors
/// [`ReplayError`]; frames published before stay published.
pub async fn replay(args: &ReplayArgs, stop: CancellationToken) -> Result<u64, ReplayError> {
    let mut player = Player::new(images(&args.images)?, args.fps, args.repeat);
    let mut connection = args.redis.settings().client()?.writer();
    let most = args.count.unwrap_or(u64::MAX);
    let mut published = 0;
    while published < most {
        let Some(Some(image)) = stop.run_until_cancelled(player.next()).await else {
            break;
        };
        publish(&mut connection, args, image, published).await?;
        published += 1;
    }
    Ok(published)
}

async fn publish(
    connection: &mut Writer,
    args: &ReplayArgs,
    path: &Path,
    number: u64,
) -> Result<(), ReplayError> {
    let unreadable = |source| ImagesError::Unreadable { path: path.to_owned(), source };
    let bytes = tokio::fs::read(path).await.map_err(unreadable)?;
    let invalid = |source| ReplayError::Image { path: path.to_owned(), source };
    let (format, width, height) = image::probe(&bytes).map_err(invalid)?;
    let (timestamp, metadata) = (unix_now().as_secs_f64(), format!(r#"{{"frame_id":{number}}}"#));
    let mut command = redis::cmd("XADD");
    command.arg(&args.stream).arg("MAXLEN").arg("~").arg(args.max_len).arg("*");
    command.arg("timestamp").arg(timestamp).arg("format").arg(format.as_str());
    command.arg("width").arg(width).arg("height").arg(height).arg("channels").arg(image::CHANNELS);
    command.arg("dtype").arg("uint8").arg("compressed_size").arg(bytes.len());
    command.arg("original_size").arg(u64::from(width) * u64::from(height) * image::CHANNELS as u64);
    command.arg("metadata").arg(metadata).arg("image_data");
    if args.binary {
        command.arg(bytes).arg("encoding").arg("binary");
    } else {
        command.arg(base64_simd::STANDARD.encode_to_string(bytes));
    }
    Ok(command.query_async(connection).await?)
}

fn frames_per_second(text: &str) -> Result<f64, String> {
    let fps: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if is_rate(fps) { Ok(fps) } else { Err("expected 0.001 to 10000".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_positive_and_finite() {
        for wrong in ["0", "-1", "NaN", "inf", "x"] {
            assert!(frames_per_second(wrong).is_err(), "{wrong}");
        }
        assert_eq!(frames_per_second("12.5"), Ok(12.5));
    }
}
