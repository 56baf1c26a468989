//! vision-metrics-client
