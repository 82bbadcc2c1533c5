//! hourglass-approvals
