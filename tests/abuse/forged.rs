//! Somebody who can write to the table, or repeat what it said: "a hand-written approved grant adds nobody", stream
//! records delivered again, and case 52.

use std::collections::BTreeMap;

use hourglass_app::keys;
use hourglass_app::ports::store::{Condition, Write};
use hourglass_app::records::to_item;
use hourglass_domain::Timestamp;
use hourglass_domain::audit::{Event, Head, StreamId, verify};
use hourglass_domain::decision::Decision;
use hourglass_domain::directory::Party;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::grant::{Grant, GrantStatus, TargetStatus};
use hourglass_domain::ids::{GrantId, RequestId};
use hourglass_domain::membership::{HoldState, Holds, MembershipKey};
use hourglass_domain::request::Request;
use hourglass_domain::seal::{SealKey, sealed_bytes};
use hourglass_local::aws::stream::StreamChaos;
use hourglass_local::company::DOMAIN;
use hourglass_seals::Key;
use hourglass_tests::stage::{logged, refused};
use hourglass_tests::{Person, SHORT};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, stage};

const FREYA: &str = "freya.lindqvist@contoso.example";
/// What an intruder would like best.
const FAR: Timestamp = Timestamp::from_seconds(4_000_000_000);

/// A real grant with what it came from.
struct Real {
    grant: Grant,
    request: Request,
    decision: Decision,
}

impl Stage {
    async fn real(&self, grant: &str) -> anyhow::Result<Real> {
        let grant = self.read::<Grant>(&keys::grant(grant.parse()?)).await?.value;
        let request = self.read::<Request>(&keys::request(grant.request)).await?.value;
        let approver = request.approvals[0].approver.person;
        let decision = self
            .read::<Decision>(&keys::decision(request.id, approver))
            .await?
            .value;
        Ok(Real {
            grant,
            request,
            decision,
        })
    }

    /// A grant of the usual requester that has run its course.
    async fn past(&self) -> anyhow::Result<Real> {
        let dana = self.requester().await?;
        let (_, grant) = self.granted(&dana, &self.entitlement(), "1h").await?;
        self.dana_becomes(true).await?;
        let path = format!("/v1/grants/{grant}/check-in");
        self.post(&dana, &path, &json!({})).await?.ok()?;
        self.grant_until(&dana, &grant, |grant| grant["status"] == "ended")
            .await?;
        self.real(&grant).await
    }

    async fn freya(&self) -> anyhow::Result<Party> {
        let id = self.user_id(FREYA).await?.parse()?;
        let user: hourglass_domain::directory::User = self.read(&keys::user(&DOMAIN.parse()?, id)).await?.value;
        let tenant = self.services.config.sign_in_tenants[0];
        Ok(user.party(tenant).expect("an object id"))
    }

    /// Waits until the forged grant has been dealt with, and checks that nobody got in and that it alarmed.
    async fn adds_nobody(&self, id: GrantId, what: &str) -> anyhow::Result<()> {
        self.until(what, || async {
            let grant = self.read::<Grant>(&keys::grant(id)).await?.value;
            let over = matches!(grant.status, GrantStatus::Ended);
            Ok(if over { Ok(()) } else { Err(format!("{grant:?}")) })
        })
        .await?;
        self.nobody_is_in(what).await?;
        assert!(
            !logged(&["does not verify from its evidence", &id.to_string()]).is_empty(),
            "{what}: no alarm"
        );
        assert!(
            !logged(&["evidence_failures", "_aws"]).is_empty(),
            "{what}: not counted"
        );
        Ok(())
    }

    async fn nobody_is_in(&self, what: &str) -> anyhow::Result<()> {
        let members = self.members(&self.company.prod_admins.id.to_string()).await?;
        assert_eq!(members, Vec::<String>::new(), "{what}");
        Ok(())
    }

    /// A hold that may add, as a worker would have stored it.
    async fn forge_hold(&self, grant: &Grant, account: &Party) -> anyhow::Result<()> {
        for target in &grant.targets {
            let key = MembershipKey {
                target: target.target.clone(),
                account: account.object_id,
            };
            let holds = Holds::none(key).with_waiting(grant.id, grant.starts_at, grant.expires_at);
            self.forge(&holds.with_state(grant.id, HoldState::Adding)).await?;
        }
        Ok(())
    }
}

/// The grant again under another id, as somebody would write it who wants in.
fn again(real: &Real, id: u128) -> Grant {
    let mut grant = real.grant.clone();
    grant.id = GrantId::new(Uuid::from_u128(id));
    grant.status = GrantStatus::Approved;
    grant.ended_because = None;
    (grant.ending_at, grant.ended_at, grant.active_at, grant.schedule) = (None, None, None, None);
    grant.expires_at = FAR;
    grant.due = Vec::new();
    for target in &mut grant.targets {
        target.status = TargetStatus::Waiting;
    }
    grant
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_written_approved_grant_adds_nobody() -> anyhow::Result<()> {
    let stage = stage().await?;
    let real = stage.past().await?;
    let freya = stage.freya().await?;
    stage.nobody_is_in("before").await?;

    let plain = again(&real, 0xf1);
    stage.forge(&plain).await?;
    stage.adds_nobody(plain.id, "a copy of a grant that is over").await?;

    let mut orphan = again(&real, 0xf2);
    orphan.request = RequestId::new(Uuid::from_u128(0xdead));
    stage.forge(&orphan).await?;
    stage.adds_nobody(orphan.id, "a grant without a request").await?;

    let mut other = again(&real, 0xf3);
    (other.beneficiary, other.requester) = (freya.clone(), freya.clone());
    stage.forge(&other).await?;
    stage.adds_nobody(other.id, "a grant for somebody else").await?;

    // The request is made to name it, as far as a request goes.
    let mut named = again(&real, 0xf4);
    let mut request = real.request.clone();
    request.id = RequestId::new(Uuid::from_u128(0xf4));
    request.grant = Some(named.id);
    named.request = request.id;
    stage.forge(&request).await?;
    stage.forge(&named).await?;
    stage
        .adds_nobody(named.id, "a grant whose request nobody decided on")
        .await?;

    // With a decision, but by the beneficiary.
    let mut own = again(&real, 0xf5);
    let mut request = real.request.clone();
    request.id = RequestId::new(Uuid::from_u128(0xf5));
    (request.grant, own.request) = (Some(own.id), request.id);
    let mut decision = real.decision.clone();
    (decision.request, decision.approver) = (request.id, request.beneficiary.clone());
    own.expires_at = real.grant.expires_at;
    stage.forge(&request).await?;
    stage.forge(&decision).await?;
    stage.forge(&own).await?;
    stage
        .adds_nobody(own.id, "a grant that its beneficiary decided on")
        .await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_written_grant_that_claims_to_be_under_way_adds_nobody() -> anyhow::Result<()> {
    let stage = stage().await?;
    let real = stage.past().await?;
    let freya = stage.freya().await?;
    for (n, status) in [(0xa1, GrantStatus::Activating), (0xa2, GrantStatus::Active)] {
        for beneficiary in [real.grant.beneficiary.clone(), freya.clone()] {
            let mut grant = again(&real, n + u128::from(beneficiary == freya) * 0x10);
            grant.status = status;
            grant.schedule = Some(grant.schedule_name());
            grant.beneficiary = beneficiary.clone();
            for target in &mut grant.targets {
                target.status = TargetStatus::Adding;
            }
            stage.forge_hold(&grant, &beneficiary).await?;
            stage.forge(&grant).await?;
            stage
                .adds_nobody(grant.id, &format!("{status:?} for {}", beneficiary.name))
                .await?;
        }
    }
    stage.stop().await;
    Ok(())
}

/// How the decision behind a perfect grant is sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SealedBy {
    /// Not at all.
    Nobody,
    /// With a key of the intruder's own, under the id of the real one.
    AnotherKey,
    /// With the seal of the real decision that it was copied from.
    TheRealDecisions,
    /// With the key of rules.
    TheKeyOfRules,
    /// As approvals would.
    Approvals,
}

impl Stage {
    /// A decision with a seal of this sort.
    async fn forge_sealed(&self, real: &Real, decision: &Decision, by: SealedBy) -> anyhow::Result<()> {
        let mut item = to_item(decision, 1)?;
        let bytes = sealed_bytes("decision", (&item.key.pk, &item.key.sk), decision)?;
        let seals = &self.services.core.seals;
        let genuine: Value = {
            let key = keys::decision(real.request.id, real.decision.approver.person);
            let stored = self.services.core.store.get(&key).await?;
            stored.and_then(|item| item.body.get("seal").cloned()).expect("a seal")
        };
        let seal = match by {
            SealedBy::Nobody => None,
            SealedBy::AnotherKey => {
                let id = genuine["key_id"].as_str().expect("an id");
                let key = Key::new(id, &"a-key-of-the-intruder-and-long-enough".into())?;
                Some(serde_json::to_value(key.seal(&bytes))?)
            }
            SealedBy::TheRealDecisions => Some(genuine),
            SealedBy::TheKeyOfRules => Some(serde_json::to_value(seals.seal(SealKey::Policy, &bytes).await?)?),
            SealedBy::Approvals => Some(serde_json::to_value(seals.seal(SealKey::Decisions, &bytes).await?)?),
        };
        if let Some(seal) = seal {
            item.body.insert("seal".to_owned(), seal);
        }
        let condition = Condition::Any;
        let stored = self.services.core.store.commit(vec![Write::Put { item, condition }]);
        stored.await.map_err(|error| anyhow::anyhow!("{error:?}"))
    }

    /// A grant that is perfect in all its parts: request, decision, grant, holds and promises, all that approvals writes.
    async fn forge_perfect(&self, real: &Real, id: u128, by: SealedBy) -> anyhow::Result<Grant> {
        let mut grant = again(real, id);
        let (mut request, mut decision) = (real.request.clone(), real.decision.clone());
        request.id = RequestId::new(Uuid::from_u128(id));
        (request.grant, grant.request, decision.request) = (Some(grant.id), request.id, request.id);
        grant.expires_at = real.grant.expires_at;
        grant.due = vec![
            DueEntry::new(self.now(), DueKind::Advance, grant.id),
            DueEntry::new(grant.expires_at, DueKind::Expire, grant.id),
        ];
        self.forge_sealed(real, &decision, by).await?;
        self.forge(&request).await?;
        for target in &grant.targets {
            let key = MembershipKey {
                target: target.target.clone(),
                account: grant.beneficiary.object_id,
            };
            let before = self.read::<Holds>(&keys::holds(&key)).await?.value;
            self.forge(&before.with_waiting(grant.id, grant.starts_at, grant.expires_at))
                .await?;
        }
        for entry in &grant.due {
            self.forge(entry).await?;
        }
        self.forge(&grant).await?;
        Ok(grant)
    }
}

/// Everything fits together, and nobody but approvals can have sealed the decision: the seal is all that is missing, as
/// the last of them shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_written_approved_grant_that_is_perfect_adds_nobody() -> anyhow::Result<()> {
    let stage = stage().await?;
    let real = stage.past().await?;
    let wrong = [
        SealedBy::Nobody,
        SealedBy::AnotherKey,
        SealedBy::TheRealDecisions,
        SealedBy::TheKeyOfRules,
    ];
    for (n, by) in (0xc1..).zip(wrong) {
        let grant = stage.forge_perfect(&real, n, by).await?;
        stage.adds_nobody(grant.id, &format!("sealed by {by:?}")).await?;
        assert!(
            !logged(&["carries no valid seal", &format!("DEC#{}", grant.request)]).is_empty(),
            "{by:?}"
        );
    }
    stage.forge_perfect(&real, 0xd1, SealedBy::Approvals).await?;
    stage.dana_becomes(true).await?;
    stage.stop().await;
    Ok(())
}

/// An entitlement that somebody wrote past admin: nothing is granted by it, it shows, and it ends as any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entitlement_without_a_seal_grants_nothing_and_ends_as_any_other() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim, admin) = (stage.requester().await?, stage.approver().await?, stage.admin().await?);
    let id = stage.entitlement();
    let (_, live) = stage.granted(&dana, &id, "1h").await?;
    stage
        .grant_until(&dana, &live, |grant| grant["status"] == "active")
        .await?;
    let freya = stage.person(FREYA).await?;
    let request = stage.asked(&freya, "1h").await?;

    let key = keys::entitlement(&DOMAIN.parse()?, id.parse()?);
    let entitlement = stage.read::<Entitlement>(&key).await?.value;
    stage.forge(&entitlement).await?;

    refused(&stage.decide(&kim, &request, "approve").await?, 409, "seal-broken");
    let events = stage.all(&kim, &format!("/v1/requests/{request}/events")).await?;
    assert!(
        events.iter().any(|event| event["facts"]["rule"] == "seal-broken"),
        "{events:?}"
    );
    assert!(!logged(&["evidence_failures", "_aws"]).is_empty());
    let body = json!({"entitlement": id, "duration": "1h", "justification": "INC-42: restart"});
    let preview = stage.post(&dana, "/v1/requests/preview", &body).await?;
    refused(&preview, 409, "seal-broken");

    // It is shown for what it is, to those who ask and to those who configure.
    let offers = stage.all(&dana, "/v1/entitlements").await?;
    let offer = offers.iter().find(|offer| offer["id"] == id.as_str()).expect("offered");
    assert_eq!(offer["requestable"], false, "{offer}");
    assert!(
        offer["problem"]
            .as_str()
            .is_some_and(|why| why.contains("no valid seal")),
        "{offer}"
    );
    assert!(
        offers.iter().any(|offer| offer["requestable"] == true),
        "others are as they were"
    );
    let path = format!("/v1/admin/entitlements/{id}");
    let shown = stage.get(&admin, &path).await?.ok()?;
    assert_eq!(shown["unusable"], "it has no seal");

    // Access that is there ends as ever.
    stage
        .post(&dana, &format!("/v1/grants/{live}/check-in"), &json!({}))
        .await?
        .ok()?;
    let ended = stage
        .grant_until(&dana, &live, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["targets"][0]["status"], "absent", "{ended}");

    // An admin saves it again, and it is usable.
    stage.change_entitlement(&id, |_| ()).await?;
    assert_eq!(stage.get(&admin, &path).await?.ok()?["unusable"], Value::Null);
    stage.granted(&dana, &id, "1h").await?;
    stage.dana_becomes(true).await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_written_hold_neither_adds_nor_keeps() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    let real = stage.real(&grant).await?;
    let key = MembershipKey {
        target: real.grant.targets[0].target.clone(),
        account: real.grant.beneficiary.object_id,
    };
    let mut holds = stage.read::<Holds>(&keys::holds(&key)).await?.value;
    // One of a grant that is not there, and the real one's moved to the end of days.
    let nobodys = GrantId::new(Uuid::from_u128(0xb1));
    holds = holds
        .with_waiting(nobodys, real.grant.starts_at, FAR)
        .with_state(nobodys, HoldState::Adding);
    holds = holds.with_waiting(real.grant.id, real.grant.starts_at, FAR);
    stage.forge(&holds).await?;
    let path = format!("/v1/grants/{grant}/check-in");
    stage.post(&dana, &path, &json!({})).await?.ok()?;
    let ended = stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["targets"][0]["status"], "absent", "{ended}");
    stage.nobody_is_in("a hold that no grant stands behind").await?;
    assert!(!logged(&["a hold belongs to no grant", &nobodys.to_string()]).is_empty());

    // Where there was nothing at all: nobody is asked to look, and whoever does look adds nobody.
    let freya = stage.freya().await?;
    let mut forged = real.grant.clone();
    forged.id = GrantId::new(Uuid::from_u128(0xb2));
    stage.forge_hold(&forged, &freya).await?;
    let promise = DueEntry::new(stage.now(), DueKind::Advance, forged.id);
    stage.forge(&promise).await?;
    stage.trigger(json!({"grant": forged.id})).await?;
    stage.settled().await?;
    stage.nobody_is_in("a hold without a grant").await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_grant_that_is_stretched_by_hand_ends() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    stage.settled().await?;
    let mut stretched = stage.real(&grant).await?.grant;
    stretched.expires_at = FAR;
    stage.forge(&stretched).await?;
    stage.adds_nobody(stretched.id, "a grant whose end was moved").await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_that_is_changed_before_the_activation_adds_nobody() -> anyhow::Result<()> {
    type Forge = fn(&mut Real);
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let freya = stage.freya().await?;
    let changes: [(&str, Forge); 5] = [
        ("a longer duration", |real| {
            real.request.duration = "2d".parse().expect("a duration")
        }),
        ("a denial", |real| {
            real.decision.verdict = hourglass_domain::decision::Verdict::Deny
        }),
        ("other rules", |real| {
            real.request.policy.hash = hourglass_domain::canonical::Digest::of(b"other")
        }),
        ("no approval", |real| {
            real.decision.request = RequestId::new(Uuid::from_u128(1))
        }),
        ("a later end", |real| real.grant.expires_at = FAR),
    ];
    for (what, change) in changes {
        stage.graph_answers(503).await?;
        let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
        stage
            .grant_until(&dana, &grant, |grant| grant["failing_since"].is_string())
            .await?;
        let mut real = stage.real(&grant).await?;
        let longer = what == "a longer duration";
        change(&mut real);
        if longer {
            real.grant.expires_at = real.request.duration.end_from(real.grant.starts_at);
        }
        let key = keys::decision(real.request.id, real.decision.approver.person);
        stage.erase(key).await?;
        stage.forge(&real.decision).await?;
        stage.forge(&real.request).await?;
        stage.forge(&real.grant).await?;
        stage.clear_graph_faults().await?;
        stage.adds_nobody(real.grant.id, what).await?;
    }
    // Somebody else in the place of the one who asked.
    stage.graph_answers(503).await?;
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    let mut real = stage.real(&grant).await?;
    real.request.beneficiary = freya.clone();
    real.grant.beneficiary = freya;
    stage.forge(&real.request).await?;
    stage.forge(&real.grant).await?;
    stage.clear_graph_faults().await?;
    stage.adds_nobody(real.grant.id, "another beneficiary").await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_stream_again_changes_nothing() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let kim = stage.approver().await?;
    stage.past().await?;
    let readers = stage.entitlement_named("prod-readers").await?;
    let (_, short) = stage.granted(&dana, &readers, SHORT).await?;
    stage
        .grant_until(&dana, &short, |grant| grant["status"] == "ended")
        .await?;
    let (_, live) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage
        .grant_until(&dana, &live, |grant| grant["status"] == "active")
        .await?;
    let open = stage.asked(&dana, "1h").await?;
    stage.decide(&kim, &open, "deny").await?.ok()?;
    stage.asked(&dana, "1h").await?;
    let provisioner = stage.provisioner();
    let gone = stage.company.person(FREYA).expect("seeded").id;
    provisioner.disable_user(gone).await?;
    provisioner.enable_user(gone).await?;

    let before = stage.settled().await?;
    let end = stage.system.stream.position()?;
    let writes = graph_writes(&stage).await?;
    for (redeliver, batch_size) in [(false, None), (true, Some(1)), (true, Some(100))] {
        stage.system.stream.set_chaos(StreamChaos {
            redeliver,
            batch_size,
            pause: false,
        });
        stage.system.stream.rewind()?;
        // Something that was written would move the end; what was shows below.
        let last = end.clone();
        stage
            .until("the stream worked off", || async {
                let now = stage.system.stream.position()?;
                Ok(if number(&now) >= number(&last) {
                    Ok(())
                } else {
                    Err(format!("{now:?}"))
                })
            })
            .await?;
        stage.unchanged(&before, "the stream again")?;
    }
    assert_eq!(graph_writes(&stage).await?, writes, "and nothing is sent to Graph");
    assert!(stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

fn number(position: &Option<String>) -> Option<u128> {
    position.as_ref()?.parse().ok()
}

/// How often Graph was asked to change something.
async fn graph_writes(stage: &Stage) -> anyhow::Result<Vec<Value>> {
    let calls = stage.http().get(format!("{}/_calls", stage.ready.graph)).send().await?;
    let calls: Value = calls.json().await?;
    let mut counts = calls["counts"].as_array().cloned().unwrap_or_default();
    counts.retain(|count| !count["route"].as_str().unwrap_or_default().starts_with("GET"));
    assert!(!counts.is_empty(), "{calls}");
    Ok(counts)
}

/// Everything in the audit trail, by stream.
async fn trail(stage: &Stage) -> anyhow::Result<BTreeMap<String, (Vec<Event>, Head)>> {
    let mut streams = BTreeMap::new();
    for key in stage.state()?.into_keys() {
        let Some(name) = key.strip_prefix("AUD#").and_then(|key| key.strip_suffix(" / HEAD")) else {
            continue;
        };
        let id: StreamId = serde_json::from_value(json!(name))?;
        let head = stage.read::<Head>(&keys::audit_head(&id)).await?.value;
        let mut events = Vec::new();
        for seq in 1..=head.seq {
            events.push(stage.read::<Event>(&keys::audit_event(&id, seq)).await?.value);
        }
        streams.insert(name.to_owned(), (events, head));
    }
    Ok(streams)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_52_a_changed_audit_trail_shows() -> anyhow::Result<()> {
    let stage = stage().await?;
    let real = stage.past().await?;
    let name = format!("request:{}", real.request.id);
    let stream: StreamId = serde_json::from_value(json!(name))?;
    let streams = trail(&stage).await?;
    assert!(
        streams.len() > 50,
        "users, groups, configuration, the request and its membership"
    );
    for (name, (events, head)) in &streams {
        let stream: StreamId = serde_json::from_value(json!(name))?;
        verify(&stream, events, head).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
    }
    // Each way to make it tell another story breaks the chain.
    let (events, head) = streams[&name].clone();
    let who: Person = stage.approver().await?;
    let shown = stage
        .all(&who, &format!("/v1/requests/{}/events", real.request.id))
        .await?;
    assert_eq!(shown.len(), events.len());
    let at = events
        .iter()
        .position(|event| event.action == "request.approved")
        .expect("approved");
    let changed = |change: &dyn Fn(&mut Vec<Event>)| {
        let mut events = events.clone();
        change(&mut events);
        verify(&stream, &events, &head)
    };
    assert!(changed(&|events| events[at].action = "request.denied".to_owned()).is_err());
    assert!(changed(&|events| events[at].at = FAR).is_err());
    assert!(changed(&|events| drop(events[at].facts.insert("duration".to_owned(), "2d".to_owned()))).is_err());
    assert!(changed(&|events| events[at].objects.clear()).is_err());
    assert!(changed(&|events| drop(events.remove(at))).is_err());
    assert!(changed(&|events| drop(events.pop())).is_err());
    assert!(changed(&|events| events.swap(at, at - 1)).is_err());
    assert!(changed(&|events| events.truncate(1)).is_err());
    assert!(changed(&|_| ()).is_ok());
    stage.stop().await;
    Ok(())
}
