//! What happened: requests and grants with their timelines.

pub mod search;

use hourglass_domain::Refusal;
use hourglass_domain::audit::{Event, StreamId};
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{GrantId, RequestId};
use hourglass_domain::refusal::Rule;
use hourglass_domain::request::Request;
use hourglass_domain::roles::Scope;
use std::collections::{BTreeMap, BTreeSet};

use crate::caller::Who;
use crate::change::{read_many, read_page};
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::ports::store::{Key, List, MOST_KEYS, Page, Query};
use crate::records::{PersonalTexts, Stored};
use crate::requests;

/// Most events shown with one entry of a list; the rest is read with [`events`].
pub const MOST_EVENTS_IN_LIST: usize = 50;
/// How many months back a list of everything goes in one call before it gives a cursor.
const MOST_MONTHS: usize = 12;

/// A request with its grant and the first events of its timeline.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The request.
    pub request: Stored<Request>,
    /// The grant that it led to, extended or would extend, where there is one.
    pub grant: Option<Stored<Grant>>,
    /// Its timeline, oldest first, at most [`MOST_EVENTS_IN_LIST`].
    pub events: Vec<Event>,
}

/// Whose history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// The caller's own, from all accounts that are theirs.
    Own,
    /// What the caller may see: their own, and what they may decide or decided. Only for [`search::search`].
    Seen,
    /// Everybody's in the application: auditors and admins only.
    All,
}

/// Requests and grants, newest first.
///
/// # Errors
/// When the caller may not see everybody's, or the cursor is not one of ours.
pub async fn list(core: &Core, who: &Who, whose: Whose, cursor: Option<String>, limit: usize) -> Result<Page<Entry>> {
    who.require_scope(Scope::RequestsReadWrite)?;
    let Page { items: requests, next } = match whose {
        Whose::Own => search::own(core, who, cursor.as_deref(), limit).await?,
        Whose::All if who.reads_all() => {
            let page = everybodys(core, who, cursor, limit).await?;
            let keys: Vec<Key> = page.items.into_iter().map(search::of_request).collect();
            let read = read_many::<Request>(&*core.store, &keys).await?;
            Page {
                items: read.into_iter().flatten().collect(),
                next: page.next,
            }
        }
        Whose::All | Whose::Seen => return Err(Refusal::RoleMissing { role: "Auditor" }.into()),
    };
    // A grant and its extensions name the same one, and a batch must not name a key twice.
    let named: BTreeSet<GrantId> = requests.iter().filter_map(|request| grant_of(&request.value)).collect();
    let grant_keys: Vec<Key> = named.into_iter().map(keys::grant).collect();
    let grants: BTreeMap<GrantId, Stored<Grant>> = read_many::<Grant>(&*core.store, &grant_keys)
        .await?
        .into_iter()
        .flatten()
        .map(|grant| (grant.value.id, grant))
        .collect();
    let mut items = Vec::with_capacity(requests.len());
    let timelines = requests
        .iter()
        .map(|request| stream(core, request.value.id, None, MOST_EVENTS_IN_LIST));
    let timelines = futures_util::future::join_all(timelines).await;
    for (request, timeline) in requests.into_iter().zip(timelines) {
        let grant = grant_of(&request.value).and_then(|grant| grants.get(&grant).cloned());
        let events = timeline?.items;
        items.push(Entry { request, grant, events });
    }
    Ok(Page { items, next })
}

/// The grant that a request led to, extended, or would extend.
fn grant_of(request: &Request) -> Option<GrantId> {
    request.grant.or_else(|| request.kind.extends())
}

fn newest_first(pk: String, after: Option<String>, limit: usize) -> Query {
    Query {
        descending: true,
        ..Query::partition(pk).after(after).limit(limit)
    }
}

/// Walks back through the months. The cursor is `<month>|<place in the month>`.
async fn everybodys(core: &Core, who: &Who, cursor: Option<String>, limit: usize) -> Result<Page<Key>> {
    let application = &who.application.value.id;
    let (mut month, mut after) = match cursor {
        None => (core.clock.now().month(), None),
        Some(cursor) => {
            let bad = || Refusal::invalid("cursor", Rule::Cursor);
            let (month, after) = cursor.split_once('|').ok_or_else(bad)?;
            previous_month(month).ok_or_else(bad)?;
            (
                month.to_owned(),
                Some(after.to_owned()).filter(|after| !after.is_empty()),
            )
        }
    };
    let earliest = who.application.value.created_at.month();
    let mut items = Vec::new();
    for _ in 0..MOST_MONTHS {
        let query = newest_first(
            keys::requests_in(application, &month),
            after.take(),
            limit - items.len(),
        );
        let page = core.store.list(List::Month, &query).await?;
        items.extend(page.items);
        if let Some(next) = page.next {
            return Ok(Page {
                items,
                next: Some(format!("{month}|{next}")),
            });
        }
        match previous_month(&month).filter(|previous| *previous >= earliest) {
            Some(previous) => month = previous,
            None => return Ok(Page { items, next: None }),
        }
        if items.len() >= limit {
            break;
        }
    }
    Ok(Page {
        items,
        next: Some(format!("{month}|")),
    })
}

/// `2026-11` → `2026-10`; `None` for anything that is no month.
pub(crate) fn previous_month(month: &str) -> Option<String> {
    let (year, number) = month.split_once('-')?;
    if year.len() != 4 || number.len() != 2 {
        return None;
    }
    let (year, number): (u16, u8) = (year.parse().ok()?, number.parse().ok()?);
    match number {
        1 => Some(format!("{:04}-12", year.checked_sub(1)?)),
        2..=12 => Some(format!("{year:04}-{:02}", number - 1)),
        _ => None,
    }
}

/// The timeline of one request and its grant, oldest first.
///
/// # Errors
/// Not found when the caller may not see the request.
pub async fn events(
    core: &Core,
    who: &Who,
    request: RequestId,
    after: Option<String>,
    limit: usize,
) -> Result<Page<Event>> {
    who.require_scope(Scope::RequestsReadWrite)?;
    requests::get(core, who, request).await?;
    stream(core, request, after, limit).await
}

/// What people wrote beside an event, by name: `justification`, `comment`, `reason`, …
pub type Texts = BTreeMap<String, String>;

/// As [`events`], each with what people wrote beside it.
///
/// # Errors
/// As [`events`].
pub async fn events_with_texts(
    core: &Core,
    who: &Who,
    request: RequestId,
    after: Option<String>,
    limit: usize,
) -> Result<Page<(Event, Texts)>> {
    let page = events(core, who, request, after, limit).await?;
    let stream = StreamId::request(request);
    let keys: Vec<Key> = page
        .items
        .iter()
        .filter(|event| event.personal.is_some())
        .map(|event| keys::audit_personal(&stream, event.seq))
        .collect();
    let mut texts: BTreeMap<u64, Texts> = BTreeMap::new();
    for keys in keys.chunks(MOST_KEYS) {
        let read = read_many::<PersonalTexts>(&*core.store, keys)
            .await?
            .into_iter()
            .flatten();
        texts.extend(read.map(|beside| (beside.value.seq, beside.value.personal.fields)));
    }
    let items = page.items.into_iter().map(|event| {
        let texts = texts.remove(&event.seq).unwrap_or_default();
        (event, texts)
    });
    Ok(Page {
        items: items.collect(),
        next: page.next,
    })
}

async fn stream(core: &Core, request: RequestId, after: Option<String>, limit: usize) -> Result<Page<Event>> {
    let after = match after {
        None => None,
        Some(seq) => {
            let seq: u64 = seq.parse().map_err(|_| Refusal::invalid("cursor", Rule::Cursor))?;
            Some(keys::audit_event(&StreamId::request(request), seq).sk)
        }
    };
    let pk = keys::audit_stream(&StreamId::request(request));
    let query = Query::partition(pk).prefix(keys::EVENTS).after(after).limit(limit);
    let page = read_page::<Event>(&*core.store, &query).await?;
    let items: Vec<Event> = page.items.into_iter().map(|event| event.value).collect();
    let next = page.next.and(items.last()).map(|event| event.seq.to_string());
    Ok(Page { items, next })
}

#[cfg(test)]
mod tests {
    use super::previous_month;

    #[test]
    fn months_are_walked_backwards() {
        assert_eq!(previous_month("2026-11").as_deref(), Some("2026-10"));
        assert_eq!(previous_month("2026-01").as_deref(), Some("2025-12"));
        for bad in ["", "2026", "2026-13", "2026-00", "x-01", "2026-1", "0000-01"] {
            assert_eq!(previous_month(bad), None, "{bad}");
        }
    }
}
