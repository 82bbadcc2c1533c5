//! Reading ahead: what a look-up reads first is read together with the secret.
//!
//! The secret is read with every call, so that one that is withdrawn stops at once. But which item a look-up begins with
//! depends on the application alone, and which application a secret belongs to hardly ever changes. So a process
//! remembers it, as a guess: both are read in one call of the table, strongly consistently, and what was read ahead is
//! thrown away unless the secret, as it is stored now, is still the guessed application's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hourglass_domain::canonical::Digest;
use hourglass_domain::ids::ApplicationId;
use secrecy::{ExposeSecret as _, SecretString};

use super::error::Result;
use super::query::{ListParams, first_read};
use super::schema::Kind;
use super::token::{Caller, hash_token, judge, well_formed};
use super::{Scim, ScimError};
use crate::keys;
use crate::ports::Core;
use crate::ports::store::{CommitError, Item, Key, List, Page, Query, Store, StoreError, Write};

/// Most secrets whose application a process remembers.
const MOST_REMEMBERED: usize = 1_000;

/// What a call is going to look up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Intent {
    /// Nothing of which it is known beforehand.
    Other,
    /// One resource, by the text in the path.
    One(Kind, String),
    /// A list.
    List(Kind, ListParams),
}

impl Intent {
    /// The item that is read first, if it can be told.
    fn key(&self, application: &ApplicationId) -> Option<Key> {
        match self {
            Self::Other => None,
            Self::One(Kind::User, id) => id.parse().ok().map(|id| keys::user(application, id)),
            Self::One(Kind::Group, id) => id.parse().ok().map(|id| keys::group(application, id)),
            Self::List(kind, params) => first_read(*kind, params, application),
        }
    }
}

/// Lets callers in, and remembers which application each secret belonged to.
#[derive(Debug, Default)]
pub struct Gate {
    remembered: Mutex<HashMap<Digest, ApplicationId>>,
}

impl Gate {
    /// The endpoint as the owner of a secret sees it.
    ///
    /// # Errors
    /// [`ScimError::Unauthorized`] when the secret is nobody's; the table's trouble otherwise.
    pub async fn enter(&self, core: Core, secret: &SecretString, intent: &Intent) -> Result<(Caller, Scim)> {
        let secret = secret.expose_secret();
        if !well_formed(secret) {
            return Err(ScimError::Unauthorized);
        }
        let hash = hash_token(secret);
        let guess = self.guess(hash);
        let ahead = guess.as_ref().and_then(|application| intent.key(application));
        let token = keys::scim_token(hash);
        let (item, read) = match ahead {
            None => (core.store.get(&token).await?, None),
            Some(key) => {
                let mut items = core.store.get_many(&[token, key.clone()]).await?.into_iter();
                (items.next().flatten(), Some((key, items.next().flatten())))
            }
        };
        let caller = match judge(item, hash) {
            Ok(caller) => caller,
            Err(error) => {
                self.lock().remove(&hash);
                return Err(error);
            }
        };
        let read = read.filter(|_| guess.as_ref() == Some(&caller.application));
        if guess.as_ref() != Some(&caller.application) {
            self.remember(hash, &caller.application);
        }
        let core = match read {
            None => core,
            Some(read) => Core {
                store: Arc::new(Ahead {
                    inner: core.store,
                    read: Mutex::new(Some(read)),
                }),
                ..core
            },
        };
        Ok((caller.clone(), Scim::new(core, caller)))
    }

    fn guess(&self, hash: Digest) -> Option<ApplicationId> {
        self.lock().get(&hash).cloned()
    }

    fn remember(&self, hash: Digest, application: &ApplicationId) {
        let mut remembered = self.lock();
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(hash, application.clone());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, ApplicationId>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The table, of which one item was read a moment ago, in this call. It is given out once; who asks again reads anew.
struct Ahead {
    inner: Arc<dyn Store>,
    read: Mutex<Option<(Key, Option<Item>)>>,
}

impl std::fmt::Debug for Ahead {
    /// Without the item, which may be a person's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ahead")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Ahead {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let read = {
            let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            read.take_if(|(known, _)| known == key)
        };
        match read {
            Some((_, item)) => Ok(item),
            None => self.inner.get(key).await,
        }
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.inner.get_many(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page<Item>, StoreError> {
        self.inner.query(query).await
    }

    async fn list(&self, list: List, query: &Query) -> Result<Page<Key>, StoreError> {
        self.inner.list(list, query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.inner.commit(writes).await
    }
}
