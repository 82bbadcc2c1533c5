//! The SCIM 2.0 service provider (RFC 7643 and 7644): how Entra brings users and groups to Hourglass.
//!
//! Input is taken leniently, because two dialects of Entra and many suites have to work at the same time; output is
//! strictly what the RFCs say. Everything belongs to the application of the caller's secret ([`token`]).
//!
//! Reading order: [`filter`] and [`value`] (what comes in), [`schema`] (what it means), [`matching`] and [`patch`]
//! (what it does, as pure functions), [`members`] (the members of a group, which are never loaded for a change), then
//! the use cases: users, groups and [`query`].

mod ahead;
mod alarm;
pub mod discovery;
pub mod error;
pub mod filter;
mod groups;
pub mod matching;
pub mod members;
pub mod patch;
pub mod query;
pub mod resource;
pub mod schema;
pub mod sort;
pub mod token;
mod users;
pub mod value;

use std::str::FromStr;
use std::time::Duration;

use hourglass_domain::Timestamp;
use hourglass_domain::directory::Gone;
use hourglass_domain::ids::ApplicationId;

use crate::change::Change;
use crate::ports::Core;
use crate::ports::store::{Condition, Store, StoreError, Write};
use crate::records::{MembershipsGoneOrder, Record, UniqueKind, UniqueValue, to_item};

pub use ahead::{Gate, Intent};
pub use error::{Result, ScimError, ScimType};
pub use query::ListParams;
pub use resource::{Projection, Resource};
pub use schema::Kind;
pub use token::{Caller, LastSeen, hash_token, new_token};
pub use value::parse_body;

/// Path of the SCIM endpoint under the deployment's public url.
pub const MOUNT: &str = "/scim/v2";
/// How often a change starts over when what it was decided on had changed meanwhile. Each time somebody else's change
/// went through, so that many writers of one group need as many rounds.
const ATTEMPTS: u32 = 16;
/// Longest pause before starting over, in milliseconds, times the number of the round.
const PAUSE_MILLIS: u64 = 8;

/// The SCIM endpoint as one caller sees it.
#[derive(Clone, Debug)]
pub struct Scim {
    core: Core,
    caller: Caller,
}

impl Scim {
    /// The endpoint for a caller whom the [`Gate`] let in.
    #[must_use]
    pub const fn new(core: Core, caller: Caller) -> Self {
        Self { core, caller }
    }

    /// The url of the endpoint.
    #[must_use]
    pub fn base(&self) -> String {
        base(&self.core)
    }

    fn store(&self) -> &dyn Store {
        self.core.store.as_ref()
    }

    const fn application(&self) -> &ApplicationId {
        &self.caller.application
    }

    /// The order to remove the memberships of what is deleted, and the promise that it is carried out.
    fn order_memberships_gone(&self, change: Change, gone: Gone, at: Timestamp) -> Result<Change> {
        let order = MembershipsGoneOrder {
            application: self.application().clone(),
            gone,
            at,
        };
        Ok(change.due(&[], &[order.promise()])?.create(&order)?)
    }

    /// Waits a moment, at random, before starting over.
    async fn pause(&self, attempt: u32) {
        let mut byte = [0_u8; 1];
        self.core.ids.random(&mut byte);
        let most = PAUSE_MILLIS.saturating_mul(u64::from(attempt).saturating_add(1));
        let millis = byte.iter().map(|byte| u64::from(*byte)).sum::<u64>() % most.max(1);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

/// The url of the SCIM endpoint: from the settings, never from a request's headers.
#[must_use]
pub fn base(core: &Core) -> String {
    format!("{}{MOUNT}", core.settings.public_url)
}

/// The id, if it is written as we write it: ids are compared exactly (RFC 7643 section 3.1), and one that could be written
/// in several ways would be several ids to everybody else.
fn exact_id<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|id: &T| id.to_string() == text)
}

/// A unique value of a resource: what it is, and its compared spelling before and after a change.
struct UniqueMove {
    what: UniqueKind,
    before: Option<String>,
    after: Option<String>,
}

/// The writes that give the new values to `owner` and set the old ones free. They belong into the transaction of the
/// resource itself, whose version guards the old values.
fn unique_writes(
    application: &ApplicationId,
    owner: &str,
    moves: impl IntoIterator<Item = UniqueMove>,
) -> Result<Vec<Write>, StoreError> {
    let record = |what: UniqueKind, value: String| UniqueValue {
        application: application.clone(),
        what,
        value,
        owner: owner.to_owned(),
    };
    let mut writes = Vec::new();
    for UniqueMove { what, before, after } in moves {
        if before == after {
            continue;
        }
        if let Some(value) = before {
            writes.push(Write::Delete {
                key: record(what, value).key(),
                condition: Condition::Any,
            });
        }
        if let Some(value) = after {
            writes.push(Write::Put {
                item: to_item(&record(what, value), 1)?,
                condition: Condition::Absent,
            });
        }
    }
    Ok(writes)
}

/// The attribute whose new value belongs to somebody else, if the transaction failed for that.
fn taken(
    failed: &[crate::ports::store::Key],
    writes: &[Write],
    names: &[(UniqueKind, &'static str)],
) -> Option<&'static str> {
    let fits = |write: &&Write| matches!(write, Write::Put { .. }) && failed.contains(write.key());
    let item = writes.iter().find(fits).map(|write| match write {
        Write::Put { item, .. } => item.body.get("what").cloned(),
        Write::Delete { .. } | Write::Check { .. } => None,
    })?;
    let named = |what: UniqueKind| serde_json::to_value(what).ok() == item;
    names.iter().find(|(what, _)| named(*what)).map(|(_, name)| *name)
}
