//! vision-metrics
