//! The methods that are known by name, so that callers cannot make up values of a label.

use std::{collections::HashMap, sync::Arc};

use prost::Message as _;
use prost_types::FileDescriptorSet;

/// Label of calls to a method that nobody serves.
const UNKNOWN: &str = "unknown";

/// One method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Method {
    /// Service and method, as in `grpc.health.v1.Health/Check`.
    pub(super) name: String,
    /// One message each way.
    pub(super) unary: bool,
}

/// Methods by the path of their requests.
#[derive(Debug)]
pub(super) struct Methods {
    known: HashMap<String, Arc<Method>>,
    unknown: Arc<Method>,
}

impl Methods {
    /// The methods of every service whose descriptor is built in.
    pub(super) fn known() -> Self {
        let sets = [
            vision_proto::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let methods =
            sets.into_iter().filter_map(|set| FileDescriptorSet::decode(set).ok()).flat_map(methods);
        let known = methods.map(|method| (format!("/{}", method.name), Arc::new(method))).collect();
        Self { known, unknown: Arc::new(Method { name: UNKNOWN.to_owned(), unary: false }) }
    }

    /// The method of a request's path, or the one that stands for all unknown ones.
    pub(super) fn get(&self, path: &str) -> Arc<Method> {
        Arc::clone(self.known.get(path).unwrap_or(&self.unknown))
    }
}

fn methods(set: FileDescriptorSet) -> impl Iterator<Item = Method> {
    set.file.into_iter().flat_map(|file| {
        let package = file.package().to_owned();
        file.service.into_iter().flat_map(move |service| {
            let service_name = format!("{package}.{}", service.name());
            service.method.into_iter().map(move |method| Method {
                name: format!("{service_name}/{}", method.name()),
                unary: !method.client_streaming() && !method.server_streaming(),
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_from_unary_methods_and_unknown_paths_share_a_name() {
        let methods = Methods::known();
        let of = |path| {
            let method = methods.get(path);
            (method.name.clone(), method.unary)
        };
        assert_eq!(
            of("/vision.metrics.v1.MetricsService/Record"),
            ("vision.metrics.v1.MetricsService/Record".to_owned(), false)
        );
        assert!(of("/vision.detector.v1.DetectorService/Detect").1);
        assert!(of("/grpc.health.v1.Health/Check").1);
        assert_eq!(of("/made.up/Name"), (UNKNOWN.to_owned(), false));
    }
}
