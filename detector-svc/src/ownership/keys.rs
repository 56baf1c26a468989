//! Where replicas keep in Redis which of them has which stream.

/// Names of the keys. All are in the hash slot of the stream of detections, so that one script can check a lease and
/// publish, in a Redis Cluster, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnershipKeys {
    /// `{tag}`, the part of every name that the slot is computed of.
    tag: String,
}

impl OwnershipKeys {
    /// Keys of the replicas that publish to the stream `output`.
    #[must_use]
    pub fn new(output: &str) -> Self {
        Self { tag: format!("{{{}}}", hash_tag(output)) }
    }

    /// String: the lease's token while a replica owns `stream`.
    #[must_use]
    pub fn lease(&self, stream: &str) -> String {
        format!("{}:lease:{stream}", self.tag)
    }

    /// Sorted set: replicas by the time, in milliseconds of the server's clock, until which each is alive.
    #[must_use]
    pub fn replicas(&self) -> String {
        format!("{}:replicas", self.tag)
    }

    /// String, for a day: the newest frame of `stream` that detections were published of.
    #[must_use]
    pub fn published(&self, stream: &str) -> String {
        format!("{}:published:{stream}", self.tag)
    }
}

/// The part of a key that Redis Cluster computes its slot of: what is within the first braces, unless that is nothing.
fn hash_tag(key: &str) -> &str {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    tag.filter(|tag| !tag.is_empty()).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_the_slot_of_the_output() {
        for (output, tag) in [("detected_objects", "{detected_objects}"), ("{a}b", "{a}")] {
            let keys = OwnershipKeys::new(output);
            assert_eq!(keys.lease("camera:1"), format!("{tag}:lease:camera:1"));
            assert_eq!(keys.published("camera:1"), format!("{tag}:published:camera:1"));
            assert_eq!(keys.replicas(), format!("{tag}:replicas"));
        }
    }
}
