//! metrics-svc
