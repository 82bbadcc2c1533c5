//! The main job through the binaries: register, provision, request, approve, grant, expire.

use hourglass_local::company::Company;
use hourglass_local::functions::{HTTP, TRIGGERED};
use hourglass_local::system::{FUNCTION_FAILURES, SCHEDULE_FAILURES};
use hourglass_tests::browser::Browser;
use hourglass_tests::{BRIEF, Running};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::{log, nothing_crashed, running};

/// Starting has registered the application and configured everything over `/v1/admin`, and provisioned the company
/// over `/scim/v2`, through the same binaries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the packaged binaries"]
async fn the_binaries_do_the_main_job_and_tell_no_secret() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let running = running(&folder, false).await?;
    let company = Company::new();
    let (dana, kim) = (running.requester().await?, running.approver().await?);
    let group = company.prod_admins.id.to_string();
    let account = company.requester.id.to_string();

    // To its end by its schedule.
    let (request, grant) = running.granted(&dana, &running.entitlement(), BRIEF).await?;
    running.member_is(&group, &account, true).await?;
    running.member_is(&group, &account, false).await?;
    let ended = running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "expired");
    assert_eq!(ended["targets"][0]["status"], "absent");
    let timeline = running.timeline(&dana, &request).await?;
    assert_eq!(timeline.last().map(String::as_str), Some("grant.ended"), "{timeline:?}");

    // To its end by the sweep alone.
    running.system.world.scheduler.drop_firings(1);
    let (_, grant) = running.granted(&dana, &running.entitlement(), BRIEF).await?;
    running.member_is(&group, &account, true).await?;
    running.member_is(&group, &account, false).await?;
    running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;

    // Ended early: by its owner, and with the account.
    let (_, grant) = running.granted(&dana, &running.entitlement(), "1h").await?;
    running.member_is(&group, &account, true).await?;
    running
        .post(&dana, &format!("/v1/grants/{grant}/check-in"), &json!({}))
        .await?
        .ok()?;
    running.member_is(&group, &account, false).await?;
    running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    running.granted(&dana, &running.entitlement(), "1h").await?;
    running.member_is(&group, &account, true).await?;
    let provisioner = running.system.world.entra.provisioner().expect("a provisioner");
    provisioner.disable_user(company.requester.id).await?;
    running.member_is(&group, &account, false).await?;

    // And somebody signs in to the console.
    Browser::new(&running)?.sign_in(&company.approver.user_name).await?;

    nothing_crashed(&running);
    everything_took_part(&running)?;
    let connector = running.system.world.entra.tenant().connector()?;
    let secrets = [
        ("the SCIM secret", running.ready.scim.token.as_str()),
        ("the connector's client secret", connector.client_secret.expose_secret()),
        ("the requester's token", dana.token.as_str()),
        ("the approver's token", kim.token.as_str()),
        // What every JSON Web Token begins with: the connector's own tokens, say.
        ("some token", "eyJ"),
        ("what somebody wrote", "restart the pool"),
    ];
    for function in HTTP.iter().chain(&TRIGGERED) {
        let lines = log(&running, function);
        for (what, secret) in secrets {
            let told = lines.iter().find(|line| line.contains(secret));
            assert_eq!(told, None, "{function} tells {what}");
        }
    }
    running.system.stop().await;
    Ok(())
}

fn everything_took_part(running: &Running) -> anyhow::Result<()> {
    for (name, sandbox) in &running.system.sandboxes {
        assert!(sandbox.starts()[0].first_response.is_some(), "{name} was never asked");
    }
    let runs = running.system.world.lambda.runs();
    for function in TRIGGERED {
        assert!(
            runs[function].started > 0 && runs[function].failed == 0,
            "{function}: {runs:?}"
        );
    }
    for queue in [SCHEDULE_FAILURES, FUNCTION_FAILURES] {
        let given_up = running.system.world.queues.messages(queue)?;
        assert!(given_up.is_empty(), "{queue}: {given_up:?}");
    }
    // The logs were really read: who did what stands in them.
    for (function, word) in [
        ("approvals", "decision made"),
        ("provisioning", "grant changed"),
        ("revocation", "swept"),
    ] {
        let lines = log(running, function);
        assert!(
            lines.iter().any(|line| line.contains(word)),
            "{function} does not log {word:?}: {lines:?}"
        );
    }
    Ok(())
}
