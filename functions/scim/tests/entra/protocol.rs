//! Secrets, media types, limits, errors and versions.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use hourglass_app::keys;
use hourglass_app::ports::store::{Condition, Write};
use hourglass_app::records::ScimSeen;
use hourglass_app::scim::hash_token;
use http::{Request, header};
use serde_json::{Value, json};

use crate::support::{CUSTOM, PATCH, World, give, revoke, stored, user_body};

#[tokio::test]
async fn without_a_valid_secret_there_is_nothing_to_see() {
    let world = World::start().await;
    let valid = format!("Bearer {}", world.secret);
    let mut almost = valid.clone();
    let last = almost.pop().unwrap();
    almost.push(if last == 'A' { 'B' } else { 'A' });
    let headers: Vec<Vec<&str>> = vec![
        vec![],
        vec![""],
        vec!["Bearer"],
        vec!["Bearer x"],
        vec!["Basic dXNlcjpwYXNz"],
        vec![&almost],
        vec![&world.secret],
        vec![&valid, &valid],
    ];
    for values in headers {
        for path in ["/scim/v2/Users", "/scim/v2/Nothing", "/scim/v2/Schemas", "/elsewhere"] {
            let mut request = Request::builder().uri(path);
            for value in &values {
                request = request.header(header::AUTHORIZATION, *value);
            }
            let answer = world.send(request.body(Body::empty()).unwrap()).await;
            answer.is_error(401, "");
            assert_eq!(answer.header(header::WWW_AUTHENTICATE), "Bearer realm=\"scim\"");
        }
    }
    revoke(&world).await;
    world.get("/Users").await.is_error(401, "");
}

/// The process remembers whose secret it is, and must not believe itself.
#[tokio::test]
async fn a_secret_is_judged_with_every_call_by_what_is_stored() {
    let world = World::start().await;
    let alex = world.user("alex@contoso.example").await;
    let lookups = [
        format!("/Users/{alex}"),
        format!("/Users?filter=id eq \"{alex}\""),
        "/Users?filter=userName eq \"alex@contoso.example\"".to_owned(),
        "/Users?filter=userName eq \"\"".to_owned(),
        format!("/Users?filter=userName eq \"{}\"", "x".repeat(1_100)),
    ];
    for path in &lookups {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
    // What was read ahead is not older than the call.
    let rename = json!([{"op": "Replace", "path": "displayName", "value": "New"}]);
    for other in [world.clone(), world.clone()] {
        assert_eq!(other.patch(&lookups[0], rename.clone()).await.status, 200);
        assert_eq!(world.get(&lookups[0]).await.body["displayName"], "New");
    }
    revoke(&world).await;
    for path in &lookups {
        world.get(path).await.is_error(401, "");
    }
    // The same secret, now another application's: nothing of the first one is shown.
    let fabrikam = "fabrikam.example".parse().unwrap();
    give(&world, &fabrikam).await;
    for path in &lookups[1..] {
        assert_eq!(world.get(path).await.ids(), Vec::<String>::new(), "{path}");
    }
    world.get(&lookups[0]).await.is_error(404, "");
    // Once more, while the first application is remembered.
    revoke(&world).await;
    give(&world, &world.application).await;
    assert_eq!(world.get(&lookups[0]).await.status, 200);
    let token = keys::scim_token(hash_token(&world.secret));
    let mut item = world.store.inner.get(&token).await.unwrap().unwrap();
    item.body.insert("application".to_owned(), json!(fabrikam));
    item.version += 1;
    let condition = Condition::Any;
    world
        .store
        .inner
        .commit(vec![Write::Put { item, condition }])
        .await
        .unwrap();
    world.get(&lookups[0]).await.is_error(404, "");
    assert!(world.get(&lookups[2]).await.ids().is_empty());
}

#[tokio::test]
async fn two_secrets_are_valid_at_once() {
    let world = World::start().await;
    let old = world.other().await;
    let new = world.other().await;
    let id = old.user("alex@fabrikam.example").await;
    assert_eq!(new.get(&format!("/Users/{id}")).await.status, 200);
    revoke(&old).await;
    old.get("/Users").await.is_error(401, "");
    assert_eq!(new.get(&format!("/Users/{id}")).await.status, 200);
}

#[tokio::test]
async fn applications_do_not_see_each_other() {
    let contoso = World::start().await;
    let fabrikam = contoso.other().await;
    let alex = contoso.user("alex@shared.example").await;
    let group = contoso.group("Ops", std::slice::from_ref(&alex)).await;
    let user_path = format!("/Users/{alex}");
    let group_path = format!("/Groups/{group}");
    for path in [&user_path, &group_path] {
        fabrikam.get(path).await.is_error(404, "");
        fabrikam
            .patch(path, json!([{"op": "replace", "path": "displayName", "value": "x"}]))
            .await
            .is_error(404, "");
        fabrikam
            .call("PUT", path, &json!({"userName": "x", "displayName": "x"}))
            .await
            .is_error(404, "");
        fabrikam.delete(path).await.is_error(404, "");
    }
    for path in [
        "/Users".to_owned(),
        "/Groups".to_owned(),
        "/Users?filter=userName eq \"alex@shared.example\"".to_owned(),
        format!("/Groups?filter=members eq \"{alex}\""),
        format!("/Users?filter=id eq \"{alex}\""),
    ] {
        assert!(fabrikam.get(&path).await.ids().is_empty(), "{path}");
    }
    // The same names are free in the other application, and its groups take no user of this one.
    fabrikam.user("alex@shared.example").await;
    let other = fabrikam.group("Ops", &[]).await;
    let add = json!([{"op": "add", "path": "members", "value": [{"value": alex}]}]);
    fabrikam
        .patch(&format!("/Groups/{other}"), add)
        .await
        .is_error(400, "invalidValue");
    assert_eq!(contoso.members(&group).await, [alex]);
}

#[tokio::test]
async fn a_secret_of_another_application_than_the_mapped_one_is_refused() {
    let world = World::start().await;
    let mut body = user_body("alex@contoso.example");
    body[CUSTOM] = json!({"application": "fabrikam.example"});
    world.post("/Users", body.clone()).await.is_error(400, "invalidValue");
    body[CUSTOM] = json!({"Application": "CONTOSO.example"});
    let created = world.post("/Users", body).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let path = format!("/Users/{}", created.id());
    for operation in [
        json!({"op": "Replace", "path": format!("{CUSTOM}:application"), "value": "fabrikam.example"}),
        json!({"op": "replace", "value": {format!("{CUSTOM}:application"): "fabrikam.example"}}),
        json!({"op": "replace", "value": {CUSTOM: {"application": "fabrikam.example"}}}),
    ] {
        world
            .patch(&path, json!([operation]))
            .await
            .is_error(400, "invalidValue");
    }
    assert_eq!(
        world.get(&path).await.body[CUSTOM],
        json!({"Application": "CONTOSO.example"})
    );
}

#[tokio::test]
async fn the_time_of_the_last_call_is_written_once_a_minute() {
    let world = World::start().await;
    let key = keys::scim_seen(&world.application);
    let seen = stored::<ScimSeen>(&world, &key).await.unwrap().at;
    world.get("/Schemas").await;
    world.clock.advance(59);
    world.get("/Schemas").await;
    assert_eq!(world.store.commits(), 0);
    world.clock.advance(1);
    world.get("/Schemas").await;
    world.get("/Schemas").await;
    assert_eq!(world.store.commits(), 1);
    let later = stored::<ScimSeen>(&world, &key).await.unwrap().at;
    assert_eq!(later.seconds_since(seen), 60);
    // Nobody is "seen" who did not show a valid secret.
    world.clock.advance(600);
    let wrong = Request::builder().uri("/scim/v2/Users").body(Body::empty()).unwrap();
    world.send(wrong).await.is_error(401, "");
    assert_eq!(world.store.commits(), 0);
}

#[tokio::test]
async fn media_types_are_taken_leniently_and_answered_strictly() {
    let world = World::start().await;
    for (number, media_type) in [
        "application/scim+json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
    ]
    .into_iter()
    .enumerate()
    {
        let request = Request::builder()
            .method("POST")
            .uri("/scim/v2/Users")
            .header(header::AUTHORIZATION, format!("Bearer {}", world.secret))
            .header(header::CONTENT_TYPE, media_type)
            .body(Body::from(user_body(&format!("u{number}@x")).to_string()))
            .unwrap();
        let answer = world.send(request).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.header(header::CONTENT_TYPE), "application/scim+json");
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    }
    for media_type in ["text/plain", "application/xml", ""] {
        let request = Request::builder()
            .method("POST")
            .uri("/scim/v2/Users")
            .header(header::AUTHORIZATION, format!("Bearer {}", world.secret))
            .header(header::CONTENT_TYPE, media_type)
            .body(Body::from("{}"))
            .unwrap();
        world.send(request).await.is_error(415, "");
    }
}

#[tokio::test]
async fn bodies_have_limits() {
    let world = World::start().await;
    let post = async |body: String| {
        world
            .send(world.request("POST", "/Users").body(Body::from(body)).unwrap())
            .await
    };
    for bad in ["", "{", "[]", "null", "\"x\"", "{\"userName\": \"\u{0}\"}"] {
        post(bad.to_owned()).await.is_error(400, "invalidSyntax");
    }
    let deep = format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    post(deep).await.is_error(400, "invalidSyntax");
    post(format!("{{\"userName\": \"{}\"}}", "x".repeat(1_000_001)))
        .await
        .is_error(413, "");
    // Within the body's limit, beyond what a resource may hold.
    post(json!({"userName": "a", "title": "x".repeat(200_000)}).to_string())
        .await
        .is_error(413, "");
    post(json!({"userName": "x".repeat(1_025)}).to_string())
        .await
        .is_error(400, "invalidValue");
    post(json!({"userName": "a", "externalId": "x".repeat(1_025)}).to_string())
        .await
        .is_error(400, "invalidValue");
    post(json!({"userName": "a\nb"}).to_string())
        .await
        .is_error(400, "invalidValue");
    post(json!({"userName": "  "}).to_string())
        .await
        .is_error(400, "invalidValue");
    let wide: serde_json::Map<_, _> = (0..501).map(|n| (format!("a{n}"), json!(1))).collect();
    post(json!(wide).to_string()).await.is_error(400, "invalidSyntax");
    assert_eq!(world.get("/Users").await.body["totalResults"], 0);
    // The longest values fit the table.
    let longest = json!({"userName": "é".repeat(512), "externalId": "x".repeat(1_024)});
    let created = post(longest.to_string()).await;
    assert_eq!(created.status, 201, "{}", created.text);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_scim_errors() {
    let world = World::start().await;
    for path in ["/", "/Devices", "/Users/1/2", "/Users/"] {
        world.get(path).await.is_error(404, "");
    }
    world.delete("/Users").await.is_error(405, "");
    world.post("/Users/1", json!({})).await.is_error(405, "");
}

#[tokio::test]
async fn our_own_trouble_tells_nothing() {
    let world = World::start().await;
    let id = world.user("alex@contoso.example").await;
    world.store.fail.store(true, Ordering::SeqCst);
    for answer in [
        world.get(&format!("/Users/{id}")).await,
        world.post("/Users", user_body("b@x")).await,
        world
            .patch(&format!("/Users/{id}"), json!([{"op": "remove", "path": "title"}]))
            .await,
    ] {
        answer.is_error(503, "");
        assert!(answer.headers.contains_key(header::RETRY_AFTER));
        assert!(!answer.text.contains("secret-internals"));
    }
}

/// Its version stands for what a group is, and not for who its members are: they leave with their accounts.
#[tokio::test]
async fn nobody_is_told_that_a_group_is_as_it_was_while_its_members_left() {
    let world = World::start().await;
    let users = world.users(2).await;
    let group = world.group("Ops", &users).await;
    let path = format!("/Groups/{group}");
    let etag = world.get(&path).await.header(header::ETAG).to_owned();
    let known = async |query: &str| {
        let request = world.request("GET", &format!("{path}{query}"));
        let request = request.header(header::IF_NONE_MATCH, &etag);
        world.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(world.delete(&format!("/Users/{}", users[0])).await.status, 204);
    for query in ["", "?attributes=members", "?excludedAttributes=displayName"] {
        let answer = known(query).await;
        assert_eq!(answer.status, 200, "{query}");
        assert_eq!(answer.body["members"].as_array().unwrap().len(), 1, "{query}");
    }
    for query in ["?attributes=displayName", "?excludedAttributes=members"] {
        assert_eq!(known(query).await.status, 304, "{query}");
    }
}

/// RFC 9110 section 13.1.1: a change that has been applied already is a success, although it has moved the version.
#[tokio::test]
async fn a_guarded_change_whose_answer_was_lost_can_be_repeated() {
    let world = World::start().await;
    let users = world.users(2).await;
    let group = world.group("Ops", &users[..1]).await;
    let rename = json!({"op": "replace", "path": "displayName", "value": "One"});
    let add = json!({"op": "add", "path": "members", "value": [{"value": users[1]}]});
    for (path, operation) in [
        (format!("/Users/{}", users[0]), &rename),
        (format!("/Groups/{group}"), &rename),
        (format!("/Groups/{group}"), &add),
    ] {
        let etag = world.get(&path).await.header(header::ETAG).to_owned();
        let send = async |tag: &str, operation: &Value| {
            let body = json!({"schemas": [PATCH], "Operations": [operation]});
            let request = world.request("PATCH", &path).header(header::IF_MATCH, tag);
            world.send(request.body(Body::from(body.to_string())).unwrap()).await
        };
        world.store.lose_commits.store(true, Ordering::SeqCst);
        send(&etag, operation).await.is_error(503, "");
        world.store.lose_commits.store(false, Ordering::SeqCst);
        let stored = world.get(&path).await;
        let again = send(&etag, operation).await;
        assert!(again.status.is_success(), "{operation}: {}", again.text);
        assert_eq!(world.get(&path).await.body, stored.body, "{operation}: stored twice");
        // Another change has to know the version that this one made, and what lies further back is known to nobody.
        let other = json!({"op": "replace", "path": "displayName", "value": "Two"});
        send(&etag, &other).await.is_error(412, "");
        let third = json!({"op": "replace", "path": "displayName", "value": "Three"});
        for operation in [&third, operation] {
            assert!(world.patch(&path, json!([operation])).await.status.is_success());
        }
        send(&etag, &third).await.is_error(412, "");
    }
}

#[tokio::test]
async fn versions_guard_changes() {
    let world = World::start().await;
    let alex = world.user("alex@contoso.example").await;
    let group = world.group("Ops", &[]).await;
    for path in [format!("/Users/{alex}"), format!("/Groups/{group}")] {
        let known = world.get(&path).await;
        let etag = known.header(header::ETAG).to_owned();
        assert_eq!(known.body["meta"]["version"], etag);
        let same = world
            .send(
                world
                    .request("GET", &format!("{path}?excludedAttributes=members"))
                    .header(header::IF_NONE_MATCH, &etag)
                    .body(Body::empty())
                    .unwrap(),
            )
            .await;
        assert_eq!((same.status.as_u16(), same.text.as_str()), (304, ""));
        let patch = |name: &str| {
            let operation = json!({"op": "replace", "path": "displayName", "value": name});
            Body::from(json!({"schemas": [PATCH], "Operations": [operation]}).to_string())
        };
        let send = async |tag: &str, body: Body| {
            world
                .send(
                    world
                        .request("PATCH", &path)
                        .header(header::IF_MATCH, tag)
                        .body(body)
                        .unwrap(),
                )
                .await
        };
        assert!(send(&etag, patch("One")).await.status.is_success());
        send(&etag, patch("Two")).await.is_error(412, "");
        assert!(send("*", patch("Three")).await.status.is_success());
        let gone = world
            .send(
                world
                    .request("DELETE", &path)
                    .header(header::IF_MATCH, &etag)
                    .body(Body::empty())
                    .unwrap(),
            )
            .await;
        gone.is_error(412, "");
        assert_eq!(world.get(&path).await.body["displayName"], "Three");
    }
}

/// Where log lines go in a test.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_secret_is_in_no_log_and_no_answer() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // Of one listener only, the thread that first comes to a line is asked, which may be another test's, and the answer is
    // kept; of two, all are asked (tracing-core's callsite registry).
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _guard = tracing::subscriber::set_default(subscriber);
    // Another test may have reached the place of the line first, when nobody listened, and that is remembered.
    tracing::callsite::rebuild_interest_cache();
    let world = World::start().await;
    let random = world.secret.strip_prefix("hgscim_").unwrap();
    let mut answers = vec![
        world.post("/Users", user_body("alex@contoso.example")).await.text,
        world
            .get(&format!("/Users?filter=userName eq \"{}\"", world.secret))
            .await
            .text,
        world.get("/Nothing").await.text,
        world.post("/Users", json!({"userName": 7})).await.text,
    ];
    world.store.fail.store(true, Ordering::SeqCst);
    tracing::callsite::rebuild_interest_cache();
    answers.push(world.get("/Users").await.text);
    // The filter's value is the caller's own and is not repeated either.
    assert!(answers.iter().all(|answer| !answer.contains(random)));
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("a SCIM call failed"),
        "nothing was logged: the test proves nothing"
    );
    let hash = hourglass_app::scim::hash_token(&world.secret).to_string();
    let without_filter: Vec<&str> = logged.lines().filter(|line| line.contains(random)).collect();
    assert!(without_filter.is_empty(), "{without_filter:?} ({hash})");
}
