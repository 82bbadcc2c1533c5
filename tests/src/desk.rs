//! Somebody at the console, and signed in: a session's cookie, pages with their forms, and a soft authenticator that
//! answers what the pages' script would be answered.

use anyhow::{Context as _, ensure};
use hourglass_app::sessions::{self, SignedIn};
use hourglass_ceremony::SoftKey;
use hourglass_domain::roles::Roles;
use hourglass_local::company::Person;
use hourglass_web::cookies::Names;
use reqwest::{Method, RequestBuilder, StatusCode, header};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::Answer;
use crate::stage::Stage;

/// Somebody signed in, with an authenticator of their own.
#[derive(Debug)]
pub struct Desk {
    http: reqwest::Client,
    /// Where the gateway listens.
    api: String,
    /// The console's origin, which the browser believes to be on.
    pub origin: String,
    cookie: String,
    /// The language that the browser is set to, if it says.
    language: Option<&'static str>,
    /// The authenticator.
    pub key: SoftKey,
}

/// What a page answered.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The status.
    pub status: StatusCode,
    /// Where it leads, if it does.
    pub location: Option<String>,
    /// The page.
    pub html: String,
}

impl Desk {
    /// Signs somebody in a moment ago, with these app roles, and without the identity provider: what that has to do with it
    /// is shown elsewhere.
    ///
    /// # Errors
    /// When no session begins.
    pub async fn of(stage: &Stage, person: &Person, roles: Roles) -> anyhow::Result<Self> {
        Self::signed_in_at(stage, person, roles, 0).await
    }

    /// As [`Self::of`], some seconds ago.
    ///
    /// # Errors
    /// When no session begins.
    pub async fn signed_in_at(stage: &Stage, person: &Person, roles: Roles, seconds_ago: i64) -> anyhow::Result<Self> {
        let core = &stage.services.core;
        let signed_in = SignedIn {
            tenant: *core.settings.sign_in_tenants.first().context("no tenant")?,
            object_id: person.id.to_string().parse()?,
            roles,
            signed_in_at: core.clock.now().plus_seconds(-seconds_ago),
            acrs_context: true,
            token_id: None,
            browser: "a test".to_owned(),
        };
        let begun = sessions::begin(core, &signed_in, None).await?;
        let origin = stage.ready.console.clone();
        let policy = reqwest::redirect::Policy::none();
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().redirect(policy).build()?,
            api: stage.ready.api.clone(),
            cookie: format!("{}={}", Names::of(&origin).session, begun.secret.expose_secret()),
            origin,
            language: None,
            key: SoftKey::new(),
        })
    }

    /// The same desk with a browser that is set to `language`.
    #[must_use]
    pub fn speaking(self, language: &'static str) -> Self {
        Self {
            language: Some(language),
            ..self
        }
    }

    /// A call as the browser makes it for a page of ours.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let call = self
            .http
            .request(method, format!("{}{path}", self.api))
            .header(header::COOKIE, &self.cookie)
            .header("Sec-Fetch-Site", "same-origin")
            .header(header::ORIGIN, &self.origin);
        match self.language {
            Some(language) => call.header(header::ACCEPT_LANGUAGE, language),
            None => call,
        }
    }

    /// Opens a page.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn open(&self, path: &str) -> anyhow::Result<Shown> {
        let call = self.request(Method::GET, path).header("Sec-Fetch-Mode", "navigate");
        shown(call).await
    }

    /// The token in a page's forms.
    ///
    /// # Errors
    /// When the page has none.
    pub async fn token(&self, page: &str) -> anyhow::Result<String> {
        let shown = self.open(page).await?;
        let (_, after) = shown
            .html
            .split_once("name=\"form_token\" value=\"")
            .with_context(|| format!("no form in {page}: {shown:?}"))?;
        let (token, _) = after.split_once('"').context("no end")?;
        Ok(token.to_owned())
    }

    /// Sends the form of a page.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn form(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Shown> {
        let token = self.token(page).await?;
        let mut fields = fields.to_vec();
        fields.push(("form_token", &token));
        let call = self
            .request(Method::POST, path)
            .header("Sec-Fetch-Mode", "navigate")
            .form(&fields);
        shown(call).await
    }

    /// Calls what a page's script calls.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn call(&self, page: &str, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let token = self.token(page).await?;
        let call = self
            .request(Method::POST, path)
            .header("Sec-Fetch-Mode", "cors")
            .header("X-Form-Token", token)
            .json(body);
        Answer::of(call.send().await?).await
    }

    /// Adds a key of the authenticator, which then waits, and gives its credential id.
    ///
    /// # Errors
    /// When that is refused.
    pub async fn add_key(&mut self, name: &str) -> anyhow::Result<String> {
        let page = "/passkeys";
        let begun = self.call(page, "/passkeys/new", &json!({"name": name})).await?.ok()?;
        let response = self.key.register(&begun["options"], &self.origin);
        let credential = response["id"].as_str().context("no id")?.to_owned();
        let body = json!({"ceremony": begun["ceremony"], "name": name, "response": response});
        self.call(page, "/passkeys/made", &body).await?.ok()?;
        Ok(credential)
    }

    /// Begins a ceremony at `challenge`, signs what it asks for, and ends it at `finish`.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn sign(&mut self, page: &str, challenge: &str, asked: &Value, finish: &str) -> anyhow::Result<Answer> {
        let begun = self.call(page, challenge, asked).await?;
        if begun.status != 200 {
            return Ok(begun);
        }
        let begun = begun.ok()?;
        let response = self.key.assert(&begun["options"], &self.origin);
        let body = json!({"ceremony": begun["ceremony"], "response": response});
        self.call(page, finish, &body).await
    }

    /// Signs a change of keys.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn change_keys(&mut self, asked: &Value) -> anyhow::Result<Answer> {
        self.sign("/passkeys", "/passkeys/challenge", asked, "/passkeys/signed")
            .await
    }

    /// Confirms the key of the very first admin by the code from set-up.
    ///
    /// # Errors
    /// When that is refused.
    pub async fn use_set_up_code(&self, credential: &str, code: &str) -> anyhow::Result<()> {
        let fields = [("credential", credential), ("code", code)];
        let shown = self.form("/passkeys", "/passkeys/set-up", &fields).await?;
        ensure!(shown.status == StatusCode::SEE_OTHER, "{shown:?}");
        Ok(())
    }

    /// Decides on a request with the key.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn decide(&mut self, request: &str, decision: &str) -> anyhow::Result<Answer> {
        let page = format!("/inbox/{request}");
        let asked = json!({"decision": decision});
        self.sign(&page, &format!("{page}/challenge"), &asked, "/inbox/signed")
            .await
    }

    /// Signs a proposed change with the key.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn sign_change(&mut self, id: &str) -> anyhow::Result<Answer> {
        let page = format!("/changes/{id}");
        self.sign(&page, &format!("{page}/challenge"), &json!({}), "/changes/signed")
            .await
    }

    /// Presses a button about a proposed change, `apply` or `withdraw`, wherever it is shown.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn press(&self, id: &str, button: &str) -> anyhow::Result<Shown> {
        self.form("/passkeys", &format!("/admin/changes/{id}/{button}"), &[])
            .await
    }

    /// Activates a request with the key.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn activate(&mut self, request: &str) -> anyhow::Result<Answer> {
        let page = format!("/activate/{request}");
        self.sign(&page, &format!("{page}/challenge"), &json!({}), "/activate/signed")
            .await
    }
}

async fn shown(call: RequestBuilder) -> anyhow::Result<Shown> {
    let response = call.send().await?;
    let location = response.headers().get(header::LOCATION);
    let location = location.and_then(|location| location.to_str().ok()).map(str::to_owned);
    Ok(Shown {
        status: response.status(),
        location,
        html: response.text().await?,
    })
}
