//! The connector against a scripted server: every status, lost answers, tokens, batches, pages.

mod changes;
mod credentials;
mod reads;
mod standin;
