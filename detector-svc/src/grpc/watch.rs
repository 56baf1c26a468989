//! Which streams a watcher gets to see.

use tonic::Status;
use vision_proto::detector::v1::WatchRequest;

use crate::{frame::StreamId, glob};

/// Patterns that one watcher may give.
const MAX_PATTERNS: usize = 256;

/// Chooses results by stream.
#[derive(Debug)]
pub(super) struct StreamPatterns {
    /// Empty: every stream.
    patterns: Vec<String>,
}

impl StreamPatterns {
    /// # Errors
    /// `INVALID_ARGUMENT`: too many patterns.
    pub(super) fn new(request: &WatchRequest) -> Result<Self, Status> {
        let given = request.streams.len();
        if given > MAX_PATTERNS {
            let message = format!("streams: {given} patterns are given, at most {MAX_PATTERNS} are allowed");
            return Err(Status::invalid_argument(message));
        }
        Ok(Self { patterns: request.streams.clone() })
    }

    pub(super) fn matches(&self, stream: &StreamId) -> bool {
        self.patterns.is_empty()
            || self.patterns.iter().any(|pattern| glob::matches(pattern, stream.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_chosen_by_name_and_pattern() {
        let watch = |streams: &[&str]| {
            let streams = streams.iter().map(ToString::to_string).collect();
            StreamPatterns::new(&WatchRequest { streams }).expect("few patterns")
        };
        assert!(watch(&[]).matches(&StreamId::new("anything")));
        assert!(watch(&["a", "camera:*"]).matches(&StreamId::new("camera:12")));
        assert!(!watch(&["a", "camera:?"]).matches(&StreamId::new("camera:12")));
        let many = WatchRequest { streams: vec!["*".to_owned(); MAX_PATTERNS + 1] };
        assert!(StreamPatterns::new(&many).is_err());
    }
}
