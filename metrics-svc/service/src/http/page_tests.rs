#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, body::to_bytes, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::http::bind;

const CHUNKS: usize = 100;

/// Counts the chunks that are made.
fn chunks(made: &Arc<AtomicUsize>) -> impl Iterator<Item = String> + Send + 'static {
    let made = Arc::clone(made);
    (0..CHUNKS).map(move |number| {
        made.fetch_add(1, Ordering::Relaxed);
        format!("{number}\n")
    })
}

fn free() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(1))
}

async fn permit(free: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(free).acquire_owned().await.unwrap()
}

#[tokio::test]
async fn all_chunks_are_sent_in_order() {
    let made = Arc::default();
    let free = free();
    let body = streamed(chunks(&made), permit(&free).await);
    let page = to_bytes(body, usize::MAX).await.unwrap();
    let expected: String = (0..CHUNKS).map(|number| format!("{number}\n")).collect();
    assert_eq!(page, expected);
    drop(permit(&free).await);
}

#[tokio::test]
async fn chunks_are_made_as_they_are_read() {
    let made = Arc::default();
    let free = free();
    let mut body = streamed(chunks(&made), permit(&free).await).into_data_stream();
    for read in 1..=3 {
        body.next().await.unwrap().unwrap();
        // One is on its way, one waits for room.
        assert!(made.load(Ordering::Relaxed) <= read + 2);
    }
    drop(body);
    drop(permit(&free).await);
    assert!(made.load(Ordering::Relaxed) < CHUNKS);
}

#[tokio::test]
async fn a_page_that_breaks_off_is_an_error() {
    let free = free();
    let broken = iter::once("first".to_owned()).chain(iter::from_fn(|| panic!("a test's panic")));
    let mut body = streamed(broken, permit(&free).await).into_data_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), "first");
    let error = body.next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("broke off"), "{error}");
    assert!(body.next().await.is_none());
    drop(permit(&free).await);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_holds_nothing_for_long() {
    let free = free();
    let mut body = streamed(iter::repeat_with(|| "x".to_owned()), permit(&free).await).into_data_stream();
    body.next().await.unwrap().unwrap();
    drop(permit(&free).await);
    let rest: Vec<_> = body.collect().await;
    assert!(rest.last().unwrap().is_err());
}

/// A page over a connection, as bytes until it ends.
async fn fetch(router: Router) -> String {
    let bound = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let mut stream = TcpStream::connect(bound.local_addr()).await.unwrap();
    let token = CancellationToken::new();
    let server = tokio::spawn(bound.serve(router, token.clone()));
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // A connection that is broken off may be reset.
    let _ = stream.read_to_end(&mut answer).await;
    token.cancel();
    server.await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_reader_can_tell_a_page_that_breaks_off() {
    let free = free();
    for whole in [true, false] {
        let rest = iter::from_fn(move || if whole { None } else { panic!("a test's panic") });
        let body = streamed(iter::once("first".to_owned()).chain(rest), permit(&free).await);
        let body = Arc::new(std::sync::Mutex::new(Some(body)));
        let page = get(async move || body.lock().unwrap().take().unwrap());
        let answer = fetch(Router::new().route("/", page)).await;
        assert_eq!(answer.ends_with("first\r\n0\r\n\r\n"), whole, "{answer}");
    }
}
