//! Rules about punctuality: what waits for what, and what nothing may wait for.

use std::collections::BTreeSet;
use std::time::Duration;

use hourglass_domain::Timestamp;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{EndReason, Grant, GrantStatus};
use hourglass_domain::membership::{Membership, MembershipKey, Presence, Watch};
use hourglass_domain::target::{Cloud, Target};
use tokio::time::Instant;
use uuid::Uuid;

use super::crowds::Crowds;
use super::hints::{Hint, left_to_do};
use super::single_flight::LEASE_SECONDS;
use super::stand::{Measured, Stand, account, application, grant_id, group, of_one_shard, tenant, user, wait_for};
use super::sweep::{Swept, sweep};
use super::{converge, offboard, on_trigger};
use crate::keys;
use crate::ports::Clock as _;
use crate::records::{Comparison, OffboardOrder, SweepLease};

/// What `functions/revocation` gives a message; that it goes with what a sweep takes is asserted there.
const A_MESSAGE: Duration = Duration::from_secs(45);
/// As many as a trigger takes for a crowd, and two more.
const CROWD: usize = 8;

async fn swept(stand: &std::sync::Arc<Stand>, seconds: i64) -> Swept {
    let deadline = stand.now().plus_seconds(seconds);
    sweep(&stand.workers(), deadline).await.unwrap()
}

/// Somebody else sweeps, or did.
fn others_sweep(stand: &Stand, until: Timestamp) {
    stand.put(&SweepLease {
        holder: Uuid::from_u128(1),
        until,
        failing: BTreeSet::new(),
    });
}

fn lease(stand: &Stand) -> SweepLease {
    stand.read(&keys::sweep_lease()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_sweeps_for_many_is_back_before_it_is_cut_off_and_leaves_nothing_held() {
    let stand = Stand::new();
    let ends = stand.now().plus_seconds(60);
    for n in 1..=1_400 {
        stand.put(&Grant {
            exact: true,
            ..stand.grant(n, n, group(1), ends)
        });
    }
    // More than there is time for: a hundred at a time, two batches side by side.
    stand.behaves(group(1), 7, true);
    wait_for(&stand, ends).await;
    let began = Instant::now();
    on_trigger(&stand.workers(), grant_id(1)).await.unwrap();
    assert!(began.elapsed() < A_MESSAGE, "cut off after {:?}", began.elapsed());
    let live = (1..=1_400).filter(|n| stand.stored(*n).status.is_live()).count();
    assert!(live > 0, "there was time for all: nothing was at stake");
    let held = stand
        .memberships()
        .iter()
        .filter(|membership| membership.lease.is_some())
        .count();
    assert_eq!(held, 0, "memberships that nobody else may touch for a while");
    assert!(lease(&stand).until <= stand.now(), "nobody else may sweep");
}

#[tokio::test(start_paused = true)]
async fn whatever_waits_that_ends_nobodys_access_hides_no_end() {
    let stand = Stand::new();
    let now = stand.now();
    for n in 0..12_000 {
        let id = format!("contoso.example/nobody{n}");
        stand.put(&DueEntry::new(now.plus_seconds(-300), DueKind::Recheck, id));
    }
    for n in 1..=20 {
        stand.grant(n, n, group(1), now);
    }
    swept(&stand, 48).await;
    for n in 1..=20 {
        assert!(!stand.stored(n).status.is_live(), "grant {n} is behind everything else");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_failed_once_comes_before_all_that_ends_nobodys_access() {
    let stand = Stand::new();
    let now = stand.now();
    // A run full of looks at a group that hangs.
    stand.behaves(group(1), 14, false);
    for n in 1..=100 {
        let mut over = Membership::untouched(MembershipKey {
            target: Target::Entra {
                cloud: Cloud::Global,
                tenant: tenant(),
                group: group(1),
            },
            account: account(n),
        });
        over.watch = Some(Watch {
            since: now.plus_seconds(-600),
            next: now.plus_seconds(-300),
        });
        over.presence = Presence::Absent;
        stand.put(&over);
        for promise in converge::promises(&application(), &over) {
            stand.put(&promise);
        }
    }
    let end = DueEntry::new(now, DueKind::Offboard, format!("{}/{}", application(), user(7)));
    stand.put(&end);
    stand.put(&SweepLease {
        holder: Uuid::from_u128(1),
        until: now,
        failing: BTreeSet::from([keys::due(&end).sk]),
    });
    let swept = swept(&stand, 30).await;
    assert!(swept.cut_short, "there was time for all: nothing was at stake");
    assert!(!stand.promises().contains(&end), "it had no turn");
}

#[tokio::test(start_paused = true)]
async fn what_failed_and_then_had_no_turn_has_its_ordinary_turn_next() {
    let stand = Stand::new();
    let now = stand.now();
    let grant = stand.grant(1, 1, group(1), now);
    let failed: BTreeSet<String> = grant.due.iter().map(|entry| keys::due(entry).sk).collect();
    stand.put(&SweepLease {
        holder: Uuid::from_u128(1),
        until: now,
        failing: failed.clone(),
    });
    let swept = swept(&stand, 0).await;
    assert!(
        swept.cut_short && stand.stored(1).status.is_live(),
        "it had a turn: {swept:?}"
    );
    assert_eq!(
        lease(&stand).failing,
        BTreeSet::new(),
        "it waits for everybody else once more"
    );
}

#[tokio::test(start_paused = true)]
async fn the_promise_of_an_order_stays_until_its_grant_is_ending() {
    let stand = Stand::new();
    let grant = stand.grant(1, 1, group(1), stand.now().plus_seconds(3_600));
    let promise = stand.order(&grant, stand.now());
    // More often than a run tries.
    stand.contends(keys::grant(grant.id), 20);
    let first = swept(&stand, 30).await;
    assert!(
        stand.stored(1).status.is_live(),
        "it did not give up: nothing was at stake"
    );
    assert_eq!(first.failed, 1, "a live grant counts as done: {first:?}");
    assert!(stand.promises().contains(&promise), "the grant is live and forgotten");
    swept(&stand, 30).await;
    assert!(!stand.stored(1).status.is_live());
    swept(&stand, 30).await;
    assert!(!stand.promises().contains(&promise), "done and not forgotten");
}

#[tokio::test(start_paused = true)]
async fn many_overlapping_grants_of_one_person_on_one_group_end_in_one_sweep() {
    let stand = Stand::new();
    let (now, far) = (stand.now(), stand.now().plus_seconds(3_600));
    for n in 1..=40 {
        let ordered = n % 2 == 0;
        let grant = stand.grant(n, 1, group(1), if ordered { far } else { now });
        if ordered {
            stand.order(&grant, now);
        }
    }
    let swept = swept(&stand, 30).await;
    let live = (1..=40).filter(|n| stand.stored(*n).status.is_live()).count();
    assert_eq!((live, swept.failed), (0, 0), "they got into each other's way");
    assert!(stand.gone_at(group(1), 1).is_some(), "the member is still there");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_a_worker_stores_has_a_promise_of_its_own() {
    let stand = Stand::new();
    let now = stand.now();
    stand.grant(1, 1, group(1), now.plus_seconds(3_600));
    stand.put(&OffboardOrder {
        application: application(),
        user: user(1),
        at: now,
    });
    offboard::offboard(&stand.workers(), &application(), user(1))
        .await
        .unwrap();
    let grant = stand.stored(1);
    assert_eq!(grant.ended_because, Some(EndReason::UserDeactivated));
    let own = |entry: &DueEntry| entry.kind == DueKind::End && !grant.due.contains(entry);
    assert!(
        stand.promises().iter().any(own),
        "only the run that stored it knew of the order"
    );
}

#[tokio::test(start_paused = true)]
async fn an_exact_grant_waits_for_no_other_sweep() {
    let stand = Stand::new();
    let ends = stand.now().plus_seconds(10);
    let crowd = of_one_shard(2 * CROWD);
    let (exact, other) = crowd.split_at(CROWD);
    for n in exact {
        stand.put(&Grant {
            exact: true,
            ..stand.grant(*n, *n, group(1), ends)
        });
    }
    for n in other {
        stand.grant(*n, *n, group(1), ends);
    }
    wait_for(&stand, ends).await;
    others_sweep(&stand, ends.plus_seconds(LEASE_SECONDS));
    for n in &crowd {
        on_trigger(&stand.workers(), grant_id(*n)).await.unwrap();
    }
    for n in exact {
        assert!(
            !stand.stored(*n).status.is_live(),
            "exact, and left to a sweep that may be slow"
        );
    }
    for n in other {
        assert!(stand.stored(*n).status.is_live(), "each looks at the target on its own");
    }
}

#[tokio::test(start_paused = true)]
async fn of_stream_records_ordered_ends_come_first_and_what_asks_for_nothing_is_left_out() {
    let stand = Stand::new();
    let later = stand.now().plus_seconds(3_600);
    // One that is live, three whose end is a worker's own business, and one that was ordered to end as well.
    for n in 1..=5 {
        stand.grant(n, n, group(1), later);
    }
    for (n, status) in [
        (2, GrantStatus::Ending),
        (3, GrantStatus::Ended),
        (4, GrantStatus::ClosedByHand),
    ] {
        stand.put(&Grant {
            status,
            ..stand.stored(n)
        });
    }
    let probe = Hint::Probe("00000000-0000-0000-0000-000000000007".parse().unwrap());
    let user = Hint::Offboard(application(), user(1));
    let mut records: Vec<Hint> = (1..=6).map(|n| Hint::Grant(grant_id(n))).collect();
    records.extend([probe.clone(), user.clone(), Hint::End(grant_id(5)), user.clone()]);
    let left = left_to_do(&stand.workers(), records).await.unwrap();
    assert_eq!(left, [user, Hint::End(grant_id(5)), probe, Hint::Grant(grant_id(1))]);
}

#[tokio::test(start_paused = true)]
async fn a_note_of_a_living_sweep_counts_for_what_was_due_when_it_was_seen() {
    let stand = Stand::new();
    let now = stand.now();
    let due = stand.grant(1, 1, group(1), now);
    let later = stand.grant(2, 2, group(1), now.plus_seconds(2));
    let crowds = Crowds::default();
    assert!(!crowds.is_swept(&due, now), "nobody has seen one");
    crowds.note(&due, now);
    assert!(crowds.is_swept(&due, now.plus_seconds(4)));
    assert!(!crowds.is_swept(&due, now.plus_seconds(5)), "it may have died");
    assert!(
        !crowds.is_swept(&later, now.plus_seconds(3)),
        "it may have looked for the last time before"
    );
}

#[tokio::test(start_paused = true)]
async fn a_trigger_of_a_crowd_is_left_to_the_sweep_that_another_of_its_instance_met() {
    let stand = Stand::new();
    let ends = stand.now().plus_seconds(10);
    let crowd = of_one_shard(CROWD);
    for n in &crowd {
        stand.grant(*n, *n, group(1), ends);
    }
    wait_for(&stand, ends).await;
    others_sweep(&stand, ends.plus_seconds(LEASE_SECONDS));
    let workers = stand.workers();
    on_trigger(&workers, grant_id(crowd[0])).await.unwrap();
    // The other sweep is over: whoever looked for himself would sweep.
    others_sweep(&stand, ends);
    on_trigger(&workers, grant_id(crowd[1])).await.unwrap();
    assert!(stand.stored(crowd[1]).status.is_live(), "it did not believe the note");
    on_trigger(&stand.workers(), grant_id(crowd[1])).await.unwrap();
    assert!(
        !stand.stored(crowd[1]).status.is_live(),
        "the note is another instance's as well"
    );
}

#[tokio::test(start_paused = true)]
async fn what_falls_due_while_a_sweep_gives_its_lease_back_is_not_left_to_the_next_minute() {
    let mut met = 0;
    for millis in (0..2_000).step_by(50) {
        let stand = Stand::new();
        let began = stand.now();
        stand.grant(9_999, 9_999, group(2), began);
        let ends = Timestamp::from_millis(began.millis() + millis);
        let crowd = of_one_shard(CROWD);
        for n in &crowd {
            stand.grant(*n, *n, group(1), ends);
        }
        // The trigger comes faster than the lease goes.
        stand.writes_slowly(keys::sweep_lease(), Duration::from_millis(500));
        let trigger = async {
            wait_for(&stand, ends).await;
            on_trigger(&stand.workers(), grant_id(crowd[0])).await.unwrap();
            stand.stored(crowd[0]).status.is_live()
        };
        let (_, left_to_it) = tokio::join!(swept(&stand, 48), trigger);
        met += u32::from(left_to_it);
        for n in &crowd {
            assert!(
                !stand.stored(*n).status.is_live(),
                "due after {millis} ms, and nobody's"
            );
        }
    }
    assert!(met > 5, "the trigger was never left to the sweep");
}

#[tokio::test(start_paused = true)]
async fn the_comparison_with_the_scheduler_keeps_nobody_from_sweeping() {
    let stand = Stand::new();
    let now = stand.now();
    stand.put(&Comparison::begun_at(now));
    stand.lists_slowly(Duration::from_secs(25));
    stand.grant(9_999, 9_999, group(2), now);
    let ends = now.plus_seconds(10);
    let crowd = of_one_shard(CROWD);
    for n in &crowd {
        stand.grant(*n, *n, group(1), ends);
    }
    let trigger = async {
        wait_for(&stand, ends).await;
        on_trigger(&stand.workers(), grant_id(crowd[0])).await.unwrap();
        wait_for(&stand, ends.plus_seconds(2)).await;
        crowd.iter().filter(|n| stand.stored(**n).status.is_live()).count()
    };
    let (_, live) = tokio::join!(swept(&stand, 48), trigger);
    assert_eq!(live, 0, "they wait for the scheduler's list");
    let next: Comparison = stand.read(&keys::comparison()).unwrap();
    assert!(next.next_at > stand.now(), "it was not compared: {next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_has_been_failing_delays_nobody_elses_end() {
    let stand = Stand::new();
    let now = stand.now();
    let all = of_one_shard(130);
    let (failing, healthy) = all.split_at(120);
    for n in failing {
        stand.put(&Grant {
            failing_since: Some(now.plus_seconds(-300)),
            attempts: 5,
            ..stand.grant(*n, *n, group(1), now.plus_seconds(-30))
        });
    }
    // In the same minute, behind them.
    for n in healthy {
        stand.grant(*n, *n, group(2), now);
    }
    stand.behaves(group(1), 14, false);
    swept(&stand, 30).await;
    for n in healthy {
        let gone = stand.gone_at(group(2), *n).expect("it goes");
        assert!(
            gone.seconds_since(now) < 2,
            "it went after {} s",
            gone.seconds_since(now)
        );
    }
    for n in failing {
        assert!(!stand.stored(*n).status.is_live(), "what fails is not tried any more");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_meets_a_living_sweep_tells_that_all_is_well_and_what_is_late() {
    let stand = Stand::new();
    let now = stand.now();
    stand.grant(1, 1, group(1), now.plus_seconds(-600));
    stand.grant(2, 2, group(1), now);
    others_sweep(&stand, now.plus_seconds(LEASE_SECONDS));
    let (measured, _guard) = Measured::listen();
    let swept = swept(&stand, 30).await;
    assert!(swept.busy && stand.stored(1).status.is_live(), "{swept:?}");
    assert_eq!(measured.of("sweep_heartbeat"), [1]);
    assert_eq!(measured.of("overdue_grants"), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_nobody_can_have_renewed_keeps_no_sweep_out() {
    let stand = Stand::new();
    stand.grant(1, 1, group(1), stand.now());
    others_sweep(&stand, stand.now().plus_seconds(86_400));
    let swept = swept(&stand, 30).await;
    assert!(!swept.busy && !stand.stored(1).status.is_live(), "{swept:?}");
}

#[tokio::test(start_paused = true)]
async fn the_notes_about_overdue_removals_do_not_delay_the_removals() {
    let stand = Stand::new();
    let now = stand.now();
    for n in 1..=400 {
        stand.grant(n, n, group(1), now.plus_seconds(-3_600));
    }
    swept(&stand, 30).await;
    let first = stand.first_removal().expect("a removal");
    let millis = first.millis() - now.millis();
    assert!(millis < 1_000, "the first removal was asked for after {millis} ms");
}
