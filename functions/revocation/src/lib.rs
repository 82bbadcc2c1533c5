//! hourglass-revocation
