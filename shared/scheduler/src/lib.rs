//! hourglass-scheduler
