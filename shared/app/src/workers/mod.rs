//! The work behind a grant: what `functions/provisioning` and `functions/revocation` do.
//!
//! Every trigger (a stream record, a schedule, a due-entry) is only a hint to look at something. What is done follows
//! from what is stored and from the clock, so that a trigger may come twice, late, early or never.

pub mod advance;
mod backlog;
pub mod by_hand;
pub mod converge;
mod drain;
pub mod drift;
pub mod group_gone;
pub mod kill;
pub mod memberships_gone;
pub mod offboard;
pub mod probes;
pub mod purse;
pub mod single_flight;
pub mod sweep;
mod timers;
pub mod verify;

use hourglass_domain::directory::Gone;
use hourglass_domain::ids::{ApplicationId, GrantId, GroupId, KillId, ProbeId, UserId};
use hourglass_domain::protocol::grant::message_due;

use self::drain::Crowd;
use crate::error::Result;
use crate::keys;
use crate::ports::Workers;

/// How long (seconds) a trigger sweeps that finds many grants due: less than the function may take, grace included.
const HELP_SECONDS: i64 = 45;

/// What a key of the table's stream asks to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hint {
    /// A grant was approved, changed, or ordered to end.
    Grant(GrantId),
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
            "GRANT" | "END" => Some(Self::Grant(id.parse().ok()?)),
            "PROBE" => Some(Self::Probe(id.parse().ok()?)),
            _ => None,
        }
    }
}

/// Looks at what a stream record hints at.
///
/// # Errors
/// When it has to be looked at again: the stream's retries and then the due-entries do that.
pub async fn on_hint(workers: &Workers, hint: &Hint) -> Result<()> {
    match hint {
        Hint::Grant(id) => advance::advance(workers, *id).await.map(|_| ()),
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

/// A schedule fired or a delayed message arrived: ends the grant if it is due. Shortly before the end of an exact grant
/// it sends a message that arrives at the end; nothing waits inside a function. A trigger for a grant that nobody knows
/// alarms (invariant I8).
///
/// # Errors
/// When the grant could not be brought forward; its due-entry stays.
pub async fn on_trigger(workers: &Workers, id: GrantId) -> Result<()> {
    let Some(loaded) = advance::load(workers, id).await? else {
        tracing::error!(grant.id = %id, "a trigger came for a grant that does not exist");
        tracing::info!(target: "metric", metric = "orphan_trigger", value = 1_u64, unit = "Count");
        return Ok(());
    };
    if let Some(seconds) = message_due(&loaded.grant, workers.core.clock.now()) {
        tracing::info!(grant.id = %id, seconds, "a message ends the grant at its second");
        return Ok(workers.delays.send(id, seconds).await?);
    }
    match drain::crowd(workers, &loaded).await? {
        Crowd::Alone => advance::run(workers, loaded).await,
        Crowd::Waits => Ok(()),
        Crowd::Many => {
            let deadline = workers.core.clock.now().plus_seconds(HELP_SECONDS);
            sweep::help(workers, deadline).await.map(|_| ())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hints_and_strange_keys_are_none() {
        let id = "00000000-0000-0000-0000-000000000007";
        let grant = Hint::Grant(id.parse().unwrap());
        assert_eq!(Hint::from_partition(&format!("GRANT#{id}")), Some(grant.clone()));
        assert_eq!(Hint::from_partition(&format!("END#{id}")), Some(grant));
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
