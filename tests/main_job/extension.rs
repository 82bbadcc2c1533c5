//! More time for a grant that is live.

use hourglass_local::company::Company;
use hourglass_tests::{Answer, Person, Running, table};
use serde_json::{Value, json};

/// Long enough to be extended on a busy machine before it ends.
const LIFE: &str = "20s";
/// By how much: long enough for a busy machine to see that its old end was not the end.
const MORE: &str = "15s";

async fn running() -> anyhow::Result<Running> {
    Running::start_with(|options| {
        options.short_durations = [LIFE, MORE].map(|text| text.parse().expect("a duration")).to_vec();
    })
    .await
}

async fn extend(running: &Running, who: &Person, grant: &str, duration: &str) -> anyhow::Result<Answer> {
    let body = json!({"duration": duration, "justification": "INC-42: the restart takes longer"});
    running.post(who, &format!("/v1/grants/{grant}/extend"), &body).await
}

/// The names of the schedules that exist.
fn schedules(running: &Running) -> anyhow::Result<Vec<String>> {
    let snapshot = running.system.world.scheduler.snapshot()?;
    let names = snapshot["schedules"].as_array().cloned().unwrap_or_default();
    Ok(names
        .iter()
        .filter_map(|schedule| schedule["name"].as_str().map(str::to_owned))
        .collect())
}

async fn schedules_are(running: &Running, wanted: &[String]) -> anyhow::Result<()> {
    running
        .until("the schedules", || async {
            let found = schedules(running)?;
            Ok(if found == wanted {
                Ok(())
            } else {
                Err(format!("{found:?}"))
            })
        })
        .await
}

fn has(timeline: &[String], action: &str) {
    assert!(
        timeline.iter().any(|found| found == action),
        "{action} is missing in {timeline:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_extended_grant_ends_later_by_a_timer_of_its_own() -> anyhow::Result<()> {
    let running = running().await?;
    let company = Company::new();
    let (dana, kim) = (running.requester().await?, running.approver().await?);
    let group = company.prod_admins.id.to_string();
    let account = company.requester.id.to_string();
    let (first, grant) = running.granted(&dana, &running.entitlement(), LIFE).await?;
    let before = running
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    schedules_are(&running, &[format!("g-{grant}-1")]).await?;

    let asked = extend(&running, &dana, &grant, LIFE).await?;
    assert_eq!(asked.status, 201, "{asked}");
    assert_eq!(
        (asked.text("extends"), asked.text("status")),
        (grant.clone(), "pending".to_owned())
    );
    assert_eq!(
        asked.text("lapses_at"),
        before["expires_at"],
        "with the grant at the latest"
    );
    let again = extend(&running, &dana, &grant, MORE).await?;
    assert_eq!((again.status, again.code()), (409, "already-extending"), "{again}");

    // For less time than was asked for.
    let body = json!({"decision": "approve", "duration": MORE});
    let path = format!("/v1/requests/{}/decisions", asked.text("id"));
    let decided = running.post(&kim, &path, &body).await?.ok()?;
    assert_eq!(decided["grant"], grant.as_str());
    schedules_are(&running, &[format!("g-{grant}-2")]).await?;
    let longer = running.get(&dana, &format!("/v1/grants/{grant}")).await?.ok()?;
    assert_eq!(longer["extensions"], json!([asked.text("id")]));
    assert_eq!(seconds(&longer["expires_at"]) - seconds(&before["expires_at"]), 15);
    assert_eq!((&longer["id"], &longer["status"]), (&before["id"], &json!("active")));

    // The sweep finds the promise of the old end, finds nothing due, and forgets it.
    let old = before["expires_at"].as_str().unwrap_or_default().to_owned();
    running
        .until("the old end is past and its promise forgotten", || async {
            let grant = running.get(&dana, &format!("/v1/grants/{grant}")).await?.ok()?;
            if grant["status"] != "active" {
                anyhow::bail!("{grant} did not live until its new end");
            }
            let promise = table(&running.system.world)?.into_iter().find(|item| {
                item["sk"]["S"]
                    .as_str()
                    .is_some_and(|sk| sk.starts_with(&format!("{old}#expire#")))
            });
            Ok(promise.map_or(Ok(()), |promise| Err(promise.to_string())))
        })
        .await?;
    assert_eq!(running.members(&group).await?, [account.as_str()], "past its old end");
    running.member_is(&group, &account, false).await?;
    let ended = running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "expired");
    assert_eq!(ended["expires_at"], longer["expires_at"]);
    schedules_are(&running, &[]).await?;

    let timeline = running.timeline(&dana, &first).await?;
    for action in [
        "grant.extension_requested",
        "grant.extended",
        "grant.rescheduled",
        "grant.ended",
    ] {
        has(&timeline, action);
    }
    let timeline = running.timeline(&dana, &asked.text("id")).await?;
    assert_eq!(timeline, ["request.created", "request.approved"]);
    let history = running.get(&dana, "/v1/history").await?.ok()?;
    let named: Vec<&Value> = history["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| &item["grant"]["id"])
        .collect();
    assert_eq!(named, [&json!(grant), &json!(grant)], "both requests show the grant");
    running.system.stop().await;
    Ok(())
}

/// An RFC 3339 time in seconds.
fn seconds(time: &Value) -> i64 {
    let time: hourglass_domain::Timestamp = time.as_str().unwrap_or_default().parse().expect("a time");
    time.seconds()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_time_is_refused_by_name_where_it_cannot_be_had() -> anyhow::Result<()> {
    let running = running().await?;
    let (dana, kim, admin) = (
        running.requester().await?,
        running.approver().await?,
        running.admin().await?,
    );
    let entitlement = running.entitlement();
    let path = format!("/v1/admin/entitlements/{entitlement}");
    let mut body = running.get(&admin, &path).await?.ok()?;
    body["absolute_maximum"] = json!("3h");
    for field in ["id", "created_at", "version"] {
        body.as_object_mut().expect("an object").remove(field);
    }
    running.put(&admin, &path, &body).await?.ok()?;
    let offers = running.get(&dana, "/v1/entitlements").await?.ok()?;
    let offer = offers["items"]
        .as_array()
        .expect("items")
        .iter()
        .find(|offer| offer["id"] == entitlement.as_str());
    assert_eq!(offer.map(|offer| &offer["absolute_maximum"]), Some(&json!("3h")));

    let (_, grant) = running.granted(&dana, &entitlement, "2h").await?;
    let too_long = extend(&running, &dana, &grant, "2h").await?;
    assert_eq!(
        (too_long.status, too_long.code()),
        (422, "beyond-maximum"),
        "{too_long}"
    );
    assert_eq!(too_long.field(), Some("duration"));
    let odd = extend(&running, &dana, &grant, "3h").await?;
    assert_eq!((odd.status, odd.code()), (422, "duration-not-allowed"), "{odd}");
    let others = extend(&running, &kim, &grant, "1h").await?;
    assert_eq!((others.status, others.code()), (403, "role-missing"), "{others}");

    // To the maximum and not a minute longer.
    let asked = extend(&running, &dana, &grant, "1h").await?.ok()?;
    let id = asked["id"].as_str().unwrap_or_default();
    let own = running.decide(&dana, id, "approve").await?;
    assert_eq!(own.status, 403, "{own}");
    running.decide(&kim, id, "approve").await?.ok()?;
    let full = extend(&running, &dana, &grant, "30m").await?;
    assert_eq!((full.status, full.code()), (422, "beyond-maximum"), "{full}");
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_for_more_time_closes_with_its_grant() -> anyhow::Result<()> {
    let running = running().await?;
    let company = Company::new();
    let (dana, kim) = (running.requester().await?, running.approver().await?);
    let (_, grant) = running.granted(&dana, &running.entitlement(), "1h").await?;
    running
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    let asked = extend(&running, &dana, &grant, "1h").await?.ok()?;
    let id = asked["id"].as_str().unwrap_or_default().to_owned();
    // The workers hear nothing, so that it is the decision that finds the order to end.
    running
        .system
        .stream
        .set_chaos(hourglass_local::aws::stream::StreamChaos {
            pause: true,
            ..Default::default()
        });
    let check_in = format!("/v1/grants/{grant}/check-in");
    running.post(&dana, &check_in, &json!({})).await?.ok()?;
    let late = running.decide(&kim, &id, "approve").await?;
    assert_eq!(late.status, 409, "{late}");
    assert!(
        ["grant-not-live", "request-not-pending"].contains(&late.code()),
        "{late}"
    );
    let closed = running.get(&dana, &format!("/v1/requests/{id}")).await?.ok()?;
    assert_eq!(
        (&closed["status"], &closed["closed_because"]),
        (&json!("cancelled"), &json!("grant_ended"))
    );
    let again = extend(&running, &dana, &grant, "1h").await?;
    assert_eq!((again.status, again.code()), (409, "grant-not-live"), "{again}");
    running.system.stream.set_chaos(Default::default());
    running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;

    // And without anybody deciding: the account goes, and the request with it.
    let (_, grant) = running.granted(&dana, &running.entitlement(), "1h").await?;
    let asked = extend(&running, &dana, &grant, "1h").await?.ok()?;
    let id = asked["id"].as_str().unwrap_or_default().to_owned();
    let provisioner = running.system.world.entra.provisioner().expect("a provisioner");
    provisioner.disable_user(company.requester.id).await?;
    let auditor = running.person(&company.auditor.user_name).await?;
    running
        .grant_until(&auditor, &grant, |grant| grant["status"] == "ended")
        .await?;
    running
        .until("the request is closed", || async {
            let request = running.get(&auditor, &format!("/v1/requests/{id}")).await?.ok()?;
            Ok(if request["status"] == "cancelled" {
                Ok(())
            } else {
                Err(request.to_string())
            })
        })
        .await?;
    let late = running.decide(&kim, &id, "approve").await?;
    assert_eq!((late.status, late.code()), (409, "request-not-pending"), "{late}");
    running.system.stop().await;
    Ok(())
}
