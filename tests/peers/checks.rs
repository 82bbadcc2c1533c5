//! H1 to H12: the checks that follow from all of them.

use hourglass_app::keys;
use hourglass_app::ports::store::{Condition, MOST_WRITES, Write};
use hourglass_app::records::{Record, to_item};
use hourglass_app::seals::seal;
use hourglass_domain::directory::{Group, User};
use hourglass_domain::entitlement::{Eligibility, Entitlement};
use hourglass_domain::ids::{ApplicationId, EntitlementId, GroupId, ObjectId, PersonId, UserId};
use hourglass_domain::target::Target;
use hourglass_tests::stage::{Stage, stage};
use serde_json::json;
use uuid::Uuid;

use crate::common::{active, check_in, ended, revoke, schedule, schedules_are, time_goes_by};
use crate::faults::troubled;

/// Of two grants on one membership, in any order and with either way to end, the first to end takes the member from the
/// other; or a member who was there before goes with the last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h03_overlapping_grants_in_any_order_with_one_revoked() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    for (first, second, revoked) in [("1h", "2h", 0), ("2h", "1h", 1), ("1h", "2h", 1)] {
        let (_, a) = active(&stage, &dana, "prod-admins", first).await?;
        let (_, b) = active(&stage, &dana, "prod-admins", second).await?;
        let (one, other) = if revoked == 0 { (&a, &b) } else { (&b, &a) };
        revoke(&stage, &kim, one).await?.ok()?;
        let over = ended(&stage, &dana, one).await?;
        assert_eq!(over["targets"][0]["status"], "kept_by_other_grant", "{over}");
        assert!(stage.dana_is_in().await?);
        schedules_are(&stage, &[schedule(other, 1)]).await?;
        time_goes_by(&stage, other).await?;
        let over = ended(&stage, &dana, other).await?;
        assert_eq!(
            (&over["ended_because"], &over["targets"][0]["status"]),
            (&json!("expired"), &json!("absent"))
        );
        assert!(!stage.dana_is_in().await?);
    }
    // Who was there before stays, through the same.
    let mei = stage.person(&stage.company.standing_member.user_name).await?;
    let (_, a) = active(&stage, &mei, stage.company.standing.name, "1h").await?;
    let (_, b) = active(&stage, &mei, stage.company.standing.name, "2h").await?;
    revoke(&stage, &kim, &b).await?.ok()?;
    ended(&stage, &mei, &b).await?;
    check_in(&stage, &mei, &a).await?;
    let over = ended(&stage, &mei, &a).await?;
    assert_eq!(over["targets"][0]["status"], "kept_standing", "{over}");
    let members = stage.members(&stage.company.standing.id.to_string()).await?;
    assert_eq!(members, [stage.company.standing_member.id.to_string()]);
    stage.stop().await;
    Ok(())
}

/// The end of a time needs something of today: a policy, an eligibility, a list of approvers, an approver who is still
/// there, a requester by the same name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h04_the_end_of_a_time_needs_nothing_that_was_true_before() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (_, grant) = active(&stage, &dana, "prod-admins", "1h").await?;
    let nobody = json!({"users": [stage.user_id(&stage.company.other_approvers[0].user_name).await?]});
    stage
        .change_entitlement(&stage.entitlement(), |fields| {
            fields["enabled"] = json!(false);
            fields["eligible"] = json!("nobody");
            fields["approvers"] = nobody;
        })
        .await?
        .ok()?;
    let provisioner = stage.provisioner();
    provisioner.delete_user(stage.company.approver.id).await?;
    provisioner.delete_group(stage.company.security_approvers.id).await?;
    let renamed = "dana.married@contoso.example";
    provisioner
        .rename_user(stage.company.requester.id, renamed, "Dana Married")
        .await?;
    provisioner
        .rename_group(stage.company.prod_admins.id, "production-administrators")
        .await?;
    time_goes_by(&stage, &grant).await?;
    let dana = stage.person(renamed).await?;
    let over = ended(&stage, &dana, &grant).await?;
    assert_eq!(
        (&over["ended_because"], &over["targets"][0]["status"]),
        (&json!("expired"), &json!("absent"))
    );
    assert!(!stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

/// Groups, each with its entitlement.
const GROUPS: u128 = 5_000;
/// Users.
const USERS: u128 = 20_000;
/// Every how many-th group can be asked for by everybody.
const OPEN: u128 = 100;
/// Most calls of the table for what a person opens, however large the company is. Most of them are for the list: it looks
/// at no more than 1,000 entitlements at a time.
const MOST_CALLS: u64 = 60;

/// With some hundred accounts, or some thousand groups, the lists of comparable tools take minutes or fail: they read
/// everything to show a page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h12_a_page_costs_the_same_in_a_large_company() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (trouble, client) = troubled(&stage).await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    stage.system.rule.pause(true);
    stage.settled().await?;
    grow(&stage).await?;
    let preview = json!({"entitlement": stage.entitlement(), "duration": "1h", "justification": "INC-42: restart"});
    let mut seen = 0;
    let mut cursor = String::new();
    loop {
        let before = trouble.calls();
        let path = format!("/v1/entitlements?limit=50{cursor}");
        let page = client.get(&dana, &path).await?.ok()?;
        let calls = trouble.calls() - before;
        assert!(calls <= MOST_CALLS, "{calls} calls for {path}");
        seen += page["items"].as_array().map_or(0, Vec::len);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let open = usize::try_from(GROUPS / OPEN)?;
    assert!((open..open + 20).contains(&seen), "{seen} entitlements");
    for (who, path) in [(&dana, "/v1/me"), (&dana, "/v1/history"), (&kim, "/v1/approvals")] {
        let before = trouble.calls();
        client.get(who, path).await?.ok()?;
        let calls = trouble.calls() - before;
        assert!(calls <= MOST_CALLS / 2, "{calls} calls for {path}");
    }
    let before = trouble.calls();
    client.post(&dana, "/v1/requests/preview", &preview).await?.ok()?;
    let calls = trouble.calls() - before;
    assert!(calls <= MOST_CALLS / 2, "{calls} calls for a preview");
    stage.stop().await;
    Ok(())
}

/// Makes it a large company.
async fn grow(stage: &Stage) -> anyhow::Result<()> {
    let application: ApplicationId = "contoso.example".parse()?;
    let pattern = {
        let id: UserId = stage.user_id(&stage.company.requester.user_name).await?.parse()?;
        stage.read::<User>(&keys::user(&application, id)).await?.value
    };
    let group = {
        let id: GroupId = stage.group_id(stage.company.prod_admins.name).await?.parse()?;
        stage.read::<Group>(&keys::group(&application, id)).await?.value
    };
    let entitlement = {
        let id: EntitlementId = stage.entitlement().parse()?;
        stage
            .read::<Entitlement>(&keys::entitlement(&application, id))
            .await?
            .value
    };
    // What they are called is enough.
    let bare = serde_json::Map::new();
    let mut writes = Vec::new();
    for number in 0..USERS {
        let id = Uuid::from_u128(0x0c0_0000_0000 + number);
        let mut user = pattern.clone();
        (user.id, user.person) = (UserId::new(id), PersonId::new(id));
        user.external_id = Some(id.to_string());
        user.attributes.clone_from(&bare);
        user.user_name = format!("user{number}@contoso.example");
        put(stage, &mut writes, &user).await?;
    }
    for number in 0..GROUPS {
        let id = Uuid::from_u128(0x0d0_0000_0000 + number);
        let mut grown = group.clone();
        grown.id = GroupId::new(id);
        grown.external_id = Some(id.to_string());
        grown.attributes.clone_from(&bare);
        grown.display_name = format!("group {number}");
        put(stage, &mut writes, &grown).await?;
        let mut offered = entitlement.clone();
        offered.id = EntitlementId::new(id);
        offered.name.clone_from(&grown.display_name);
        offered.eligible = if number.is_multiple_of(OPEN) {
            Eligibility::Everyone
        } else {
            Eligibility::Nobody
        };
        for target in &mut offered.targets {
            let Target::Entra { group, .. } = target;
            *group = ObjectId::new(id);
        }
        let offered = seal(&*stage.services.core.seals, offered).await?;
        put(stage, &mut writes, &offered).await?;
    }
    if !writes.is_empty() {
        stage.services.core.store.commit(writes).await?;
    }
    Ok(())
}

async fn put<R: Record>(stage: &Stage, writes: &mut Vec<Write>, record: &R) -> anyhow::Result<()> {
    writes.push(Write::Put {
        item: to_item(record, 1)?,
        condition: Condition::Any,
    });
    if writes.len() == MOST_WRITES {
        stage.services.core.store.commit(std::mem::take(writes)).await?;
    }
    Ok(())
}
