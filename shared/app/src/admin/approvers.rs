//! Whether enough approvers of an entitlement could sign: an entitlement whose last key is lost can be approved by nobody.

use std::collections::BTreeSet;

use hourglass_domain::directory::User;
use hourglass_domain::ids::{ApplicationId, EntitlementId, PersonId, UserId};

use super::require_admin;
use crate::caller::Who;
use crate::change::read_page;
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::passkeys::KeyRecord;
use crate::persons;
use crate::policy;
use crate::ports::Core;
use crate::ports::store::{LARGEST_PAGE, Query};
use crate::records::Stored;
use crate::seals::Sealed;

/// Most approvers that are looked at.
const MOST_APPROVERS: usize = 500;

/// How many could approve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Approvers {
    /// How many distinct people are approvers, counted up to 500.
    pub people: usize,
    /// How many of them have a passkey that can sign.
    pub with_keys: usize,
    /// How many there should be with one: the quorum, and one to spare.
    pub wanted: usize,
}

impl Approvers {
    /// Whether there are fewer people with a passkey than there should be.
    #[must_use]
    pub const fn too_few_keys(&self) -> bool {
        self.with_keys < self.wanted
    }
}

/// Counts the approvers of an entitlement. Only for people to see: seals are not looked at, and no decision rests on it.
///
/// # Errors
/// When the caller is no admin, or there is no such entitlement.
pub async fn count(core: &Core, who: &Who, id: EntitlementId) -> Result<Approvers> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let entitlement = super::entitlements::get(core, who, id).await?.value;
    let template = policy::template(&*core.store, application).await?;
    let approvers = entitlement.approvers_in_force(&template.value);
    let mut users: BTreeSet<(PersonId, UserId)> = BTreeSet::new();
    let named: Vec<UserId> = approvers.users.iter().copied().collect();
    note(
        &mut users,
        directory::users(&*core.store, application, &named)
            .await?
            .into_iter()
            .flatten(),
    );
    for group in &approvers.groups {
        if directory::group(&*core.store, application, *group).await?.is_none() {
            continue;
        }
        let mut after = None;
        loop {
            let page =
                directory::provisioned_members_page(&*core.store, application, *group, after, LARGEST_PAGE / 2).await?;
            let standing = page.standing.into_iter().map(Some).collect();
            let standing = persons::applied(&*core.store, application, standing).await?;
            note(&mut users, standing.into_iter().flatten());
            after = page.next;
            if after.is_none() || users.len() >= MOST_APPROVERS {
                break;
            }
        }
    }
    let mut people = BTreeSet::new();
    let mut with_keys = BTreeSet::new();
    for (person, user) in users.into_iter().take(MOST_APPROVERS) {
        people.insert(person);
        if !with_keys.contains(&person) && has_key(core, application, user).await? {
            with_keys.insert(person);
        }
    }
    Ok(Approvers {
        people: people.len(),
        with_keys: with_keys.len(),
        wanted: usize::from(entitlement.quorum).saturating_add(1),
    })
}

fn note(users: &mut BTreeSet<(PersonId, UserId)>, found: impl IntoIterator<Item = Stored<User>>) {
    let may = |user: &User| user.active && !user.is_guest();
    let found = found.into_iter().map(|stored| stored.value).filter(may);
    users.extend(found.map(|user| (user.person, user.id)));
}

async fn has_key(core: &Core, application: &ApplicationId, user: UserId) -> Result<bool> {
    let query = Query::partition(keys::passkeys(application)).prefix(keys::passkeys_of(user));
    let page = read_page::<Sealed<KeyRecord>>(&*core.store, &query.limit(LARGEST_PAGE)).await?;
    let rp_id = core.settings.rp_id();
    let usable = |stored: &Stored<Sealed<KeyRecord>>| stored.value.unverified().key.is_usable(&rp_id);
    Ok(page.items.iter().any(usable))
}
