//! hourglass-app
