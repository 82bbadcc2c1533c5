//! Members that nothing explains: reported, told, and removed only where an admin chose so, after seven days, a few at
//! a time, and never those who stand or are protected.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hourglass_app::ports::{Clock, Core, Workers};
use hourglass_app::workers::drift;
use hourglass_boot::Services;
use hourglass_domain::Timestamp;
use hourglass_domain::drift::ENFORCE_AFTER_SECONDS;
use hourglass_domain::ids::EntitlementId;
use hourglass_local::company::Company;
use hourglass_local::system::Options;
use hourglass_tests::{Person, Running, table};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A clock that can be set ahead of the real one.
#[derive(Debug)]
struct Ahead {
    real: Arc<dyn Clock>,
    seconds: AtomicI64,
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.real.now().plus_seconds(self.seconds.load(Ordering::SeqCst))
    }
}

/// A company, an admin, and workers whose clock can be set ahead.
struct Scene {
    running: Running,
    company: Company,
    admin: Person,
    workers: Workers,
    clock: Arc<Ahead>,
    _folder: TempDir,
}

impl Scene {
    async fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut options = Options::new(folder.path());
        options.confirm_after_seconds = 1;
        let running = Running::on(&options).await?;
        let config = running.system.world.config(&options, &running.ready.console);
        let services = Services::new(config).await?;
        let workers = services.workers();
        let clock = Arc::new(Ahead {
            real: Arc::clone(&workers.core.clock),
            seconds: AtomicI64::new(0),
        });
        let workers = Workers {
            core: Core {
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                ..workers.core
            },
            ..workers
        };
        Ok(Self {
            admin: running.admin().await?,
            running,
            company: Company::new(),
            workers,
            clock,
            _folder: folder,
        })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn path(&self) -> String {
        format!("/v1/admin/entitlements/{}/drift", self.running.entitlement())
    }

    /// Looks at the entitlement's one target, and gives the report.
    async fn look(&self) -> anyhow::Result<Value> {
        let id: EntitlementId = self.running.entitlement().parse()?;
        drift::look(&self.workers, &"contoso.example".parse()?, id).await?;
        let drift = self.running.get(&self.admin, &self.path()).await?.ok()?;
        Ok(drift["targets"][0].clone())
    }

    async fn choose(&self, mode: &str) -> anyhow::Result<()> {
        let chosen = self
            .running
            .put(&self.admin, &self.path(), &json!({"mode": mode}))
            .await?
            .ok()?;
        assert_eq!(chosen["mode"], mode);
        Ok(())
    }

    fn add(&self, who: &hourglass_local::company::Person) -> anyhow::Result<()> {
        let group = self.company.prod_admins.id;
        self.running.system.world.entra.tenant().add_member(group, who.id)?;
        Ok(())
    }

    async fn members(&self) -> anyhow::Result<Vec<String>> {
        self.running.members(&self.company.prod_admins.id.to_string()).await
    }

    async fn stop(self) {
        drop(self.workers);
        self.running.system.stop().await;
    }
}

fn named(report: &Value) -> Vec<&str> {
    let named = report["named"].as_array().into_iter().flatten();
    named.filter_map(|member| member["account"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_came_in_beside_a_grant_is_reported_and_stays_unless_told_otherwise() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let (requester, intruder) = (&scene.company.requester, &scene.company.standing_member);
    let dana = scene.running.requester().await?;
    scene.running.granted(&dana, &scene.running.entitlement(), "1h").await?;
    let group = scene.company.prod_admins.id.to_string();
    scene.running.member_is(&group, &requester.id.to_string(), true).await?;
    scene.add(intruder)?;

    for mode in ["observe", "alert"] {
        scene.choose(mode).await?;
        let report = scene.look().await?;
        assert_eq!(named(&report), [intruder.id.to_string()], "{report}");
        assert_eq!(
            (&report["members"], &report["held"]),
            (&json!(2), &json!(1)),
            "{report}"
        );
    }
    // Declared by an admin, the member is explained.
    let standing = format!("/v1/admin/standing/{group}/{}", intruder.id);
    scene.running.put(&scene.admin, &standing, &json!({})).await?.ok()?;
    let report = scene.look().await?;
    assert_eq!(
        (&report["unexplained"], &report["standing"]),
        (&json!(0), &json!(1)),
        "{report}"
    );
    let withdrawn = scene.running.request(Method::DELETE, &standing, &scene.admin);
    assert_eq!(scene.running.send(withdrawn).await?.status, 204);
    assert_eq!(scene.look().await?["unexplained"], 1);
    assert_eq!(scene.members().await?.len(), 2, "nobody was removed");
    scene.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enforce_keeps_who_it_finds_reports_for_seven_days_and_then_removes_one_by_one() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let (found, intruder) = (&scene.company.standing_member, &scene.company.requester);
    scene.add(found)?;
    scene.choose("enforce").await?;
    let report = scene.look().await?;
    assert_eq!(
        (&report["standing"], &report["unexplained"]),
        (&json!(1), &json!(0)),
        "{report}"
    );

    scene.add(intruder)?;
    let report = scene.look().await?;
    assert_eq!(
        named(&report),
        [intruder.id.to_string()],
        "reported for a week, {report}"
    );
    assert_eq!(scene.members().await?.len(), 2);

    scene.clock.seconds.store(ENFORCE_AFTER_SECONDS + 1, Ordering::SeqCst);
    let refusing = json!({"match": {"method": "DELETE"}, "until_cleared": true, "status": 503});
    scene.running.graph_fault(&refusing).await?;
    let report = scene.look().await?;
    assert_eq!(report["removing"], json!([intruder.id.to_string()]), "{report}");
    // The removal has a promise of its own, whatever becomes of the entitlement.
    let promised = table(&scene.running.system.world)?
        .iter()
        .any(|item| item["sk"]["S"].as_str().is_some_and(|sk| sk.contains("#recheck#")));
    assert!(promised, "nobody looks after it but the report");
    scene.running.clear_graph_faults().await?;
    let report = scene
        .running
        .until("the intruder is gone", || async {
            let report = scene.look().await?;
            Ok(if report["removed"] == 1 {
                Ok(report)
            } else {
                Err(report.to_string())
            })
        })
        .await?;
    assert_eq!(report["removing"], json!([]), "{report}");
    assert_eq!(scene.members().await?, [found.id.to_string()], "who was found stays");
    scene.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enforce_keeps_a_standing_member_whose_grant_has_not_begun() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let dana = scene.running.requester().await?;
    scene.add(&scene.company.requester)?;
    let body = json!({
        "entitlement": scene.running.entitlement(),
        "duration": "1h",
        "justification": "INC-42: the migration of tomorrow",
        "starts_at": scene.now().plus_seconds(7_200).to_string(),
    });
    let asked = scene.running.post(&dana, "/v1/requests", &body).await?.ok()?;
    let request = asked["id"].as_str().unwrap_or_default();
    let approver = scene.running.approver().await?;
    let decided = scene.running.decide(&approver, request, "approve").await?.ok()?;
    let grant = decided["grant"].as_str().unwrap_or_default();

    scene.choose("enforce").await?;
    let report = scene.look().await?;
    assert_eq!(report["held"], 1, "the grant explains the member for now: {report}");
    let path = format!("/v1/grants/{grant}/check-in");
    scene.running.post(&dana, &path, &json!({})).await?.ok()?;
    scene
        .running
        .grant_until(&dana, grant, |grant| grant["status"] == "ended")
        .await?;
    scene.clock.seconds.store(ENFORCE_AFTER_SECONDS + 1, Ordering::SeqCst);
    let report = scene.look().await?;
    assert_eq!(
        (&report["standing"], &report["removing"]),
        (&json!(1), &json!([])),
        "a member before any grant: {report}"
    );
    assert_eq!(scene.members().await?, [scene.company.requester.id.to_string()]);
    scene.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enforce_stops_at_too_many_and_never_touches_protected_accounts() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let (first, second) = (&scene.company.standing_member, &scene.company.requester);
    scene.choose("enforce").await?;
    scene.look().await?;
    scene.clock.seconds.store(ENFORCE_AFTER_SECONDS + 1, Ordering::SeqCst);
    scene.add(first)?;
    scene.add(second)?;
    let report = scene.look().await?;
    let why = report["stopped"].as_str().unwrap_or_default();
    assert!(why.contains("2 members are unexplained"), "{report}");
    assert_eq!(
        (&report["removing"], &report["removed"]),
        (&json!([]), &json!(0)),
        "{report}"
    );

    let accounts = json!({"accounts": [first.id.to_string(), second.id.to_string()]});
    scene
        .running
        .put(&scene.admin, "/v1/admin/protected-accounts", &accounts)
        .await?
        .ok()?;
    let report = scene.look().await?;
    assert_eq!(
        (&report["protected"], &report["unexplained"]),
        (&json!(2), &json!(0)),
        "{report}"
    );
    assert!(report["stopped"].is_null(), "{report}");
    assert_eq!(scene.members().await?.len(), 2, "nobody was removed");
    scene.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_cannot_be_listed_is_reported_as_such_and_nobody_is_judged() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    scene.add(&scene.company.standing_member)?;
    let before = scene.look().await?;
    assert_eq!(before["unexplained"], 1, "{before}");
    scene
        .running
        .graph_fault(&json!({"match": {"path_contains": "/groups/"}, "status": 503, "until_cleared": true}))
        .await?;
    let after = scene.look().await?;
    assert!(after["error"].is_string(), "{after}");
    assert_eq!(after["checked_at"], before["checked_at"], "as old as it is");
    scene.running.clear_graph_faults().await?;
    assert!(scene.look().await?["error"].is_null());
    scene.stop().await;
    Ok(())
}
