//! What the caller can ask for.

pub mod search;

use hourglass_domain::Refusal;
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::entitlement::{Entitlement, Template};
use hourglass_domain::ids::ApplicationId;
use hourglass_domain::request::check_requestable;
use hourglass_domain::roles::Scope;
use hourglass_domain::target::TargetFacts;

use crate::caller::Who;
use crate::change::{read, read_page};
use crate::error::Result;
use crate::keys;
use crate::policy;
use crate::ports::Core;
use crate::ports::store::{Page, Query, Store};
use crate::records::Stored;
use crate::seals::Sealed;

/// Most entitlements that are looked at for one page.
const MOST_READ: usize = 1_000;

/// An entitlement as somebody who may ask for it sees it.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The entitlement.
    pub entitlement: Stored<Entitlement>,
    /// The durations it may be asked for.
    pub durations: Vec<AccessDuration>,
    /// How long a grant may last in all, its extensions included.
    pub absolute_maximum: AccessDuration,
    /// Why it cannot be asked for now.
    pub problem: Option<Refusal>,
}

/// The entitlements that the caller may ask for, in the order of their ids.
///
/// # Errors
/// When the caller is not provisioned.
pub async fn list(core: &Core, who: &Who, after: Option<String>, limit: usize) -> Result<Page<Offer>> {
    who.require_scope(Scope::RequestsReadWrite)?;
    let (user, _) = who.party()?;
    let application = &who.application.value.id;
    let store = &*core.store;
    let template: Option<Stored<Sealed<Template>>> = read(store, &keys::template(application)).await?;
    let template = template.ok_or_else(policy::no_template)?;
    let groups = policy::GroupsOf::read(store, application, user.value.id).await?;
    let mut found = Vec::new();
    let mut next = after;
    let mut looked_at = 0;
    loop {
        let query = Query::partition(keys::entitlements(application))
            .after(next.take())
            .limit(limit);
        let page = read_page::<Sealed<Entitlement>>(store, &query).await?;
        looked_at += page.items.len();
        next = page.next;
        let mut eligible = Vec::with_capacity(page.items.len());
        for entitlement in page.items {
            if groups.may_ask(store, entitlement.value.unverified()).await? {
                eligible.push(entitlement);
            }
        }
        for offer in offers(store, application, &template, eligible).await? {
            let at = offer.entitlement.value.id.to_string();
            found.push(offer);
            if found.len() >= limit {
                // The next page begins after the last one shown, whatever else this read brought.
                return Ok(Page {
                    items: found,
                    next: Some(at),
                });
            }
        }
        if next.is_none() || looked_at >= MOST_READ {
            return Ok(Page { items: found, next });
        }
    }
}

/// What may be asked for of some entitlements, in their order.
async fn offers(
    store: &dyn Store,
    application: &ApplicationId,
    template: &Stored<Sealed<Template>>,
    entitlements: Vec<Stored<Sealed<Entitlement>>>,
) -> Result<Vec<Offer>> {
    let unsealed = template.clone().with_some_seal().err();
    let template = template.clone().unverified();
    let named = entitlements.iter().map(|stored| stored.value.unverified());
    let facts = policy::facts_of_all(store, application, named).await?;
    let offer = |(entitlement, facts): (Stored<Sealed<Entitlement>>, Vec<Option<TargetFacts>>)| {
        // Whether a seal holds is for those to say who have its key; that there is none shows.
        let broken = unsealed.clone().or(entitlement.clone().with_some_seal().err());
        let entitlement = entitlement.unverified();
        Offer {
            problem: broken.or_else(|| check_requestable(&entitlement.value, &facts).err()),
            durations: entitlement.value.durations_in_force(&template.value),
            absolute_maximum: entitlement.value.absolute_maximum_in_force(&template.value),
            entitlement,
        }
    };
    Ok(entitlements.into_iter().zip(facts).map(offer).collect())
}
