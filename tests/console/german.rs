//! Pages that speak German do so to the end: what is wrong with a form is said in German beside its field and above the
//! form, and nothing of the English sentence is left.

use hourglass_tests::desk::{Desk, Shown};
use hourglass_tests::keyholders::{admin, change, everyday};
use hourglass_tests::stage::{Stage, stage};
use serde_json::json;

use crate::admin::entitlement;
use crate::request::{form, hidden, send};

/// Beginnings of the domain's English sentences about fields.
const ENGLISH: [&str; 12] = [
    " must be ",
    "Must be ",
    " is required",
    "Is required",
    " may have ",
    "May have ",
    "needs at least",
    "Needs at least",
    " is not a duration",
    "there is no user",
    "There is no user",
    "at most",
];

/// Whether what was sent is shown again with every one of these sentences, and none in English.
fn refused_in_german(shown: &Shown, sentences: &[&str]) {
    assert_eq!(shown.status, 422, "{}", shown.html);
    assert!(shown.html.contains("lang=\"de\""), "{}", shown.html);
    for sentence in sentences {
        assert!(shown.html.contains(sentence), "{sentence}: {}", shown.html);
    }
    for sentence in ENGLISH {
        assert!(!shown.html.contains(sentence), "{sentence}: {}", shown.html);
    }
}

async fn ola(stage: &Stage) -> anyhow::Result<Desk> {
    Ok(Desk::of(stage, &stage.company.admin, admin())
        .await?
        .speaking("de-AT,de;q=0.9"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entitlement_that_cannot_be_saved_is_refused_in_german() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = ola(&stage).await?;
    let wrong = entitlement(&[
        ("quorum", "many"),
        ("durations", "abc"),
        ("absolute_maximum", "soon"),
        ("approvers", "nobody-by-this-name"),
    ]);
    let new = "/admin/entitlements/new";
    let shown = ola.form(new, "/admin/entitlements", &wrong).await?;
    refused_in_german(
        &shown,
        &[
            // Above the form with the field's label, beside the field without.
            "Wie viele genehmigen: muss eine ganze Zahl sein",
            ">Muss eine ganze Zahl sein<",
            "Dauern: abc ist keine Dauer wie 30m, 1h oder 2d",
            ">abc ist keine Dauer wie 30m, 1h oder 2d<",
            ">Muss eine Dauer sein wie 30m, 1h oder 2d<",
            "Es gibt weder ein Konto noch eine Gruppe mit dem Namen, der Objekt-ID oder der ID nobody-by-this-name",
        ],
    );
    // What the domain refuses once everything can be read.
    let nobody = ola
        .form(
            new,
            "/admin/entitlements",
            &entitlement(&[("name", ""), ("quorum", "1")]),
        )
        .await?;
    refused_in_german(&nobody, &["Name: fehlt", ">Fehlt<"]);
    let many = ola
        .form(new, "/admin/entitlements", &entitlement(&[("quorum", "9")]))
        .await?;
    refused_in_german(
        &many,
        &["Wie viele genehmigen: muss von 1 bis 5 sein", ">Muss von 1 bis 5 sein<"],
    );
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_cannot_be_sent_is_refused_in_german() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = Desk::of(&stage, &stage.company.requester, everyday()).await?;
    let dana = dana.speaking("de");
    let page = form(&dana, &stage, "").await?;
    for (field, value, alone, beside) in [
        (
            "duration",
            "a while",
            "Dauer: muss eine Dauer sein wie 30m, 1h oder 2d",
            ">Muss eine Dauer sein wie 30m, 1h oder 2d<",
        ),
        ("duration", "", "Dauer: fehlt", ">Fehlt<"),
        ("justification", "", "Begründung: fehlt", ">Fehlt<"),
        (
            "starts_at",
            "tomorrow",
            "Beginn: muss ein Tag mit Uhrzeit sein wie 2026-11-22T09:30",
            ">Muss ein Tag mit Uhrzeit sein wie 2026-11-22T09:30<",
        ),
        (
            "starts_at",
            "2099-01-01T00:00",
            "Beginn: muss zwischen jetzt und heute in 30 Tagen liegen",
            ">Muss zwischen jetzt und heute in 30 Tagen liegen<",
        ),
    ] {
        let shown = send(&dana, &stage, &page, "/request", &[(field, value)]).await?;
        refused_in_german(&shown, &[alone, beside]);
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegate_who_may_not_be_one_is_refused_in_german() -> anyhow::Result<()> {
    let stage = stage().await?;
    let freya = stage.user_id("freya.lindqvist@contoso.example").await?;
    let id = stage.entitlement();
    change(&stage, &id, json!({"delegates": {"users": [freya], "groups": []}})).await?;
    let kim = Desk::of(&stage, &stage.company.approver, everyday())
        .await?
        .speaking("de");
    let named = |delegate, until| [("entitlement", id.as_str()), ("delegate", delegate), ("until", until)];
    let nobody = kim
        .form("/delegates", "/delegates", &named("nobody@contoso.example", ""))
        .await?;
    refused_in_german(
        &nobody,
        &[
            "Vertretung: muss jemand sein, den die Admins für prod-admins als Vertretung zulassen",
            ">Muss jemand sein, den die Admins für prod-admins als Vertretung zulassen<",
        ],
    );
    let until = kim
        .form(
            "/delegates",
            "/delegates",
            &named("freya.lindqvist@contoso.example", "gestern"),
        )
        .await?;
    refused_in_german(&until, &[">Muss ein Tag mit Uhrzeit sein wie 2026-11-22T09:30<"]);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_without_its_preview_is_refused_in_german() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = ola(&stage).await?;
    let page = "/admin/kill-switch/press?scope=all";
    let preview = ola.open(page).await?;
    assert!(!hidden(&preview, "confirmation").is_empty());
    let id = hidden(&preview, "id");
    let (_, label) = preview.html.split_once("Geben Sie zur Bestätigung ein: ").unwrap();
    let name = label.split('<').next().unwrap();
    let press = |reason, confirm| {
        vec![
            ("scope", "all"),
            ("id", id.as_str()),
            ("confirmation", "made-up"),
            ("reason", reason),
            ("confirm", confirm),
        ]
    };
    let place = "/admin/kill-switch/press";
    let forged = ola.form(page, place, &press("a laptop was stolen", name)).await?;
    refused_in_german(
        &forged,
        &[
            "Bestätigung: muss die Bestätigung sein, die Ihnen eine Vorschau genau dieses Bereichs in den letzten 15 Minuten gab",
        ],
    );
    let typed = ola.form(page, place, &press(" ", "everything")).await?;
    refused_in_german(&typed, &["Geben Sie genau das ein: ", "Grund: fehlt", ">Fehlt<"]);
    stage.stop().await;
    Ok(())
}
