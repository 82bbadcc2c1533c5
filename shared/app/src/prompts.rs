//! How many requests wait for an approver (abuse case 16): whoever is asked for everything at once says yes to be left alone.
//!
//! Counted are the requests of the last hour that still wait, for each user and each group that an entitlement names as its
//! approvers. A list index says which wait; it may lag a moment behind, so that some more may slip through at once, and
//! none is granted for it. As long as no more wait in the whole application, that is all that is read.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::Timestamp;
use hourglass_domain::entitlement::{Entitlement, Principals, Template};
use hourglass_domain::ids::{ApplicationId, EntitlementId, GroupId, UserId};
use hourglass_domain::limit::{Counted, Window};
use hourglass_domain::request::{Request, RequestStatus};

use crate::change::{read, read_many};
use crate::error::Result;
use crate::keys;
use crate::ports::store::{List, MOST_KEYS, Query, Store};
use crate::records::Stored;

/// Most waiting requests that are looked at; there are no more that count than that before somebody is over the limit,
/// unless more approvers than ten have been brought to theirs.
const MOST_READ: usize = 1_000;

/// Somebody who is asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Asked {
    User(UserId),
    Group(GroupId),
}

fn asked(approvers: &Principals) -> BTreeSet<Asked> {
    let users = approvers.users.iter().copied().map(Asked::User);
    users
        .chain(approvers.groups.iter().copied().map(Asked::Group))
        .collect()
}

/// Whether `approvers` may be asked once more.
///
/// # Errors
/// [`hourglass_domain::Refusal::TooOften`], or when the table does not answer.
pub async fn check(store: &dyn Store, template: &Template, approvers: &Principals, now: Timestamp) -> Result<()> {
    let application = &template.application;
    let [window] = Counted::Prompts.windows() else {
        return Ok(());
    };
    let query = Query::partition(keys::requests_waiting(application)).list_limit(MOST_READ);
    let waiting = store.list(List::Waiting, &query).await?.items;
    if waiting.len() < window.most {
        return Ok(());
    }
    let mut since: BTreeMap<Asked, Vec<Timestamp>> = BTreeMap::new();
    let mut approvers_of: BTreeMap<EntitlementId, BTreeSet<Asked>> = BTreeMap::new();
    let asked_now = asked(approvers);
    for keys in waiting.chunks(MOST_KEYS) {
        for Stored { value: request, .. } in read_many::<Request>(store, keys).await?.into_iter().flatten() {
            let waits = request.status == RequestStatus::Pending && now < request.lapses_at;
            let waits = waits && request.activation.is_approved();
            if !waits || now.seconds_since(request.created_at) >= window.seconds {
                continue;
            }
            let others = match approvers_of.get(&request.entitlement) {
                Some(others) => others,
                None => {
                    let others = approvers_in_force(store, application, template, request.entitlement).await?;
                    approvers_of.entry(request.entitlement).or_insert(others)
                }
            };
            for both in asked_now.intersection(others) {
                since.entry(*both).or_default().push(request.created_at);
            }
        }
    }
    since.into_values().try_for_each(|since| within(*window, since, now))
}

fn within(window: Window, mut since: Vec<Timestamp>, now: Timestamp) -> Result<()> {
    since.sort_unstable();
    let Some(excess) = since.len().checked_sub(window.most) else {
        return Ok(());
    };
    // Sooner where some are decided.
    let leaves = since.get(excess).map_or(now, |at| at.plus_seconds(window.seconds));
    Err(Counted::Prompts.refused(window, leaves.seconds_since(now)).into())
}

async fn approvers_in_force(
    store: &dyn Store,
    application: &ApplicationId,
    template: &Template,
    id: EntitlementId,
) -> Result<BTreeSet<Asked>> {
    let entitlement: Option<Stored<Entitlement>> = read(store, &keys::entitlement(application, id)).await?;
    let approvers = |entitlement: &Stored<Entitlement>| asked(entitlement.value.approvers_in_force(template));
    Ok(entitlement.as_ref().map(approvers).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hourglass_domain::Refusal;
    use hourglass_domain::limit::MOST_PROMPTS_AN_HOUR;

    #[test]
    fn as_many_as_there_may_be_are_one_too_few_for_another() {
        let window = Counted::Prompts.windows()[0];
        let now = Timestamp::from_seconds(10_000);
        let since = |count: usize| {
            (0..count)
                .map(|n| now.plus_seconds(-100 - n as i64))
                .collect::<Vec<_>>()
        };
        assert!(within(window, since(MOST_PROMPTS_AN_HOUR - 1), now).is_ok());
        let refused = within(window, since(MOST_PROMPTS_AN_HOUR), now).unwrap_err();
        let crate::AppError::Refused(Refusal::TooOften { retry_after, .. }) = refused else {
            panic!("{refused}");
        };
        assert_eq!(
            retry_after,
            3_600 - 100 - (MOST_PROMPTS_AN_HOUR as i64 - 1),
            "when the oldest leaves"
        );
    }
}
