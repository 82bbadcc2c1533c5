//! Tokens and the credentials behind them, and that neither is ever told.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hourglass_app::ports::connector::{Connector, ConnectorError, NewMember};
use hourglass_app::ports::secrets::{Freshness, SecretError};
use hourglass_domain::protocol::membership::Answer;
use hourglass_domain::target::Cloud;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::standin::{
    Canned, GROUP, SECRET, Seen, Stand, TENANT, account, accounts, answer, application, credentials, done, error, page,
    place, start_of_time, tenant, token,
};

async fn remove(stand: &Stand) -> Answer {
    stand.connector.remove(&place(), &[account(1)]).await.remove(0)
}

fn refused(error: &str, number: u64) -> Canned {
    let text = format!("AADSTS{number}: the secret {SECRET} is wrong. Trace ID: x");
    answer(
        401,
        json!({ "error": error, "error_description": text, "error_codes": [number] }),
    )
}

#[tokio::test]
async fn a_token_is_fetched_once_and_renewed_before_it_expires() {
    let stand = Stand::graph(|_, _| done()).await;
    for _ in 0..3 {
        assert_eq!(remove(&stand).await, Answer::Done);
    }
    assert_eq!(stand.token_calls().len(), 1);
    let asked = &stand.token_calls()[0];
    assert_eq!(asked.call(), format!("POST /{TENANT}/oauth2/v2.0/token"));
    let form: Vec<(String, String)> = url::form_urlencoded::parse(asked.body.as_bytes())
        .into_owned()
        .collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).unwrap().1.clone();
    assert_eq!(field("grant_type"), "client_credentials");
    assert_eq!(field("client_secret"), SECRET);
    assert_eq!(field("scope"), "https://graph.microsoft.com/.default");

    // Five minutes before the 3,599 seconds are over, and not a second earlier.
    stand.clock.advance(3_298);
    remove(&stand).await;
    assert_eq!(stand.token_calls().len(), 1);
    stand.clock.advance(1);
    remove(&stand).await;
    assert_eq!(stand.token_calls().len(), 2);
    assert_eq!(
        stand.calls().last().unwrap().headers["authorization"],
        "Bearer canary-token-2"
    );
}

#[tokio::test]
async fn a_short_lived_token_is_renewed_after_four_fifths_of_its_life() {
    let stand = Stand::all(|seen, _| match seen.is_token() {
        true => answer(
            200,
            json!({ "access_token": "short", "expires_in": 100, "token_type": "Bearer" }),
        ),
        false => done(),
    })
    .await;
    remove(&stand).await;
    stand.clock.advance(79);
    remove(&stand).await;
    assert_eq!(stand.token_calls().len(), 1);
    stand.clock.advance(1);
    remove(&stand).await;
    assert_eq!(stand.token_calls().len(), 2);
}

#[tokio::test]
async fn many_at_once_fetch_one_token() {
    let stand = Stand::all(|seen, _| match seen.is_token() {
        true => token("one").late(Duration::from_millis(50)),
        false => done(),
    })
    .await;
    let place = place();
    let account = [account(1)];
    let many = (0..8).map(|_| stand.connector.remove(&place, &account));
    let answers = futures_util::future::join_all(many).await;
    assert!(answers.iter().flatten().all(|answer| *answer == Answer::Done));
    assert_eq!(stand.token_calls().len(), 1);
    // Another application has credentials and a token of its own.
    let mut other = place.clone();
    other.application = "fabrikam.example".parse().unwrap();
    stand.connector.remove(&other, &account).await;
    assert_eq!(stand.token_calls().len(), 2);
}

#[tokio::test]
async fn a_token_service_that_fails_for_a_while_does_no_harm() {
    let stand = Stand::all(|seen, before| match (seen.is_token(), before) {
        (true, 0) => token("canary-token-1"),
        (true, _) => error(503, "x", "x"),
        (false, _) => done(),
    })
    .await;
    assert_eq!(remove(&stand).await, Answer::Done);
    // To be renewed, cannot be, is still good.
    stand.clock.advance(3_400);
    assert_eq!(remove(&stand).await, Answer::Done);
    // Now it is not.
    stand.clock.advance(190);
    let Answer::RetryAfter { seconds: 1, why } = remove(&stand).await else {
        panic!("nothing was sent");
    };
    assert!(why.contains("token service answered 503"), "{why}");
}

#[tokio::test]
async fn a_throttled_token_service_is_given_its_time() {
    let stand = Stand::all(|_, _| error(429, "x", "x").header("retry-after", "12")).await;
    assert!(matches!(remove(&stand).await, Answer::RetryAfter { seconds: 12, .. }));
    assert_eq!(stand.seen().len(), 1);
}

#[tokio::test]
async fn a_token_that_graph_refuses_is_replaced_once_with_credentials_read_afresh() {
    let stand = Stand::all(|seen, _| match (seen.is_token(), seen.body.contains("new-secret")) {
        (true, true) => token("good"),
        (true, false) => token("bad"),
        (false, _) if seen.headers["authorization"] == "Bearer good" => done(),
        (false, _) => error(401, "InvalidAuthenticationToken", "Access token has expired."),
    })
    .await;
    *stand.vault.newest.lock().unwrap() = Some(credentials("new-secret"));
    assert_eq!(remove(&stand).await, Answer::Done);
    assert_eq!(
        *stand.vault.reads.lock().unwrap(),
        [Freshness::Cached, Freshness::Fresh]
    );
    assert_eq!(stand.calls().len(), 2);
    // The new token is kept.
    assert_eq!(remove(&stand).await, Answer::Done);
    assert_eq!((stand.calls().len(), stand.token_calls().len()), (3, 2));
}

#[tokio::test]
async fn a_token_that_graph_always_refuses_is_replaced_once_and_then_told() {
    let stand = Stand::graph(|_, _| error(401, "InvalidAuthenticationToken", "no")).await;
    let Answer::Refused(why) = remove(&stand).await else {
        panic!("refused for good");
    };
    assert!(
        why.contains("401") && why.contains("does not take the connector's token"),
        "{why}"
    );
    assert_eq!((stand.calls().len(), stand.token_calls().len()), (2, 2));
}

#[tokio::test]
async fn items_of_a_batch_that_lack_a_token_are_sent_again_alone() {
    let stand = Stand::graph(|seen, before| {
        // The one that is sent again goes alone, as a single call.
        if seen.path != "/v1.0/$batch" {
            return done();
        }
        let status = |id: &serde_json::Value| if before == 0 && id == "1" { 401 } else { 204 };
        let requests = seen.json()["requests"].as_array().unwrap().clone();
        let responses: Vec<_> = requests
            .iter()
            .map(|request| json!({ "id": request["id"], "status": status(&request["id"]) }))
            .collect();
        answer(200, json!({ "responses": responses }))
    })
    .await;
    let answers = stand.connector.remove(&place(), &accounts(3)).await;
    assert_eq!(answers, [Answer::Done, Answer::Done, Answer::Done]);
    let calls: Vec<String> = stand.calls().iter().map(Seen::call).collect();
    let alone = format!("DELETE /v1.0/groups/{GROUP}/members/{}/$ref", account(2));
    assert_eq!(calls, ["POST /v1.0/$batch".to_owned(), alone]);
    assert_eq!(stand.token_calls().len(), 2);
}

#[tokio::test]
async fn refused_credentials_are_read_again_once() {
    for error in ["invalid_client", "unauthorized_client"] {
        let stand = Stand::all(
            move |seen, _| match (seen.is_token(), seen.body.contains("new-secret")) {
                (true, true) => token("good"),
                (true, false) => refused(error, 7_000_215),
                (false, _) => done(),
            },
        )
        .await;
        *stand.vault.newest.lock().unwrap() = Some(credentials("new-secret"));
        assert_eq!(remove(&stand).await, Answer::Done);
        assert_eq!(
            *stand.vault.reads.lock().unwrap(),
            [Freshness::Cached, Freshness::Fresh]
        );
    }
    for (number, hint) in [
        (7_000_215, "the client secret is wrong"),
        (7_000_222, "the client secret has expired"),
        (700_016, "no application with this client id"),
    ] {
        let stand = Stand::all(move |_, _| refused("invalid_client", number)).await;
        let Answer::Refused(why) = remove(&stand).await else {
            panic!("refused for good");
        };
        assert!(why.contains(hint) && why.contains(&format!("AADSTS{number}")), "{why}");
        assert!(!why.contains(SECRET), "Entra's own text is not passed on: {why}");
        assert_eq!(stand.seen().len(), 2);
    }
    // Another refusal has nothing to do with the credentials.
    let stand = Stand::all(|_, _| refused("invalid_tenant", 90_002)).await;
    assert!(matches!(remove(&stand).await, Answer::Refused(why) if why.contains("the tenant does not exist")));
    assert_eq!(*stand.vault.reads.lock().unwrap(), [Freshness::Cached]);
}

#[tokio::test]
async fn credentials_of_another_tenant_are_not_used() {
    let stand = Stand::graph(|_, _| done()).await;
    let mut foreign = credentials(SECRET);
    foreign.tenant = "77777777-2222-3333-4444-555555555555".parse().unwrap();
    *stand.vault.cached.lock().unwrap() = Ok(foreign);
    assert!(matches!(remove(&stand).await, Answer::Refused(why) if why.contains("another tenant")));
    assert!(stand.seen().is_empty(), "nobody was asked anything");
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let stand = Stand::graph(|_, _| done()).await;
    for (error, for_good) in [
        (
            SecretError::Missing {
                application: application(),
            },
            true,
        ),
        (
            SecretError::Malformed {
                application: application(),
                why: "no JSON".to_owned(),
            },
            true,
        ),
        (SecretError::Unavailable("throttled".to_owned()), false),
    ] {
        *stand.vault.cached.lock().unwrap() = Err(error);
        let answer = remove(&stand).await;
        assert_eq!(matches!(answer, Answer::Refused(_)), for_good, "{answer:?}");
        assert_eq!(matches!(answer, Answer::RetryAfter { .. }), !for_good, "{answer:?}");
        let tested = stand.connector.test(&application(), tenant(), Cloud::Global).await;
        assert_eq!(
            matches!(tested, Err(ConnectorError::Refused(_))),
            for_good,
            "{tested:?}"
        );
    }
    assert!(stand.seen().is_empty());
}

#[tokio::test]
async fn a_test_of_the_credentials_asks_for_something() {
    let ok = Stand::graph(|_, _| answer(200, json!({ "value": [] }))).await;
    assert_eq!(ok.connector.test(&application(), tenant(), Cloud::Global).await, Ok(()));
    assert_eq!(ok.calls()[0].call(), "GET /v1.0/groups");
    assert_eq!(ok.calls()[0].query, "$select=id&$top=1");
    let forbidden = Stand::graph(|_, _| error(403, "Authorization_RequestDenied", "no")).await;
    let Err(ConnectorError::Refused(why)) = forbidden.connector.test(&application(), tenant(), Cloud::Global).await
    else {
        panic!("forbidden");
    };
    assert!(why.contains("GroupMember.ReadWrite.All"), "{why}");
    let down = Stand::graph(|_, _| error(503, "x", "x")).await;
    let tested = down.connector.test(&application(), tenant(), Cloud::Global).await;
    assert!(matches!(tested, Err(ConnectorError::Unavailable(_))), "{tested:?}");
}

#[tokio::test]
async fn a_test_of_the_credentials_is_of_those_that_are_stored_now() {
    let stand = Stand::all(|seen, _| match (seen.is_token(), seen.body.contains("mistyped")) {
        (true, true) => refused("invalid_client", 7_000_215),
        (true, false) => token("good"),
        (false, _) => answer(200, json!({ "value": [] })),
    })
    .await;
    let (id, connector) = (application(), &stand.connector);
    let test = || connector.test(&id, tenant(), Cloud::Global);
    assert_eq!(remove(&stand).await, Answer::Done, "a token is held");
    *stand.vault.newest.lock().unwrap() = Some(credentials("mistyped"));
    let Err(ConnectorError::Refused(why)) = test().await else {
        panic!("the held token hides what was just entered");
    };
    assert!(why.contains("the client secret is wrong"), "{why}");
    // Revocations go on with the token that is still taken.
    assert_eq!(remove(&stand).await, Answer::Done);
    *stand.vault.newest.lock().unwrap() = Some(credentials("put right"));
    assert_eq!(test().await, Ok(()));
    let asked = [Freshness::Cached, Freshness::Now, Freshness::Now];
    assert_eq!(*stand.vault.reads.lock().unwrap(), asked);
}

/// Keeps everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_is_ever_logged_or_told() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // Of one listener only, the thread that first comes to a line is asked, which may be another test's, and the answer is
    // kept; of two, all are asked (tracing-core's callsite registry).
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _guard = tracing::subscriber::set_default(subscriber);

    // Whatever goes wrong, the other side repeats our own credentials in its texts.
    let long_token = format!("eyJ{}", "canary-token".repeat(20));
    let echo = |seen: &Seen| seen.headers.get("authorization").cloned().unwrap_or_default();
    let given = long_token.clone();
    let mut told = String::new();
    for status in [200_u16, 400, 401, 403, 404, 429, 503] {
        let given = given.clone();
        let stand = Stand::all(move |seen, _| match seen.is_token() {
            true => token(&given),
            false if status == 200 => page(&[account(1)], None)
                .header("x-ms-resource-unit", "3")
                .header("x-ms-throttle-limit-percentage", "0.91"),
            false => error(status, "Some_Code", &format!("not with {}", echo(seen))),
        })
        .await;
        let add = [NewMember {
            account: account(1),
            until: start_of_time(),
        }];
        told += &format!("{:?}", stand.connector.add(&place(), &add).await);
        told += &format!("{:?}", stand.connector.remove(&place(), &accounts(3)).await);
        told += &format!("{:?}", stand.connector.inspect(&place(), &accounts(2)).await);
        told += &format!("{:?}", stand.connector.list(&place(), None).await);
        told += &format!("{:?}", stand.connector.preflight(&place(), start_of_time()).await);
        told += &format!("{:?}{:#?}", stand.connector, stand.connector);
    }
    let stand = Stand::all(|_, _| refused("invalid_client", 7_000_215)).await;
    told += &format!("{:?}{:?}", remove(&stand).await, stand.vault);
    // An answer that is no token, but looks as if it held one.
    let stand = Stand::all(|_, _| answer(200, json!({ "access_token": ["canary-token"], "expires_in": "x" }))).await;
    told += &format!("{:?}", remove(&stand).await);

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("Graph is close to its limit") && logged.contains("0.91"),
        "the log works: {logged}"
    );
    for (name, text) in [("told", &told), ("logged", &logged)] {
        for canary in ["canary-token", SECRET, "canary-secret", "eyJ"] {
            assert!(!text.contains(canary), "{canary} is {name}: {text}");
        }
    }
}
