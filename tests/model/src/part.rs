//! Parts of a state that most steps leave alone: shared between states, and hashed once.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A part of a state. Copies share it.
#[derive(Debug)]
pub(crate) struct Part<T>(Arc<Hashed<T>>);

#[derive(Debug)]
struct Hashed<T> {
    value: T,
    hash: u64,
}

impl<T: Hash> Part<T> {
    pub(crate) fn new(value: T) -> Self {
        // The same in every run: paths of a report can be followed again.
        let hash = ahash::RandomState::with_seeds(1, 2, 3, 4).hash_one(&value);
        Self(Arc::new(Hashed { value, hash }))
    }
}

impl<T> Part<T> {
    pub(crate) fn get(&self) -> &T {
        &self.0.value
    }

    /// Orders parts in some fixed way, so that what is equal but for its order becomes one state.
    pub(crate) fn rank(&self) -> u64 {
        self.0.hash
    }
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Hash for Part<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl<T: PartialEq> PartialEq for Part<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.hash == other.0.hash && self.0.value == other.0.value)
    }
}
