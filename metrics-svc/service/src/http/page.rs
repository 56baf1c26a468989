//! A page sent while it is made: a chunk is made when the one before has been taken.

use std::time::Duration;

use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use tokio::{
    sync::{
        OwnedSemaphorePermit,
        mpsc::{self, Receiver, Sender},
    },
    time::timeout,
};

/// How long a page may take, its reader included: until then it holds a snapshot in memory.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// What is sent of a page.
enum Part {
    Chunk(String),
    End,
}

/// A page that must not look complete.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the page broke off")]
struct BrokenOff;

/// A body of these chunks; they and `permit` are dropped when it has been read, or no longer can be. It fails if
/// `chunks` panics, or is not read in time.
///
/// # Panics
/// Outside a tokio runtime.
pub(super) fn streamed(
    chunks: impl Iterator<Item = String> + Send + 'static,
    permit: OwnedSemaphorePermit,
) -> Body {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        if timeout(PAGE_TIMEOUT, send(chunks, sender)).await.is_err() {
            tracing::debug!(timeout = ?PAGE_TIMEOUT, "a page was not read in time");
        }
        drop(permit);
    });
    // What compresses a body asks once more after its end.
    Body::from_stream(stream::unfold(Some(receiver), receive).fuse())
}

/// Sends the chunks as far as somebody takes them.
async fn send(chunks: impl Iterator<Item = String>, sender: Sender<Part>) {
    for chunk in chunks {
        if sender.send(Part::Chunk(chunk)).await.is_err() {
            return;
        }
    }
    // Who has left does not miss the end.
    let _ = sender.send(Part::End).await;
}

/// The next chunk, or an error once if the sender has gone before the end.
async fn receive(
    receiver: Option<Receiver<Part>>,
) -> Option<(Result<String, BrokenOff>, Option<Receiver<Part>>)> {
    let mut receiver = receiver?;
    match receiver.recv().await {
        Some(Part::Chunk(chunk)) => Some((Ok(chunk), Some(receiver))),
        Some(Part::End) => None,
        None => Some((Err(BrokenOff), None)),
    }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
