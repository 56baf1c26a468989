//! A request that is too large is refused before it is read; what its caller did wrong is the argument.

use tonic::{
    Code, Status,
    body::Body,
    codegen::http::{HeaderValue, Response},
    service::{LayerExt as _, Layered},
};
use tower::util::{MapResponse, MapResponseLayer};

/// Header of a call that is answered with a status alone.
const STATUS: &str = "grpc-status";

type Map = fn(Response<Body>) -> Response<Body>;

/// Answers with `INVALID_ARGUMENT` where the service's own limit on messages answers with `OUT_OF_RANGE`.
pub(crate) fn oversized_is_invalid<S>(service: S) -> Layered<MapResponse<S, Map>, S> {
    MapResponseLayer::new(map as Map).named_layer(service)
}

/// The same for a message of a stream.
pub(super) fn oversized_is_invalid_status(status: Status) -> Status {
    match status.code() {
        Code::OutOfRange => Status::invalid_argument(status.message()),
        _ => status,
    }
}

fn map(mut response: Response<Body>) -> Response<Body> {
    let out_of_range = HeaderValue::from(Code::OutOfRange as i32);
    if response.headers().get(STATUS) == Some(&out_of_range) {
        response.headers_mut().insert(STATUS, HeaderValue::from(Code::InvalidArgument as i32));
    }
    response
}
