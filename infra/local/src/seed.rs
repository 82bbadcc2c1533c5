//! Seeds a fresh system as its users would: through the public API, as an admin, and through `/scim/v2`, as Entra.
//!
//! Each step looks first whether it has been done, so that a start that was killed in the middle is carried on.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::company::{Company, DOMAIN, NamedGroup};
use crate::entra::{Provisioner, ScimTarget, TokenOrder};
use crate::system::{Options, Ready, ReadyPeople, ReadyScim, World, write_private};

/// How long a seeded entitlement may take to be answered for by provisioning.
const PREFLIGHT_PATIENCE: Duration = Duration::from_secs(20);
/// Most entries of one page that is read.
const PAGE: usize = 100;

/// What can only be known once: the SCIM secret.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    scim_token: String,
}

/// A caller of the API.
struct Caller<'a> {
    api: &'a str,
    token: String,
    http: reqwest::Client,
}

impl Caller<'_> {
    async fn call(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.api)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            bail!("{method} {path} was answered {status}: {text}");
        }
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(reqwest::Method::GET, path, None).await
    }

    /// All entries of a list.
    async fn all(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = self.get(&format!("{path}?limit={PAGE}{after}")).await?;
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(items);
            }
        }
    }
}

/// Brings a fresh system to where it can be used, and says where everything is.
///
/// # Errors
/// When a call is refused: a fault of ours.
pub(crate) async fn seed(world: &World, options: &Options, api: &str, console: &str) -> anyhow::Result<Ready> {
    let tenant = world.entra.tenant();
    let (company, admin) = if options.empty {
        (None, crate::company::Company::seed_admin_only(tenant)?.user_name)
    } else {
        let company = Company::seed(tenant)?;
        let admin = company.admin.user_name.clone();
        (Some(company), admin)
    };
    let token = tenant_token(world, &admin)?;
    let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).no_proxy().build()?;
    let caller = Caller { api, token, http };
    let scim_token = application(&caller, world, options).await?;
    let scim_url = format!("{api}/scim/v2");
    let target = ScimTarget::new(&scim_url, SecretString::from(scim_token.clone()), DOMAIN);
    let provisioner = Provisioner::new(tenant.clone(), target)?;
    world.entra.set_provisioner(provisioner.clone());
    let mut entitlement = None;
    if let Some(company) = &company {
        entitlement = Some(configure(&caller, world, options, company, &provisioner).await?);
    }
    let user = |pick: fn(&Company) -> &String| company.as_ref().map(|company| pick(company).clone());
    Ok(Ready {
        api: api.to_owned(),
        console: console.to_owned(),
        scim: ReadyScim { url: scim_url, token: scim_token },
        oidc: world.entra.options().oidc_url.clone(),
        graph: world.entra.options().graph_url.clone(),
        scheduler: world.scheduler.url().to_owned(),
        dynamodb: world.dynamodb.url().to_owned(),
        people: ReadyPeople {
            requester: user(|company| &company.requester.user_name),
            approver: user(|company| &company.approver.user_name),
            admin,
            auditor: user(|company| &company.auditor.user_name),
        },
        entitlement,
    })
}

fn tenant_token(world: &World, user: &str) -> anyhow::Result<String> {
    world.entra.user_token(&TokenOrder::of(user)).with_context(|| format!("cannot sign {user} in"))
}

/// Registers the application, or makes a further SCIM secret when the first one was lost with a killed start.
async fn application(caller: &Caller<'_>, world: &World, options: &Options) -> anyhow::Result<String> {
    let file = options.data_dir.join("scim-secret.json");
    let applications = caller.all("/v1/admin/applications").await?;
    let secret = match applications.first() {
        Some(application) => match kept(&file) {
            Some(kept) => return Ok(kept.scim_token),
            None => further_secret(caller, application).await?,
        },
        None => {
            let tenant = world.entra.tenant().registrations().tenant_id;
            let body = json!({"id": DOMAIN, "name": "Contoso", "tenant": tenant});
            let registered = caller.call(reqwest::Method::POST, "/v1/admin/applications", Some(body)).await?;
            registered["scim_token"]["secret"].as_str().context("no SCIM secret")?.to_owned()
        }
    };
    write_private(&file, &serde_json::to_vec(&Kept { scim_token: secret.clone() })?)?;
    Ok(secret)
}

fn kept(file: &Path) -> Option<Kept> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

async fn further_secret(caller: &Caller<'_>, application: &Value) -> anyhow::Result<String> {
    let path = format!("/v1/admin/applications/{DOMAIN}/scim-tokens");
    let tokens = application["scim_tokens"].as_array().cloned().unwrap_or_default();
    if let (true, Some(lost)) = (tokens.len() > 1, tokens.first().and_then(|token| token["id"].as_str())) {
        caller.call(reqwest::Method::DELETE, &format!("{path}/{lost}"), None).await?;
    }
    let fresh = caller.call(reqwest::Method::POST, &path, None).await?;
    Ok(fresh["secret"].as_str().context("no SCIM secret")?.to_owned())
}

/// Provisions the company and configures entitlements over its groups. Answers the id of the one to begin with.
async fn configure(
    caller: &Caller<'_>,
    world: &World,
    options: &Options,
    company: &Company,
    provisioner: &Provisioner,
) -> anyhow::Result<String> {
    let users = caller.all("/v1/admin/users").await?;
    if users.len() < company.people().len() {
        let report = provisioner.sync_all().await?;
        anyhow::ensure!(report.failed == 0, "provisioning failed: {:?}", report.failures);
    }
    integration(caller, world).await?;
    let groups = caller.all("/v1/admin/groups").await?;
    let ids: BTreeMap<String, String> = groups
        .iter()
        .filter_map(|group| Some((group["name"].as_str()?.to_owned(), group["id"].as_str()?.to_owned())))
        .collect();
    let approvers = ids.get(company.security_approvers.name).context("the approvers' group is not there")?;
    template(caller, options, approvers).await?;
    entitlements(caller, company).await?;
    requestable(caller, company).await
}

async fn integration(caller: &Caller<'_>, world: &World) -> anyhow::Result<()> {
    let connector = world.entra.tenant().connector()?;
    let body = json!({
        "tenant_id": world.entra.tenant().id(),
        "client_id": connector.client_id,
        "client_secret": connector.client_secret.expose_secret(),
    });
    caller.call(reqwest::Method::PUT, "/v1/admin/integrations/azure", Some(body)).await?;
    Ok(())
}

/// Default approvers and durations. A short duration that is asked for later is added then.
async fn template(caller: &Caller<'_>, options: &Options, approvers: &str) -> anyhow::Result<()> {
    let mut template = caller.get("/v1/admin/template").await?;
    let before = template.clone();
    let durations = template["durations"].as_array_mut().context("no durations")?;
    for short in &options.short_durations {
        let short = Value::from(short.to_string());
        if !durations.contains(&short) {
            durations.push(short);
        }
    }
    template["default_approvers"] = json!({"users": [], "groups": [approvers]});
    if let Some(fields) = template.as_object_mut() {
        fields.remove("key");
    }
    if template["durations"] != before["durations"] || template["default_approvers"] != before["default_approvers"] {
        caller.call(reqwest::Method::PUT, "/v1/admin/template", Some(template)).await?;
    }
    Ok(())
}

/// An entitlement over each group that can be requested, and over some that cannot, to show how they are refused.
async fn entitlements(caller: &Caller<'_>, company: &Company) -> anyhow::Result<()> {
    let existing = caller.all("/v1/admin/entitlements").await?;
    let others = [&company.standing, &company.dynamic, &company.synced, &company.mail_enabled];
    let wanted: Vec<&NamedGroup> = company.requestable.iter().chain(others).collect();
    for group in wanted {
        if existing.iter().any(|entitlement| entitlement["name"] == group.name) {
            continue;
        }
        let body = json!({
            "name": group.name,
            "description": format!("Membership of the group {}", group.name),
            "targets": [format!("entra:{}", group.id)],
            "eligible": "everyone",
        });
        caller.call(reqwest::Method::POST, "/v1/admin/entitlements", Some(body)).await?;
    }
    Ok(())
}

/// Waits until provisioning has looked at the first entitlement's group.
async fn requestable(caller: &Caller<'_>, company: &Company) -> anyhow::Result<String> {
    let name = company.prod_admins.name;
    let entitlements = caller.all("/v1/admin/entitlements").await?;
    let found = entitlements.iter().find(|entitlement| entitlement["name"] == name);
    let id = found.and_then(|found| found["id"].as_str()).context("the first entitlement is not there")?.to_owned();
    let probe = caller
        .call(reqwest::Method::POST, "/v1/admin/probes", Some(json!({"kind": "preflight", "entitlement": id})))
        .await?;
    let path = format!("/v1/admin/probes/{}", probe["id"].as_str().unwrap_or_default());
    let answered = tokio::time::timeout(PREFLIGHT_PATIENCE, async {
        loop {
            let probe = caller.get(&path).await?;
            if let Some(ok) = probe["ok"].as_bool() {
                anyhow::ensure!(ok, "{name} cannot be managed: {}", probe["detail"]);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    answered.await.context("provisioning does not answer")??;
    Ok(id)
}
