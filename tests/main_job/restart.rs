//! Ended and started again on the same data.

use hourglass_domain::Timestamp;
use hourglass_local::company::Company;
use hourglass_local::sim::wall_clock;
use hourglass_local::system::Options;
use hourglass_tests::{BRIEF, Running};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_expires_while_everything_is_down_ends_after_the_restart() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut options = Options::new(folder.path());
    options.short_durations = vec![BRIEF.parse()?];
    let company = Company::new();
    let group = company.prod_admins.id.to_string();
    let account = company.requester.id.to_string();

    let running = Running::on(&options).await?;
    let dana = running.requester().await?;
    let (request, grant) = running.granted(&dana, &running.entitlement(), BRIEF).await?;
    running.member_is(&group, &account, true).await?;
    let seen = running
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    let end: Timestamp = seen["expires_at"].as_str().unwrap_or_default().parse()?;
    running.system.stop().await;
    while Timestamp::from_millis(wall_clock().now().as_millisecond()) <= end {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }

    let running = Running::on(&options).await?;
    let dana = running.requester().await?;
    running.member_is(&group, &account, false).await?;
    running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    let timeline = running.timeline(&dana, &request).await?;
    assert_eq!(
        timeline.iter().filter(|action| *action == "grant.ending").count(),
        1,
        "{timeline:?}"
    );
    running.system.stop().await;
    Ok(())
}
