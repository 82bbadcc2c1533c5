//! hourglass-requests
