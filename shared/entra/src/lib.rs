//! hourglass-entra
