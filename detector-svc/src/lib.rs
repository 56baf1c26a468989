//! detector-svc
