//! Abuse cases: one named test per case of the threat list.
