//! hourglass-tokens
