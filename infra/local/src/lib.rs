//! hourglass-local
