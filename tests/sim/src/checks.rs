//! The invariants, watched from outside: against what is truly stored and who is truly a member.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_app::keys;
use hourglass_app::ports::store::Item;
use hourglass_app::records::{Record, from_item};
use hourglass_domain::Timestamp;
use hourglass_domain::audit::{Event, Head, StreamId, verify};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{EndOrder, Grant, GrantStatus, TargetStatus};
use hourglass_domain::ids::ObjectId;
use hourglass_domain::membership::{HoldState, Holds, Membership, MembershipKey, Presence};
use hourglass_domain::request::{Request, RequestStatus};
use hourglass_domain::target::Target;

use crate::world::Truth;

/// How long (seconds) a call may be under way: given up after 15, and landing up to 15 later.
const UNDER_WAY_SECONDS: i64 = 35;
/// The time of I2 after the last fault (seconds): the scheduler's precision, one lease, the longest wait between two
/// retries, one sweep, and the calls themselves.
pub(crate) const TIME_OF_I2: i64 = 60 + 45 + 60 + 60 + 30;

/// All stored records of a kind.
pub(crate) fn all<R: Record>(truth: &Truth) -> Vec<R> {
    let of_kind = truth.items.values().filter(|item| item.kind == R::KIND);
    of_kind
        .filter_map(|item| from_item::<R>(item.clone()).ok())
        .map(|stored| stored.value)
        .collect()
}

/// The grants that give this membership.
fn covering(truth: &Truth, group: ObjectId, account: ObjectId) -> impl Iterator<Item = &Grant> {
    truth.grants.values().filter(move |grant| {
        grant.beneficiary.object_id == account
            && grant.targets.iter().any(|target| {
                let Target::Entra { group: of, .. } = target.target;
                of == group
            })
    })
}

/// I1: whoever is added has a grant that is approved, has its timer, and has not been over for longer than a call takes.
/// I3: nobody who was there before us is added either; nothing of theirs is touched.
pub(crate) fn on_add(truth: &mut Truth, group: ObjectId, account: ObjectId, now: Timestamp) {
    let recently = now.plus_seconds(-UNDER_WAY_SECONDS);
    let good = covering(truth, group, account).any(|grant| {
        let began = !matches!(grant.status, GrantStatus::Approved);
        let lasts = grant.expires_at > recently && grant.ending_at.is_none_or(|ending| ending > recently);
        let scheduled = grant.schedule.as_ref().is_some_and(|name| truth.made.contains(name));
        // An exact grant with little time left has a message instead.
        let timer = scheduled || (grant.exact && truth.messages.contains(&grant.id));
        let approved = truth.items.get(&keys::request(grant.request)).is_some_and(|item| {
            from_item::<Request>(item.clone()).is_ok_and(|request| request.value.status == RequestStatus::Approved)
        });
        began && lasts && timer && approved
    });
    if !good {
        truth.violated(
            now,
            format!("I1: {account} is added to {group} and no grant with a timer says so"),
        );
    }
}

/// I3: nobody is removed who was there before us, or whom a live grant holds that was approved before the removal can
/// have begun.
pub(crate) fn on_remove(truth: &mut Truth, group: ObjectId, account: ObjectId, now: Timestamp) {
    if truth.baseline.contains(&(group, account)) {
        truth.violated(
            now,
            format!("I3: {account}, who was there before us, is removed from {group}"),
        );
    }
    let recently = now.plus_seconds(-UNDER_WAY_SECONDS);
    let held = covering(truth, group, account).find(|grant| {
        grant.status.is_live() && grant.starts_at <= recently && grant.approved_at <= recently && now < grant.expires_at
    });
    if let Some(grant) = held {
        let id = grant.id;
        truth.violated(
            now,
            format!("I3: {account} is removed from {group} and {id} holds the membership"),
        );
    }
}

/// I4 and I8, at the moment of the commit.
pub(crate) fn on_put(truth: &mut Truth, item: &Item, now: Timestamp) {
    let before = || truth.items.get(&item.key).cloned();
    match item.kind.as_str() {
        Membership::KIND => {
            let presence = |item: Item| from_item::<Membership>(item).map(|stored| stored.value).ok();
            let (was, is) = (before().and_then(presence), presence(item.clone()));
            let (Some(was), Some(is)) = (was, is) else { return };
            let came_to_be = matches!(
                was.presence,
                Presence::Adding | Presence::Present { .. } | Presence::Removing { .. }
            );
            let MembershipKey { target, account } = is.key;
            let Target::Entra { group, .. } = target;
            if came_to_be && is.presence == Presence::Absent && truth.members.contains(&(group, account)) {
                truth.violated(
                    now,
                    format!("I4: {account} is recorded as absent from {group} and is a member"),
                );
            }
        }
        Grant::KIND => {
            if let Ok(stored) = from_item::<Grant>(item.clone()) {
                on_grant(truth, &stored.value, now);
                truth.grants.insert(stored.value.id, stored.value);
            }
        }
        Request::KIND => {
            let status = |item: Item| from_item::<Request>(item).map(|stored| stored.value.status).ok();
            let (was, is) = (before().and_then(status), status(item.clone()));
            if was.is_some_and(|was| was != RequestStatus::Pending && is != Some(was)) {
                truth.violated(now, format!("I8: {} leaves {was:?} for {is:?}", item.key.pk));
            }
        }
        _ => {}
    }
}

fn on_grant(truth: &mut Truth, is: &Grant, now: Timestamp) {
    let was = truth.grants.get(&is.id).map(|was| was.status);
    if was == Some(GrantStatus::Ended) && is.status != GrantStatus::Ended {
        truth.violated(now, format!("I8: {} leaves ended for {:?}", is.id, is.status));
    }
    if is.status != GrantStatus::Ended {
        return;
    }
    let account = is.beneficiary.object_id;
    for target in is.targets.iter().filter(|target| target.status == TargetStatus::Absent) {
        let Target::Entra { group, .. } = target.target;
        let others = covering(truth, group, account).any(|other| other.id != is.id && other.status.is_live());
        let key = MembershipKey {
            target: target.target.clone(),
            account,
        };
        // A grant that ends before anybody has looked at the target says absent of whoever was there before us as well.
        let never_looked = truth.baseline.contains(&(group, account))
            && truth.items.get(&keys::membership(&key)).is_none_or(|item| {
                from_item::<Membership>(item.clone()).is_ok_and(|stored| stored.value.presence == Presence::Absent)
            });
        if truth.members.contains(&(group, account)) && !others && !never_looked {
            truth.violated(now, format!("I4: {} ends as absent and {account} is in {group}", is.id));
        }
    }
}

/// I2: nobody is a member without a live grant for longer than its time allows.
pub(crate) fn in_time(truth: &mut Truth, faults_until: Timestamp, now: Timestamp) {
    let orders: BTreeMap<_, _> = all::<EndOrder>(truth)
        .into_iter()
        .map(|order| (order.grant, order.at))
        .collect();
    let mut late = Vec::new();
    for (group, account) in truth.members.difference(&truth.baseline) {
        let ends = covering(truth, *group, *account).map(|grant| {
            let ending = grant.ending_at.unwrap_or(grant.expires_at).min(grant.expires_at);
            orders.get(&grant.id).map_or(ending, |ordered| ending.min(*ordered))
        });
        let Some(end) = ends.max() else {
            late.push(format!("I2: {account} is in {group} and no grant ever said so"));
            continue;
        };
        if now.seconds_since(end.max(faults_until)) > TIME_OF_I2 {
            late.push(format!(
                "I2: {account} is still in {group}, and the last grant ended at {end}"
            ));
        }
    }
    for what in late {
        truth.violated(now, what);
    }
}

/// Whether every grant whose time is up has ended, and every other one is as it should be.
pub(crate) fn is_settled(truth: &Truth, now: Timestamp) -> bool {
    let settled = |grant: &Grant| match grant.status {
        GrantStatus::Ended => true,
        GrantStatus::Active => {
            let present = grant
                .targets
                .iter()
                .all(|target| target.status == TargetStatus::Present);
            now < grant.expires_at && present && !truth.items.contains_key(&keys::end_order(grant.id))
        }
        _ => false,
    };
    let open = all::<Request>(truth)
        .iter()
        .any(|request| request.status == RequestStatus::Pending);
    let orders = truth.items.keys().any(|key| key.pk.starts_with(keys::OFFBOARD_PREFIX));
    truth.grants.values().all(settled) && !open && !orders
}

/// What keeps a history from being settled, for people.
pub(crate) fn unsettled(truth: &Truth, now: Timestamp) -> String {
    let open = truth.grants.values().filter(|grant| {
        let done = grant.status == GrantStatus::Ended;
        !done && (grant.status != GrantStatus::Active || now >= grant.expires_at)
    });
    let open: Vec<String> = open
        .map(|grant| {
            format!(
                "{} {:?} {:?} due {:?}",
                grant.id, grant.status, grant.targets, grant.due
            )
        })
        .collect();
    open.join("; ")
}

/// What has to hold once everything has settled.
pub(crate) fn in_the_end(truth: &mut Truth, now: Timestamp) {
    let mut wrong = Vec::new();
    let grants: Vec<Grant> = truth.grants.values().cloned().collect();
    let mut expected: BTreeSet<(ObjectId, ObjectId)> = truth.baseline.clone();
    for grant in grants.iter().filter(|grant| grant.status.is_live()) {
        for target in &grant.targets {
            let Target::Entra { group, .. } = target.target;
            expected.insert((group, grant.beneficiary.object_id));
        }
    }
    for (group, account) in truth.members.symmetric_difference(&expected) {
        let is = if truth.members.contains(&(*group, *account)) {
            "is"
        } else {
            "is not"
        };
        wrong.push(format!("in the end {account} {is} in {group}"));
    }
    let of_grants: BTreeMap<String, &Grant> = grants.iter().map(|grant| (grant.id.to_string(), grant)).collect();
    let extended: BTreeSet<String> = all::<Request>(truth)
        .iter()
        .filter_map(|request| request.kind.extends())
        .map(|grant| grant.to_string())
        .collect();
    for entry in all::<DueEntry>(truth) {
        // Who extends a grant may not delete a worker's promise: the sweep forgets the earlier end when it is due.
        let earlier_end = entry.kind == DueKind::Expire && extended.contains(&entry.id);
        if earlier_end && now.seconds_since(entry.at) < 60 {
            continue;
        }
        let promised = |grant: &&Grant| grant.status.is_live() && grant.due.contains(&entry);
        let ends = matches!(entry.kind, DueKind::Advance | DueKind::Expire);
        if ends && !of_grants.get(&entry.id).is_some_and(promised) {
            wrong.push(format!("in the end {entry:?} is left"));
        }
    }
    for holds in all::<Holds>(truth) {
        for hold in &holds.holds {
            let live = of_grants
                .get(&hold.grant.to_string())
                .is_some_and(|grant| grant.status.is_live());
            if !live || hold.state != HoldState::Adding {
                wrong.push(format!("in the end {} has {hold:?}", holds.key.key()));
            }
        }
    }
    let live = |id: &str| of_grants.get(id).is_some_and(|grant| grant.status.is_live());
    for key in truth.items.keys() {
        let grant = key.sk.rsplit('#').next().unwrap_or_default();
        let marker = key.pk.starts_with("LIVE#") && !live(grant);
        if marker || key.pk.starts_with("OPEN#") {
            wrong.push(format!("in the end {}/{} is left", key.pk, key.sk));
        }
    }
    wrong.extend(broken_chains(truth));
    for what in wrong {
        truth.violated(now, what);
    }
}

/// I6: every audit chain verifies.
fn broken_chains(truth: &Truth) -> Vec<String> {
    let mut events: BTreeMap<StreamId, Vec<Event>> = BTreeMap::new();
    for event in all::<Event>(truth) {
        events.entry(event.stream.clone()).or_default().push(event);
    }
    let mut broken = Vec::new();
    for head in all::<Head>(truth) {
        let events = events.remove(&head.stream).unwrap_or_default();
        if let Err(error) = verify(&head.stream, &events, &head) {
            broken.push(format!("I6: the chain {}: {error}", head.stream.as_str()));
        }
    }
    broken.extend(
        events
            .keys()
            .map(|stream| format!("I6: {} has no head", stream.as_str())),
    );
    broken
}

/// What a history has to contain, so that it is none of a day on which nothing happened.
pub(crate) fn is_rich(truth: &Truth) -> Result<(), String> {
    let grants: Vec<&Grant> = truth.grants.values().collect();
    let people: BTreeSet<ObjectId> = grants.iter().map(|grant| grant.beneficiary.object_id).collect();
    let entitlements: BTreeSet<_> = grants.iter().map(|grant| grant.entitlement).collect();
    let overlap = grants.iter().any(|one| {
        grants.iter().any(|other| {
            let together = one.starts_at < other.expires_at && other.starts_at < one.expires_at;
            let targets = |grant: &Grant| {
                grant
                    .targets
                    .iter()
                    .map(|target| target.target.clone())
                    .collect::<BTreeSet<_>>()
            };
            one.id != other.id
                && one.beneficiary == other.beneficiary
                && together
                && !targets(one).is_disjoint(&targets(other))
        })
    });
    let extension = all::<Request>(truth)
        .iter()
        .any(|request| request.kind.extends().is_some());
    let early = !all::<EndOrder>(truth).is_empty();
    let faults: u64 = truth.plan.kinds().values().sum();
    let rich = people.len() >= 3
        && entitlements.len() >= 2
        && grants.len() >= 5
        && overlap
        && (early || extension)
        && faults >= 3;
    if rich {
        return Ok(());
    }
    Err(format!(
        "a poor history: {} people, {} entitlements, {} grants, overlap {overlap}, early end {early}, extension {extension}, {faults} faults",
        people.len(),
        entitlements.len(),
        grants.len()
    ))
}
