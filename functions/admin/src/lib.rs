//! hourglass-admin
