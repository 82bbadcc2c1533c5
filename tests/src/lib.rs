//! hourglass-tests
