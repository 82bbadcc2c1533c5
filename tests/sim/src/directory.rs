//! The directory: groups and their true members, behind the `Connector` port.
//!
//! It keeps the port's contract and no more than that. Reads lag behind writes while faults last, never by as much as
//! `CONFIRM_AFTER`: against a directory that hides a change for longer no proof is possible, and the re-checks after a
//! grant's end are for those. The wire protocol of the real one is the business of the adapter's own tests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hourglass_app::ports::Clock as _;
use hourglass_app::ports::connector::{Connector, ConnectorError, Member, Members, NewMember, Place};
use hourglass_app::ports::directory::{Account, Directory as People, Tenancy, Told};
use hourglass_app::ports::secrets::{Freshness, Secrets};
use hourglass_domain::Timestamp;
use hourglass_domain::auth_context::ContextPolicy;
use hourglass_domain::ids::{ApplicationId, ObjectId, TenantId};
use hourglass_domain::protocol::membership::{Answer, Inspection};
use hourglass_domain::target::{Cloud, Target, TargetFacts};

use crate::checks;
use crate::company;
use crate::world::{Moved, Truth, World};

/// How far, in milliseconds, a read may lag behind.
const LAG_MILLIS: (u64, u64) = (0, 20_000);
/// How many reads in a hundred do.
const LAGGING: u64 = 30;
/// How many writes in a hundred are put off, and how many are refused.
const THROTTLED: u64 = 3;
const REFUSED: u64 = 1;
/// How many writes in a hundred the directory takes its time with, and how long (milliseconds): like reads, it never
/// takes as long as `CONFIRM_AFTER`.
const SLOW: u64 = 8;
const SLOW_MILLIS: (u64, u64) = (1_000, 15_000);
/// When it says to ask again, in seconds.
const ASK_AGAIN_SECONDS: i64 = 5;

/// The directory, as one process signs in to it.
#[derive(Debug)]
pub(crate) struct Directory {
    world: Arc<World>,
    secrets: Arc<dyn Secrets>,
}

const fn group_of(place: &Place) -> ObjectId {
    let Target::Entra { group, .. } = place.target;
    group
}

/// The members as they were `lag` milliseconds ago.
fn seen(truth: &Truth, since: Timestamp) -> BTreeSet<(ObjectId, ObjectId)> {
    let mut members = truth.members.clone();
    for moved in truth.moved.iter().rev().take_while(|moved| moved.at > since) {
        if moved.before {
            members.insert((moved.group, moved.account));
        } else {
            members.remove(&(moved.group, moved.account));
        }
    }
    members
}

fn moves(truth: &mut Truth, now: Timestamp, group: ObjectId, account: ObjectId, to: bool) {
    let before = if to {
        !truth.members.insert((group, account))
    } else {
        truth.members.remove(&(group, account))
    };
    if before != to {
        truth.moved.push(Moved {
            at: now,
            group,
            account,
            before,
        });
    }
}

impl Directory {
    pub(crate) const fn new(world: Arc<World>, secrets: Arc<dyn Secrets>) -> Self {
        Self { world, secrets }
    }

    async fn sign_in(&self, application: &ApplicationId) -> Result<(), ConnectorError> {
        let signed_in = self.secrets.azure(application, Freshness::Cached).await;
        signed_in
            .map(drop)
            .map_err(|error| ConnectorError::Unavailable(error.to_string()))
    }

    /// Members are added, whoever is waiting for it.
    pub(crate) fn add_now(world: &World, place: &Place, members: &[NewMember]) {
        let (now, group) = (world.now(), group_of(place));
        world.trace(|| format!("{group} gets {members:?}"));
        let truth = &mut *world.truth();
        for member in members {
            checks::on_add(truth, group, member.account, now);
            moves(truth, now, group, member.account, true);
        }
    }

    /// Members are removed, whoever is waiting for it.
    pub(crate) fn remove_now(world: &World, place: &Place, accounts: &[ObjectId]) {
        let (now, group) = (world.now(), group_of(place));
        world.trace(|| format!("{group} loses {accounts:?}"));
        let truth = &mut *world.truth();
        for account in accounts {
            checks::on_remove(truth, group, *account, now);
            moves(truth, now, group, *account, false);
        }
    }

    /// What a directory answers that does not know, and says so of nobody who was there before us.
    pub(crate) fn lie_absent(world: &World, place: &Place, accounts: &[ObjectId]) -> Vec<Inspection> {
        let (truth, group) = (world.truth(), group_of(place));
        let standing = |account: &ObjectId| truth.baseline.contains(&(group, *account));
        let answer = |account| {
            if standing(account) {
                Inspection::Present
            } else {
                Inspection::Absent
            }
        };
        accounts.iter().map(answer).collect()
    }

    /// Begins what takes its time: it happens later, whoever is waiting for it.
    fn begin(&self, what: impl FnOnce(&World) + Send + 'static) -> Answer {
        let world = Arc::clone(&self.world);
        let millis = world.between(SLOW_MILLIS);
        let handle = {
            let mut truth = world.truth();
            let handle = format!("{}-{}", world.now(), truth.under_way.len());
            truth.under_way.insert(handle.clone());
            handle
        };
        let name = handle.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            what(&world);
            world.truth().under_way.remove(&name);
        });
        self.started(handle)
    }

    fn started(&self, handle: String) -> Answer {
        Answer::Started {
            handle,
            look_again_at: self.world.now().plus_seconds(ASK_AGAIN_SECONDS),
        }
    }

    /// The answer of a directory that does not do as asked this time.
    fn puts_off(&self) -> Option<Answer> {
        if self.world.mishap("throttled", THROTTLED) {
            let why = "too many requests, as planned".to_owned();
            return Some(Answer::RetryAfter { seconds: 5, why });
        }
        self.world
            .mishap("refused", REFUSED)
            .then(|| Answer::Refused("forbidden, as planned".to_owned()))
    }
}

#[async_trait]
impl Connector for Directory {
    async fn inspect(&self, place: &Place, accounts: &[ObjectId]) -> Vec<Inspection> {
        if let Err(error) = self.sign_in(&place.application).await {
            return vec![Inspection::Unknown(error.to_string()); accounts.len()];
        }
        let lag = if self.world.mishap("lagging_read", LAGGING) {
            self.world.between(LAG_MILLIS)
        } else {
            0
        };
        let now = self.world.now();
        let since = Timestamp::from_millis(now.millis().saturating_sub(i64::try_from(lag).unwrap_or_default()));
        let members = seen(&self.world.truth(), since);
        let group = group_of(place);
        let answer = |account: &ObjectId| {
            if members.contains(&(group, *account)) {
                Inspection::Present
            } else {
                Inspection::Absent
            }
        };
        accounts.iter().map(answer).collect()
    }

    async fn add(&self, place: &Place, members: &[NewMember]) -> Vec<Answer> {
        if let Err(error) = self.sign_in(&place.application).await {
            return vec![Answer::Unknown(error.to_string()); members.len()];
        }
        if let Some(answer) = self.puts_off() {
            return vec![answer; members.len()];
        }
        if self.world.mishap("under_way", SLOW) {
            let (place, added) = (place.clone(), members.to_vec());
            let answer = self.begin(move |world| Self::add_now(world, &place, &added));
            return vec![answer; members.len()];
        }
        Self::add_now(&self.world, place, members);
        vec![Answer::Done; members.len()]
    }

    async fn remove(&self, place: &Place, accounts: &[ObjectId]) -> Vec<Answer> {
        if let Err(error) = self.sign_in(&place.application).await {
            return vec![Answer::Unknown(error.to_string()); accounts.len()];
        }
        if let Some(answer) = self.puts_off() {
            return vec![answer; accounts.len()];
        }
        if self.world.mishap("under_way", SLOW) {
            let (place, removed) = (place.clone(), accounts.to_vec());
            let answer = self.begin(move |world| Self::remove_now(world, &place, &removed));
            return vec![answer; accounts.len()];
        }
        Self::remove_now(&self.world, place, accounts);
        vec![Answer::Done; accounts.len()]
    }

    async fn outcome(&self, place: &Place, handle: &str) -> Answer {
        if let Err(error) = self.sign_in(&place.application).await {
            return Answer::Unknown(error.to_string());
        }
        if self.world.truth().under_way.contains(handle) {
            return self.started(handle.to_owned());
        }
        Answer::Done
    }

    async fn list(&self, place: &Place, _: Option<&str>) -> Result<Members, ConnectorError> {
        self.sign_in(&place.application).await?;
        let group = group_of(place);
        let truth = self.world.truth();
        let members = truth.members.iter().filter(|(of, _)| *of == group);
        Ok(Members {
            members: members
                .map(|(_, account)| Member {
                    account: *account,
                    name: None,
                })
                .collect(),
            next: None,
        })
    }

    async fn preflight(&self, place: &Place, now: Timestamp) -> Result<TargetFacts, ConnectorError> {
        self.sign_in(&place.application).await?;
        Ok(TargetFacts {
            target: place.target.clone(),
            display_name: None,
            problem: None,
            role_assignable: false,
            checked_at: now,
        })
    }

    async fn test(&self, application: &ApplicationId, _: TenantId, _: Cloud) -> Result<(), ConnectorError> {
        self.sign_in(application).await
    }
}

#[async_trait]
impl People for Directory {
    async fn accounts(&self, at: &Tenancy, accounts: &[ObjectId]) -> Result<Told<Vec<Account>>, ConnectorError> {
        self.sign_in(&at.application).await?;
        let known = |account: &ObjectId| company::people().any(|person| company::account(person) == *account);
        let found = accounts.iter().map(|account| {
            if known(account) {
                Account::Enabled
            } else {
                Account::Missing
            }
        });
        Ok(Told::Said(found.collect()))
    }

    async fn members_among(
        &self,
        at: &Tenancy,
        group: ObjectId,
        accounts: &[ObjectId],
    ) -> Result<Told<BTreeSet<ObjectId>>, ConnectorError> {
        self.sign_in(&at.application).await?;
        let approver = company::account(company::APPROVER);
        let belongs = |account: &&ObjectId| group == company::group(company::APPROVERS) && **account == approver;
        Ok(Told::Said(accounts.iter().filter(belongs).copied().collect()))
    }

    async fn context_policies(&self, at: &Tenancy, _: &str) -> Result<Told<Vec<ContextPolicy>>, ConnectorError> {
        self.sign_in(&at.application).await?;
        Ok(Told::Said(vec![ContextPolicy {
            name: "Require MFA for approvals".to_owned(),
            problem: None,
            excluded_users: BTreeSet::new(),
            excluded_groups: BTreeSet::new(),
            excludes_others: false,
        }]))
    }
}
