//! Stream records: what each hints at, and which of them ask for work.
//!
//! The table's stream tells of every change of a grant, and most are the workers' own. A burst of ends is tens of
//! thousands of them, and an end that a person asked for stands in the same queue. So a batch is sorted through with one
//! read: what only says how far a worker has come is done with at once.

use hourglass_domain::directory::Gone;
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{ApplicationId, GrantId, GroupId, KillId, ProbeId, UserId};

use super::{advance, group_gone, kill, memberships_gone, offboard, probes};
use crate::change::read_each;
use crate::error::Result;
use crate::keys;
use crate::ports::Workers;
use crate::ports::store::Key;

/// What a key of the table's stream asks to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hint {
    /// A grant was approved or changed, by a person or by a worker.
    Grant(GrantId),
    /// A grant was ordered to end.
    End(GrantId),
    /// A user was switched off or deleted.
    Offboard(ApplicationId, UserId),
    /// A provisioned group was deleted.
    GroupGone(ApplicationId, GroupId),
    /// A user or a provisioned group was deleted, and memberships are left.
    Memberships(ApplicationId, Gone),
    /// The kill switch was pressed, or its order carried on.
    Kill(ApplicationId, KillId),
    /// An admin asked something.
    Probe(ProbeId),
}

impl Hint {
    /// The hint in the partition key of a stream record; `None` for keys that are nobody's business here.
    #[must_use]
    pub fn from_partition(pk: &str) -> Option<Self> {
        if let Some(rest) = pk.strip_prefix(keys::OFFBOARD_PREFIX) {
            let (application, user) = rest.split_once('#')?;
            return Some(Self::Offboard(application.parse().ok()?, user.parse().ok()?));
        }
        if let Some(rest) = pk.strip_prefix(keys::GROUP_GONE_PREFIX) {
            let (application, group) = rest.split_once('#')?;
            return Some(Self::GroupGone(application.parse().ok()?, group.parse().ok()?));
        }
        if let Some(rest) = pk.strip_prefix(keys::MEMBERSHIPS_GONE_PREFIX) {
            let (application, gone) = rest.split_once('#')?;
            return Some(Self::Memberships(application.parse().ok()?, gone.parse().ok()?));
        }
        if let Some(rest) = pk.strip_prefix(keys::KILL_PREFIX) {
            let (application, order) = rest.split_once('#')?;
            return Some(Self::Kill(application.parse().ok()?, order.parse().ok()?));
        }
        let (prefix, id) = pk.split_once('#')?;
        match prefix {
            "GRANT" => Some(Self::Grant(id.parse().ok()?)),
            "END" => Some(Self::End(id.parse().ok()?)),
            "PROBE" => Some(Self::Probe(id.parse().ok()?)),
            _ => None,
        }
    }
}

/// Whether a grant that was just stored asks for a look: it was approved, or got another end, or somebody who is no worker
/// wrote that it is live. The end of a grant is a worker's own work, whose due-entries bring back what it leaves.
const fn asks_for_work(grant: &Grant) -> bool {
    grant.status.is_live()
}

/// What is left to do of these hints: each once, and what people wait for and fear most first. Grants that were ordered to
/// end come before everything else; those that ask for nothing are left out.
///
/// # Errors
/// When the table does not answer.
pub async fn left_to_do(workers: &Workers, hints: impl IntoIterator<Item = Hint>) -> Result<Vec<Hint>> {
    let mut ends = Vec::new();
    let mut grants = Vec::new();
    for hint in hints {
        let list = if matches!(hint, Hint::Grant(_)) {
            &mut grants
        } else {
            &mut ends
        };
        if !list.contains(&hint) {
            list.push(hint);
        }
    }
    ends.sort_by_key(|hint| matches!(hint, Hint::Probe(_)));
    let ids: Vec<GrantId> = grants
        .iter()
        .filter_map(|hint| match hint {
            Hint::Grant(id) if !ends.contains(&Hint::End(*id)) => Some(*id),
            _ => None,
        })
        .collect();
    let keys: Vec<Key> = ids.iter().copied().map(keys::grant).collect();
    let stored = read_each::<Grant>(&*workers.core.store, &keys).await?;
    let wanted = ids.into_iter().zip(stored).filter(|(_, stored)| match stored {
        Ok(stored) => stored.as_ref().is_some_and(|stored| asks_for_work(&stored.value)),
        // Whoever looks at it on its own tells what is wrong with it.
        Err(_) => true,
    });
    ends.extend(wanted.map(|(id, _)| Hint::Grant(id)));
    Ok(ends)
}

/// Looks at what a stream record hints at.
///
/// # Errors
/// When it has to be looked at again: the stream's retries and then the due-entries do that.
pub async fn on_hint(workers: &Workers, hint: &Hint) -> Result<()> {
    match hint {
        Hint::Grant(id) => match advance::load(workers, *id).await? {
            Some(loaded) if asks_for_work(&loaded.grant) => advance::run(workers, loaded).await,
            _ => Ok(()),
        },
        Hint::End(id) => advance::advance(workers, *id).await.map(|_| ()),
        Hint::Offboard(application, user) => offboard::offboard(workers, application, *user).await,
        Hint::GroupGone(application, group) => group_gone::end_all(workers, application, *group).await,
        Hint::Memberships(application, gone) => {
            let most = memberships_gone::MOST_PIECES_AT_ONCE;
            memberships_gone::remove(workers, application, *gone, most)
                .await
                .map(|_| ())
        }
        Hint::Kill(application, order) => kill::carry_out(workers, application, *order).await.map(|_| ()),
        Hint::Probe(id) => probes::answer(workers, *id).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hints_and_strange_keys_are_none() {
        let id = "00000000-0000-0000-0000-000000000007";
        let id_of_grant = id.parse().unwrap();
        let (grant, end) = (Hint::Grant(id_of_grant), Hint::End(id_of_grant));
        assert_eq!(Hint::from_partition(&format!("GRANT#{id}")), Some(grant));
        assert_eq!(Hint::from_partition(&format!("END#{id}")), Some(end));
        assert_eq!(
            Hint::from_partition(&format!("END#USER#contoso.example#{id}")),
            Some(Hint::Offboard("contoso.example".parse().unwrap(), id.parse().unwrap()))
        );
        assert_eq!(
            Hint::from_partition(&format!("END#GROUP#contoso.example#{id}")),
            Some(Hint::GroupGone("contoso.example".parse().unwrap(), id.parse().unwrap()))
        );
        for (text, gone) in [
            ("user", Gone::User(id.parse().unwrap())),
            ("group", Gone::Group(id.parse().unwrap())),
        ] {
            assert_eq!(
                Hint::from_partition(&format!("END#MEMBERS#contoso.example#{text}:{id}")),
                Some(Hint::Memberships("contoso.example".parse().unwrap(), gone))
            );
        }
        assert_eq!(
            Hint::from_partition(&format!("END#KILL#contoso.example#{id}")),
            Some(Hint::Kill("contoso.example".parse().unwrap(), id.parse().unwrap()))
        );
        assert_eq!(
            Hint::from_partition(&format!("PROBE#{id}")),
            Some(Hint::Probe(id.parse().unwrap()))
        );
        for strange in [
            "",
            "GRANT#",
            "GRANT#x",
            "END#USER#x",
            "END#GROUP#x",
            "END#MEMBERS#contoso.example#x",
            "END#KILL#x",
            "REQ#1",
            "GRANT",
        ] {
            assert_eq!(Hint::from_partition(strange), None, "{strange}");
        }
    }
}
