//! Reads pages as a scraper does.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::in_time;

/// An answer.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Page {
    /// The number that a line of the text formats ends with, given all before its space.
    pub(crate) fn value(&self, sample: &str) -> Option<f64> {
        let lines = self.body.lines();
        let mut values = lines.filter_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        values.next().map(|value| value.parse().unwrap())
    }

    /// The lines but those that the service tells about itself, which begin anew with each process.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.body.lines().filter(|line| !line.contains("metrics_svc_")).collect()
    }
}

pub(crate) async fn get(http: SocketAddr, path: &str) -> Page {
    get_as(http, path, "text/plain").await
}

/// Gets a page in the format that `accept` prefers.
pub(crate) async fn get_as(http: SocketAddr, path: &str, accept: &str) -> Page {
    let mut stream = TcpStream::connect(http).await.unwrap();
    // Of version 1.0, so that the body comes in one piece and ends with the connection.
    let request = format!("GET {path} HTTP/1.0\r\nHost: x\r\nAccept: {accept}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    in_time(stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Page { status, body: body.to_owned() }
}
