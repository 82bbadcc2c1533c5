//! Asks the directory itself, before anybody is added, whether the people behind a grant are who they were when it was
//! approved: what was provisioned lags behind, and whoever has the secret of the provisioning can write there what they
//! like. Never before a removal.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::decision::{Decision, Verdict as Vote};
use hourglass_domain::directory::Party;
use hourglass_domain::entitlement::Principals;
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{GroupId, ObjectId};

use super::verify::Found;
use crate::directory;
use crate::error::Result;
use crate::ports::Workers;
use crate::ports::connector::ConnectorError;
use crate::ports::directory::{Account, Tenancy, Told};

/// What the directory says about the people behind a grant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct People {
    /// Against whom it speaks, and what it says.
    pub(super) refuted: BTreeMap<ObjectId, &'static str>,
    /// Why some of it could not be asked, if the connector may not.
    pub(super) not_permitted: Option<String>,
}

impl People {
    /// Whether the directory speaks against somebody whose decision it is.
    pub(super) fn refutes(&self, decision: &Decision) -> bool {
        let mut parties = decision.hand().parties();
        parties.any(|party| self.refuted.contains_key(&party.object_id))
    }
}

/// Asks whether beneficiary and approvers may sign in, and whether each approver who is named through groups is a direct
/// member of one of them; where the beneficiary activated it, whether they are among `takers` likewise. What the connector may not ask is left to what was provisioned.
///
/// # Errors
/// When the table does not answer; inside, when the directory does not.
pub(super) async fn people(
    workers: &Workers,
    grant: &Grant,
    evidence: &Found,
    approvers: &Principals,
    takers: Option<&Principals>,
    tenancy: &Tenancy,
) -> Result<std::result::Result<People, ConnectorError>> {
    let approvals: Vec<&Decision> = approvals(evidence).collect();
    let mut found = People::default();
    let parties = approvals.iter().flat_map(|decision| decision.hand().parties());
    let accounts: BTreeSet<ObjectId> = parties.map(|party| party.object_id).collect();
    let mut accounts: Vec<ObjectId> = accounts.into_iter().collect();
    accounts.retain(|account| *account != grant.beneficiary.object_id);
    accounts.push(grant.beneficiary.object_id);
    match workers.directory.accounts(tenancy, &accounts).await {
        Ok(Told::Said(said)) => {
            // An answer that is too short speaks against those it leaves out.
            let said = said.into_iter().chain(std::iter::repeat(Account::Missing));
            for (account, said) in accounts.iter().zip(said) {
                let why = match said {
                    Account::Enabled => continue,
                    Account::Disabled => "the directory says that the account is disabled",
                    Account::Missing => "the directory has no such account",
                };
                found.refuted.insert(*account, why);
            }
        }
        Ok(Told::NotPermitted(why)) => found.not_permitted = Some(why),
        Err(error) => return Ok(Err(error)),
    }
    if let Err(error) = belonging(workers, grant, &entitled(&approvals), approvers, tenancy, &mut found).await? {
        return Ok(Err(error));
    }
    if let Some(takers) = takers {
        // Nobody else looked: whoever activates for themselves has to belong as an approver has to.
        let beneficiary = BTreeMap::from([(grant.beneficiary.object_id, &grant.beneficiary)]);
        if let Err(error) = belonging(workers, grant, &beneficiary, takers, tenancy, &mut found).await? {
            return Ok(Err(error));
        }
    }
    Ok(Ok(found))
}

/// Every approval behind the grant.
fn approvals(evidence: &Found) -> impl Iterator<Item = &Decision> {
    let all = std::iter::once(&evidence.first).chain(&evidence.extensions);
    let decisions = all.flat_map(|approved| &approved.decisions);
    decisions.filter(|decision| decision.verdict == Vote::Approve)
}

/// By whose right each approval counts, by account: the approver's, or that of the person they decided for.
fn entitled<'a>(approvals: &[&'a Decision]) -> BTreeMap<ObjectId, &'a Party> {
    let right = |decision: &&'a Decision| decision.acting_for.as_ref().unwrap_or(&decision.approver);
    let parties = approvals.iter().map(right);
    parties.map(|party| (party.object_id, party)).collect()
}

/// Whether each approver who is not named in person is a member of a group that is.
async fn belonging(
    workers: &Workers,
    grant: &Grant,
    deciders: &BTreeMap<ObjectId, &Party>,
    approvers: &Principals,
    tenancy: &Tenancy,
    found: &mut People,
) -> Result<std::result::Result<(), ConnectorError>> {
    let through: BTreeMap<ObjectId, &Party> = deciders
        .iter()
        .filter(|(_, party)| !approvers.users.contains(&party.user))
        .map(|(account, party)| (*account, *party))
        .collect();
    let asked = candidates(workers, grant, &through, approvers).await?;
    let mut belong: BTreeSet<ObjectId> = BTreeSet::new();
    let answers = asked.iter().map(|(group, accounts)| async move {
        let accounts: Vec<ObjectId> = accounts.iter().copied().collect();
        workers.directory.members_among(tenancy, *group, &accounts).await
    });
    let mut not_permitted = None;
    for answer in futures_util::future::join_all(answers).await {
        match answer {
            Ok(Told::Said(members)) => belong.extend(members),
            Ok(Told::NotPermitted(why)) => not_permitted = Some(why),
            Err(error) => return Ok(Err(error)),
        }
    }
    if not_permitted.is_some() {
        found.not_permitted = not_permitted;
        return Ok(Ok(()));
    }
    for account in through.keys().filter(|account| !belong.contains(account)) {
        let why = "the directory says that the account is in none of the groups that count here";
        found.refuted.entry(*account).or_insert(why);
    }
    Ok(Ok(()))
}

/// The directory groups through which each approver is named, as far as provisioning says.
async fn candidates(
    workers: &Workers,
    grant: &Grant,
    through: &BTreeMap<ObjectId, &Party>,
    approvers: &Principals,
) -> Result<BTreeMap<ObjectId, BTreeSet<ObjectId>>> {
    let store = &*workers.core.store;
    let mut asked: BTreeMap<ObjectId, BTreeSet<ObjectId>> = BTreeMap::new();
    if through.is_empty() {
        return Ok(asked);
    }
    for group in &approvers.groups {
        let id: GroupId = *group;
        let group = directory::group(store, &grant.application, id).await?;
        // One that the directory does not know by an id cannot be confirmed.
        let Some(object_id) = group.and_then(|group| group.value.object_id()) else {
            continue;
        };
        for (account, party) in through {
            let named = directory::member_of_any(store, &grant.application, party.user, &[id]).await?;
            if named.is_some() {
                asked.entry(object_id).or_default().insert(*account);
            }
        }
    }
    Ok(asked)
}
