//! The verifier against an issuer with real keys: every rule about tokens, and every rule about keys.

mod issuer;
mod keys;
mod rules;
