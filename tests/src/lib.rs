//! vision-tests
