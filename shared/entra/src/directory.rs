//! What Microsoft Graph says about people and policies: the port `Directory`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use hourglass_app::ports::connector::ConnectorError;
use hourglass_app::ports::directory::{Account, Directory, Tenancy, Told};
use hourglass_domain::auth_context::ContextPolicy;
use hourglass_domain::ids::ObjectId;
use serde_json::Value;

use crate::session::{Blind, Outcome, Session};
use crate::token::Whose;
use crate::urls::Ask;
use crate::{EntraConnector, answered, policies};

/// Most pages of policies that one look takes.
const MOST_PAGES: usize = 20;
/// What an answer is that cannot be read.
const ODD: &str = "Microsoft Graph gave an answer that cannot be read";

impl EntraConnector {
    fn in_tenant(&self, at: &Tenancy) -> Session<'_> {
        Session::new(
            self,
            Whose {
                application: at.application.clone(),
                tenant: at.tenant,
                cloud: at.cloud,
            },
        )
    }
}

/// A 403 means that nobody consented to the permission for the connector, which is up to the customer.
fn permitted<T>(
    outcome: Outcome,
    needed: &str,
    read: impl FnOnce(&Value) -> Result<T, ConnectorError>,
) -> Result<Told<T>, ConnectorError> {
    match outcome {
        Outcome::Reply(reply) if reply.status == 403 => Ok(Told::NotPermitted(format!(
            "{} (the connector's app registration lacks the application permission {needed})",
            reply.in_words()
        ))),
        other => read(&answered(other)?.body).map(Told::Said),
    }
}

/// `Ok(None)`: whether it may sign in is not told, as to applications that may read no more than names.
fn account(outcome: Outcome) -> Result<Told<Option<Account>>, ConnectorError> {
    if matches!(&outcome, Outcome::Reply(reply) if reply.status == 404) {
        return Ok(Told::Said(Some(Account::Missing)));
    }
    permitted(outcome, "User.Read.All", |body| match body.get("accountEnabled") {
        Some(Value::Bool(true)) => Ok(Some(Account::Enabled)),
        Some(Value::Bool(false)) => Ok(Some(Account::Disabled)),
        None | Some(Value::Null) => Ok(None),
        Some(_) => Err(ConnectorError::Unavailable(ODD.to_owned())),
    })
}

#[async_trait]
impl Directory for EntraConnector {
    /// **Permission** (application): `User.Read.All`; `User.ReadBasic.All` does not tell whether an account is enabled.
    async fn accounts(&self, at: &Tenancy, accounts: &[ObjectId]) -> Result<Told<Vec<Account>>, ConnectorError> {
        let session = self.in_tenant(at);
        let asks: Vec<Ask> = accounts.iter().map(|account| Ask::user_enabled(*account)).collect();
        let mut found = Vec::with_capacity(accounts.len());
        for outcome in session.ask_all(&asks).await {
            match account(outcome)? {
                Told::Said(Some(account)) => found.push(account),
                Told::Said(None) => {
                    let why = "Microsoft Graph does not tell whether accounts are enabled (the connector's app registration \
                               lacks the application permission User.Read.All)";
                    return Ok(Told::NotPermitted(why.to_owned()));
                }
                Told::NotPermitted(why) => return Ok(Told::NotPermitted(why)),
            }
        }
        Ok(Told::Said(found))
    }

    /// From the plain list of direct members, as everything that decides about a membership. **Permission**
    /// (application): `GroupMember.Read.All`, which the connector's own permission includes.
    async fn members_among(
        &self,
        at: &Tenancy,
        group: ObjectId,
        accounts: &[ObjectId],
    ) -> Result<Told<BTreeSet<ObjectId>>, ConnectorError> {
        let wanted: BTreeSet<ObjectId> = accounts.iter().copied().collect();
        match self.in_tenant(at).present(group, &wanted).await {
            Ok(present) => Ok(Told::Said(present)),
            Err(Blind::GroupGone) => Ok(Told::Said(BTreeSet::new())),
            Err(Blind::Forbidden(why)) => Ok(Told::NotPermitted(why)),
            Err(Blind::Unknown(why)) => Err(ConnectorError::Unavailable(why)),
        }
    }

    /// **Permission** (application): `Policy.Read.All`.
    async fn context_policies(&self, at: &Tenancy, context: &str) -> Result<Told<Vec<ContextPolicy>>, ConnectorError> {
        let session = self.in_tenant(at);
        let mut found = Vec::new();
        let mut ask = Ask::access_policies();
        for _ in 0..MOST_PAGES {
            let page = permitted(session.ask(ask).await, "Policy.Read.All", |body| Ok(body.clone()))?;
            let page = match page {
                Told::Said(page) => page,
                Told::NotPermitted(why) => return Ok(Told::NotPermitted(why)),
            };
            let policies = policies::read(&page, context).ok_or_else(|| ConnectorError::Unavailable(ODD.to_owned()))?;
            found.extend(policies);
            let Some(next) = page.get("@odata.nextLink").filter(|next| !next.is_null()) else {
                return Ok(Told::Said(found));
            };
            ask = next
                .as_str()
                .and_then(|next| Ask::next_access_policies(&session.root, next).ok())
                .ok_or_else(|| ConnectorError::Unavailable(ODD.to_owned()))?;
        }
        Err(ConnectorError::Unavailable(
            "there are too many Conditional Access policies to read".to_owned(),
        ))
    }
}
