//! What Entra and its validator send, through the router, on the real table adapter with an embedded database.
//!
//! One vector for every row of what is known of Entra's provisioning, and the rules of RFC 7644 around them.

// The attribute tells clippy that helpers are test code too.
#[cfg(test)]
mod directory;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod lookups;
#[cfg(test)]
mod model;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod support;
#[cfg(test)]
mod together;
#[cfg(test)]
mod users;
