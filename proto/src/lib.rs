//! Wire types, clients and servers of the two gRPC services, generated from the `.proto` files beside this crate.

/// Package `vision.metrics.v1`: recording metric events and reading the snapshot.
pub mod metrics {
    pub mod raw;
    #[expect(missing_docs, reason = "tonic generates some items without comments")]
    #[expect(clippy::allow_attributes_without_reason, reason = "generated code")]
    pub mod v1 {
        tonic::include_proto!("vision.metrics.v1");
    }
}

/// Package `vision.detector.v1`: detecting objects in images.
pub mod detector {
    #[expect(missing_docs, reason = "tonic generates some items without comments")]
    #[expect(clippy::allow_attributes, clippy::allow_attributes_without_reason, reason = "generated code")]
    pub mod v1 {
        tonic::include_proto!("vision.detector.v1");
    }
}

/// Serialized `FileDescriptorSet` of both packages, for the gRPC reflection service.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
