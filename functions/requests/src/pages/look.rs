//! How states, requests and grants look on these pages: icon, word and colour together.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_app::history::search::{Line, State, end_of};
use hourglass_domain::Timestamp;
use hourglass_domain::directory::Party;
use hourglass_domain::grant::{EndReason, Grant, GrantStatus, GrantTarget, TargetStatus};
use hourglass_domain::ids::{EntitlementId, GrantId};
use hourglass_domain::look_alike::skeleton;
use hourglass_domain::request::{Activation, Request, RequestStatus};
use hourglass_domain::target::Target;
use hourglass_web::words::Words;

use crate::timeline::named;

/// How much later (seconds) than planned a removal counts as late: Scheduler's minute and a convergence.
const LATE_SECONDS: i64 = 120;

/// A state: an icon, a word, and a class for its colour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Label {
    pub(crate) class: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) text: String,
}

impl Label {
    fn new(words: Words, class: &'static str, icon: &'static str, message: &'static str) -> Self {
        Self {
            class,
            icon,
            text: words.t(message),
        }
    }

    /// Of a request and what it led to.
    pub(crate) fn of(words: Words, request: &Request, grant: Option<&Grant>, now: Timestamp) -> Self {
        match (State::of(request, grant), grant) {
            (State::Waiting, _) if now >= request.lapses_at => Self::lapsed(words),
            (State::Waiting, _) => Self::new(words, "waiting", "○", "state-waiting"),
            (State::Denied, _) => Self::new(words, "quiet", "✕", "state-denied"),
            (State::Cancelled, _) => Self::new(words, "quiet", "✕", "state-cancelled"),
            (State::Lapsed, _) => Self::lapsed(words),
            (_, Some(grant)) => Self::of_grant(words, grant),
            (_, None) => Self::new(words, "good", "✓", "state-approved"),
        }
    }

    fn lapsed(words: Words) -> Self {
        Self::new(words, "quiet", "✕", "state-lapsed")
    }

    /// Of a grant.
    pub(crate) fn of_grant(words: Words, grant: &Grant) -> Self {
        let failing = grant.failing_since.is_some() || grant.targets.iter().any(GrantTarget::fails_to_remove);
        match grant.status {
            GrantStatus::Ending if failing => Self::new(words, "failing", "▲", "state-ending-failing"),
            GrantStatus::Activating if failing => Self::new(words, "failing", "▲", "state-activating-failing"),
            GrantStatus::Approved => Self::new(words, "waiting", "◷", "state-scheduled"),
            GrantStatus::Activating => Self::new(words, "waiting", "◐", "state-activating"),
            GrantStatus::Active => {
                let present = grant
                    .targets
                    .iter()
                    .filter(|target| target.status == TargetStatus::Present);
                let (present, all) = (present.count(), grant.targets.len());
                if present < all {
                    Self {
                        class: "waiting",
                        icon: "◐",
                        text: words.t2("state-active-some", "present", present, "all", all),
                    }
                } else {
                    Self::new(words, "good", "●", "state-active")
                }
            }
            GrantStatus::Ending => Self::new(words, "waiting", "◑", "state-ending"),
            GrantStatus::Ended if kept(grant) => Self::new(words, "waiting", "◌", "state-ended-kept"),
            GrantStatus::Ended => Self::new(words, "quiet", "✓", "state-ended"),
            GrantStatus::ClosedByHand => Self::new(words, "failing", "▲", "state-closed-by-hand"),
        }
    }

    /// Of one target.
    pub(crate) fn of_target(words: Words, target: &GrantTarget) -> Self {
        let new = |class, icon, message| Self::new(words, class, icon, message);
        match target.status {
            TargetStatus::Removing | TargetStatus::RemovingUnconfirmed if target.fails_to_remove() => {
                new("failing", "▲", "target-removing-failing")
            }
            TargetStatus::Adding if target.failing_since.is_some() => new("failing", "▲", "target-adding-failing"),
            TargetStatus::Waiting => new("waiting", "○", "target-waiting"),
            TargetStatus::Adding => new("waiting", "◐", "target-adding"),
            TargetStatus::Present => new("good", "●", "target-present"),
            TargetStatus::Removing => new("waiting", "◑", "target-removing"),
            TargetStatus::RemovingUnconfirmed => new("waiting", "◑", "target-removing-unconfirmed"),
            TargetStatus::Absent => new("quiet", "✓", "target-absent"),
            TargetStatus::KeptStanding => new("waiting", "◌", "target-kept-standing"),
            TargetStatus::KeptByOtherGrant => new("waiting", "◌", "target-kept-by-other-grant"),
            TargetStatus::TargetGone => new("quiet", "✕", "target-gone"),
            TargetStatus::Failed => new("failing", "▲", "target-failed"),
            TargetStatus::NotAdded => new("quiet", "✕", "target-not-added"),
        }
    }
}

/// Whether access remains after a grant, because it was there before.
pub(crate) fn kept(grant: &Grant) -> bool {
    grant
        .targets
        .iter()
        .any(|target| target.status == TargetStatus::KeptStanding)
}

/// From when the access should have been gone, where it was gone late.
pub(crate) fn late_from(grant: &Grant) -> Option<Timestamp> {
    let due = grant.ending_at.map_or(grant.expires_at, |at| at.min(grant.expires_at));
    let ended = grant.ended_at?;
    // Proof takes a minute after the removal itself.
    (ended.seconds_since(due) > LATE_SECONDS).then_some(due)
}

/// Why a grant ended, in words.
pub(crate) fn because(words: Words, because: EndReason) -> String {
    words.t(match because {
        EndReason::Expired => "because-expired",
        EndReason::CheckedIn => "because-checked-in",
        EndReason::Revoked => "because-revoked",
        EndReason::Killed => "because-killed",
        EndReason::UserDeactivated => "because-user-deactivated",
        EndReason::TargetGone => "because-target-gone",
        EndReason::RemovedOutside => "because-removed-outside",
        EndReason::Failed => "because-failed",
    })
}

/// The name of a target for people, and its immutable form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) system: String,
    pub(crate) id: String,
}

impl Place {
    pub(crate) fn of(words: Words, target: &Target, names: &BTreeMap<Target, String>) -> Self {
        let system = match target {
            Target::Entra { .. } => words.t("system-entra"),
        };
        Self {
            name: names.get(target).cloned().unwrap_or_else(|| target.to_string()),
            system,
            id: target.to_string(),
        }
    }
}

/// The systems of some targets, each once: `Entra`.
pub(crate) fn systems<'a>(words: Words, targets: impl Iterator<Item = &'a Target>) -> String {
    let mut systems: Vec<String> = targets
        .map(|target| match target {
            Target::Entra { .. } => words.t("system-entra"),
        })
        .collect();
    systems.sort();
    systems.dedup();
    systems.join(", ")
}

/// One target of a grant.
#[derive(Clone, Debug)]
pub(crate) struct TargetShown {
    pub(crate) place: Place,
    pub(crate) label: Label,
    pub(crate) error: Option<String>,
}

/// What tells people apart who have the same name on one page, or entitlements: part of an id, as names are not unique and
/// whoever chooses one can choose somebody else's. Names that can be taken for one another count as the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Apart(BTreeMap<String, String>);

/// Fewest characters of an id that are shown.
const PART_OF_ID: usize = 8;

impl Apart {
    /// Of ids of ours, each with the name and the id that is shown.
    fn among<'a>(all: impl Iterator<Item = (String, &'a str, String)>) -> Self {
        let mut same: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (id, name, shown) in all {
            same.entry(skeleton(name)).or_default().insert(id, shown);
        }
        let mut apart = BTreeMap::new();
        for ids in same.into_values().filter(|ids| ids.len() > 1) {
            let part = |id: &String| id.chars().take(PART_OF_ID).collect::<String>();
            let parts: BTreeSet<String> = ids.values().map(part).collect();
            let enough = parts.len() == ids.len();
            apart.extend(ids.iter().map(|(id, shown)| {
                let shown = if enough { part(shown) } else { shown.clone() };
                (id.clone(), shown)
            }));
        }
        Self(apart)
    }

    /// People, by the ids that the directory has.
    pub(crate) fn people<'a>(all: impl Iterator<Item = &'a Party>) -> Self {
        Self::among(all.map(|party| {
            let shown = party.object_id.to_string();
            (party.user.to_string(), party.name.as_str(), shown)
        }))
    }

    /// Entitlements. Their ids begin with the time (UUID version 7), so that those made together differ at the end.
    pub(crate) fn entitlements<'a>(all: impl Iterator<Item = (EntitlementId, &'a str)>) -> Self {
        Self::among(all.map(|(id, name)| {
            let id = id.to_string();
            let shown = id.rsplit('-').next().unwrap_or_default().to_owned();
            (id, name, shown)
        }))
    }

    /// What tells this one apart, where another has its name.
    pub(crate) fn of(&self, id: impl ToString) -> Option<String> {
        self.0.get(&id.to_string()).cloned()
    }
}

/// Who and what is told apart on a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    people: Apart,
    entitlements: Apart,
}

impl Names {
    /// Of the requests of some lines.
    pub(crate) fn of_lines(lines: &[Line]) -> Self {
        let requests = || lines.iter().map(|line| &line.request.value);
        Self {
            people: Apart::people(requests().flat_map(|request| [&request.requester, &request.beneficiary])),
            entitlements: Apart::entitlements(
                requests().map(|request| (request.entitlement, request.entitlement_name.as_str())),
            ),
        }
    }

    /// Of some grants.
    pub(crate) fn of_grants<'a>(grants: impl Iterator<Item = &'a Grant> + Clone) -> Self {
        Self {
            people: Apart::people(grants.clone().map(|grant| &grant.beneficiary)),
            entitlements: Apart::entitlements(grants.map(|grant| (grant.entitlement, grant.entitlement_name.as_str()))),
        }
    }

    /// What tells somebody apart.
    pub(crate) fn person(&self, party: &Party) -> Option<String> {
        self.people.of(party.user)
    }

    /// What tells an entitlement apart.
    pub(crate) fn entitlement(&self, id: EntitlementId) -> Option<String> {
        self.entitlements.of(id)
    }
}

/// A grant as pages show it.
#[derive(Clone, Debug)]
pub(crate) struct GrantShown {
    pub(crate) id: String,
    pub(crate) request: String,
    pub(crate) what: String,
    /// What tells the entitlement apart from another of its name on the page.
    pub(crate) what_apart: Option<String>,
    pub(crate) who: String,
    /// Our id of whose it is.
    pub(crate) person: String,
    /// What tells them apart from others of their name on the page.
    pub(crate) who_apart: Option<String>,
    pub(crate) label: Label,
    pub(crate) starts_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// Whether its time has begun.
    pub(crate) begun: bool,
    /// Whether it gives or may give access, and nobody has ordered it to end.
    pub(crate) live: bool,
    /// Whether somebody has ordered it to end, or it is ending.
    pub(crate) going: bool,
    pub(crate) emergency: bool,
    pub(crate) targets: Vec<TargetShown>,
    /// What to do so that the access is seen, or is gone, where anything is.
    pub(crate) next: Option<String>,
}

impl GrantShown {
    pub(crate) fn of(
        words: Words,
        grant: &Grant,
        names: &BTreeMap<Target, String>,
        ordered: &[GrantId],
        now: Timestamp,
    ) -> Self {
        let ordered = ordered.contains(&grant.id);
        let label = if ordered && grant.status.is_live() {
            Label::new(words, "waiting", "◑", "state-ending")
        } else {
            Label::of_grant(words, grant)
        };
        let next = match grant.status {
            GrantStatus::Active if !ordered => Some("next-active"),
            GrantStatus::Ending => Some("next-ending"),
            _ => None,
        };
        Self {
            id: grant.id.to_string(),
            request: grant.request.to_string(),
            what: grant.entitlement_name.clone(),
            what_apart: None,
            who: grant.beneficiary.name.clone(),
            person: grant.beneficiary.user.to_string(),
            who_apart: None,
            label,
            starts_at: grant.starts_at,
            expires_at: grant.expires_at,
            begun: grant.starts_at <= now,
            live: grant.status.is_live() && !ordered,
            going: ordered || grant.status == GrantStatus::Ending,
            emergency: grant.activation == Activation::Emergency,
            targets: grant
                .targets
                .iter()
                .map(|target| TargetShown {
                    place: Place::of(words, &target.target, names),
                    label: Label::of_target(words, target),
                    error: target.last_error.clone().filter(|_| target.failing_since.is_some()),
                })
                .collect(),
            next: next.map(|message| words.t(message)),
        }
    }

    /// With what tells people and entitlements apart.
    pub(crate) fn apart(self, names: &Names, grant: &Grant) -> Self {
        Self {
            what_apart: names.entitlement(grant.entitlement),
            who_apart: names.person(&grant.beneficiary),
            ..self
        }
    }
}

/// A request, and what it led to, as one row of a table.
#[derive(Clone, Debug)]
pub(crate) struct LineShown {
    pub(crate) id: String,
    pub(crate) what: String,
    /// What tells the entitlement apart from another of its name on the page.
    pub(crate) what_apart: Option<String>,
    pub(crate) who: String,
    /// Our id of who gets the access.
    pub(crate) person: String,
    /// What tells them apart from others of their name on the page.
    pub(crate) who_apart: Option<String>,
    /// Who asked, where that is somebody else.
    pub(crate) asked_by: Option<String>,
    pub(crate) approvers: String,
    pub(crate) why: String,
    pub(crate) ticket: Option<String>,
    pub(crate) duration: String,
    /// The duration as a number, to sort by.
    pub(crate) seconds: i64,
    pub(crate) extends: bool,
    pub(crate) label: Label,
    pub(crate) asked_at: Timestamp,
    pub(crate) starts_at: Option<Timestamp>,
    pub(crate) ends_at: Option<Timestamp>,
    pub(crate) because: Option<String>,
}

impl LineShown {
    pub(crate) fn of(words: Words, line: &Line, now: Timestamp) -> Self {
        let request = &line.request.value;
        let grant = line.grant.as_ref().map(|grant| &grant.value);
        let led_to = grant.filter(|_| request.status == RequestStatus::Approved);
        let own = request.requester.user == request.beneficiary.user;
        let denied = request.denied_by();
        let names: Vec<&str> = request
            .approvals
            .iter()
            .map(|approval| approval.approver.name.as_str())
            .collect();
        Self {
            id: request.id.to_string(),
            what: request.entitlement_name.clone(),
            what_apart: None,
            who: request.beneficiary.name.clone(),
            person: request.beneficiary.user.to_string(),
            who_apart: None,
            asked_by: (!own).then(|| request.requester.name.clone()),
            approvers: names.join(", "),
            why: request.justification.clone(),
            ticket: request.ticket.clone(),
            duration: words.duration(request.duration),
            seconds: request.duration.seconds(),
            extends: request.kind.extends().is_some(),
            label: Label::of(words, request, grant, now),
            asked_at: request.created_at,
            starts_at: led_to.map(|grant| grant.starts_at),
            ends_at: led_to.map(end_of),
            because: led_to
                .and_then(|grant| grant.ended_because)
                .map(|reason| because(words, reason))
                .or_else(|| denied.map(|hand| words.t1("denied-by", "by", &hand.approver.name))),
        }
    }

    /// With what tells people and entitlements apart.
    pub(crate) fn apart(self, names: &Names, line: &Line) -> Self {
        let request = &line.request.value;
        let asker = names.person(&request.requester);
        Self {
            what_apart: names.entitlement(request.entitlement),
            who_apart: names.person(&request.beneficiary),
            asked_by: self.asked_by.map(|by| named(&by, asker.as_deref())),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(all: &[(&str, &str, &str)]) -> Apart {
        let all = all.iter();
        Apart::among(all.map(|(id, name, shown)| ((*id).to_owned(), *name, (*shown).to_owned())))
    }

    #[test]
    fn only_those_of_one_name_carry_an_id_and_as_much_of_it_as_tells_them_apart() {
        let names = apart(&[
            ("1", "Kim Osei", "aaaaaaaa-1"),
            ("1", "Kim Osei", "aaaaaaaa-1"),
            ("2", "kim  osei", "bbbbbbbb-2"),
            // A Cyrillic о.
            ("3", "Kim Оsei", "cccccccc-3"),
            ("4", "Dana Reyes", "dddddddd-4"),
        ]);
        assert_eq!(names.of("1").as_deref(), Some("aaaaaaaa"));
        assert_eq!(names.of("2").as_deref(), Some("bbbbbbbb"));
        assert_eq!(names.of("3").as_deref(), Some("cccccccc"));
        assert_eq!(names.of("4"), None);
        let alike = apart(&[("1", "Kim", "aaaaaaaa-1"), ("2", "Kim", "aaaaaaaa-2")]);
        assert_eq!(alike.of("2").as_deref(), Some("aaaaaaaa-2"));
    }
}
