//! Tests of the adapter against an issuer of their own.
