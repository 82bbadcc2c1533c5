//! What the directory itself says, beside what was provisioned from it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use hourglass_domain::auth_context::ContextPolicy;
use hourglass_domain::ids::{ApplicationId, ObjectId, TenantId};
use hourglass_domain::target::Cloud;

use super::connector::ConnectorError;

/// A tenant, and the application whose credentials reach it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tenancy {
    /// Whose credentials.
    pub application: ApplicationId,
    /// Which tenant.
    pub tenant: TenantId,
    /// In which cloud.
    pub cloud: Cloud,
}

/// An answer, or that the connector may not ask. Each of these permissions is optional; what cannot be asked is decided by
/// what was provisioned, and told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told<T> {
    /// What the directory says.
    Said(T),
    /// The connector may not ask; the text is for operators.
    NotPermitted(String),
}

/// What is known of an account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Account {
    /// It exists and may sign in.
    Enabled,
    /// It exists and may not sign in.
    Disabled,
    /// It does not exist.
    Missing,
}

/// Questions to a directory about people and policies. Read only; a worker asks before it lets somebody in, never before it
/// takes somebody out. No call takes longer than [`hourglass_domain::protocol::CALL_SECONDS`].
#[async_trait]
pub trait Directory: Send + Sync + std::fmt::Debug {
    /// What each of 1 to 100 accounts is, in their order.
    async fn accounts(&self, at: &Tenancy, accounts: &[ObjectId]) -> Result<Told<Vec<Account>>, ConnectorError>;

    /// Which of 1 to 100 accounts are direct members of a group. A group that does not exist has none.
    async fn members_among(
        &self,
        at: &Tenancy,
        group: ObjectId,
        accounts: &[ObjectId],
    ) -> Result<Told<BTreeSet<ObjectId>>, ConnectorError>;

    /// The Conditional Access policies that target an authentication context.
    async fn context_policies(&self, at: &Tenancy, context: &str) -> Result<Told<Vec<ContextPolicy>>, ConnectorError>;
}
