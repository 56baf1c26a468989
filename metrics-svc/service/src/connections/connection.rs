//! A connection that can be told to close, and is closed when its peer says nothing at first.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::{Greeting, Slot};

/// A connection and its slot, which is free again once it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    slot: Arc<Slot>,
    awaited: Option<Awaited>,
}

/// What is still to come of the greeting.
#[derive(Debug)]
struct Awaited {
    bytes: usize,
    deadline: Pin<Box<Sleep>>,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        slot: Arc<Slot>,
        greeting: Option<Greeting>,
    ) -> Self {
        let awaited = greeting
            .map(|greeting| Awaited { bytes: greeting.bytes, deadline: Box::pin(sleep(greeting.within)) });
        Self { stream, peer, slot, awaited }
    }

    /// Where it comes from.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Where it came in; `None` once it is broken.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr().ok()
    }

    pub(crate) fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// The stream, unless the connection is to close.
    fn open(&mut self, cx: &Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        if self.slot.poll_closing(cx) {
            let reason = "the connection was idle, and the server needed its slot or ended";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, reason));
        }
        Ok(Pin::new(&mut self.stream))
    }

    fn has_read(&mut self, bytes: usize) {
        if let Some(awaited) = &mut self.awaited {
            awaited.bytes = awaited.bytes.saturating_sub(bytes);
            if awaited.bytes == 0 {
                self.awaited = None;
                self.slot.greeted();
            }
        }
    }

    /// Fails once the greeting is late.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(awaited) = &mut self.awaited else {
            return Poll::Pending;
        };
        ready!(awaited.deadline.as_mut().poll(cx));
        self.slot.count_silent();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer says nothing")))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.slot.leave();
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.open(cx)?.poll_read(cx, buffer);
        self.has_read(buffer.filled().len() - before);
        match read {
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => self.poll_late(cx),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.open(cx)?.poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open(cx)?.poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open(cx)?.poll_shutdown(cx)
    }
}
