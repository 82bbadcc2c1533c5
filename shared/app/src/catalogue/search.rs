//! Searching among thousands of entitlements by name and description.
//!
//! A function keeps a short form of every entitlement in its memory ([`Index`]), which is good as long as the application's
//! catalogue is in the state that it was read in ([`CatalogueState`]). What is kept only proposes: whatever is shown is read
//! anew and judged by what it says now, and a request is judged once more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use hourglass_domain::directory::User;
use hourglass_domain::entitlement::{Eligibility, Entitlement, Template};
use hourglass_domain::ids::{ApplicationId, EntitlementId, UserId};
use hourglass_domain::request::Request;
use hourglass_domain::roles::{Role, Scope};
use uuid::Uuid;

use super::{MOST_READ, Offer, offers};
use crate::caller::Who;
use crate::change::{read, read_many, read_page};
use crate::error::Result;
use crate::keys;
use crate::persons;
use crate::policy::{self, GroupsOf};
use crate::ports::Core;
use crate::ports::store::{Key, List, MOST_KEYS, Query, Store};
use crate::records::{CatalogueState, Stored};
use crate::seals::Sealed;

/// Longest text that is searched for, in characters; what is longer is cut.
pub const LONGEST_SEARCH: usize = 200;
/// Most words of it that count.
const MOST_WORDS: usize = 10;
/// How many of a person's last requests say what was used recently.
const LAST_REQUESTS: usize = 30;
/// Most applications whose entitlements one function keeps at a time.
const MOST_APPLICATIONS: usize = 8;
/// A text as it is compared: without letter case, and without the accents of Latin letters.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'à'..='å' | 'ā' | 'ă' | 'ą' => folded.push('a'),
            'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => folded.push('c'),
            'ď' | 'đ' | 'ð' => folded.push('d'),
            'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => folded.push('e'),
            'ĝ' | 'ğ' | 'ġ' | 'ģ' => folded.push('g'),
            'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => folded.push('i'),
            'ĺ' | 'ļ' | 'ľ' | 'ł' => folded.push('l'),
            'ñ' | 'ń' | 'ņ' | 'ň' => folded.push('n'),
            'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => folded.push('o'),
            'ŕ' | 'ŗ' | 'ř' => folded.push('r'),
            'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => folded.push('s'),
            'ţ' | 'ť' | 'ț' => folded.push('t'),
            'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => folded.push('u'),
            'ý' | 'ÿ' => folded.push('y'),
            'ź' | 'ż' | 'ž' => folded.push('z'),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            // Accents that follow their letter.
            '\u{300}'..='\u{36f}' => {}
            other => folded.push(other),
        }
    }
    folded
}

/// The short form of an entitlement.
#[derive(Clone, Debug)]
struct Entry {
    id: EntitlementId,
    /// As compared.
    name: String,
    /// As compared.
    description: String,
    eligible: Eligibility,
    enabled: bool,
    /// Whether its approvers may name delegates.
    delegable: bool,
    /// Whether somebody may activate it in an emergency.
    emergency: bool,
}

impl Entry {
    fn of(entitlement: &Entitlement) -> Self {
        Self {
            id: entitlement.id,
            name: fold(&entitlement.name),
            description: fold(&entitlement.description),
            eligible: entitlement.eligible.clone(),
            enabled: entitlement.enabled,
            delegable: entitlement.delegates.is_some(),
            emergency: entitlement.emergency.is_some(),
        }
    }

    /// How well it fits, 0 the best; `None` where a word is missing.
    fn fits(&self, text: &str, words: &[&str]) -> Option<u8> {
        let named = |word: &&str| self.name.contains(*word);
        if words.iter().all(named) {
            return Some(u8::from(!self.name.starts_with(text)));
        }
        let anywhere = |word: &&str| named(word) || self.description.contains(*word);
        words.iter().all(anywhere).then_some(2)
    }
}

/// The entitlements of an application in one state, in the order of their names.
#[derive(Debug)]
struct Kept {
    state: Option<Uuid>,
    entries: Vec<Entry>,
}

/// What one function keeps in its memory, for each application that it was asked about.
#[derive(Debug, Default)]
pub struct Index {
    kept: RwLock<BTreeMap<ApplicationId, Arc<Kept>>>,
}

impl Index {
    /// The entitlements as they are now: from memory where nothing has changed since, otherwise read anew.
    async fn now(&self, store: &dyn Store, application: &ApplicationId) -> Result<Arc<Kept>> {
        // The state first: what changes while the entitlements are read makes them old at once.
        let state = read::<CatalogueState>(store, &keys::catalogue(application)).await?;
        let state = state.map(|stored| stored.value.state);
        let known = {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            kept.get(application).cloned()
        };
        if let Some(known) = known.filter(|known| known.state == state) {
            return Ok(known);
        }
        let mut entries = all(store, application).await?;
        entries.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        let fresh = Arc::new(Kept { state, entries });
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_APPLICATIONS && !kept.contains_key(application) {
            kept.clear();
        }
        kept.insert(application.clone(), Arc::clone(&fresh));
        drop(kept);
        Ok(fresh)
    }
}

/// Every entitlement of an application, page by page.
async fn all(store: &dyn Store, application: &ApplicationId) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut after = None;
    loop {
        let query = Query::partition(keys::entitlements(application)).after(after);
        let page = read_page::<Sealed<Entitlement>>(store, &query).await?;
        entries.extend(page.items.iter().map(|stored| Entry::of(stored.value.unverified())));
        after = page.next;
        if after.is_none() {
            return Ok(entries);
        }
    }
}

/// Most entitlements whose approvers may name delegates that are looked at for one page.
const MOST_DELEGABLE: usize = MOST_KEYS;

/// The entitlements for which the caller, as an approver in their own right, may name a delegate, in the order of their
/// names.
///
/// # Errors
/// When the caller is no approver at all, or not provisioned.
pub async fn delegable(core: &Core, index: &Index, who: &Who) -> Result<Vec<Entitlement>> {
    who.require_scope(Scope::DecisionsWrite)?;
    who.require_role(Role::Approver)?;
    let (user, _) = who.party()?;
    let (store, application) = (&*core.store, &who.application.value.id);
    let known = index.now(store, application).await?;
    let wanted: Vec<Key> = known
        .entries
        .iter()
        .filter(|entry| entry.delegable && entry.enabled)
        .take(MOST_DELEGABLE)
        .map(|entry| keys::entitlement(application, entry.id))
        .collect();
    let template = policy::template(store, application).await?;
    let mut found = Vec::new();
    for stored in read_many::<Sealed<Entitlement>>(store, &wanted)
        .await?
        .into_iter()
        .flatten()
    {
        let entitlement = stored.value.unverified();
        let approvers = entitlement.approvers_in_force(&template.value);
        if policy::named(store, application, approvers, user.value.id)
            .await?
            .is_some()
        {
            found.push(entitlement.clone());
        }
    }
    Ok(found)
}

/// An entitlement that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it is.
    pub offer: Offer,
    /// Which of the caller's accounts may have it, the one they are signed in with first.
    pub accounts: Vec<UserId>,
    /// Whether the caller asked for it of late.
    pub recent: bool,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Findings {
    /// One part of it.
    pub items: Vec<Found>,
    /// What to give as `after` for the next part.
    pub next: Option<String>,
    /// How many there are in all, as far as is known without looking at each.
    pub total: usize,
}

/// The entitlements that one of the caller's accounts may ask for and that have every word of `text` in name or
/// description: first what the caller used of late, then those that have it in their names. Without a text, all of them.
///
/// # Errors
/// When the caller is not provisioned.
pub async fn search(
    core: &Core,
    index: &Index,
    who: &Who,
    text: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Findings> {
    who.require_scope(Scope::RequestsReadWrite)?;
    let (user, _) = who.party()?;
    let (store, application) = (&*core.store, &who.application.value.id);
    let kept = index.now(store, application).await?;
    let accounts = Accounts::read(store, application, &user.value).await?;
    let recent = recently_used(core, user.value.id).await?;
    let ranked = ranked(&kept.entries, &accounts, &recent, text);
    let from = after
        .and_then(|after| after.parse::<EntitlementId>().ok())
        .and_then(|after| ranked.iter().position(|id| *id == after))
        .map_or(0, |at| at + 1);
    let template: Option<Stored<Sealed<Template>>> = read(store, &keys::template(application)).await?;
    let template = template.ok_or_else(policy::no_template)?;
    let mut items: Vec<Found> = Vec::new();
    let mut rest = ranked.get(from..).unwrap_or_default();
    let mut looked_at = 0;
    while items.len() < limit && looked_at < MOST_READ && !rest.is_empty() {
        let (some, others) = rest.split_at(rest.len().min(limit - items.len()).min(MOST_KEYS));
        looked_at += some.len();
        rest = others;
        let keys: Vec<Key> = some.iter().map(|id| keys::entitlement(application, *id)).collect();
        let read = read_many::<Sealed<Entitlement>>(store, &keys).await?;
        let mut eligible = Vec::new();
        let mut whose = Vec::new();
        for entitlement in read.into_iter().flatten() {
            let able = accounts.able(store, entitlement.value.unverified()).await?;
            if !able.is_empty() && entitlement.value.unverified().enabled {
                eligible.push(entitlement);
                whose.push(able);
            }
        }
        let offers = offers(store, application, &template, eligible).await?;
        items.extend(offers.into_iter().zip(whose).map(|(offer, accounts)| Found {
            recent: recent.contains(&offer.entitlement.value.id),
            offer,
            accounts,
        }));
    }
    let last = ranked.len().checked_sub(rest.len() + 1).and_then(|at| ranked.get(at));
    Ok(Findings {
        next: last.filter(|_| !rest.is_empty()).map(ToString::to_string),
        total: ranked.len(),
        items,
    })
}

/// The entitlements that fit and that one of the accounts may ask for, as far as is known, the best first.
fn ranked(entries: &[Entry], accounts: &Accounts, recent: &[EntitlementId], text: &str) -> Vec<EntitlementId> {
    let text = compared(text);
    let words: Vec<&str> = text.split_whitespace().take(MOST_WORDS).collect();
    let mut ranked: Vec<(usize, u8, usize, EntitlementId)> = entries
        .iter()
        .enumerate()
        .filter_map(|(place, entry)| {
            let fits = entry.fits(&text, &words)?;
            let recently = recent.iter().position(|id| *id == entry.id).unwrap_or(usize::MAX);
            Some((recently, fits, place, entry))
        })
        .filter(|(.., entry)| entry.enabled && accounts.may(&entry.eligible))
        .map(|(recently, fits, place, entry)| (recently, fits, place, entry.id))
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(.., id)| id).collect()
}

/// What is searched for, as it is compared.
fn compared(text: &str) -> String {
    let text: String = text.chars().take(LONGEST_SEARCH).collect();
    fold(text.trim())
}

/// The ids of all entitlements of an application that have every word of `text`, switched off or not, the best first: part
/// of them after `after`, what to give for the next part, and how many there are. For admins.
///
/// # Errors
/// Only when the table does not answer.
pub async fn ids(
    store: &dyn Store,
    index: &Index,
    application: &ApplicationId,
    text: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<EntitlementId>, Option<String>, usize)> {
    let kept = index.now(store, application).await?;
    let text = compared(text);
    let words: Vec<&str> = text.split_whitespace().take(MOST_WORDS).collect();
    let places = kept.entries.iter().enumerate();
    let mut fitting: Vec<(u8, usize, EntitlementId)> = places
        .filter_map(|(place, entry)| Some((entry.fits(&text, &words)?, place, entry.id)))
        .collect();
    fitting.sort_unstable();
    let from = after
        .and_then(|after| after.parse::<EntitlementId>().ok())
        .and_then(|after| fitting.iter().position(|(.., id)| *id == after))
        .map_or(0, |at| at + 1);
    let part: Vec<EntitlementId> = fitting.iter().skip(from).take(limit).map(|(.., id)| *id).collect();
    let more = from.saturating_add(part.len()) < fitting.len();
    let next = part.last().filter(|_| more).map(ToString::to_string);
    Ok((part, next, fitting.len()))
}

/// The ids of the entitlements of an application that somebody may activate in an emergency, in the order of their names.
///
/// # Errors
/// Only when the table does not answer.
pub async fn for_emergencies(
    store: &dyn Store,
    index: &Index,
    application: &ApplicationId,
) -> Result<Vec<EntitlementId>> {
    let kept = index.now(store, application).await?;
    let offered = kept.entries.iter().filter(|entry| entry.enabled && entry.emergency);
    Ok(offered.map(|entry| entry.id).collect())
}

/// The caller's accounts with their groups.
struct Accounts(Vec<GroupsOf>);

impl Accounts {
    async fn read(store: &dyn Store, application: &ApplicationId, user: &User) -> Result<Self> {
        let others = persons::others(store, user).await?;
        let ids = [user.id].into_iter().chain(others.iter().map(|other| other.value.id));
        let groups = ids.map(|id| GroupsOf::read(store, application, id));
        let groups = futures_util::future::join_all(groups).await;
        Ok(Self(groups.into_iter().collect::<Result<_>>()?))
    }

    /// Whether one of them may ask, as far as is known without looking.
    fn may(&self, eligible: &Eligibility) -> bool {
        self.0.iter().any(|groups| groups.may(eligible) != Some(false))
    }

    async fn able(&self, store: &dyn Store, entitlement: &Entitlement) -> Result<Vec<UserId>> {
        let mut able = Vec::new();
        for groups in &self.0 {
            if groups.may_ask(store, entitlement).await? {
                able.push(groups.user());
            }
        }
        Ok(able)
    }
}

/// What somebody asked for of late, the last first. From a list index, which may lag a moment behind.
async fn recently_used(core: &Core, user: UserId) -> Result<Vec<EntitlementId>> {
    let query = Query {
        descending: true,
        ..Query::partition(keys::requests_of(user)).limit(LAST_REQUESTS)
    };
    let listed = core.store.list(List::Owner, &query).await?.items;
    let own: Vec<Key> = listed.into_iter().filter(|key| key.sk == keys::REQUEST).collect();
    let requests = read_many::<Request>(&*core.store, &own).await?;
    let mut seen = BTreeSet::new();
    let used = requests.into_iter().flatten().map(|request| request.value.entitlement);
    Ok(used.filter(|id| seen.insert(*id)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hourglass_domain::entitlement::Principals;

    fn entry(n: u128, name: &str, description: &str, eligible: Eligibility) -> Entry {
        Entry {
            id: EntitlementId::new(Uuid::from_u128(n)),
            name: fold(name),
            description: fold(description),
            eligible,
            delegable: false,
            enabled: true,
            emergency: false,
        }
    }

    fn found(text: &str, recent: &[u128]) -> Vec<u128> {
        let only = Eligibility::Only(Principals {
            users: [UserId::new(Uuid::from_u128(7))].into(),
            ..Principals::default()
        });
        let mut entries = vec![
            entry(1, "prod-admins", "Administers production", Eligibility::Everyone),
            entry(2, "Billing (prod)", "Reads invoices", Eligibility::Everyone),
            entry(3, "Café Zürich", "Öffnet die Türen; prod too", Eligibility::Everyone),
            entry(4, "prod-secret", "Not for everybody", only),
            entry(5, "prod-nobody", "For nobody", Eligibility::Nobody),
        ];
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let accounts = Accounts(vec![GroupsOf::none(UserId::new(Uuid::from_u128(8)))]);
        let recent: Vec<EntitlementId> = recent.iter().map(|n| EntitlementId::new(Uuid::from_u128(*n))).collect();
        let ranked = ranked(&entries, &accounts, &recent, text);
        ranked.iter().map(|id| id.uuid().as_u128()).collect()
    }

    #[test]
    fn every_word_has_to_be_there_and_names_come_before_descriptions() {
        assert_eq!(
            found("prod", &[]),
            [1, 2, 3],
            "name begins with it, has it, description has it"
        );
        assert_eq!(found("  PROD invoices ", &[]), [2]);
        assert_eq!(found("prod nothing", &[]), [0_u128; 0]);
        assert_eq!(found("", &[]), [2, 3, 1], "by name");
    }

    #[test]
    fn letter_case_and_accents_do_not_matter() {
        assert_eq!(found("cafe zurich", &[]), [3]);
        assert_eq!(found("CAFÉ", &[]), [3]);
        assert_eq!(found("Cafe\u{301}", &[]), [3], "the accent as a character of its own");
        assert_eq!(found("öffnet turen", &[]), [3]);
        assert_eq!(fold("Straße ÆØŁ"), "strasse aeol");
    }

    #[test]
    fn what_was_used_of_late_comes_first_if_it_fits() {
        assert_eq!(found("", &[3, 1]), [3, 1, 2]);
        assert_eq!(found("prod", &[3]), [3, 1, 2]);
        assert_eq!(found("billing", &[3]), [2]);
    }
}
