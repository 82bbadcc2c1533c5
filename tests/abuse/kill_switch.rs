//! The kill switch: everything in its scope ends and nothing in it begins, whatever goes on meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use hourglass_app::admin::kill_switch;
use hourglass_app::caller::identify;
use hourglass_app::requests::NewRequest;
use hourglass_app::{AppError, approvals, keys, requests};
use hourglass_domain::Refusal;
use hourglass_domain::decision::{Verdict, Vote};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{EndOrder, EndReason, Grant};
use hourglass_domain::ids::{EntitlementId, GrantId, KillId, WorkerId};
use hourglass_domain::kill_switch::{KillOrder, KillScope, Pause, Stage as Step};
use hourglass_domain::request::Ask;
use hourglass_local::aws::stream::StreamChaos;
use hourglass_tests::stage::{logged, refused};
use hourglass_tests::{Answer, Person};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::stage::{Stage, stage};

const KILL: &str = "/v1/admin/kill-switch";

impl Stage {
    async fn second_admin(&self) -> anyhow::Result<Person> {
        self.person(&self.company.second_admin.user_name).await
    }

    async fn look(&self, admin: &Person, scope: &Value) -> anyhow::Result<Answer> {
        self.post(admin, &format!("{KILL}/preview"), scope).await
    }

    /// Looks and presses; answers the press.
    async fn kill(&self, admin: &Person, scope: &Value) -> anyhow::Result<Value> {
        let confirmation = self.look(admin, scope).await?.ok()?["confirmation"].clone();
        let mut body = scope.clone();
        body["reason"] = json!("a laptop was stolen");
        body["confirmation"] = confirmation;
        let pressed = self.post(admin, KILL, &body).await?;
        assert_eq!(pressed.status, 202, "{pressed}");
        pressed.ok()
    }

    /// The entry of a press, once it was carried out.
    async fn carried_out(&self, admin: &Person, press: &Value) -> anyhow::Result<Value> {
        self.until("the order carried out", || async {
            let state = self.get(admin, KILL).await?.ok()?;
            let items = state["items"].as_array().cloned().unwrap_or_default();
            let entry = items
                .into_iter()
                .find(|entry| entry["press"] == press["press"] && entry["carried_out"] == true);
            Ok(entry.ok_or_else(|| state.to_string()))
        })
        .await
    }

    async fn release(
        &self,
        admin: &Person,
        scope: &Value,
        press: &Value,
        proposal: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let mut body = scope.clone();
        body["press"] = press["press"].clone();
        if let Some(proposal) = proposal {
            body["proposal"] = proposal.clone();
        }
        self.post(admin, &format!("{KILL}/release"), &body).await
    }

    async fn active(&self, who: &Person, entitlement: &str) -> anyhow::Result<(String, String)> {
        let ids = self.granted(who, entitlement, "1h").await?;
        self.grant_until(who, &ids.1, |grant| grant["status"] == "active")
            .await?;
        Ok(ids)
    }

    async fn killed(&self, who: &Person, grant: &str) -> anyhow::Result<()> {
        let ended = self.grant_until(who, grant, |grant| grant["status"] == "ended").await?;
        assert_eq!(ended["ended_because"], "killed", "{ended}");
        // Killed before anything was sent, it says so.
        let status = ended["targets"][0]["status"].as_str().unwrap_or_default();
        assert!(["absent", "not_added"].contains(&status), "{ended}");
        Ok(())
    }

    fn group_of(&self, name: &str) -> String {
        self.company.group(name).expect("seeded").id.to_string()
    }

    async fn asked_later(&self, who: &Person, entitlement: &str) -> anyhow::Result<String> {
        let start = self.now().plus_seconds(3_600);
        let body = json!({"entitlement": entitlement, "duration": "1h", "justification": "INC-42: the change tonight",
            "starts_at": start.to_string()});
        let asked = self.post(who, "/v1/requests", &body).await?.ok()?;
        Ok(asked["id"].as_str().unwrap_or_default().to_owned())
    }
}

/// One of each: active, being activated, with its start ahead, ending, and a request that waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story from the look to the release")]
async fn the_kill_switch_ends_everything_until_two_admins_release_it() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, freya) = (
        stage.requester().await?,
        stage.person("freya.lindqvist@contoso.example").await?,
    );
    let (ola, noor) = (stage.admin().await?, stage.second_admin().await?);
    let entitlement = |name: &'static str| stage.entitlement_named(name);
    let (_, active) = stage.active(&dana, &stage.entitlement()).await?;
    let (_, ending) = stage.active(&dana, &entitlement("billing-admins").await?).await?;
    let path = format!("/groups/{}", stage.group_of("billing-admins"));
    let broken = json!({"match": {"path_contains": path}, "status": 503, "until_cleared": true});
    stage.graph_fault(&broken).await?;
    stage
        .post(&dana, &format!("/v1/grants/{ending}/check-in"), &json!({}))
        .await?
        .ok()?;
    stage
        .grant_until(&dana, &ending, |grant| grant["failing_since"].is_string())
        .await?;
    let adds = format!("/groups/{}/members", stage.group_of("db-breakglass"));
    let broken = json!({"match": {"method": "POST", "path_contains": adds}, "status": 503, "until_cleared": true});
    stage.graph_fault(&broken).await?;
    let (_, activating) = stage.granted(&dana, &entitlement("db-breakglass").await?, "1h").await?;
    stage
        .grant_until(&dana, &activating, |grant| grant["status"] == "activating")
        .await?;
    let readers = entitlement("prod-readers").await?;
    let request = stage.asked_later(&dana, &readers).await?;
    let decided = stage
        .decide(&stage.approver().await?, &request, "approve")
        .await?
        .ok()?;
    let scheduled = decided["grant"].as_str().unwrap_or_default().to_owned();
    let pending = stage.asked(&freya, "1h").await?;

    let scope = json!({"scope": "all"});
    let look = stage.look(&ola, &scope).await?.ok()?;
    assert_eq!(
        (&look["grants"], &look["scheduled"], &look["requests"], &look["more"]),
        (&json!(3), &json!(1), &json!(1), &json!(false)),
        "{look}"
    );
    let named: Vec<&Value> = look["some_grants"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|grant| &grant["beneficiary"]["name"])
        .collect();
    assert_eq!(named.len(), 4, "{look}");
    assert!(named.iter().all(|name| **name == "Dana Reyes"), "{look}");
    assert_eq!(look["some_requests"][0]["id"], pending.as_str(), "{look}");

    // Nobody works on the press for a while.
    stage.system.rule.pause(true);
    let silence = StreamChaos {
        pause: true,
        ..StreamChaos::default()
    };
    stage.system.stream.set_chaos(silence);
    let press = stage.kill(&ola, &scope).await?;
    // At once, before anything has ended: nothing is asked for, approved or previewed.
    let again = stage.ask_for(&freya, &readers, "1h").await?;
    refused(&again, 409, "paused");
    assert!(
        again
            .text("detail")
            .contains(press["since"].as_str().unwrap_or_default()),
        "{again}"
    );
    let approver = stage.approver().await?;
    let late = stage.decide(&approver, &pending, "approve").await?;
    assert!(matches!(late.code(), "paused" | "request-not-pending"), "{late}");
    // A release before the order was carried out would let something through that it then ends.
    let early = stage.release(&ola, &scope, &press, None).await?;
    refused(&early, 409, "kill-under-way");
    stage.system.rule.pause(false);
    stage.system.stream.set_chaos(StreamChaos::default());

    stage.killed(&dana, &active).await?;
    stage.killed(&dana, &scheduled).await?;
    assert!(!stage.dana_is_in().await?);
    stage.clear_graph_faults().await?;
    stage.killed(&dana, &activating).await?;
    let over = stage
        .grant_until(&dana, &ending, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(over["ended_because"], "checked_in");
    for group in ["billing-admins", "db-breakglass", "prod-readers", "prod-admins"] {
        assert_eq!(
            stage.members(&stage.group_of(group)).await?,
            Vec::<String>::new(),
            "{group}"
        );
    }
    let cancelled = stage.get(&freya, &format!("/v1/requests/{pending}")).await?.ok()?;
    assert_eq!(cancelled["status"], "cancelled");
    let entry = stage.carried_out(&ola, &press).await?;
    assert_eq!(
        (&entry["removing"], &entry["cancelled_requests"]),
        (&json!(0), &json!(1)),
        "{entry}"
    );
    // A worker that met the scheduled one first has ended it by itself.
    let counted = entry["grants"].as_u64().unwrap_or_default();
    assert!((3..=4).contains(&counted), "{entry}");
    assert_eq!(entry["ended"], counted, "{entry}");
    assert_eq!(
        (&entry["reason"], &entry["by"]["name"]),
        (&json!("a laptop was stolen"), &json!("Ola Berg"))
    );
    assert!(!logged(&["kill switch pressed", press["press"].as_str().unwrap_or_default()]).is_empty());

    // One proposes, somebody else confirms.
    let proposed = stage.release(&ola, &scope, &press, None).await?.ok()?;
    assert_eq!(proposed["status"], "proposed");
    let proposal = proposed["paused"]["proposal"]["id"].clone();
    refused(
        &stage.release(&ola, &scope, &press, Some(&proposal)).await?,
        409,
        "second-admin",
    );
    refused(
        &stage.release(&noor, &scope, &press, None).await?,
        409,
        "release-proposed",
    );
    let unknown = json!(Uuid::from_u128(9));
    refused(
        &stage.release(&noor, &scope, &press, Some(&unknown)).await?,
        404,
        "not-found",
    );
    refused(&stage.ask_for(&freya, &readers, "1h").await?, 409, "paused");
    let released = stage.release(&noor, &scope, &press, Some(&proposal)).await?.ok()?;
    assert_eq!(released, json!({"status": "released"}));
    refused(
        &stage.release(&noor, &scope, &press, Some(&proposal)).await?,
        404,
        "not-found",
    );
    assert_eq!(stage.get(&ola, KILL).await?.ok()?["items"], json!([]));
    let (_, grant) = stage.active(&dana, &stage.entitlement()).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let grant = stage.get(&dana, &format!("/v1/grants/{grant}")).await?.ok()?;
    assert_eq!(
        grant["status"], "active",
        "the order that was carried out ends nothing new"
    );
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_press_for_an_entitlement_or_a_user_leaves_the_others_alone() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, freya) = (
        stage.requester().await?,
        stage.person("freya.lindqvist@contoso.example").await?,
    );
    let (ola, approver) = (stage.admin().await?, stage.approver().await?);
    let readers = stage.entitlement_named("prod-readers").await?;
    let (_, in_scope) = stage.active(&dana, &readers).await?;
    let (_, beside) = stage.active(&dana, &stage.entitlement()).await?;
    let scope = json!({"scope": "entitlement", "id": readers});
    let look = stage.look(&ola, &scope).await?.ok()?;
    assert_eq!((&look["grants"], &look["name"]), (&json!(1), &json!("prod-readers")));
    let press = stage.kill(&ola, &scope).await?;
    stage.killed(&dana, &in_scope).await?;
    let entry = stage.carried_out(&ola, &press).await?;
    assert_eq!(entry["grants"], 1, "{entry}");
    refused(&stage.ask_for(&freya, &readers, "1h").await?, 409, "paused");
    let (_, other) = stage.active(&freya, &stage.entitlement()).await?;

    // A user, whoever they are: an admin who is in scope can press, and what Dana asks for or is given ends.
    let scope = json!({"scope": "user", "id": stage.user_id(&dana.name).await?});
    let waiting = stage
        .ask_for(&dana, &stage.entitlement_named("billing-admins").await?, "1h")
        .await?
        .ok()?;
    let look = stage.look(&ola, &scope).await?.ok()?;
    assert_eq!(
        (&look["grants"], &look["requests"], &look["name"]),
        (&json!(1), &json!(1), &json!("Dana Reyes")),
        "{look}"
    );
    let press = stage.kill(&ola, &scope).await?;
    stage.killed(&dana, &beside).await?;
    stage.carried_out(&ola, &press).await?;
    let waiting = waiting["id"].as_str().unwrap_or_default();
    let waiting = stage.get(&dana, &format!("/v1/requests/{waiting}")).await?.ok()?;
    assert_eq!(waiting["status"], "cancelled");
    refused(&stage.ask(&dana, "1h").await?, 409, "paused");
    let beside = stage.get(&freya, &format!("/v1/grants/{other}")).await?.ok()?;
    assert_eq!(beside["status"], "active");

    // Nor does an approver in scope let anybody in; to deny is always possible.
    let scope = json!({"scope": "user", "id": stage.user_id(&approver.name).await?});
    stage.kill(&ola, &scope).await?;
    let asked = stage
        .ask_for(&freya, &stage.entitlement_named("billing-admins").await?, "1h")
        .await?
        .ok()?;
    let asked = asked["id"].as_str().unwrap_or_default();
    refused(&stage.decide(&approver, asked, "approve").await?, 409, "paused");
    stage.decide(&approver, asked, "deny").await?.ok()?;

    let scope = json!({"scope": "user", "id": stage.user_id(&ola.name).await?});
    stage.kill(&ola, &scope).await?;
    let state = stage.get(&ola, KILL).await?.ok()?;
    assert_eq!(state["items"].as_array().map(Vec::len), Some(4), "{state}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_approval_slips_through_beside_a_press() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (ola, approver) = (stage.admin().await?, stage.approver().await?);
    let mut asked = Vec::new();
    for name in ["dana.reyes", "freya.lindqvist", "bao.tran", "lucia.ferrante"] {
        let who = stage.person(&format!("{name}@contoso.example")).await?;
        for entitlement in ["prod-admins", "prod-readers", "billing-admins"] {
            let entitlement = stage.entitlement_named(entitlement).await?;
            let request = stage.ask_for(&who, &entitlement, "1h").await?.ok()?;
            asked.push((who.clone(), request["id"].as_str().unwrap_or_default().to_owned()));
        }
    }
    let scope = json!({"scope": "all"});
    let confirmation = stage.look(&ola, &scope).await?.ok()?["confirmation"].clone();
    let body = json!({"scope": "all", "reason": "now", "confirmation": confirmation});
    // Three at a time, and the press when two of them have been answered. The last two come after it: however slow the
    // press is, it falls into the middle.
    let (answered, pressed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let last = asked.len() - 2;
    let approve = async |at: usize, request: &str| {
        while at >= last && !pressed.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let answer = stage.decide(&approver, request, "approve").await;
        answered.fetch_add(1, Ordering::SeqCst);
        answer
    };
    let racing = futures_util::stream::iter(asked.iter().enumerate())
        .map(|(at, (_, request))| approve(at, request))
        .buffered(3)
        .collect::<Vec<_>>();
    let press = async {
        while answered.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let answer = stage.post(&ola, KILL, &body).await;
        pressed.store(true, Ordering::SeqCst);
        answer
    };
    let (press, decided) = tokio::join!(press, racing);
    let press = press?.ok()?;
    let (mut granted, mut late) = (Vec::new(), 0);
    for ((who, _), answer) in asked.iter().zip(decided) {
        let answer = answer?;
        if answer.status == 200 {
            granted.push((who, answer.body["grant"].clone()));
        } else {
            assert!(matches!(answer.code(), "paused" | "request-not-pending"), "{answer}");
            late += 1;
        }
    }
    assert!(
        granted.len() >= 2 && late >= 2,
        "the press fell into the middle: {late}"
    );
    for (who, grant) in &granted {
        stage.killed(who, grant.as_str().unwrap_or_default()).await?;
    }
    let entry = stage.carried_out(&ola, &press).await?;
    assert_eq!(entry["removing"], 0, "{entry}");
    for group in ["prod-admins", "prod-readers", "billing-admins"] {
        assert_eq!(stage.members(&stage.group_of(group)).await?, Vec::<String>::new());
    }
    for (who, request) in &asked {
        let request = stage.get(who, &format!("/v1/requests/{request}")).await?.ok()?;
        assert!(
            matches!(request["status"].as_str(), Some("approved" | "cancelled")),
            "{request}"
        );
    }
    stage.stop().await;
    Ok(())
}

/// A press that is stored after a decision, or a request, was judged and before it is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_judged_before_a_press_is_not_stored_after_it() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, ola, approver) = (stage.requester().await?, stage.admin().await?, stage.approver().await?);
    let request = stage.asked(&dana, "1h").await?;
    let core = &stage.services.core;
    let who = async |person: &Person| {
        let caller = stage.services.tokens.verify(&person.token).await.expect("a good token");
        identify(core, caller).await
    };
    let (admin, approver, dana) = (who(&ola).await?, who(&approver).await?, who(&dana).await?);
    let scope = KillScope::All;
    let confirmation = kill_switch::preview(core, &admin, scope).await?.confirmation;
    // The answer is made when everything has been judged.
    let pressed = AtomicBool::new(false);
    let press = || {
        if pressed.swap(true, Ordering::SeqCst) {
            return Value::Null;
        }
        let press = kill_switch::press(core, &admin, scope, "now", &confirmation, None, &|_| Value::Null);
        let answer = tokio::task::block_in_place(|| Handle::current().block_on(press));
        assert_eq!(answer.expect("pressed").status, 202);
        Value::Null
    };
    let vote = Vote {
        verdict: Verdict::Approve,
        duration: None,
        comment: None,
    };
    let decided = approvals::decide(core, &approver, request.parse()?, &vote, None, &|_| press()).await;
    let error = decided.expect_err("the press came first");
    let late = |error: &AppError| {
        matches!(
            error,
            AppError::Refused(Refusal::Paused { .. } | Refusal::RequestNotPending { .. })
        )
    };
    assert!(late(&error), "{error:?}");
    pressed.store(false, Ordering::SeqCst);
    // The same for a request, of which there is none for another entitlement: released, judged, pressed, stored.
    let new = NewRequest {
        entitlement: stage.entitlement_named("prod-readers").await?.parse()?,
        beneficiary: None,
        ask: Ask {
            duration: "1h".parse()?,
            justification: "INC-42: restart the pool".to_owned(),
            ticket: None,
            starts_at: None,
            emergency: false,
        },
    };
    stage.forge(&Pause::none("contoso.example".parse()?)).await?;
    let asked = requests::create(core, &dana, &new, None, &|_| press()).await;
    let error = asked.expect_err("the press came first");
    assert!(late(&error), "{error:?}");
    let grants = stage.state()?.keys().filter(|key| key.starts_with("GRANT#")).count();
    assert_eq!(grants, 0);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_press_while_the_directory_throttles_is_carried_out_when_it_recovers() -> anyhow::Result<()> {
    for status in [429, 503] {
        let stage = stage().await?;
        let (dana, ola) = (stage.requester().await?, stage.admin().await?);
        let mut grants = Vec::new();
        for name in ["prod-admins", "prod-readers", "billing-admins"] {
            grants.push(stage.active(&dana, &stage.entitlement_named(name).await?).await?.1);
        }
        stage.graph_answers(status).await?;
        let press = stage.kill(&ola, &json!({"scope": "all"})).await?;
        // Every grant has its order although no target answers.
        let entry = stage.carried_out(&ola, &press).await?;
        assert_eq!(
            (&entry["grants"], &entry["removing"]),
            (&json!(3), &json!(3)),
            "{entry}"
        );
        for grant in &grants {
            let ending = stage
                .grant_until(&dana, grant, |grant| grant["failing_since"].is_string())
                .await?;
            assert_eq!(
                (&ending["status"], &ending["ended_because"]),
                (&json!("ending"), &json!("killed"))
            );
        }
        assert!(stage.dana_is_in().await?);
        stage.clear_graph_faults().await?;
        for grant in &grants {
            stage.killed(&dana, grant).await?;
        }
        assert!(!stage.dana_is_in().await?);
        stage.stop().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_48_everything_can_be_ended_while_approvals_are_paused_and_the_directory_throttles() -> anyhow::Result<()>
{
    let stage = stage().await?;
    let (dana, freya) = (
        stage.requester().await?,
        stage.person("freya.lindqvist@contoso.example").await?,
    );
    let (ola, kim) = (stage.admin().await?, stage.approver().await?);
    let auditor = stage.person(&stage.company.auditor.user_name).await?;
    let mut grants = Vec::new();
    for (who, name, because) in [
        (&dana, "prod-admins", "killed"),
        (&dana, "prod-readers", "checked_in"),
        (&dana, "billing-admins", "revoked"),
        (&freya, "db-breakglass", "user_deactivated"),
        (&dana, "k8s-operators", "killed"),
    ] {
        let entitlement = stage.entitlement_named(name).await?;
        let (_, grant) = stage.active(who, &entitlement).await?;
        grants.push((grant, name, because));
    }
    let waiting = stage.ask_for(&freya, &stage.entitlement(), "1h").await?.ok()?["id"].clone();
    stage
        .graph_fault(
            &json!({"match": {"path_contains": "/groups/"}, "status": 429, "retry_after_seconds": 1, "until_cleared": true}),
        )
        .await?;
    let scope = json!({"scope": "entitlement", "id": stage.entitlement()});
    stage.kill(&ola, &scope).await?;
    let late = stage
        .decide(&kim, waiting.as_str().unwrap_or_default(), "approve")
        .await?;
    assert!(matches!(late.code(), "paused" | "request-not-pending"), "{late}");
    // A person, an approver, the account itself, and an admin for all that is left.
    let path = format!("/v1/grants/{}/check-in", grants[1].0);
    stage.post(&dana, &path, &json!({})).await?.ok()?;
    let path = format!("/v1/grants/{}/revoke", grants[2].0);
    let reason = json!({"reason": "an incident"});
    stage.post(&kim, &path, &reason).await?.ok()?;
    let account = stage.company.person(&freya.name).expect("seeded").id;
    stage.provisioner().disable_user(account).await?;
    for (grant, _, because) in &grants[..4] {
        let ending = stage
            .grant_until(&auditor, grant, |grant| grant["status"] == "ending")
            .await?;
        assert_eq!(ending["ended_because"], *because, "{ending}");
    }
    let press = stage.kill(&ola, &json!({"scope": "all"})).await?;
    let entry = stage.carried_out(&ola, &press).await?;
    assert!(entry["removing"].as_u64() >= Some(1), "{entry}");
    stage.clear_graph_faults().await?;
    for (grant, name, because) in &grants {
        let ended = stage
            .grant_until(&auditor, grant, |grant| grant["status"] == "ended")
            .await?;
        assert_eq!(ended["ended_because"], *because, "{ended}");
        assert_eq!(stage.members(&stage.group_of(name)).await?, Vec::<String>::new());
    }
    refused(&stage.ask(&dana, "1h").await?, 409, "paused");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_press_takes_over_from_the_first() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, ola, noor) = (
        stage.requester().await?,
        stage.admin().await?,
        stage.second_admin().await?,
    );
    let (_, grant) = stage.active(&dana, &stage.entitlement()).await?;
    let scope = json!({"scope": "all"});
    stage.system.stream.set_chaos(StreamChaos {
        pause: true,
        ..StreamChaos::default()
    });
    let first = stage.kill(&ola, &scope).await?;
    let second = stage.kill(&noor, &scope).await?;
    assert_ne!(first["press"], second["press"]);
    assert_eq!(first["since"], second["since"], "paused since the first");
    stage.system.stream.set_chaos(StreamChaos::default());
    stage.killed(&dana, &grant).await?;
    let entry = stage.carried_out(&ola, &second).await?;
    assert_eq!(entry["by"]["name"], "Noor Haddad");
    let id: KillId = first["press"].as_str().unwrap_or_default().parse()?;
    let application = "contoso.example".parse()?;
    stage
        .until("the first order stopped", || async {
            let order = stage
                .read::<KillOrder>(&keys::kill_order(&application, id))
                .await?
                .value;
            Ok(if order.progress.stage == Step::Done {
                Ok(())
            } else {
                Err(format!("{order:?}"))
            })
        })
        .await?;
    // A release rests on the last press.
    refused(&stage.release(&ola, &scope, &first, None).await?, 409, "changed");
    let proposed = stage.release(&ola, &scope, &second, None).await?.ok()?;
    let proposal = proposed["paused"]["proposal"]["id"].clone();
    let third = stage.kill(&ola, &scope).await?;
    refused(
        &stage.release(&noor, &scope, &second, Some(&proposal)).await?,
        409,
        "changed",
    );
    stage.carried_out(&ola, &third).await?;
    refused(
        &stage.release(&noor, &scope, &third, Some(&proposal)).await?,
        404,
        "not-found",
    );
    refused(&stage.ask(&dana, "1h").await?, 409, "paused");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_worker_died_goes_on_where_it_stopped() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, ola) = (stage.requester().await?, stage.admin().await?);
    // At first nobody keeps promises, so that none is being kept when the stream stops.
    stage.system.rule.pause(true);
    let mut grants = Vec::new();
    for name in ["prod-admins", "prod-readers", "billing-admins", "db-breakglass"] {
        grants.push(stage.active(&dana, &stage.entitlement_named(name).await?).await?.1);
    }
    // No stream from here on: only promises are left.
    stage.system.stream.set_chaos(StreamChaos {
        pause: true,
        ..StreamChaos::default()
    });
    let press = stage.kill(&ola, &json!({"scope": "all"})).await?;
    let id: KillId = press["press"].as_str().unwrap_or_default().parse()?;
    let key = keys::kill_order(&"contoso.example".parse()?, id);
    let mut order = stage.read::<KillOrder>(&key).await?.value;
    // A worker that took the order, saw to the first half of the list and never came back.
    order.progress.stage = Step::Grants { shard: 8, after: None };
    let mut rest = 0;
    for grant in &grants {
        let id: GrantId = grant.parse()?;
        if shard_of(id) >= 8 {
            rest += 1;
            // Whoever looked at it before the order comes to it would end it by itself.
            for promise in stage.read::<Grant>(&keys::grant(id)).await?.value.due {
                stage.erase(keys::due(&promise)).await?;
            }
            continue;
        }
        let (at, because) = (stage.now(), EndReason::Killed);
        stage.forge(&DueEntry::new(at, DueKind::Advance, id)).await?;
        stage
            .forge(&EndOrder {
                grant: id,
                because,
                by: None,
                at,
            })
            .await?;
    }
    // As long as a worker takes it for: counted from when it is stored, however long the rest took.
    let until = stage.now().plus_seconds(20);
    order.progress.lease = Some((WorkerId::new(Uuid::from_u128(1)), until));
    stage.forge(&order).await?;
    stage.system.rule.pause(false);
    // Its promise is due long before its lease is over: the others keep off.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let left = stage.read::<KillOrder>(&key).await?.value;
    let live = async |id: GrantId| anyhow::Ok(stage.read::<Grant>(&keys::grant(id)).await?.value.status.is_live());
    assert_eq!(left.progress, order.progress);
    for grant in &grants {
        let id: GrantId = grant.parse()?;
        if shard_of(id) >= 8 {
            assert!(live(id).await?, "the rest is the order's, and nobody carries it out");
        }
    }
    // What the dead one had ordered is seen to all the same.
    stage
        .until("the first half", || async {
            for grant in &grants {
                let id: GrantId = grant.parse()?;
                if shard_of(id) < 8 && live(id).await? {
                    return Ok(Err(grant.clone()));
                }
            }
            Ok(Ok(()))
        })
        .await?;
    let entry = stage.carried_out(&ola, &press).await?;
    assert_eq!(
        entry["grants"], rest,
        "what was seen to is not gone through again: {entry}"
    );
    for grant in &grants {
        stage.killed(&dana, grant).await?;
    }
    stage.stop().await;
    Ok(())
}

/// The part of the application's list in which a grant's marker lies.
fn shard_of(grant: GrantId) -> u8 {
    let (application, entitlement) = ("contoso.example".parse().expect("a domain"), Uuid::nil());
    let key = keys::live_grant_in_application(&application, EntitlementId::new(entitlement), grant);
    let shard = key.pk.rsplit('#').next();
    shard.and_then(|shard| shard.parse().ok()).expect("a shard")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_press_is_deliberate_and_happens_once() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, ola, noor) = (
        stage.requester().await?,
        stage.admin().await?,
        stage.second_admin().await?,
    );
    let before = stage.settled().await?;
    let user = json!({"scope": "user", "id": stage.user_id(&dana.name).await?});
    let confirmation = stage.look(&ola, &user).await?.ok()?["confirmation"].clone();
    let press = |scope: &Value, reason: &str| {
        let mut body = scope.clone();
        body["reason"] = json!(reason);
        body["confirmation"] = confirmation.clone();
        body
    };
    let wrong = [
        (&ola, press(&json!({"scope": "all"}), "why"), 422, "invalid-field"),
        (&noor, press(&user, "why"), 422, "invalid-field"),
        (&ola, press(&user, ""), 422, "invalid-field"),
        (&ola, press(&json!({"scope": "user"}), "why"), 422, "invalid-field"),
        (
            &ola,
            press(&json!({"scope": "all", "id": "x"}), "why"),
            422,
            "invalid-field",
        ),
        (
            &ola,
            press(&json!({"scope": "user", "id": Uuid::from_u128(3)}), "why"),
            404,
            "not-found",
        ),
        (&ola, press(&json!({"scope": "everything"}), "why"), 400, "malformed"),
        (
            &ola,
            press(&json!({"scope": "all", "force": true}), "why"),
            400,
            "unknown-field",
        ),
        (&dana, press(&user, "why"), 403, "scope-missing"),
    ];
    for (who, body, status, code) in wrong {
        let answer = stage.post(who, KILL, &body).await?;
        assert_eq!(answer.status, status, "{body}: {answer}");
        assert!(answer.code() == code || status == 403, "{body}: {answer}");
    }
    stage.unchanged(&before, "a press that was refused")?;

    let body = press(&user, "a laptop was stolen");
    let once = |body: &Value| {
        stage
            .request(Method::POST, KILL, &ola)
            .header("Idempotency-Key", "press-1")
            .json(body)
    };
    let first = stage.send(once(&body)).await?;
    assert_eq!(first.status, 202, "{first}");
    let replayed = stage.send(once(&body)).await?;
    assert_eq!(replayed.body, first.body, "the same press");
    refused(&stage.send(once(&press(&user, "another"))).await?, 422, "key-reused");
    let state = stage.get(&ola, KILL).await?.ok()?;
    assert_eq!(state["items"].as_array().map(Vec::len), Some(1), "{state}");
    stage.stop().await;
    Ok(())
}
