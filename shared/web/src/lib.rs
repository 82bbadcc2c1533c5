//! hourglass-web
