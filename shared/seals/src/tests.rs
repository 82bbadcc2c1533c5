//! The keyed hash, and its keys through the real SDK against a stand-in for the secret store that has versions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hourglass_app::ports::Clock;
use hourglass_app::ports::seals::Seals;
use hourglass_domain::Timestamp;
use hourglass_domain::seal::{Mac, Seal, SealKey};
use serde_json::{Value, json};

use crate::reader::{ABSENT_SECONDS, CURRENT_SECONDS, KEY_SECONDS, SPACING_SECONDS, STALE_SECONDS};
use crate::{Key, SecretsManagerSeals};

const DECISIONS: &str = "hourglass/seal/decisions";
const POLICY: &str = "hourglass/seal/policy";
/// A key that must turn up nowhere.
const CANARY: &str = "canary-8Q-this-is-the-key-of-seals-0123";

/// An id of a version.
fn id(n: u32) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

#[derive(Debug, Default)]
struct Store {
    /// Values by secret and version.
    versions: BTreeMap<(String, String), String>,
    current: BTreeMap<String, String>,
    /// What it answers to everything, if it is in trouble.
    trouble: Option<(u16, &'static str)>,
    asked: Vec<Value>,
}

#[derive(Clone, Debug, Default)]
struct StandIn(Arc<Mutex<Store>>);

impl StandIn {
    fn rotate(&self, secret: &str, version: u32, value: &str) {
        let mut store = self.0.lock().unwrap();
        store
            .versions
            .insert((secret.to_owned(), id(version)), value.to_owned());
        store.current.insert(secret.to_owned(), id(version));
    }

    fn drop_version(&self, secret: &str, version: u32) {
        self.0
            .lock()
            .unwrap()
            .versions
            .remove(&(secret.to_owned(), id(version)));
    }

    fn trouble(&self, trouble: Option<(u16, &'static str)>) {
        self.0.lock().unwrap().trouble = trouble;
    }

    fn asked(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    fn calls(&self) -> usize {
        self.asked().len()
    }
}

async fn answer(State(stand_in): State<StandIn>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let mut store = stand_in.0.lock().unwrap();
    store.asked.push(body.clone());
    let error = |status: u16, code: &str| {
        let text = json!({"__type": code, "message": format!("cannot take {CANARY}")});
        (StatusCode::from_u16(status).unwrap(), axum::Json(text)).into_response()
    };
    if let Some((status, code)) = store.trouble {
        return error(status, code);
    }
    let secret = body["SecretId"].as_str().unwrap().to_owned();
    let version = body["VersionId"].as_str().map(str::to_owned);
    let Some(version) = version.or_else(|| store.current.get(&secret).cloned()) else {
        return error(400, "ResourceNotFoundException");
    };
    match store.versions.get(&(secret.clone(), version.clone())) {
        Some(value) => axum::Json(json!({"Name": secret, "VersionId": version, "SecretString": value})).into_response(),
        None => error(400, "ResourceNotFoundException"),
    }
}

#[derive(Debug)]
struct ManualClock(AtomicI64);

impl ManualClock {
    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.load(Ordering::SeqCst))
    }
}

async fn world() -> (StandIn, Arc<ManualClock>, SecretsManagerSeals) {
    let stand_in = StandIn::default();
    stand_in.rotate(DECISIONS, 1, CANARY);
    stand_in.rotate(POLICY, 2, "another-key-of-seals-that-is-long-enough");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(answer).with_state(stand_in.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("id", "key", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(format!("http://{address}"))
        .build();
    let clock = Arc::new(ManualClock(AtomicI64::new(1_800_000_000)));
    let seals = SecretsManagerSeals::new(&Client::from_conf(config), "hourglass/", clock.clone());
    (stand_in, clock, seals)
}

/// Against another implementation.
#[test]
fn it_is_the_hmac_that_others_compute() {
    let short = Key::new("k", &"Jefe".into());
    assert!(short.is_err());
    let long = "a".repeat(4_097);
    assert!(Key::new("k", &long.into()).is_err());
    // `printf 'what do ya want' | openssl dgst -sha256 -hmac 0123456789abcdefghijklmnopqrstuv`
    let key = Key::new("k", &"0123456789abcdefghijklmnopqrstuv".into()).unwrap();
    let seal = key.seal(b"what do ya want");
    let expected = "81cfa6a31e5f74f5a5e035720b8740d80abc671a3c8514a55df488765ed4ceae";
    assert_eq!(serde_json::to_value(seal.mac).unwrap(), json!(expected));
}

#[test]
fn each_bit_of_a_seal_and_of_what_is_sealed_counts() {
    let key = Key::new("k", &CANARY.into()).unwrap();
    let seal = key.seal(b"sealed");
    assert!(key.verifies(b"sealed", &seal));
    for (byte, bit) in (0..32).flat_map(|byte| (0..8).map(move |bit| (byte, bit))) {
        let mut mac = *seal.mac.as_bytes();
        mac[byte] ^= 1 << bit;
        let other = Seal {
            mac: Mac::new(mac),
            ..seal.clone()
        };
        assert!(!key.verifies(b"sealed", &other));
    }
    assert!(!key.verifies(b"sealeD", &seal));
    assert!(!key.verifies(b"sealed ", &seal));
    let renamed = Key::new("l", &CANARY.into()).unwrap();
    assert!(!renamed.verifies(b"sealed", &seal), "a key of another id");
}

#[tokio::test]
async fn what_one_key_seals_another_does_not_verify() {
    let (stand_in, _, seals) = world().await;
    let seal = seals.seal(SealKey::Decisions, b"yes").await.unwrap();
    assert_eq!(seal.key_id, id(1));
    assert_eq!(seals.verify(SealKey::Decisions, b"yes", &seal).await, Ok(true));
    assert_eq!(seals.verify(SealKey::Decisions, b"no", &seal).await, Ok(false));
    assert_eq!(
        stand_in.asked(),
        [json!({"SecretId": DECISIONS})],
        "one call for all of it"
    );
    // The other key has no version of that id, and does not verify under its own.
    assert_eq!(seals.verify(SealKey::Policy, b"yes", &seal).await, Ok(false));
    let named = Seal {
        key_id: id(2),
        ..seal.clone()
    };
    assert_eq!(seals.verify(SealKey::Policy, b"yes", &named).await, Ok(false));
    let own = seals.seal(SealKey::Policy, b"yes").await.unwrap();
    assert_eq!(seals.verify(SealKey::Policy, b"yes", &own).await, Ok(true));
}

#[tokio::test]
async fn after_a_rotation_the_new_version_seals_and_the_old_one_verifies() {
    let (stand_in, clock, seals) = world().await;
    let old = seals.seal(SealKey::Decisions, b"yes").await.unwrap();
    stand_in.rotate(DECISIONS, 3, "the-key-after-the-rotation-is-another-one");
    clock.advance(CURRENT_SECONDS - 1);
    assert_eq!(seals.seal(SealKey::Decisions, b"yes").await.unwrap(), old, "cached");
    clock.advance(1);
    let new = seals.seal(SealKey::Decisions, b"yes").await.unwrap();
    assert_eq!(new.key_id, id(3));
    assert_ne!(new.mac, old.mac);
    for seal in [&old, &new] {
        assert_eq!(seals.verify(SealKey::Decisions, b"yes", seal).await, Ok(true));
    }
    // One whose version is gone, because it leaked say, does not verify any more.
    stand_in.drop_version(DECISIONS, 1);
    clock.advance(KEY_SECONDS);
    assert_eq!(seals.verify(SealKey::Decisions, b"yes", &old).await, Ok(false));
    assert_eq!(seals.verify(SealKey::Decisions, b"yes", &new).await, Ok(true));
}

#[tokio::test]
async fn a_key_that_does_not_exist_verifies_nothing_and_is_not_asked_for_again_and_again() {
    let (stand_in, clock, seals) = world().await;
    let seal = Seal {
        key_id: id(9),
        mac: Mac::new([7; 32]),
    };
    for _ in 0..5 {
        assert_eq!(seals.verify(SealKey::Decisions, b"yes", &seal).await, Ok(false));
    }
    // The version, and once that there is such a secret at all.
    assert_eq!(stand_in.calls(), 2);
    clock.advance(ABSENT_SECONDS);
    assert_eq!(seals.verify(SealKey::Decisions, b"yes", &seal).await, Ok(false));
    assert_eq!(stand_in.calls(), 2);
    for odd in [
        "",
        "1",
        "AWSCURRENT",
        &"x".repeat(65),
        "../0000000000000000000000000000000",
    ] {
        let seal = Seal {
            key_id: odd.to_owned(),
            ..seal.clone()
        };
        assert_eq!(seals.verify(SealKey::Decisions, b"yes", &seal).await, Ok(false));
    }
    assert_eq!(stand_in.calls(), 0);
}

#[tokio::test]
async fn while_the_store_does_not_answer_what_was_read_goes_on() {
    let (stand_in, clock, seals) = world().await;
    let seal = seals.seal(SealKey::Decisions, b"yes").await.unwrap();
    stand_in.asked();
    stand_in.trouble(Some((500, "InternalServiceError")));
    clock.advance(KEY_SECONDS);
    assert_eq!(seals.seal(SealKey::Decisions, b"yes").await.unwrap(), seal);
    assert_eq!(seals.verify(SealKey::Decisions, b"yes", &seal).await, Ok(true));
    assert_eq!(stand_in.calls(), 1, "a failure is not repeated at once");
    clock.advance(SPACING_SECONDS);
    assert_eq!(seals.verify(SealKey::Decisions, b"yes", &seal).await, Ok(true));
    assert_eq!(stand_in.calls(), 1);
    // A key that was never read is not known, which is not the same as a seal that does not hold.
    let unknown = Seal {
        key_id: id(9),
        ..seal.clone()
    };
    assert!(seals.verify(SealKey::Decisions, b"yes", &unknown).await.is_err());
    clock.advance(STALE_SECONDS);
    for bytes in [b"yes".as_slice(), b"no"] {
        assert!(seals.seal(SealKey::Decisions, bytes).await.is_err());
        assert!(seals.verify(SealKey::Decisions, bytes, &seal).await.is_err());
    }
    stand_in.trouble(None);
    clock.advance(SPACING_SECONDS);
    assert_eq!(seals.verify(SealKey::Decisions, b"yes", &seal).await, Ok(true));
}

#[tokio::test]
async fn what_may_not_be_read_seals_nothing_and_shows_nothing() {
    let (stand_in, clock, seals) = world().await;
    let seal = seals.seal(SealKey::Decisions, b"yes").await.unwrap();
    stand_in.trouble(Some((400, "AccessDeniedException")));
    clock.advance(KEY_SECONDS);
    let error = seals.seal(SealKey::Decisions, b"yes").await.unwrap_err().to_string();
    assert!(
        error.contains("AccessDeniedException") && !error.contains("canary"),
        "{error}"
    );
    assert!(seals.verify(SealKey::Decisions, b"yes", &seal).await.is_err());
    let shown = format!("{seals:?} {:?}", Key::new("k", &CANARY.into()).unwrap());
    assert!(!shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn a_secret_that_does_not_exist_is_a_fault_and_no_broken_seal() {
    let (stand_in, clock, seals) = world().await;
    let seal = seals.seal(SealKey::Decisions, b"yes").await.unwrap();
    stand_in.trouble(Some((400, "ResourceNotFoundException")));
    clock.advance(KEY_SECONDS);
    assert!(seals.verify(SealKey::Decisions, b"yes", &seal).await.is_err());
    assert!(seals.seal(SealKey::Decisions, b"yes").await.is_err());
    stand_in.trouble(None);
    // Text that is too short to be a key is refused as well.
    stand_in.rotate(DECISIONS, 4, "short");
    clock.advance(SPACING_SECONDS);
    assert!(seals.seal(SealKey::Decisions, b"yes").await.is_err());
}
