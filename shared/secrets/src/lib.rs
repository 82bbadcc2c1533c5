//! hourglass-secrets
