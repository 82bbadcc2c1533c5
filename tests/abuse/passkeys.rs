//! Cases 8, 10, 12 to 14 and 47: what somebody does with a passkey, a session, or what they have overheard.
//!
//! That every mutated ceremony is refused by the ceremony itself, and by a verifier of its own, is shown in
//! `tests/ceremony`; here is what becomes of it in the whole system.

use hourglass_app::keys;
use hourglass_app::ports::store::Query;
use hourglass_app::seals;
use hourglass_domain::decision::Decision;
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{ApplicationId, PersonId};
use hourglass_tests::authenticator::{FLAGS, SoftKey, USER_VERIFIED};
use hourglass_tests::desk::Desk;
use hourglass_tests::keyholders::{
    change, company, company_without_cool_down, everyday, first_admin, request, request_of, user_of, with_key,
};
use hourglass_tests::stage::{Stage, logged};
use serde_json::{Value, json};

/// Kim, who may approve and has a key, and a request that waits for her.
async fn approver() -> anyhow::Result<(Stage, Desk, Desk, String)> {
    // Boxed: what goes on inside is large.
    Box::pin(async {
        let stage = company().await?;
        let mut ola = first_admin(&stage).await?;
        let kim = with_key(&stage, &mut ola, &stage.company.approver, everyday()).await?;
        let id = request(&stage).await?;
        Ok((stage, ola, kim, id))
    })
    .await
}

/// The challenge for an approval of `request`.
async fn challenge(desk: &Desk, request: &str) -> anyhow::Result<Value> {
    let page = format!("/inbox/{request}");
    let asked = json!({"decision": "approve"});
    desk.call(&page, &format!("{page}/challenge"), &asked).await?.ok()
}

/// What the answer `response` to a challenge is answered.
async fn answer(desk: &Desk, begun: &Value, response: &Value) -> anyhow::Result<(u16, String)> {
    let body = json!({"ceremony": begun["ceremony"], "response": response});
    let answer = desk.call("/passkeys", "/inbox/signed", &body).await?;
    Ok((answer.status, answer.code().to_owned()))
}

async fn still_pending(stage: &Stage, request: &str) -> anyhow::Result<()> {
    let auditor = stage.person(&stage.company.auditor.user_name).await?;
    let seen = stage.get(&auditor, &format!("/v1/requests/{request}")).await?.ok()?;
    anyhow::ensure!(seen["status"] == "pending", "{seen}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_08_a_key_that_is_removed_between_challenge_and_answer() -> anyhow::Result<()> {
    let (stage, ola, mut kim, id) = approver().await?;
    let begun = challenge(&kim, &id).await?;
    let response = kim.key.assert(&begun["options"], &kim.origin);
    let credential = response["id"].clone();
    let removed = kim
        .change_keys(&json!({"action": "remove", "credential": credential}))
        .await?;
    assert_eq!(removed.status, 200, "{removed}");
    let refused = answer(&kim, &begun, &response).await?;
    assert_eq!(refused, (403, "ceremony-failed".to_owned()));
    still_pending(&stage, &id).await?;
    drop(ola);
    stage.stop().await;
    Ok(())
}

/// Even who can seal decisions gives nobody more than what was signed.
#[tokio::test(flavor = "multi_thread")]
async fn case_06_a_decision_that_says_more_than_was_signed() -> anyhow::Result<()> {
    let (stage, _ola, mut kim, _) = approver().await?;
    let other = stage.person(&stage.company.second_admin.user_name).await?;
    // Far enough ahead for everything below to be done before it, and near enough to wait for it.
    let starts_at = stage.now().plus_seconds(30);
    let asked = json!({"entitlement": stage.entitlement(), "duration": "1h", "starts_at": starts_at,
        "justification": "INC-42: restart the pool"});
    let asked = stage.post(&other, "/v1/requests", &asked).await?.ok()?;
    let id = asked["id"].as_str().unwrap_or_default().to_owned();
    let page = format!("/inbox/{id}");
    let vote = json!({"decision": "approve", "duration": "30m"});
    let decided = kim
        .sign(&page, &format!("{page}/challenge"), &vote, "/inbox/signed")
        .await?;
    assert_eq!(decided.status, 200, "{decided}");

    // The decision and its grant as they would be had Kim signed for an hour, sealed with the right key.
    let core = &stage.services.core;
    let query = Query::partition(keys::decisions(id.parse()?));
    let decisions = seals::read_sealed_page::<Decision>(core, &query).await?.items;
    let mut decision = decisions[0].value.clone();
    decision.duration = "1h".parse()?;
    stage.forge(&seals::seal(&*core.seals, decision.clone()).await?).await?;
    let seen = stage.get(&other, &format!("/v1/requests/{id}")).await?.ok()?;
    let grant_id = seen["grant"].as_str().unwrap_or_default().to_owned();
    let mut grant = stage.read::<Grant>(&keys::grant(grant_id.parse()?)).await?.value;
    grant.expires_at = decision.duration.end_from(grant.starts_at);
    stage.forge(&grant).await?;

    stage
        .until("the grant fails", || async {
            let seen = stage.get(&other, &format!("/v1/grants/{grant_id}")).await?.ok()?;
            Ok(if seen["ended_because"] == "failed" {
                Ok(())
            } else {
                Err(seen.to_string())
            })
        })
        .await?;
    let group = stage.company.prod_admins.id.to_string();
    let account = stage.company.second_admin.id.to_string();
    anyhow::ensure!(!stage.members(&group).await?.contains(&account), "somebody was added");
    assert!(!logged(&["a passkey signed something else"]).is_empty());
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_10_an_answer_that_is_sent_again() -> anyhow::Result<()> {
    let (stage, _ola, mut kim, id) = approver().await?;
    change(&stage, &stage.entitlement(), json!({"quorum": 2})).await?;
    let other = request_of(&stage, &stage.company.second_admin.user_name).await?;
    let begun = challenge(&kim, &other).await?;
    let response = kim.key.assert(&begun["options"], &kim.origin);
    assert_eq!(answer(&kim, &begun, &response).await?.0, 200);
    let before = stage.settled().await?;
    let again = answer(&kim, &begun, &response).await?;
    assert_eq!(again, (409, "ceremony-over".to_owned()));
    stage.unchanged(&before, "an answer that was sent again")?;
    still_pending(&stage, &id).await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_12_an_answer_for_one_request_that_is_sent_for_another() -> anyhow::Result<()> {
    let (stage, _ola, mut kim, id) = approver().await?;
    let other = request_of(&stage, &stage.company.second_admin.user_name).await?;
    let begun_for_this = challenge(&kim, &id).await?;
    let begun_for_other = challenge(&kim, &other).await?;
    let response = kim.key.assert(&begun_for_other["options"], &kim.origin);
    let refused = answer(&kim, &begun_for_this, &response).await?;
    assert_eq!(refused, (403, "ceremony-failed".to_owned()));
    still_pending(&stage, &id).await?;
    // The ceremony is over with that: a right answer to it comes too late.
    let response = kim.key.assert(&begun_for_this["options"], &kim.origin);
    let refused = answer(&kim, &begun_for_this, &response).await?;
    assert_eq!(refused, (409, "ceremony-over".to_owned()));
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_12_a_request_that_changes_between_challenge_and_answer() -> anyhow::Result<()> {
    let (stage, mut ola, mut kim, _) = approver().await?;
    change(&stage, &stage.entitlement(), json!({"quorum": 2})).await?;
    let id = request_of(&stage, &stage.company.second_admin.user_name).await?;
    let begun = challenge(&kim, &id).await?;
    let response = kim.key.assert(&begun["options"], &kim.origin);
    // Somebody else approves first, which makes another version of the request.
    let other = &stage.company.other_approvers[0];
    let mut tomasz = with_key(&stage, &mut ola, other, everyday()).await?;
    assert_eq!(tomasz.decide(&id, "approve").await?.status, 200);
    let refused = answer(&kim, &begun, &response).await?;
    assert_eq!(refused, (409, "signed-something-else".to_owned()));
    still_pending(&stage, &id).await?;
    assert_eq!(
        kim.decide(&id, "approve").await?.status,
        200,
        "asked again, she signs what it is now"
    );
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_13_answers_that_are_not_what_they_should_be() -> anyhow::Result<()> {
    let (stage, mut ola, mut kim, id) = approver().await?;
    let mut stranger = with_key(&stage, &mut ola, &stage.company.requester, everyday()).await?;
    let origin = kim.origin.clone();
    let elsewhere = ["http://localhost:1", "http://evil.localhost", "https://localhost"];
    let mut tried = 0;
    for number in 0..6_usize {
        let begun = challenge(&kim, &id).await?;
        let options = &begun["options"];
        let response = match (elsewhere.get(number), number) {
            (Some(other), _) => kim.key.assert(options, other),
            (None, 3) => kim.key.assert_with(options, &origin, |said| {
                said.authenticator_data[FLAGS] &= !USER_VERIFIED
            }),
            (None, 4) => kim
                .key
                .assert_with(options, &origin, |said| said.client_field("crossOrigin", true)),
            (None, _) => {
                let mine = challenge_for_stranger(&mut stranger).await?;
                stranger.key.assert(&mine["options"], &origin)
            }
        };
        let (status, code) = answer(&kim, &begun, &response).await?;
        assert_eq!((status, code.as_str()), (403, "ceremony-failed"), "attempt {number}");
        tried += 1;
    }
    assert_eq!(tried, 6);
    still_pending(&stage, &id).await?;
    // Whoever goes on is kept out for a while.
    let refused = loop {
        let page = format!("/inbox/{id}");
        let asked = json!({"decision": "approve"});
        let begun = kim.call(&page, &format!("{page}/challenge"), &asked).await?;
        if begun.status != 200 {
            break begun;
        }
        let begun = begun.ok()?;
        answer(&kim, &begun, &json!({"id": "AA"})).await?;
        tried += 1;
        anyhow::ensure!(tried < 100, "nobody is kept out");
    };
    assert_eq!(refused.status, 429, "{refused}");
    stage.stop().await;
    Ok(())
}

/// A challenge over something of the stranger's own.
async fn challenge_for_stranger(stranger: &mut Desk) -> anyhow::Result<Value> {
    let page = stranger.open("/passkeys").await?;
    let (_, rest) = page.html.split_once("name=\"credential\" value=\"").unwrap_or_default();
    let credential = rest.split('"').next().unwrap_or_default();
    let asked = json!({"action": "rename", "credential": credential, "name": "x"});
    stranger.call("/passkeys", "/passkeys/challenge", &asked).await?.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn case_14_a_key_that_is_added_with_a_stolen_session() -> anyhow::Result<()> {
    let (stage, mut ola, kim, id) = approver().await?;
    // The thief has Kim's session, a moment after she signed in, and an authenticator of their own.
    let mut thief = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    thief.key = SoftKey::new();
    let credential = thief.add_key("a new phone").await?;
    let page = format!("/inbox/{id}");
    let begun = thief
        .call(&page, &format!("{page}/challenge"), &json!({"decision": "approve"}))
        .await?
        .ok()?;
    let offered = begun["options"]["publicKey"]["allowCredentials"].to_string();
    assert!(!offered.contains(&credential), "a key that waits is not asked for");
    // Nor does it vouch for itself, and an admin is not asked to, because Kim has a key of her own to say so with.
    let asked = json!({"action": "add", "credential": credential});
    let begun = thief.call("/passkeys", "/passkeys/challenge", &asked).await?.ok()?;
    assert!(
        !begun["options"]["publicKey"]["allowCredentials"]
            .to_string()
            .contains(&credential)
    );
    let user = user_of(&stage, &stage.company.approver).await?;
    let confirmed = json!({"action": "confirm", "credential": credential, "user": user});
    let refused = ola.change_keys(&confirmed).await?;
    assert_eq!((refused.status, refused.code()), (403, "passkey-expected"), "{refused}");
    // Kim sees it, and it is on record.
    assert!(kim.open("/passkeys").await?.html.contains("a new phone"));
    still_pending(&stage, &id).await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_47_emergencies_that_nobody_reviews() -> anyhow::Result<()> {
    use hourglass_domain::activation::{EmergencyUse, REVIEW_SECONDS};
    let stage = company_without_cool_down().await?;
    let mut ola = first_admin(&stage).await?;
    let mut dana = with_key(&stage, &mut ola, &stage.company.requester, everyday()).await?;
    let user = user_of(&stage, &stage.company.requester).await?;
    let fields = json!({"critical": true, "emergency": {"people": {"users": [user]}, "maximum": "1h"}});
    change(&stage, &stage.entitlement(), fields).await?;
    let fields = [
        ("entitlement", stage.entitlement()),
        ("duration", "30m".to_owned()),
        ("justification", "INC-1042: the checkout is down".to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let shown = dana.form("/activate", "/activate", &fields).await?;
    let id = shown.location.unwrap_or_default().replace("/activate/", "");
    assert_eq!(dana.activate(&id).await?.status, 200);
    let person = stage.requester().await?;
    let grant = stage.get(&person, &format!("/v1/requests/{id}")).await?.ok()?["grant"].clone();
    let grant = grant.as_str().unwrap_or_default();
    stage
        .post(&person, &format!("/v1/grants/{grant}/check-in"), &json!({}))
        .await?
        .ok()?;
    stage
        .until("the grant ends", || async {
            let seen = stage.get(&person, &format!("/v1/grants/{grant}")).await?.ok()?;
            Ok(if seen["status"] == "ended" {
                Ok(())
            } else {
                Err(seen.to_string())
            })
        })
        .await?;

    // A day later, nobody has looked at it.
    let application: ApplicationId = "contoso.example".parse()?;
    let party = user_record(&stage, &user).await?;
    let key = keys::emergency(&application, party, grant.parse()?);
    let mut emergency = stage.read::<EmergencyUse>(&key).await?.value;
    emergency.activated_at = emergency.activated_at.plus_seconds(-REVIEW_SECONDS);
    emergency.review_by = stage.now();
    stage.forge(&emergency).await?;
    let closed = dana.form("/activate", "/activate", &fields).await?;
    assert_eq!(closed.status, 403, "{}", closed.html);
    let kim = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    let review = [("justified", "true"), ("comment", "the checkout was down")];
    let done = kim
        .form("/inbox/reviews", &format!("/inbox/reviews/{grant}"), &review)
        .await?;
    assert_eq!(done.status, 303, "{}", done.html);
    let open = dana.form("/activate", "/activate", &fields).await?;
    assert_eq!(open.status, 303, "{}", open.html);
    stage.stop().await;
    Ok(())
}

/// The person behind a user.
async fn user_record(stage: &Stage, user: &str) -> anyhow::Result<PersonId> {
    let application: ApplicationId = "contoso.example".parse()?;
    let found = hourglass_app::directory::user(&*stage.services.core.store, &application, user.parse()?).await?;
    Ok(found
        .map(|user| user.value.person)
        .unwrap_or_else(|| panic!("no user {user}")))
}
