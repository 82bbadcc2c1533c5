//! Many grants that end at once: they go as fast as the tenant takes writes and no faster, an end that a person asked for
//! overtakes them, and adds wait.

#![cfg(test)]

use std::time::Duration;

use hourglass_app::change::read;
use hourglass_app::keys;
use hourglass_app::ports::store::{Condition, Write};
use hourglass_app::records::{Record, to_item};
use hourglass_boot::Services;
use hourglass_domain::Timestamp;
use hourglass_domain::budget::{Bucket, NEVER_LENT, PER_SECOND};
use hourglass_domain::grant::{Grant, GrantStatus};
use hourglass_domain::ids::TenantId;
use hourglass_local::company::Company;
use hourglass_local::entra::Tenant;
use hourglass_local::entra::calls::WriteBudget;
use hourglass_local::sim;
use hourglass_tests::burst::{Burst, entitlements, press, real, seed, settle, still_there, throttled};
use hourglass_tests::{Person, Running};
use serde_json::json;
use tokio::time::Instant;

/// How many grants end at once.
const GRANTS: usize = 300;
/// How many of them have a schedule; the sweep finds the others.
const SCHEDULES: usize = 40;
/// How many writes the tenant has left for them at first.
const AT_FIRST: u32 = 100;

struct Stage {
    running: Running,
    services: Services,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut options = hourglass_local::system::Options::new(folder.path());
        options.confirm_after_seconds = 1;
        let running = Running::on(&options).await?;
        let config = running.system.world.config(&options, &running.ready.console);
        Ok(Self {
            services: Services::new(config).await?,
            running,
            _folder: folder,
        })
    }

    fn tenant(&self) -> &Tenant {
        self.running.system.world.entra.tenant()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(sim::wall_clock().now().as_millisecond())
    }

    async fn put<R: Record>(&self, record: &R) -> anyhow::Result<()> {
        let item = to_item(record, 1)?;
        let condition = Condition::Any;
        Ok(self
            .services
            .core
            .store
            .commit(vec![Write::Put { item, condition }])
            .await?)
    }

    /// Leaves the tenant so many writes, in our count and in its own.
    async fn leave(&self, writes: u32) -> anyhow::Result<()> {
        self.tenant().set_write_budget(WriteBudget {
            capacity: writes,
            refill_per_second: PER_SECOND,
        })?;
        self.count(writes).await
    }

    /// Leaves the tenant so many writes in our count alone.
    async fn count(&self, writes: u32) -> anyhow::Result<()> {
        self.put(&Bucket {
            thousandths: i64::from(writes) * 1000,
            ..Bucket::full(TenantId::new(self.tenant().id()), self.now())
        })
        .await
    }

    async fn burst(&self, real: &[String], seconds: i64) -> anyhow::Result<(Burst, Timestamp)> {
        let ends = self.now().plus_seconds(seconds).rounded_up_to_second();
        let burst = seed(self.tenant(), &self.services, real, (GRANTS, SCHEDULES), ends).await?;
        settle(&self.running).await?;
        assert!(self.now() < ends, "the machine is too slow for this test");
        Ok((burst, ends))
    }

    async fn wait_for(&self, moment: Timestamp) {
        let millis = moment.millis() - self.now().millis();
        tokio::time::sleep(Duration::from_millis(u64::try_from(millis).unwrap_or(0))).await;
    }

    async fn grant(&self, id: &str) -> anyhow::Result<Grant> {
        let grant = read(&*self.services.core.store, &keys::grant(id.parse()?)).await?;
        Ok(grant.expect("a grant").value)
    }

    async fn stop(self) {
        drop(self.services);
        self.running.system.stop().await;
    }
}

/// What a person orders overtakes the burst: a check-in, and the kill switch for the second grant of the same person.
async fn overtake(stage: &Stage, company: &Company, dana: &Person, own: &[String]) -> anyhow::Result<()> {
    let running = &stage.running;
    let account = company.requester.id.to_string();
    let path = format!("/v1/grants/{}/check-in", own[0]);
    running.post(dana, &path, &json!({})).await?.ok()?;
    running
        .member_is(&company.prod_admins.id.to_string(), &account, false)
        .await?;
    let second = stage.grant(&own[1]).await?;
    press(running, &json!({"scope": "user", "id": second.beneficiary.user})).await?;
    running
        .member_is(&company.prod_readers.id.to_string(), &account, false)
        .await
}

/// Counts no more than what is kept for urgent ends, again and again: the burst is not over before they are, however slow
/// the machine.
async fn keep_nearly_empty(stage: &Stage) -> anyhow::Result<()> {
    loop {
        stage.count(NEVER_LENT / 2).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_ends_at_once_go_no_faster_than_the_tenant_takes_them_and_nothing_of_it_fails() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let running = &stage.running;
    let company = Company::new();
    let groups = [company.prod_admins.name, company.prod_readers.name];
    let entitlements = entitlements(running, &groups).await?;
    let dana = running.requester().await?;
    let own = real(running, &dana, &entitlements).await?;
    let asked = running
        .ask_for(
            &running.person("mateus.oliveira@contoso.example").await?,
            &entitlements[0],
            "30m",
        )
        .await?
        .ok()?;

    let (burst, ends) = stage.burst(&own, 90).await?;
    stage.leave(AT_FIRST + NEVER_LENT).await?;
    stage.tenant().forget_calls()?;
    stage.wait_for(ends).await;
    stage.leave(AT_FIRST + NEVER_LENT).await?;
    let began = Instant::now();

    // An approval in the middle of it waits with its add, and nothing of it fails.
    let request = asked["id"].as_str().expect("an id");
    let decided = running
        .decide(&running.approver().await?, request, "approve")
        .await?
        .ok()?;
    let added = decided["grant"].as_str().expect("a grant");

    // An end that a person asks for in the midst of it. How soon it comes is a figure of the benchmark, and no test's.
    running
        .until("the beginning of the burst", || async {
            let left = still_there(stage.tenant(), &burst)?;
            Ok(if left < GRANTS { Ok(()) } else { Err(left.to_string()) })
        })
        .await?;
    tokio::select! {
        overtaken = overtake(&stage, &company, &dana, &own) => overtaken?,
        stopped = keep_nearly_empty(&stage) => stopped?,
    }
    assert_ne!(still_there(stage.tenant(), &burst)?, 0, "nothing was overtaken");

    let waiting = stage.grant(added).await?;
    assert_eq!(
        (waiting.attempts, waiting.failing_since),
        (0, None),
        "waiting is no failure"
    );

    running
        .until("the end of the burst", || async {
            let left = still_there(stage.tenant(), &burst)?;
            Ok(if left == 0 { Ok(()) } else { Err(left.to_string()) })
        })
        .await?;
    let seconds = began.elapsed().as_secs_f64();
    let limit = f64::from(u32::try_from(GRANTS)? - AT_FIRST) / f64::from(PER_SECOND);
    assert!(
        seconds > limit * 0.8,
        "faster than the tenant takes writes: {seconds} s of {limit}"
    );
    let throttled = throttled(stage.tenant())?;
    assert!(throttled <= 5, "{throttled} calls were refused");

    running
        .until("every end proved", || async {
            let mut open = 0;
            for id in &burst.grants {
                let grant = stage.grant(&id.to_string()).await?;
                open += usize::from(grant.status != GrantStatus::Ended);
            }
            Ok(if open == 0 { Ok(()) } else { Err(open.to_string()) })
        })
        .await?;
    stage.stop().await;
    Ok(())
}
