//! hourglass-boot
