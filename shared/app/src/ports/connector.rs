//! Targets: adding, removing and looking at members.

use async_trait::async_trait;
use hourglass_domain::Timestamp;
use hourglass_domain::ids::{ApplicationId, ObjectId, TenantId};
use hourglass_domain::protocol::membership::{Answer, Inspection};
use hourglass_domain::target::{Cloud, Target, TargetFacts};

/// A target, and the application whose credentials reach it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// Whose credentials.
    pub application: ApplicationId,
    /// Which target.
    pub target: Target,
}

/// An account to add, and until when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewMember {
    /// The account.
    pub account: ObjectId,
    /// Until when, for targets that can end a membership themselves.
    pub until: Timestamp,
}

/// One member of a target, from a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The account.
    pub account: ObjectId,
    /// Its name, for people.
    pub name: Option<String>,
}

/// Part of a target's members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Members {
    /// The members.
    pub members: Vec<Member>,
    /// Where the next part begins.
    pub next: Option<String>,
}

/// A question that a target did not answer; the text is for operators and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// It did not answer in time, or asked to wait, beyond the bounded retries.
    #[error("{0}")]
    Unavailable(String),
    /// It refuses, and will go on refusing as things are.
    #[error("{0}")]
    Refused(String),
}

/// The adapter that adds, removes and inspects members of one kind of target.
///
/// Adding a member that is there and removing one that is not are successes. No call takes longer than
/// [`hourglass_domain::protocol::CALL_SECONDS`]. Answers come in the order of the accounts, one for each. Only
/// `converge` calls [`Self::add`] and [`Self::remove`].
#[async_trait]
pub trait Connector: Send + Sync + std::fmt::Debug {
    /// Whether each of 1 to 100 accounts is a direct member. Never answers from a transitive check.
    async fn inspect(&self, place: &Place, accounts: &[ObjectId]) -> Vec<Inspection>;

    /// Adds 1 to 100 accounts.
    async fn add(&self, place: &Place, members: &[NewMember]) -> Vec<Answer>;

    /// Removes 1 to 100 accounts.
    async fn remove(&self, place: &Place, accounts: &[ObjectId]) -> Vec<Answer>;

    /// How something went that [`Self::add`] or [`Self::remove`] answered with [`Answer::Started`]: `Done` or `Refused`
    /// when it is over, `Started` while it is not. `Refused` also where nothing of that name can be under way.
    async fn outcome(&self, place: &Place, handle: &str) -> Answer;

    /// Lists direct members, from `next` of the part before.
    async fn list(&self, place: &Place, next: Option<&str>) -> Result<Members, ConnectorError>;

    /// Asks the directory what kind of group the target is.
    async fn preflight(&self, place: &Place, now: Timestamp) -> Result<TargetFacts, ConnectorError>;

    /// Whether the application's credentials work at all, as they are stored now.
    async fn test(&self, application: &ApplicationId, tenant: TenantId, cloud: Cloud) -> Result<(), ConnectorError>;
}
