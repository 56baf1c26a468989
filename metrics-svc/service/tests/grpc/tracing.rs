//! What the log says of calls.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tonic::Request;
use tracing_subscriber::fmt::MakeWriter;
use vision_proto::metrics::v1::{GetMetricsRequest, metrics_service_client::MetricsServiceClient};

use crate::support::{ANSWERED, BROKEN, NAME, REFUSED, Server};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    /// The lines with all of these words.
    fn lines(&self, words: &[&str]) -> Vec<String> {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = log.lines().filter(|line| words.iter().all(|word| line.contains(word)));
        lines.map(str::to_owned).collect()
    }
}

/// Calls the stub as part of a trace.
async fn traced(server: &Server, page_size: u32, trace_id: &str) {
    let mut request = Request::new(GetMetricsRequest { page_size, ..GetMetricsRequest::default() });
    let traceparent = format!("00-{trace_id}-00f067aa0ba902b7-01");
    request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
    let _ = MetricsServiceClient::new(server.channel.clone()).get_metrics(request).await;
}

#[tokio::test]
async fn a_call_has_a_span_and_faults_of_the_server_stand_out() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone());
    // Of all tests: lines are told apart by their traces.
    subscriber.with_env_filter("vision_service=debug").init();
    let server = Server::start().await;
    let traces = ["1", "2", "3", "4"].map(|digit| digit.repeat(32));
    for (trace_id, page_size) in traces.iter().zip([ANSWERED, REFUSED, BROKEN, BROKEN]) {
        traced(&server, page_size, trace_id).await;
    }
    server.stop().await;
    let method = format!("call{{method=\"{NAME}/GetMetrics\" peer=127.0.0.1:");
    for (trace_id, code) in traces.iter().zip(["Ok", "InvalidArgument", "Internal", "Internal"]) {
        let (trace_id, code) = (format!("trace_id=\"{trace_id}\"}}"), format!("code={code} duration="));
        let ended = log.lines(&["DEBUG", &method, &trace_id, "call ended", &code]);
        assert_eq!(ended.len(), 1, "{trace_id}");
    }
    for (trace_id, expected) in traces.iter().zip([0, 0, 1, 0]) {
        let failed = log.lines(&["WARN", trace_id, "call failed", "reason=\"broken\""]);
        assert_eq!(failed.len(), expected, "{trace_id}");
    }
}
