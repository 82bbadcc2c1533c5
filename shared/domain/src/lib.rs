//! hourglass-domain
