//! Seeds a fresh system as its users would: through the public API, as an admin, and through `/scim/v2`, as Entra.
//!
//! Each step looks first whether it has been done, so that a start that was killed in the middle is carried on. Once all
//! of them are done, nothing is configured again: what people have changed since stays.

#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value that is asked for a field it does not have is null"
)]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::company::{Company, DOMAIN, NamedGroup};
use crate::entra::{Provisioner, ScimTarget, TokenOrder};
use crate::system::{Options, Ready, ReadyPeople, ReadyScim, World, write_private};

/// How long a seeded entitlement may take to be answered for by provisioning.
const PREFLIGHT_PATIENCE: Duration = Duration::from_secs(20);
/// How long an access token of IAM Identity Center lasts.
const TOKEN_DAYS: i64 = 365;
/// Most entries of one page that is read.
const PAGE: usize = 100;

/// What is remembered between starts.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    /// The SCIM secret: the API tells it once.
    scim_token: String,
    /// The entitlement to begin with, once the whole company is there. Counting what is there would not tell: a start
    /// that was killed may have left groups without members.
    #[serde(default)]
    entitlement: Option<String>,
}

impl Kept {
    fn file(options: &Options) -> PathBuf {
        options.data_dir.join("scim-secret.json")
    }

    fn read(options: &Options) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::file(options)).ok()?).ok()
    }

    fn write(&self, options: &Options) -> anyhow::Result<()> {
        write_private(&Self::file(options), &serde_json::to_vec(self)?)
    }
}

/// A caller of the API.
struct Caller<'a> {
    api: &'a str,
    token: String,
    http: reqwest::Client,
}

impl Caller<'_> {
    async fn call(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.api))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            bail!("{method} {path} was answered {status}: {text}");
        }
        Ok(if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text)?
        })
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
        anyhow::ensure!(
            !tenant.groups()?.is_empty(),
            "the state in {} was begun with --empty and has no company: say --empty again, or name another --data-dir",
            options.data_dir.display()
        );
        let admin = company.admin.user_name.clone();
        (Some(company), admin)
    };
    let scim_url = format!("{api}/scim/v2");
    let kept = if options.unregistered {
        Kept::default()
    } else {
        configured(world, options, company.as_ref(), &admin, api, &scim_url).await?
    };
    let user = |pick: fn(&Company) -> &String| company.as_ref().map(|company| pick(company).clone());
    Ok(Ready {
        api: api.to_owned(),
        console: console.to_owned(),
        scim: ReadyScim {
            url: scim_url,
            token: kept.scim_token,
        },
        oidc: world.entra.options().oidc_url.clone(),
        graph: world.entra.options().graph_url.clone(),
        scheduler: world.scheduler.url().to_owned(),
        identity_center: world.identity_center.endpoint(),
        dynamodb: world.dynamodb.url().to_owned(),
        people: ReadyPeople {
            requester: user(|company| &company.requester.user_name),
            approver: user(|company| &company.approver.user_name),
            admin,
            auditor: user(|company| &company.auditor.user_name),
        },
        entitlement: kept.entitlement.filter(|_| company.is_some()),
    })
}

/// Registers the application, tells Entra its secret, and configures what the company needs.
async fn configured(
    world: &World,
    options: &Options,
    company: Option<&Company>,
    admin: &str,
    api: &str,
    scim_url: &str,
) -> anyhow::Result<Kept> {
    let tenant = world.entra.tenant();
    let token = tenant_token(world, admin)?;
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .no_proxy()
        .build()?;
    let caller = Caller { api, token, http };
    let mut kept = application(&caller, world, options).await?;
    let target = ScimTarget::new(scim_url, SecretString::from(kept.scim_token.clone()), DOMAIN);
    let provisioner = Provisioner::new(tenant.clone(), target)?;
    world.entra.set_provisioner(provisioner.clone());
    if let (Some(company), None) = (company, &kept.entitlement) {
        let report = provisioner.sync_all().await?;
        anyhow::ensure!(report.failed == 0, "provisioning failed: {:?}", report.failures);
        kept.entitlement = Some(configure(&caller, world, company).await?);
        kept.write(options)?;
    }
    durations(&caller, options).await?;
    Ok(kept)
}

fn tenant_token(world: &World, user: &str) -> anyhow::Result<String> {
    world
        .entra
        .user_token(&TokenOrder::of(user))
        .with_context(|| format!("cannot sign {user} in"))
}

/// Registers the application, or makes a further SCIM secret when the first one was lost with a killed start.
async fn application(caller: &Caller<'_>, world: &World, options: &Options) -> anyhow::Result<Kept> {
    let applications = caller.all("/v1/admin/applications").await?;
    let scim_token = match applications.first() {
        Some(application) => match Kept::read(options) {
            Some(kept) => return Ok(kept),
            None => further_secret(caller, application).await?,
        },
        None => {
            let tenant = world.entra.tenant().registrations().tenant_id;
            let body = json!({"id": DOMAIN, "name": "Contoso", "tenant": tenant});
            let registered = caller
                .call(reqwest::Method::POST, "/v1/admin/applications", Some(body))
                .await?;
            registered["scim_token"]["secret"]
                .as_str()
                .context("no SCIM secret")?
                .to_owned()
        }
    };
    let kept = Kept {
        scim_token,
        entitlement: None,
    };
    kept.write(options)?;
    Ok(kept)
}

async fn further_secret(caller: &Caller<'_>, application: &Value) -> anyhow::Result<String> {
    let path = format!("/v1/admin/applications/{DOMAIN}/scim-tokens");
    let tokens = application["scim_tokens"].as_array().cloned().unwrap_or_default();
    if let (true, Some(lost)) = (tokens.len() > 1, tokens.first().and_then(|token| token["id"].as_str())) {
        caller
            .call(reqwest::Method::DELETE, &format!("{path}/{lost}"), None)
            .await?;
    }
    let fresh = caller.call(reqwest::Method::POST, &path, None).await?;
    Ok(fresh["secret"].as_str().context("no SCIM secret")?.to_owned())
}

/// Configures entitlements over the company's groups. Answers the id of the one to begin with.
async fn configure(caller: &Caller<'_>, world: &World, company: &Company) -> anyhow::Result<String> {
    integration(caller, world).await?;
    aws(caller, world).await?;
    let groups = caller.all("/v1/admin/groups").await?;
    let name = company.security_approvers.name;
    let approvers = groups
        .iter()
        .find(|group| group["name"] == name)
        .context("the approvers' group is not there")?;
    change_template(caller, |template| {
        template.insert(
            "default_approvers".to_owned(),
            json!({"users": [], "groups": [approvers["id"]]}),
        );
    })
    .await?;
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
    caller
        .call(reqwest::Method::PUT, "/v1/admin/integrations/azure", Some(body))
        .await?;
    // Step-ups count once somebody has looked at the policy behind them, which the test does.
    probed(caller, &json!({"kind": "test_azure"}), "the connector").await
}

/// Connects the simulated IAM Identity Center. Tokens that a start which was killed has generated are nobody's.
async fn aws(caller: &Caller<'_>, world: &World) -> anyhow::Result<()> {
    world.identity_center.delete_all_tokens()?;
    let token = world.identity_center.generate_token()?;
    let ends = world.clock().now().as_second() + TOKEN_DAYS * 86_400;
    let body = json!({
        "url": world.identity_center.endpoint(),
        "access_token": token.expose_secret(),
        "token_expires_at": jiff::Timestamp::from_second(ends)?.to_string(),
    });
    caller
        .call(reqwest::Method::PUT, "/v1/admin/integrations/aws", Some(body))
        .await?;
    probed(caller, &json!({"kind": "test_aws"}), "the connection to AWS").await
}

/// Adds the short durations that this start allows and earlier ones did not.
async fn durations(caller: &Caller<'_>, options: &Options) -> anyhow::Result<()> {
    if options.short_durations.is_empty() {
        return Ok(());
    }
    change_template(caller, |template| {
        let Some(durations) = template.get_mut("durations").and_then(Value::as_array_mut) else {
            return;
        };
        for short in &options.short_durations {
            let short = Value::from(short.to_string());
            if !durations.contains(&short) {
                durations.push(short);
            }
        }
    })
    .await
}

/// Changes the template, if that changes anything: its version is part of the rules that requests rest on.
async fn change_template(caller: &Caller<'_>, change: impl FnOnce(&mut Map<String, Value>)) -> anyhow::Result<()> {
    let before = caller.get("/v1/admin/template").await?;
    let mut template = before.as_object().cloned().context("no template")?;
    change(&mut template);
    if before.as_object() != Some(&template) {
        template.remove("key");
        caller
            .call(
                reqwest::Method::PUT,
                "/v1/admin/template",
                Some(Value::Object(template)),
            )
            .await?;
    }
    Ok(())
}

/// An entitlement over each group that can be requested, and over some that cannot, to show how they are refused.
async fn entitlements(caller: &Caller<'_>, company: &Company) -> anyhow::Result<()> {
    let existing = caller.all("/v1/admin/entitlements").await?;
    let others = [
        &company.standing,
        &company.dynamic,
        &company.synced,
        &company.mail_enabled,
    ];
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
        caller
            .call(reqwest::Method::POST, "/v1/admin/entitlements", Some(body))
            .await?;
    }
    Ok(())
}

/// Waits until provisioning has looked at the first entitlement's group.
async fn requestable(caller: &Caller<'_>, company: &Company) -> anyhow::Result<String> {
    let name = company.prod_admins.name;
    let entitlements = caller.all("/v1/admin/entitlements").await?;
    let found = entitlements.iter().find(|entitlement| entitlement["name"] == name);
    let id = found
        .and_then(|found| found["id"].as_str())
        .context("the first entitlement is not there")?
        .to_owned();
    probed(caller, &json!({"kind": "preflight", "entitlement": id}), name).await?;
    Ok(id)
}

/// Has provisioning try something, and waits until it has.
async fn probed(caller: &Caller<'_>, question: &Value, what: &str) -> anyhow::Result<()> {
    let probe = caller
        .call(reqwest::Method::POST, "/v1/admin/probes", Some(question.clone()))
        .await?;
    let path = format!("/v1/admin/probes/{}", probe["id"].as_str().unwrap_or_default());
    let answered = tokio::time::timeout(PREFLIGHT_PATIENCE, async {
        loop {
            let probe = caller.get(&path).await?;
            if let Some(ok) = probe["ok"].as_bool() {
                anyhow::ensure!(ok, "{what} does not work: {}", probe["detail"]);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    answered.await.context("provisioning does not answer")?
}
