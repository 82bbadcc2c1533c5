//! hourglass-provisioning
