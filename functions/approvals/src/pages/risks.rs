//! What an approver is warned of, in words.

use hourglass_app::dossier::{Alike, Dossier, Risk, Whose};
use hourglass_web::words::{Html, Words};

/// A warning: two or three words for the first look, and a sentence that says what is meant.
#[derive(Debug)]
pub(crate) struct RiskShown {
    pub(crate) short: String,
    pub(crate) sentence: Html,
    /// Where to read on.
    pub(crate) place: Option<String>,
}

/// The warnings of a request.
pub(crate) fn all(w: Words, dossier: &Dossier) -> Vec<RiskShown> {
    dossier.risks.iter().map(|risk| one(w, dossier, risk)).collect()
}

fn one(w: Words, dossier: &Dossier, risk: &Risk) -> RiskShown {
    let person = |whose: Whose| match whose {
        Whose::Requester => dossier.requester.party.name.as_str(),
        Whose::Beneficiary => dossier.beneficiary.party.name.as_str(),
    };
    let mut place = None;
    let (short, sentence) = match risk {
        Risk::Critical => (w.t("inbox-risk-critical"), w.t("inbox-careful-critical").into()),
        Risk::RoleAssignable { group } => (
            w.t("inbox-risk-role-assignable"),
            w.t1("inbox-careful-role-assignable", "group", group).into(),
        ),
        Risk::LookAlike { name, others, .. } => (
            w.t("inbox-risk-look-alike"),
            w.t2("inbox-careful-look-alike", "name", name, "others", list(others))
                .into(),
        ),
        Risk::MixedScripts { name, .. } => (
            w.t("inbox-risk-mixed-scripts"),
            w.t1("inbox-careful-mixed-scripts", "name", name).into(),
        ),
        Risk::HiddenCharacters { name, characters, .. } => {
            let which = characters.iter().map(|c| format!("U+{:04X}", u32::from(*c)));
            let which = which.collect::<Vec<_>>().join(", ");
            (
                w.t("inbox-risk-hidden-characters"),
                w.t2("inbox-careful-hidden-characters", "name", name, "which", which)
                    .into(),
            )
        }
        Risk::Guest { whose } => (
            w.t("inbox-risk-guest"),
            w.t1("inbox-careful-guest", "name", person(*whose)).into(),
        ),
        Risk::NewAccount { whose, since } => (
            w.t("inbox-risk-new-account"),
            w.timed("inbox-careful-new-account", &[("name", person(*whose))], "since", since),
        ),
        Risk::NotActive { whose } => (
            w.t("inbox-risk-not-active"),
            w.t1("inbox-careful-not-active", "name", person(*whose)).into(),
        ),
        Risk::FirstRequest => (
            w.t("inbox-risk-first-request"),
            w.t1("inbox-careful-first-request", "name", person(Whose::Requester))
                .into(),
        ),
        Risk::CopiedJustification { request, name, at, own } => {
            place = Some(format!("/requests/{request}"));
            let key = if *own {
                "inbox-careful-copied-own"
            } else {
                "inbox-careful-copied"
            };
            (w.t("inbox-risk-copied"), w.timed(key, &[("name", name)], "at", at))
        }
    };
    RiskShown { short, sentence, place }
}

fn list(others: &[Alike]) -> String {
    let each = others
        .iter()
        .map(|other| format!("{} ({})", other.name, other.user_name));
    each.collect::<Vec<_>>().join(", ")
}
