//! An issuer on loopback with real RSA keys, and tokens of every shape.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hourglass_app::ports::Clock;
use hourglass_domain::Timestamp;
use hourglass_domain::roles::{Scope, Scopes};
use hourglass_domain::target::Cloud;
use serde_json::{Value, json};

use crate::{EntraTokens, TokenSettings};

pub(super) const TENANT: &str = "99999999-2222-3333-4444-555555555555";
pub(super) const SECOND_TENANT: &str = "88888888-2222-3333-4444-555555555555";
pub(super) const FOREIGN_TENANT: &str = "77777777-2222-3333-4444-555555555555";
pub(super) const API: &str = "aaaaaaaa-2222-3333-4444-555555555555";
pub(super) const FORM: &str = "bbbbbbbb-2222-3333-4444-555555555555";
pub(super) const CONSOLE: &str = "cccccccc-2222-3333-4444-555555555555";
pub(super) const DANA: &str = "dddddddd-2222-3333-4444-555555555555";

pub(super) fn start_of_time() -> Timestamp {
    "2026-11-21T22:50:00Z".parse().unwrap()
}

#[derive(Debug)]
pub(super) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(super) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A private key.
pub(super) struct Signer {
    pub(super) kid: &'static str,
    pair: KeyPair,
}

/// Making keys takes a moment, so all tests share these.
pub(super) static KEYS: LazyLock<[Signer; 3]> = LazyLock::new(|| {
    ["first-key", "second-key", "attackers-key"].map(|kid| Signer {
        kid,
        pair: KeyPair::generate(KeySize::Rsa2048).unwrap(),
    })
});

pub(super) fn first() -> &'static Signer {
    &KEYS[0]
}

pub(super) fn second() -> &'static Signer {
    &KEYS[1]
}

pub(super) fn attacker() -> &'static Signer {
    &KEYS[2]
}

pub(super) fn part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

impl Signer {
    /// DER, as RFC 8017 appendix A.1.1 has it.
    pub(super) fn public_der(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The public key as a JSON web key.
    pub(super) fn jwk(&self) -> Value {
        let (modulus, exponent) = numbers(self.public_der());
        json!({
            "kty": "RSA", "use": "sig", "kid": self.kid, "x5t": self.kid,
            "n": URL_SAFE_NO_PAD.encode(modulus), "e": URL_SAFE_NO_PAD.encode(exponent),
        })
    }

    pub(super) fn rs256(&self, message: &str) -> String {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature)
            .unwrap();
        URL_SAFE_NO_PAD.encode(signature)
    }

    pub(super) fn header(&self) -> Value {
        json!({ "typ": "JWT", "alg": "RS256", "kid": self.kid })
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    pub(super) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", part(header), part(claims));
        format!("{message}.{}", self.rs256(&message))
    }
}

/// An HMAC over the message, with whatever an attacker may take for the secret.
pub(super) fn hs256(message: &str, secret: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()))
}

/// Modulus and exponent of a DER `RSAPublicKey` whose parts all have lengths of two bytes or fewer.
fn numbers(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    fn element(der: &[u8]) -> (&[u8], &[u8]) {
        let (length, rest) = match der[1] {
            0x82 => (usize::from(der[2]) * 256 + usize::from(der[3]), &der[4..]),
            0x81 => (usize::from(der[2]), &der[3..]),
            short => (usize::from(short), &der[2..]),
        };
        rest.split_at(length)
    }
    let (sequence, _) = element(der);
    let (modulus, rest) = element(sequence);
    let (exponent, _) = element(rest);
    let number = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    (number(modulus), number(exponent))
}

/// What the issuer says.
pub(super) struct Says {
    pub(super) keys: Vec<Value>,
    /// Instead of everything, this status.
    pub(super) status: Option<u16>,
    /// Where it says that everything has moved to, with such a status.
    pub(super) moved_to: String,
    /// Discovery fields that differ.
    pub(super) discovery: BTreeMap<&'static str, Value>,
    /// Instead of the keys, this.
    pub(super) body: Option<String>,
    pub(super) delay: Duration,
    pub(super) asked: Vec<String>,
}

pub(super) struct Issuer {
    pub(super) url: String,
    pub(super) clock: Arc<ManualClock>,
    pub(super) tokens: EntraTokens,
    says: Arc<Mutex<Says>>,
}

pub(super) fn settings(url: &str) -> TokenSettings {
    TokenSettings {
        tenants: vec![TENANT.parse().unwrap(), SECOND_TENANT.parse().unwrap()],
        audience: API.to_owned(),
        clients: BTreeMap::from([
            (FORM.to_owned(), Scopes::from([Scope::RequestsReadWrite])),
            (
                CONSOLE.to_owned(),
                Scopes::from([Scope::RequestsReadWrite, Scope::DecisionsWrite, Scope::AdminReadWrite]),
            ),
        ]),
        auth_context: "c1".to_owned(),
        cloud: Cloud::Global,
        login_endpoint: Some(url.to_owned()),
    }
}

impl Issuer {
    pub(super) async fn start() -> Self {
        let says = Arc::new(Mutex::new(Says {
            keys: vec![first().jwk()],
            status: None,
            moved_to: String::new(),
            discovery: BTreeMap::new(),
            body: None,
            delay: Duration::ZERO,
            asked: Vec::new(),
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .fallback(serve)
            .with_state((url.clone(), Arc::clone(&says)));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let clock = Arc::new(ManualClock(AtomicI64::new(start_of_time().millis())));
        let tokens = EntraTokens::new(&settings(&url), clock.clone()).unwrap();
        Self {
            url,
            clock,
            tokens,
            says,
        }
    }

    pub(super) fn says(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().unwrap());
    }

    /// How often keys were fetched.
    pub(super) fn key_fetches(&self) -> usize {
        let says = self.says.lock().unwrap();
        says.asked.iter().filter(|path| path.contains("/discovery/")).count()
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.says.lock().unwrap().asked.clone()
    }

    /// The claims of an ordinary token of a person who has just signed in with a second factor.
    pub(super) fn claims(&self, version: u8) -> Value {
        let now = self.clock.now().seconds();
        let mut claims = json!({
            "aud": API, "iat": now, "nbf": now, "exp": now + 4_500, "tid": TENANT, "oid": DANA, "sub": "pairwise",
            "name": "Dana Reyes", "scp": "Requests.ReadWrite Decisions.Write", "roles": ["Requester", "Approver"],
            "auth_time": now - 30, "uti": "AbCdEfGhIjKlMnOpQrStUv", "aio": "x", "rh": "x",
        });
        let (own, issuer) = match version {
            1 => (
                json!({ "ver": "1.0", "appid": CONSOLE, "appidacr": "0", "amr": ["pwd", "mfa"], "acr": "1" }),
                format!("{}/{TENANT}/", self.url),
            ),
            _ => (
                json!({ "ver": "2.0", "azp": CONSOLE, "azpacr": "0", "acrs": ["c1"] }),
                format!("{}/{TENANT}/v2.0", self.url),
            ),
        };
        claims["iss"] = json!(issuer);
        merge(&mut claims, &own);
        claims
    }

    /// The same with changes; null takes a claim away.
    pub(super) fn claims_with(&self, version: u8, changes: &Value) -> Value {
        let mut claims = self.claims(version);
        merge(&mut claims, changes);
        claims
    }
}

fn merge(claims: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
}

async fn serve(State((url, says)): State<(String, Arc<Mutex<Says>>)>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let delay = says.lock().unwrap().delay;
    tokio::time::sleep(delay).await;
    let mut says = says.lock().unwrap();
    says.asked.push(path.clone());
    if let Some(status) = says.status {
        let headers = [("location", format!("{}{path}", says.moved_to))];
        return (axum::http::StatusCode::from_u16(status).unwrap(), headers).into_response();
    }
    let tenant = path.split('/').nth(1).unwrap();
    if path.contains("/discovery/") {
        return match &says.body {
            Some(body) => body.clone().into_response(),
            None => json!({ "keys": says.keys }).to_string().into_response(),
        };
    }
    let (issuer, keys) = if path.contains("/v2.0/") {
        (
            format!("{url}/{tenant}/v2.0"),
            format!("{url}/{tenant}/discovery/v2.0/keys"),
        )
    } else {
        (format!("{url}/{tenant}/"), format!("{url}/{tenant}/discovery/keys"))
    };
    let mut discovery = json!({ "issuer": issuer, "jwks_uri": keys, "token_endpoint": "x" });
    for (name, value) in &says.discovery {
        discovery[*name] = value.clone();
    }
    discovery.to_string().into_response()
}
