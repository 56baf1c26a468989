//! vision-service
