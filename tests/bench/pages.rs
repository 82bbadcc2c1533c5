//! How quickly every page is answered in a company with 5,000 entitlements and 20,000 users, and how large the largest is
//! with everything that comes with it. The usual way to run it is `cargo xtask bench pages`.
//!
//! Everything runs in this process and through HTTP, the embedded store included, so that the times are upper bounds of
//! what our own code takes. A page's time is the median of several calls after a first one. The last line of output is one
//! JSON object; in an optimised build the benchmark fails when a page misses its limit.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::{Context as _, ensure};
use hourglass_app::ports::store::{Condition, MOST_WRITES, Write};
use hourglass_app::records::{Record, UniqueKind, UniqueValue, to_item};
use hourglass_app::seals::seal;
use hourglass_domain::directory::{Group, User};
use hourglass_domain::entitlement::{Eligibility, Entitlement};
use hourglass_domain::ids::{ApplicationId, EntitlementId, GroupId, ObjectId, PersonId, UserId};
use hourglass_domain::target::Target;
use hourglass_tests::desk::Desk;
use hourglass_tests::keyholders::admin;
use hourglass_tests::stage::{Stage, stage};
use serde_json::{Map, json};
use tokio::time::Instant;

/// Users beside those of the seeded company.
const USERS: usize = 20_000;
/// Entitlements beside those of the seeded company, each over a group of its own.
const ENTITLEMENTS: usize = 5_000;
/// Calls of each page that are measured.
const CALLS: usize = 9;
/// Longest time for a page, in milliseconds.
const MOST_MS: f64 = 100.0;
/// Most that comes with a page, in kilobytes (1,000 bytes) before compression.
const MOST_KB: f64 = 100.0;

fn number(name: &str, usual: usize) -> anyhow::Result<usize> {
    let arguments: Vec<String> = std::env::args().collect();
    let mut values = arguments.iter().skip_while(|argument| *argument != name).skip(1);
    values
        .next()
        .map_or(Ok(usual), |value| value.parse())
        .with_context(|| format!("{name} takes a number"))
}

/// Writes in the batches that one transaction takes.
struct Writer<'a> {
    stage: &'a Stage,
    waiting: Vec<Write>,
}

impl Writer<'_> {
    async fn put<R: Record>(&mut self, record: &R) -> anyhow::Result<()> {
        let item = to_item(record, 1)?;
        self.waiting.push(Write::Put {
            item,
            condition: Condition::Absent,
        });
        if self.waiting.len() >= MOST_WRITES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        let writes = std::mem::take(&mut self.waiting);
        if !writes.is_empty() {
            self.stage.services.core.store.commit(writes).await?;
        }
        Ok(())
    }
}

/// Fills the company.
async fn fill(stage: &Stage, users: usize, entitlements: usize) -> anyhow::Result<()> {
    let core = &stage.services.core;
    let application: ApplicationId = "contoso.example".parse()?;
    let now = core.clock.now();
    let mut writer = Writer {
        stage,
        waiting: Vec::new(),
    };
    for number in 0..users {
        let id = UserId::new(core.ids.uuid());
        let object = ObjectId::new(core.ids.uuid()).to_string();
        let user = User {
            id,
            application: application.clone(),
            person: PersonId::new(core.ids.uuid()),
            external_id: Some(object.clone()),
            user_name: format!("user{number}@contoso.example"),
            display_name: Some(format!("User Number {number}")),
            active: true,
            attributes: Map::new(),
            created_at: now,
            modified_at: now,
        };
        for (kind, value) in [
            (UniqueKind::UserName, user.user_name.clone()),
            (UniqueKind::UserExternalId, object),
        ] {
            writer
                .put(&UniqueValue {
                    application: application.clone(),
                    what: kind,
                    value,
                    owner: id.to_string(),
                })
                .await?;
        }
        writer.put(&user).await?;
    }
    let first = stage.entitlement().parse::<EntitlementId>()?;
    let sample = hourglass_app::policy::in_force(&*core.store, &application, first).await?;
    let sample: Entitlement = sample.entitlement.value;
    for number in 0..entitlements {
        let object = ObjectId::new(core.ids.uuid());
        let group = Group {
            id: GroupId::new(core.ids.uuid()),
            application: application.clone(),
            external_id: Some(object.to_string()),
            display_name: format!("Group number {number}"),
            attributes: Map::new(),
            created_at: now,
            modified_at: now,
        };
        for (kind, value) in [
            (UniqueKind::GroupName, group.display_name.to_lowercase()),
            (UniqueKind::GroupExternalId, object.to_string()),
        ] {
            writer
                .put(&UniqueValue {
                    application: application.clone(),
                    what: kind,
                    value,
                    owner: group.id.to_string(),
                })
                .await?;
        }
        writer.put(&group).await?;
        let targets = sample.targets.iter().map(|target| {
            let Target::Entra { cloud, tenant, .. } = target;
            Target::Entra {
                cloud: *cloud,
                tenant: *tenant,
                group: object,
            }
        });
        let entitlement = Entitlement {
            id: EntitlementId::new(core.ids.uuid()),
            name: format!("Group number {number}"),
            description: format!(
                "What group number {number} may do in the production of team {}",
                number % 97
            ),
            targets: targets.collect(),
            eligible: Eligibility::Everyone,
            ..sample.clone()
        };
        writer.put(&seal(&*core.seals, entitlement).await?).await?;
    }
    writer.flush().await
}

/// Every page that there is to see, by what it is.
fn pages(entitlement: &str, user: &str) -> Vec<String> {
    [
        "/access",
        "/request",
        "/request?q=number+4711",
        "/request?q=production",
        "/history",
        "/history/timeline",
        "/now",
        "/inbox",
        "/inbox/reviews",
        "/passkeys",
        "/passkeys/waiting",
        "/activate",
        "/changes",
        "/delegates",
        "/auth/sessions",
        "/admin",
        "/admin/directory",
        "/admin/directory?q=user4711@contoso.example",
        "/admin/directory?q=nobody+of+this+name",
        "/admin/directory/groups",
        "/admin/directory/groups?q=nothing+of+this+name",
        "/admin/entitlements",
        "/admin/entitlements?q=team+42",
        "/admin/entitlements/new",
        "/admin/entitlements/groups",
        "/admin/template",
        "/admin/integrations",
        "/admin/scim",
        "/admin/drift",
        "/admin/revocations",
        "/admin/kill-switch",
        "/admin/links",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([
        format!("/request?entitlement={entitlement}"),
        format!("/history?entitlement={entitlement}"),
        format!("/history?person={user}&text=something"),
        format!("/admin/entitlements/{entitlement}"),
        format!("/admin/directory/users/{user}"),
    ])
    .collect()
}

/// The files that a page names, with their sizes in bytes, once each.
async fn assets(desk: &Desk, html: &str, known: &mut BTreeMap<String, usize>) -> anyhow::Result<usize> {
    let mut bytes = 0;
    for rest in html.split("\"/assets/").skip(1) {
        let path = format!("/assets/{}", rest.split('"').next().unwrap_or_default());
        if !known.contains_key(&path) {
            known.insert(path.clone(), desk.open(&path).await?.html.len());
        }
        bytes += known.get(&path).copied().unwrap_or_default();
    }
    Ok(bytes)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let users = number("--users", USERS)?;
    let entitlements = number("--entitlements", ENTITLEMENTS)?;
    let stage = stage().await?;
    fill(&stage, users, entitlements).await?;
    // Somebody who sees everything: an admin who may also ask.
    let desk = Desk::of(&stage, &stage.company.admin, admin()).await?;
    let entitlement = stage.entitlement();
    let user = stage.user_id(&stage.company.requester.user_name).await?;
    let mut known = BTreeMap::new();
    let mut figures = Map::new();
    let (mut slowest, mut largest) = ((0.0_f64, String::new()), (0.0_f64, String::new()));
    for page in pages(&entitlement, &user) {
        let first = desk.open(&page).await?;
        ensure!(
            first.status == 200,
            "{page} was answered {}: {}",
            first.status,
            first.html
        );
        let mut took = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let started = Instant::now();
            desk.open(&page).await?;
            took.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        took.sort_by(f64::total_cmp);
        let ms = took.get(CALLS / 2).copied().unwrap_or_default();
        let bytes = first.html.len() + assets(&desk, &first.html, &mut known).await?;
        let kb = f64::from(u32::try_from(bytes)?) / 1_000.0;
        if ms > slowest.0 {
            slowest = (ms, page.clone());
        }
        if kb > largest.0 {
            largest = (kb, page.clone());
        }
        figures.insert(page, json!({"ms": rounded(ms), "kb": rounded(kb)}));
    }
    stage.stop().await;
    let line = json!({
        "users": users,
        "entitlements": entitlements,
        "pages": figures,
        "slowest": slowest.1,
        "slowest_ms": rounded(slowest.0),
        "largest": largest.1,
        "largest_kb": rounded(largest.0),
    });
    writeln!(std::io::stdout(), "{line}")?;
    ensure!(largest.0 <= MOST_KB, "{} has more than {MOST_KB} kB", largest.1);
    ensure!(
        cfg!(debug_assertions) || slowest.0 <= MOST_MS,
        "{} takes more than {MOST_MS} ms",
        slowest.1
    );
    Ok(())
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
