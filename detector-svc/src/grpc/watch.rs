//! What one watcher gets to see.

use std::sync::Arc;

use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tonic::Status;
use vision_proto::detector::v1::{WatchRequest, WatchResponse};
use wildmatch::WildMatch;

use super::convert;
use crate::{model::Model, publish::PublishedFrame};

/// Patterns that one watcher may give.
const MAX_PATTERNS: usize = 256;

/// Chooses results by stream and counts those that were lost.
#[derive(Debug)]
pub(super) struct Watch {
    /// Empty: every stream.
    patterns: Vec<WildMatch>,
    missed: u64,
}

impl Watch {
    /// # Errors
    /// `INVALID_ARGUMENT`: too many patterns.
    pub(super) fn new(request: &WatchRequest) -> Result<Self, Status> {
        let given = request.streams.len();
        if given > MAX_PATTERNS {
            let message = format!("streams: {given} patterns are given, at most {MAX_PATTERNS} are allowed");
            return Err(Status::invalid_argument(message));
        }
        let patterns = request.streams.iter().map(|pattern| WildMatch::new(pattern)).collect();
        Ok(Self { patterns, missed: 0 })
    }

    /// The response to a result, if it is one to see.
    pub(super) fn take(
        &mut self,
        published: Result<Arc<PublishedFrame>, BroadcastStreamRecvError>,
        model: &Model,
    ) -> Option<WatchResponse> {
        match published {
            Ok(published) if self.matches(published.frame.stream.as_str()) => {
                Some(convert::watched(&published, model, std::mem::take(&mut self.missed)))
            }
            Ok(_) => None,
            Err(BroadcastStreamRecvError::Lagged(missed)) => {
                self.missed += missed;
                None
            }
        }
    }

    fn matches(&self, stream: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_chosen_by_name_and_pattern() {
        let watch = |streams: &[&str]| {
            let streams = streams.iter().map(ToString::to_string).collect();
            Watch::new(&WatchRequest { streams }).expect("few patterns")
        };
        assert!(watch(&[]).matches("anything"));
        assert!(watch(&["a", "camera:*"]).matches("camera:12"));
        assert!(!watch(&["a", "camera:?"]).matches("camera:12"));
        let many = WatchRequest { streams: vec!["*".to_owned(); MAX_PATTERNS + 1] };
        assert!(Watch::new(&many).is_err());
    }
}
