//! hourglass-scim
