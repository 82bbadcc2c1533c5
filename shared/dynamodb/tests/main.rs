//! The port's contract, and the unit of work on top of it, against DynamoDB's wire protocol: the real SDK talks over
//! HTTP to an embedded `dynoxide` database, with a layer between them that does what networks and busy tables do.

// The attribute tells clippy that helpers are test code too.
#[cfg(test)]
mod change;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod store;
#[cfg(test)]
mod support;
