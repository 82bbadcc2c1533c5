//! Names beside the ids in a change: for people to read. What is signed are the ids.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::ids::{ApplicationId, EntitlementId, GroupId, ObjectId, UserId};
use hourglass_domain::two_person::Proposal;

use super::Command;
use crate::change::read_each;
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::seals::Sealed;

/// Most ids of each kind that are looked up for a page; what is beyond is shown by its id.
const MOST_NAMED: usize = 200;

/// Names by the words that stand for them in a change: `user:<id>`, `group:<id>`, `entra:<object id>`, `entitlement:<id>`,
/// and the object id of an account.
pub type Names = BTreeMap<String, String>;

impl Command {
    /// The words for what it is about, so that a page can say it in a sentence.
    #[must_use]
    pub fn about(&self) -> Vec<String> {
        match self {
            Self::EntitlementUpdate { id, .. } => vec![format!("entitlement:{id}")],
            Self::DriftMode { entitlement, .. } => vec![format!("entitlement:{entitlement}")],
            Self::Declare { group, account } | Self::Withdraw { group, account } => {
                vec![format!("entra:{group}"), account.to_string()]
            }
            Self::Link { one, other } => vec![format!("user:{one}"), format!("user:{other}")],
            Self::Unlink { user } => vec![format!("user:{user}")],
            Self::EntitlementCreate { .. }
            | Self::EntitlementsSwitchOn { .. }
            | Self::Template { .. }
            | Self::Protect { .. }
            | Self::LinkAttribute { .. }
            | Self::Azure { .. }
            | Self::Aws { .. }
            | Self::AwsRemove
            | Self::ScimSecret => Vec::new(),
        }
    }
}

/// The words of a proposal's lines.
pub fn of_lines(proposal: &Proposal<Command>) -> impl Iterator<Item = &str> {
    let texts = proposal.lines.iter().flat_map(|line| [&line.before, &line.after]);
    texts.flat_map(|text| text.split_whitespace())
}

/// The names of what these words stand for. Words that stand for nothing, and what is not there any more, are left out.
///
/// # Errors
/// Only when the table does not answer.
pub async fn names<'a>(
    core: &Core,
    application: &ApplicationId,
    words: impl IntoIterator<Item = &'a str>,
) -> Result<Names> {
    let mut found = Found::default();
    for word in words {
        found.note(word);
    }
    let store = &*core.store;
    let mut names = Names::new();
    let users: Vec<UserId> = found.users.into_iter().take(MOST_NAMED).collect();
    for (id, user) in users
        .iter()
        .zip(directory::provisioned_users(store, application, &users).await?)
    {
        names.extend(user.map(|user| (format!("user:{id}"), user.value.name())));
    }
    let groups: Vec<GroupId> = found.groups.into_iter().take(MOST_NAMED).collect();
    for (id, group) in groups.iter().zip(directory::groups(store, application, &groups).await?) {
        names.extend(group.map(|group| (format!("group:{id}"), group.value.name())));
    }
    let targets: Vec<ObjectId> = found.targets.into_iter().take(MOST_NAMED).collect();
    let read = directory::groups_by_object_ids(store, application, &targets).await?;
    for (id, group) in targets.iter().zip(read) {
        names.extend(group.map(|group| (format!("entra:{id}"), group.value.name())));
    }
    let accounts: Vec<ObjectId> = found.accounts.into_iter().take(MOST_NAMED).collect();
    let read = directory::provisioned_users_by_object_ids(store, application, &accounts).await?;
    for (id, user) in accounts.iter().zip(read) {
        names.extend(user.map(|user| (id.to_string(), user.value.name())));
    }
    let entitlements: Vec<EntitlementId> = found.entitlements.into_iter().take(MOST_NAMED).collect();
    let places: Vec<_> = entitlements
        .iter()
        .map(|id| keys::entitlement(application, *id))
        .collect();
    let read = read_each::<Sealed<Entitlement>>(store, &places).await?;
    for (id, entitlement) in entitlements.iter().zip(read) {
        let entitlement = entitlement.ok().flatten();
        names.extend(entitlement.map(|stored| (format!("entitlement:{id}"), stored.value.unverified().name.clone())));
    }
    Ok(names)
}

#[derive(Default)]
struct Found {
    users: BTreeSet<UserId>,
    groups: BTreeSet<GroupId>,
    targets: BTreeSet<ObjectId>,
    accounts: BTreeSet<ObjectId>,
    entitlements: BTreeSet<EntitlementId>,
}

impl Found {
    fn note(&mut self, word: &str) {
        let word = word.trim_matches(|c| matches!(c, '(' | ')'));
        match word.split_once(':') {
            Some(("user", id)) => self.users.extend(id.parse::<UserId>()),
            Some(("group", id)) => self.groups.extend(id.parse::<GroupId>()),
            Some(("entra", id)) => self.targets.extend(id.parse::<ObjectId>()),
            Some(("entitlement", id)) => self.entitlements.extend(id.parse::<EntitlementId>()),
            Some(_) => {}
            None => self.accounts.extend(word.parse::<ObjectId>()),
        }
    }
}
