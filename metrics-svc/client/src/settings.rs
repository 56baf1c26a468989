//! What a recorder needs to know to reach a metrics service.

use std::time::Duration;

use tonic::transport::Endpoint;

/// Samples that one batch can hold and still fit a gRPC message of the usual 4 MiB.
const MAX_QUEUE_CAPACITY: usize = 131_072;
const MAX_PRODUCER_ID_BYTES: usize = 256;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of a recorder that streams to a metrics service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderSettings {
    /// Where the service is, `http://host:port`.
    pub endpoint: String,
    /// Stable name of this producer, 1 to 256 bytes, different from every other producer's.
    pub producer_id: String,
    /// How often a batch is sent.
    pub flush_interval: Duration,
    /// Observations of histograms and summaries that wait for a batch, 1 to 131,072; past it they are dropped
    /// and counted.
    pub queue_capacity: usize,
    /// Batches kept for resending, at least 1; past it no batch is cut until one is acknowledged.
    pub max_unacked_batches: usize,
    /// First pause before a reconnect; doubles with each failure and is stretched at random by up to as much.
    pub backoff_min: Duration,
    /// Longest pause before a reconnect, before it is stretched.
    pub backoff_max: Duration,
    /// How long the service may take to acknowledge before the stream is opened anew.
    pub ack_timeout: Duration,
    /// How often gauges that have not changed are sent again, so that a service that forgets idle series
    /// keeps them.
    pub gauge_refresh: Duration,
}

/// Why a recorder cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecorderSettingsError {
    /// The endpoint is no address of a service.
    #[error("endpoint {0:?} is not of the form http://host:port")]
    Endpoint(String),
    /// The producer's name is empty or too long.
    #[error("producer id has {0} bytes, 1 to {MAX_PRODUCER_ID_BYTES} are allowed")]
    ProducerId(usize),
    /// A number is out of its range.
    #[error("{name} is {value}, {min} to {max} are allowed")]
    Range {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: usize,
        /// The least value allowed.
        min: usize,
        /// The greatest value allowed.
        max: usize,
    },
    /// An interval is zero.
    #[error("{0} is zero")]
    Zero(&'static str),
    /// The first pause is longer than the longest.
    #[error("backoff_min {min:?} is longer than backoff_max {max:?}")]
    Backoff {
        /// The first pause.
        min: Duration,
        /// The longest pause.
        max: Duration,
    },
}

impl RecorderSettings {
    /// Defaults: a batch every 250 ms, 65,536 waiting observations, 8 unacknowledged batches, pauses from
    /// 100 ms to 5 s, 10 s for an acknowledgement, gauges again every minute.
    #[must_use]
    pub fn new(endpoint: impl Into<String>, producer_id: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            producer_id: producer_id.into(),
            flush_interval: Duration::from_millis(250),
            queue_capacity: 65_536,
            max_unacked_batches: 8,
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
            ack_timeout: Duration::from_secs(10),
            gauge_refresh: Duration::from_secs(60),
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn validate(&self) -> Result<(), RecorderSettingsError> {
        self.endpoint().map(drop)
    }

    /// Checks every setting and gives the endpoint to connect to.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, RecorderSettingsError> {
        self.check_numbers()?;
        self.check_intervals()?;
        let invalid = || RecorderSettingsError::Endpoint(self.endpoint.clone());
        let endpoint = Endpoint::from_shared(self.endpoint.clone()).map_err(|_| invalid())?;
        let uri = endpoint.uri();
        if uri.scheme_str() != Some("http") || uri.port().is_none() || uri.path() != "/" {
            return Err(invalid());
        }
        Ok(endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true))
    }

    fn check_numbers(&self) -> Result<(), RecorderSettingsError> {
        let id_bytes = self.producer_id.len();
        if !(1..=MAX_PRODUCER_ID_BYTES).contains(&id_bytes) {
            return Err(RecorderSettingsError::ProducerId(id_bytes));
        }
        range("queue_capacity", self.queue_capacity, MAX_QUEUE_CAPACITY)?;
        range("max_unacked_batches", self.max_unacked_batches, 1024)
    }

    fn check_intervals(&self) -> Result<(), RecorderSettingsError> {
        let intervals = [
            ("flush_interval", self.flush_interval),
            ("backoff_min", self.backoff_min),
            ("ack_timeout", self.ack_timeout),
            ("gauge_refresh", self.gauge_refresh),
        ];
        if self.backoff_min > self.backoff_max {
            return Err(RecorderSettingsError::Backoff { min: self.backoff_min, max: self.backoff_max });
        }
        match intervals.iter().find(|(_, interval)| interval.is_zero()) {
            Some((name, _)) => Err(RecorderSettingsError::Zero(name)),
            None => Ok(()),
        }
    }
}

fn range(name: &'static str, value: usize, max: usize) -> Result<(), RecorderSettingsError> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    let min = 1;
    Err(RecorderSettingsError::Range { name, value, min, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut RecorderSettings)) -> Option<RecorderSettingsError> {
        let mut settings = RecorderSettings::new("http://localhost:50052", "p");
        change(&mut settings);
        settings.endpoint().err()
    }

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(check(|_| {}), None);
        assert_eq!(check(|s| s.endpoint = "http://[::1]:50052/".to_owned()), None);
    }

    #[test]
    fn an_endpoint_has_a_scheme_and_a_port() {
        for wrong in ["", "localhost:1", "http://localhost", "https://a:1", "http://a:1/b", "x y"] {
            let error = check(|s| s.endpoint = wrong.to_owned());
            assert_eq!(error, Some(RecorderSettingsError::Endpoint(wrong.to_owned())));
        }
    }

    #[test]
    fn ranges_are_kept() {
        assert!(check(|s| s.producer_id = String::new()).is_some());
        assert!(check(|s| s.producer_id = "x".repeat(257)).is_some());
        assert!(check(|s| s.queue_capacity = 0).is_some());
        assert!(check(|s| s.max_unacked_batches = 0).is_some());
        assert!(check(|s| s.flush_interval = Duration::ZERO).is_some());
        assert!(check(|s| s.backoff_max = Duration::from_millis(1)).is_some());
    }
}
